//! The cluster that keeps this ledger, as the ledger itself records it: which
//! nodes may vote, which city may recover alone, which rules are in force.
//!
//! Membership is commanded here and carried out by whoever leads: the leader
//! brings the voters of the consensus to what [`Topology::voters`] demands and
//! then confirms it, so that a change survives the leader that began it.

mod command;
mod records;
mod recovery;
mod restoration;
mod rules;
mod topology;
mod voters;

pub(crate) use rules::check_activation;

pub use command::{ClusterCommand, NodeDescription, Recovery};
pub use restoration::{CutOff, Restoration};
pub use topology::{
    ClusterChange, ClusterMember, Layout, OneCity, SealedOverride, Standing, Topology,
};
pub use voters::{VoterSets, next_voters};
