//! `audit`: everything the registry ever did, added up again.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use registry_client::journal::{AuditCounts, audit_file, audit_node, kind_name};
use registry_client::proto::GetStatusReply;
use registry_client::{hex, unhex};

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

/// What a copy of a data folder calls its part in the consensus.
const COPY: &str = "copy";
const RIGHT: &str = "the books are right";

/// 32 bytes as hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sha256(pub(super) [u8; 32]);

pub(super) fn sha256(text: &str) -> Result<Sha256, String> {
    let bytes = unhex(text).and_then(|bytes| bytes.try_into().ok());
    bytes.map(Sha256).ok_or_else(|| "must be 64 hexadecimal digits".to_owned())
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

/// The registry, or with `--stale-ok` one node or copy as it stands.
async fn of_node(global: &Global) -> Result<Page> {
    let reads = global.reads()?;
    let progress = bar("events");
    let report = Box::pin(audit_node(&reads, global.freshness(), |done, total| {
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
        .with("pledges_compared", report.pledges)
        .with("freezes_compared", report.freezes)
        .with("root_sha256", hex(&report.root_sha256));
    let (record, note) = match as_it_stands(global).await? {
        None => (record, None),
        Some(copy) => of_copy(record, &copy, report.stamp.log_index),
    };
    let page = page(&report.counts, record).stamp(stamp(Some(report.stamp)));
    Ok(match note {
        None => page,
        Some(note) => page.with_headline(format!("{RIGHT}; {note}")),
    })
}

/// The status of a copy of a data folder; none of the nodes of a cluster.
async fn as_it_stands(global: &Global) -> Result<Option<GetStatusReply>> {
    let Some(endpoint) = global.endpoints.first().filter(|_| global.stale_ok) else {
        return Ok(None);
    };
    let status = global.operator()?.status(endpoint, 0).await?;
    Ok((status.raft_state == COPY).then_some(status))
}

/// What of the copy's log is not in the books that were audited.
fn of_copy(record: Record, copy: &GetStatusReply, log_index: u64) -> (Record, Option<String>) {
    let last = copy.last_log_index;
    let record = record.with("copy_log_index", log_index).with("copy_last_log_index", last);
    let left_out = (last > log_index).then(|| {
        format!(
            "log entries {} to {last} of the copy are not applied and not in them",
            log_index + 1
        )
    });
    (record, left_out)
}

fn page(counts: &AuditCounts, record: Record) -> Page {
    let kinds = counts.kinds.iter();
    let kinds = kinds.map(|(kind, events)| {
        Record::default().with("kind", kind_name(kind)).with("events", *events)
    });
    Page::default().with_headline(RIGHT.to_owned()).one(record).many("kinds", kinds.collect())
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
