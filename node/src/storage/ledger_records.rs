//! The ledger's records as they lie in RocksDB: one write at a time, and all of
//! them at a start. Each write is atomic with the mark of what it reflects.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use prost::Message as _;
use registry_ledger::journal::SealedEvent;
use registry_ledger::{Changes, CorruptRecord, Ledger, Loader, is_dense, record_hash};
use registry_proto::storage::AppliedMark;
use rocksdb::{
    DB, DBCompressionType, Direction, FlushOptions, IngestExternalFileOptions, IteratorMode,
    MemtableFactory, Options, ReadOptions, SstFileWriter, WriteBatch, WriteOptions,
};

use super::journal::{self, JOURNAL_FAMILY, has_event, put_events};
use super::pages::{self, Step};
use super::{StorageError, direct_io, io_error};

const RECORD_PREFIX: u8 = b'r';
const MARK_KEY: &[u8] = b"mark";
/// Format of the store that this version writes and reads.
pub(crate) const MARK_FORMAT: u32 = 3;
/// What a batch needs for one record beside its key and value, at most.
const FRAME_BYTES: usize = 16;
/// The mark, generously.
const MARK_BYTES: usize = 1 << 10;
/// Tables that may pile up before they are merged.
const L0_FILES: i32 = 192;
/// And their bytes.
const L0_BYTES: u64 = 4 << 30;
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
/// How the name of a table begins that the database has not taken in yet.
const ARRIVING: &str = "arriving-";
const TABLE: &str = "write a table of ledger records";
/// From so many records on, a write makes table files of its own.
pub(super) const MANY_RECORDS: usize = 20_000;

/// What changed between two marks.
pub(crate) struct LedgerWrite {
    pub(crate) changes: Changes,
    pub(crate) events: Vec<Arc<SealedEvent>>,
    /// What the records reflect with these changes.
    pub(crate) mark: AppliedMark,
}

/// The ledger as found on disk.
pub(crate) struct OpenedLedger {
    pub(crate) ledger: Ledger,
    /// What it reflects; the default before the first write.
    pub(crate) mark: AppliedMark,
}

pub(super) fn open_database(folder: &Path) -> Result<DB, StorageError> {
    tidy(folder)?;
    let options = database_options(folder);
    let families = [("default", options.clone()), (JOURNAL_FAMILY, journal_options())];
    DB::open_cf_with_opts(&options, folder, families)
        .map_err(StorageError::rocks("open the ledger database"))
}

/// Opens the records without changing a byte beside them.
pub(super) fn open_read_only(folder: &Path) -> Result<DB, StorageError> {
    let options = record_options();
    let families = [("default", options.clone()), (JOURNAL_FAMILY, journal_options())];
    DB::open_cf_with_opts_for_read_only(&options, folder, families, false)
        .map_err(StorageError::rocks("open the ledger database"))
}

/// Events are written once, in order, and read while the node runs.
fn journal_options() -> Options {
    let mut options = Options::default();
    options.set_write_buffer_size(16 << 20);
    options.set_compression_type(DBCompressionType::Lz4);
    options
}

/// Removes tables that a crash left before they were taken in, or second names
/// of those that were; and refuses what RocksDB would take for a new database.
fn tidy(folder: &Path) -> Result<(), StorageError> {
    let listing = match fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        listing => listing.map_err(|e| io_error("list", folder, e))?,
    };
    let (mut was_used, mut is_usable) = (false, false);
    for item in listing {
        let item = item.map_err(|e| io_error("list", folder, e))?;
        let name = item.file_name().to_string_lossy().into_owned();
        if name.starts_with(ARRIVING) {
            fs::remove_file(item.path()).map_err(|e| io_error("remove", &item.path(), e))?;
        }
        was_used |= name.starts_with("MANIFEST-") || name.ends_with(".sst");
        is_usable |= name == "CURRENT";
    }
    if was_used && !is_usable {
        let why = "its file CURRENT is missing".to_owned();
        return Err(StorageError::Corrupt { what: folder.display().to_string(), why });
    }
    Ok(())
}

fn database_options(folder: &Path) -> Options {
    let mut options = record_options();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    direct_io::use_where_possible(&mut options, folder);
    options.set_keep_log_file_num(4);
    options
}

fn record_options() -> Options {
    let mut options = Options::default();
    // There is no write-ahead log, so records and events must become durable
    // together.
    options.set_atomic_flush(true);
    options.set_write_buffer_size(64 << 20);
    // What was just written is soon written again; only what settles down is packed.
    options.set_compression_per_level(&PACKED_LEVELS);
    // Nothing is read while the node runs: records need no order before they are
    // flushed, and files may pile up before they are merged.
    options.set_merge_operator_associative("registry.page", pages::join);
    options.set_memtable_factory(MemtableFactory::Vector);
    options.set_allow_concurrent_memtable_write(false);
    options.set_level_zero_file_num_compaction_trigger(L0_FILES);
    options.set_max_bytes_for_level_base(L0_BYTES);
    options.set_level_zero_slowdown_writes_trigger(2 * L0_FILES);
    options.set_level_zero_stop_writes_trigger(3 * L0_FILES);
    options
}

/// Writes the records and the mark together: all of it is in the database, or
/// nothing.
pub(super) fn write(db: &DB, write: &LedgerWrite) -> Result<(), StorageError> {
    let many = write.changes.len() >= MANY_RECORDS;
    if many { ingest(db, write) } else { put(db, write) }
}

/// Few records go through the memory table.
fn put(db: &DB, LedgerWrite { changes, events, mark }: &LedgerWrite) -> Result<(), StorageError> {
    let room = changes.size_bytes() + changes.len() * FRAME_BYTES + MARK_BYTES;
    let mut batch = WriteBatch::with_capacity_bytes(room);
    let mut key = Vec::with_capacity(64);
    pages::steps(changes, |record, step| {
        stored_key(&mut key, record);
        match step {
            Step::Put(value) => batch.put(&key, value),
            Step::Delete => batch.delete(&key),
            Step::Merge(slots) => batch.merge(&key, slots),
        }
        Ok(())
    })?;
    batch.put(MARK_KEY, mark.encode_to_vec());
    put_events(&mut batch, journal::family(db)?, events);
    write_batch(db, batch)
}

fn write_batch(db: &DB, batch: WriteBatch) -> Result<(), StorageError> {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    db.write_opt(batch, &options).map_err(StorageError::rocks("write ledger records"))
}

/// Many records, which are in order, become table files by themselves: nothing
/// is sorted and nothing is written twice.
fn ingest(
    db: &DB,
    LedgerWrite { changes, events, mark }: &LedgerWrite,
) -> Result<(), StorageError> {
    // Without a write-ahead log what lies in memory must not be newer than the
    // files: the tables may not become durable before it. Events that are ahead
    // of the mark are written again, the same, when the log is applied again.
    let mut batch = WriteBatch::default();
    put_events(&mut batch, journal::family(db)?, events);
    write_batch(db, batch)?;
    flush(db)?;
    let options = table_options();
    let mut tables = ArrivingTables::new(db.path(), &options);
    // The mark's key is below every record's.
    tables
        .of_kind(None)?
        .put(MARK_KEY, mark.encode_to_vec())
        .map_err(StorageError::rocks(TABLE))?;
    let mut key = Vec::with_capacity(64);
    pages::steps(changes, |record, step| {
        stored_key(&mut key, record);
        let table = tables.of_kind(record.first().copied())?;
        let written = match step {
            Step::Put(value) => table.put(&key, value),
            Step::Delete => table.delete(&key),
            Step::Merge(slots) => table.merge(&key, slots),
        };
        written.map_err(StorageError::rocks(TABLE))
    })?;
    let mut options = IngestExternalFileOptions::default();
    options.set_move_files(true);
    db.ingest_external_file_opts(&options, tables.finish()?)
        .map_err(StorageError::rocks("take in tables of ledger records"))
}

/// Records and events, at one point in time.
pub(super) fn flush(db: &DB) -> Result<(), StorageError> {
    let records = db.cf_handle("default");
    let families: Vec<_> = records.into_iter().chain([journal::family(db)?]).collect();
    db.flush_cfs_opt(&families, &FlushOptions::default())
        .map_err(StorageError::rocks("flush ledger records"))
}

fn table_options() -> Options {
    let mut options = Options::default();
    options.set_compression_type(DBCompressionType::None);
    options
}

/// Table files that the database has not taken in yet, one per kind of record:
/// a kind that only grows is never merged with one that changes.
struct ArrivingTables<'a> {
    folder: &'a Path,
    options: &'a Options,
    open: Option<(Option<u8>, SstFileWriter<'a>)>,
    paths: Vec<PathBuf>,
}

impl<'a> ArrivingTables<'a> {
    fn new(folder: &'a Path, options: &'a Options) -> Self {
        Self { folder, options, open: None, paths: Vec::new() }
    }

    /// The table of the kind, which follows those of the kinds before.
    fn of_kind(&mut self, kind: Option<u8>) -> Result<&mut SstFileWriter<'a>, StorageError> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != kind) {
            self.close()?;
        }
        let (_, table) = match self.open.take() {
            Some(open) => self.open.insert(open),
            None => {
                let table = self.create()?;
                self.open.insert((kind, table))
            }
        };
        Ok(table)
    }

    fn create(&mut self) -> Result<SstFileWriter<'a>, StorageError> {
        let path = self.folder.join(format!("{ARRIVING}{}.sst", self.paths.len()));
        let table = SstFileWriter::create(self.options);
        table.open(&path).map_err(StorageError::rocks(TABLE))?;
        self.paths.push(path);
        Ok(table)
    }

    fn close(&mut self) -> Result<(), StorageError> {
        match self.open.take() {
            Some((_, mut table)) => table.finish().map_err(StorageError::rocks(TABLE)),
            None => Ok(()),
        }
    }

    /// The finished files.
    fn finish(mut self) -> Result<Vec<PathBuf>, StorageError> {
        self.close()?;
        Ok(self.paths)
    }
}

fn stored_key(key: &mut Vec<u8>, record: &[u8]) {
    key.clear();
    key.push(RECORD_PREFIX);
    key.extend_from_slice(record);
}

/// Refuses records in another format than this version's.
pub(super) fn check_format(mark: &AppliedMark, what: &str) -> Result<(), StorageError> {
    if mark.format == MARK_FORMAT {
        return Ok(());
    }
    Err(StorageError::OtherFormat {
        what: what.to_owned(),
        found: mark.format.to_string(),
        reads: MARK_FORMAT,
    })
}

pub(super) fn load(db: &DB) -> Result<OpenedLedger, StorageError> {
    let opened = read(db)?;
    match damage(db, &opened)? {
        None => Ok(opened),
        Some(why) => Err(corrupt(why)),
    }
}

fn corrupt(why: String) -> StorageError {
    StorageError::Corrupt { what: "the ledger database".into(), why }
}

/// The ledger as its records have it, whether they are what was written or not.
pub(super) fn read(db: &DB) -> Result<OpenedLedger, StorageError> {
    let mark = match db.get(MARK_KEY).map_err(StorageError::rocks("read the ledger mark"))? {
        None => AppliedMark { format: MARK_FORMAT, ..Default::default() },
        Some(bytes) => AppliedMark::decode(&bytes[..]).map_err(|e| corrupt(e.to_string()))?,
    };
    check_format(&mark, "the ledger database")?;
    Ok(OpenedLedger { ledger: load_records(db)?, mark })
}

/// How the records differ from what was written with their mark, if they do.
pub(super) fn damage(
    db: &DB,
    OpenedLedger { ledger, mark }: &OpenedLedger,
) -> Result<Option<String>, StorageError> {
    let digests = [ledger.state_digest().0, ledger.answers_digest().0];
    let expected = [&mark.state_digest, &mark.answers_digest];
    if mark.last_applied.is_some()
        && digests.iter().zip(expected).any(|(found, marked)| found[..] != marked[..])
    {
        let why = "its records do not have the digest that was written with them";
        return Ok(Some(why.to_owned()));
    }
    let events = ledger.journal().leaves();
    if events > 0 && !has_event(db, events)? {
        return Ok(Some(format!("event {events} is missing")));
    }
    Ok(None)
}

/// Records with their hashes, in one piece of memory.
#[derive(Default)]
struct HashedRecords {
    bytes: Vec<u8>,
    /// Where each key and its value end.
    items: Vec<(usize, usize, [u8; 32])>,
}

impl HashedRecords {
    fn push(&mut self, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.items.push((key_end, self.bytes.len(), record_hash(key, value)));
    }
}

/// One thread reads and hashes the records, this one makes a ledger of them.
fn load_records(db: &DB) -> Result<Ledger, StorageError> {
    const BATCHES_AHEAD: usize = 16;
    let corrupt = |e: CorruptRecord| corrupt(e.to_string());
    thread::scope(|scope| {
        let (sender, batches) = sync_channel(BATCHES_AHEAD);
        let reader = scope.spawn(move || read_records(db, &sender));
        let mut loader = Loader::default();
        for batch in batches {
            let mut start = 0;
            for (key_end, value_end, hash) in &batch.items {
                let (key, value) =
                    (&batch.bytes[start..*key_end], &batch.bytes[*key_end..*value_end]);
                loader.add_hashed(key, value, hash).map_err(corrupt)?;
                start = *value_end;
            }
        }
        match reader.join() {
            Ok(read) => read?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        loader.finish().map_err(corrupt)
    })
}

fn read_records(db: &DB, batches: &SyncSender<HashedRecords>) -> Result<(), StorageError> {
    const BATCH_BYTES: usize = 1 << 20;
    let mut options = ReadOptions::default();
    options.set_readahead_size(4 << 20);
    options.fill_cache(false);
    let from_first = IteratorMode::From(&[RECORD_PREFIX], Direction::Forward);
    let mut batch = HashedRecords::default();
    for item in db.iterator_opt(from_first, options) {
        let (key, value) = item.map_err(StorageError::rocks("read ledger records"))?;
        let key = &key[1..];
        if is_dense(key) {
            pages::records(key, &value, |key, value| batch.push(key, value)).map_err(|why| {
                StorageError::Corrupt { what: format!("page {key:02x?}"), why: why.into() }
            })?;
        } else {
            batch.push(key, &value);
        }
        if batch.bytes.len() >= BATCH_BYTES && batches.send(std::mem::take(&mut batch)).is_err() {
            // The loader has found a fault and says so.
            return Ok(());
        }
    }
    // As above.
    drop(batches.send(batch));
    Ok(())
}
