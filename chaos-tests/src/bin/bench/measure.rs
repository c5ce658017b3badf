//! From clocks and `/proc` to figures.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use registry_chaos_tests::latency;

/// Time and processor time at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) at: Instant,
    pub(crate) used: Used,
}

/// User and system time by who used it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// All nodes, followers included.
    pub(crate) nodes_us: u64,
    /// This process: the load generator.
    pub(crate) client_us: u64,
    /// The emulated links between the cities.
    pub(crate) links_us: u64,
    /// All processes of this machine.
    pub(crate) machine_us: u64,
}

/// What a stretch of work took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    pub(crate) elapsed: Duration,
    pub(crate) used: Used,
}

impl Mark {
    /// What was taken from here to `later`.
    pub(crate) fn until(&self, later: &Self) -> Taken {
        let used = |of: fn(&Used) -> u64| of(&later.used).saturating_sub(of(&self.used));
        Taken {
            elapsed: later.at.duration_since(self.at),
            used: Used {
                nodes_us: used(|used| used.nodes_us),
                client_us: used(|used| used.client_us),
                links_us: used(|used| used.links_us),
                machine_us: used(|used| used.machine_us),
            },
        }
    }
}

impl Taken {
    /// Both, one after the other.
    pub(crate) fn and(self, next: Self) -> Self {
        Self {
            elapsed: self.elapsed + next.elapsed,
            used: Used {
                nodes_us: self.used.nodes_us + next.used.nodes_us,
                client_us: self.used.client_us + next.used.client_us,
                links_us: self.used.links_us + next.used.links_us,
                machine_us: self.used.machine_us + next.used.machine_us,
            },
        }
    }

    /// Share of the processors that processes took which are no part of this.
    pub(crate) fn others_percent(&self) -> f64 {
        let ours_us = self.used.nodes_us + self.used.client_us + self.used.links_us;
        let others_s = self.used.machine_us.saturating_sub(ours_us) as f64 / 1e6;
        rounded(100.0 * others_s / (self.elapsed.as_secs_f64() * processors() as f64))
    }

    pub(crate) fn per_second(&self, count: u64) -> f64 {
        rounded(count as f64 / self.elapsed.as_secs_f64())
    }
}

/// Processors of this machine.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// To hundredths: more digits would claim more than was measured.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A share of `total_us` per one of `count`.
pub(crate) fn each_us(total_us: u64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { rounded(total_us as f64 / count as f64) }
}

/// The value that `share` of the latencies do not exceed, in milliseconds.
pub(crate) fn percentile_ms(latencies: &mut [Duration], share: f64) -> f64 {
    rounded(latency::percentile_ms(latencies, share))
}

/// Median time in which this folder's disk takes an append of 4 KiB for good.
pub(crate) fn fsync_ms(folder: &Path) -> anyhow::Result<f64> {
    use std::io::Write as _;

    const APPENDS: usize = 200;
    let path = folder.join("fsync-probe");
    let mut file =
        std::fs::File::create(&path).with_context(|| format!("making {}", path.display()))?;
    let mut times = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let started = Instant::now();
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).context("appending")?;
        times.push(started.elapsed());
    }
    std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    Ok(percentile_ms(&mut times, 0.5))
}
