//! One file of an archive: a head, then records.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use prost::Message as _;
use registry_proto::peer;
use sha2::{Digest as _, Sha256};

use super::reader::EntryId;
use crate::backup::{BackupError, broken, failed};

const MAGIC: &[u8; 20] = b"registry.v1.archive\0";
const FORMAT: u8 = 1;
/// End of a segment's name; before it stands the index of its first entry.
pub(super) const SUFFIX: &str = ".segment";
/// A segment whose head is not durable yet.
pub(super) const UNFINISHED: &str = ".segment.new";
/// More than any entry has.
const LONGEST_ENTRY_BYTES: u32 = 256 << 20;
/// More than any cluster's id has.
const LONGEST_NAME_BYTES: u32 = 1 << 10;

/// How a segment begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) cluster_id: String,
    pub(super) recovery_epoch: u64,
    pub(super) first_index: u64,
    /// Hash over all records before it.
    pub(super) chain: [u8; 32],
}

impl Head {
    /// Of an archive's first segment.
    pub(super) fn first(cluster_id: &str, recovery_epoch: u64, first_index: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(MAGIC);
        hash.update(length(cluster_id.len()));
        hash.update(cluster_id);
        hash.update(recovery_epoch.to_be_bytes());
        hash.update(first_index.to_be_bytes());
        let (cluster_id, chain) = (cluster_id.to_owned(), hash.finalize().into());
        Self { cluster_id, recovery_epoch, first_index, chain }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(FORMAT);
        bytes.extend(length(self.cluster_id.len()));
        bytes.extend(self.cluster_id.as_bytes());
        bytes.extend(self.recovery_epoch.to_be_bytes());
        bytes.extend(self.first_index.to_be_bytes());
        bytes.extend(self.chain);
        bytes
    }

    pub(super) fn read(from: &mut impl Read, path: &Path) -> Result<Self, BackupError> {
        let mut magic = [0; MAGIC.len() + 1];
        let head = |e: io::Error| short(path, "its head", e);
        from.read_exact(&mut magic).map_err(head)?;
        match magic.strip_prefix(MAGIC) {
            Some([FORMAT]) => {}
            Some([found, ..]) => {
                let (found, reads) = (u32::from(*found), u32::from(FORMAT));
                return Err(BackupError::OtherFormat { path: path.to_owned(), found, reads });
            }
            _ => return Err(broken(path, "it is no segment of an archive")),
        }
        let name_bytes = u32::from_be_bytes(array(from).map_err(head)?);
        if name_bytes > LONGEST_NAME_BYTES {
            return Err(broken(path, format!("a cluster id of {name_bytes} bytes")));
        }
        let mut name = vec![0; name_bytes as usize];
        from.read_exact(&mut name).map_err(head)?;
        let cluster_id =
            String::from_utf8(name).map_err(|_| broken(path, "its cluster id is no text"))?;
        Ok(Self {
            cluster_id,
            recovery_epoch: u64::from_be_bytes(array(from).map_err(head)?),
            first_index: u64::from_be_bytes(array(from).map_err(head)?),
            chain: array(from).map_err(head)?,
        })
    }

    /// Length of the head in its file.
    pub(super) fn length_bytes(&self) -> u64 {
        self.to_bytes().len() as u64
    }
}

/// The hash behind one more record.
pub(super) fn chained(chain: &[u8; 32], entry: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(chain);
    hash.update(length(entry.len()));
    hash.update(entry);
    hash.finalize().into()
}

/// A record as it is written.
pub(super) fn record(chain: &[u8; 32], entry: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entry.len() + RECORD_HEAD_BYTES);
    bytes.extend(length(entry.len()));
    bytes.extend(chain);
    bytes.extend(entry);
    bytes
}

/// Length and hash.
pub(super) const RECORD_HEAD_BYTES: usize = 4 + 32;

/// What comes next in a segment.
pub(super) enum Next {
    Entry(Vec<u8>, [u8; 32]),
    End,
    /// The file ends within a record.
    Cut,
}

pub(super) fn next(from: &mut impl Read, path: &Path) -> Result<Next, BackupError> {
    let mut head = [0; RECORD_HEAD_BYTES];
    match fill(from, &mut head).map_err(failed("read", path))? {
        0 => return Ok(Next::End),
        RECORD_HEAD_BYTES => {}
        _ => return Ok(Next::Cut),
    }
    let (length, chain) = head.split_at(4);
    let length = u32::from_be_bytes(length.try_into().unwrap_or_default());
    if length > LONGEST_ENTRY_BYTES {
        return Err(broken(path, format!("a record of {length} bytes")));
    }
    let mut entry = vec![0; length as usize];
    let read = fill(from, &mut entry).map_err(failed("read", path))?;
    if read < entry.len() {
        return Ok(Next::Cut);
    }
    Ok(Next::Entry(entry, chain.try_into().unwrap_or_default()))
}

/// The place of an entry in the log.
pub(super) fn entry_id(entry: &[u8], path: &Path) -> Result<EntryId, BackupError> {
    let entry = peer::Entry::decode(entry).map_err(|e| broken(path, e.to_string()))?;
    let id = entry.log_id.zip(entry.payload).map(|(id, _)| id);
    let placed = id.and_then(|id| Some((id.leader_id?, id.index)));
    let (leader, index) = placed.ok_or_else(|| broken(path, "a record is no log entry"))?;
    Ok(EntryId { index, term: leader.term, leader_node_id: leader.node_id })
}

/// The segments of an archive in order, each with the index that its name says.
pub(super) fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, BackupError> {
    let mut segments = Vec::new();
    for item in fs::read_dir(folder).map_err(failed("list", folder))? {
        let path = item.map_err(failed("list", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let index = name.strip_suffix(SUFFIX).filter(|digits| digits.len() == 20);
        match index.and_then(|digits| digits.parse().ok()) {
            Some(index) => segments.push((index, path.clone())),
            None if name.ends_with(UNFINISHED) => {}
            None => return Err(broken(&path, "an archive holds nothing but its segments")),
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

pub(super) fn path_of(folder: &Path, first_index: u64, suffix: &str) -> PathBuf {
    folder.join(format!("{first_index:020}{suffix}"))
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads until the buffer is full or the file ends.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

fn short(path: &Path, what: &str, error: io::Error) -> BackupError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => broken(path, format!("it ends within {what}")),
        _ => failed("read", path)(error),
    }
}
