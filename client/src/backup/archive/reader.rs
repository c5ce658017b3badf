//! Reads an archive from its first entry to its last and checks all of it.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::segment::{self, Head, Next};
use crate::backup::{BackupError, broken, cluster_name, failed};

/// Where an entry stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// Its place.
    pub index: u64,
    /// Of the leader that proposed it.
    pub term: u64,
    /// That leader.
    pub leader_node_id: u64,
}

/// An archive whose every record is what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveReport {
    /// Of this cluster.
    pub cluster_id: String,
    /// And of this life of it.
    pub recovery_epoch: u64,
    /// Log index of the first entry, or of the one that would be.
    pub first_index: u64,
    /// Log index that the next entry would have.
    pub next_index: u64,
    /// The first entry.
    pub first: Option<EntryId>,
    /// The last entry.
    pub last: Option<EntryId>,
    /// The hash over all entries: whoever keeps it elsewhere notices every change.
    pub chain_sha256: [u8; 32],
    /// Files.
    pub segments: u64,
    /// Of all entries.
    pub bytes: u64,
    /// The entry at the index that was asked for.
    pub looked_up: Option<EntryId>,
}

/// Reads all of an archive; `look_up` names an entry whose place is told.
///
/// # Errors
/// `Broken` with the first file that is not what was written, `Gap` where
/// entries are missing between two files.
pub fn verify_archive(
    folder: &Path,
    look_up: Option<u64>,
    mut on_progress: impl FnMut(u64, u64),
) -> Result<ArchiveReport, BackupError> {
    let segments = segment::list(folder)?;
    let mut lengths = Vec::with_capacity(segments.len());
    for (_, path) in &segments {
        lengths.push(path.metadata().map_err(failed("look at", path))?.len());
    }
    let total = lengths.iter().sum();
    let mut report: Option<ArchiveReport> = None;
    let mut done = 0;
    for ((named_index, path), length) in segments.iter().zip(lengths) {
        let file = File::open(path).map_err(failed("open", path))?;
        let mut from = BufReader::with_capacity(1 << 20, file);
        let head = Head::read(&mut from, path)?;
        if head.first_index != *named_index {
            return Err(broken(path, format!("it begins with entry {}", head.first_index)));
        }
        let report = match &mut report {
            Some(report) => {
                follows(report, &head, path)?;
                report
            }
            none => none.insert(begin(head, path)?),
        };
        report.segments += 1;
        loop {
            match segment::next(&mut from, path)? {
                Next::Entry(entry, chain) => {
                    report.take(&entry, &chain, path, look_up)?;
                }
                Next::End => break,
                Next::Cut => {
                    let why = format!("it ends within the record of entry {}", report.next_index);
                    return Err(broken(path, why));
                }
            }
        }
        done += length;
        on_progress(done, total);
    }
    report.ok_or_else(|| broken(folder, "an archive has at least one segment"))
}

fn begin(head: Head, path: &Path) -> Result<ArchiveReport, BackupError> {
    let first = Head::first(&head.cluster_id, head.recovery_epoch, head.first_index);
    if first.chain != head.chain {
        let why = "it is not the first of its archive: those before it are missing";
        return Err(broken(path, why));
    }
    Ok(ArchiveReport {
        cluster_id: head.cluster_id,
        recovery_epoch: head.recovery_epoch,
        first_index: head.first_index,
        next_index: head.first_index,
        first: None,
        last: None,
        chain_sha256: head.chain,
        segments: 0,
        bytes: 0,
        looked_up: None,
    })
}

fn follows(report: &ArchiveReport, head: &Head, path: &Path) -> Result<(), BackupError> {
    if (head.cluster_id.as_str(), head.recovery_epoch)
        != (report.cluster_id.as_str(), report.recovery_epoch)
    {
        return Err(BackupError::OtherCluster {
            path: path.to_owned(),
            expected: cluster_name(&report.cluster_id, report.recovery_epoch),
            found: cluster_name(&head.cluster_id, head.recovery_epoch),
        });
    }
    if head.first_index > report.next_index {
        return Err(BackupError::Gap {
            from_index: report.next_index,
            begins_at: head.first_index,
            why: format!("{} begins behind them", path.display()),
        });
    }
    if head.first_index < report.next_index || head.chain != report.chain_sha256 {
        return Err(broken(path, "it does not go on where the segment before it ends"));
    }
    Ok(())
}

impl ArchiveReport {
    fn take(
        &mut self,
        entry: &[u8],
        chain: &[u8; 32],
        path: &Path,
        look_up: Option<u64>,
    ) -> Result<(), BackupError> {
        let expected = segment::chained(&self.chain_sha256, entry);
        if expected != *chain {
            let why = format!("the record of entry {} is not what was written", self.next_index);
            return Err(broken(path, why));
        }
        let id = segment::entry_id(entry, path)?;
        if id.index != self.next_index || self.last.is_some_and(|last| id.term < last.term) {
            let why = format!(
                "entry {} of term {} stands where entry {} belongs",
                id.index, id.term, self.next_index
            );
            return Err(broken(path, why));
        }
        if look_up == Some(id.index) {
            self.looked_up = Some(id);
        }
        self.first = self.first.or(Some(id));
        self.last = Some(id);
        self.next_index += 1;
        self.chain_sha256 = expected;
        self.bytes += entry.len() as u64;
        Ok(())
    }
}
