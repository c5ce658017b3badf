//! Follows the log of a running cluster into an archive: across broken streams,
//! leaders that change and nodes that purge.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use registry_proto::registry::backup_service_client::BackupServiceClient;
use registry_proto::registry::{BackupManifest, FollowLogReply, FollowLogRequest};
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::archive::ArchiveWriter;
use super::{BackupClient, BackupError, cluster_name};
use crate::connect::{Connector, Route};
use crate::error::ClientError;
use crate::leader::{Attempts, Call};

/// Entries of one message are bounded by the node; one alone may be large.
const MESSAGE_BYTES: usize = 64 << 20;
/// The node's code for entries that its log no longer has.
const LOG_PURGED: &str = "LOG_PURGED";

/// What is archived, and how far.
#[derive(Clone, Debug)]
pub struct FollowOptions {
    /// The archive's folder; made when there is none.
    pub out: PathBuf,
    /// The backup that a new archive begins behind; from the log's first entry
    /// without.
    pub from_backup: Option<BackupManifest>,
    /// End when everything is archived that the asked node had applied at the
    /// beginning.
    pub once: bool,
    /// Size at which another file is begun.
    pub segment_bytes: u64,
}

impl FollowOptions {
    /// Follows until told to stop, from the log's first entry.
    #[must_use]
    pub fn new(out: PathBuf) -> Self {
        Self { out, from_backup: None, once: false, segment_bytes: ArchiveWriter::SEGMENT_BYTES }
    }
}

/// What was archived until the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowReport {
    /// Of this cluster.
    pub cluster_id: String,
    /// Entries added this time.
    pub entries: u64,
    /// Log index that the next entry would have.
    pub next_index: u64,
    /// Hash over all entries of the archive.
    pub chain_sha256: [u8; 32],
    /// Times the stream was opened anew.
    pub resumptions: u32,
}

/// Adds entries to an archive as they are applied, until `stop` resolves or, with
/// `once`, until it has caught up. Every entry is on the disk before the next
/// message is read.
///
/// # Errors
/// `Gap` when no node has the next entry any more: nothing helps then but a new
/// backup. `Client` when no node answers within a call's time, or all are of
/// another cluster.
pub async fn follow(
    client: &BackupClient,
    options: &FollowOptions,
    stop: impl Future<Output = ()>,
    on_progress: impl FnMut(u64, u64),
) -> Result<FollowReport, BackupError> {
    let archive = ArchiveWriter::open(&options.out, options.segment_bytes)?;
    if let (Some(archive), Some(backup)) = (&archive, &options.from_backup) {
        joins(archive, backup, &options.out)?;
    }
    let mut following = Following {
        connector: client.connector(),
        options,
        archive,
        entries: 0,
        target: None,
        applied: 0,
        resumptions: 0,
        on_progress,
    };
    tokio::select! {
        ended = Box::pin(following.run()) => ended?,
        () = stop => {}
    }
    following.report()
}

fn joins(archive: &ArchiveWriter, backup: &BackupManifest, out: &Path) -> Result<(), BackupError> {
    let found = (archive.cluster_id(), archive.recovery_epoch());
    let expected = (backup.cluster_id.as_str(), backup.recovery_epoch);
    if found != expected {
        return Err(BackupError::OtherCluster {
            path: out.to_owned(),
            expected: cluster_name(expected.0, expected.1),
            found: cluster_name(found.0, found.1),
        });
    }
    if archive.next_index() <= backup.log_index {
        return Err(BackupError::Gap {
            from_index: archive.next_index(),
            begins_at: backup.log_index + 1,
            why: format!(
                "{} ends before the backup; follow without --from-backup to fetch them, or begin \
                 another archive",
                out.display()
            ),
        });
    }
    Ok(())
}

struct Following<'a, P> {
    connector: &'a Connector,
    options: &'a FollowOptions,
    archive: Option<ArchiveWriter>,
    entries: u64,
    /// With `once`: the last entry wanted.
    target: Option<u64>,
    /// What the node asked last had applied.
    applied: u64,
    resumptions: u32,
    on_progress: P,
}

/// How a stream ended.
enum Ended {
    CaughtUp,
    ByStatus(Status),
    Silent,
    Idle,
    Failed(BackupError),
}

impl<P: FnMut(u64, u64)> Following<'_, P> {
    async fn run(&mut self) -> Result<(), BackupError> {
        let mut attempts = Attempts::new(self.connector, Call::read("follow_log"), Route::Any);
        // Nodes that no longer have the next entry, and where the first log begins.
        let mut purged = BTreeSet::new();
        let mut begins_at = u64::MAX;
        loop {
            let attempt = match attempts.next().await {
                Ok(attempt) => attempt,
                Err(_) if !purged.is_empty() => return Err(self.gap(begins_at)),
                Err(error) => return Err(error.into()),
            };
            let before = self.next_index();
            let ended = self.stream(attempt.channel.clone()).await;
            if self.next_index() > before {
                attempts.progressed(None);
                purged.clear();
            }
            match ended {
                Ended::CaughtUp => return Ok(()),
                Ended::Failed(error) => return Err(error),
                Ended::Silent => attempts.silent(&attempt),
                Ended::Idle => {
                    attempts.progressed(None);
                    self.connector.turn(Route::Any, attempt.node, None);
                }
                Ended::ByStatus(status) => match attempts.failed(&attempt, &status) {
                    Ok(()) => {}
                    Err(ClientError::Rejected(no)) if no.reason == LOG_PURGED => {
                        let begins = no.metadata.get("begins_at").and_then(|at| at.parse().ok());
                        begins_at = begins_at.min(begins.unwrap_or(u64::MAX));
                        purged.insert(attempt.node);
                        if purged.len() >= self.connector.endpoints().len() {
                            return Err(self.gap(begins_at));
                        }
                        self.connector.turn(Route::Any, attempt.node, None);
                    }
                    Err(error) => return Err(error.into()),
                },
            }
            self.resumptions += 1;
        }
    }

    fn gap(&self, begins_at: u64) -> BackupError {
        BackupError::Gap {
            from_index: self.next_index(),
            begins_at,
            why: "no node that answered has them any more".to_owned(),
        }
    }

    /// Of the entry wanted next.
    fn next_index(&self) -> u64 {
        let new = self.options.from_backup.as_ref().map_or(0, |backup| backup.log_index + 1);
        self.archive.as_ref().map_or(new, ArchiveWriter::next_index)
    }

    /// What the archive is of, or is to be of.
    fn cluster(&self) -> Option<(&str, u64)> {
        match (&self.archive, &self.options.from_backup) {
            (Some(archive), _) => Some((archive.cluster_id(), archive.recovery_epoch())),
            (None, Some(backup)) => Some((&backup.cluster_id, backup.recovery_epoch)),
            (None, None) => None,
        }
    }

    async fn stream(&mut self, channel: Channel) -> Ended {
        let stall = self.connector.stream_stall_timeout();
        let opening = open(channel, self.request());
        let mut replies = match tokio::time::timeout(stall, Box::pin(opening)).await {
            Ok(Ok(replies)) => replies,
            Ok(Err(status)) => return Ended::ByStatus(status),
            Err(_) => return Ended::Silent,
        };
        loop {
            let reply = match tokio::time::timeout(stall, replies.message()).await {
                Ok(Ok(Some(reply))) => reply,
                Ok(Ok(None)) => {
                    return Ended::ByStatus(Status::unavailable("the node ended the stream"));
                }
                Ok(Err(status)) => return Ended::ByStatus(status),
                Err(_) => return Ended::Idle,
            };
            if let Err(error) = self.take(&reply) {
                return Ended::Failed(error);
            }
            if self.target.is_some_and(|target| self.next_index() > target) {
                return Ended::CaughtUp;
            }
        }
    }

    fn request(&self) -> FollowLogRequest {
        let (cluster_id, recovery_epoch) = self.cluster().unwrap_or_default();
        FollowLogRequest {
            cluster_id: cluster_id.to_owned(),
            recovery_epoch,
            from_index: self.next_index(),
        }
    }

    fn take(&mut self, reply: &FollowLogReply) -> Result<(), BackupError> {
        let of_node = (reply.cluster_id.as_str(), reply.recovery_epoch);
        if self.cluster().is_some_and(|own| own != of_node) {
            let error = "a node follows the log of another cluster".to_owned();
            return Err(ClientError::Protocol(error).into());
        }
        if reply.first_index != self.next_index() {
            let error = format!(
                "entry {} came where entry {} was asked for",
                reply.first_index,
                self.next_index()
            );
            return Err(ClientError::Protocol(error).into());
        }
        self.applied = self.applied.max(reply.applied_log_index);
        if self.options.once && self.target.is_none() {
            self.target = Some(reply.applied_log_index);
        }
        let archive = match &mut self.archive {
            Some(archive) => archive,
            none => none.insert(ArchiveWriter::create(
                &self.options.out,
                of_node.0,
                of_node.1,
                reply.first_index,
                self.options.segment_bytes,
            )?),
        };
        archive.append(&reply.entries)?;
        self.entries += reply.entries.len() as u64;
        let next_index = archive.next_index();
        (self.on_progress)(next_index, self.applied);
        Ok(())
    }

    fn report(self) -> Result<FollowReport, BackupError> {
        let archive = self.archive.ok_or_else(|| {
            let cause = "stopped before a node answered".to_owned();
            ClientError::Unavailable { call: "follow_log", write: false, cause }
        })?;
        Ok(FollowReport {
            cluster_id: archive.cluster_id().to_owned(),
            entries: self.entries,
            next_index: archive.next_index(),
            chain_sha256: archive.chain_sha256(),
            resumptions: self.resumptions,
        })
    }
}

async fn open(
    channel: Channel,
    request: FollowLogRequest,
) -> Result<Streaming<FollowLogReply>, Status> {
    let mut stub = BackupServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES);
    Ok(stub.follow_log(request).await?.into_inner())
}
