//! A snapshot folder as a stream of parts, and back.

use bytes::Bytes;
use futures::Stream;
use registry_proto::peer::snapshot_part::Part;
use registry_proto::peer::{FileStart, SnapshotHeader, SnapshotPart};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tonic::{Status, Streaming};

use super::types::{Snapshot, Vote};
use super::wire;
use crate::storage::{IncomingSnapshot, SnapshotFolder, SnapshotShelf, StorageError};

const PART_BYTES: usize = 1 << 20;

/// Reads the folder as it is sent, from files opened at once: a newer snapshot
/// may remove it meanwhile. A file that cannot be read ends the stream early;
/// the receiver then misses announced bytes and refuses the whole.
pub(super) fn parts(vote: Vote, snapshot: &Snapshot) -> impl Stream<Item = SnapshotPart> + use<> {
    let header = SnapshotHeader {
        vote: Some(wire::vote_out(&vote)),
        last_log_id: snapshot.meta.last_log_id.as_ref().map(wire::log_id_out),
        membership: Some(wire::stored_membership_out(&snapshot.meta.last_membership)),
        file_count: u32::try_from(snapshot.snapshot.file_names().count()).unwrap_or(u32::MAX),
    };
    let folder = snapshot.snapshot.path.clone();
    let names: Vec<String> = snapshot.snapshot.file_names().map(str::to_owned).collect();
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move {
        let mut files = Vec::with_capacity(names.len());
        for name in names {
            match File::open(folder.join(&name)).await {
                Ok(file) => files.push((name, file)),
                Err(error) => {
                    tracing::warn!(%error, file = name, "snapshot file could not be opened");
                    return;
                }
            }
        }
        if sender.send(part(Part::Header(header))).await.is_err() {
            return;
        }
        for (name, file) in files {
            if let Err(error) = send_file(&sender, file, &name).await {
                tracing::warn!(%error, file = name, "snapshot file could not be sent");
                return;
            }
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(receiver)
}

fn part(part: Part) -> SnapshotPart {
    SnapshotPart { part: Some(part) }
}

async fn send_file(
    sender: &tokio::sync::mpsc::Sender<SnapshotPart>,
    mut file: File,
    name: &str,
) -> std::io::Result<()> {
    let gone = || std::io::Error::other("the receiver went away");
    let length_bytes = file.metadata().await?.len();
    // The manifest holds the checksums of all other files.
    let start = FileStart { name: name.to_owned(), length_bytes, sha256: Bytes::new() };
    sender.send(part(Part::File(start))).await.map_err(|_| gone())?;
    loop {
        let mut buffer = vec![0; PART_BYTES];
        let read = file.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        buffer.truncate(read);
        sender.send(part(Part::Data(buffer.into()))).await.map_err(|_| gone())?;
    }
}

/// Receives a whole snapshot into the shelf, verified and durable.
pub(super) async fn receive(
    shelf: &SnapshotShelf,
    sender: u64,
    mut stream: Streaming<SnapshotPart>,
) -> Result<(SnapshotHeader, SnapshotFolder), Status> {
    let missing = || Status::invalid_argument("a snapshot starts with its header");
    let Some(Part::Header(header)) = stream.message().await?.and_then(|first| first.part) else {
        return Err(missing());
    };
    let refused = |error: StorageError| {
        tracing::warn!(%error, sender, "arriving snapshot refused");
        match error {
            StorageError::OtherFormat { .. } => Status::failed_precondition(error.to_string()),
            _ => Status::data_loss(error.to_string()),
        }
    };
    let mut incoming = IncomingSnapshot::begin(shelf, sender).map_err(refused)?;
    let mut files = 0;
    while let Some(next) = stream.message().await? {
        match next.part {
            Some(Part::File(start)) => {
                files += 1;
                incoming.file(&start.name, start.length_bytes).map_err(refused)?;
            }
            Some(Part::Data(bytes)) => incoming.data(&bytes).map_err(refused)?,
            Some(Part::Header(_)) | None => return Err(missing()),
        }
    }
    if files != header.file_count {
        return Err(Status::data_loss(format!(
            "snapshot ended after {files} of {} files",
            header.file_count
        )));
    }
    let folder = tokio::task::spawn_blocking(move || incoming.finish())
        .await
        .map_err(|e| Status::internal(e.to_string()))?
        .map_err(refused)?;
    Ok((header, folder))
}
