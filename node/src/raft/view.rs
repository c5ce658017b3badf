//! The ledger in memory as this node has applied it.

use std::collections::VecDeque;

use registry_ledger::{Digest, Ledger};

/// Positions whose digest is remembered, so that nodes can be compared at the same index.
const REMEMBERED: usize = 4096;

/// What readers see: one consistent ledger and its place in the log.
pub(crate) struct LedgerView {
    pub(crate) ledger: Ledger,
    /// Term of the entry at `log_index`.
    pub(crate) term: u64,
    /// Last applied log index; 0 before the first.
    pub(crate) log_index: u64,
    /// State digest at `log_index`.
    pub(crate) digest: Digest,
    recent: VecDeque<(u64, Digest)>,
}

impl LedgerView {
    pub(crate) fn new(ledger: Ledger, term: u64, log_index: u64) -> Self {
        let digest = ledger.state_digest();
        Self { ledger, term, log_index, digest, recent: VecDeque::from([(log_index, digest)]) }
    }

    /// Moves on to a later log position.
    pub(super) fn advance(&mut self, term: u64, log_index: u64, digest: Digest) {
        self.term = term;
        self.log_index = log_index;
        self.digest = digest;
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((log_index, digest));
    }

    /// The state digest after `log_index` was applied, if it is still remembered.
    pub(crate) fn digest_at(&self, log_index: u64) -> Option<Digest> {
        let at = self.recent.binary_search_by_key(&log_index, |(index, _)| *index).ok()?;
        self.recent.get(at).map(|(_, digest)| *digest)
    }
}
