//! What the demonstration shows of the settled day.

use anyhow::Context as _;
use registry_chaos_tests::cluster::HeldState;
use registry_chaos_tests::sample_day::SampleDay;
use registry_client::amount::{format_fen, parse_fen, parse_signed_fen};
use registry_client::proto::{Consistency, DailyPrice, ListBanksRequest, ListInstrumentsRequest};
use registry_client::sample::{DEFAULT_INSTRUMENT, SETTLEMENT_BANKS};
use registry_client::workflow::{SettleReport, Stage, TopUpKind};
use registry_client::{ReadClient, hex};

use crate::console::{Console, grouped};
use crate::run::Settings;

/// A stage in the words of the market.
pub(crate) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Open => "day opened",
        Stage::Submit => "trades received",
        Stage::Manifest => "stream closed",
        Stage::Clear => "trades cleared",
        Stage::Confirm => "clearing confirmed",
        Stage::Deliver => "delivered versus payment",
        Stage::Held => "held trades tried again",
        Stage::Statements => "statements issued",
        Stage::Finalize => "day final",
    }
}

/// Trades that were held at first, and what let them deliver.
pub(crate) fn held(console: &mut Console, settled: &SettleReport) {
    console.heading("Held trades");
    let rows = settled.first_held.iter().map(|held| {
        let trade = &held.trade;
        vec![
            trade.trade_number.to_string(),
            held.reason.clone(),
            trade.seller_account.to_string(),
            trade.buyer_account.to_string(),
            grouped(trade.quantity_tco2e),
            trade.price_yuan.clone(),
        ]
    });
    console.table(&["trade", "reason", "seller", "buyer", "tonnes", "yuan/t"], rows.collect());
    for top_up in &settled.topups {
        let what = match &top_up.kind {
            TopUpKind::Cash { bank_id, amount_fen } => {
                format!("deposits {} yuan at bank {bank_id}", grouped(format_fen(*amount_fen)))
            }
            TopUpKind::Goods { instrument, quantity_tco2e } => {
                format!(
                    "moves {} t of {instrument} to its trading position",
                    grouped(*quantity_tco2e)
                )
            }
        };
        console.say(&format!("  top-up: account {} {what}", top_up.account_id));
    }
    let (day, first) = (&settled.day, settled.first_held.len());
    console.say(&format!(
        "  {} of {} trades delivered, {first} of them after a top-up, {} held",
        grouped(day.delivered_count),
        grouped(day.trade_count),
        day.held_count
    ));
}

/// Settlement by bank; answers receives less pays over all banks.
pub(crate) fn banks(console: &mut Console, settled: &SettleReport) -> anyhow::Result<i64> {
    console.heading("Settlement by bank, yuan");
    let (mut receives_fen, mut pays_fen) = (0, 0);
    let mut rows = Vec::new();
    for bank in &settled.clearing.banks {
        receives_fen += parse_fen(&bank.receives_yuan).context("what a bank receives")?;
        pays_fen += parse_fen(&bank.pays_yuan).context("what a bank pays")?;
        let named = SETTLEMENT_BANKS.iter().find(|named| named.bank_id == bank.bank_id);
        rows.push(vec![
            format!("{} {}", bank.bank_id, named.map_or("", |named| named.name)),
            grouped(&bank.receives_yuan),
            grouped(&bank.pays_yuan),
            grouped(&bank.net_yuan),
        ]);
    }
    let difference = receives_fen - pays_fen;
    rows.push(vec![
        "all banks".to_owned(),
        grouped(format_fen(receives_fen)),
        grouped(format_fen(pays_fen)),
        grouped(format_fen(difference)),
    ]);
    console.table(&["bank", "receives", "pays", "net"], rows);
    Ok(difference)
}

/// Everything that must be zero, read from the registry.
pub(crate) async fn reconciliation(
    console: &mut Console,
    reads: &ReadClient,
    settled: &SettleReport,
) -> anyhow::Result<()> {
    console.heading("Reconciliation");
    let request = ListBanksRequest { consistency: Consistency::Linearizable.into() };
    let banks = reads.list_banks(request).await.context("listing the banks")?.banks;
    let (mut interbank_fen, mut unexplained_fen) = (0, 0);
    for bank in &banks {
        let [balance, deposited, interbank] =
            [&bank.balance_yuan, &bank.deposited_yuan, &bank.interbank_yuan]
                .map(|yuan| parse_signed_fen(yuan));
        let (balance, deposited, interbank) = (balance?, deposited?, interbank?);
        interbank_fen += interbank;
        unexplained_fen += (balance - deposited - interbank).abs();
    }
    let request = ListInstrumentsRequest { consistency: Consistency::Linearizable.into() };
    let instruments =
        reads.list_instruments(request).await.context("listing the instruments")?.instruments;
    let unaccounted_tco2e: i64 =
        instruments.iter().map(|line| (line.issued_tco2e - line.held_tco2e).abs()).sum();
    let clearing_fen = parse_signed_fen(&settled.clearing.reconciliation_yuan)?;
    let rows = [
        ("banks receive less banks pay, fen", clearing_fen),
        ("moved between banks, sum over all, fen", interbank_fen),
        ("balance less deposits and moves, all banks, fen", unexplained_fen),
        ("issued less held, all instruments, t", unaccounted_tco2e),
    ];
    console.table(
        &["must be zero", "is"],
        rows.iter().map(|(name, is)| vec![(*name).to_owned(), is.to_string()]).collect(),
    );
    let wrong = rows.iter().find(|(_, is)| *is != 0);
    match wrong {
        Some((name, is)) => anyhow::bail!("{name}: {is}"),
        None => Ok(()),
    }
}

/// The price line, which equals what was published.
pub(crate) fn prices(console: &mut Console, day: &SampleDay, line: &DailyPrice) {
    let figures = day.figures();
    console.heading(&format!(
        "Price line of {} on {}, beside what was published",
        line.instrument, line.date
    ));
    let [open, high, low] = figures.session.map_or([const { String::new() }; 3], |session| {
        [session.open_fen, session.high_fen, session.low_fen].map(format_fen)
    });
    let rows = [
        ["settled", &line.open_yuan, &line.high_yuan, &line.low_yuan, &line.close_yuan]
            .map(str::to_owned)
            .into_iter()
            .chain([
                grouped(line.listed_tco2e),
                grouped(&line.listed_yuan),
                grouped(line.block_tco2e),
                grouped(&line.block_yuan),
            ])
            .collect(),
        vec![
            "published".to_owned(),
            open,
            high,
            low,
            format_fen(figures.close_fen),
            grouped(figures.listed_quantity_tco2e),
            grouped(format_fen(figures.listed_amount_fen)),
            grouped(figures.block_quantity_tco2e),
            grouped(format_fen(figures.block_amount_fen)),
        ],
    ];
    let header =
        ["", "open", "high", "low", "close", "listed t", "listed yuan", "block t", "block yuan"];
    console.table(&header, rows.to_vec());
}

/// What each node holds.
pub(crate) fn nodes(console: &mut Console, nodes: &[HeldState]) {
    console.heading("What each node holds");
    let rows = nodes.iter().map(|node| {
        vec![
            node.node_name.clone(),
            node.city.clone(),
            node.log_index.to_string(),
            hex(&node.digest),
        ]
    });
    console.table(&["node", "city", "log index", "digest of the ledger"], rows.collect());
}

/// How to use and stop what was left running.
pub(crate) fn kept(console: &mut Console, endpoints: &[String], settings: &Settings) {
    console.heading("Left running");
    console.say(&format!("  clients: {}", endpoints.join(" ")));
    for (user, command) in [
        ("operator-1", "cluster status".to_owned()),
        ("registry-officer-1", format!("price list --instrument {DEFAULT_INSTRUMENT}")),
        ("exchange-sh", format!("day show --date {}", settings.day)),
    ] {
        console.say(&format!(
            "  registryctl --endpoints {} --identity {}/pki/{user} {command}",
            endpoints.join(","),
            settings.work_dir.display()
        ));
    }
    console.say("  stop: make demo-stop");
}
