//! How old what a node knows may be, for those who read without a quorum.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use openraft::async_runtime::WatchReceiver as _;
use parking_lot::Mutex;

use super::types::Raft;

/// When this node last knew that nothing newer was committed, and that a quorum
/// stood. Both are told by the leader with each message.
#[derive(Default)]
pub(crate) struct Freshness {
    raft: OnceLock<Raft>,
    heard: Mutex<Heard>,
}

#[derive(Clone, Copy, Default)]
struct Heard {
    /// The leader heard a quorum then.
    quorum_at: Option<Instant>,
    /// This node had applied all that was committed then.
    current_at: Option<Instant>,
}

impl Freshness {
    /// Lets a leader look at itself.
    pub(super) fn of(&self, raft: &Raft) {
        // Set once, right after the consensus was made.
        let _ = self.raft.set(raft.clone());
    }

    /// Since a leader last heard a quorum; none when this node does not lead, or
    /// never heard one.
    pub(super) fn own_quorum_age(&self) -> Option<Duration> {
        let acked = self.raft.get()?.metrics().borrow_watched().last_quorum_acked?;
        Some(openraft::Instant::elapsed(&acked.into_inner()))
    }

    /// A leader spoke: so long ago it had heard a quorum, and this node has, or has
    /// not, applied all that it says is committed.
    pub(super) fn heard(&self, quorum_age: Duration, is_current: bool) {
        let Some(at) = Instant::now().checked_sub(quorum_age) else { return };
        let mut heard = self.heard.lock();
        heard.quorum_at = heard.quorum_at.max(Some(at));
        if is_current {
            heard.current_at = heard.current_at.max(Some(at));
        }
    }

    /// Since this node last knew that a quorum stood.
    pub(crate) fn quorum_age(&self) -> Option<Duration> {
        let heard = self.heard.lock().quorum_at.map(|at| at.elapsed());
        [self.own_quorum_age(), heard].into_iter().flatten().min()
    }

    /// Since when, at most, something newer may have been committed than this node
    /// has applied; but for the time that a message takes.
    pub(crate) fn stale(&self) -> Option<Duration> {
        let heard = self.heard.lock().current_at.map(|at| at.elapsed());
        [self.own_quorum_age(), heard].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_lags_is_as_old_as_when_it_last_did_not() {
        let freshness = Freshness::default();
        assert_eq!(freshness.stale(), None, "nobody has spoken yet");
        freshness.heard(Duration::from_secs(5), true);
        freshness.heard(Duration::ZERO, false);
        assert!(freshness.stale().is_some_and(|age| age >= Duration::from_secs(5)));
        assert!(freshness.quorum_age().is_some_and(|age| age < Duration::from_secs(5)));
        freshness.heard(Duration::from_secs(60), true);
        assert!(
            freshness.stale().is_some_and(|age| age < Duration::from_secs(60)),
            "an older word does not make it older"
        );
    }
}
