//! One file of a snapshot while it arrives: written, hashed, and brought to disk
//! behind what is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use registry_proto::storage::SnapshotFile;
use sha2::{Digest as _, Sha256};

use super::{StorageError, io_error};

/// Synced so often, so that the log's own fsync never waits for much more: while
/// one stretch is being synced the next is written.
const SYNC_BYTES: u64 = 4 << 20;

pub(super) struct ArrivingFile {
    wanted: SnapshotFile,
    part: PathBuf,
    file: File,
    sha256: Sha256,
    length_bytes: u64,
    unsynced_bytes: u64,
    syncing: Option<JoinHandle<io::Result<()>>>,
}

impl ArrivingFile {
    /// Goes on after the first `offset_bytes` of `part`, which are hashed again.
    pub(super) fn open(
        wanted: SnapshotFile,
        part: PathBuf,
        offset_bytes: u64,
    ) -> Result<Self, StorageError> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&part)
            .map_err(|e| io_error("open", &part, e))?;
        file.set_len(offset_bytes).map_err(|e| io_error("shorten", &part, e))?;
        let sha256 = hash_so_far(&mut file).map_err(|e| io_error("read", &part, e))?;
        let (length_bytes, unsynced_bytes) = (offset_bytes, offset_bytes);
        Ok(Self { wanted, part, file, sha256, length_bytes, unsynced_bytes, syncing: None })
    }

    pub(super) fn name(&self) -> &str {
        &self.wanted.name
    }

    pub(super) fn missing_bytes(&self) -> u64 {
        self.wanted.length_bytes - self.length_bytes
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        if bytes.len() as u64 > self.missing_bytes() {
            let why = format!("{} is longer than announced", self.name());
            return Err(StorageError::BadSnapshot(why));
        }
        self.file.write_all(bytes).map_err(|e| io_error("write", &self.part, e))?;
        self.sha256.update(bytes);
        self.length_bytes += bytes.len() as u64;
        self.unsynced_bytes += bytes.len() as u64;
        if self.unsynced_bytes >= SYNC_BYTES {
            self.begin_sync().map_err(|e| self.not_synced(e))?;
        }
        Ok(())
    }

    /// Gives a file that is what its manifest says its name, durably but for the
    /// folder; one that is not goes.
    pub(super) fn complete(mut self) -> Result<(), StorageError> {
        if std::mem::take(&mut self.sha256).finalize()[..] != self.wanted.sha256[..] {
            self.remove();
            return Err(StorageError::DamagedFile { file: self.name().to_owned() });
        }
        let synced = self.end_sync().and_then(|()| self.file.sync_all());
        synced.map_err(|e| self.not_synced(e))?;
        let whole = self.part.with_file_name(self.name());
        fs::rename(&self.part, whole).map_err(|e| io_error("rename", &self.part, e))
    }

    /// The one before has ended first: at most two stretches are not on disk.
    fn begin_sync(&mut self) -> io::Result<()> {
        self.end_sync()?;
        let file = self.file.try_clone()?;
        let thread = thread::Builder::new().name("snapshot-sync".to_owned());
        self.syncing = Some(thread.spawn(move || file.sync_data())?);
        self.unsynced_bytes = 0;
        Ok(())
    }

    fn end_sync(&mut self) -> io::Result<()> {
        let Some(syncing) = self.syncing.take() else { return Ok(()) };
        syncing.join().unwrap_or_else(|_| Err(io::Error::other("the syncing thread panicked")))
    }

    /// What a failed sync did not bring to disk no later one does: all of it goes.
    fn not_synced(&self, error: io::Error) -> StorageError {
        self.remove();
        io_error("sync", &self.part, error)
    }

    fn remove(&self) {
        if let Err(error) = fs::remove_file(&self.part) {
            tracing::warn!(%error, path = %self.part.display(), "a wrong file stays");
        }
    }
}

impl Drop for ArrivingFile {
    /// What arrived stays for the next attempt.
    fn drop(&mut self) {
        if let Err(error) = self.end_sync() {
            let error = self.not_synced(error);
            tracing::warn!(%error, "a part of a snapshot is given up");
        }
    }
}

fn hash_so_far(file: &mut File) -> io::Result<Sha256> {
    file.seek(SeekFrom::Start(0))?;
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(sha256),
            read => sha256.update(&buffer[..read]),
        }
    }
}
