//! The replicated log in RocksDB: entries by index, the vote, the purge point.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend};
use parking_lot::{Mutex, RwLock};
use prost::Message as _;
use registry_proto::peer;
use rocksdb::{ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, IteratorMode, Options};
use tokio::sync::oneshot;

use super::durable_mark::{Acknowledged, DurableMark};
use super::log_cache::LogCache;
use super::log_reader::LogReader;
use super::log_writer::{self, Job};
use super::{StorageError, StorageThreads, direct_io, io_error};
use crate::raft::types::{Entry, LogId, TypeConfig, Vote};
use crate::raft::wire;

pub(super) const LOG_FAMILY: &str = "log";
pub(super) const META_FAMILY: &str = "meta";
/// Entries kept in memory for followers that lag a little.
const CACHE_BYTES: usize = 64 << 20;

pub(super) mod keys {
    pub(crate) const VOTE: &[u8] = b"vote";
    pub(crate) const PURGED: &[u8] = b"purged";
    pub(crate) const COMMITTED: &[u8] = b"committed";
    pub(crate) const FORMAT: &[u8] = b"format";
}

pub(super) const FORMAT: &[u8] = &[1];

/// What the log did since the process started.
#[derive(Default)]
pub(crate) struct LogCounters {
    pub(crate) fsyncs: AtomicU64,
    pub(crate) fsync_total_us: AtomicU64,
    pub(crate) appended_entries: AtomicU64,
    pub(crate) appended_bytes: AtomicU64,
}

/// State that the store, its readers and the writer thread share.
pub(super) struct Shared {
    pub(super) db: DB,
    pub(super) cache: RwLock<LogCache>,
    pub(super) vote: Mutex<Option<Vote>>,
    /// Next index after the durable ones.
    pub(super) durable_next_index: AtomicU64,
    pub(super) counters: Arc<LogCounters>,
    last_log_id: Mutex<Option<LogId>>,
    pub(super) purged: Mutex<Option<LogId>>,
    committed: Mutex<Option<LogId>>,
}

impl Shared {
    pub(super) fn family(&self, name: &str) -> Result<&ColumnFamily, StorageError> {
        self.db.cf_handle(name).ok_or_else(|| StorageError::Corrupt {
            what: "the log database".into(),
            why: format!("column family {name} is missing"),
        })
    }
}

/// The log of one node. Clones share it.
#[derive(Clone)]
pub(crate) struct LogStore {
    pub(super) shared: Arc<Shared>,
    jobs: Sender<Job>,
}

impl LogStore {
    /// Opens the log in `folder`, creating it when new, and starts its writer.
    ///
    /// # Errors
    /// [`StorageError::LogTailLost`] when it holds less than was acknowledged.
    pub(crate) fn open(folder: &Path, threads: &StorageThreads) -> Result<Self, StorageError> {
        std::fs::create_dir_all(folder).map_err(|e| io_error("create", folder, e))?;
        let db = open_database(folder)?;
        let (mark, acknowledged) = DurableMark::open(folder)?;
        let (shared, found) = load(db)?;
        if is_less(found, acknowledged) {
            return Err(StorageError::LogTailLost {
                found: format!("{found:?}"),
                acknowledged: format!("{acknowledged:?}"),
            });
        }
        let shared = Arc::new(shared);
        let (jobs, receiver) = channel();
        let writer = shared.clone();
        threads
            .spawn("log-writer", move || log_writer::run(&writer, &receiver, &mark, found))
            .map_err(|e| io_error("start the log writer for", folder, e))?;
        Ok(Self { shared, jobs })
    }

    /// The last position, and the term of the vote; 0 for none.
    pub(crate) fn last(&self) -> LogEnd {
        let last = *self.shared.last_log_id.lock();
        let vote = *self.shared.vote.lock();
        let committed = *self.shared.committed.lock();
        LogEnd {
            vote_term: vote.map_or(0, |vote| vote.leader_id.term),
            last_term: last.map_or(0, |last| last.leader_id.term),
            last_index: last.map_or(0, |last| last.index),
            committed_index: committed.map_or(0, |committed| committed.index),
        }
    }

    /// Whether the log holds anything at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.shared.last_log_id.lock().is_none() && self.shared.vote.lock().is_none()
    }

    /// Whether the entry at `index` is on this node's disk.
    #[cfg(test)]
    pub(crate) fn durable_through(&self, index: u64) -> bool {
        self.shared.durable_next_index.load(Ordering::Acquire) > index
    }

    /// What the log did since the process started.
    pub(crate) fn counters(&self) -> &LogCounters {
        &self.shared.counters
    }

    /// The same for who outlives the log.
    pub(crate) fn shared_counters(&self) -> Arc<LogCounters> {
        self.shared.counters.clone()
    }

    /// About how many bytes of entries from this index on are in files; what
    /// was written last is not.
    pub(crate) fn bytes_from(&self, index: u64) -> Result<u64, StorageError> {
        let log = self.shared.family(LOG_FAMILY)?;
        let (from, to) = (index.to_be_bytes(), u64::MAX.to_be_bytes());
        let range = rocksdb::Range::new(&from, &to);
        Ok(self.shared.db.get_approximate_sizes_cf(log, &[range]).iter().sum())
    }

    fn send(&self, job: Job) -> io::Result<()> {
        self.jobs.send(job).map_err(|_| io::Error::other("the log writer has stopped"))
    }

    async fn call(&self, job: impl FnOnce(oneshot::Sender<()>) -> Job) -> io::Result<()> {
        let (done, finished) = oneshot::channel();
        self.send(job(done))?;
        finished.await.map_err(|_| io::Error::other("the log writer has stopped"))
    }
}

/// Opens the log's database, creating it when new.
pub(super) fn open_database(folder: &Path) -> Result<DB, StorageError> {
    let families = [LOG_FAMILY, META_FAMILY, "default"]
        .map(|name| ColumnFamilyDescriptor::new(name, family_options()));
    DB::open_cf_descriptors(&database_options(folder), folder, families)
        .map_err(StorageError::rocks("open the log database"))
}

/// Whether a log holds less than was acknowledged.
pub(super) fn is_less(found: Acknowledged, acknowledged: Acknowledged) -> bool {
    found.next_index < acknowledged.next_index
        || found.vote_term < acknowledged.vote_term
        || (found.next_index == acknowledged.next_index && found.last_term < acknowledged.last_term)
}

/// Where a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogEnd {
    /// Greatest term voted in.
    pub(crate) vote_term: u64,
    /// Of the last entry.
    pub(crate) last_term: u64,
    /// Of the last entry.
    pub(crate) last_index: u64,
    /// As far as this node knows.
    pub(crate) committed_index: u64,
}

/// From where to where a log reaches that nobody writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogExtent {
    /// Entries up to this one are gone, for a snapshot has them.
    pub(crate) purged_index: u64,
    /// As far as the node knew.
    pub(crate) committed_index: u64,
    /// The last entry.
    pub(crate) last_index: u64,
}

impl LogExtent {
    /// Looks at the log in `folder` without changing a byte of it.
    pub(crate) fn look(folder: &Path) -> Result<Self, StorageError> {
        let families = [LOG_FAMILY, META_FAMILY, "default"]
            .map(|name| ColumnFamilyDescriptor::new(name, family_options()));
        let db = DB::open_cf_descriptors_read_only(&Options::default(), folder, families, false)
            .map_err(StorageError::rocks("open the log database"))?;
        let acknowledged = DurableMark::look(folder)?.unwrap_or_default();
        let (shared, found) = load(db)?;
        if is_less(found, acknowledged) {
            return Err(StorageError::Corrupt {
                what: "the log".into(),
                why: format!("it ends at {found:?}, the node acknowledged {acknowledged:?}"),
            });
        }
        let index = |id: &Mutex<Option<LogId>>| id.lock().map_or(0, |id| id.index);
        Ok(Self {
            purged_index: index(&shared.purged),
            committed_index: index(&shared.committed),
            last_index: index(&shared.last_log_id),
        })
    }
}

fn database_options(folder: &Path) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_total_wal_size(256 << 20);
    direct_io::use_where_possible(&mut options, folder);
    options.set_keep_log_file_num(4);
    options
}

fn family_options() -> Options {
    let mut options = Options::default();
    options.set_write_buffer_size(64 << 20);
    // Entries are read while they are young and purged when they are old.
    options.set_compression_type(DBCompressionType::None);
    options.set_max_write_buffer_number(4);
    options
}

fn read_log_id(
    db: &DB,
    family: &ColumnFamily,
    key: &'static [u8],
) -> Result<Option<LogId>, StorageError> {
    let corrupt = |why: String| StorageError::Corrupt {
        what: format!("log record {}", String::from_utf8_lossy(key)),
        why,
    };
    let stored = db.get_cf(family, key).map_err(StorageError::rocks("read the log"))?;
    stored
        .map(|bytes| {
            let id = peer::LogId::decode(&bytes[..]).map_err(|e| corrupt(e.to_string()))?;
            wire::log_id_in(id).map_err(|e| corrupt(e.to_string()))
        })
        .transpose()
}

pub(super) fn load(db: DB) -> Result<(Shared, Acknowledged), StorageError> {
    let shared = Shared {
        db,
        cache: RwLock::default(),
        vote: Mutex::default(),
        durable_next_index: AtomicU64::new(0),
        counters: Arc::default(),
        last_log_id: Mutex::default(),
        purged: Mutex::default(),
        committed: Mutex::default(),
    };
    let mut found = Acknowledged::default();
    {
        let rocks = StorageError::rocks("read the log");
        let corrupt =
            |what: &str, why: String| StorageError::Corrupt { what: what.to_owned(), why };
        let meta = shared.family(META_FAMILY)?;
        match shared.db.get_cf(meta, keys::FORMAT).map_err(rocks)? {
            None => shared.db.put_cf(meta, keys::FORMAT, FORMAT).map_err(rocks)?,
            Some(format) if format == FORMAT => {}
            Some(format) => {
                return Err(StorageError::OtherFormat {
                    what: "the log database".into(),
                    found: format!("{format:?}"),
                    reads: FORMAT[0].into(),
                });
            }
        }
        if let Some(bytes) = shared.db.get_cf(meta, keys::VOTE).map_err(rocks)? {
            let vote =
                peer::Vote::decode(&bytes[..]).map_err(|e| corrupt("the vote", e.to_string()))?;
            let vote = wire::vote_in(Some(vote)).map_err(|e| corrupt("the vote", e.to_string()))?;
            found.vote_term = vote.leader_id.term;
            *shared.vote.lock() = Some(vote);
        }
        let purged = read_log_id(&shared.db, meta, keys::PURGED)?;
        *shared.committed.lock() = read_log_id(&shared.db, meta, keys::COMMITTED)?;
        let log = shared.family(LOG_FAMILY)?;
        let last = match shared.db.iterator_cf(log, IteratorMode::End).next() {
            None => purged,
            Some(item) => {
                let (_, value) = item.map_err(rocks)?;
                Some(super::log_reader::decode_entry(&value)?.log_id)
            }
        };
        if let Some(last) = &last {
            found.next_index = last.index + 1;
            found.last_term = last.leader_id.term;
        }
        shared.durable_next_index.store(found.next_index, Ordering::Release);
        *shared.last_log_id.lock() = last;
        *shared.purged.lock() = purged;
    }
    Ok((shared, found))
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        Ok(LogState {
            last_purged_log_id: *self.shared.purged.lock(),
            last_log_id: *self.shared.last_log_id.lock(),
        })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        LogReader { shared: self.shared.clone() }
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let bytes = wire::vote_out(vote).encode_to_vec();
        let term = vote.leader_id.term;
        self.call(|done| Job::Vote { bytes, term, done }).await?;
        *self.shared.vote.lock() = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        *self.shared.committed.lock() = committed;
        match committed {
            Some(id) => self.send(Job::Committed(wire::log_id_out(&id).encode_to_vec())),
            None => Ok(()),
        }
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(*self.shared.committed.lock())
    }

    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut records = Vec::new();
        let mut last = None;
        {
            let mut cache = self.shared.cache.write();
            for entry in entries {
                records.push((entry.log_id.index, wire::entry_out(&entry).encode_to_vec()));
                last = Some(entry.log_id);
                cache.push(entry);
            }
            cache.shrink(CACHE_BYTES, self.shared.durable_next_index.load(Ordering::Acquire));
        }
        let last_term = last.map_or(0, |id| id.leader_id.term);
        if last.is_some() {
            *self.shared.last_log_id.lock() = last;
        }
        self.send(Job::Append { records, last_term, flushed })
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        if *self.shared.last_log_id.lock() <= last_log_id {
            return Ok(());
        }
        let from_index = last_log_id.map_or(0, |id| id.index + 1);
        let last_term = last_log_id.map_or(0, |id| id.leader_id.term);
        self.shared.cache.write().truncate_from(from_index);
        *self.shared.last_log_id.lock() = last_log_id;
        self.call(|done| Job::Truncate { from_index, last_term, done }).await
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        self.shared.cache.write().purge_below(log_id.index + 1);
        *self.shared.purged.lock() = Some(log_id);
        {
            let mut last = self.shared.last_log_id.lock();
            // After a snapshot was installed the log may end before the purge point.
            if last.is_none_or(|last| last.index < log_id.index) {
                *last = Some(log_id);
            }
        }
        let bytes = wire::log_id_out(&log_id).encode_to_vec();
        self.call(|done| Job::Purge { through_index: log_id.index, log_id: bytes, done }).await
    }
}
