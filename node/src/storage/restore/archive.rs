//! Reads the entries behind a backup from an archive: docs/formats.md.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use prost::Message as _;
use prost::bytes::Bytes;
use registry_proto::storage::LogBatch;
use sha2::{Digest as _, Sha256};

use super::backup::Backup;
use super::{RestoreError, damaged};
use crate::raft::state_machine::BATCH_FORMAT;
use crate::raft::types::{Entry, EntryContent, LogId};
use crate::storage::io_error;
use crate::storage::log_reader::decode_entry;

const MAGIC: &[u8; 20] = b"registry.v1.archive\0";
const FORMAT: u8 = 1;
const SUFFIX: &str = ".segment";
/// More than any entry has.
const LONGEST_ENTRY_BYTES: u32 = 256 << 20;
/// More than any cluster's id has.
const LONGEST_NAME_BYTES: u32 = 1 << 10;

/// Entries in order, from the one behind the backup on.
pub(super) struct ArchivedEntries {
    segments: VecDeque<(u64, PathBuf)>,
    open: Option<Segment>,
    /// The entry that the backup ends with, or the last one read.
    last: LogId,
    /// Behind the last entry read.
    chain: Option<[u8; 32]>,
    of: (String, u64),
    failed: bool,
}

struct Segment {
    path: PathBuf,
    from: BufReader<File>,
    next_index: u64,
    chain: [u8; 32],
}

impl ArchivedEntries {
    /// Finds the segment that goes on behind the backup's last entry.
    pub(super) fn open(
        folder: &Path,
        last_applied: LogId,
        backup: &Backup,
    ) -> Result<Self, RestoreError> {
        let mut segments = list(folder)?;
        let wanted = last_applied.index + 1;
        match segments.front() {
            None => return Err(damaged(folder, "an archive has at least one segment")),
            Some((begins_at, _)) if *begins_at > wanted => {
                return Err(RestoreError::Gap { from_index: wanted, begins_at: *begins_at });
            }
            Some(_) => {}
        }
        while segments.get(1).is_some_and(|(first_index, _)| *first_index <= wanted) {
            segments.pop_front();
        }
        let of = (backup.manifest.cluster_id.clone(), backup.manifest.recovery_epoch);
        Ok(Self { segments, open: None, last: last_applied, chain: None, of, failed: false })
    }

    /// The archive's chain hash behind the last entry given out.
    pub(super) fn chain_sha256(&self) -> Option<[u8; 32]> {
        self.chain
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, RestoreError> {
        loop {
            let segment = match &mut self.open {
                Some(segment) => segment,
                none => match self.segments.pop_front() {
                    None => return Ok(None),
                    Some((first_index, path)) => {
                        none.insert(Segment::open(path, first_index, &self.of)?)
                    }
                },
            };
            match segment.record()? {
                Some(entry) if entry.log_id.index < self.last.index => {}
                Some(entry) if entry.log_id.index == self.last.index => {
                    if entry.log_id != self.last {
                        let why = format!(
                            "its entry {} is not the one that the backup ends with",
                            entry.log_id.index
                        );
                        return Err(damaged(&segment.path, why));
                    }
                }
                Some(entry) => {
                    let (found, last) = (entry.log_id, self.last);
                    if found.index != last.index + 1 || found.leader_id.term < last.leader_id.term {
                        let why = format!("entry {found} does not follow entry {last}");
                        return Err(damaged(&segment.path, why));
                    }
                    self.last = found;
                    self.chain = Some(segment.chain);
                    return Ok(Some(entry));
                }
                None => self.follow_on()?,
            }
        }
    }

    /// The next segment goes on where this one ended.
    fn follow_on(&mut self) -> Result<(), RestoreError> {
        let Some(ended) = self.open.take() else { return Ok(()) };
        let Some((first_index, path)) = self.segments.pop_front() else { return Ok(()) };
        if first_index > ended.next_index {
            let (from_index, begins_at) = (ended.next_index, first_index);
            return Err(RestoreError::Gap { from_index, begins_at });
        }
        let next = Segment::open(path, first_index, &self.of)?;
        if first_index != ended.next_index || next.chain != ended.chain {
            return Err(damaged(&next.path, "it does not go on where the segment before it ends"));
        }
        self.open = Some(next);
        Ok(())
    }
}

impl Iterator for ArchivedEntries {
    type Item = Result<Entry, RestoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_entry();
        self.failed = next.is_err();
        next.transpose()
    }
}

impl Segment {
    fn open(path: PathBuf, named_index: u64, of: &(String, u64)) -> Result<Self, RestoreError> {
        let file = File::open(&path).map_err(|e| io_error("open", &path, e))?;
        let mut segment = Self {
            path,
            from: BufReader::with_capacity(1 << 20, file),
            next_index: named_index,
            chain: [0; 32],
        };
        match segment.array::<{ MAGIC.len() + 1 }>()?.strip_prefix(MAGIC) {
            Some([FORMAT]) => {}
            Some([found, ..]) => {
                let (path, found, reads) = (segment.path, u32::from(*found), u32::from(FORMAT));
                let what = "a segment of format";
                return Err(RestoreError::OtherFormat { path, what, found, reads });
            }
            _ => return Err(damaged(&segment.path, "it is no segment of an archive")),
        }
        let name_bytes = segment.length(LONGEST_NAME_BYTES)?;
        let name = String::from_utf8_lossy(&segment.bytes(name_bytes)?).into_owned();
        let epoch = u64::from_be_bytes(segment.array()?);
        if (name.as_str(), epoch) != (of.0.as_str(), of.1) {
            let named = |id: &str, epoch| format!("cluster {id}, recovery epoch {epoch}");
            return Err(RestoreError::OtherCluster {
                expected: named(&of.0, of.1),
                found: named(&name, epoch),
            });
        }
        let first_index = u64::from_be_bytes(segment.array()?);
        if first_index != named_index {
            return Err(damaged(&segment.path, format!("it begins with entry {first_index}")));
        }
        segment.chain = segment.array()?;
        Ok(segment)
    }

    /// The next entry; `None` at the end of the file.
    fn record(&mut self) -> Result<Option<Entry>, RestoreError> {
        let at_end = std::io::BufRead::fill_buf(&mut self.from)
            .map_err(|e| io_error("read", &self.path, e))?
            .is_empty();
        if at_end {
            return Ok(None);
        }
        let length = self.length(LONGEST_ENTRY_BYTES)?;
        let told: [u8; 32] = self.array()?;
        let bytes = self.bytes(length)?;
        let mut hash = Sha256::new();
        hash.update(self.chain);
        hash.update(length.to_be_bytes());
        hash.update(&bytes);
        let chain: [u8; 32] = hash.finalize().into();
        let index = self.next_index;
        if chain != told {
            let why = format!("the record of entry {index} is not what was written");
            return Err(damaged(&self.path, why));
        }
        let entry = decode_entry(&bytes).map_err(|e| damaged(&self.path, e.to_string()))?;
        if entry.log_id.index != index {
            let why = format!("entry {} stands where entry {index} belongs", entry.log_id.index);
            return Err(damaged(&self.path, why));
        }
        self.check_format(&entry)?;
        self.chain = chain;
        self.next_index += 1;
        Ok(Some(entry))
    }

    /// An entry that this version cannot apply would stop the node at its start.
    fn check_format(&self, entry: &Entry) -> Result<(), RestoreError> {
        let EntryContent::Normal(payload) = &entry.payload else { return Ok(()) };
        let batch = LogBatch::decode(Bytes::clone(&payload.0))
            .map_err(|e| damaged(&self.path, format!("entry {}: {e}", entry.log_id)))?;
        if batch.format == BATCH_FORMAT {
            return Ok(());
        }
        let (path, found, reads) = (self.path.clone(), batch.format, BATCH_FORMAT);
        Err(RestoreError::OtherFormat { path, what: "log entries of format", found, reads })
    }

    fn length(&mut self, most: u32) -> Result<u32, RestoreError> {
        let length = u32::from_be_bytes(self.array()?);
        if length > most {
            return Err(damaged(&self.path, format!("a field of {length} bytes")));
        }
        Ok(length)
    }

    fn bytes(&mut self, length: u32) -> Result<Vec<u8>, RestoreError> {
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RestoreError> {
        self.from.read_exact(bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                damaged(&self.path, format!("it ends before entry {} is whole", self.next_index))
            }
            _ => io_error("read", &self.path, error).into(),
        })
    }
}

/// The segments in order, each with the index that its name says.
fn list(folder: &Path) -> Result<VecDeque<(u64, PathBuf)>, RestoreError> {
    let mut segments = Vec::new();
    for item in fs::read_dir(folder).map_err(|e| io_error("list", folder, e))? {
        let path = item.map_err(|e| io_error("list", folder, e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let digits = name.strip_suffix(SUFFIX).filter(|digits| digits.len() == 20);
        if let Some(first_index) = digits.and_then(|digits| digits.parse().ok()) {
            segments.push((first_index, path.clone()));
        }
    }
    segments.sort_unstable();
    Ok(segments.into())
}

/// What the segments take on the disk.
pub(super) fn size_bytes(folder: &Path) -> Result<u64, RestoreError> {
    let mut bytes = 0_u64;
    for (_, path) in list(folder)? {
        let length = fs::metadata(&path).map_err(|e| io_error("look at", &path, e))?.len();
        bytes = bytes.saturating_add(length);
    }
    Ok(bytes)
}
