//! Voter sets: a commit and an election need a majority in each.

use std::collections::BTreeSet;

/// Sets of node ids, in the order of their least id.
pub type VoterSets = Vec<BTreeSet<u64>>;

/// The next voter sets on the way from `current` to `goal`; none when there.
///
/// Two successive memberships of a standing consensus share an identical set, or
/// are single sets that differ in one node, so that every quorum of one meets
/// every quorum of the next. Where the goal is not reached so, both stand
/// together for a time.
#[must_use]
pub fn next_voters(current: &[BTreeSet<u64>], goal: &[BTreeSet<u64>]) -> Option<VoterSets> {
    let (current, goal) = (sorted(current), sorted(goal));
    if current == goal {
        return None;
    }
    let shares_a_set = current.iter().any(|set| goal.contains(set));
    let differs_in_one = match (&current[..], &goal[..]) {
        ([now], [then]) => now.symmetric_difference(then).count() <= 1,
        _ => false,
    };
    if shares_a_set || differs_in_one { Some(goal) } else { Some(together(&current, &goal)) }
}

/// All sets of both.
pub(super) fn together(one: &[BTreeSet<u64>], other: &[BTreeSet<u64>]) -> VoterSets {
    let sets: BTreeSet<BTreeSet<u64>> = one.iter().chain(other).cloned().collect();
    sets.into_iter().collect()
}

pub(super) fn sorted(sets: &[BTreeSet<u64>]) -> VoterSets {
    together(sets, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(sets: &[&[u64]]) -> VoterSets {
        sets.iter().map(|set| set.iter().copied().collect()).collect()
    }

    fn way(from: &[&[u64]], to: &[&[u64]]) -> Vec<VoterSets> {
        let mut steps = vec![sets(from)];
        while let Some(next) = next_voters(steps.last().unwrap(), &sets(to)) {
            steps.push(next);
        }
        steps.remove(0);
        steps
    }

    #[test]
    fn a_city_is_taken_out_and_brought_back_in_one_step() {
        let (both, wuhan): (&[&[u64]], &[&[u64]]) = (&[&[1, 2, 3], &[4, 5, 6]], &[&[4, 5, 6]]);
        assert_eq!(way(both, wuhan), [sets(wuhan)]);
        assert_eq!(way(wuhan, both), [sets(both)]);
        assert_eq!(way(both, both), Vec::<VoterSets>::new());
    }

    #[test]
    fn a_node_is_replaced_in_one_step_while_the_other_city_stays() {
        let to: &[&[u64]] = &[&[1, 2, 7], &[4, 5, 6]];
        assert_eq!(way(&[&[1, 2, 3], &[4, 5, 6]], to), [sets(to)]);
    }

    #[test]
    fn sets_without_a_common_one_stand_together_for_a_time() {
        let between = sets(&[&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 6]]);
        let to: &[&[u64]] = &[&[1, 2, 3, 4, 6]];
        assert_eq!(way(&[&[1, 2, 3, 4, 5]], to), [between, sets(to)]);
        let steps = way(&[&[1, 2, 3], &[4, 5, 6]], &[&[1, 2, 7], &[4, 5, 8]]);
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[0].len(), 4);
    }

    #[test]
    fn a_single_set_gains_or_loses_one_node_at_once() {
        assert_eq!(way(&[&[1, 2]], &[&[1, 2, 3]]).len(), 1);
        assert_eq!(way(&[&[1, 2, 3]], &[&[1, 2]]).len(), 1);
    }

    /// Every quorum of a membership meets every quorum of the next one.
    #[test]
    fn quorums_of_successive_memberships_meet() {
        let ids: Vec<u64> = (1..=8).collect();
        let goals = [
            sets(&[&[1, 2, 3], &[4, 5, 6]]),
            sets(&[&[4, 5, 6]]),
            sets(&[&[1, 2, 7], &[4, 5, 6]]),
            sets(&[&[1, 2, 7], &[4, 5, 8]]),
            sets(&[&[1, 2, 4, 5, 8]]),
            sets(&[&[1, 2, 8]]),
        ];
        let chosen = |mask: u32| -> BTreeSet<u64> {
            ids.iter().filter(|id| mask >> (**id - 1) & 1 == 1).copied().collect()
        };
        let is_quorum = |sets: &VoterSets, nodes: &BTreeSet<u64>| {
            sets.iter().all(|set| set.intersection(nodes).count() * 2 > set.len())
        };
        for from in &goals {
            for to in &goals {
                let mut current = from.clone();
                while let Some(next) = next_voters(&current, to) {
                    // A quorum of the next one among those who are not in one of the
                    // current: if there is none, all meet.
                    for mask in 0..256 {
                        let nodes = chosen(mask);
                        let rest = chosen(!mask & 255);
                        assert!(
                            !(is_quorum(&current, &nodes) && is_quorum(&next, &rest)),
                            "{current:?} to {next:?}: {nodes:?} and {rest:?}"
                        );
                    }
                    current = next;
                }
            }
        }
    }
}
