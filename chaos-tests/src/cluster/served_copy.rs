//! A copy of a data folder, served at the client port of a node that is down.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use registry_client::ReadClient;
use registry_client::journal::{AuditError, NodeReport, audit_node};
use registry_client::proto::{Consistency, GetStatusReply};

use super::process::{Managed, find_binary, tail};
use super::running::Cluster;
use crate::wait::eventually;

const DEADLINE: Duration = Duration::from_secs(60);

/// A process that serves a folder; it ends with this.
#[derive(Debug)]
pub struct ServedCopy<'a> {
    cluster: &'a Cluster,
    node: u64,
    process: Managed,
}

impl<'a> ServedCopy<'a> {
    fn launch(cluster: &'a Cluster, node: u64, folder: &Path) -> anyhow::Result<Self> {
        let plan = cluster.plan();
        let mut files = plan.configs().zip(plan.config_paths());
        let (config, path) =
            files.find(|(config, _)| config.node.id == node).context("the node's file")?;
        let binary = find_binary("registry-node", "REGISTRY_NODE_BIN")?;
        let (path, folder) = (path.to_string_lossy(), folder.to_string_lossy());
        let arguments = ["--config", &*path, "--serve-copy", &*folder];
        let log = plan.work_dir().join("logs").join(format!("copy-{}.log", config.node.name));
        let process = Managed::start("copy", &binary, &arguments, plan.work_dir(), &log)?;
        Ok(Self { cluster, node, process })
    }

    /// Serves a folder with the configuration of a node that is down.
    ///
    /// # Errors
    /// When the folder is refused, with what the process said.
    pub async fn start(cluster: &'a Cluster, node: u64, folder: &Path) -> anyhow::Result<Self> {
        let mut served = Self::launch(cluster, node, folder)?;
        let (operator, endpoint) = (cluster.operator()?, cluster.endpoint(node)?);
        let log = served.process.log_path().to_owned();
        let answered = eventually("the copy to answer", DEADLINE, || {
            let exited = served.process.exited();
            let (operator, endpoint) = (&operator, &endpoint);
            async move {
                if let Some(status) = exited? {
                    return Ok(Some(Err(anyhow::anyhow!("the copy ended with {status}"))));
                }
                operator.status(endpoint, 0).await?;
                Ok(Some(Ok(())))
            }
        });
        answered.await.and_then(|answer| answer).with_context(|| tail(&log, 15))?;
        Ok(served)
    }

    /// What a folder that cannot be served is refused with.
    ///
    /// # Errors
    /// When it is served all the same.
    pub async fn refusal(cluster: &Cluster, node: u64, folder: &Path) -> anyhow::Result<String> {
        let mut served = ServedCopy::launch(cluster, node, folder)?;
        let ended = eventually("the copy to be refused", DEADLINE, || {
            let exited = served.process.exited();
            async move { exited }
        });
        anyhow::ensure!(!ended.await?.success(), "a folder that cannot be served");
        Ok(tail(served.process.log_path(), 1))
    }

    /// What the copy says of itself.
    ///
    /// # Errors
    /// When it does not answer, or takes itself for a member.
    pub async fn status(&self) -> anyhow::Result<GetStatusReply> {
        let status = self.cluster.operator()?.status(&self.cluster.endpoint(self.node)?, 0).await?;
        anyhow::ensure!((&*status.raft_state, status.leader_id) == ("copy", 0), "{status:?}");
        Ok(status)
    }

    /// Audits it as an auditor does.
    ///
    /// # Errors
    /// What the audit found.
    pub async fn audit(&self) -> Result<NodeReport, AuditError> {
        let connector = self.cluster.connect_to("auditor-1", &[self.node]).map_err(|error| {
            AuditError::Client(registry_client::ClientError::Setup(error.to_string()))
        })?;
        audit_node(&ReadClient::new(connector), Consistency::StaleOk, |_, _| {}).await
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it does not end in order.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.process.terminate(Duration::from_secs(15)).await?;
        Ok(())
    }
}
