//! What came of a drill: measured against the limits, and the conditions it was under.

use std::collections::BTreeMap;

use serde::Serialize;

use super::drills::{Drill, limits};
use super::session::{Interruption, NodeDigest, ProbeLine, Session, now_ms};

/// Of the report's own form.
const FORMAT: u32 = 1;

#[derive(Clone, Debug, Serialize)]
pub(super) struct DrillReport {
    format: u32,
    pub(super) name: &'static str,
    #[serde(flatten)]
    pub(super) conditions: Conditions,
    pub(super) began_at_ms: i64,
    pub(super) passed: bool,
    /// Why it did not pass.
    pub(super) failures: Vec<String>,
    pub(super) measures: Vec<Measure>,
    /// Log entries that were acknowledged and are gone.
    pub(super) rpo_entries: usize,
    pub(super) acknowledged: usize,
    pub(super) acknowledged_lost: usize,
    pub(super) failed_requests: usize,
    /// Request ids under which both cities were asked, each for something else.
    pub(super) contested: usize,
    /// Those that both were granted.
    pub(super) split_brain_writes: usize,
    pub(super) sessions: Vec<Session>,
}

/// Under what it was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Conditions {
    pub(super) target: String,
    pub(super) layout: String,
    /// Emulated; absent where the distance is real.
    pub(super) rtt_ms: Option<u64>,
    pub(super) runs: u32,
    /// Of the machine that the drill is run from; a local cluster is on it.
    hardware: Hardware,
    version: &'static str,
    previous_sha256: String,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Hardware {
    processor: String,
    processors: usize,
    memory_mib: u64,
    kernel: String,
}

/// An event over all runs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measure {
    pub(super) event: &'static str,
    pub(super) runs: usize,
    pub(super) rto_ms_p50: u64,
    pub(super) rto_ms_p99: u64,
    pub(super) limit_ms_p50: Option<u64>,
    pub(super) limit_ms_p99: Option<u64>,
}

/// A drill in the summary.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) layout: String,
    pub(super) rtt_ms: Option<u64>,
    pub(super) runs: u32,
    pub(super) rto_ms_p50: Option<u64>,
    pub(super) rto_ms_p99: Option<u64>,
    pub(super) rpo_entries: usize,
    pub(super) acknowledged_lost: usize,
    pub(super) split_brain_writes: usize,
    pub(super) passed: bool,
}

impl Conditions {
    pub(super) fn here(runs: u32, previous_sha256: &str) -> Self {
        Self {
            runs,
            hardware: Hardware::here(),
            version: env!("CARGO_PKG_VERSION"),
            previous_sha256: previous_sha256.to_owned(),
            ..Self::default()
        }
    }

    /// For people.
    pub(super) fn machine(&self) -> String {
        let Hardware { processor, processors, memory_mib, kernel } = &self.hardware;
        format!("{processors} × {processor}, {memory_mib} MiB, {kernel}")
    }
}

impl Hardware {
    /// What the kernel tells; empty where it tells nothing.
    fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, key: &str| {
            let lines = text.lines().filter_map(|line| line.split_once(':'));
            let mut values = lines.filter(|(name, _)| name.trim() == key);
            values.next().map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let memory_kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: memory_kib / 1_024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl DrillReport {
    pub(super) fn of(
        drill: Drill,
        conditions: Conditions,
        sessions: Vec<Session>,
        mut failures: Vec<String>,
    ) -> Self {
        let measures = measures(&sessions, &conditions.layout);
        failures.extend(sessions.iter().flat_map(|session| session.failures.iter().cloned()));
        failures.extend(measures.iter().flat_map(Measure::failures));
        failures.extend(sessions.iter().filter_map(|session| differing(&session.digests)));
        let probes: Vec<&ProbeLine> = sessions.iter().flat_map(|session| &session.probes).collect();
        let contests = || sessions.iter().map(|session| &session.contest);
        let report = Self {
            format: FORMAT,
            name: drill.name(),
            began_at_ms: sessions.first().map_or_else(now_ms, |session| session.began_at_ms),
            passed: false,
            measures,
            rpo_entries: sessions.iter().map(|session| session.rpo_entries).sum(),
            acknowledged: probes.iter().map(|probe| probe.acknowledged).sum(),
            acknowledged_lost: probes.iter().map(|probe| probe.lost.len()).sum(),
            failed_requests: probes.iter().map(|probe| probe.failed).sum(),
            contested: contests().map(|contest| contest.by_several).sum(),
            split_brain_writes: contests().map(|contest| contest.granted_twice).sum(),
            failures,
            conditions,
            sessions,
        };
        report.judged()
    }

    fn judged(mut self) -> Self {
        for (count, what) in [
            (self.acknowledged_lost, "acknowledged writes are lost"),
            (self.failed_requests, "requests failed"),
            (self.split_brain_writes, "request ids were granted on both sides"),
        ] {
            if count > 0 {
                self.failures.push(format!("{count} {what}"));
            }
        }
        // What nobody tried is not shown.
        for (count, what) in [
            (self.measures.len(), "no event was measured"),
            (self.acknowledged, "no write was acknowledged"),
            (self.contested, "no request was asked for on both sides"),
        ] {
            if count == 0 {
                self.failures.push(what.to_owned());
            }
        }
        self.passed = self.failures.is_empty();
        self
    }

    pub(super) fn line(&self) -> Line {
        let own = self.measures.iter().find(|measure| measure.event == self.name);
        let event = own.or(self.measures.first());
        Line {
            name: self.name,
            layout: self.conditions.layout.clone(),
            rtt_ms: self.conditions.rtt_ms,
            runs: self.conditions.runs,
            rto_ms_p50: event.map(|measure| measure.rto_ms_p50),
            rto_ms_p99: event.map(|measure| measure.rto_ms_p99),
            rpo_entries: self.rpo_entries,
            acknowledged_lost: self.acknowledged_lost,
            split_brain_writes: self.split_brain_writes,
            passed: self.passed,
        }
    }
}

impl Measure {
    fn failures(&self) -> impl Iterator<Item = String> {
        let half = ("p50", self.rto_ms_p50, self.limit_ms_p50);
        let most = ("p99", self.rto_ms_p99, self.limit_ms_p99);
        let over = [half, most].into_iter().filter_map(|(name, ms, limit)| {
            let limit = limit.filter(|limit| ms > *limit)?;
            Some(format!("{}: RTO {name} was {ms} ms, {limit} ms are allowed", self.event))
        });
        over.collect::<Vec<String>>().into_iter()
    }
}

/// In the order in which they were measured first.
fn measures(sessions: &[Session], layout: &str) -> Vec<Measure> {
    let all = || sessions.iter().flat_map(|session| &session.measured);
    let mut by_event: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut order: Vec<&'static str> = Vec::new();
    for Interruption { event, rto_ms, .. } in all() {
        if !order.contains(event) {
            order.push(event);
        }
        by_event.entry(event).or_default().push(*rto_ms);
    }
    let measure = |event: &'static str| {
        let mut rtos = by_event.remove(event).unwrap_or_default();
        rtos.sort_unstable();
        let limits = limits(event, layout);
        Measure {
            event,
            runs: rtos.len(),
            rto_ms_p50: nearest_rank(&rtos, 50),
            rto_ms_p99: nearest_rank(&rtos, 99),
            limit_ms_p50: limits.p50_ms,
            limit_ms_p99: limits.p99_ms,
        }
    };
    order.into_iter().map(measure).collect()
}

/// The least value that so many per cent of the sorted values do not exceed.
fn nearest_rank(sorted: &[u64], per_cent: usize) -> u64 {
    let rank = (sorted.len() * per_cent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn differing(digests: &[NodeDigest]) -> Option<String> {
    let first = digests.first()?;
    let other = digests.iter().find(|of| of.state_sha256 != first.state_sha256)?;
    Some(format!("{} and {} hold different states", first.node, other.node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::drill::session::ContestLine;

    fn session(rtos_ms: &[u64]) -> Session {
        let measured = rtos_ms.iter().map(|rto_ms| Interruption {
            event: "leader-kill",
            from_ms: 0,
            until_ms: 9_000,
            rto_ms: *rto_ms,
        });
        let probe = ProbeLine {
            city: "wuhan".to_owned(),
            account_id: 1,
            acknowledged: 5,
            reads: 5,
            failed: 0,
            lost: vec![],
            gaps_ms: vec![],
            answered: vec![],
        };
        let digest = |node: &str| NodeDigest {
            node: node.to_owned(),
            log_index: 1,
            state_sha256: "aa".to_owned(),
        };
        Session {
            began_at_ms: 1,
            lasted_ms: 10,
            steps: vec![],
            measured: measured.collect(),
            nodes: vec![],
            probes: vec![probe],
            contest: ContestLine {
                by_several: 1,
                granted_once: 1,
                granted_twice: 0,
                sides: vec![],
            },
            digests: vec![digest("sh-1"), digest("wh-1")],
            rpo_entries: 0,
            failures: vec![],
        }
    }

    fn judged(session: Session) -> DrillReport {
        let conditions = Conditions { layout: "dual-city".to_owned(), ..Conditions::here(1, "") };
        DrillReport::of(Drill::LeaderKill, conditions, vec![session], vec![])
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<u64> = (1..=200).collect();
        assert_eq!((nearest_rank(&values, 50), nearest_rank(&values, 99)), (100, 198));
        assert_eq!((nearest_rank(&[7], 50), nearest_rank(&[7], 99)), (7, 7));
        assert_eq!(nearest_rank(&[1, 2, 3], 50), 2);
        assert_eq!(nearest_rank(&[], 99), 0);
    }

    #[test]
    fn a_drill_passes_only_within_the_limits_and_with_nothing_lost() {
        let passed = judged(session(&[1_000, 1_500, 3_000]));
        assert!(passed.passed, "{:?}", passed.failures);
        assert_eq!(passed.line().rto_ms_p50, Some(1_500));
        type Spoil = fn(&mut Session);
        let spoilt: [(&str, Spoil); 7] = [
            ("p50 was 2500 ms, 2000", |of| of.measured[0].rto_ms = 2_500),
            ("p99 was 4001 ms, 4000", |of| of.measured[2].rto_ms = 4_001),
            ("1 acknowledged writes are lost", |of| of.probes[0].lost.push("x".to_owned())),
            ("2 requests failed", |of| of.probes[0].failed = 2),
            ("granted on both sides", |of| of.contest.granted_twice = 1),
            ("asked for on both sides", |of| of.contest.by_several = 0),
            ("sh-1 and wh-1 hold different", |of| of.digests[1].state_sha256 = "bb".to_owned()),
        ];
        for (expected, spoil) in spoilt {
            let mut of = session(&[1_000, 2_000, 3_000]);
            spoil(&mut of);
            of.measured.sort_by_key(|of| of.rto_ms);
            let report = judged(of);
            assert!(!report.passed && report.failures.join("; ").contains(expected), "{expected}");
        }
    }
}
