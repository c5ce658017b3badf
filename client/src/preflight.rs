//! What must hold before the leadership moves to another city or a city leaves
//! the quorum, judged from what every node says of itself.

use std::collections::BTreeSet;

use registry_proto::registry::{GetStatusReply, NodeRecord, Topology, VoterSet};

use crate::operator::NodeStatus;

/// Log entries that a node may lag behind and count as caught up.
pub const CAUGHT_UP_ENTRIES: u64 = 256;
/// Clocks further apart than this stop a switchover: offers and proposals end by
/// the leader's clock.
pub const CLOCK_OFFSET_LIMIT_MS: i64 = 500;
/// A certificate must be good for so much longer: a day.
const CERTIFICATE_LEFT_MS: i64 = 24 * 3_600 * 1_000;
/// So much of the disk, at least, must be free: a twentieth.
const DISK_PARTS: u64 = 20;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What, e.g. `quorum after the step`.
    pub what: &'static str,
    /// Whether the step may be made.
    pub passed: bool,
    /// What was found.
    pub found: String,
}

/// A step that operators plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planned<'a> {
    /// The leader is to stand in this city.
    Lead(&'a str),
    /// This city is to leave the quorum.
    Leave(&'a str),
}

/// Everything that is looked at, in the order in which people read it. The
/// statuses must have been asked for the digest at `at_log_index`.
#[must_use]
pub fn preflight(nodes: &[NodeStatus], at_log_index: u64, planned: Planned<'_>) -> Vec<Check> {
    let answers: Vec<(&NodeStatus, &GetStatusReply)> =
        nodes.iter().filter_map(|node| Some((node, node.status.as_ref().ok()?))).collect();
    let newest = answers
        .iter()
        .map(|(_, status)| *status)
        .max_by_key(|status| (status.recovery_epoch, status.term, status.applied_log_index));
    let Some(topology) = newest.and_then(|status| status.topology.clone()) else {
        let found = "no node that belongs to a formed cluster answers".to_owned();
        return vec![Check { what: "cluster", passed: false, found }];
    };
    let seen = Seen { answers, topology };
    vec![
        seen.city(planned),
        seen.settled(),
        seen.leader(),
        seen.quorum(planned),
        seen.lag(planned),
        seen.digests(at_log_index),
        seen.clocks(),
        seen.disks(),
        seen.certificates(),
        seen.versions(),
    ]
}

struct Seen<'a> {
    answers: Vec<(&'a NodeStatus, &'a GetStatusReply)>,
    topology: Topology,
}

fn check(what: &'static str, passed: bool, found: impl Into<String>) -> Check {
    Check { what, passed, found: found.into() }
}

fn names<'a>(of: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = of.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Seen<'_> {
    fn voters_in<'b>(&'b self, city: &'b str) -> impl Iterator<Item = &'b NodeRecord> {
        let nodes = self.topology.nodes.iter();
        nodes.filter(move |node| node.city == city && node.standing == "voter")
    }

    fn status_of(&self, node_id: u64) -> Option<&GetStatusReply> {
        self.answers.iter().map(|(_, status)| *status).find(|status| status.node_id == node_id)
    }

    fn leader_status(&self) -> Option<&GetStatusReply> {
        let leading = self.answers.iter().filter(|(_, status)| status.raft_state == "leader");
        leading.map(|(_, status)| *status).max_by_key(|status| status.term)
    }

    fn city(&self, planned: Planned<'_>) -> Check {
        let (Planned::Lead(city) | Planned::Leave(city)) = planned;
        let cities = names(self.topology.cities.iter().map(|of| of.city.as_str()));
        match self.topology.cities.iter().find(|of| of.city == city) {
            None => check("city", false, format!("{city} is none of {cities}")),
            Some(of) if of.is_witness => {
                check("city", false, format!("{city} is the third place, which does not lead"))
            }
            Some(_) => check("city", true, format!("{city}, one of {cities}")),
        }
    }

    fn settled(&self) -> Check {
        let Topology { commanded, in_force, one_city, .. } = &self.topology;
        match one_city {
            _ if commanded != in_force => {
                check("membership", false, "the voters are changing; wait until that is done")
            }
            Some(one) => check(
                "membership",
                false,
                format!("{} is out of the quorum; bring it back first", one.city_out),
            ),
            None => check("membership", true, "as commanded, both cities in the quorum"),
        }
    }

    fn leader(&self) -> Check {
        match self.leader_status() {
            Some(leader) => {
                let found =
                    format!("{} in {}, term {}", leader.node_name, leader.city, leader.term);
                check("leader", true, found)
            }
            None => check("leader", false, "no node says that it leads"),
        }
    }

    /// A majority of each set of voters that is left after the step answers, and one
    /// more could fail.
    fn quorum(&self, planned: Planned<'_>) -> Check {
        const WHAT: &str = "quorum after the step";
        let leaving: BTreeSet<u64> = match planned {
            Planned::Leave(city) => self.voters_in(city).map(|node| node.node_id).collect(),
            Planned::Lead(_) => BTreeSet::new(),
        };
        let sets = self.topology.commanded.iter().map(|set: &VoterSet| {
            let left = set.node_ids.iter().filter(|id| !leaving.contains(id));
            left.copied().collect::<Vec<u64>>()
        });
        let mut found = Vec::new();
        let mut passed = true;
        for set in sets.filter(|set| !set.is_empty()) {
            let up = set.iter().filter(|id| self.status_of(**id).is_some()).count();
            passed &= up * 2 > set.len();
            found.push(format!("{up} of {} answer", set.len()));
        }
        check(WHAT, passed && !found.is_empty(), found.join("; "))
    }

    fn lag(&self, planned: Planned<'_>) -> Check {
        let last = self.leader_status().map_or(0, |leader| leader.last_log_index);
        let lag = |id: u64| {
            self.status_of(id).map(|status| last.saturating_sub(status.applied_log_index))
        };
        let stays = |city: &str| match planned {
            Planned::Lead(to) => city == to,
            Planned::Leave(out) => city != out,
        };
        let voters = self.topology.nodes.iter().filter(|node| node.standing == "voter");
        let next: Vec<&NodeRecord> = voters.filter(|node| stays(&node.city)).collect();
        let ready =
            |node: &&&NodeRecord| lag(node.node_id).is_some_and(|of| of <= CAUGHT_UP_ENTRIES);
        let ready = next.iter().filter(ready).count();
        let each = next.iter().map(|node| {
            let behind = lag(node.node_id).map_or("silent".to_owned(), |of| of.to_string());
            format!("{} {behind}", node.node_name)
        });
        let found = format!("entries behind: {}", each.collect::<Vec<String>>().join(", "));
        let enough = match planned {
            Planned::Lead(_) => ready > 0,
            Planned::Leave(_) => ready * 2 > next.len(),
        };
        check("lag", enough, found)
    }

    fn digests(&self, at_log_index: u64) -> Check {
        let digests: BTreeSet<&[u8]> = self
            .answers
            .iter()
            .map(|(_, status)| status.digest_at_index.as_ref())
            .filter(|digest| !digest.is_empty())
            .collect();
        let found = match digests.len() {
            0 => format!("nobody remembers log index {at_log_index}"),
            1 => format!("one state at log index {at_log_index}"),
            different => format!("{different} different states at log index {at_log_index}"),
        };
        check("state digests", digests.len() == 1, found)
    }

    fn clocks(&self) -> Check {
        let offsets = || self.answers.iter().map(|(node, _)| node.clock_offset_ms);
        let (least, most) = (offsets().min().unwrap_or(0), offsets().max().unwrap_or(0));
        let apart = most.saturating_sub(least);
        let found = format!("{apart} ms apart, {CLOCK_OFFSET_LIMIT_MS} allowed");
        check("clocks", apart <= CLOCK_OFFSET_LIMIT_MS, found)
    }

    fn disks(&self) -> Check {
        let short = self
            .answers
            .iter()
            .filter(|(_, status)| status.disk_free_bytes < status.disk_total_bytes / DISK_PARTS);
        let short: Vec<&str> = short.map(|(_, status)| status.node_name.as_str()).collect();
        let least = self.answers.iter().map(|(_, status)| status.disk_free_bytes >> 30).min();
        let found = match short.is_empty() {
            true => format!("at least {} GiB free", least.unwrap_or(0)),
            false => format!("less than a twentieth free at {}", short.join(", ")),
        };
        check("disks", short.is_empty(), found)
    }

    fn certificates(&self) -> Check {
        let ending = self.answers.iter().filter(|(_, status)| {
            status.certificate_expires_at_ms.saturating_sub(status.clock_ms) < CERTIFICATE_LEFT_MS
        });
        let ending: Vec<&str> = ending.map(|(_, status)| status.node_name.as_str()).collect();
        let left = self.answers.iter().map(|(_, status)| {
            status.certificate_expires_at_ms.saturating_sub(status.clock_ms) / CERTIFICATE_LEFT_MS
        });
        let found = match ending.is_empty() {
            true => format!("the first expires in {} days", left.min().unwrap_or(0)),
            false => format!("less than a day left at {}", ending.join(", ")),
        };
        check("certificates", ending.is_empty(), found)
    }

    fn versions(&self) -> Check {
        let versions: BTreeSet<(&str, u32)> = self
            .answers
            .iter()
            .map(|(_, status)| (status.version.as_str(), status.rules_known))
            .collect();
        let told = versions.iter().map(|(version, rules)| format!("{version} (rules {rules})"));
        check("versions", versions.len() == 1, told.collect::<Vec<String>>().join(", "))
    }
}

#[cfg(test)]
#[path = "preflight_tests.rs"]
mod tests;
