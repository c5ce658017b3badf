//! Takes a snapshot after so many log bytes. The library's own policy counts
//! entries, which says nothing when one entry holds thousands of trades.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::consensus::Consensus;

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Watches the log grow until the node stops.
pub(super) async fn run(consensus: Consensus, snapshot_log_bytes: u64) {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut since = 0;
    loop {
        tick.tick().await;
        let appended = consensus.inner.log.counters().appended_bytes.load(Ordering::Relaxed);
        if appended - since < snapshot_log_bytes {
            continue;
        }
        since = appended;
        if consensus.raft().trigger().snapshot().await.is_err() {
            return;
        }
    }
}
