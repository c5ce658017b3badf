//! Reads an exported journal and audits it without a registry.

use std::io::{self, Read, Seek, SeekFrom};

use sha2::{Digest as _, Sha256};

use super::auditor::{AuditCounts, Auditor};
use super::bytes::{DecodeError, Reader};
use super::event::Event;
use super::feed::Originals;
use super::finding::{AuditError, Checked, same, same_hash};
use super::trade::{TradeLine, TradeRange};
use crate::hex;

/// First bytes of a file.
pub(super) const MAGIC: &[u8] = b"registry.v1.journal\0";
/// Format of the records behind them.
pub(super) const FORMAT: u8 = 1;
/// An event's canonical bytes.
pub(super) const EVENT: u8 = b'E';
/// The trades that the event before names.
pub(super) const TRADES: u8 = b'T';
/// What the node said of its journal.
pub(super) const STATEMENT: u8 = b'J';
/// Hash over everything before this record.
pub(super) const SHA256: u8 = b'S';
/// More than any record has.
const LONGEST_RECORD_BYTES: u32 = 256 << 20;
/// Tag and length.
const RECORD_HEAD_BYTES: usize = 5;

/// What a node said of its journal when it was exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Events.
    pub event_count: u64,
    /// Root of the tree over them.
    pub root_sha256: [u8; 32],
    /// Where the log stood.
    pub log_index: u64,
    /// When.
    pub ledger_time_ms: i64,
}

impl Statement {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.event_count.to_be_bytes().to_vec();
        bytes.extend(self.root_sha256);
        bytes.extend(self.log_index.to_be_bytes());
        bytes.extend(self.ledger_time_ms.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let statement = Self {
            event_count: u64::from_be_bytes(from.read()?),
            root_sha256: from.read()?,
            log_index: u64::from_be_bytes(from.read()?),
            ledger_time_ms: i64::from_be_bytes(from.read()?),
        };
        from.finish()?;
        Ok(statement)
    }
}

/// A file whose journal adds up.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// What the events had.
    pub counts: AuditCounts,
    /// What the node said; size and root are those of the events.
    pub statement: Statement,
    /// The hash at the file's end.
    pub sha256: [u8; 32],
}

/// Audits an exported journal: that the file is whole, every event, and that
/// size and root are what the node said and, if given, what `root_sha256` says.
///
/// # Errors
/// [`AuditError::Broken`] with the first thing that cannot be,
/// [`AuditError::OtherRoot`] when all fits but `root_sha256`,
/// [`AuditError::Damaged`] for a file that is not as it was written.
pub fn audit_file(
    mut file: impl Read + Seek,
    root_sha256: Option<[u8; 32]>,
) -> Result<FileReport, AuditError> {
    file.seek(SeekFrom::Start(0))?;
    let (originals, sha256) = whole(&mut file)?;
    file.seek(SeekFrom::Start(0))?;
    let mut records = Records::new(&mut file)?;
    let mut auditor = Auditor::default();
    loop {
        let (tag, content) = records.next()?;
        match tag {
            EVENT => {
                let event = auditor.read(&content)?;
                let trades = match event.trades_named() {
                    Some(range) => trades(&mut records, range, &originals)?,
                    None => Vec::new(),
                };
                auditor.take(&content, &event, &trades)?;
            }
            STATEMENT => {
                let statement = Statement::from_bytes(&content).map_err(damaged)?;
                let compared = compare(&auditor, &statement);
                compared.map_err(|wrong| wrong.at(auditor.event_count(), "the last"))?;
                if let Some(given) = root_sha256.filter(|given| *given != auditor.root()) {
                    let (given, found) = (hex(&given), hex(&auditor.root()));
                    return Err(AuditError::OtherRoot { given, found });
                }
                return Ok(FileReport { counts: auditor.counts().clone(), statement, sha256 });
            }
            _ => return Err(AuditError::Damaged(format!("a record {tag} stands by itself"))),
        }
    }
}

fn compare(auditor: &Auditor, statement: &Statement) -> Checked {
    same("events that the node had", statement.event_count, auditor.event_count())?;
    same_hash("root that the node had", &statement.root_sha256, &auditor.root())?;
    auditor.check_complete()
}

/// The record of an event's trades, as they were accepted.
fn trades<R: Read>(
    records: &mut Records<R>,
    range: TradeRange,
    originals: &Originals,
) -> Result<Vec<TradeLine>, AuditError> {
    let (tag, content) = records.next()?;
    if tag != TRADES {
        return Err(AuditError::Damaged(format!("no trades of {} behind their event", range.date)));
    }
    let mut from = Reader::new(&content);
    let (date, first) = (from.read().map_err(damaged)?, from.read().map_err(damaged)?);
    let count = u64::from_be_bytes(from.read().map_err(damaged)?);
    if (date, u64::from_be_bytes(first)) != (range.date, range.first) {
        return Err(AuditError::Damaged(format!("other trades than those of {range:?}")));
    }
    let trades: Result<Vec<TradeLine>, DecodeError> = (0..count).map(|_| from.read()).collect();
    let mut trades = trades.map_err(damaged)?;
    from.finish().map_err(damaged)?;
    originals.restore(range, &mut trades);
    Ok(trades)
}

fn damaged(error: DecodeError) -> AuditError {
    AuditError::Damaged(format!("a record is not what its tag says: {error}"))
}

/// Reads all of the file: that its hash is right, and which trades are amended.
fn whole(file: &mut impl Read) -> Result<(Originals, [u8; 32]), AuditError> {
    let mut records = Records::new(file)?;
    let mut originals = Originals::default();
    loop {
        let before = records.sha256.clone();
        let (tag, content) = records.next()?;
        if tag == EVENT {
            // One that cannot be read is found in its turn.
            Event::from_bytes(&content).iter().for_each(|event| originals.note(event));
        }
        if tag == SHA256 {
            let sha256: [u8; 32] = before.finalize().into();
            if content != sha256 {
                return Err(AuditError::Damaged("its SHA-256 is another".to_owned()));
            }
            if records.file.read(&mut [0])? != 0 {
                return Err(AuditError::Damaged("bytes follow its end".to_owned()));
            }
            return Ok((originals, sha256));
        }
    }
}

/// Records in order, hashed on the way.
struct Records<R> {
    file: R,
    sha256: Sha256,
}

impl<R: Read> Records<R> {
    fn new(file: R) -> Result<Self, AuditError> {
        let mut records = Self { file, sha256: Sha256::new() };
        let head = records.bytes(MAGIC.len() + 1)?;
        match head.strip_prefix(MAGIC) {
            Some([FORMAT]) => Ok(records),
            Some([format, ..]) => Err(AuditError::Damaged(format!("format {format} is unknown"))),
            _ => Err(AuditError::Damaged("it is no exported journal".to_owned())),
        }
    }

    fn next(&mut self) -> Result<(u8, Vec<u8>), AuditError> {
        let head = self.bytes(RECORD_HEAD_BYTES)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        if length > LONGEST_RECORD_BYTES {
            return Err(AuditError::Damaged(format!("a record of {length} bytes")));
        }
        Ok((head[0], self.bytes(usize::try_from(length).unwrap_or(usize::MAX))?))
    }

    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, AuditError> {
        let mut bytes = vec![0; count];
        self.file.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => AuditError::Damaged("it ends too early".to_owned()),
            _ => AuditError::File(error),
        })?;
        self.sha256.update(&bytes);
        Ok(bytes)
    }
}
