//! Log entries as they lie in the log, for an archive.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use rocksdb::{Direction, IteratorMode};

use super::StorageError;
use super::log_store::{LOG_FAMILY, LogStore};

/// Encoded entries that follow each other.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LogPage {
    /// The first of them begins where was asked.
    pub(crate) entries: Vec<Bytes>,
    /// Where the log begins, when what was asked for is gone from it.
    pub(crate) begins_at: Option<u64>,
}

impl LogStore {
    /// Entries from an index on and not behind `through_index`, of at most so many
    /// bytes unless one alone has more. Only what is on this node's disk; none of it
    /// may be asked for before it is committed.
    pub(crate) fn page(
        &self,
        from_index: u64,
        through_index: u64,
        limit_bytes: usize,
    ) -> Result<LogPage, StorageError> {
        let purged_index = (*self.shared.purged.lock()).map(|purged| purged.index);
        if let Some(purged_index) = purged_index.filter(|purged| from_index <= *purged) {
            return Ok(LogPage { entries: Vec::new(), begins_at: Some(purged_index + 1) });
        }
        let durable = self.shared.durable_next_index.load(Ordering::Acquire);
        let end = durable.min(through_index.saturating_add(1));
        let mut page = LogPage::default();
        let mut bytes = 0;
        let start = from_index.to_be_bytes();
        let log = self.shared.family(LOG_FAMILY)?;
        let stored =
            self.shared.db.iterator_cf(log, IteratorMode::From(&start, Direction::Forward));
        for (expected, item) in (from_index..end).zip(stored) {
            let (key, value) = item.map_err(StorageError::rocks("read the log"))?;
            if *key != expected.to_be_bytes() {
                // A purge went on meanwhile: what follows the hole is asked for next.
                let index = key.as_ref().try_into().map(u64::from_be_bytes).ok();
                page.begins_at = index.filter(|_| page.entries.is_empty());
                break;
            }
            bytes += value.len();
            if !page.entries.is_empty() && bytes > limit_bytes {
                break;
            }
            page.entries.push(Bytes::from(value.into_vec()));
        }
        Ok(page)
    }
}
