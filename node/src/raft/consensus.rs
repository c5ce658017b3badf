//! The handle through which the node's services use the replicated log.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::ServerState;
use openraft::async_runtime::WatchReceiver as _;
use registry_ledger::Answer;
use registry_proto::registry::Counters;
use registry_proto::storage::LogCommand;
use tokio::sync::RwLock;

use super::batcher::Batcher;
use super::bootstrap::Promise;
use super::clock::ComparedClock;
use super::directory::Directory;
use super::freshness::Freshness;
use super::membership;
use super::network::Peers;
use super::read_gate::ReadGate;
use super::recovery::Recovering;
use super::state_machine::Applied;
use super::types::Raft;
use super::view::LedgerView;
use crate::config::Config;
use crate::storage::{Journal, LogStore};

/// Why there is no answer. Only `OutcomeUnknown` leaves open whether a command applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// This node does not lead; nothing was proposed.
    NotLeader {
        /// Who leads, as far as this node knows.
        leader_id: Option<u64>,
    },
    /// No majority in each city answers; nothing was read, or proposed.
    NoQuorum,
    /// The others were recovered without this node; nothing was proposed or read.
    Superseded {
        /// The recovery epoch that they are in.
        by_epoch: u64,
    },
    /// The command was proposed and may still commit: ask again with the same request id.
    OutcomeUnknown,
    /// Too much waits already; nothing was proposed.
    Overloaded,
    /// The node is stopping; nothing was proposed.
    Stopped,
    /// What was asked is no member of a cluster but a copy: nothing was proposed,
    /// and whether anything is newer is not known.
    ReadOnlyCopy,
}

/// What this node knows of the cluster.
pub(crate) struct RaftStatus {
    pub(crate) state: &'static str,
    pub(crate) term: u64,
    pub(crate) leader_id: Option<u64>,
    pub(crate) last_log_index: u64,
    pub(crate) snapshot_log_index: u64,
    pub(crate) purged_log_index: u64,
    pub(crate) voter_sets: Vec<Vec<u64>>,
    pub(crate) quorum_age: Option<Duration>,
    /// How far this node's clock runs ahead of most others, if it does.
    pub(crate) clock_ahead_ms: Option<i64>,
    pub(crate) membership_as_layout: bool,
    /// Known to the leader only.
    pub(crate) matched: Vec<(u64, u64)>,
    pub(crate) counters: Counters,
}

pub(super) struct Inner {
    pub(super) config: Arc<Config>,
    pub(super) raft: Raft,
    pub(super) peers: Peers,
    pub(super) applied: Arc<Applied>,
    pub(super) log: LogStore,
    pub(super) batcher: Batcher,
    pub(super) clock: Arc<ComparedClock>,
    pub(super) read_gate: ReadGate,
    pub(super) directory: Directory,
    pub(super) freshness: Arc<Freshness>,
    pub(super) promise: Promise,
    pub(super) recovering: Recovering,
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Consensus {
    pub(super) inner: Arc<Inner>,
}

impl Consensus {
    /// Queues the command now, in call order, and resolves when it is applied
    /// here or its outcome cannot be known in time.
    pub(crate) fn propose(
        &self,
        command: LogCommand,
    ) -> impl Future<Output = Result<Answer, Unavailable>> + Send + use<> {
        let leader_id = self.current_leader();
        let queued = if let Some(by_epoch) = self.directory().superseded_by() {
            Err(Unavailable::Superseded { by_epoch })
        } else if leader_id != Some(self.inner.config.node.id) {
            Err(Unavailable::NotLeader { leader_id })
        } else if self.has_lost_quorum() {
            Err(Unavailable::NoQuorum)
        } else {
            self.inner.batcher.submit(command)
        };
        let deadline = self.request_timeout();
        async move {
            match tokio::time::timeout(deadline, queued?).await {
                Ok(Ok(answer)) => answer,
                // The batcher dropped the question with the node.
                Ok(Err(_)) | Err(_) => Err(Unavailable::OutcomeUnknown),
            }
        }
    }

    /// One quorum round shared with every reader that waits; afterwards this
    /// node has applied all that was committed when this was called.
    pub(crate) async fn read_barrier(&self) -> Result<(), Unavailable> {
        if let Some(by_epoch) = self.directory().superseded_by() {
            return Err(Unavailable::Superseded { by_epoch });
        }
        let log_index = self.inner.read_gate.round().await?;
        let mut applied = self.inner.applied.index.subscribe();
        let reached = applied.wait_for(|index| *index >= log_index);
        match tokio::time::timeout(self.request_timeout(), reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Unavailable::Stopped),
            Err(_) => Err(Unavailable::NoQuorum),
        }
    }

    /// Whether this leader has not heard a majority of each city for longer than
    /// the others wait for a leader: what it proposed now would only wait.
    fn has_lost_quorum(&self) -> bool {
        let lease = Duration::from_millis(self.inner.config.raft.election_timeout_max_ms);
        self.inner.freshness.own_quorum_age().is_some_and(|age| age > lease)
    }

    /// The members and where they are.
    pub(crate) fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    /// How old what this node knows may be.
    pub(crate) fn freshness(&self) -> &Freshness {
        &self.inner.freshness
    }

    /// The ledger as applied here.
    pub(crate) fn ledger(&self) -> &RwLock<LedgerView> {
        &self.inner.applied.view
    }

    /// Every event of what is applied here.
    pub(crate) fn journal(&self) -> &Journal {
        &self.inner.applied.journal
    }

    /// Whether this node knows what its cluster is.
    pub(crate) fn has_genesis(&self) -> bool {
        self.inner.applied.genesis.get().is_some()
    }

    /// Who leads, as far as this node knows.
    pub(crate) fn current_leader(&self) -> Option<u64> {
        self.inner.raft.metrics().borrow_watched().current_leader
    }

    /// Whether this node leads, as far as it knows.
    pub(crate) fn leads(&self) -> bool {
        self.current_leader() == Some(self.inner.config.node.id)
    }

    /// Whether this node's log holds anything.
    pub(crate) fn has_log(&self) -> bool {
        !self.inner.log.is_empty()
    }

    pub(super) fn raft(&self) -> &Raft {
        &self.inner.raft
    }

    pub(super) fn read_gate(&self) -> &ReadGate {
        &self.inner.read_gate
    }

    fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.inner.config.limits.request_timeout_ms)
    }

    /// This node's own view; needs no quorum.
    pub(crate) fn status(&self) -> RaftStatus {
        let metrics = self.inner.raft.metrics().borrow_watched().clone();
        let index = |id: &Option<super::types::LogId>| id.as_ref().map_or(0, |id| id.index);
        let joint = metrics.membership_config.membership().get_joint_config();
        let matched = metrics.replication.iter().flatten();
        RaftStatus {
            state: match metrics.state {
                ServerState::Leader => "leader",
                ServerState::Follower => "follower",
                ServerState::Candidate => "candidate",
                ServerState::Learner => "learner",
                ServerState::Shutdown => "stopped",
            },
            term: metrics.current_term,
            leader_id: metrics.current_leader,
            last_log_index: metrics.last_log_index.unwrap_or(0),
            snapshot_log_index: index(&metrics.snapshot),
            purged_log_index: index(&metrics.purged),
            voter_sets: joint.iter().map(|set| set.iter().copied().collect()).collect(),
            quorum_age: self.inner.freshness.quorum_age(),
            clock_ahead_ms: self.inner.clock.ahead_ms(),
            membership_as_layout: membership::is_as_layout(
                &self.inner.config,
                self.directory().topology().as_deref(),
                joint,
            ),
            matched: matched.map(|(id, log_id)| (*id, index(log_id))).collect(),
            counters: self.counters(),
        }
    }

    fn counters(&self) -> Counters {
        let log = self.inner.log.counters();
        let applied = &self.inner.applied;
        let rounds = self.inner.read_gate.rounds();
        Counters {
            log_fsyncs: log.fsyncs.load(Ordering::Relaxed),
            log_fsync_total_us: log.fsync_total_us.load(Ordering::Relaxed),
            log_appended_entries: log.appended_entries.load(Ordering::Relaxed),
            log_appended_bytes: log.appended_bytes.load(Ordering::Relaxed),
            proposals: self.inner.batcher.proposals(),
            commands_applied: applied.commands.load(Ordering::Relaxed),
            snapshots_installed: applied.snapshots_installed.load(Ordering::Relaxed),
            read_rounds: rounds.count.load(Ordering::Relaxed),
            read_round_total_us: rounds.total_us.load(Ordering::Relaxed),
        }
    }
}
