//! One row: what was asked, and exactly how it must be refused.

use std::time::Duration;

use registry_chaos_tests::cluster::Cluster;
use registry_client::{ClientError, OperatorClient, RejectedError};
use tonic::Code;

const AGREEMENT: Duration = Duration::from_secs(20);

/// Checks rows against the state that none of them may change, and collects
/// every row that fails, so that one run shows them all.
pub(super) struct Refusals {
    operator: OperatorClient,
    leader: String,
    digest: Vec<u8>,
    rows: usize,
    wrong: Vec<String>,
}

impl Refusals {
    pub(super) async fn begin(cluster: &Cluster) -> anyhow::Result<Self> {
        let leader = cluster.leader().await?.node_id;
        Ok(Self {
            operator: cluster.operator()?,
            leader: cluster.endpoint(leader)?,
            digest: cluster.agreed_state(AGREEMENT).await?.digest,
            rows: 0,
            wrong: Vec::new(),
        })
    }

    /// `outcome` must be a rejection of `field` for `reason`.
    pub(super) async fn row<T: std::fmt::Debug>(
        &mut self,
        what: &str,
        outcome: Result<T, ClientError>,
        (code, reason, field): (Code, &str, &str),
    ) {
        let refused = match outcome {
            Err(ClientError::Rejected(rejected)) => {
                let RejectedError { reason, field, code, message, .. } = *rejected;
                if message.is_empty() {
                    self.wrong.push(format!("{what}: no sentence for a person"));
                }
                format!("{code:?} {reason} {field:?}")
            }
            other => format!("{other:?}"),
        };
        let expected = format!("{code:?} {reason} {field:?}");
        self.compare(what, &refused, &expected).await;
    }

    /// `outcome` must be denied for `reason`.
    pub(super) async fn denied<T: std::fmt::Debug>(
        &mut self,
        what: &str,
        outcome: Result<T, ClientError>,
        expected: &str,
    ) {
        let denied = match outcome {
            Err(ClientError::Denied { reason, .. }) => reason,
            other => format!("{other:?}"),
        };
        self.compare(what, &denied, expected).await;
    }

    /// Something that a row knows better to judge.
    pub(super) async fn compare(&mut self, what: &str, found: &str, expected: &str) {
        self.rows += 1;
        if found != expected {
            self.wrong.push(format!("{what}: expected {expected}, found {found}"));
        }
        match self.operator.status(&self.leader, 0).await {
            Ok(status) if status.state_digest == self.digest => {}
            Ok(status) => {
                self.wrong.push(format!("{what}: changed the state"));
                self.digest = status.state_digest.to_vec();
            }
            Err(error) => self.wrong.push(format!("{what}: {error}")),
        }
    }

    /// What was meant to change the state did; later rows hold on to the new one.
    pub(super) async fn accept_changes(&mut self) -> anyhow::Result<()> {
        self.digest = self.operator.status(&self.leader, 0).await?.state_digest.to_vec();
        Ok(())
    }

    /// Fails with every wrong row; every node must still hold the same.
    pub(super) async fn end(&self, cluster: &Cluster) -> anyhow::Result<()> {
        assert!(
            self.wrong.is_empty(),
            "{} of {} rows:\n{}",
            self.wrong.len(),
            self.rows,
            self.wrong.join("\n")
        );
        assert_eq!(cluster.agreed_state(AGREEMENT).await?.digest, self.digest);
        Ok(())
    }
}
