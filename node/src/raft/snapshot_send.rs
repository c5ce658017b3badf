//! How this node sends a snapshot: it asks what the receiver has of it, then
//! streams the rest part by part.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use registry_proto::peer::raft_service_client::RaftServiceClient;
use registry_proto::peer::snapshot_part::Part;
use registry_proto::peer::{
    FileStart, SnapshotHeader, SnapshotHeld, SnapshotOffer, SnapshotPart, SnapshotReply,
};
use registry_proto::storage::SnapshotFile;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::GrpcService;
use tonic::codegen::{Body, StdError};
use tonic::{Code, Response, Status};

use super::snapshot_pace::SnapshotPace;
use super::types::{Snapshot, Vote};
use super::wire;
use crate::storage::{MANIFEST, SnapshotFolder};

/// Large enough that a part costs little, small enough that few of them wait.
const PART_BYTES: usize = 256 << 10;
/// Parts that were read and wait for the network.
const QUEUE_PARTS: usize = 8;

/// Offers a snapshot and sends what the receiver does not hold.
pub(super) async fn send<T>(
    mut client: RaftServiceClient<T>,
    vote: Vote,
    snapshot: Snapshot,
    pace: SnapshotPace,
) -> Result<Response<SnapshotReply>, Status>
where
    T: GrpcService<tonic::body::Body>,
    T::Error: Into<StdError>,
    T::ResponseBody: Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as Body>::Error: Into<StdError> + Send,
{
    let internal = |error: &dyn std::fmt::Display| Status::internal(error.to_string());
    let folder = snapshot.snapshot.clone();
    let manifest = spawn_blocking(move || folder.manifest())
        .await
        .map_err(|error| internal(&error))?
        .map_err(|error| internal(&error))?;
    let offer = SnapshotOffer { manifest: manifest.clone().into() };
    let held = match client.offer_snapshot(offer).await {
        Ok(held) => held.into_inner(),
        // A node of a version before offers keeps nothing: it gets the whole.
        Err(status) if status.code() == Code::Unimplemented => SnapshotHeld::default(),
        Err(status) => return Err(status),
    };
    let header = SnapshotHeader {
        vote: Some(wire::vote_out(&vote)),
        last_log_id: snapshot.meta.last_log_id.as_ref().map(wire::log_id_out),
        membership: Some(wire::stored_membership_out(&snapshot.meta.last_membership)),
        file_count: u32::try_from(snapshot.snapshot.files.len() + 1).unwrap_or(u32::MAX),
    };
    let parts = parts(header, manifest.into(), snapshot.snapshot, held);
    let paced = parts.then(move |part| {
        let pace = pace.clone();
        async move {
            if let Some(Part::Data(bytes)) = &part.part {
                pace.admit(bytes.len()).await;
            }
            part
        }
    });
    client.install_snapshot(paced).await
}

/// A receiver says that bytes are wrong. If this node's disk has changed them,
/// another node must lead: this one's ledger lies in the same files.
pub(super) async fn stop_if_damaged(snapshot: SnapshotFolder) {
    let path = snapshot.path.display().to_string();
    match spawn_blocking(move || snapshot.first_damaged()).await {
        Ok(Ok(None)) | Err(_) => {}
        Ok(Ok(Some(file))) => {
            tracing::error!(
                path,
                file,
                "the disk has changed a file of this node's snapshot; stopping this node"
            );
            std::process::abort();
        }
        Ok(Err(error)) => tracing::error!(path, %error, "own snapshot could not be checked"),
    }
}

/// Reads what the receiver does not hold on a thread of its own. A file that
/// cannot be read ends the stream early; the receiver then misses announced bytes.
fn parts(
    header: SnapshotHeader,
    manifest: Bytes,
    folder: SnapshotFolder,
    held: SnapshotHeld,
) -> impl Stream<Item = SnapshotPart> + use<> {
    let (sender, receiver) = mpsc::channel(QUEUE_PARTS);
    let reading = Reading { sender };
    spawn_blocking(move || {
        if let Err(error) = reading.all(header, &manifest, folder, held) {
            tracing::warn!(%error, "a snapshot could not be sent to its end");
        }
    });
    ReceiverStream::new(receiver)
}

struct Reading {
    sender: mpsc::Sender<SnapshotPart>,
}

impl Reading {
    fn all(
        &self,
        header: SnapshotHeader,
        manifest: &Bytes,
        folder: SnapshotFolder,
        held: SnapshotHeld,
    ) -> std::io::Result<()> {
        // All at once: a newer snapshot may remove the folder meanwhile.
        let missing = open_missing(folder, held)?;
        self.part(Part::Header(header))?;
        let length_bytes = manifest.len() as u64;
        let name = MANIFEST.to_owned();
        self.part(Part::File(FileStart { name, length_bytes, ..Default::default() }))?;
        for at in (0..manifest.len()).step_by(PART_BYTES) {
            let end = manifest.len().min(at + PART_BYTES);
            self.part(Part::Data(manifest.slice(at..end)))?;
        }
        for (start, file) in missing {
            self.file(start, file)?;
        }
        Ok(())
    }

    fn file(&self, start: FileStart, mut file: File) -> std::io::Result<()> {
        file.seek(SeekFrom::Start(start.offset_bytes))?;
        self.part(Part::File(start))?;
        loop {
            let mut bytes = Vec::with_capacity(PART_BYTES);
            if (&mut file).take(PART_BYTES as u64).read_to_end(&mut bytes)? == 0 {
                return Ok(());
            }
            self.part(Part::Data(bytes.into()))?;
        }
    }

    fn part(&self, part: Part) -> std::io::Result<()> {
        let gone = |_| std::io::Error::other("the receiver went away");
        self.sender.blocking_send(SnapshotPart { part: Some(part) }).map_err(gone)
    }
}

/// The files that the receiver has not whole, and where each goes on.
fn open_missing(
    folder: SnapshotFolder,
    held: SnapshotHeld,
) -> std::io::Result<Vec<(FileStart, File)>> {
    let held: BTreeMap<String, u64> =
        held.files.into_iter().map(|file| (file.name, file.held_bytes)).collect();
    let mut missing = Vec::new();
    for SnapshotFile { name, length_bytes, sha256 } in folder.files {
        let offset_bytes = held.get(&name).copied().unwrap_or(0).min(length_bytes);
        if offset_bytes == length_bytes && offset_bytes > 0 {
            continue;
        }
        let path = folder.path.join(&name);
        let file = File::open(&path).map_err(|error| {
            std::io::Error::other(format!("opening {}: {error}", path.display()))
        })?;
        missing.push((FileStart { name, length_bytes, sha256, offset_bytes }, file));
    }
    Ok(missing)
}

#[cfg(test)]
#[path = "snapshot_send_tests.rs"]
mod tests;
