//! Brings the voters of the consensus to what the ledger commands, step by step,
//! and confirms it there. Whoever leads does it, so a change survives the leader
//! that began it.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use registry_ledger::{Topology, VoterSets, next_voters};
use registry_proto::registry::VoterSet;
use registry_proto::storage::log_command::Command;
use registry_proto::storage::{ConfirmVoters, LogCommand};
use tokio::time::Instant;

use super::consensus::Consensus;
use super::{handover, membership};

const INTERVAL: Duration = Duration::from_millis(100);
/// New voters must have had the log, and answered, for so long: a city that is just
/// going down must not be made necessary.
const STEADY: Duration = Duration::from_secs(2);

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Everything is as commanded.
    Nothing,
    /// New voters do not have the log yet.
    Wait,
    /// The voters are those commanded: say so.
    Confirm(VoterSets),
    /// This node is to vote no more: one of these must lead.
    HandOver(BTreeSet<u64>),
    /// One entry of the log.
    Append { voters: VoterSets, nodes: BTreeSet<u64> },
}

/// What the leader sees of the consensus.
struct Seen {
    own: u64,
    voters: VoterSets,
    /// Everyone who gets the log.
    nodes: BTreeSet<u64>,
    /// Who has caught up, this node included.
    caught_up: BTreeSet<u64>,
}

fn next_step(topology: &Topology, seen: &Seen) -> Step {
    let goal = topology.voters();
    let present: BTreeSet<u64> = topology.present().map(|member| member.node_id).collect();
    let nodes: BTreeSet<u64> = seen.nodes.union(&present).copied().collect();
    if nodes != seen.nodes {
        return Step::Append { voters: seen.voters.clone(), nodes };
    }
    match next_voters(&seen.voters, &goal) {
        Some(next) => {
            let voters: BTreeSet<u64> = goal.iter().flatten().copied().collect();
            if !voters.contains(&seen.own) {
                return Step::HandOver(voters);
            }
            // A set that is new must be able to answer at once.
            let is_ready = |set: &BTreeSet<u64>| {
                seen.voters.contains(set)
                    || set.intersection(&seen.caught_up).count() * 2 > set.len()
            };
            match next.iter().all(is_ready) {
                true => Step::Append { voters: next, nodes },
                false => Step::Wait,
            }
        }
        None if topology.in_force != goal => Step::Confirm(goal),
        None if nodes != present => Step::Append { voters: goal, nodes: present },
        None => Step::Nothing,
    }
}

/// Runs until the node stops.
pub(super) async fn run(consensus: Consensus) {
    let mut ready_since = None;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let own = consensus.inner.config.node.id;
        if consensus.current_leader() != Some(own) {
            ready_since = None;
            continue;
        }
        let Some(topology) = consensus.directory().topology() else { continue };
        // Until a recovery is recorded, the record is that of the epoch before.
        if topology.recovery_epoch != consensus.directory().recovery_epoch() {
            continue;
        }
        if let Err(error) = step(&consensus, &topology, &mut ready_since).await {
            // Another change or another leader came between; the next look tells.
            tracing::debug!(%error, "membership step did not succeed");
        }
    }
}

async fn step(
    consensus: &Consensus,
    topology: &Topology,
    ready_since: &mut Option<Instant>,
) -> anyhow::Result<()> {
    let own = consensus.inner.config.node.id;
    let metrics = consensus.raft().metrics().borrow_watched().clone();
    let stored = metrics.membership_config.clone();
    let mut caught_up: BTreeSet<u64> =
        handover::caught_up(&metrics).into_iter().map(|(_, id)| id).collect();
    caught_up.insert(own);
    let seen = Seen {
        own,
        voters: stored.membership().get_joint_config().clone(),
        nodes: stored.membership().nodes().map(|(id, _)| *id).collect(),
        caught_up,
    };
    let next = next_step(topology, &seen);
    let adds_voters = match &next {
        Step::Append { voters, .. } => voters.iter().any(|set| !seen.voters.contains(set)),
        Step::Nothing | Step::Wait | Step::Confirm(_) | Step::HandOver(_) => false,
    };
    if !adds_voters {
        *ready_since = None;
    } else if ready_since.get_or_insert_with(Instant::now).elapsed() < STEADY {
        return Ok(());
    }
    match next {
        Step::Nothing | Step::Wait => {}
        Step::HandOver(to) => {
            consensus.hand_over(|id| to.contains(&id)).await?;
        }
        Step::Append { voters, nodes } => {
            tracing::info!(from = ?seen.voters, to = ?voters, ?nodes, "changing the membership");
            membership::append(consensus.raft(), &nodes, voters, &stored).await?;
        }
        Step::Confirm(voters) => {
            let voter_sets = voters
                .iter()
                .map(|set| VoterSet { node_ids: set.iter().copied().collect() })
                .collect();
            let command = LogCommand {
                actor: format!("node/{own}"),
                command: Some(Command::ConfirmVoters(ConfirmVoters { voter_sets })),
            };
            let answer = consensus.propose(command).await;
            let answer = answer.map_err(|why| anyhow::anyhow!("{why:?}"))?;
            tracing::info!(?voters, confirmed = answer.outcome.is_ok(), "voters as commanded");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use registry_ledger::{Genesis, Member, OneCity, Standing};

    use super::*;

    fn ids(ids: &[u64]) -> BTreeSet<u64> {
        ids.iter().copied().collect()
    }

    fn two_cities() -> Topology {
        let members = |ids: &[u64]| {
            ids.iter().map(|id| Member { node_id: *id, storage_id: [*id as u8; 16] }).collect()
        };
        Topology::founded(&Genesis {
            cluster_id: "test".to_owned(),
            layout: "dual-city".to_owned(),
            cities: vec![
                ("shanghai".to_owned(), members(&[11, 12, 13])),
                ("wuhan".to_owned(), members(&[21, 22, 23])),
            ],
        })
    }

    fn seen(own: u64, voters: &[&[u64]], nodes: &[u64], caught_up: &[u64]) -> Seen {
        let voters = voters.iter().map(|set| ids(set)).collect();
        Seen { own, voters, nodes: ids(nodes), caught_up: ids(caught_up) }
    }

    const BOTH: &[&[u64]] = &[&[11, 12, 13], &[21, 22, 23]];
    const ALL: &[u64] = &[11, 12, 13, 21, 22, 23];

    #[test]
    fn nothing_is_done_while_all_is_as_commanded() {
        assert_eq!(next_step(&two_cities(), &seen(11, BOTH, ALL, ALL)), Step::Nothing);
    }

    #[test]
    fn a_city_that_leaves_first_gives_the_leadership_away() {
        let mut topology = two_cities();
        topology.one_city = Some(OneCity {
            city_out: "shanghai".to_owned(),
            since: registry_ledger::LedgerTime(1),
            document: "maintenance".to_owned(),
            returning: false,
        });
        let wuhan = vec![ids(&[21, 22, 23])];
        assert_eq!(
            next_step(&topology, &seen(11, BOTH, ALL, ALL)),
            Step::HandOver(ids(&[21, 22, 23]))
        );
        assert_eq!(
            next_step(&topology, &seen(21, BOTH, ALL, ALL)),
            Step::Append { voters: wuhan.clone(), nodes: ids(ALL) }
        );
        let alone = seen(21, &[&[21, 22, 23]], ALL, ALL);
        assert_eq!(next_step(&topology, &alone), Step::Confirm(wuhan.clone()));
        topology.in_force = wuhan;
        assert_eq!(next_step(&topology, &alone), Step::Nothing);
    }

    #[test]
    fn a_city_comes_back_when_a_majority_of_it_has_the_log() {
        let mut topology = two_cities();
        topology.in_force = vec![ids(&[21, 22, 23])];
        let late = seen(21, &[&[21, 22, 23]], ALL, &[11, 21, 22, 23]);
        assert_eq!(next_step(&topology, &late), Step::Wait);
        let ready = seen(21, &[&[21, 22, 23]], ALL, &[11, 12, 21, 22, 23]);
        let both: VoterSets = BOTH.iter().map(|set| ids(set)).collect();
        assert_eq!(next_step(&topology, &ready), Step::Append { voters: both, nodes: ids(ALL) });
    }

    #[test]
    fn a_new_node_gets_the_log_before_it_votes_and_the_old_one_goes_last() {
        let mut topology = two_cities();
        let mut new = topology.members[&13].clone();
        (new.node_id, new.standing) = (14, Standing::Learner);
        topology.members.insert(14, new);
        let with_new = [ALL, &[14]].concat();
        let before = seen(11, BOTH, ALL, ALL);
        let learner = Step::Append { voters: before.voters.clone(), nodes: ids(&with_new) };
        assert_eq!(next_step(&topology, &before), learner);

        topology.members.get_mut(&14).expect("admitted").standing = Standing::Voter;
        topology.members.get_mut(&13).expect("a voter").standing = Standing::Retired;
        let to: &[&[u64]] = &[&[11, 12, 14], &[21, 22, 23]];
        let seated = next_step(&topology, &seen(11, BOTH, &with_new, &with_new));
        let voters: VoterSets = to.iter().map(|set| ids(set)).collect();
        assert_eq!(seated, Step::Append { voters: voters.clone(), nodes: ids(&with_new) });
        let there = seen(11, to, &with_new, &with_new);
        assert_eq!(next_step(&topology, &there), Step::Confirm(voters.clone()));
        topology.in_force = voters.clone();
        let rest = ids(&[11, 12, 14, 21, 22, 23]);
        assert_eq!(next_step(&topology, &there), Step::Append { voters, nodes: rest });
    }
}
