//! What was seen from the first to the last run on one cluster, as reports have it:
//! every moment in milliseconds since the beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use registry_client::hex;
use registry_client::probe::{ContestLog, ProbeLog, Sample, impatient};
use registry_client::proto::GetStatusReply;
use serde::Serialize;

use super::drills::Drill;
use super::rehearsal::{Measured, PATIENCE, Rehearsal};
use super::target::{Node, Target};
use super::watch::Change;
use crate::commands::failover::common_index;

/// Samples are counted by so much time.
pub(super) const BUCKET_MS: u64 = 100;
/// Interruptions that are listed.
const NOTABLE_GAP: Duration = Duration::from_millis(250);
/// Failed requests that are told in words.
const TOLD_FAILURES: usize = 10;
/// Between two questions for the digests.
const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, Serialize)]
pub(super) struct Session {
    pub(super) began_at_ms: i64,
    pub(super) lasted_ms: u64,
    pub(super) steps: Vec<Step>,
    pub(super) measured: Vec<Interruption>,
    pub(super) nodes: Vec<NodeLine>,
    pub(super) probes: Vec<ProbeLine>,
    pub(super) contest: ContestLine,
    /// Of all nodes that belong to the cluster at the end, at one log index.
    pub(super) digests: Vec<NodeDigest>,
    pub(super) rpo_entries: usize,
    pub(super) failures: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub(super) at_ms: u64,
    pub(super) what: String,
}

/// How long nobody was answered during an event.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Interruption {
    pub(super) event: &'static str,
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
    /// The longest time without an answered write or read, of the probe that had to
    /// wait longest; of a restoration the time that it took.
    pub(super) rto_ms: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct NodeLine {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) city: String,
    pub(super) changes: Vec<StateChange>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct StateChange {
    pub(super) at_ms: u64,
    pub(super) state: &'static str,
    pub(super) more: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ProbeLine {
    /// The city whose nodes it asks first.
    pub(super) city: String,
    pub(super) account_id: u64,
    pub(super) acknowledged: usize,
    pub(super) reads: usize,
    pub(super) failed: usize,
    /// Acknowledged, and not there any more.
    pub(super) lost: Vec<String>,
    /// Times without an answered write.
    pub(super) gaps_ms: Vec<(u64, u64)>,
    /// Beginning of each tenth of a second, writes, reads and failed requests in it.
    pub(super) answered: Vec<(u64, u32, u32, u32)>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ContestLine {
    pub(super) by_several: usize,
    pub(super) granted_once: usize,
    pub(super) granted_twice: usize,
    pub(super) sides: Vec<SideLine>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct SideLine {
    pub(super) city: String,
    /// When it asked, and whether it was granted.
    pub(super) asked: Vec<(u64, bool)>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct NodeDigest {
    pub(super) node: String,
    pub(super) log_index: u64,
    pub(super) state_sha256: String,
}

impl Session {
    /// Rehearses, and tells what was seen whether it went well or not.
    pub(super) async fn rehearsed(
        drill: Drill,
        target: Target,
        run_id: &str,
        runs: u32,
    ) -> Result<Self> {
        let began_at_ms = now_ms();
        let mut rehearsal = Rehearsal::begin(target, run_id).await?;
        let mut failures = Vec::new();
        for run in 1..=runs {
            if let Err(error) = drill.run(&mut rehearsal).await {
                rehearsal.note(format!("failed: {error:#}"));
                failures.push(format!("run {run}: {error:#}"));
                if let Err(error) = rehearsal.target.heal().await {
                    failures.push(format!("ending the isolation: {error:#}"));
                }
                break;
            }
        }
        let lasted = rehearsal.began.elapsed();
        let seen = Self::ended(rehearsal, began_at_ms, lasted, failures).await?;
        Ok(seen)
    }

    async fn ended(
        rehearsal: Rehearsal,
        began_at_ms: i64,
        lasted: Duration,
        mut failures: Vec<String>,
    ) -> Result<Self> {
        let Rehearsal { target, watch, probes, contest, began, steps, measured, beside, .. } =
            rehearsal;
        let contest = contest.stop().await;
        let mut logs = Vec::new();
        for (probe, city) in probes.into_iter().zip(target.cities()) {
            logs.push((city, probe.stop().await.context("a probe came to harm")?));
        }
        let changes = watch.stop().await?;
        let mut lines = Vec::new();
        let mut lost_positions = BTreeSet::new();
        for (city, log) in &logs {
            let mut line = ProbeLine::of(city, log, began);
            match presence(&target, log).await {
                Ok(found) => {
                    line.lost = found.lost;
                    lost_positions.extend(found.lost_positions);
                }
                Err(error) => failures.push(format!(
                    "whether everything is there that the probe in {city} was promised could not \
                     be seen: {error:#}"
                )),
            }
            let told = log.failures();
            failures.extend(told.iter().take(TOLD_FAILURES).map(|why| format!("{city}: {why}")));
            lines.push(line);
        }
        let digests = match digests(&target).await {
            Ok(digests) => digests,
            Err(error) => {
                failures.push(format!("comparing the nodes' states: {error:#}"));
                Vec::new()
            }
        };
        let mut nodes = node_lines(&target.nodes, &changes, began);
        for (other, changes) in &beside {
            let lines = node_lines(&other.nodes, changes, began).into_iter();
            let named = |line: NodeLine| {
                let name = format!("{} {}", other.name, line.name);
                NodeLine { name, ..line }
            };
            nodes.extend(lines.map(named));
        }
        let logs: Vec<&ProbeLog> = logs.iter().map(|(_, log)| log).collect();
        Ok(Self {
            began_at_ms,
            lasted_ms: ms(lasted),
            steps: steps
                .into_iter()
                .map(|step| Step { at_ms: since(began, step.at), what: step.what })
                .collect(),
            measured: measured.iter().map(|of| interruption(of, &logs, began)).collect(),
            nodes,
            probes: lines,
            contest: ContestLine::of(&contest, began),
            digests,
            rpo_entries: lost_positions.len(),
            failures,
        })
    }
}

async fn presence(target: &Target, log: &ProbeLog) -> Result<registry_client::probe::Presence> {
    let endpoints = target.nodes.iter().map(|node| node.endpoint.clone()).collect();
    let registry = impatient(target.officer()?, endpoints, PATIENCE)?;
    Ok(log.presence(&registry).await?)
}

fn interruption(of: &Measured, logs: &[&ProbeLog], began: Instant) -> Interruption {
    let longest = match of.whole {
        true => Some(of.until.saturating_duration_since(of.from)),
        false => logs.iter().map(|log| log.longest_gap_within(of.from, of.until)).max(),
    };
    Interruption {
        event: of.name,
        from_ms: since(began, of.from),
        until_ms: since(began, of.until),
        rto_ms: ms(longest.unwrap_or_default()),
    }
}

fn node_lines(nodes: &[Node], changes: &[Change], began: Instant) -> Vec<NodeLine> {
    let line = |(place, node): (usize, &Node)| NodeLine {
        id: node.id,
        name: node.name.clone(),
        city: node.city.clone(),
        changes: changes
            .iter()
            .filter(|change| change.node == place)
            .map(|change| StateChange {
                at_ms: since(began, change.at),
                state: change.state,
                more: change.more.clone(),
            })
            .collect(),
    };
    nodes.iter().enumerate().map(line).collect()
}

impl ProbeLine {
    fn of(city: &str, log: &ProbeLog, began: Instant) -> Self {
        let mut buckets: BTreeMap<u64, (u32, u32, u32)> = BTreeMap::new();
        let mut count = |samples: &[Sample], reads: bool| {
            for sample in samples {
                let at = since(began, sample.ended) / BUCKET_MS * BUCKET_MS;
                let bucket = buckets.entry(at).or_default();
                match &sample.outcome {
                    Err(_) => bucket.2 += 1,
                    Ok(_) if reads => bucket.1 += 1,
                    Ok(_) => bucket.0 += 1,
                }
            }
        };
        count(&log.writes, false);
        count(&log.reads, true);
        let gaps = log.write_gaps(NOTABLE_GAP).into_iter();
        Self {
            city: city.to_owned(),
            account_id: log.account.account_id,
            acknowledged: log.acknowledged(),
            reads: log.reads.iter().filter(|sample| sample.outcome.is_ok()).count(),
            failed: log.failures().len(),
            lost: Vec::new(),
            gaps_ms: gaps.map(|(from, until)| (since(began, from), since(began, until))).collect(),
            answered: buckets
                .into_iter()
                .map(|(at, (writes, reads, failed))| (at, writes, reads, failed))
                .collect(),
        }
    }
}

impl ContestLine {
    fn of(log: &ContestLog, began: Instant) -> Self {
        let counted = log.counted();
        let side = |(city, asked): &(String, BTreeMap<u64, Sample>)| SideLine {
            city: city.clone(),
            asked: asked
                .values()
                .map(|sample| (since(began, sample.began), sample.outcome.is_ok()))
                .collect(),
        };
        Self {
            by_several: counted.by_several,
            granted_once: counted.granted_once,
            granted_twice: counted.granted_twice,
            sides: log.sides.iter().map(side).collect(),
        }
    }
}

/// Asks until every node that belongs to the cluster tells the digest of the same
/// log index.
async fn digests(target: &Target) -> Result<Vec<NodeDigest>> {
    let operator = target.watcher()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let belongs = |of: &GetStatusReply| of.bootstrapped && of.superseded_by_epoch == 0;
        let mut nodes = operator.statuses_of_all(0).await;
        nodes.retain(|node| node.status.as_ref().is_ok_and(belongs));
        let log_index = common_index(&nodes);
        let nodes = operator.statuses_of_all(log_index).await;
        let answers = nodes.into_iter().filter_map(|node| node.status.ok()).filter(belongs);
        let digests: Vec<NodeDigest> = answers
            .map(|of| NodeDigest {
                node: of.node_name,
                log_index,
                state_sha256: hex(&of.digest_at_index),
            })
            .collect();
        if log_index > 0 && digests.iter().all(|of| !of.state_sha256.is_empty()) {
            return Ok(digests);
        }
        let missing = digests.iter().filter(|of| of.state_sha256.is_empty());
        let missing: Vec<&str> = missing.map(|of| of.node.as_str()).collect();
        ensure!(
            Instant::now() < deadline,
            "{} do not remember their state at log index {log_index}",
            missing.join(", ")
        );
        tokio::time::sleep(INTERVAL).await;
    }
}

fn since(began: Instant, at: Instant) -> u64 {
    ms(at.saturating_duration_since(began))
}

fn ms(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
