//! The consensus library's types as this node uses them; nothing outside
//! `raft` and `storage` names the library.

use std::fmt;

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::impls::EmptyNode;
use registry_ledger::Answer;

use crate::storage::SnapshotFolder;

/// One log entry's content: an encoded `storage.v1.LogBatch`, never copied.
#[derive(Clone)]
pub(crate) struct Payload(pub(crate) Bytes);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

openraft::declare_raft_types!(
    /// Node ids only: addresses are configuration, because a standing joint
    /// membership cannot change a node's metadata.
    pub(crate) TypeConfig:
        D = Payload,
        R = Vec<Answer>,
        NodeId = u64,
        Node = EmptyNode,
);

pub(crate) type LogId = openraft::alias::LogIdOf<TypeConfig>;
pub(crate) type LeaderId = openraft::alias::LeaderIdOf<TypeConfig>;
pub(crate) type Vote = openraft::alias::VoteOf<TypeConfig>;
pub(crate) type Entry = openraft::alias::EntryOf<TypeConfig>;
pub(crate) type EntryContent = EntryPayload<Payload, u64, EmptyNode>;
pub(crate) type Membership = openraft::Membership<u64, EmptyNode>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<TypeConfig>;
pub(crate) type Snapshot = openraft::alias::SnapshotOf<TypeConfig, SnapshotFolder>;
pub(crate) type Raft = openraft::Raft<TypeConfig, super::state_machine::StateMachine>;
