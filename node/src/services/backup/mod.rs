//! Copies of the whole registry for operators: files of a checkpoint, and the log
//! behind it.

mod follow;
mod pins;

use std::pin::Pin;

use futures::Stream;
use registry_ledger::{Reason, Rejection};
use registry_proto::registry::backup_service_server::BackupService;
use registry_proto::registry::{
    BeginBackupReply, BeginBackupRequest, EndBackupReply, EndBackupRequest, FetchBackupReply,
    FetchBackupRequest, FollowLogReply, FollowLogRequest,
};
use tonic::{Request, Response, Status};

pub(super) use pins::Pins;

use crate::raft::{Consensus, ExportError, Replica, Unavailable};
use crate::security::Caller;
use crate::services::gateway::Gateway;
use crate::services::status;

/// Digits of a backup's id.
const ID_DIGITS: usize = 32;

pub(super) struct Backups {
    gateway: Gateway,
    /// None on a copy, of which no byte changes.
    pins: Option<Pins>,
}

impl Backups {
    pub(super) fn new(gateway: Gateway, pins: Option<Pins>) -> Self {
        Self { gateway, pins }
    }

    /// A node that has something to copy. A copy of a data folder is copied as the
    /// folder that it is.
    fn member(&self) -> Result<(&Consensus, &Pins), Status> {
        match (&self.gateway.replica, &self.pins) {
            (Replica::Member(consensus), Some(_)) if !consensus.has_genesis() => {
                let message =
                    "this node holds no ledger yet; ask another node, or bootstrap the cluster";
                let unformed = Rejection::new(Reason::NotBootstrapped, "", message);
                Err(status::rejected(&unformed))
            }
            (Replica::Member(consensus), Some(pins)) => Ok((consensus, pins)),
            _ => Err(self.gateway.unavailable(&Unavailable::ReadOnlyCopy)),
        }
    }
}

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl BackupService for Backups {
    type FetchBackupStream = Replies<FetchBackupReply>;
    type FollowLogStream = Replies<FollowLogReply>;

    async fn begin_backup(
        &self,
        request: Request<BeginBackupRequest>,
    ) -> Result<Response<BeginBackupReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let id = backup_id(&request.get_ref().backup_id)?.to_owned();
        let (consensus, pins) = self.member()?;
        let (config, actor) = (&self.gateway.config, caller.principal.actor());
        let manifest = pins.begin(config, consensus, &id, &actor).await?;
        Ok(Response::new(BeginBackupReply { manifest: Some(manifest) }))
    }

    async fn fetch_backup(
        &self,
        request: Request<FetchBackupRequest>,
    ) -> Result<Response<Self::FetchBackupStream>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let FetchBackupRequest { backup_id: id, file, offset } = request.into_inner();
        let (_, pins) = self.member()?;
        let stream = pins.fetch(backup_id(&id)?, &file, offset).await?;
        Ok(Response::new(Box::pin(stream)))
    }

    async fn end_backup(
        &self,
        request: Request<EndBackupRequest>,
    ) -> Result<Response<EndBackupReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let (_, pins) = self.member()?;
        pins.end(backup_id(&request.get_ref().backup_id)?).await?;
        Ok(Response::new(EndBackupReply {}))
    }

    async fn follow_log(
        &self,
        request: Request<FollowLogRequest>,
    ) -> Result<Response<Self::FollowLogStream>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let (consensus, _) = self.member()?;
        let followed = follow::follow(&self.gateway, consensus, request.get_ref())?;
        Ok(Response::new(Box::pin(followed)))
    }
}

/// Lets go what nobody asks for any more; never ends.
pub(super) async fn release_idle(pins: Option<Pins>) {
    match pins {
        Some(pins) => pins.release_idle().await,
        None => std::future::pending().await,
    }
}

/// A name of a folder, too.
fn backup_id(id: &str) -> Result<&str, Status> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if id.len() == ID_DIGITS && id.bytes().all(digit) {
        return Ok(id);
    }
    let message = format!("backup_id = {id:?}: must be {ID_DIGITS} of 0-9 a-f");
    Err(status::rejected(&Rejection::new(Reason::Malformed, "backup_id", message)))
}

fn failed(error: &ExportError) -> Status {
    match error {
        ExportError::Stopped => status::stopped(),
        ExportError::Storage(_) | ExportError::Sign(_) | ExportError::Task(_) => {
            status::fault(&error.to_string())
        }
    }
}
