//! A log that begins behind what a ledger reflects.

use std::path::Path;

use prost::Message as _;
use rocksdb::{WriteBatch, WriteOptions};

use crate::raft::types::{LogId, Vote};
use crate::raft::wire;
use crate::storage::durable_mark::{Acknowledged, DurableMark};
use crate::storage::log_store::{FORMAT, META_FAMILY, keys, open_database};
use crate::storage::{StorageError, io_error};

/// Writes a log in a new folder: without an entry, purged up to `purged`, and with
/// the vote that lets its node begin above every term before.
pub(super) fn create_log(folder: &Path, purged: LogId, vote: Vote) -> Result<(), StorageError> {
    std::fs::create_dir_all(folder).map_err(|e| io_error("create", folder, e))?;
    let db = open_database(folder)?;
    let meta = db.cf_handle(META_FAMILY).ok_or_else(|| StorageError::Corrupt {
        what: "the log database".into(),
        why: format!("column family {META_FAMILY} is missing"),
    })?;
    let mut batch = WriteBatch::default();
    batch.put_cf(meta, keys::FORMAT, FORMAT);
    batch.put_cf(meta, keys::PURGED, wire::log_id_out(&purged).encode_to_vec());
    batch.put_cf(meta, keys::COMMITTED, wire::log_id_out(&purged).encode_to_vec());
    batch.put_cf(meta, keys::VOTE, wire::vote_out(&vote).encode_to_vec());
    let mut durable = WriteOptions::default();
    durable.set_sync(true);
    db.write_opt(batch, &durable).map_err(StorageError::rocks("write the log"))?;
    drop(db);
    let (mark, _) = DurableMark::open(folder)?;
    mark.write_durably(Acknowledged {
        vote_term: vote.leader_id.term,
        last_term: purged.leader_id.term,
        next_index: purged.index + 1,
    })?;
    crate::storage::sync_folder(folder)?;
    Ok(())
}
