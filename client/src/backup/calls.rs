//! The calls of a backup, each to the node that keeps the checkpoint.

use std::time::Duration;

use registry_proto::registry::backup_service_client::BackupServiceClient;
use registry_proto::registry::{
    BeginBackupRequest, EndBackupRequest, FetchBackupReply, FetchBackupRequest, SignedDocument,
};
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::connect::Connector;
use crate::error::{ClientError, Failure, Reach, classify};

/// A node hashes what it is about to give out.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(3_600);
const WAIT: Duration = Duration::from_millis(250);

/// Backups with an operator's identity.
#[derive(Clone, Debug)]
pub struct BackupClient {
    connector: Connector,
}

impl BackupClient {
    /// A client over these channels.
    #[must_use]
    pub fn new(connector: Connector) -> Self {
        Self { connector }
    }

    /// The channels.
    #[must_use]
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn patience(&self) -> Patience<'_> {
        Patience { connector: &self.connector, deadline: self.deadline() }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.connector.call_timeout()
    }

    fn stub(&self, endpoint: &str) -> Result<BackupServiceClient<Channel>, ClientError> {
        Ok(BackupServiceClient::new(self.connector.channel_to(endpoint)?))
    }

    /// The signed manifest of the backup of this id, which the node begins unless it
    /// keeps it already.
    pub(super) async fn begin(
        &self,
        endpoint: &str,
        backup_id: &str,
    ) -> Result<SignedDocument, ClientError> {
        let mut patience = self.patience();
        loop {
            let mut stub = self.stub(endpoint)?;
            let request = BeginBackupRequest { backup_id: backup_id.to_owned() };
            let begun = Box::pin(stub.begin_backup(request));
            match tokio::time::timeout(BEGIN_TIMEOUT, begun).await {
                Ok(Ok(reply)) => {
                    return reply.into_inner().manifest.ok_or_else(|| {
                        ClientError::Protocol("a backup without a manifest".to_owned())
                    });
                }
                Ok(Err(status)) => patience.again("begin_backup", endpoint, &status).await?,
                Err(_) => patience.late("begin_backup", endpoint)?,
            }
        }
    }

    pub(super) async fn fetch(
        &self,
        endpoint: &str,
        request: FetchBackupRequest,
    ) -> Result<Streaming<FetchBackupReply>, Status> {
        let mut stub = self.stub(endpoint).map_err(|e| Status::unavailable(e.to_string()))?;
        Ok(Box::pin(stub.fetch_backup(request)).await?.into_inner())
    }

    /// Lets the node's checkpoint go; it does so by itself later if this fails.
    pub(super) async fn end(&self, endpoint: &str, backup_id: &str) {
        let request = EndBackupRequest { backup_id: backup_id.to_owned() };
        let Ok(mut stub) = self.stub(endpoint) else { return };
        let ended = Box::pin(stub.end_backup(request));
        match tokio::time::timeout(self.connector.attempt_timeout(), ended).await {
            Ok(Ok(_)) => {}
            failed => tracing::debug!(?failed, backup_id, "the checkpoint was not let go"),
        }
    }
}

/// How long one node is asked again that does not answer.
pub(super) struct Patience<'a> {
    connector: &'a Connector,
    deadline: Instant,
}

impl Patience<'_> {
    /// Something came: the time starts anew.
    pub(super) fn progressed(&mut self) {
        self.deadline = Instant::now() + self.connector.call_timeout();
    }

    /// Waits before another attempt.
    ///
    /// # Errors
    /// What ends the call: a refusal, certificates that do not fit, the deadline.
    pub(super) async fn again(
        &mut self,
        call: &'static str,
        endpoint: &str,
        status: &Status,
    ) -> Result<(), ClientError> {
        let retry = match classify(status) {
            Failure::Final(error) => return Err(error),
            Failure::Retry(retry) => retry,
        };
        if retry.reach == Reach::OtherCertificates {
            let files = self.connector.identity_files();
            return Err(ClientError::Setup(format!(
                "{endpoint} cannot be talked to with {files}: {}",
                retry.cause
            )));
        }
        if Instant::now() + WAIT >= self.deadline {
            let cause = format!("{endpoint}: {}", retry.cause);
            return Err(ClientError::Unavailable { call, write: false, cause });
        }
        tracing::debug!(call, endpoint, cause = retry.cause, "attempt failed");
        tokio::time::sleep(WAIT).await;
        Ok(())
    }

    /// The node was silent for a while.
    pub(super) fn late(&self, call: &'static str, endpoint: &str) -> Result<(), ClientError> {
        if Instant::now() < self.deadline {
            return Ok(());
        }
        let cause = format!("{endpoint}: no answer in time");
        Err(ClientError::Unavailable { call, write: false, cause })
    }
}
