//! How fast this node sends snapshots: as fast as it goes while nothing else
//! is written, at a bounded rate while settlement needs processors and disks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::storage::LogCounters;

/// So long after the last entry the log counts as quiet.
const QUIET_AFTER: Duration = Duration::from_millis(500);
/// What may be caught up after a pause.
const BURST: Duration = Duration::from_millis(50);

/// Shared by all transfers of a node.
#[derive(Clone)]
pub(super) struct SnapshotPace {
    log: Arc<LogCounters>,
    /// While entries are appended; `None` is no limit.
    bytes_per_s: Option<u64>,
    state: Arc<Mutex<State>>,
}

struct State {
    appended_entries: u64,
    busy_until: Instant,
    /// When all that was let through so far is paid for.
    free_at: Instant,
}

impl SnapshotPace {
    /// A rate of 0 MB/s is no limit.
    pub(super) fn new(log: Arc<LogCounters>, rate_mb_per_s: u64) -> Self {
        let now = Instant::now();
        let appended_entries = log.appended_entries.load(Ordering::Relaxed);
        let state = State { appended_entries, busy_until: now, free_at: now };
        Self {
            log,
            bytes_per_s: (rate_mb_per_s > 0).then(|| rate_mb_per_s.saturating_mul(1_000_000)),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Waits until so many bytes more may be sent.
    pub(super) async fn admit(&self, bytes: usize) {
        let Some(at) = self.admitted_at(bytes, Instant::now()) else { return };
        sleep_until(at).await;
    }

    /// `None` is at once.
    fn admitted_at(&self, bytes: usize, now: Instant) -> Option<Instant> {
        let bytes_per_s = self.bytes_per_s?;
        let mut state = self.state.lock();
        let appended_entries = self.log.appended_entries.load(Ordering::Relaxed);
        if appended_entries != state.appended_entries {
            state.appended_entries = appended_entries;
            state.busy_until = now + QUIET_AFTER;
        }
        if now >= state.busy_until {
            return None;
        }
        let took = Duration::from_nanos(bytes as u64 * 1_000_000_000 / bytes_per_s);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        state.free_at = state.free_at.max(earliest) + took;
        (state.free_at > now).then_some(state.free_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_log_bounds_the_rate_and_a_quiet_one_does_not() {
        let log = Arc::new(LogCounters::default());
        let pace = SnapshotPace::new(log.clone(), 10);
        let start = Instant::now() + Duration::from_secs(10);
        for _ in 0..100 {
            assert_eq!(pace.admitted_at(1_000_000, start), None, "nothing else is written");
        }
        log.appended_entries.fetch_add(1, Ordering::Relaxed);
        let first = pace.admitted_at(1_000_000, start).expect("it waits");
        assert_eq!(first - start, Duration::from_millis(50));
        let second = pace.admitted_at(1_000_000, start).expect("it waits");
        assert_eq!(second - first, Duration::from_millis(100));
        assert_eq!(pace.admitted_at(1_000_000, start + QUIET_AFTER), None, "quiet again");
        let unbounded = SnapshotPace::new(log.clone(), 0);
        log.appended_entries.fetch_add(1, Ordering::Relaxed);
        assert_eq!(unbounded.admitted_at(1_000_000, start), None);
    }
}
