//! `audit`: everything the registry ever did, added up again.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use registry_client::hex;
use registry_client::journal::{AuditCounts, audit_file, audit_node, kind_name};

use super::files;
use super::progress::bar;
use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::stamp;

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Audit this exported journal instead of a registry.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Root that the file's events must have, 64 hexadecimal digits.
    #[arg(long, requires = "file", value_name = "HEX", value_parser = sha256)]
    root: Option<Sha256>,
}

/// 32 bytes as hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sha256(pub(super) [u8; 32]);

pub(super) fn sha256(text: &str) -> Result<Sha256, String> {
    let mut bytes = [0; 32];
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.len() != 64 || !digits {
        return Err("must be 64 hexadecimal digits".to_owned());
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|error| error.to_string())?;
    }
    Ok(Sha256(bytes))
}

impl Audit {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match &self.file {
            Some(path) => self.of_file(path),
            None => of_node(global).await,
        }
    }

    fn of_file(&self, path: &std::path::Path) -> Result<Page> {
        let report = audit_file(files::open(path)?, self.root.map(|root| root.0))?;
        let statement = report.statement;
        let record = counts(&report.counts)
            .with("root_sha256", hex(&statement.root_sha256))
            .with("root_given", self.root.is_some())
            .with("file_sha256", hex(&report.sha256))
            .with("log_index", statement.log_index)
            .with("ledger_time_ms", statement.ledger_time_ms);
        Ok(page(&report.counts, record))
    }
}

async fn of_node(global: &Global) -> Result<Page> {
    let reads = global.reads()?;
    let progress = bar("events");
    let report = Box::pin(audit_node(&reads, |done, total| {
        progress.set_length(total);
        progress.set_position(done);
    }))
    .await?;
    progress.finish();
    let record = counts(&report.counts)
        .with("accounts_compared", report.accounts)
        .with("holdings_compared", report.holdings)
        .with("cash_balances_compared", report.cash_balances)
        .with("banks_compared", report.banks)
        .with("instruments_compared", report.instruments)
        .with("obligations_compared", report.obligations)
        .with("platforms_compared", report.platforms)
        .with("persons_compared", report.persons)
        .with("persons_summed", report.persons_summed)
        .with("vouchers_compared", report.vouchers)
        .with("repos_compared", report.repos)
        .with("root_sha256", hex(&report.root_sha256));
    Ok(page(&report.counts, record).stamp(stamp(Some(report.stamp))))
}

fn page(counts: &AuditCounts, record: Record) -> Page {
    let kinds = counts.kinds.iter();
    let kinds = kinds.map(|(kind, events)| {
        Record::default().with("kind", kind_name(kind)).with("events", *events)
    });
    Page::default()
        .with_headline("the books are right".to_owned())
        .one(record)
        .many("kinds", kinds.collect())
}

fn counts(counts: &AuditCounts) -> Record {
    Record::default()
        .with("events", counts.events)
        .with("postings", counts.postings)
        .with("trades", counts.trades)
        .with("trades_delivered", counts.delivered)
        .with("days", counts.days)
        .with("final_days", counts.final_days)
}
