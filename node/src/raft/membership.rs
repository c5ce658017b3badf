//! The standing membership: one set of voters per city, all of which must agree,
//! or one set of all in the layouts that say so.
//!
//! The library's own `add_learner` and `change_membership` flatten a standing
//! joint membership to its last set, which drops a city from the quorum without
//! a word. So this module is the only one that changes membership, always
//! through `append_membership`, and the node compares what it sees with what the
//! ledger commands.

use std::collections::{BTreeMap, BTreeSet};

use openraft::EntryPayload;
use openraft::impls::EmptyNode;
use openraft::raft::Precondition;
use registry_ledger::{Topology, VoterSets};

use super::types::{LogId, Membership, Raft, StoredMembership};
use crate::config::{Config, Layout};

/// The voter sets that a cluster is formed with: one per city, in order of their
/// least id, or one of all.
pub(super) fn layout_sets(config: &Config) -> VoterSets {
    let mut by_city: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for member in &config.members {
        by_city.entry(&member.city).or_default().insert(member.id);
    }
    let mut sets: Vec<_> = by_city.into_values().collect();
    sets.sort();
    match config.layout {
        Layout::DualCity => sets,
        Layout::Witnessed | Layout::SingleCity => vec![sets.into_iter().flatten().collect()],
    }
}

/// Whether every commit needs the majorities that are commanded, or those on the
/// way from the voters in force to the voters commanded.
pub(super) fn is_as_layout(
    config: &Config,
    topology: Option<&Topology>,
    sets: &[BTreeSet<u64>],
) -> bool {
    match topology {
        Some(topology) => topology.allows(sets),
        None => {
            let mut sets = sets.to_vec();
            sets.sort();
            sets == layout_sets(config)
        }
    }
}

/// Replaces the membership in one entry, `nodes` being all who get the log.
/// Refused by the library when another change came between.
pub(super) async fn append(
    raft: &Raft,
    nodes: &BTreeSet<u64>,
    sets: VoterSets,
    current: &StoredMembership,
) -> anyhow::Result<LogId> {
    let nodes: BTreeMap<u64, EmptyNode> = nodes.iter().map(|id| (*id, EmptyNode {})).collect();
    let membership = Membership::new(sets, nodes)?;
    let expected = current
        .log_id()
        .map(|log_id| Precondition::LastMembershipLogId { last_membership_log_id: Some(log_id) });
    let reply = raft.append_membership(membership, EntryPayload::Blank, expected).await?;
    Ok(reply.log_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(sets: &[&[u64]]) -> VoterSets {
        sets.iter().map(|set| set.iter().copied().collect()).collect()
    }

    #[test]
    fn a_membership_without_a_city_is_not_as_the_layout_demands() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/shanghai/sh-1.toml");
        let config = Config::load(&path).expect("a shipped configuration");
        let is_as_layout = |of: &[&[u64]]| is_as_layout(&config, None, &sets(of));
        assert!(is_as_layout(&[&[21, 22, 23], &[11, 12, 13]]));
        assert!(!is_as_layout(&[&[11, 12, 13]]));
        assert!(!is_as_layout(&[&[21, 22, 23]]));
        assert!(!is_as_layout(&[&[11, 12, 13, 21, 22, 23]]));
        assert!(!is_as_layout(&[&[11, 12], &[21, 22, 23]]));
    }
}
