//! Loans against allowances, for tests, benchmarks and the demonstration:
//! settled closes of recent days, and offers that keep to their contracts.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use registry_client::amount::format_fen;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    PledgeActivation, PledgeRequest, PledgeStep, PledgeTerms, Position, ProposePledgeRequest, Trade,
};
use registry_client::{BankClient, ExchangeClient, FirmClient, RegistryClient, TwoOfficers};
use registry_ledger::{Date, LedgerTime, calendar};

use crate::day::ExchangeDay;
use crate::market::{INSTRUMENT, opening_ms};

/// A day.
pub const DAY_MS: i64 = 86_400_000;

/// A settled close that contracts are made at.
#[derive(Clone, Debug)]
pub struct Close {
    /// Its day.
    pub date: String,
    /// Fen per tonne.
    pub price_fen: i64,
}

/// The last trading days before today in Beijing, the oldest first: only a close
/// of these days is fresh enough for a contract.
///
/// # Errors
/// When the clock stands before 1970.
pub fn recent_trading_days(count: usize) -> anyhow::Result<Vec<String>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock")?;
    let now = LedgerTime(i64::try_from(now.as_millis()).context("the clock")?);
    let today = calendar::beijing_day_number(now);
    let before_today = |date: &Date| {
        let number = calendar::day_number(*date);
        (today - 30..today).contains(&number) && !calendar::is_weekend(*date)
    };
    let all = (2024..=2199).flat_map(|year| {
        (1..=12).flat_map(move |month| (1..=31).map(move |day| (year, month, day)))
    });
    let days: Vec<_> = all
        .filter_map(|(year, month, day)| Date::from_ymd(year, month, day))
        .filter(before_today)
        .map(|date| date.to_string())
        .collect();
    let skipped = days.len().checked_sub(count).context("so many trading days")?;
    Ok(days[skipped..].to_vec())
}

/// Settles a day with one listed trade of one tonne, which makes the close, and
/// makes the day final.
///
/// # Errors
/// When the cluster refuses or does not answer.
pub async fn settle_close(
    registry: &RegistryClient,
    exchange: &ExchangeClient,
    trade: Trade,
    close: &Close,
) -> anyhow::Result<()> {
    let date = &close.date;
    let trade = Trade {
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: 1,
        price_yuan: format_fen(close.price_fen),
        traded_at_ms: opening_ms(date)?,
        ..trade
    };
    ExchangeDay::new(date, vec![trade])?.settle(registry, exchange, 100).await?;
    Ok(())
}

/// An offer from the trading position for a loan of nearly half of the value,
/// with the warning line at 90 % of the close and the disposal line at 80 %.
#[must_use]
pub fn offer(account: u64, bank: u32, tonnes: i64, close: &Close) -> ProposePledgeRequest {
    let price = close.price_fen;
    ProposePledgeRequest {
        pledgor_account: account,
        pledgee_bank: bank,
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: tonnes,
        from: Position::Trading.into(),
        terms: Some(PledgeTerms {
            contract: format!("Loan of firm {account}"),
            principal_yuan: format_fen((tonnes * price * 48 / 100).max(1)),
            maturity_date: "2199-06-30".to_owned(),
            reference_price_yuan: format_fen(price),
            reference_date: close.date.clone(),
            loan_to_value_bp: 5_000,
            warning_price_yuan: format_fen(price * 90 / 100),
            disposal_price_yuan: format_fen(price * 80 / 100),
            cure_period_ms: DAY_MS,
        }),
        ..Default::default()
    }
}

/// Offered, accepted and recognised.
///
/// # Errors
/// When the cluster refuses or does not answer.
pub async fn pledge(
    firm: &FirmClient,
    bank: &BankClient,
    officers: &TwoOfficers,
    offer: ProposePledgeRequest,
) -> anyhow::Result<PledgeStep> {
    let offered = firm.propose_pledge(offer).await.context("offering")?;
    let PledgeStep { pledge_id, version, .. } = offered.pledge.context("a pledge")?;
    let seen = PledgeRequest { pledge_id, version, ..Default::default() };
    let accepted = bank.accept_pledge(seen).await.context("accepting")?.pledge;
    let version = accepted.context("a pledge")?.version;
    officers.pledge_step("", activation(pledge_id, version)).await.context("activating")
}

/// Recognition of a pledge as the officers have seen it.
#[must_use]
pub fn activation(pledge_id: u64, version: u32) -> Command {
    let filing_reference = format!("filing {pledge_id}");
    Command::PledgeActivation(PledgeActivation { pledge_id, version, filing_reference })
}
