//! Purges log entries that a snapshot has, but not those that a member needs
//! which lags a little or is being sent a snapshot: under load it would never
//! catch up. How much log may be kept for that is bounded in bytes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use super::consensus::Consensus;
use crate::config::RaftConfig;

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Up to which log index each member's last snapshot reaches that this node
/// sent or sends: it will need the log from there on.
#[derive(Clone, Default)]
pub(super) struct SentSnapshots {
    log_indexes: Arc<Mutex<BTreeMap<u64, u64>>>,
}

impl SentSnapshots {
    pub(super) fn begin(&self, member: u64, log_index: u64) {
        self.log_indexes.lock().insert(member, log_index);
    }

    fn get(&self, member: u64) -> u64 {
        self.log_indexes.lock().get(&member).copied().unwrap_or(0)
    }
}

/// Purges until the node stops.
pub(super) async fn run(consensus: Consensus, settings: RaftConfig) {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(upto) = purgeable(&consensus, &settings) else { continue };
        if consensus.raft().trigger().purge_log(upto).await.is_err() {
            return;
        }
    }
}

/// The greatest index that nobody needs any more, if there is something to purge.
fn purgeable(consensus: &Consensus, settings: &RaftConfig) -> Option<u64> {
    let metrics = consensus.raft().metrics();
    let metrics = metrics.borrow_watched();
    let snapshot = metrics.snapshot.as_ref()?.index;
    let purged = metrics.purged.as_ref().map_or(0, |id| id.index);
    let sent = consensus.inner.peers.sent_snapshots();
    // Only the leader knows them.
    let members =
        metrics.replication.iter().flatten().map(|(member, matched)| {
            matched.as_ref().map_or(0, |id| id.index).max(sent.get(*member))
        });
    let members: Vec<u64> = members.collect();
    drop(metrics);
    let kept_bytes = |from: u64| consensus.inner.log.bytes_from(from).unwrap_or(u64::MAX);
    purge_upto(snapshot, settings, members, kept_bytes).filter(|upto| *upto > purged)
}

fn purge_upto(
    snapshot: u64,
    settings: &RaftConfig,
    members: Vec<u64>,
    kept_bytes: impl Fn(u64) -> u64,
) -> Option<u64> {
    let unneeded = snapshot.checked_sub(settings.snapshot_keep_entries)?;
    let bound = settings.lagging_log_bytes;
    let waited_for = |index: &u64| *index < unneeded && kept_bytes(index + 1) <= bound;
    let lagging = members.into_iter().filter(|index| bound > 0 && waited_for(index));
    Some(lagging.min().unwrap_or(unneeded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_lags_keeps_the_log_within_the_bound() {
        let settings = RaftConfig {
            snapshot_keep_entries: 100,
            lagging_log_bytes: 5_000,
            ..RaftConfig::default()
        };
        // Ten bytes an entry, 2,000 entries.
        let kept_bytes = |from: u64| (2_000 - from) * 10;
        let upto = |members: &[u64]| purge_upto(1_900, &settings, members.to_vec(), kept_bytes);
        assert_eq!(upto(&[]), Some(1_800), "a follower knows of nobody");
        assert_eq!(upto(&[2_000, 1_950]), Some(1_800), "nobody lags");
        assert_eq!(upto(&[2_000, 1_600]), Some(1_600), "who lags has what it needs");
        assert_eq!(upto(&[1_600, 1_400, 7]), Some(1_600), "who lags too far gets a snapshot");
        let unbounded = RaftConfig { lagging_log_bytes: 0, ..settings.clone() };
        let upto = purge_upto(1_900, &unbounded, vec![1_799], |_| 0);
        assert_eq!(upto, Some(1_800), "0 waits for nobody");
        assert_eq!(purge_upto(99, &settings, Vec::new(), kept_bytes), None);
    }
}
