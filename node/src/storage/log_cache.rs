//! The newest log entries in memory: replication and apply read them from
//! here while the writer thread is still making them durable.

use std::collections::VecDeque;
use std::ops::Range;

use crate::raft::types::{Entry, EntryContent};

/// Entries `first_index ..`, without gaps.
#[derive(Default)]
pub(super) struct LogCache {
    entries: VecDeque<Entry>,
    first_index: u64,
    bytes: usize,
}

fn size(entry: &Entry) -> usize {
    match &entry.payload {
        EntryContent::Normal(payload) => payload.0.len() + 64,
        EntryContent::Membership(_) | EntryContent::Blank => 64,
    }
}

impl LogCache {
    /// Appends the next entry. A gap means that the log was purged up to a
    /// snapshot: what came before is forgotten.
    pub(super) fn push(&mut self, entry: Entry) {
        if self.entries.is_empty() || entry.log_id.index != self.next_index() {
            self.clear();
            self.first_index = entry.log_id.index;
        }
        self.bytes += size(&entry);
        self.entries.push_back(entry);
    }

    fn next_index(&self) -> u64 {
        self.first_index + self.entries.len() as u64
    }

    /// Drops the oldest entries beyond `limit_bytes`, but none from `keep_from` on,
    /// which the writer has not made durable yet.
    pub(super) fn shrink(&mut self, limit_bytes: usize, keep_from: u64) {
        while self.bytes > limit_bytes && self.first_index < keep_from {
            let Some(entry) = self.entries.pop_front() else { return };
            self.bytes -= size(&entry);
            self.first_index += 1;
        }
    }

    /// Drops every entry from `index` on.
    pub(super) fn truncate_from(&mut self, index: u64) {
        while self.next_index() > index {
            let Some(entry) = self.entries.pop_back() else { return };
            self.bytes -= size(&entry);
        }
    }

    /// Drops every entry below `index`.
    pub(super) fn purge_below(&mut self, index: u64) {
        while self.first_index < index {
            let Some(entry) = self.entries.pop_front() else { return };
            self.bytes -= size(&entry);
            self.first_index += 1;
        }
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// First index held; `None` when empty.
    pub(super) fn first_index(&self) -> Option<u64> {
        (!self.entries.is_empty()).then_some(self.first_index)
    }

    /// Clones the entries of `range` that are here, at most `limit_bytes` but at least one.
    pub(super) fn read(&self, range: Range<u64>, limit_bytes: usize) -> Vec<Entry> {
        let start = range.start.max(self.first_index);
        let mut bytes = 0;
        let mut out = Vec::new();
        for index in start..range.end.min(self.next_index()) {
            let Some(entry) = self.entries.get((index - self.first_index) as usize) else { break };
            bytes += size(entry);
            if !out.is_empty() && bytes > limit_bytes {
                break;
            }
            out.push(entry.clone());
        }
        out
    }
}
