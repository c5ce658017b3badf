//! The ledger's records in RocksDB, written behind the memory by one thread.
//!
//! Each write holds the changed records and the mark of what they reflect in
//! one batch, without a write-ahead log: after a crash the store is at some
//! earlier mark, and the replicated log is applied again from there.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use prost::Message as _;
use registry_ledger::{Changes, Ledger, Loader};
use registry_proto::storage::AppliedMark;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    DB, DBCompressionType, Direction, IngestExternalFileOptions, IteratorMode, MemtableFactory,
    Options, SstFileWriter, WriteBatch, WriteOptions,
};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

use super::{StorageError, StorageThreads, io_error, sync_folder};

const RECORD_PREFIX: u8 = b'r';
const MARK_KEY: &[u8] = b"mark";
const FORMAT: u32 = 1;
/// That file, until the database has taken it.
const ARRIVING_TABLE: &str = "arriving.sst";
/// What a batch needs for one record beside its key and value, at most.
const FRAME_BYTES: usize = 16;
/// The mark, generously.
const MARK_BYTES: usize = 1 << 10;
/// Compression by level.
const PACKED_LEVELS: [DBCompressionType; 7] = [
    DBCompressionType::None,
    DBCompressionType::None,
    DBCompressionType::Lz4,
    DBCompressionType::Lz4,
    DBCompressionType::Lz4,
    DBCompressionType::Lz4,
    DBCompressionType::Lz4,
];
/// Writes that may wait; beyond it changes gather with the caller.
const QUEUE: usize = 2;

/// The ledger as found on disk.
pub(crate) struct OpenedLedger {
    pub(crate) ledger: Ledger,
    /// What it reflects; the default before the first write.
    pub(crate) mark: AppliedMark,
}

enum Job {
    Write { changes: Changes, mark: AppliedMark },
    Checkpoint { into: PathBuf, done: oneshot::Sender<Result<(), StorageError>> },
    Replace { from: PathBuf, done: oneshot::Sender<Result<OpenedLedger, StorageError>> },
    Flush { done: oneshot::Sender<Result<(), StorageError>> },
}

/// Handle of the writer thread.
#[derive(Clone)]
pub(crate) struct LedgerStore {
    jobs: Sender<Job>,
}

impl LedgerStore {
    /// From so many records on, a write is a table file of its own.
    pub(crate) const MANY_RECORDS: usize = 20_000;

    /// Opens the records under `folder` and loads the ledger from them.
    pub(crate) fn open(
        folder: &Path,
        threads: &StorageThreads,
    ) -> Result<(Self, OpenedLedger), StorageError> {
        finish_replacement(folder)?;
        let db = open_database(folder)?;
        let opened = load(&db)?;
        let (jobs, receiver) = channel(QUEUE);
        let owned = folder.to_owned();
        threads
            .spawn("ledger-writer", move || run(db, &owned, receiver))
            .map_err(|e| io_error("start the ledger writer for", folder, e))?;
        Ok((Self { jobs }, opened))
    }

    /// Whether a write would be queued at once.
    pub(crate) fn has_room(&self) -> bool {
        self.jobs.capacity() > 0
    }

    /// Queues a write as soon as there is room.
    pub(crate) async fn write(
        &self,
        changes: Changes,
        mark: AppliedMark,
    ) -> Result<(), StorageError> {
        self.send(Job::Write { changes, mark }).await
    }

    /// Queues a write and then a checkpoint of exactly that state.
    pub(crate) async fn checkpoint(
        &self,
        changes: Changes,
        mark: AppliedMark,
        into: PathBuf,
    ) -> Result<Underway<()>, StorageError> {
        self.write(changes, mark).await?;
        self.call(|done| Job::Checkpoint { into, done }).await
    }

    /// Writes everything to files, for a clean stop.
    pub(crate) async fn flush(
        &self,
        changes: Changes,
        mark: AppliedMark,
    ) -> Result<Underway<()>, StorageError> {
        self.write(changes, mark).await?;
        self.call(|done| Job::Flush { done }).await
    }

    /// Replaces all records by those of a snapshot folder and loads them.
    pub(crate) async fn replace(
        &self,
        from: PathBuf,
    ) -> Result<Underway<OpenedLedger>, StorageError> {
        self.call(|done| Job::Replace { from, done }).await
    }

    async fn send(&self, job: Job) -> Result<(), StorageError> {
        self.jobs.send(job).await.map_err(|_| stopped())
    }

    async fn call<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StorageError>>) -> Job,
    ) -> Result<Underway<T>, StorageError> {
        let (done, finished) = oneshot::channel();
        self.send(job(done)).await?;
        Ok(Underway { finished })
    }
}

/// What was queued and is not done yet.
pub(crate) struct Underway<T> {
    finished: oneshot::Receiver<Result<T, StorageError>>,
}

impl<T> Underway<T> {
    /// Resolves when the writer has done it.
    pub(crate) async fn finished(self) -> Result<T, StorageError> {
        self.finished.await.map_err(|_| stopped())?
    }
}

fn stopped() -> StorageError {
    StorageError::Corrupt { what: "the ledger writer".into(), why: "its thread has stopped".into() }
}

fn rocks(what: &'static str) -> impl FnOnce(rocksdb::Error) -> StorageError {
    move |source| StorageError::Rocks { what, source }
}

fn open_database(folder: &Path) -> Result<DB, StorageError> {
    DB::open(&database_options(), folder).map_err(rocks("open the ledger database"))
}

fn database_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_write_buffer_size(64 << 20);
    // What was just written is soon written again; only what settles down is packed.
    options.set_compression_per_level(&PACKED_LEVELS);
    // Nothing is read while the node runs: records need no order before they are
    // flushed, and files may pile up before they are merged.
    options.set_memtable_factory(MemtableFactory::Vector);
    options.set_allow_concurrent_memtable_write(false);
    options.set_level_zero_file_num_compaction_trigger(32);
    options.set_level_zero_slowdown_writes_trigger(64);
    options.set_level_zero_stop_writes_trigger(96);
    options.set_keep_log_file_num(4);
    options
}

/// Writes the records and the mark together: all of it is in the database, or
/// nothing.
fn write(db: &DB, changes: &Changes, mark: &AppliedMark) -> Result<(), StorageError> {
    if changes.len() >= LedgerStore::MANY_RECORDS {
        ingest(db, changes, mark)
    } else {
        put(db, changes, mark)
    }
}

/// Few records go through the memory table.
fn put(db: &DB, changes: &Changes, mark: &AppliedMark) -> Result<(), StorageError> {
    let room = changes.size_bytes() + changes.len() * FRAME_BYTES + MARK_BYTES;
    let mut batch = WriteBatch::with_capacity_bytes(room);
    let mut key = Vec::with_capacity(64);
    for (record, value) in changes.iter() {
        stored_key(&mut key, record);
        match value {
            Some(value) => batch.put(&key, value),
            None => batch.delete(&key),
        }
    }
    batch.put(MARK_KEY, mark.encode_to_vec());
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    db.write_opt(batch, &options).map_err(rocks("write ledger records"))
}

/// Many records, which are in order, become a table file by themselves: nothing
/// is sorted and nothing is written twice.
fn ingest(db: &DB, changes: &Changes, mark: &AppliedMark) -> Result<(), StorageError> {
    // Without a write-ahead log what lies in memory must not be newer than the
    // files: the table may not become durable before it.
    db.flush().map_err(rocks("flush ledger records"))?;
    let path = db.path().join(ARRIVING_TABLE);
    // A crash may have left it, as a second name of a table that was taken in.
    match fs::remove_file(&path) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(io_error("remove", &path, e)),
        _ => {}
    }
    let failed = rocks("write a table of ledger records");
    let mut options = Options::default();
    options.set_compression_type(DBCompressionType::None);
    let mut table = SstFileWriter::create(&options);
    let written = (|| {
        table.open(&path)?;
        // The mark's key is below every record's.
        table.put(MARK_KEY, mark.encode_to_vec())?;
        let mut key = Vec::with_capacity(64);
        for (record, value) in changes.iter() {
            stored_key(&mut key, record);
            match value {
                Some(value) => table.put(&key, value)?,
                None => table.delete(&key)?,
            }
        }
        table.finish()
    })();
    written.map_err(failed)?;
    let mut options = IngestExternalFileOptions::default();
    options.set_move_files(true);
    db.ingest_external_file_opts(&options, vec![&path])
        .map_err(rocks("take in a table of ledger records"))
}

fn stored_key(key: &mut Vec<u8>, record: &[u8]) {
    key.clear();
    key.push(RECORD_PREFIX);
    key.extend_from_slice(record);
}

fn load(db: &DB) -> Result<OpenedLedger, StorageError> {
    let corrupt = |why: String| StorageError::Corrupt { what: "the ledger database".into(), why };
    let mark = match db.get(MARK_KEY).map_err(rocks("read the ledger mark"))? {
        None => AppliedMark { format: FORMAT, ..Default::default() },
        Some(bytes) => AppliedMark::decode(&bytes[..]).map_err(|e| corrupt(e.to_string()))?,
    };
    if mark.format != FORMAT {
        return Err(corrupt(format!("unknown format {}", mark.format)));
    }
    let mut loader = Loader::default();
    for item in db.iterator(IteratorMode::From(&[RECORD_PREFIX], Direction::Forward)) {
        let (key, value) = item.map_err(rocks("read ledger records"))?;
        loader.add(&key[1..], &value).map_err(|e| corrupt(e.to_string()))?;
    }
    let ledger = loader.finish().map_err(|e| corrupt(e.to_string()))?;
    let digests = [ledger.state_digest().0, ledger.answers_digest().0];
    let expected = [&mark.state_digest, &mark.answers_digest];
    if mark.last_applied.is_some()
        && digests.iter().zip(expected).any(|(found, marked)| found[..] != marked[..])
    {
        return Err(corrupt(
            "its records do not have the digest that was written with them".into(),
        ));
    }
    Ok(OpenedLedger { ledger, mark })
}

fn run(db: DB, folder: &Path, mut jobs: Receiver<Job>) {
    let mut db = Some(db);
    while let Some(job) = jobs.blocking_recv() {
        let Some(open) = &db else { return };
        match job {
            Job::Write { changes, mark } => {
                if let Err(error) = write(open, &changes, &mark) {
                    tracing::error!(%error, "ledger records could not be written; stopping this node");
                    std::process::abort();
                }
            }
            Job::Checkpoint { into, done } => {
                let made = Checkpoint::new(open)
                    .and_then(|checkpoint| checkpoint.create_checkpoint(&into))
                    .map_err(rocks("make a checkpoint"));
                drop(done.send(made));
            }
            Job::Flush { done } => {
                drop(done.send(open.flush().map_err(rocks("flush ledger records"))));
            }
            Job::Replace { from, done } => {
                db = None;
                match replace(folder, &from) {
                    Ok((opened, loaded)) => {
                        db = Some(opened);
                        drop(done.send(Ok(loaded)));
                    }
                    Err(error) => drop(done.send(Err(error))),
                }
            }
        }
    }
}

fn sibling(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    folder.with_file_name(name)
}

/// Copies the snapshot beside the old records, then swaps the two by renames.
fn replace(folder: &Path, from: &Path) -> Result<(DB, OpenedLedger), StorageError> {
    let next = sibling(folder, ".arriving");
    remove_if_there(&next)?;
    fs::create_dir_all(&next).map_err(|e| io_error("create", &next, e))?;
    for item in fs::read_dir(from).map_err(|e| io_error("list", from, e))? {
        let item = item.map_err(|e| io_error("list", from, e))?;
        let target = next.join(item.file_name());
        let is_table = item.path().extension().is_some_and(|extension| extension == "sst");
        if is_table {
            // Tables never change, so both folders may share them.
            fs::hard_link(item.path(), &target).map_err(|e| io_error("link", &target, e))?;
        } else {
            fs::copy(item.path(), &target).map_err(|e| io_error("copy", &target, e))?;
        }
        fs::File::open(&target)
            .and_then(|file| file.sync_all())
            .map_err(|e| io_error("sync", &target, e))?;
    }
    sync_folder(&next)?;
    let complete = sibling(folder, ".next");
    remove_if_there(&complete)?;
    fs::rename(&next, &complete).map_err(|e| io_error("rename", &next, e))?;
    // Durable before the old records go: one of the two is whole at any moment.
    sync_parent(folder)?;
    finish_replacement(folder)?;
    let db = open_database(folder)?;
    let opened = load(&db)?;
    Ok((db, opened))
}

/// Completes a swap that a crash may have interrupted: a `.next` folder is
/// always complete, and then the old records are worthless.
fn finish_replacement(folder: &Path) -> Result<(), StorageError> {
    let complete = sibling(folder, ".next");
    if !complete.exists() {
        return Ok(());
    }
    remove_if_there(folder)?;
    fs::rename(&complete, folder).map_err(|e| io_error("rename", &complete, e))?;
    sync_parent(folder)
}

fn sync_parent(folder: &Path) -> Result<(), StorageError> {
    match folder.parent() {
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

fn remove_if_there(path: &Path) -> Result<(), StorageError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(io_error("remove", path, e)),
        _ => Ok(()),
    }
}
