//! What ends by time is ended by an entry of the log: the leader proposes it
//! when its clock says that something is due.

use std::time::Duration;

use registry_proto::storage::log_command::Command;
use registry_proto::storage::{ExpireDue, LogCommand};

use super::clock::now_ms;
use super::consensus::Consensus;

/// How late something may end.
const INTERVAL: Duration = Duration::from_millis(500);

/// Runs until the node stops.
pub(super) async fn run(consensus: Consensus) {
    let own = consensus.inner.config.node.id;
    loop {
        tokio::time::sleep(INTERVAL).await;
        if consensus.current_leader() != Some(own) {
            continue;
        }
        let (due, now) = {
            let view = consensus.ledger().read().await;
            // A restored registry waits for its cluster, as a new one does.
            if view.ledger.genesis().is_none() {
                continue;
            }
            (view.ledger.next_due(), view.ledger.ledger_time())
        };
        // An earlier leader's clock may have gone before: its time counts.
        if due.is_none_or(|due| due.0 > now.0.max(now_ms())) {
            continue;
        }
        let command = LogCommand {
            actor: format!("node/{own}"),
            command: Some(Command::ExpireDue(ExpireDue {})),
        };
        if let Err(unavailable) = consensus.propose(command).await {
            // Whoever leads next sees that it is due.
            tracing::debug!(?unavailable, "what is due was not ended");
        }
    }
}
