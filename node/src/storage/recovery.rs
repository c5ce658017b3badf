//! A recovery on disk: the plan is kept beside the log, the folder is copied
//! first, and the chosen node's log gets one entry more, with the survivors as its
//! voters. Everything is done with the storage closed, and doing it again after an
//! interruption goes on where it stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use openraft::impls::EmptyNode;
use openraft::vote::RaftLeaderId as _;
use prost::Message as _;
use registry_proto::registry::RecoveryPlan;
use registry_proto::storage::StoredRecovery;
use rocksdb::{WriteBatch, WriteOptions};
use sha2::{Digest as _, Sha256};

use super::durable_mark::{Acknowledged, DurableMark};
use super::log_store::{self, LOG_FAMILY, META_FAMILY, keys};
use super::{StorageError, epoch, io_error, sync_folder};
use crate::raft::types::{Entry, EntryContent, LeaderId, LogId, Membership, Vote};
use crate::raft::wire;

const FILE: &str = "recovery.plan";

/// A recovery that this node took part in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptRecovery {
    pub(crate) plan: RecoveryPlan,
    pub(crate) approved_by: Vec<String>,
}

/// Copies the data folder beside itself and writes down what is to be done.
pub(crate) fn begin(folder: &Path, kept: &KeptRecovery) -> Result<PathBuf, StorageError> {
    let copy = back_up(folder, kept.plan.recovery_epoch)?;
    let plan = kept.plan.encode_to_vec();
    let plan_sha256 = Sha256::digest(&plan).to_vec().into();
    let stored =
        StoredRecovery { plan: plan.into(), approved_by: kept.approved_by.clone(), plan_sha256 };
    let staged = folder.join("recovery.plan.new");
    File::create(&staged)
        .and_then(|mut file| {
            file.write_all(&stored.encode_to_vec())?;
            file.sync_all()
        })
        .map_err(|e| io_error("write", &staged, e))?;
    fs::rename(&staged, folder.join(FILE)).map_err(|e| io_error("rename", &staged, e))?;
    sync_folder(folder)?;
    // From here on nobody of the epoch before is listened to.
    epoch::write(folder, kept.plan.recovery_epoch)?;
    Ok(copy)
}

/// The recovery that the folder came through last.
pub(crate) fn read(folder: &Path) -> Result<Option<KeptRecovery>, StorageError> {
    let path = folder.join(FILE);
    let corrupt =
        |why: &str| StorageError::Corrupt { what: path.display().to_string(), why: why.to_owned() };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error("read", &path, e)),
    };
    let stored = StoredRecovery::decode(&bytes[..]).map_err(|_| corrupt("it does not decode"))?;
    if Sha256::digest(&stored.plan)[..] != stored.plan_sha256[..] {
        return Err(corrupt("its checksum is wrong"));
    }
    let plan =
        RecoveryPlan::decode(&stored.plan[..]).map_err(|_| corrupt("its plan does not decode"))?;
    Ok(Some(KeptRecovery { plan, approved_by: stored.approved_by }))
}

/// Gives the chosen node's log its next entry, unless it has it.
pub(crate) fn finish(folder: &Path, node_id: u64) -> Result<(), StorageError> {
    let Some(kept) = read(folder)? else { return Ok(()) };
    let plan = &kept.plan;
    let chosen = plan.survivors.iter().find(|survivor| survivor.node_id == plan.chosen_node_id);
    let Some(chosen) = chosen.filter(|chosen| chosen.node_id == node_id) else { return Ok(()) };
    let log = folder.join("log");
    let db = log_store::open_database(&log)?;
    let (shared, found) = log_store::load(db)?;
    let (_, acknowledged) = DurableMark::open(&log)?;
    if found.vote_term >= plan.new_term {
        return Ok(());
    }
    let expected = Acknowledged {
        vote_term: found.vote_term,
        last_term: chosen.last_term,
        next_index: chosen.last_log_index + 1,
    };
    if found != expected || log_store::is_less(found, acknowledged) {
        return Err(StorageError::LogTailLost {
            found: format!("{found:?}"),
            acknowledged: format!("{expected:?} by the recovery plan, {acknowledged:?} before"),
        });
    }
    let survivors: BTreeSet<u64> = plan.survivors.iter().map(|of| of.node_id).collect();
    let nodes: BTreeMap<u64, EmptyNode> = survivors.iter().map(|id| (*id, EmptyNode {})).collect();
    let membership = Membership::new(vec![survivors], nodes).map_err(|e| {
        StorageError::Corrupt { what: "the recovery plan".into(), why: e.to_string() }
    })?;
    let leader_id = LeaderId::new(plan.new_term, node_id);
    let index = chosen.last_log_index + 1;
    let log_id = LogId { leader_id, index };
    let entry = Entry { log_id, payload: EntryContent::Membership(membership) };
    let vote = Vote::new(plan.new_term, node_id);
    let mut batch = WriteBatch::default();
    batch.put_cf(
        shared.family(LOG_FAMILY)?,
        index.to_be_bytes(),
        wire::entry_out(&entry).encode_to_vec(),
    );
    batch.put_cf(shared.family(META_FAMILY)?, keys::VOTE, wire::vote_out(&vote).encode_to_vec());
    let mut options = WriteOptions::default();
    options.set_sync(true);
    shared.db.write_opt(batch, &options).map_err(StorageError::rocks("rewrite the log"))?;
    drop(shared);
    tracing::warn!(
        recovery_epoch = plan.recovery_epoch,
        lost_city = plan.lost_city,
        log_index = index,
        term = plan.new_term,
        "the membership is rewritten: this node and the other survivors go on alone"
    );
    Ok(())
}

/// A copy of the folder as it was: tables, which never change, as further names of
/// the same files, everything else byte by byte.
fn back_up(folder: &Path, recovery_epoch: u64) -> Result<PathBuf, StorageError> {
    let mut name: OsString = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".before-epoch-{recovery_epoch}"));
    let copy = folder.with_file_name(name);
    if copy.exists() {
        // An interrupted attempt; nothing was changed since.
        fs::remove_dir_all(&copy).map_err(|e| io_error("remove", &copy, e))?;
    }
    copy_folder(folder, &copy)?;
    if let Some(parent) = copy.parent() {
        sync_folder(parent)?;
    }
    Ok(copy)
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), StorageError> {
    fs::create_dir_all(to).map_err(|e| io_error("create", to, e))?;
    for item in fs::read_dir(from).map_err(|e| io_error("list", from, e))? {
        let item = item.map_err(|e| io_error("list", from, e))?;
        let (path, target) = (item.path(), to.join(item.file_name()));
        if path.is_dir() {
            copy_folder(&path, &target)?;
            continue;
        }
        let is_table = path.extension().is_some_and(|extension| extension == "sst");
        if is_table && fs::hard_link(&path, &target).is_ok() {
            continue;
        }
        fs::copy(&path, &target).map_err(|e| io_error("copy", &target, e))?;
        File::open(&target)
            .and_then(|file| file.sync_all())
            .map_err(|e| io_error("sync", &target, e))?;
    }
    sync_folder(to)
}
