//! Probes of a cluster of this harness: callers that write and read all the time,
//! see [`registry_client::probe`].

use std::time::Duration;

use anyhow::ensure;
use registry_client::probe::{Probe, ProbeAccount, ProbeLog, impatient};
use registry_client::{Identity, RegistryClient};

use crate::cluster::Cluster;
use crate::market::bank_of;

/// How a probe works.
#[derive(Clone, Debug)]
pub struct ProbeSettings {
    /// Nodes that it knows at first, the nearest first; others it learns.
    pub nodes: Vec<u64>,
    /// Whose account of the [market](crate::market) it pays into.
    pub account_id: u64,
    /// Time for one call with all its attempts; then it counts as failed.
    pub call_timeout: Duration,
}

impl Cluster {
    /// Begins to write and to read.
    ///
    /// # Errors
    /// When the officer has no certificate or there is no such node.
    pub fn probe(&self, name: &str, settings: &ProbeSettings) -> anyhow::Result<Probe> {
        let registry = self.impatient(&settings.nodes, settings.call_timeout)?;
        let account_id = settings.account_id;
        let account = ProbeAccount { account_id, bank_id: bank_of(account_id) };
        Ok(Probe::start(registry, name, account))
    }

    /// Asks for every acknowledged write again: the answer must be the same, at the
    /// same place in the log. Answers how many were asked.
    ///
    /// # Errors
    /// Names those that are not.
    pub async fn has_everything_of(&self, log: &ProbeLog) -> anyhow::Result<usize> {
        let nodes: Vec<u64> = self.running().collect();
        let presence = log.presence(&self.impatient(&nodes, Duration::from_secs(30))?).await?;
        ensure!(presence.lost.is_empty(), "lost: {}", presence.lost.join("; "));
        Ok(presence.asked)
    }

    fn impatient(&self, nodes: &[u64], call_timeout: Duration) -> anyhow::Result<RegistryClient> {
        let identity = Identity::from_pki(&self.plan().pki_dir(), "registry-officer-1")?;
        let endpoints: Result<Vec<_>, _> = nodes.iter().map(|id| self.endpoint(*id)).collect();
        Ok(impatient(identity, endpoints?, call_timeout)?)
    }
}
