//! `journal`: size and root of the tree over all events, and all of it in a file.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use registry_client::hex;
use registry_client::journal::export;
use registry_client::proto::GetJournalRequest;

use super::files;
use super::progress::bar;
use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::stamp;

/// The journal as a whole.
#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Events so far and the root of their tree.
    Show,
    /// Write all events and the trades they name to a file.
    Export(Export),
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file to write; one that is there is replaced at the end.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl JournalCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Show => show(global).await,
            Self::Export(export) => export.run(global).await,
        }
    }
}

async fn show(global: &Global) -> Result<Page> {
    let request = GetJournalRequest { consistency: global.consistency() };
    let reply = global.reads()?.get_journal(request).await?;
    let record = Record::default()
        .with("event_count", reply.event_count)
        .with("root_sha256", hex(&reply.root_sha256));
    Ok(Page::default().one(record).stamp(stamp(reply.stamp)))
}

impl Export {
    async fn run(&self, global: &Global) -> Result<Page> {
        let reads = global.reads()?;
        let mut name = self.out.clone().into_os_string();
        name.push(".partial");
        let partial = PathBuf::from(name);
        let progress = bar("events");
        let file = files::create(&partial)?;
        let report = Box::pin(export(&reads, global.freshness(), file, |done, total| {
            progress.set_length(total);
            progress.set_position(done);
        }))
        .await?;
        progress.finish();
        std::fs::rename(&partial, &self.out)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        let record = Record::default()
            .with("file", self.out.display().to_string())
            .with("event_count", report.statement.event_count)
            .with("trade_count", report.trades)
            .with("bytes", report.bytes)
            .with("root_sha256", hex(&report.statement.root_sha256))
            .with("file_sha256", hex(&report.sha256))
            .with("log_index", report.statement.log_index)
            .with("ledger_time_ms", report.statement.ledger_time_ms);
        Ok(Page::default().one(record))
    }
}
