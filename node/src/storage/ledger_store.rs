//! The ledger's records in RocksDB, written behind the memory by one thread.
//!
//! Each write holds the changed records and the mark of what they reflect in
//! one batch, without a write-ahead log: after a crash the store is at some
//! earlier mark, and the replicated log is applied again from there.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rocksdb::DB;
use rocksdb::checkpoint::Checkpoint;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

use super::journal::{Journal, SharedDb};
use super::ledger_records::{LedgerWrite, OpenedLedger, flush, load, open_database, write};
use super::{StorageError, StorageThreads, io_error, ledger_records, sync_folder};

/// Writes that may wait; beyond it changes gather with the caller.
const QUEUE: usize = 2;

/// Records of a snapshot, not whole or not read yet.
const ARRIVING: &str = ".arriving";
/// Records of a snapshot that are whole.
const NEXT: &str = ".next";

enum Job {
    Write(Box<LedgerWrite>),
    Checkpoint { into: PathBuf, done: oneshot::Sender<Result<(), StorageError>> },
    Prepare { from: PathBuf, done: oneshot::Sender<Result<OpenedLedger, StorageError>> },
    Replace { last_event: u64, done: oneshot::Sender<Result<(), StorageError>> },
    Flush { done: oneshot::Sender<Result<(), StorageError>> },
}

/// Handle of the writer thread.
#[derive(Clone)]
pub(crate) struct LedgerStore {
    jobs: Sender<Job>,
    journal: Journal,
}

impl LedgerStore {
    /// From so many records on, a write is a table file of its own.
    pub(crate) const MANY_RECORDS: usize = ledger_records::MANY_RECORDS;

    /// Opens the records under `folder` and loads the ledger from them.
    pub(crate) fn open(
        folder: &Path,
        threads: &StorageThreads,
    ) -> Result<(Self, OpenedLedger), StorageError> {
        finish_replacement(folder)?;
        remove_if_there(&sibling(folder, ARRIVING))?;
        let db = open_database(folder)?;
        let opened = load(&db)?;
        let (jobs, receiver) = channel(QUEUE);
        let shared: SharedDb = Arc::new(RwLock::new(Some(db)));
        let journal = Journal::new(Arc::clone(&shared), opened.ledger.journal().leaves());
        let writer = Writer { folder: folder.to_owned(), db: shared, journal: journal.clone() };
        threads
            .spawn("ledger-writer", move || writer.run(receiver))
            .map_err(|e| io_error("start the ledger writer for", folder, e))?;
        Ok((Self { jobs, journal }, opened))
    }

    /// The events.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Whether a write would be queued at once.
    pub(crate) fn has_room(&self) -> bool {
        self.jobs.capacity() > 0
    }

    /// Queues a write as soon as there is room.
    pub(crate) async fn write(&self, write: LedgerWrite) -> Result<(), StorageError> {
        self.send(Job::Write(Box::new(write))).await
    }

    /// Queues a write and then a checkpoint of exactly that state.
    pub(crate) async fn checkpoint(
        &self,
        write: LedgerWrite,
        into: PathBuf,
    ) -> Result<Underway<()>, StorageError> {
        self.write(write).await?;
        self.call(|done| Job::Checkpoint { into, done }).await
    }

    /// Writes everything to files, for a clean stop.
    pub(crate) async fn flush(&self, write: LedgerWrite) -> Result<Underway<()>, StorageError> {
        self.write(write).await?;
        self.call(|done| Job::Flush { done }).await
    }

    /// Copies the records of a snapshot folder beside this node's and loads
    /// them; this node's own stay what they are.
    pub(crate) async fn prepare_replacement(
        &self,
        from: PathBuf,
    ) -> Result<Underway<OpenedLedger>, StorageError> {
        self.call(|done| Job::Prepare { from, done }).await
    }

    /// Replaces all records by those prepared last, with so many events.
    pub(crate) async fn replace(&self, last_event: u64) -> Result<Underway<()>, StorageError> {
        self.call(|done| Job::Replace { last_event, done }).await
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

/// The thread that alone writes to the database.
struct Writer {
    folder: PathBuf,
    /// Others only read it.
    db: SharedDb,
    journal: Journal,
}

impl Writer {
    fn run(self, mut jobs: Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            match job {
                Job::Write(changed) => {
                    if let Err(error) = self.with_db(|db| write(db, &changed)) {
                        tracing::error!(%error, "ledger records could not be written; stopping this node");
                        std::process::abort();
                    }
                    self.journal.written(&changed.events);
                }
                Job::Checkpoint { into, done } => {
                    let make = |db: &DB| {
                        Checkpoint::new(db)
                            .and_then(|checkpoint| checkpoint.create_checkpoint(&into))
                            .map_err(StorageError::rocks("make a checkpoint"))
                    };
                    drop(done.send(self.with_db(make)));
                }
                Job::Flush { done } => drop(done.send(self.with_db(flush))),
                Job::Prepare { from, done } => drop(done.send(prepare(&self.folder, &from))),
                Job::Replace { last_event, done } => drop(done.send(self.replace(last_event))),
            }
        }
        // Readers may hold on to the handle; the database is closed here.
        *self.db.write() = None;
    }

    fn with_db<T>(
        &self,
        work: impl FnOnce(&DB) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.db.read().as_ref().map_or_else(|| Err(stopped()), work)
    }

    fn replace(&self, last_event: u64) -> Result<(), StorageError> {
        let mut open = self.db.write();
        *open = None;
        *open = Some(replace(&self.folder)?);
        self.journal.replaced(last_event);
        Ok(())
    }
}

fn sibling(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    folder.with_file_name(name)
}

/// Copies the snapshot beside the records in use and reads all of it.
fn prepare(folder: &Path, from: &Path) -> Result<OpenedLedger, StorageError> {
    let next = sibling(folder, ARRIVING);
    remove_if_there(&next)?;
    fs::create_dir_all(&next).map_err(|e| io_error("create", &next, e))?;
    for item in fs::read_dir(from).map_err(|e| io_error("list", from, e))? {
        let item = item.map_err(|e| io_error("list", from, e))?;
        let target = next.join(item.file_name());
        let is_table = item.path().extension().is_some_and(|extension| extension == "sst");
        if is_table {
            // Tables never change, so both folders may share them, where they can.
            fs::hard_link(item.path(), &target)
                .or_else(|_| fs::copy(item.path(), &target).map(drop))
                .map_err(|e| io_error("copy", &target, e))?;
        } else {
            fs::copy(item.path(), &target).map_err(|e| io_error("copy", &target, e))?;
        }
    }
    load(&open_database(&next)?)
}

/// Puts what was prepared in the place of the records in use, by renames.
fn replace(folder: &Path) -> Result<DB, StorageError> {
    let next = sibling(folder, ARRIVING);
    // Opening it may have written files, or moved a name.
    sync_files(&next)?;
    let complete = sibling(folder, NEXT);
    remove_if_there(&complete)?;
    fs::rename(&next, &complete).map_err(|e| io_error("rename", &next, e))?;
    // Durable before the old records go: one of the two is whole at any moment.
    sync_parent(folder)?;
    finish_replacement(folder)?;
    open_database(folder)
}

fn sync_files(folder: &Path) -> Result<(), StorageError> {
    for item in fs::read_dir(folder).map_err(|e| io_error("list", folder, e))? {
        let path = item.map_err(|e| io_error("list", folder, e))?.path();
        fs::File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(|e| io_error("sync", &path, e))?;
    }
    sync_folder(folder)
}

/// Completes a swap that a crash may have interrupted: a `.next` folder is
/// always complete, and then the old records are worthless.
fn finish_replacement(folder: &Path) -> Result<(), StorageError> {
    let complete = sibling(folder, NEXT);
    if !complete.exists() {
        return Ok(());
    }
    if !complete.join("CURRENT").exists() {
        let why = "it is to replace the ledger beside it and is not whole".to_owned();
        return Err(StorageError::Corrupt { what: complete.display().to_string(), why });
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
