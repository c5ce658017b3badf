//! The one checkpoint that this node keeps for whoever fetches it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use prost::Message as _;
use registry_ledger::{Reason, Rejection};
use registry_proto::registry::{BackupFile, BackupManifest, FetchBackupReply, SignedDocument};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tonic::Status;

use super::failed;
use crate::config::Config;
use crate::raft::state_machine::BATCH_FORMAT;
use crate::raft::{BackupCopy, Consensus, ExportError};
use crate::security::signed;
use crate::services::status::{self, BackupRefusal};
use crate::storage::{BackupShelf, MARK_FORMAT, SNAPSHOT_FORMAT, StorageError};

/// Format of a manifest.
const FORMAT: u32 = 1;
/// What a manifest is signed as.
const PURPOSE: &str = "backup-manifest";
/// After so long without a question a checkpoint goes: it keeps tables on the
/// disk that the ledger has replaced.
const IDLE: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_secs(5);
const CHUNK_BYTES: usize = 256 << 10;

/// Cheap to clone.
#[derive(Clone)]
pub(in crate::services) struct Pins {
    shelf: BackupShelf,
    /// Held while a checkpoint is made.
    kept: Arc<Mutex<Option<Kept>>>,
}

struct Kept {
    id: String,
    document: SignedDocument,
    files: Vec<BackupFile>,
    asked_at: Instant,
}

impl Kept {
    fn of(id: String, document: SignedDocument) -> Result<Self, StorageError> {
        let manifest = BackupManifest::decode(document.content.clone()).map_err(|e| {
            StorageError::Corrupt {
                what: format!("the manifest of backup {id}"),
                why: e.to_string(),
            }
        })?;
        Ok(Self { id, document, files: manifest.files, asked_at: Instant::now() })
    }
}

impl Pins {
    /// Takes over what an earlier run kept; its time begins anew.
    pub(in crate::services) fn open(shelf: BackupShelf) -> Result<Self, StorageError> {
        let mut kept = None;
        for (id, document) in shelf.kept()? {
            match kept {
                None => kept = Some(Kept::of(id, document)?),
                Some(_) => shelf.release(&id)?,
            }
        }
        Ok(Self { shelf, kept: Arc::new(Mutex::new(kept)) })
    }

    /// The signed manifest of the checkpoint of this id, which is made if there is
    /// none. It is made to its end even if nobody waits for it any more.
    pub(super) async fn begin(
        &self,
        config: &Arc<Config>,
        consensus: &Consensus,
        id: &str,
        actor: &str,
    ) -> Result<SignedDocument, Status> {
        let mut kept = Arc::clone(&self.kept).lock_owned().await;
        if let Some(other) = kept.as_mut() {
            if other.id != id {
                let idle = IDLE.saturating_sub(other.asked_at.elapsed());
                return Err(status::backup(&BackupRefusal::InProgress { frees_in: idle }));
            }
            other.asked_at = Instant::now();
            return Ok(other.document.clone());
        }
        tracing::info!(id, actor, "backup asked");
        let (pins, of_node, consensus) = (self.clone(), Arc::clone(config), consensus.clone());
        let id = id.to_owned();
        let making = tokio::spawn(async move {
            let document = pins.make(&of_node, &consensus, &id).await?;
            *kept = Some(Kept::of(id, document.clone())?);
            Ok(document)
        });
        let made = making.await.unwrap_or_else(|error| Err(ExportError::Task(error)));
        made.map_err(|error| failed(&error))
    }

    async fn make(
        &self,
        config: &Config,
        consensus: &Consensus,
        id: &str,
    ) -> Result<SignedDocument, ExportError> {
        let staging = self.shelf.staging()?;
        let copy = consensus.copy_ledger(staging.clone()).await?;
        let content = manifest(config, consensus.recovery_epoch(), id, copy).encode_to_vec();
        let document = signed::sign(&config.tls, PURPOSE, content)?;
        let (shelf, id, kept) = (self.shelf.clone(), id.to_owned(), document.clone());
        spawn_blocking(move || shelf.keep(&staging, &id, &kept)).await??;
        Ok(document)
    }

    /// One file of it from an offset on, opened at once: it stays readable.
    pub(super) async fn fetch(
        &self,
        id: &str,
        name: &str,
        offset: u64,
    ) -> Result<impl Stream<Item = Result<FetchBackupReply, Status>> + Send + use<>, Status> {
        let length_bytes = self.length_of(id, name).await?;
        if offset > length_bytes {
            let message = format!("offset = {offset}: {name} has {length_bytes} bytes");
            return Err(status::rejected(&Rejection::new(Reason::OutOfRange, "offset", message)));
        }
        let opened = async {
            let mut file = File::open(self.shelf.path(id).join(name)).await?;
            file.seek(std::io::SeekFrom::Start(offset)).await?;
            Ok::<File, std::io::Error>(file)
        };
        let file =
            opened.await.map_err(|e| status::fault(&format!("file {name} of a backup: {e}")))?;
        let from = (self.clone(), id.to_owned(), file);
        Ok(futures::stream::try_unfold(from, |(pins, id, mut file)| async move {
            let mut chunk = vec![0; CHUNK_BYTES];
            let read = file.read(&mut chunk).await;
            let read = read.map_err(|e| status::fault(&format!("file of a backup: {e}")))?;
            if read == 0 {
                return Ok(None);
            }
            chunk.truncate(read);
            pins.asked(&id).await;
            Ok(Some((FetchBackupReply { data: Bytes::from(chunk) }, (pins, id, file))))
        }))
    }

    async fn length_of(&self, id: &str, name: &str) -> Result<u64, Status> {
        let mut kept = self.kept.lock().await;
        let Some(kept) = kept.as_mut().filter(|kept| kept.id == id) else {
            return Err(status::backup(&BackupRefusal::Unknown));
        };
        kept.asked_at = Instant::now();
        let file = kept.files.iter().find(|file| file.name == name);
        file.map(|file| file.length_bytes).ok_or_else(|| {
            let message = format!("file = {name:?}: the manifest has no such file");
            status::rejected(&Rejection::new(Reason::Malformed, "file", message))
        })
    }

    async fn asked(&self, id: &str) {
        if let Some(kept) = self.kept.lock().await.as_mut().filter(|kept| kept.id == id) {
            kept.asked_at = Instant::now();
        }
    }

    /// Lets the checkpoint go.
    pub(super) async fn end(&self, id: &str) -> Result<(), Status> {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.id == id) {
            *kept = None;
            let released = self.shelf.release(id);
            released.map_err(|error| status::fault(&error.to_string()))?;
        }
        Ok(())
    }

    /// Lets go what nobody asks for any more; never ends.
    pub(in crate::services) async fn release_idle(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.release_if_idle(IDLE).await;
        }
    }

    async fn release_if_idle(&self, idle: Duration) {
        let mut kept = self.kept.lock().await;
        let Some(gone) = kept.take_if(|kept| kept.asked_at.elapsed() >= idle) else { return };
        tracing::info!(id = gone.id, "backup let go: nobody fetched it");
        if let Err(error) = self.shelf.release(&gone.id) {
            tracing::warn!(%error, "a kept checkpoint could not be removed");
        }
    }
}

fn manifest(config: &Config, recovery_epoch: u64, id: &str, copy: BackupCopy) -> BackupManifest {
    let last = copy.mark.last_applied.unwrap_or_default();
    let leader = last.leader_id.unwrap_or_default();
    BackupManifest {
        format: FORMAT,
        backup_id: id.to_owned(),
        cluster_id: config.cluster_id.clone(),
        recovery_epoch,
        layout: config.layout.as_str().to_owned(),
        node_id: config.node.id,
        node_name: config.node.name.clone(),
        city: config.node.city.clone(),
        log_index: last.index,
        term: leader.term,
        leader_node_id: leader.node_id,
        ledger_time_ms: copy.ledger_time.0,
        state_digest: copy.mark.state_digest,
        answers_digest: copy.mark.answers_digest,
        event_count: copy.event_count,
        root_sha256: Bytes::copy_from_slice(&copy.root_sha256),
        software_version: env!("CARGO_PKG_VERSION").to_owned(),
        snapshot_format: SNAPSHOT_FORMAT,
        store_format: MARK_FORMAT,
        log_format: BATCH_FORMAT,
        files: copy.files,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf_with(folder: &std::path::Path, ids: &[&str]) -> BackupShelf {
        let shelf = BackupShelf::open(folder).expect("a shelf");
        for id in ids {
            let staging = shelf.staging().expect("a path");
            std::fs::create_dir(&staging).expect("created");
            std::fs::write(staging.join("CURRENT"), b"current").expect("written");
            let name = "CURRENT".to_owned();
            let files = vec![BackupFile { name, length_bytes: 7, ..Default::default() }];
            let manifest = BackupManifest { files, ..Default::default() };
            let content = manifest.encode_to_vec().into();
            let document = SignedDocument { content, ..Default::default() };
            shelf.keep(&staging, id, &document).expect("kept");
        }
        shelf
    }

    #[tokio::test]
    async fn a_checkpoint_goes_when_nobody_asks_for_it() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let pins = Pins::open(shelf_with(folder.path(), &["a1"])).expect("opens");
        pins.release_if_idle(IDLE).await;
        assert_eq!(pins.length_of("a1", "CURRENT").await.expect("it is kept"), 7);
        pins.release_if_idle(Duration::ZERO).await;
        let gone = pins.length_of("a1", "CURRENT").await.expect_err("it is gone");
        assert_eq!(gone.code(), tonic::Code::NotFound);
        assert!(!folder.path().join("a1").exists());
    }

    #[tokio::test]
    async fn one_checkpoint_is_kept_and_only_its_files_are_given_out() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let pins = Pins::open(shelf_with(folder.path(), &["a1", "b2"])).expect("opens");
        let left = std::fs::read_dir(folder.path()).expect("listed").flatten();
        let left: Vec<_> = left.map(|item| item.file_name()).collect();
        assert_eq!(left.len(), 1, "{left:?}");
        let id = left[0].to_string_lossy().into_owned();
        for name in ["backup.manifest", "../a1/CURRENT", "000001.sst", ""] {
            let refused = pins.fetch(&id, name, 0).await.map(drop).expect_err(name);
            assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{name}");
        }
        let beyond = pins.fetch(&id, "CURRENT", 8).await.map(drop).expect_err("behind its end");
        assert_eq!(beyond.code(), tonic::Code::InvalidArgument);
        pins.end("other").await.expect("no error");
        pins.fetch(&id, "CURRENT", 7).await.map(drop).expect("it is still kept");
        pins.end(&id).await.expect("let go");
        pins.fetch(&id, "CURRENT", 0).await.map(drop).expect_err("it is gone");
    }
}
