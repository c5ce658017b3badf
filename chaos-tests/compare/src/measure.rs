//! From clocks and `/proc` to the figures of one case.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use registry_chaos_tests::latency::percentile_ms;

/// `/proc/<pid>/stat` counts in hundredths of a second.
const TICK_US: u64 = 10_000;

/// What one run of one case gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    pub(crate) trades: u64,
    pub(crate) trades_per_s: f64,
    /// Of all servers; `None` when they are not this machine's.
    pub(crate) cpu_us_per_trade: Option<f64>,
    /// Of the process that sends.
    pub(crate) client_cpu_us_per_trade: Option<f64>,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// A stretch of work under way.
#[derive(Debug)]
pub(crate) struct Stretch<'a> {
    pids: &'a [u32],
    cpu_us: u64,
    client_cpu_us: u64,
    started: Instant,
}

impl<'a> Stretch<'a> {
    /// Begins to measure; `pids` are the servers.
    pub(crate) fn begin(pids: &'a [u32]) -> Self {
        Self { pids, cpu_us: cpu_us(pids), client_cpu_us: own_cpu_us(), started: Instant::now() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The figures of `trades` settled in requests that took `latencies`.
    pub(crate) fn end(self, trades: u64, latencies: &mut [Duration]) -> Figures {
        let elapsed = self.elapsed();
        let cpu_us = cpu_us(self.pids).saturating_sub(self.cpu_us);
        let client_cpu_us = own_cpu_us().saturating_sub(self.client_cpu_us);
        let count = trades as f64;
        Figures {
            trades,
            trades_per_s: count / elapsed.as_secs_f64(),
            cpu_us_per_trade: (!self.pids.is_empty()).then_some(cpu_us as f64 / count),
            client_cpu_us_per_trade: Some(client_cpu_us as f64 / count),
            p50_ms: percentile_ms(latencies, 0.5),
            p99_ms: percentile_ms(latencies, 0.99),
        }
    }
}

/// Processor time of these processes and of all that descend from them, those
/// that ended and were waited for included.
fn cpu_us(pids: &[u32]) -> u64 {
    let all: BTreeMap<u32, Stat> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, Stat::parse(&stat)?))
        })
        .collect();
    let descends = |mut pid: u32| loop {
        if pids.contains(&pid) {
            return true;
        }
        match all.get(&pid) {
            Some(stat) => pid = stat.parent,
            None => return false,
        }
    };
    let ticks: u64 =
        all.iter().filter(|(pid, _)| descends(**pid)).map(|(_, stat)| stat.ticks).sum();
    ticks * TICK_US
}

/// Processor time of this process alone; no child ends while it is measured.
fn own_cpu_us() -> u64 {
    let own = fs::read_to_string("/proc/self/stat").ok();
    own.and_then(|stat| Stat::parse(&stat)).map_or(0, |stat| stat.ticks * TICK_US)
}

/// What is read from `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time, its own and of the children that it waited for.
    ticks: u64,
}

impl Stat {
    fn parse(stat: &str) -> Option<Self> {
        // The second field is the name in brackets and may itself hold spaces.
        let (_, after_name) = stat.rsplit_once(") ")?;
        let mut fields = after_name.split(' ').skip(1);
        let parent = fields.next()?.parse().ok()?;
        let times = fields.skip(9).take(4).map(str::parse::<u64>);
        Some(Self { parent, ticks: times.sum::<Result<u64, _>>().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "42 (a ) b) S 7 42 42 0 -1 4194560 100 0 0 0 7 5 30 1 20 0 9 0 123 456 789";
        assert_eq!(Stat::parse(stat), Some(Stat { parent: 7, ticks: 43 }));
    }

    #[test]
    fn children_count() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        // Both count, whatever they used so far.
        let (parent_us, child_us) = (cpu_us(&[std::process::id()]), cpu_us(&[child.id()]));
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        assert!(parent_us >= child_us);
    }
}
