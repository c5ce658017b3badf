//! `report.json`: what the demonstration found, for programs.

use std::path::Path;

use anyhow::Context as _;
use registry_chaos_tests::cluster::HeldState;
use registry_client::hex;
use registry_client::proto::DailyPrice;
use registry_client::workflow::SettleReport;
use serde::Serialize;

/// All amounts and quantities are decimal strings, so that no reader turns
/// them into binary fractions.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// `YYYY-MM-DD`.
    pub(crate) day: String,
    pub(crate) trades: u64,
    pub(crate) delivered: u64,
    pub(crate) held: u64,
    /// Before the top-ups.
    pub(crate) held_at_first: u64,
    pub(crate) listed: Turnover,
    pub(crate) block: Turnover,
    pub(crate) prices: Prices,
    pub(crate) banks: Vec<Bank>,
    /// Sum over all banks of what they receive less what they pay.
    pub(crate) reconciliation_fen: String,
    pub(crate) nodes: Vec<Node>,
    /// From the start of the first process to this report.
    pub(crate) elapsed_s: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Turnover {
    pub(crate) tonnes: String,
    pub(crate) yuan: String,
}

/// Yuan per tonne.
#[derive(Debug, Serialize)]
pub(crate) struct Prices {
    pub(crate) open: String,
    pub(crate) high: String,
    pub(crate) low: String,
    pub(crate) close: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Bank {
    pub(crate) id: u32,
    pub(crate) receives_yuan: String,
    pub(crate) pays_yuan: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Node {
    pub(crate) id: u64,
    pub(crate) city: String,
    pub(crate) log_index: u64,
    /// Hexadecimal.
    pub(crate) digest: String,
}

impl Report {
    pub(crate) fn of(
        settled: &SettleReport,
        line: &DailyPrice,
        nodes: &[HeldState],
        reconciliation_fen: i64,
        elapsed_s: f64,
    ) -> Self {
        let day = &settled.day;
        let banks = settled.clearing.banks.iter().map(|bank| Bank {
            id: bank.bank_id,
            receives_yuan: bank.receives_yuan.clone(),
            pays_yuan: bank.pays_yuan.clone(),
        });
        let nodes = nodes.iter().map(|node| Node {
            id: node.node_id,
            city: node.city.clone(),
            log_index: node.log_index,
            digest: hex(&node.digest),
        });
        Self {
            day: day.date.clone(),
            trades: day.trade_count,
            delivered: day.delivered_count,
            held: day.held_count,
            held_at_first: settled.first_held.len() as u64,
            listed: Turnover {
                tonnes: line.listed_tco2e.to_string(),
                yuan: line.listed_yuan.clone(),
            },
            block: Turnover { tonnes: line.block_tco2e.to_string(), yuan: line.block_yuan.clone() },
            prices: Prices {
                open: line.open_yuan.clone(),
                high: line.high_yuan.clone(),
                low: line.low_yuan.clone(),
                close: line.close_yuan.clone(),
            },
            banks: banks.collect(),
            reconciliation_fen: reconciliation_fen.to_string(),
            nodes: nodes.collect(),
            // Tenths: what the demonstration prints.
            elapsed_s: (elapsed_s * 10.0).round() / 10.0,
        }
    }

    /// Writes the file whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self).context("encoding the report")? + "\n";
        let unfinished = path.with_extension("json.unfinished");
        std::fs::write(&unfinished, text)
            .with_context(|| format!("writing {}", unfinished.display()))?;
        std::fs::rename(&unfinished, path).with_context(|| format!("writing {}", path.display()))
    }
}
