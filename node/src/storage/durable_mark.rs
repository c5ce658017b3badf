//! A small file beside the log that says how far this node has acknowledged.
//!
//! RocksDB's point-in-time recovery can drop a damaged tail of the log without
//! an error (facebook/rocksdb#6288). A voter that forgot what it acknowledged
//! could elect a leader without committed entries, so on opening the log is
//! compared with this mark and a shorter one is refused. The mark is written
//! after every group fsync but not synced itself: after a power cut it may be
//! older than the log, which only makes it less strict, never wrong. Where the
//! log is to become shorter the mark goes first and is synced, because there
//! an old mark would demand what was rightly cut off.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{StorageError, io_error, sync_folder};

const NAME: &str = "acknowledged.mark";

/// What was acknowledged last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Acknowledged {
    /// Term of the stored vote.
    pub(crate) vote_term: u64,
    /// Term of the last log entry.
    pub(crate) last_term: u64,
    /// Index of the last log entry, counted from 1 so that 0 is an empty log.
    pub(crate) next_index: u64,
}

pub(crate) struct DurableMark {
    file: File,
    path: PathBuf,
}

impl DurableMark {
    /// Opens or creates the mark and reads what it says.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Acknowledged), StorageError> {
        let path = folder.join(NAME);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| io_error("open", &path, e))?;
        let length = file.metadata().map_err(|e| io_error("read", &path, e))?.len();
        let mark = Self { file, path };
        if length == 0 {
            // At full length from the start, so that later writes only replace bytes
            // and a power cut cannot leave a file without its content.
            mark.write_durably(Acknowledged::default())?;
            sync_folder(folder)?;
            return Ok((mark, Acknowledged::default()));
        }
        let acknowledged = read(&mark.file, &mark.path)?;
        Ok((mark, acknowledged))
    }

    /// Reads what the mark of a folder says, if there is one.
    pub(crate) fn look(folder: &Path) -> Result<Option<Acknowledged>, StorageError> {
        let path = folder.join(NAME);
        match File::open(&path) {
            Ok(file) => read(&file, &path).map(Some),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io_error("open", &path, e)),
        }
    }

    /// Writes the mark in place; 32 bytes lie in one sector.
    pub(crate) fn write(&self, acknowledged: Acknowledged) -> Result<(), StorageError> {
        self.file
            .write_all_at(&encode(acknowledged), 0)
            .map_err(|e| io_error("write", &self.path, e))
    }

    /// Writes the mark so that it survives a power cut.
    pub(crate) fn write_durably(&self, acknowledged: Acknowledged) -> Result<(), StorageError> {
        self.write(acknowledged)?;
        self.file.sync_data().map_err(|e| io_error("sync", &self.path, e))
    }
}

fn read(file: &File, path: &Path) -> Result<Acknowledged, StorageError> {
    let mut bytes = [0; 32];
    file.read_exact_at(&mut bytes, 0).map_err(|e| io_error("read", path, e))?;
    decode(&bytes).ok_or_else(|| StorageError::Corrupt {
        what: path.display().to_string(),
        why: "its checksum is wrong".into(),
    })
}

fn encode(acknowledged: Acknowledged) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&acknowledged.vote_term.to_be_bytes());
    bytes[8..16].copy_from_slice(&acknowledged.last_term.to_be_bytes());
    bytes[16..24].copy_from_slice(&acknowledged.next_index.to_be_bytes());
    let check = Sha256::digest(&bytes[..24]);
    bytes[24..].copy_from_slice(&check[..8]);
    bytes
}

fn decode(bytes: &[u8; 32]) -> Option<Acknowledged> {
    let number = |at: usize| -> Option<u64> {
        Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
    };
    let acknowledged =
        Acknowledged { vote_term: number(0)?, last_term: number(8)?, next_index: number(16)? };
    (encode(acknowledged) == *bytes).then_some(acknowledged)
}
