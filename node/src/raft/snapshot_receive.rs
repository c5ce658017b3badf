//! How this node takes a snapshot that another one sends.

use std::time::Instant;

use bytes::Bytes;
use registry_proto::peer::snapshot_part::Part;
use registry_proto::peer::{HeldFile, SnapshotHeader, SnapshotHeld, SnapshotPart};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use crate::storage::{ArrivingSnapshot, MANIFEST, SnapshotFolder, SnapshotShelf, StorageError};

/// Parts that arrived and wait to be written.
const QUEUE_PARTS: usize = 8;
/// A manifest takes about 100 bytes a file.
const MAX_MANIFEST_BYTES: usize = 8 << 20;

/// What is here already of a snapshot that a node offers.
pub(super) async fn held(
    shelf: &SnapshotShelf,
    sender: u64,
    manifest: Bytes,
) -> Result<SnapshotHeld, Status> {
    let shelf = shelf.clone();
    let held = blocking(move || Ok(ArrivingSnapshot::begin(&shelf, sender, &manifest)?.held()))
        .await
        .map_err(|error| refused(sender, &error))?;
    let files = held.into_iter().map(|(name, held_bytes)| HeldFile { name, held_bytes });
    Ok(SnapshotHeld { files: files.collect() })
}

/// Receives a whole snapshot into the shelf, verified and durable. Writing,
/// hashing and syncing have a thread of their own.
pub(super) async fn receive(
    shelf: &SnapshotShelf,
    sender: u64,
    mut stream: Streaming<SnapshotPart>,
) -> Result<(SnapshotHeader, SnapshotFolder), Status> {
    let Some(Part::Header(header)) = stream.message().await?.and_then(|first| first.part) else {
        return Err(Status::invalid_argument("a snapshot starts with its header"));
    };
    let (parts, arriving) = mpsc::channel(QUEUE_PARTS);
    let shelf = shelf.clone();
    let writing = tokio::spawn(blocking(move || write(&shelf, sender, arriving)));
    let ended = loop {
        let next = match stream.message().await {
            Ok(Some(next)) => Arrival::Part(next.part),
            Ok(None) => Arrival::End,
            Err(status) => break Err(status),
        };
        let is_end = matches!(next, Arrival::End);
        // Who writes says why it takes no more.
        if parts.send(next).await.is_err() || is_end {
            break Ok(());
        }
    };
    drop(parts);
    let written = writing.await.map_err(|error| Status::internal(error.to_string()))?;
    ended?;
    let folder = written.map_err(|error| refused(sender, &error))?;
    Ok((header, folder))
}

enum Arrival {
    Part(Option<Part>),
    /// A stream that breaks off has none.
    End,
}

fn write(
    shelf: &SnapshotShelf,
    sender: u64,
    mut arriving: mpsc::Receiver<Arrival>,
) -> Result<SnapshotFolder, StorageError> {
    let bad = |why: &str| StorageError::BadSnapshot(why.to_owned());
    let begun = Instant::now();
    let mut next = || arriving.blocking_recv().ok_or_else(|| bad("it broke off"));
    let Arrival::Part(Some(Part::File(start))) = next()? else {
        return Err(bad("its header is followed by no file"));
    };
    if start.name != MANIFEST || start.length_bytes > MAX_MANIFEST_BYTES as u64 {
        return Err(bad("it begins with another file than a manifest"));
    }
    let mut manifest = Vec::new();
    while (manifest.len() as u64) < start.length_bytes {
        let Arrival::Part(Some(Part::Data(bytes))) = next()? else {
            return Err(bad("its manifest is shorter than announced"));
        };
        manifest.extend_from_slice(&bytes);
    }
    if manifest.len() as u64 > start.length_bytes {
        return Err(bad("its manifest is longer than announced"));
    }
    let mut snapshot = ArrivingSnapshot::begin(shelf, sender, &manifest)?;
    let (missing_bytes, held_files) = (snapshot.missing_bytes(), snapshot.held().len());
    loop {
        match next()? {
            Arrival::Part(Some(Part::File(start))) => {
                snapshot.file(&start.name, start.length_bytes, start.offset_bytes)?;
            }
            Arrival::Part(Some(Part::Data(bytes))) => snapshot.data(&bytes)?,
            Arrival::Part(Some(Part::Header(_)) | None) => {
                return Err(bad("a part of it is neither file nor data"));
            }
            Arrival::End => break,
        }
    }
    let folder = snapshot.finish()?;
    let (elapsed_ms, files) = (begun.elapsed().as_millis(), folder.files.len());
    tracing::info!(sender, files, held_files, missing_bytes, elapsed_ms, "snapshot arrived");
    Ok(folder)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let panicked = |error: tokio::task::JoinError| StorageError::BadSnapshot(error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(panicked)?
}

/// What the sender is told. Damage alone is `DATA_LOSS`: it makes the sender
/// look at its own disk.
fn refused(sender: u64, error: &StorageError) -> Status {
    tracing::warn!(%error, sender, "arriving snapshot refused");
    let text = error.to_string();
    match error {
        StorageError::OtherFormat { .. } | StorageError::ForeignSnapshot { .. } => {
            Status::failed_precondition(text)
        }
        StorageError::DamagedFile { .. } => Status::data_loss(text),
        StorageError::NoRoom { .. } => Status::resource_exhausted(text),
        StorageError::BadSnapshot(_) => Status::invalid_argument(text),
        StorageError::TakenOver => Status::aborted(text),
        StorageError::Io { .. }
        | StorageError::Rocks { .. }
        | StorageError::Corrupt { .. }
        | StorageError::LogTailLost { .. } => Status::internal(text),
    }
}
