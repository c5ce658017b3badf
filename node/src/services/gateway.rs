//! The two ways into the cluster that all services share: a write goes through
//! the log, a read waits for a quorum unless the caller accepts a stale one.

use std::sync::Arc;
use std::time::Duration;

use registry_ledger::{Answer, Ledger, Reason, Receipt, Rejection};
use registry_proto::registry::{Consistency, Stamp};
use registry_proto::storage::LogCommand;
use registry_proto::storage::log_command::Command;
use tokio::sync::watch;
use tonic::Status;

use crate::config::Config;
use crate::decode;
use crate::raft::{LedgerView, Replica, Unavailable};
use crate::security::Caller;
use crate::services::status;

/// What every service holds.
#[derive(Clone)]
pub(super) struct Gateway {
    pub(super) config: Arc<Config>,
    pub(super) replica: Replica,
    /// Turns true when the node stops: streams that clients keep open end then.
    pub(super) stopping: watch::Receiver<bool>,
}

impl Gateway {
    /// Queues a command now, in call order; the future gives its answer.
    ///
    /// # Errors
    /// At once, when the command is malformed: it does not reach the log.
    pub(super) fn propose(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<impl Future<Output = Result<(Stamp, Receipt), Status>> + Send + 'static, Status>
    {
        let command = LogCommand { actor: caller.principal.actor(), command: Some(command) };
        decode::decode_command(&command)
            .and_then(|(_, decoded)| self.check_rules(&decoded))
            .map_err(|rejection| status::rejected(&rejection))?;
        let answer = self.replica.propose(command);
        let gateway = self.clone();
        Ok(async move {
            let answer = answer.await.map_err(|reason| gateway.unavailable(&reason))?;
            gateway.answered(answer)
        })
    }

    /// Rules that this leader does not know would stop it, and whoever else runs
    /// the same program.
    fn check_rules(&self, command: &registry_ledger::Command) -> Result<(), Rejection> {
        let known = self.config.rules_known;
        match command.rules_to_activate() {
            Some(version) if version > known && self.replica.leads() => {
                let message = format!(
                    "the leader's program knows the rules up to version {known}, not {version}; \
                     upgrade every node first (docs/runbooks/rolling-upgrade.md)"
                );
                Err(Rejection::new(Reason::RulesVersion, "rules_version", message))
            }
            _ => Ok(()),
        }
    }

    /// Carries out one command and waits for its answer.
    pub(super) async fn write(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<(Stamp, Receipt), Status> {
        self.propose(caller, command)?.await
    }

    /// Looks at the ledger as fresh as asked.
    pub(super) async fn read<T>(
        &self,
        consistency: i32,
        look: impl FnOnce(&Ledger) -> Result<T, Rejection>,
    ) -> Result<(Stamp, T), Status> {
        let stale = match Consistency::try_from(consistency) {
            Ok(Consistency::Unspecified | Consistency::Linearizable) => {
                self.barrier().await?;
                false
            }
            Ok(Consistency::StaleOk) => true,
            Err(_) => {
                let refused = decode::fields::unknown_value::<()>("consistency", consistency);
                return Err(refused.map_or_else(
                    |rejection| status::rejected(&rejection),
                    |()| status::fault("an unknown consistency was accepted"),
                ));
            }
        };
        // What it last knew may have been decided otherwise since.
        if let Some(by_epoch) = self.replica.directory().superseded_by() {
            return Err(self.unavailable(&Unavailable::Superseded { by_epoch }));
        }
        let view = self.replica.ledger().read().await;
        if view.ledger.genesis().is_none() {
            // A node that knows nothing yet must not say that there is nothing.
            let message =
                "this node holds no ledger yet; ask another node, or bootstrap the cluster";
            let unformed = Rejection::new(Reason::NotBootstrapped, "", message);
            return Err(status::rejected(&unformed));
        }
        let found = look(&view.ledger).map_err(|rejection| status::rejected(&rejection))?;
        Ok((self.stamp(&view, stale), found))
    }

    async fn barrier(&self) -> Result<(), Status> {
        tokio::time::timeout(self.config.limits.request_timeout(), self.replica.read_barrier())
            .await
            .unwrap_or(Err(Unavailable::NoQuorum))
            .map_err(|reason| self.unavailable(&reason))
    }

    fn stamp(&self, view: &LedgerView, stale: bool) -> Stamp {
        Stamp {
            term: view.term,
            log_index: view.log_index,
            ledger_time_ms: view.ledger.ledger_time().0,
            served_by_node: self.config.node.id,
            stale,
            stale_ms: if stale { milliseconds(self.replica.stale()) } else { 0 },
            ..self.cluster_stamp()
        }
    }

    /// What every stamp says of the cluster.
    fn cluster_stamp(&self) -> Stamp {
        let directory = self.replica.directory();
        Stamp {
            one_city: directory.is_one_city(),
            recovery_epoch: directory.recovery_epoch(),
            ..Stamp::default()
        }
    }

    /// The status of a cluster that cannot answer now.
    pub(super) fn unavailable(&self, reason: &Unavailable) -> Status {
        let client_address = |id| {
            let member = self.replica.directory().member(id);
            member.map_or_else(String::new, |member| member.client_address)
        };
        status::unavailable(reason, client_address)
    }

    fn answered(&self, answer: Answer) -> Result<(Stamp, Receipt), Status> {
        let stamp = Stamp {
            term: answer.term,
            log_index: answer.log_index,
            ledger_time_ms: answer.ledger_time.0,
            served_by_node: self.config.node.id,
            ..self.cluster_stamp()
        };
        match answer.outcome {
            Ok(receipt) => Ok((stamp, receipt)),
            Err(ref rejection) => Err(status::rejected_in_log(rejection, &answer)),
        }
    }
}

/// An age; -1 when it is not known.
pub(super) fn milliseconds(age: Option<Duration>) -> i64 {
    age.map_or(-1, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// The ledger answered a command with another command's receipt.
pub(super) fn unexpected(receipt: &Receipt) -> Status {
    status::fault(&format!("receipt of another kind: {receipt:?}"))
}

/// Length of a page: 1 to 1,000, 0 for 100.
pub(super) fn page_size(asked: u32) -> Result<usize, Status> {
    page_size_of(asked, 100, 1_000)
}

/// Length of a page of large items: 1 to `most`, 0 for `usual`.
pub(super) fn page_size_of(asked: u32, usual: u32, most: u32) -> Result<usize, Status> {
    match asked {
        0 => Ok(usual as usize),
        asked if asked <= most => Ok(asked as usize),
        _ => Err(status::rejected(&Rejection::new(
            Reason::OutOfRange,
            "page_size",
            format!("page_size = {asked}: at most {most}, 0 for {usual}"),
        ))),
    }
}
