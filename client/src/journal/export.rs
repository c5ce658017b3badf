//! The journal and the trades it names as one file; `docs/registryctl.md` has
//! its format.

use std::io::{self, Write};

use registry_proto::registry::{Consistency, GetJournalReply};
use sha2::{Digest as _, Sha256};

use super::bytes::Wire as _;
use super::event::Event;
use super::export_file::EVENT;
use super::export_file::{FORMAT, MAGIC, SHA256, STATEMENT, Statement, TRADES};
use super::feed::Feed;
use super::finding::{AuditError, Wrong};
use super::trade::{TradeLine, TradeRange};
use crate::{ClientError, ReadClient};

/// What was written.
#[derive(Clone, Debug)]
pub struct ExportReport {
    /// What the node says of its journal, as the file has it.
    pub statement: Statement,
    /// Trades in the file.
    pub trades: u64,
    /// Its length.
    pub bytes: u64,
    /// The hash at its end.
    pub sha256: [u8; 32],
}

/// Writes the whole journal as it stands now. It is not audited here: a
/// journal that does not add up is exported as it is. `on_progress` is told the
/// events written and how many there will be.
///
/// # Errors
/// When the registry does not answer, an event cannot be read or the file not
/// be written.
pub async fn export(
    reads: &ReadClient,
    consistency: Consistency,
    to: impl Write,
    mut on_progress: impl FnMut(u64, u64),
) -> Result<ExportReport, AuditError> {
    let mut feed = Feed::new(reads, consistency.into());
    let mut file = ExportWriter::new(to)?;
    let mut trade_count = 0;
    loop {
        let journal = feed.journal().await?;
        let log_index = journal.stamp.unwrap_or_default().log_index;
        while let Some(wire) = feed.next_through(log_index).await? {
            file.event(&wire.canonical)?;
            let event = Event::from_bytes(&wire.canonical).map_err(|error| {
                Wrong::new("canonical bytes", "an event", error).at(wire.event, "")
            })?;
            if let Some(range) = event.trades_named() {
                let trades = feed.trades(range).await?;
                trade_count += trades.len() as u64;
                file.trades(range, &trades)?;
            }
            on_progress(wire.event, journal.event_count.max(wire.event));
        }
        // Trades are written as they are now. An amendment made meanwhile must
        // be in the file too, for from it the trade before is known.
        let now = feed.journal().await?.stamp.unwrap_or_default().log_index;
        if !feed.amends_through(now).await? {
            let statement = statement(&journal)?;
            let (bytes, sha256) = file.finish(&statement)?;
            return Ok(ExportReport { statement, trades: trade_count, bytes, sha256 });
        }
    }
}

fn statement(journal: &GetJournalReply) -> Result<Statement, ClientError> {
    let stamp = journal.stamp.unwrap_or_default();
    let root = <[u8; 32]>::try_from(&journal.root_sha256[..]);
    let root_sha256 =
        root.map_err(|_| ClientError::Protocol("the root has not 32 bytes".to_owned()))?;
    Ok(Statement {
        event_count: journal.event_count,
        root_sha256,
        log_index: stamp.log_index,
        ledger_time_ms: stamp.ledger_time_ms,
    })
}

/// Writes records and hashes them.
pub(super) struct ExportWriter<W> {
    to: W,
    sha256: Sha256,
    bytes: u64,
}

impl<W: Write> ExportWriter<W> {
    pub(super) fn new(to: W) -> io::Result<Self> {
        let mut file = Self { to, sha256: Sha256::new(), bytes: 0 };
        file.write(MAGIC)?;
        file.write(&[FORMAT])?;
        Ok(file)
    }

    pub(super) fn event(&mut self, canonical: &[u8]) -> io::Result<()> {
        self.record(EVENT, canonical)
    }

    pub(super) fn trades(&mut self, range: TradeRange, trades: &[TradeLine]) -> io::Result<()> {
        let mut content = Vec::with_capacity(20 + 65 * trades.len());
        range.date.put(&mut content);
        content.extend(range.first.to_be_bytes());
        content.extend((trades.len() as u64).to_be_bytes());
        trades.iter().for_each(|trade| trade.put(&mut content));
        self.record(TRADES, &content)
    }

    /// The node's statement and the hash over everything: length and hash.
    pub(super) fn finish(mut self, statement: &Statement) -> io::Result<(u64, [u8; 32])> {
        self.record(STATEMENT, &statement.to_bytes())?;
        let sha256: [u8; 32] = self.sha256.clone().finalize().into();
        self.record(SHA256, &sha256)?;
        self.to.flush()?;
        Ok((self.bytes, sha256))
    }

    fn record(&mut self, tag: u8, content: &[u8]) -> io::Result<()> {
        let length = u32::try_from(content.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a record of 4 GiB"))?;
        self.write(&[tag])?;
        self.write(&length.to_be_bytes())?;
        self.write(content)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sha256.update(bytes);
        self.bytes += bytes.len() as u64;
        self.to.write_all(bytes)
    }
}
