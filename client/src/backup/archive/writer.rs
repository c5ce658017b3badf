//! Adds entries to an archive. What was added is on the disk when the call
//! returns; a record that an interruption cut off is written again.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

use super::reader::EntryId;
use super::segment::{self, Head, Next, RECORD_HEAD_BYTES, SUFFIX, UNFINISHED, path_of};
use crate::backup::{BackupError, broken, failed, lock, sync_folder};

/// An archive that is being written; nobody else writes it meanwhile.
#[derive(Debug)]
pub struct ArchiveWriter {
    folder: PathBuf,
    head: Head,
    segment: File,
    segment_path: PathBuf,
    segment_bytes: u64,
    /// A segment that has as much is followed by another.
    limit_bytes: u64,
    next_index: u64,
    chain: [u8; 32],
    last: Option<EntryId>,
    _lock: File,
}

impl ArchiveWriter {
    /// Usual size of a segment.
    pub const SEGMENT_BYTES: u64 = 64 << 20;

    /// Goes on where an archive ends; `None` where there is none yet.
    ///
    /// # Errors
    /// When somebody else writes it, or its last segment is not what was written.
    pub fn open(folder: &Path, limit_bytes: u64) -> Result<Option<Self>, BackupError> {
        if !folder.exists() {
            return Ok(None);
        }
        let lock = lock(folder)?;
        let Some((named_index, path)) = segment::list(folder)?.pop() else { return Ok(None) };
        let file = File::open(&path).map_err(failed("open", &path))?;
        let mut from = BufReader::with_capacity(1 << 20, file);
        let head = Head::read(&mut from, &path)?;
        if head.first_index != named_index {
            return Err(broken(&path, format!("it begins with entry {}", head.first_index)));
        }
        let segment = OpenOptions::new().append(true).open(&path).map_err(failed("open", &path))?;
        let mut writer = Self {
            folder: folder.to_owned(),
            segment,
            segment_path: path,
            segment_bytes: head.length_bytes(),
            limit_bytes,
            next_index: head.first_index,
            chain: head.chain,
            head,
            last: None,
            _lock: lock,
        };
        writer.read_to_the_end(from)?;
        Ok(Some(writer))
    }

    /// Begins an archive in a folder that holds none.
    ///
    /// # Errors
    /// When the folder cannot be made, or somebody else writes there.
    pub fn create(
        folder: &Path,
        cluster_id: &str,
        recovery_epoch: u64,
        first_index: u64,
        limit_bytes: u64,
    ) -> Result<Self, BackupError> {
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        let lock = lock(folder)?;
        if !segment::list(folder)?.is_empty() {
            return Err(BackupError::Exists(folder.to_owned()));
        }
        let head = Head::first(cluster_id, recovery_epoch, first_index);
        let (segment, segment_path) = begin_segment(folder, &head)?;
        Ok(Self {
            folder: folder.to_owned(),
            segment,
            segment_path,
            segment_bytes: head.length_bytes(),
            limit_bytes,
            next_index: first_index,
            chain: head.chain,
            head,
            last: None,
            _lock: lock,
        })
    }

    fn read_to_the_end(&mut self, mut from: BufReader<File>) -> Result<(), BackupError> {
        loop {
            match segment::next(&mut from, &self.segment_path)? {
                Next::Entry(entry, chain) => {
                    let expected = segment::chained(&self.chain, &entry);
                    if expected != chain {
                        let index = self.next_index;
                        let why = format!("the record of entry {index} is not what was written");
                        return Err(broken(&self.segment_path, why));
                    }
                    self.check(&entry)?;
                    self.advance(&entry, expected)?;
                }
                Next::End => return Ok(()),
                Next::Cut => {
                    // An interrupted write: all before it is whole.
                    self.segment
                        .set_len(self.segment_bytes)
                        .and_then(|()| self.segment.sync_all())
                        .map_err(failed("cut", &self.segment_path))?;
                    return Ok(());
                }
            }
        }
    }

    /// The cluster that the archive is of.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.head.cluster_id
    }

    /// The life of that cluster.
    #[must_use]
    pub fn recovery_epoch(&self) -> u64 {
        self.head.recovery_epoch
    }

    /// Log index of the entry that is wanted next.
    #[must_use]
    pub fn next_index(&self) -> u64 {
        self.next_index
    }

    /// Hash over all entries so far.
    #[must_use]
    pub fn chain_sha256(&self) -> [u8; 32] {
        self.chain
    }

    /// The last entry added; `None` right behind the begin of a segment.
    #[must_use]
    pub fn last(&self) -> Option<EntryId> {
        self.last
    }

    /// Adds entries that follow what is there and makes them durable.
    ///
    /// # Errors
    /// When one does not follow, or the disk refuses; then the archive must be
    /// opened anew.
    pub fn append<E: AsRef<[u8]>>(&mut self, entries: &[E]) -> Result<(), BackupError> {
        if entries.is_empty() {
            return Ok(());
        }
        for entry in entries {
            let entry = entry.as_ref();
            self.check(entry)?;
            let chain = segment::chained(&self.chain, entry);
            self.segment
                .write_all(&segment::record(&chain, entry))
                .map_err(failed("write", &self.segment_path))?;
            self.advance(entry, chain)?;
        }
        self.segment.sync_data().map_err(failed("sync", &self.segment_path))?;
        if self.segment_bytes >= self.limit_bytes {
            let chain = self.chain;
            let head = Head { first_index: self.next_index, chain, ..self.head.clone() };
            (self.segment, self.segment_path) = begin_segment(&self.folder, &head)?;
            self.segment_bytes = head.length_bytes();
            self.head = head;
        }
        Ok(())
    }

    fn check(&self, entry: &[u8]) -> Result<(), BackupError> {
        let id = segment::entry_id(entry, &self.segment_path)?;
        if id.index == self.next_index && self.last.is_none_or(|last| id.term >= last.term) {
            return Ok(());
        }
        let why = format!(
            "entry {} of term {} came where entry {} belongs",
            id.index, id.term, self.next_index
        );
        Err(broken(&self.segment_path, why))
    }

    fn advance(&mut self, entry: &[u8], chain: [u8; 32]) -> Result<(), BackupError> {
        self.last = Some(segment::entry_id(entry, &self.segment_path)?);
        self.next_index += 1;
        self.chain = chain;
        self.segment_bytes += (RECORD_HEAD_BYTES + entry.len()) as u64;
        Ok(())
    }
}

/// Under its name only when its head is on the disk.
fn begin_segment(folder: &Path, head: &Head) -> Result<(File, PathBuf), BackupError> {
    let unfinished = path_of(folder, head.first_index, UNFINISHED);
    let path = path_of(folder, head.first_index, SUFFIX);
    let mut file = File::create(&unfinished).map_err(failed("create", &unfinished))?;
    file.write_all(&head.to_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed("write", &unfinished))?;
    fs::rename(&unfinished, &path).map_err(failed("rename", &unfinished))?;
    sync_folder(folder)?;
    Ok((file, path))
}
