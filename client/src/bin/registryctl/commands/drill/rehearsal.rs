//! A drill under way: what is done to the target, and who looks on meanwhile.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use registry_client::preflight::CAUGHT_UP_ENTRIES;
use registry_client::probe::{Contest, Probe, bound_to, impatient};
use registry_client::proto::{GetStatusReply, Topology};
use registry_client::{NodeStatus, RegistryClient};
use serde_json::Value;
use tokio::process::Command;

use super::target::{Node, Target};
use super::watch::{Change, Watch, leader};

/// Time for anything that a drill waits for, except where it says otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Time for one call of a probe with all its attempts: nobody gives up before the
/// drill has brought the service back.
const PROBE_PATIENCE: Duration = Duration::from_secs(120);
/// Time for a command that an operator types.
const COMMAND_PATIENCE: Duration = Duration::from_secs(900);
/// Time for a caller that is bound to a city.
const BOUND_PATIENCE: Duration = Duration::from_secs(2);
/// Writes of each probe that show that the service is there.
const SOME_WRITES: usize = 20;

/// One drill from its first to its last run.
pub(super) struct Rehearsal {
    pub(super) target: Target,
    pub(super) watch: Watch,
    pub(super) probes: Vec<Probe>,
    pub(super) contest: Contest,
    pub(super) began: Instant,
    pub(super) steps: Vec<Step>,
    pub(super) measured: Vec<Measured>,
    /// Other clusters that were made meanwhile, with what became of their nodes.
    pub(super) beside: Vec<(Target, Vec<Change>)>,
    /// Prefix of every request id, never the same.
    pub(super) run_id: String,
}

/// Something that was done or found.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) at: Instant,
    pub(super) what: String,
}

/// An event whose interruption is measured: between the two moments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) from: Instant,
    pub(super) until: Instant,
    /// The time itself counts, not how long nobody was answered in it.
    pub(super) whole: bool,
}

impl Rehearsal {
    /// Lets the probes begin.
    pub(super) async fn begin(target: Target, run_id: &str) -> Result<Self> {
        let watch = Watch::start(&target)?;
        let cities: Vec<String> = target.cities().into_iter().take(2).collect();
        let mut probes = Vec::new();
        let mut sides = Vec::new();
        for (number, city) in cities.iter().enumerate() {
            let registry =
                impatient(target.officer()?, target.endpoints_from(city), PROBE_PATIENCE)?;
            let name = format!("{run_id}-{city}");
            probes.push(Probe::start(registry, &name, target.account(number)));
            sides.push((city.clone(), bound(&target, city)?));
        }
        let contest = Contest::start(sides, &format!("{run_id}-both"), target.account(2));
        let began = Instant::now();
        Ok(Self {
            target,
            watch,
            probes,
            contest,
            began,
            steps: vec![],
            measured: vec![],
            beside: vec![],
            run_id: run_id.to_owned(),
        })
    }

    /// Notes something, and tells it.
    pub(super) fn note(&mut self, what: impl Into<String>) {
        let (at, what) = (Instant::now(), what.into());
        let since = at.duration_since(self.began).as_secs_f64();
        eprintln!("  {since:8.3} s  {what}");
        self.steps.push(Step { at, what });
    }

    /// Waits until every member answers, one leads, all have caught up, and the
    /// membership is what the layout says; then until the probes wrote some more.
    pub(super) async fn whole(&self) -> Result<()> {
        let members: Vec<u64> = self.target.members().map(|node| node.id).collect();
        let whole = |statuses: &[NodeStatus]| {
            let leader = leader(statuses)?;
            let fit = |id: &u64| {
                let answers = statuses.iter().filter_map(|node| node.status.as_ref().ok());
                answers.filter(|status| status.node_id == *id).any(|status| {
                    status.leader_id == leader.node_id
                        && status.membership_as_layout
                        && status.applied_log_index + CAUGHT_UP_ENTRIES >= leader.last_log_index
                })
            };
            members.iter().all(fit).then_some(())
        };
        self.watch.until("every node to be up and to have caught up", PATIENCE, whole).await?;
        self.some_writes().await
    }

    pub(super) async fn some_writes(&self) -> Result<()> {
        for probe in &self.probes {
            let wrote = probe.more(SOME_WRITES, PROBE_PATIENCE).await;
            ensure!(wrote, "no {SOME_WRITES} writes were answered within {PROBE_PATIENCE:?}");
        }
        Ok(())
    }

    /// Ends a measurement that began at `from` once the service is there for sure.
    pub(super) async fn measured(&mut self, name: &'static str, from: Instant) -> Result<()> {
        self.some_writes().await?;
        self.measured.push(Measured { name, from, until: Instant::now(), whole: false });
        Ok(())
    }

    /// Notes how long something took.
    pub(super) fn took(&mut self, name: &'static str, from: Instant) {
        self.measured.push(Measured { name, from, until: Instant::now(), whole: true });
    }

    pub(super) async fn leader(&self) -> Result<GetStatusReply> {
        self.watch.until("a leader", PATIENCE, leader).await
    }

    /// Another leader than this one, standing where one should.
    pub(super) async fn next_leader(
        &self,
        wanted: impl Fn(&GetStatusReply) -> bool,
    ) -> Result<GetStatusReply> {
        let witness = witness(self.record().await?);
        let fits = |of: &GetStatusReply| wanted(of) && of.city != witness;
        let found = |statuses: &[NodeStatus]| leader(statuses).filter(fits);
        self.watch.until("the next leader", PATIENCE, found).await
    }

    /// The cluster as the ledger records it.
    pub(super) async fn record(&self) -> Result<Topology> {
        let newest = |statuses: &[NodeStatus]| {
            let answers = statuses.iter().filter_map(|node| node.status.as_ref().ok());
            let newest = answers.max_by_key(|of| (of.recovery_epoch, of.applied_log_index))?;
            newest.topology.clone()
        };
        self.watch.until("the record of the cluster", PATIENCE, newest).await
    }

    pub(super) async fn until_recorded(
        &self,
        what: &str,
        wanted: impl Fn(&Topology) -> bool,
    ) -> Result<()> {
        let found = |statuses: &[NodeStatus]| {
            let leader = leader(statuses)?;
            leader.topology.filter(|topology| wanted(topology)).map(|_| ())
        };
        self.watch.until(what, PATIENCE, found).await
    }

    /// One of the two cities that is not this one, nor the third place.
    pub(super) async fn other_city(&self, city: &str) -> Result<String> {
        let record = self.record().await?;
        let others = record.cities.into_iter().filter(|of| of.city != city && !of.is_witness);
        others.map(|of| of.city).next().context("there is no other city")
    }

    pub(super) async fn kill(&mut self, nodes: &[Node]) -> Result<()> {
        self.note(format!("killed {}", names(nodes)));
        self.target.kill(nodes).await?;
        self.down(nodes).await
    }

    pub(super) async fn down(&self, nodes: &[Node]) -> Result<()> {
        let ended = |statuses: &[NodeStatus]| {
            let up = |node: &Node| {
                statuses.iter().any(|of| of.endpoint == node.endpoint && of.status.is_ok())
            };
            (!statuses.is_empty() && !nodes.iter().any(up)).then_some(())
        };
        self.watch.until(&format!("{} to be down", names(nodes)), PATIENCE, ended).await
    }

    pub(super) async fn start(&mut self, nodes: &[Node]) -> Result<()> {
        self.note(format!("started {}", names(nodes)));
        self.target.start(nodes).await?;
        let answering = |statuses: &[NodeStatus]| {
            let up = |node: &Node| {
                statuses.iter().any(|of| of.endpoint == node.endpoint && of.status.is_ok())
            };
            nodes.iter().all(up).then_some(())
        };
        self.watch.until(&format!("{} to answer", names(nodes)), PATIENCE, answering).await
    }

    /// Types a command as the first operator.
    pub(super) async fn typed(&mut self, arguments: &[&str]) -> Result<Value> {
        let endpoints: Vec<String> =
            self.target.members().map(|node| node.endpoint.clone()).collect();
        self.typed_at(0, &endpoints, arguments).await
    }

    /// One operator proposes, the other approves.
    pub(super) async fn typed_by_two(&mut self, arguments: &[&str]) -> Result<()> {
        let proposed = self.typed(arguments).await?;
        let id = proposed["proposal_id"].to_string();
        let sha256 = proposed["content_sha256"].as_str().unwrap_or_default().to_owned();
        let endpoints: Vec<String> =
            self.target.members().map(|node| node.endpoint.clone()).collect();
        let approve = ["control", "approve", "--proposal", &id, "--sha256", &sha256];
        self.typed_at(1, &endpoints, &approve).await?;
        Ok(())
    }

    /// Types a command as an operator, at certain nodes.
    pub(super) async fn typed_at(
        &mut self,
        operator: usize,
        endpoints: &[String],
        arguments: &[&str],
    ) -> Result<Value> {
        let target = self.target.clone();
        self.typed_on(&target, operator, endpoints, arguments).await
    }

    /// The same at another cluster.
    pub(super) async fn typed_on(
        &mut self,
        target: &Target,
        operator: usize,
        endpoints: &[String],
        arguments: &[&str],
    ) -> Result<Value> {
        self.note(format!("operator {}: registryctl {}", operator + 1, arguments.join(" ")));
        let program = std::env::current_exe().context("finding this program")?;
        let mut child = Command::new(program);
        child.arg("--endpoints").arg(endpoints.join(","));
        child.arg("--identity").arg(target.operator_path(operator));
        child.args(["--output", "json"]).args(arguments);
        child.stdin(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(COMMAND_PATIENCE, child.output()).await;
        let command = arguments.join(" ");
        let ended = ended.with_context(|| format!("`{command}` did not end in time"))??;
        if !ended.status.success() {
            let told = String::from_utf8_lossy(&ended.stderr);
            bail!("`registryctl {command}` ended with {}: {}", ended.status, told.trim());
        }
        serde_json::from_slice(&ended.stdout).with_context(|| format!("answer of `{command}`"))
    }

    /// A caller that asks the nodes of a city only.
    pub(super) fn bound_to(&self, city: &str) -> Result<RegistryClient> {
        bound(&self.target, city)
    }
}

fn bound(target: &Target, city: &str) -> Result<RegistryClient> {
    let endpoints = target.members_in(city).into_iter().map(|node| node.endpoint).collect();
    Ok(bound_to(target.officer()?, endpoints, BOUND_PATIENCE)?)
}

fn witness(record: Topology) -> String {
    let third = record.cities.into_iter().find(|city| city.is_witness);
    third.map(|city| city.city).unwrap_or_default()
}

pub(super) fn names(nodes: &[Node]) -> String {
    nodes.iter().map(|node| node.name.as_str()).collect::<Vec<&str>>().join(", ")
}
