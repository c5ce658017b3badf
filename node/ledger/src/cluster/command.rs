//! What operators, officers and leaders ask of the cluster.

use crate::cluster::voters::VoterSets;

/// A node that is to take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDescription {
    /// Raft id, > 0; never that of another node, not even of a retired one.
    pub node_id: u64,
    /// Name for people, 1 to 64 of `A-Z a-z 0-9 - _`; never that of another node either.
    pub name: String,
    /// One of the cluster's cities.
    pub city: String,
    /// `host:port` of its peer port, which no other node that takes part has.
    pub peer_address: String,
    /// `host:port` of its client port, as its peer port.
    pub client_address: String,
    /// Random id of its data folder; never that of another node.
    pub storage_id: [u8; 16],
}

/// What became of a cluster that lost a city, as its survivors found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The recovery epoch that begins, one more than the one before.
    pub recovery_epoch: u64,
    /// The city that was given up.
    pub lost_city: String,
    /// Voters elsewhere that go on, at least one; all other nodes are retired.
    pub survivors: Vec<u64>,
    /// The two people, e.g. `operator/op-1`.
    pub approved_by: Vec<String>,
    /// Last log index that any survivor held.
    pub last_log_index: u64,
    /// Whether the city recovered with a sealed override instead of the right.
    pub with_override: bool,
    /// Whether fewer nodes survived than prove that nothing is lost.
    pub with_possible_loss: bool,
}

/// Everything that can be asked of the cluster's own record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterCommand {
    /// Admits a node that receives the log and does not vote. Asked again for the very
    /// same one, nothing changes.
    AdmitNode(NodeDescription),
    /// Gives an admitted node a vote: the place of another node of its city, which
    /// is retired, or a free one.
    SeatNode {
        /// Who.
        node_id: u64,
        /// Whose place; none for a free one.
        replaces: Option<u64>,
    },
    /// Lets go of a node that does not vote; its id is never used again. Asked again,
    /// nothing changes.
    RetireNode {
        /// Who.
        node_id: u64,
    },
    /// Tells where a node is found from now on.
    MoveNode {
        /// Who.
        node_id: u64,
        /// `host:port` of its peer port.
        peer_address: String,
        /// `host:port` of its client port.
        client_address: String,
    },
    /// Takes a city out of the quorum: from now on a commit is durable in one city
    /// only. Needs two people.
    LeaveCity {
        /// Which goes.
        city: String,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Brings a city back into the quorum with all nodes admitted there, as many as it
    /// has seats. Needs two people.
    ReturnCity {
        /// Which comes.
        city: String,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// The leader's word that the consensus has the voters that were commanded.
    ConfirmVoters {
        /// As they stand.
        voters: VoterSets,
    },
    /// Where the leader should stand; none for anywhere.
    PreferCity {
        /// Which.
        city: Option<String>,
    },
    /// Gives the right to recover alone to another city. Needs two people.
    MoveRecoveryRight {
        /// Which.
        city: String,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Lets a city recover once without the right, by a secret that is kept
    /// offline; an earlier one of the city is void. Needs two people.
    IssueOverride {
        /// Which.
        city: String,
        /// SHA-256 of the secret.
        secret_sha256: [u8; 32],
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// What the first leader after a recovery writes. Said again of the epoch that has
    /// begun, nothing changes.
    RecordRecovery(Recovery),
    /// Puts the next version of the rules in force. Needs two people.
    ActivateRules {
        /// One more than the version in force.
        rules_version: u32,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
}

impl ClusterCommand {
    /// Whether it takes effect by an approval alone.
    pub(crate) fn needs_two_people(&self) -> bool {
        match self {
            Self::LeaveCity { .. }
            | Self::ReturnCity { .. }
            | Self::MoveRecoveryRight { .. }
            | Self::IssueOverride { .. }
            | Self::ActivateRules { .. } => true,
            Self::AdmitNode(_)
            | Self::SeatNode { .. }
            | Self::RetireNode { .. }
            | Self::MoveNode { .. }
            | Self::ConfirmVoters { .. }
            | Self::PreferCity { .. }
            | Self::RecordRecovery(_) => false,
        }
    }
}
