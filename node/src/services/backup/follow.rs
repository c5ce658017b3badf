//! The log as it is applied here, for whoever archives it.

use std::time::Duration;

use futures::Stream;
use registry_proto::registry::{FollowLogReply, FollowLogRequest};
use tokio::sync::watch;
use tonic::Status;

use super::failed;
use crate::raft::{Consensus, Unavailable};
use crate::services::gateway::Gateway;
use crate::services::status::{self, BackupRefusal};

/// Entries of one message, unless one alone has more.
const MESSAGE_BYTES: usize = 1 << 20;
/// Applied entries are on the disk soon, and nothing tells when.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

struct Following {
    gateway: Gateway,
    consensus: Consensus,
    applied: watch::Receiver<u64>,
    next_index: u64,
    /// The first message comes at once, so that the caller knows whom it follows.
    greeted: bool,
}

/// Entries from an index on, then each as it is applied, until the node stops.
pub(super) fn follow(
    gateway: &Gateway,
    consensus: &Consensus,
    request: &FollowLogRequest,
) -> Result<impl Stream<Item = Result<FollowLogReply, Status>> + Send + use<>, Status> {
    let own = (gateway.config.cluster_id.as_str(), consensus.recovery_epoch());
    let asked = (request.cluster_id.as_str(), request.recovery_epoch);
    if !asked.0.is_empty() && asked != own {
        return Err(status::backup(&BackupRefusal::OtherCluster { own, asked }));
    }
    let following = Following {
        gateway: gateway.clone(),
        applied: consensus.applied_index(),
        consensus: consensus.clone(),
        next_index: request.from_index,
        greeted: false,
    };
    Ok(futures::stream::try_unfold(following, |mut following| async move {
        let reply = following.next().await?;
        Ok(Some((reply, following)))
    }))
}

impl Following {
    async fn next(&mut self) -> Result<FollowLogReply, Status> {
        loop {
            let applied_log_index = *self.applied.borrow_and_update();
            let page = self.consensus.log_page(self.next_index, MESSAGE_BYTES).await;
            let page = page.map_err(|error| failed(&error))?;
            if let Some(begins_at) = page.begins_at {
                let from_index = self.next_index;
                return Err(status::backup(&BackupRefusal::LogPurged { from_index, begins_at }));
            }
            if !page.entries.is_empty() || !self.greeted {
                self.greeted = true;
                let first_index = self.next_index;
                self.next_index += page.entries.len() as u64;
                return Ok(FollowLogReply {
                    cluster_id: self.gateway.config.cluster_id.clone(),
                    recovery_epoch: self.consensus.recovery_epoch(),
                    first_index,
                    entries: page.entries,
                    applied_log_index,
                });
            }
            self.more(applied_log_index).await?;
        }
    }

    /// Waits until there may be more.
    async fn more(&mut self, applied_log_index: u64) -> Result<(), Status> {
        let stopped = |gateway: &Gateway| Err(gateway.unavailable(&Unavailable::Stopped));
        if *self.gateway.stopping.borrow() {
            return stopped(&self.gateway);
        }
        if applied_log_index >= self.next_index {
            tokio::time::sleep(LOOK_AGAIN).await;
            return Ok(());
        }
        tokio::select! {
            changed = self.applied.changed() => match changed {
                Ok(()) => Ok(()),
                Err(_) => stopped(&self.gateway),
            },
            _ = self.gateway.stopping.changed() => stopped(&self.gateway),
        }
    }
}
