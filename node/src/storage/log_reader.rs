//! Reads log entries: the newest from memory, older ones from RocksDB.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use openraft::{OptionalSend, RaftLogReader};
use prost::Message as _;
use prost::bytes::Bytes;
use registry_proto::peer;
use rocksdb::{Direction, IteratorMode};

use super::StorageError;
use super::log_store::{LOG_FAMILY, Shared};
use crate::raft::types::{Entry, TypeConfig, Vote};
use crate::raft::wire;

/// Upper bound of one replication message, so that a slow link never waits for a huge one.
const MESSAGE_BYTES: usize = 2 << 20;

/// Reads one node's log.
pub(crate) struct LogReader {
    pub(super) shared: Arc<Shared>,
}

impl LogReader {
    fn read(&self, range: Range<u64>, limit_bytes: usize) -> Result<Vec<Entry>, StorageError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut bytes = 0;
        let mut next = range.start;
        while next < range.end && (entries.is_empty() || bytes < limit_bytes) {
            {
                let cache = self.shared.cache.read();
                if cache.first_index().is_some_and(|first| first <= next) {
                    entries.extend(cache.read(next..range.end, limit_bytes - bytes));
                    break;
                }
            }
            // What memory no longer holds is durable: it is dropped only after the fsync.
            if !self.read_stored(next..range.end, limit_bytes, &mut bytes, &mut entries)? {
                // A log may begin later than asked for.
                if let Some(first) = self.shared.cache.read().first_index() {
                    next = next.max(first);
                    if next < range.end && entries.is_empty() {
                        continue;
                    }
                }
                break;
            }
            next = entries.last().map_or(range.start, |entry| entry.log_id.index + 1);
        }
        Ok(entries)
    }

    /// Appends stored entries; false when there was none.
    fn read_stored(
        &self,
        range: Range<u64>,
        limit_bytes: usize,
        bytes: &mut usize,
        entries: &mut Vec<Entry>,
    ) -> Result<bool, StorageError> {
        let log = self.shared.family(LOG_FAMILY)?;
        let start = range.start.to_be_bytes();
        let before = entries.len();
        for item in self.shared.db.iterator_cf(log, IteratorMode::From(&start, Direction::Forward))
        {
            let (key, value) = item.map_err(StorageError::rocks("read the log"))?;
            let entry = decode_entry(&value)?;
            if key.as_ref() != entry.log_id.index.to_be_bytes() {
                return Err(StorageError::Corrupt {
                    what: format!("log entry {}", entry.log_id),
                    why: "it lies under another index".into(),
                });
            }
            let gap =
                entries.last().is_some_and(|last| entry.log_id.index != last.log_id.index + 1);
            if entry.log_id.index >= range.end || gap {
                break;
            }
            *bytes = bytes.saturating_add(value.len());
            if !entries.is_empty() && *bytes > limit_bytes {
                break;
            }
            entries.push(entry);
        }
        Ok(entries.len() > before)
    }
}

/// Decodes a stored entry.
pub(super) fn decode_entry(bytes: &[u8]) -> Result<Entry, StorageError> {
    let corrupt = |why: String| StorageError::Corrupt { what: "a log entry".into(), why };
    // One copy, after which the payload stays a slice of it.
    let entry =
        peer::Entry::decode(Bytes::copy_from_slice(bytes)).map_err(|e| corrupt(e.to_string()))?;
    wire::entry_in(entry).map_err(|e| corrupt(e.to_string()))
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let start = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(index) => index + 1,
            Bound::Excluded(index) => *index,
            Bound::Unbounded => u64::MAX,
        };
        Ok(self.read(start..end, usize::MAX)?)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let entries = self.read(start..end, MESSAGE_BYTES)?;
        // A message that begins after a purged entry would leave a hole in a follower's
        // log; without entries it asks again, and then gets a snapshot.
        let whole = entries.first().is_some_and(|first| first.log_id.index == start);
        Ok(if whole { entries } else { Vec::new() })
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(*self.shared.vote.lock())
    }
}
