//! Takes a snapshot after so many log bytes. The library's own policy counts
//! entries, which says nothing when one entry holds thousands of trades.

use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use tokio::time::{MissedTickBehavior, interval};

use super::consensus::Consensus;

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Watches the log grow until the node stops.
pub(super) async fn run(consensus: Consensus, snapshot_log_bytes: u64) {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut since = 0;
    // Up to where a snapshot is to reach: the library ignores the wish for one
    // while it makes another, which may reach less far.
    let mut wanted = None;
    loop {
        tick.tick().await;
        let appended = consensus.inner.log.counters().appended_bytes.load(Ordering::Relaxed);
        if appended - since >= snapshot_log_bytes {
            since = appended;
            wanted = Some(*consensus.inner.applied.index.borrow());
        }
        if wanted.is_none() || newest(&consensus) >= wanted {
            wanted = None;
            continue;
        }
        if consensus.raft().trigger().snapshot().await.is_err() {
            return;
        }
    }
}

/// Log index of the newest snapshot.
fn newest(consensus: &Consensus) -> Option<u64> {
    let metrics = consensus.raft().metrics();
    metrics.borrow_watched().snapshot.as_ref().map(|id| id.index)
}
