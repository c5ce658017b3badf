//! A log that begins behind what a ledger reflects.

use std::path::Path;

use prost::Message as _;
use rocksdb::{WriteBatch, WriteOptions};

use super::RestoreError;
use crate::raft::types::{Entry, LogId};
use crate::raft::wire;
use crate::storage::durable_mark::{Acknowledged, DurableMark};
use crate::storage::log_store::{FORMAT, LOG_FAMILY, META_FAMILY, keys, open_database};
use crate::storage::{StorageError, io_error};

/// Bytes of one write.
const BATCH_BYTES: usize = 4 << 20;

/// Writes a log in a new folder: purged up to `purged`, then these entries, all of
/// them committed; no vote. Answers the last entry's id.
pub(super) fn create(
    folder: &Path,
    purged: LogId,
    entries: impl Iterator<Item = Result<Entry, RestoreError>>,
) -> Result<LogId, RestoreError> {
    std::fs::create_dir_all(folder).map_err(|e| io_error("create", folder, e))?;
    let rocks = StorageError::rocks("write the log");
    let db = open_database(folder)?;
    let family = |name: &str| {
        db.cf_handle(name).ok_or_else(|| StorageError::Corrupt {
            what: "the log database".into(),
            why: format!("column family {name} is missing"),
        })
    };
    let (log, meta) = (family(LOG_FAMILY)?, family(META_FAMILY)?);
    let mut last = purged;
    let mut batch = WriteBatch::default();
    for entry in entries {
        let entry = entry?;
        last = entry.log_id;
        batch.put_cf(log, last.index.to_be_bytes(), wire::entry_out(&entry).encode_to_vec());
        if batch.size_in_bytes() >= BATCH_BYTES {
            db.write(std::mem::take(&mut batch)).map_err(rocks)?;
        }
    }
    batch.put_cf(meta, keys::FORMAT, FORMAT);
    batch.put_cf(meta, keys::PURGED, wire::log_id_out(&purged).encode_to_vec());
    // The node applies what is committed when it starts.
    batch.put_cf(meta, keys::COMMITTED, wire::log_id_out(&last).encode_to_vec());
    let mut durable = WriteOptions::default();
    durable.set_sync(true);
    db.write_opt(batch, &durable).map_err(rocks)?;
    drop(db);
    let (mark, _) = DurableMark::open(folder)?;
    let last_term = last.leader_id.term;
    mark.write_durably(Acknowledged { vote_term: 0, last_term, next_index: last.index + 1 })?;
    crate::storage::sync_folder(folder)?;
    Ok(last)
}
