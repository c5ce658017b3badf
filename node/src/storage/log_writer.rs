//! The thread that makes the log durable: everything that waits goes into one
//! write batch and one fsync (group commit), then each waiter is told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use openraft::storage::IOFlushed;
use rocksdb::{WriteBatch, WriteOptions};
use tokio::sync::oneshot;

use super::durable_mark::{Acknowledged, DurableMark};
use super::log_store::{LOG_FAMILY, META_FAMILY, Shared, keys};
use crate::raft::types::TypeConfig;

/// Bounds one fsync's share of memory, not the throughput.
const GROUP_LIMIT: usize = 256;

/// Work for the writer, in order.
pub(super) enum Job {
    Append {
        records: Vec<(u64, Vec<u8>)>,
        last_term: u64,
        flushed: IOFlushed<TypeConfig>,
    },
    Vote {
        bytes: Vec<u8>,
        term: u64,
        done: oneshot::Sender<()>,
    },
    Truncate {
        from_index: u64,
        last_term: u64,
        done: oneshot::Sender<()>,
    },
    Purge {
        through_index: u64,
        log_id: Vec<u8>,
        done: oneshot::Sender<()>,
    },
    /// Kept with the next write that is made durable anyway.
    Committed(Vec<u8>),
}

impl Job {
    /// Where it makes the log end.
    fn cuts_from(&self) -> Option<u64> {
        match self {
            Self::Truncate { from_index, .. } => Some(*from_index),
            _ => None,
        }
    }

    /// Room for it in a batch, at most.
    fn bytes(&self) -> usize {
        const FRAME_BYTES: usize = 64;
        match self {
            Self::Append { records, .. } => {
                records.iter().map(|(_, bytes)| bytes.len() + FRAME_BYTES).sum()
            }
            Self::Vote { .. } | Self::Truncate { .. } | Self::Purge { .. } | Self::Committed(_) => {
                2 * FRAME_BYTES
            }
        }
    }
}

enum Waiter {
    Entries(IOFlushed<TypeConfig>),
    Call(oneshot::Sender<()>),
}

/// Runs until every sender is gone. A failed write or fsync ends the process:
/// after it nobody knows what is on disk, and a retry could claim what is not.
pub(super) fn run(
    shared: &Arc<Shared>,
    jobs: &Receiver<Job>,
    mark: &DurableMark,
    mut acknowledged: Acknowledged,
) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        while group.len() < GROUP_LIMIT {
            let Ok(job) = jobs.try_recv() else { break };
            group.push(job);
        }
        if let Err(error) = write_group(shared, group, mark, &mut acknowledged) {
            tracing::error!(%error, "the log could not be made durable; stopping this node");
            std::process::abort();
        }
    }
}

pub(super) fn write_group(
    shared: &Arc<Shared>,
    group: Vec<Job>,
    mark: &DurableMark,
    acknowledged: &mut Acknowledged,
) -> Result<(), super::StorageError> {
    let log = shared.family(LOG_FAMILY)?;
    let meta = shared.family(META_FAMILY)?;
    let room: usize = group.iter().map(Job::bytes).sum();
    let mut batch = WriteBatch::with_capacity_bytes(room);
    let mut waiters = Vec::with_capacity(group.len());
    let mut purged_through = None;
    if let Some(from_index) = group.iter().filter_map(Job::cuts_from).min() {
        // A crash between the two writes must find a mark that the shorter log satisfies.
        let next_index = acknowledged.next_index.min(from_index);
        mark.write_durably(Acknowledged { next_index, last_term: 0, ..*acknowledged })?;
    }
    for job in group {
        match job {
            Job::Append { records, last_term, flushed } => {
                for (index, bytes) in &records {
                    batch.put_cf(log, index.to_be_bytes(), bytes);
                    shared.counters.appended_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    acknowledged.next_index = *index + 1;
                }
                shared.counters.appended_entries.fetch_add(records.len() as u64, Ordering::Relaxed);
                acknowledged.last_term = last_term;
                waiters.push(Waiter::Entries(flushed));
            }
            Job::Vote { bytes, term, done } => {
                batch.put_cf(meta, keys::VOTE, bytes);
                acknowledged.vote_term = term;
                waiters.push(Waiter::Call(done));
            }
            Job::Truncate { from_index, last_term, done } => {
                batch.delete_range_cf(log, from_index.to_be_bytes(), u64::MAX.to_be_bytes());
                acknowledged.next_index = from_index;
                acknowledged.last_term = last_term;
                waiters.push(Waiter::Call(done));
            }
            Job::Purge { through_index, log_id, done } => {
                batch.delete_range_cf(log, 0u64.to_be_bytes(), (through_index + 1).to_be_bytes());
                batch.put_cf(meta, keys::PURGED, log_id);
                acknowledged.next_index = acknowledged.next_index.max(through_index + 1);
                purged_through = Some(through_index);
                waiters.push(Waiter::Call(done));
            }
            Job::Committed(bytes) => batch.put_cf(meta, keys::COMMITTED, bytes),
        }
    }
    // A commit note alone is no reason to touch the disk: it goes with the next write.
    let mut options = WriteOptions::default();
    options.set_sync(!waiters.is_empty());
    let started = Instant::now();
    shared.db.write_opt(batch, &options).map_err(super::StorageError::rocks("write the log"))?;
    if waiters.is_empty() {
        return Ok(());
    }
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    shared.counters.fsyncs.fetch_add(1, Ordering::Relaxed);
    shared.counters.fsync_total_us.fetch_add(micros, Ordering::Relaxed);
    shared.durable_next_index.store(acknowledged.next_index, Ordering::Release);
    // The mark goes before the acknowledgements: it may never lag behind what others were told.
    mark.write(*acknowledged)?;
    for waiter in waiters {
        match waiter {
            Waiter::Entries(flushed) => flushed.io_completed(Ok(())),
            // The caller may have gone away; the write stands all the same.
            Waiter::Call(done) => drop(done.send(())),
        }
    }
    if let Some(through) = purged_through {
        // Whole files below the purge point go at once instead of by compaction.
        shared
            .db
            .delete_file_in_range_cf(log, 0u64.to_be_bytes(), through.to_be_bytes())
            .map_err(super::StorageError::rocks("purge the log"))?;
    }
    Ok(())
}
