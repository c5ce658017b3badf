//! A running cluster: faults on its nodes, clients to it, what it used.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use registry_client::proto::{BootstrapReply, GetStatusReply};
use registry_client::{
    Connector, ExchangeClient, Identity, OperatorClient, RegistryClient, TwoOfficers, pki,
};

use super::config::NodeConfig;
use super::plan::{ClusterPlan, PlannedNode};
use super::process::{Managed, TAIL_HEADING, find_binary, tail};
use super::procfs::ProcessUsage;
use crate::link::{LinkEmulator, routes_between};
use crate::wait::eventually;

/// Time for every process of a cluster to answer after it was started.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a node to end when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// Log lines shown of each node when something fails.
const TAIL_LINES: usize = 15;

/// Node processes and the link between their cities; all stopped on drop.
#[derive(Debug)]
pub struct Cluster {
    nodes: BTreeMap<u64, Node>,
    links: Option<LinkEmulator>,
    binary: PathBuf,
    plan: ClusterPlan,
}

#[derive(Debug)]
struct Node {
    planned: PlannedNode,
    process: Option<Managed>,
    /// By processes of this node that have ended.
    used_before: ProcessUsage,
}

impl Cluster {
    /// Makes the certificates, starts the links in this process (none for a
    /// layout that has none) and every node, and waits until all answer.
    ///
    /// # Errors
    /// When a process does not start or does not answer in time; the message
    /// ends with the tail of its log.
    pub async fn start(plan: ClusterPlan, rtt: Duration) -> anyhow::Result<Self> {
        let configs: Vec<NodeConfig> = plan.configs().cloned().collect();
        let links = LinkEmulator::start(routes_between(&configs)?, rtt).await?;
        Self::start_with(plan, Some(links)).await
    }

    /// The same over links that another process emulates.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn start_without_links(plan: ClusterPlan) -> anyhow::Result<Self> {
        Self::start_with(plan, None).await
    }

    async fn start_with(plan: ClusterPlan, links: Option<LinkEmulator>) -> anyhow::Result<Self> {
        let binary = find_binary("registry-node", "REGISTRY_NODE_BIN")?;
        let mut certified = pki::Layout::dual_city();
        let named = |node: &PlannedNode| (node.config.node.id, node.config.node.name.clone());
        certified.nodes = plan.nodes.iter().map(named).collect();
        pki::init(&plan.pki_dir(), &certified).context("making the certificates")?;
        let nodes = plan.nodes.iter().map(|planned| {
            let node = Node {
                planned: planned.clone(),
                process: None,
                used_before: ProcessUsage::default(),
            };
            (planned.config.node.id, node)
        });
        let mut cluster = Self { nodes: nodes.collect(), links, binary, plan };
        for id in cluster.node_ids() {
            cluster.launch_with(id, &[])?;
        }
        for id in cluster.node_ids() {
            cluster.answering(id, START_TIMEOUT).await?;
        }
        Ok(cluster)
    }

    /// Starts a cluster, bootstraps it and waits for its leader.
    ///
    /// # Errors
    /// As [`Cluster::start`]; or when the bootstrap is refused or no leader is found.
    pub async fn start_bootstrapped(plan: ClusterPlan, rtt: Duration) -> anyhow::Result<Self> {
        let cluster = Self::start(plan, rtt).await?;
        cluster.bootstrap().await?;
        cluster.leader().await?;
        Ok(cluster)
    }

    /// Forms the cluster of the configured layout.
    ///
    /// # Errors
    /// When no node accepts.
    pub async fn bootstrap(&self) -> anyhow::Result<BootstrapReply> {
        let bootstrapped = self.operator()?.bootstrap("").await;
        self.with_logs(bootstrapped.context("bootstrap"))
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// When the node does not run.
    pub fn kill(&mut self, id: u64) -> anyhow::Result<()> {
        let node = self.node_mut(id)?;
        let mut process = node.process.take().with_context(|| format!("node {id} does not run"))?;
        node.used_before = node.used_before.and(process.kill()?);
        Ok(())
    }

    /// SIGTERM, and waits for a clean end.
    ///
    /// # Errors
    /// When the node does not run, does not end in time, or ends with an error.
    pub async fn stop(&mut self, id: u64) -> anyhow::Result<()> {
        let node = self.node_mut(id)?;
        let mut process = node.process.take().with_context(|| format!("node {id} does not run"))?;
        node.used_before = node.used_before.and(process.terminate(STOP_TIMEOUT).await?);
        Ok(())
    }

    /// Stops every node that runs, all at once.
    ///
    /// # Errors
    /// When one does not end in time or ends with an error.
    pub async fn stop_all(&mut self) -> anyhow::Result<()> {
        let stopping = self.nodes.values_mut().filter_map(|node| {
            let mut process = node.process.take()?;
            Some(async move {
                node.used_before = node.used_before.and(process.terminate(STOP_TIMEOUT).await?);
                anyhow::Ok(())
            })
        });
        futures::future::try_join_all(stopping).await?;
        Ok(())
    }

    /// Waits until a node has ended by itself, without an error.
    ///
    /// # Errors
    /// When it does not run, does not end in time, or ends with an error.
    pub async fn ended(&mut self, id: u64, timeout: Duration) -> anyhow::Result<()> {
        let node = self.node_mut(id)?;
        let mut process = node.process.take().with_context(|| format!("node {id} does not run"))?;
        let what = format!("node {id} to end");
        let status = eventually(&what, timeout, || {
            let exited = process.exited();
            async move { exited }
        });
        let status = status.await?;
        if !status.success() {
            bail!("node {id} ended with {status}");
        }
        Ok(())
    }

    /// Waits until a node has ended by itself and answers its exit code.
    ///
    /// # Errors
    /// When it does not run, does not end in time, or was ended by a signal.
    pub async fn exit_code(&mut self, id: u64, timeout: Duration) -> anyhow::Result<i32> {
        let node = self.node_mut(id)?;
        let process = node.process.as_mut().with_context(|| format!("node {id} does not run"))?;
        let what = format!("node {id} to end");
        let status = eventually(&what, timeout, || {
            let exited = process.exited();
            async move { exited }
        });
        let status = status.await;
        let status = self.with_logs(status)?;
        self.node_mut(id)?.process = None;
        status.code().with_context(|| format!("node {id} ended with {status}"))
    }

    /// What a node has logged since its first start.
    ///
    /// # Errors
    /// When there is no such node, or its log cannot be read.
    pub fn log(&self, id: u64) -> anyhow::Result<String> {
        let path = self.log_path(&self.node(id)?.planned.config);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// SIGSTOP: connections stay, nothing answers.
    ///
    /// # Errors
    /// When the node does not run.
    pub fn pause(&self, id: u64) -> anyhow::Result<()> {
        self.process(id)?.pause()
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When the node does not run.
    pub fn resume(&self, id: u64) -> anyhow::Result<()> {
        self.process(id)?.resume()
    }

    /// Starts a node that is down, with more arguments, and does not wait.
    ///
    /// # Errors
    /// When it runs.
    pub fn launch_with(&mut self, id: u64, more: &[&str]) -> anyhow::Result<()> {
        let node = self.node(id)?;
        if node.process.is_some() {
            bail!("node {id} runs already");
        }
        let config = &node.planned.config;
        let path = node.planned.config_path.to_string_lossy().into_owned();
        let log = self.log_path(config);
        let arguments = [&["--config", &path], more].concat();
        let work_dir = &self.plan.work_dir;
        let process = Managed::start(&config.node.name, &self.binary, &arguments, work_dir, &log)?;
        self.node_mut(id)?.process = Some(process);
        Ok(())
    }

    /// Starts a node that is down and waits until it answers.
    ///
    /// # Errors
    /// When it runs, or does not answer in time.
    pub async fn restart(&mut self, id: u64) -> anyhow::Result<GetStatusReply> {
        self.restart_within(id, START_TIMEOUT).await
    }

    /// The same with a deadline of the caller's.
    ///
    /// # Errors
    /// When it runs, or does not answer in time.
    pub async fn restart_within(
        &mut self,
        id: u64,
        timeout: Duration,
    ) -> anyhow::Result<GetStatusReply> {
        self.launch_with(id, &[])?;
        self.answering(id, timeout).await
    }

    /// Removes the data of a node that is down.
    ///
    /// # Errors
    /// When it runs, or the folder cannot be removed.
    pub fn wipe(&mut self, id: u64) -> anyhow::Result<()> {
        let node = self.node(id)?;
        if node.process.is_some() {
            bail!("node {id} runs: stop it before its data is removed");
        }
        let data = self.plan.work_dir.join(&node.planned.config.node.data_dir);
        fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))
    }

    /// The emulated links, when they run in this process.
    ///
    /// # Errors
    /// When they do not.
    pub fn links(&self) -> anyhow::Result<&LinkEmulator> {
        self.links.as_ref().context("the links run in another process")
    }

    /// The plan this was started from.
    #[must_use]
    pub fn plan(&self) -> &ClusterPlan {
        &self.plan
    }

    /// All nodes that the cluster is formed with, running or not.
    #[must_use]
    pub fn node_ids(&self) -> Vec<u64> {
        self.first_nodes().map(|(id, _)| *id).collect()
    }

    /// Those of a city, running or not.
    #[must_use]
    pub fn nodes_in(&self, city: &str) -> Vec<u64> {
        let nodes = self.first_nodes().filter(|(_, node)| node.planned.config.node.city == city);
        nodes.map(|(id, _)| *id).collect()
    }

    fn first_nodes(&self) -> impl Iterator<Item = (&u64, &Node)> {
        self.nodes.iter().filter(|(_, node)| !node.planned.spare)
    }

    /// What a node, also a spare one, is told.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn config(&self, id: u64) -> anyhow::Result<&NodeConfig> {
        Ok(&self.node(id)?.planned.config)
    }

    /// Where a node answers clients.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn endpoint(&self, id: u64) -> anyhow::Result<String> {
        Ok(self.node(id)?.planned.config.node.client_listen.to_string())
    }

    /// Connects as a user of the development authority, e.g. `exchange-sh`.
    ///
    /// # Errors
    /// When the user has no certificate.
    pub fn connect_as(&self, user: &str) -> anyhow::Result<Connector> {
        let identity = Identity::from_pki(&self.plan.pki_dir(), user)?;
        Ok(registry_client::Cluster::new(self.plan.endpoints(), identity).connector()?)
    }

    /// Connects as a user to these nodes only, the first one before the others.
    ///
    /// # Errors
    /// When the user has no certificate, or there is no such node.
    pub fn connect_to(&self, user: &str, nodes: &[u64]) -> anyhow::Result<Connector> {
        let identity = Identity::from_pki(&self.plan.pki_dir(), user)?;
        let endpoints: Result<Vec<_>, _> = nodes.iter().map(|id| self.endpoint(*id)).collect();
        Ok(registry_client::Cluster::new(endpoints?, identity).connector()?)
    }

    /// The operator's client.
    ///
    /// # Errors
    /// When the certificate cannot be read.
    pub fn operator(&self) -> anyhow::Result<OperatorClient> {
        Ok(OperatorClient::new(self.connect_as("operator-1")?))
    }

    /// The first registry officer's client.
    ///
    /// # Errors
    /// When the certificate cannot be read.
    pub fn registry(&self) -> anyhow::Result<RegistryClient> {
        Ok(RegistryClient::new(self.connect_as("registry-officer-1")?))
    }

    /// The first registry officer as maker, the second as checker.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn officers(&self) -> anyhow::Result<TwoOfficers> {
        let checker = RegistryClient::new(self.connect_as("registry-officer-2")?);
        Ok(TwoOfficers::new(self.registry()?, checker))
    }

    /// The exchange's client.
    ///
    /// # Errors
    /// When the certificate cannot be read.
    pub fn exchange(&self) -> anyhow::Result<ExchangeClient> {
        Ok(ExchangeClient::new(self.connect_as("exchange-sh")?))
    }

    /// What each node has used so far, ended processes included.
    #[must_use]
    pub fn usage(&self) -> BTreeMap<u64, ProcessUsage> {
        let used = self.nodes.iter().map(|(id, node)| {
            let now = node.process.as_ref().map(Managed::usage).unwrap_or_default();
            (*id, node.used_before.and(now))
        });
        used.collect()
    }

    /// Adds the ends of all nodes' logs to an error that has none yet.
    ///
    /// # Errors
    /// The outcome's own, with more to read.
    pub fn with_logs<T>(&self, outcome: anyhow::Result<T>) -> anyhow::Result<T> {
        outcome.map_err(|error| {
            let message = format!("{error:#}");
            if message.contains(TAIL_HEADING) {
                return error;
            }
            let logs = self
                .nodes
                .values()
                .map(|node| tail(&self.log_path(&node.planned.config), TAIL_LINES));
            anyhow!("{message}\n{}", logs.collect::<String>())
        })
    }

    /// Name and process id of every node that runs.
    #[must_use]
    pub fn processes(&self) -> Vec<(String, u32)> {
        let running = self.nodes.values().filter_map(|node| {
            Some((node.planned.config.node.name.clone(), node.process.as_ref()?.pid()))
        });
        running.collect()
    }

    /// Lets every node, and its data, outlive this process.
    pub fn detach(mut self) {
        self.plan.ports = None;
        for process in self.nodes.values_mut().filter_map(|node| node.process.take()) {
            process.detach();
        }
    }

    /// Nodes whose process has not been stopped or killed.
    pub fn running(&self) -> impl Iterator<Item = u64> {
        self.nodes.iter().filter(|(_, node)| node.process.is_some()).map(|(id, _)| *id)
    }

    /// Waits until a node answers its status; gives up early when it has exited.
    ///
    /// # Errors
    /// When it does not run, has ended, or does not answer in time.
    pub async fn answering(
        &mut self,
        id: u64,
        timeout: Duration,
    ) -> anyhow::Result<GetStatusReply> {
        let operator = self.operator()?;
        let endpoint = self.endpoint(id)?;
        let log = self.log_path(&self.node(id)?.planned.config);
        let process = self
            .node_mut(id)?
            .process
            .as_mut()
            .with_context(|| format!("node {id} does not run"))?;
        let what = format!("node {id} to answer");
        let answered = eventually(&what, timeout, || {
            let exited = process.exited();
            let (operator, endpoint) = (&operator, &endpoint);
            async move {
                if let Some(status) = exited? {
                    return Ok(Some(Err(anyhow::anyhow!("node {id} ended with {status}"))));
                }
                Ok(Some(Ok(operator.status(endpoint, 0).await?)))
            }
        });
        let answered = answered.await.and_then(|answer| answer);
        answered.map_err(|error| anyhow!("{error:#}\n{}", tail(&log, TAIL_LINES)))
    }

    fn log_path(&self, config: &NodeConfig) -> PathBuf {
        log_path(&self.plan.work_dir, &config.node.name)
    }

    fn process(&self, id: u64) -> anyhow::Result<&Managed> {
        self.node(id)?.process.as_ref().with_context(|| format!("node {id} does not run"))
    }

    fn node(&self, id: u64) -> anyhow::Result<&Node> {
        self.nodes.get(&id).with_context(|| format!("no node {id}"))
    }

    fn node_mut(&mut self, id: u64) -> anyhow::Result<&mut Node> {
        self.nodes.get_mut(&id).with_context(|| format!("no node {id}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in self.nodes.values_mut() {
            // Dropping a process kills it and waits for its end.
            node.process = None;
        }
        if self.plan.is_disposable() {
            for node in self.nodes.values() {
                let data = self.plan.work_dir.join(&node.planned.config.node.data_dir);
                // What cannot be removed now goes when the test runs again.
                let _ = fs::remove_dir_all(data);
            }
        }
    }
}

/// Where a process of a cluster logs.
#[must_use]
pub(crate) fn log_path(work_dir: &Path, name: &str) -> PathBuf {
    work_dir.join("logs").join(format!("{name}.log"))
}
