//! Slows a download down, so that the node's disk and network are there for the
//! registry.

use std::time::Duration;

use tokio::time::Instant;

/// After a pause no more than this is made up for.
const BURST: Duration = Duration::from_millis(200);

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
        tokio::time::sleep_until(self.due(bytes, Instant::now())).await;
    }

    fn due(&mut self, bytes: usize, now: Instant) -> Instant {
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let nanos = u128::from(bytes as u64) * 1_000_000_000 / u128::from(self.bytes_per_s);
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.free_at = self.free_at.max(earliest) + time;
        self.free_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_takes_a_second_and_a_pause_is_not_made_up_for() {
        let started = Instant::now();
        let mut throttle = Throttle { bytes_per_s: 1_000, free_at: started };
        let due = (0..30).map(|_| throttle.due(100, started)).max().expect("some");
        assert_eq!(due - started, Duration::from_secs(3));
        let later = started + Duration::from_secs(60);
        let due = throttle.due(1_000, later);
        assert_eq!(due - later, Duration::from_secs(1) - BURST);
    }
}
