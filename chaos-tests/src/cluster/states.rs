//! What a cluster's nodes say of themselves: who leads, how far each is, and
//! whether they hold the same.

use std::time::Duration;

use anyhow::{Context as _, bail};
use registry_client::proto::GetStatusReply;

use super::running::Cluster;
use crate::wait::eventually;

/// Time for a leader to be found, after a bootstrap or a fault.
const LEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// What one node of an idle cluster holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldState {
    /// Which node.
    pub node_id: u64,
    /// Its name.
    pub node_name: String,
    /// Its city.
    pub city: String,
    /// The log index of the digest.
    pub log_index: u64,
    /// Of the ledger state there.
    pub digest: Vec<u8>,
}

impl Cluster {
    /// Waits until a node says that it leads and most of those that answer
    /// name it; answers its status.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn leader(&self) -> anyhow::Result<GetStatusReply> {
        let found = eventually("a leader that the others name", LEADER_TIMEOUT, || async {
            let statuses = self.statuses(0).await?;
            let newest_term = statuses.iter().map(|status| status.term).max();
            let leader = statuses.iter().find(|status| {
                let naming = statuses.iter().filter(|other| other.leader_id == status.node_id);
                status.raft_state == "leader"
                    && Some(status.term) == newest_term
                    && naming.count() * 2 > statuses.len()
            });
            Ok(leader.cloned())
        });
        self.with_logs(found.await)
    }

    /// Asks every node that runs; those that do not answer are left out.
    ///
    /// # Errors
    /// When the operator's certificate cannot be read.
    pub async fn statuses(&self, at_log_index: u64) -> anyhow::Result<Vec<GetStatusReply>> {
        let operator = self.operator()?;
        let endpoints =
            self.running().map(|id| self.endpoint(id)).collect::<anyhow::Result<Vec<_>>>()?;
        let asked = endpoints.iter().map(|endpoint| operator.status(endpoint, at_log_index));
        Ok(futures::future::join_all(asked).await.into_iter().flatten().collect())
    }

    /// Waits until a node has applied `log_index`; answers its status.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn applied(
        &self,
        id: u64,
        log_index: u64,
        timeout: Duration,
    ) -> anyhow::Result<GetStatusReply> {
        let operator = self.operator()?;
        let endpoint = self.endpoint(id)?;
        let what = format!("node {id} to apply log index {log_index}");
        let found = eventually(&what, timeout, || async {
            let status = operator.status(&endpoint, 0).await?;
            Ok((status.applied_log_index >= log_index).then_some(status))
        });
        self.with_logs(found.await)
    }

    /// Waits until every running node has applied the same log index and
    /// answers each one's digest there.
    ///
    /// # Errors
    /// When they have not in time.
    pub async fn held_states(&self, timeout: Duration) -> anyhow::Result<Vec<HeldState>> {
        let nodes = self.running().count();
        let found = eventually("the digests of all nodes at one log index", timeout, || async {
            let log_index =
                self.statuses(0).await?.iter().map(|status| status.applied_log_index).max();
            let log_index = log_index.context("no node answers")?;
            self.states_at(log_index, nodes).await
        });
        self.with_logs(found.await)
    }

    /// Waits until every running node holds the same; answers it.
    ///
    /// # Errors
    /// When they differ, or not all have applied the same in time.
    pub async fn agreed_state(&self, timeout: Duration) -> anyhow::Result<HeldState> {
        let mut states = self.held_states(timeout).await?;
        if states.windows(2).any(|pair| pair[0].digest != pair[1].digest) {
            bail!("digests differ at log index {}: {states:?}", states[0].log_index);
        }
        states.pop().context("no node runs")
    }

    /// Each node's digest at `log_index`, once every node can answer it.
    async fn states_at(
        &self,
        log_index: u64,
        nodes: usize,
    ) -> anyhow::Result<Option<Vec<HeldState>>> {
        let statuses = self.statuses(log_index).await?;
        let mut states = Vec::new();
        for status in statuses {
            let digest =
                match (status.digest_at_index.is_empty(), status.applied_log_index == log_index) {
                    (false, _) => status.digest_at_index,
                    (true, true) => status.state_digest,
                    // Behind, or so far ahead that it has forgotten.
                    (true, false) => return Ok(None),
                };
            states.push(HeldState {
                node_id: status.node_id,
                node_name: status.node_name,
                city: status.city,
                log_index,
                digest: digest.to_vec(),
            });
        }
        Ok((states.len() == nodes).then_some(states))
    }
}
