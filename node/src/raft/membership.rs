//! The standing membership: one set of voters per city, all of which must agree.
//!
//! The library's own `add_learner` and `change_membership` flatten a standing
//! joint membership to its last set, which drops a city from the quorum without
//! a word. So this module is the only one that changes membership, always
//! through `append_membership`, and the node compares what it sees with the layout.

use std::collections::{BTreeMap, BTreeSet};

use openraft::EntryPayload;
use openraft::impls::EmptyNode;
use openraft::raft::Precondition;

use super::types::{LogId, Membership, Raft};
use crate::config::{Config, Layout};

/// The voter sets that the layout demands: one per city, in order of their least id.
pub(super) fn layout_sets(config: &Config) -> Vec<BTreeSet<u64>> {
    let mut by_city: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for member in &config.members {
        by_city.entry(&member.city).or_default().insert(member.id);
    }
    let mut sets: Vec<_> = by_city.into_values().collect();
    sets.sort();
    match config.layout {
        Layout::DualCity => sets,
        Layout::SingleCity => vec![sets.into_iter().flatten().collect()],
    }
}

/// Whether every commit needs exactly the majorities that the layout demands.
pub(super) fn is_as_layout(config: &Config, sets: &[BTreeSet<u64>]) -> bool {
    let mut sets = sets.to_vec();
    sets.sort();
    sets == layout_sets(config)
}

/// The next membership on the way from one voter to the layout; `None` when there.
///
/// Two successive memberships share an identical voter set, so that every
/// quorum of one meets every quorum of the next: alone, alone and its city,
/// its city, both cities.
pub(super) fn next_step(config: &Config, current: &[BTreeSet<u64>]) -> Option<Vec<BTreeSet<u64>>> {
    let goal = layout_sets(config);
    let own = goal.iter().find(|set| set.contains(&config.node.id)).cloned().unwrap_or_default();
    if is_as_layout(config, current) {
        return None;
    }
    let alone = BTreeSet::from([config.node.id]);
    Some(match current {
        [set] if *set == own => goal,
        [set] if *set == alone => vec![alone, own],
        _ => vec![own],
    })
}

/// Replaces the membership in one entry, keeping every configured node at
/// least as a learner. Refused by the library when another change came between.
pub(super) async fn append(
    raft: &Raft,
    config: &Config,
    sets: Vec<BTreeSet<u64>>,
    last_membership: Option<LogId>,
) -> anyhow::Result<LogId> {
    let nodes: BTreeMap<u64, EmptyNode> =
        config.members.iter().map(|member| (member.id, EmptyNode {})).collect();
    let membership = Membership::new(sets, nodes)?;
    let expected = last_membership
        .map(|log_id| Precondition::LastMembershipLogId { last_membership_log_id: Some(log_id) });
    let reply = raft.append_membership(membership, EntryPayload::Blank, expected).await?;
    Ok(reply.log_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(sets: &[&[u64]]) -> Vec<BTreeSet<u64>> {
        sets.iter().map(|set| set.iter().copied().collect()).collect()
    }

    fn config() -> Config {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/shanghai/sh-1.toml");
        Config::load(&path).expect("a shipped configuration")
    }

    #[test]
    fn a_membership_without_a_city_is_not_as_the_layout_demands() {
        let config = config();
        assert!(is_as_layout(&config, &sets(&[&[21, 22, 23], &[11, 12, 13]])));
        assert!(!is_as_layout(&config, &sets(&[&[11, 12, 13]])));
        assert!(!is_as_layout(&config, &sets(&[&[21, 22, 23]])));
        assert!(!is_as_layout(&config, &sets(&[&[11, 12, 13, 21, 22, 23]])));
        assert!(!is_as_layout(&config, &sets(&[&[11, 12], &[21, 22, 23]])));
    }

    #[test]
    fn every_bootstrap_step_shares_a_voter_set_with_the_one_before() {
        let config = config();
        let mut current = sets(&[&[11]]);
        let mut steps = 0;
        while let Some(next) = next_step(&config, &current) {
            assert!(next.iter().any(|set| current.contains(set)), "{current:?} to {next:?}");
            current = next;
            steps += 1;
        }
        assert_eq!(steps, 3);
        assert!(is_as_layout(&config, &current));
    }
}
