//! What holds whatever was asked, without the model.

use std::collections::BTreeSet;

use registry_ledger::{ClusterMember, Layout, Standing, Topology, VoterSets, next_voters};

use super::LAYOUTS;
use super::state::Model;

/// The first claim that does not hold of this step.
pub(super) fn always_holds(
    before: &Topology,
    after: &Topology,
    retired: &mut BTreeSet<u64>,
) -> Result<(), String> {
    let claim = |holds: bool, claim: &str| if holds { Ok(()) } else { Err(claim.to_owned()) };
    for member in before.members.values() {
        let now = after.members.get(&member.node_id);
        claim(now.is_some(), "every node that ever was is in the record")?;
        let same = now.is_some_and(|now| {
            (&now.name, &now.city, now.storage_id)
                == (&member.name, &member.city, member.storage_id)
        });
        claim(same, "a node keeps its name, city and data folder")?;
    }
    for member in after.members.values() {
        if member.standing == Standing::Retired {
            retired.insert(member.node_id);
        }
    }
    for id in retired.iter() {
        let stays = after.members.get(id).is_some_and(|node| node.standing == Standing::Retired);
        claim(stays, "a retired id never comes back")?;
    }
    let voters = after.voters();
    for sets in [&voters, &after.in_force] {
        claim(!sets.is_empty(), "there is a set of voters")?;
        claim(sets.iter().all(|set| !set.is_empty()), "no set of voters is empty")?;
    }
    let is_out = after.one_city.as_ref().is_some_and(|one| !one.returning);
    let sets = if after.layout == Layout::DualCity && !is_out { 2 } else { 1 };
    claim(voters.len() == sets, "two sets in two cities, unless a city is out")?;
    if after.layout == Layout::DualCity && after.one_city.is_none() {
        claim(after.in_force.len() == 2, "nobody is told, and one city alone counts")?;
    }
    for (city, seats) in &after.seats {
        claim(after.voters_of(city).count() <= *seats, "no city has more voters than seats")?;
    }
    claim(after.recovery_epoch >= before.recovery_epoch, "the epoch never falls")?;
    claim(after.rules_version >= before.rules_version, "the rules never go back")?;
    claim(after.one_city.is_some() == after.durable_city().is_some(), "one city is durable")?;
    let right = &after.recovery_city;
    claim(after.seats.contains_key(right), "a city has the right to recover")?;
    claim(!after.is_witness(right), "the third place has not the right to recover")?;
    let new = (&before.in_force, before.voters()) != (&after.in_force, voters.clone());
    if !new { Ok(()) } else { quorums_meet(after) }
}

/// Every quorum of the voters in force meets every quorum of the next ones, and so on to
/// those commanded.
fn quorums_meet(topology: &Topology) -> Result<(), String> {
    let goal = topology.voters();
    let mut now = topology.in_force.clone();
    for _ in 0..4 {
        let Some(next) = next_voters(&now, &goal) else {
            return if now == goal { Ok(()) } else { Err(format!("stays at {now:?}")) };
        };
        if !topology.allows(&next) {
            return Err(format!("{next:?} is on the way and an alarm"));
        }
        let everyone: BTreeSet<u64> = now.iter().chain(&next).flatten().copied().collect();
        for chosen in 0_u32..1 << everyone.len() {
            let counts = |sets: &VoterSets, is_chosen: bool| {
                sets.iter().all(|set| {
                    let at = everyone.iter().enumerate().filter(|(_, id)| set.contains(id));
                    let with = at.filter(|(at, _)| (chosen >> at & 1 == 1) == is_chosen);
                    with.count() * 2 > set.len()
                })
            };
            if counts(&now, true) && counts(&next, false) {
                return Err(format!("{now:?} and {next:?} decide without each other"));
            }
        }
        now = next;
    }
    Err(format!("no end of the way to {goal:?}"))
}

/// Makes a record one that cannot be.
type Breaks = fn(&mut Topology);

#[test]
fn a_record_that_cannot_be_is_found_out() {
    let (layout, cities) = LAYOUTS[0];
    let mut sound = Model::founded(layout, cities, None).topology();
    sound.recovery_epoch = 1;
    let let_go =
        ClusterMember { node_id: 14, standing: Standing::Retired, ..sound.members[&11].clone() };
    sound.members.insert(14, let_go);
    let holds = |after: &Topology| always_holds(&sound, after, &mut BTreeSet::from([14]));
    holds(&sound).unwrap();
    let rows: [(&str, Breaks); 7] = [
        ("the epoch never falls", |of| of.recovery_epoch = 0),
        ("a retired id never comes back", |of| {
            of.members.get_mut(&14).unwrap().standing = Standing::Learner;
        }),
        ("every node that ever was", |of| drop(of.members.remove(&13))),
        ("nobody is told", |of| of.in_force.truncate(1)),
        ("there is a set of voters", |of| of.in_force.clear()),
        ("two sets in two cities", |of| {
            for id in [11, 12, 13] {
                of.members.get_mut(&id).unwrap().standing = Standing::Learner;
            }
        }),
        ("no city has more voters", |of| {
            let more = ClusterMember { node_id: 15, ..of.members[&11].clone() };
            of.members.insert(15, more);
        }),
    ];
    for (claim, breaks) in rows {
        let mut broken = sound.clone();
        breaks(&mut broken);
        let found = holds(&broken).expect_err(claim);
        assert!(found.contains(claim), "{claim}: {found}");
    }
}
