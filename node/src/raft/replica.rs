//! What answers clients: a member of the cluster, or a copy of one's data folder.

use std::future::ready;
use std::time::Duration;

use futures::future::Either;
use registry_ledger::Answer;
use registry_proto::storage::LogCommand;
use tokio::sync::RwLock;

use super::consensus::{Consensus, RaftStatus, Unavailable};
use super::copy::StoredCopy;
use super::directory::Directory;
use super::view::LedgerView;
use crate::storage::Journal;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) enum Replica {
    /// Takes part: reads and writes.
    Member(Consensus),
    /// Stands still: it answers reads that do not ask for the newest state.
    Copy(StoredCopy),
}

impl Replica {
    /// As [`Consensus::propose`]; a copy takes nothing.
    pub(crate) fn propose(
        &self,
        command: LogCommand,
    ) -> impl Future<Output = Result<Answer, Unavailable>> + Send + use<> {
        match self {
            Self::Member(consensus) => Either::Left(consensus.propose(command)),
            Self::Copy(_) => Either::Right(ready(Err(Unavailable::ReadOnlyCopy))),
        }
    }

    /// As [`Consensus::read_barrier`]; a copy does not know what came later.
    pub(crate) async fn read_barrier(&self) -> Result<(), Unavailable> {
        match self {
            Self::Member(consensus) => consensus.read_barrier().await,
            Self::Copy(_) => Err(Unavailable::ReadOnlyCopy),
        }
    }

    /// The ledger as applied here.
    pub(crate) fn ledger(&self) -> &RwLock<LedgerView> {
        match self {
            Self::Member(consensus) => consensus.ledger(),
            Self::Copy(copy) => copy.ledger(),
        }
    }

    /// Whether this node leads, as far as it knows.
    pub(crate) fn leads(&self) -> bool {
        matches!(self, Self::Member(consensus) if consensus.leads())
    }

    /// The members and where they are.
    pub(crate) fn directory(&self) -> &Directory {
        match self {
            Self::Member(consensus) => consensus.directory(),
            Self::Copy(copy) => copy.directory(),
        }
    }

    /// Since when, at most, something newer may have been committed than is read
    /// here; none when that is not known.
    pub(crate) fn stale(&self) -> Option<Duration> {
        match self {
            Self::Member(consensus) => consensus.freshness().stale(),
            Self::Copy(_) => None,
        }
    }

    /// Every event of what is applied here.
    pub(crate) fn journal(&self) -> &Journal {
        match self {
            Self::Member(consensus) => consensus.journal(),
            Self::Copy(copy) => copy.journal(),
        }
    }

    /// This node's own view; needs no quorum.
    pub(crate) fn status(&self) -> RaftStatus {
        match self {
            Self::Member(consensus) => consensus.status(),
            Self::Copy(copy) => copy.status(),
        }
    }

    /// Whether clients should come here: never to a copy.
    pub(crate) fn is_serving(&self) -> bool {
        let Self::Member(consensus) = self else { return false };
        let directory = consensus.directory();
        if directory.superseded_by().is_some() || directory.is_retired() {
            return false;
        }
        let status = consensus.status();
        status.leader_id.is_some() && status.membership_as_layout && consensus.has_genesis()
    }
}
