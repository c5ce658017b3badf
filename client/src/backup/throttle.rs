//! Slows a download down, so that the node's disk and network are there for the
//! registry.

use std::time::Duration;

use tokio::time::Instant;

/// After a pause nothing is made up for beyond this.
const BURST: Duration = Duration::from_secs(1);

pub(super) struct Throttle {
    bytes_per_s: u64,
    /// When what was taken so far may have been taken.
    free_at: Instant,
}

impl Throttle {
    pub(super) fn new(bytes_per_s: u64) -> Self {
        Self { bytes_per_s: bytes_per_s.max(1), free_at: Instant::now() }
    }

    /// Waits until so many bytes more are within the rate.
    pub(super) async fn take(&mut self, bytes: usize) {
        let earliest = Instant::now().checked_sub(BURST);
        self.free_at = self.free_at.max(earliest.unwrap_or(self.free_at));
        let nanos = u128::from(bytes as u64) * 1_000_000_000 / u128::from(self.bytes_per_s);
        self.free_at += Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        tokio::time::sleep_until(self.free_at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_s_worth_takes_a_second() {
        tokio::time::pause();
        let started = Instant::now();
        let mut throttle = Throttle::new(1_000);
        for _ in 0..30 {
            throttle.take(100).await;
        }
        let took = started.elapsed();
        assert!((2_900..=3_100).contains(&took.as_millis()), "{took:?}");
    }
}
