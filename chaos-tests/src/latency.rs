//! Latencies in figures.

use std::time::Duration;

/// The value that `share` of the latencies do not exceed, in milliseconds; 0
/// without any.
pub fn percentile_ms(latencies: &mut [Duration], share: f64) -> f64 {
    latencies.sort_unstable();
    let rank = (latencies.len() as f64 * share).ceil() as usize;
    latencies.get(rank.saturating_sub(1)).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
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
