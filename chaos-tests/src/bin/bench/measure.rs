//! From clocks and `/proc` to the figures of one case.

use std::time::{Duration, Instant};

use registry_chaos_tests::cluster::Cluster;
use serde::Serialize;

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) layout: String,
    pub(crate) voters: usize,
    /// Between the cities.
    pub(crate) rtt_ms: u64,
    /// Delivered.
    pub(crate) trades: u64,
    pub(crate) trades_per_s: f64,
    /// User and system time of all nodes, followers included.
    pub(crate) cpu_us_per_trade: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Of the node that used most.
    pub(crate) peak_rss_mib: f64,
}

/// A stretch of work under way.
#[derive(Debug)]
pub(crate) struct Stretch {
    started: Instant,
    cpu_us: u64,
}

/// What a stretch of work took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) elapsed: Duration,
    pub(crate) cpu_us: u64,
    pub(crate) peak_rss_kib: u64,
}

impl Stretch {
    pub(crate) fn begin(cluster: &Cluster) -> Self {
        Self { cpu_us: cpu_us(cluster), started: Instant::now() }
    }

    pub(crate) fn end(self, cluster: &Cluster) -> Taken {
        Taken {
            elapsed: self.started.elapsed(),
            cpu_us: cpu_us(cluster) - self.cpu_us,
            peak_rss_kib: cluster
                .usage()
                .values()
                .map(|usage| usage.peak_rss_kib)
                .max()
                .unwrap_or(0),
        }
    }
}

/// The value that `share` of the latencies do not exceed, in milliseconds.
pub(crate) fn percentile_ms(latencies: &mut [Duration], share: f64) -> f64 {
    latencies.sort_unstable();
    let rank = (latencies.len() as f64 * share).ceil() as usize;
    latencies.get(rank.saturating_sub(1)).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
}

fn cpu_us(cluster: &Cluster) -> u64 {
    cluster.usage().values().map(|usage| usage.cpu_us).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let mut latencies: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        for (share, expected) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            assert!((percentile_ms(&mut latencies, share) - expected).abs() < 1e-9);
        }
        assert!(percentile_ms(&mut [], 0.5).abs() < 1e-9);
    }
}
