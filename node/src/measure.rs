//! What the benchmarks need of this crate's insides. No part of its interface.

use std::path::Path;

use openraft::storage::{IOFlushed, RaftLogStorage as _};
use openraft::type_config::TypeConfigExt as _;
use openraft::vote::RaftLeaderId as _;

use crate::raft::types::{Entry, EntryContent, LeaderId, LogId, Payload, TypeConfig};
use crate::storage::{LogStore, StorageThreads};

/// Trades in the bytes of a `registry.v1.TradeChunk`; 0 when they are none.
#[must_use]
pub fn read_chunk(bytes: &[u8]) -> usize {
    crate::decode::chunk_trades(bytes).map_or(0, |trades| trades.len())
}

/// A log on disk.
pub struct Log {
    runtime: tokio::runtime::Runtime,
    log: LogStore,
    next_index: u64,
}

impl Log {
    /// Opens an empty log in a folder.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let log = LogStore::open(folder, &StorageThreads::default())?;
        Ok(Self { runtime, log, next_index: 0 })
    }

    /// Appends entries one by one and waits until all of them are on disk.
    ///
    /// # Errors
    /// When the log refuses.
    pub fn append(&mut self, entries: u64, bytes_each: usize) -> anyhow::Result<()> {
        let payload = bytes::Bytes::from(vec![7; bytes_each]);
        self.runtime.block_on(async {
            let mut waiting = Vec::new();
            for _ in 0..entries {
                let log_id = LogId { leader_id: LeaderId::new(1, 1), index: self.next_index };
                self.next_index += 1;
                let content = EntryContent::Normal(Payload(payload.clone()));
                let (sender, flushed) = TypeConfig::oneshot();
                let entry = Entry { log_id, payload: content };
                self.log.append([entry], IOFlushed::signal(sender)).await?;
                waiting.push(flushed);
            }
            for flushed in waiting {
                flushed.await??;
            }
            Ok(())
        })
    }
}
