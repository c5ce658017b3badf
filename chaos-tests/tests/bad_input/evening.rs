//! The evening of a day on which a trade is held: what is asked too early, too
//! late, of the wrong trade, or of money that is not there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{Market, bank_of, opening_ms};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    DayRequest, DepositRequest, FundReserveRequest, GetDayRequest, HeldTradesRequest,
    OpenDayRequest, RaiseObjectionRequest, RepayReserveRequest, ReportBalanceRequest,
    RequestWithdrawalRequest, ReserveUse, ResolveObjectionRequest, ReturnSuspenseRequest, Trade,
};
use tonic::Code::{FailedPrecondition, NotFound};

use super::refusal::Refusals;
use super::{Bench, DATE, Refused, trade};

const NEXT: &str = "2021-12-17";
const PATIENCE: Duration = Duration::from_secs(20);
const TONNES_EACH: i64 = 1_000;
/// Less than the 430 yuan that trade 2 costs.
const CASH_FEN_EACH: i64 = 40_000;
/// Who delivers, and whose trade is held for money.
const BUYER: u64 = 2;
const POOR: u64 = 3;
/// As many withdrawals as an account may have open.
const OPEN_WITHDRAWALS: usize = 20;

const fn precondition(reason: &'static str, field: &'static str) -> Refused {
    (FailedPrecondition, reason, field)
}

fn day(date: &str) -> DayRequest {
    DayRequest { date: date.to_owned(), ..Default::default() }
}

fn held(date: &str, number: u64) -> HeldTradesRequest {
    HeldTradesRequest { date: date.to_owned(), trade_numbers: vec![number], ..Default::default() }
}

fn reserve_use(date: &str, trade_number: u64) -> Command {
    let document = "decision 1".to_owned();
    Command::ReserveUse(ReserveUse { date: date.to_owned(), trade_number, document })
}

fn objection(date: &str) -> RaiseObjectionRequest {
    RaiseObjectionRequest {
        date: date.to_owned(),
        account_id: BUYER,
        text: "not my trade".to_owned(),
        ..Default::default()
    }
}

fn resolution(date: &str) -> ResolveObjectionRequest {
    ResolveObjectionRequest {
        date: date.to_owned(),
        account_id: BUYER,
        resolution: "it was".to_owned(),
        ..Default::default()
    }
}

fn deposit(amount_yuan: &str) -> DepositRequest {
    DepositRequest {
        account_id: POOR,
        bank_id: bank_of(POOR),
        amount_yuan: amount_yuan.to_owned(),
        ..Default::default()
    }
}

impl Bench {
    /// Four firms with little money, and no day.
    async fn with_little_money() -> anyhow::Result<Self> {
        let plan = scratch::plan("bad-input-evening", Layout::DualCity, |_| {})?;
        let cluster = Cluster::start_bootstrapped(plan, Duration::from_millis(1)).await?;
        let (registry, exchange) = (cluster.registry()?, cluster.exchange()?);
        let officers = cluster.officers()?;
        Market::set_up(&officers, 4, TONNES_EACH, CASH_FEN_EACH).await?;
        let refusals = Refusals::begin(&cluster).await?;
        Ok(Self { cluster, registry, officers, exchange, refusals })
    }

    /// Trade 1 delivers, trade 2 is held for money.
    async fn evening(&mut self, date: &str, topup_window_ms: i64) -> anyhow::Result<()> {
        let request =
            OpenDayRequest { date: date.to_owned(), topup_window_ms, ..Default::default() };
        self.registry.open_day(request).await?;
        let traded_at_ms = opening_ms(date)?;
        let cheap = Trade { quantity_tco2e: 1, traded_at_ms, ..trade(1) };
        let dear =
            Trade { buyer_account: POOR, buyer_bank: bank_of(POOR), traded_at_ms, ..trade(2) };
        let day = ExchangeDay::new(date, vec![cheap, dear])?;
        day.submit(&self.exchange, 100, |_| {}).await?;
        day.confirm(&self.registry, &self.exchange).await?;
        let report = self.exchange.deliver_day(date, 0, |_| {}).await?;
        ensure!(report.delivered == 1, "{report:?}");
        self.refusals.accept_changes().await
    }
}

pub(super) async fn tables() -> anyhow::Result<()> {
    let mut bench = Bench::with_little_money().await?;
    bench.evening(DATE, 0).await?;
    while_topups_are_possible(&mut bench).await?;
    statements_and_objections(&mut bench).await?;
    bench.evening(NEXT, 1).await?;
    after_the_deadline(&mut bench).await?;
    money(&mut bench).await?;
    bench.refusals.end(&bench.cluster).await
}

async fn while_topups_are_possible(bench: &mut Bench) -> anyhow::Result<()> {
    let registry = bench.registry.clone();
    let outcome = registry.fail_held(held(DATE, 2)).await;
    bench.refusals.row("ended too early", outcome, precondition("TOPUP_OPEN", "date")).await;
    let outcome = registry.retry_held(held(DATE, 1)).await;
    let not_held = precondition("TRADE_NOT_HELD", "trade_numbers[0]");
    bench.refusals.row("a delivered trade again", outcome, not_held).await;
    for (what, outcome) in [
        ("statements", registry.issue_statements(day(DATE)).await),
        ("final", registry.finalize_day(day(DATE)).await),
    ] {
        let what = format!("{what} while a trade is held");
        bench.refusals.row(&what, outcome, precondition("TRADES_HELD", "date")).await;
    }
    let not_held = precondition("TRADE_NOT_HELD", "trade_number");
    bench.controlled_row("reserve for a delivered trade", reserve_use(DATE, 1), not_held).await;
    let empty = precondition("RESERVE_EXHAUSTED", "trade_number");
    bench.controlled_row("an empty reserve", reserve_use(DATE, 2), empty).await;

    registry.deposit(deposit("100.00")).await?;
    bench.refusals.accept_changes().await?;
    let enough = precondition("RESERVE_NOT_NEEDED", "trade_number");
    bench.controlled_row("a reserve for the rich", reserve_use(DATE, 2), enough).await;
    registry.retry_held(held(DATE, 2)).await?;
    bench.refusals.accept_changes().await
}

async fn statements_and_objections(bench: &mut Bench) -> anyhow::Result<()> {
    let registry = bench.registry.clone();
    let missing = precondition("STATEMENTS_MISSING", "date");
    let outcome = registry.raise_objection(objection(DATE)).await;
    bench.refusals.row("an objection to no statement", outcome, missing).await;
    let outcome = registry.finalize_day(day(DATE)).await;
    bench.refusals.row("final without statements", outcome, missing).await;
    registry.issue_statements(day(DATE)).await?;
    bench.refusals.accept_changes().await?;
    let outcome = registry.resolve_objection(resolution(DATE)).await;
    let unknown = (NotFound, "UNKNOWN_OBJECTION", "account_id");
    bench.refusals.row("an answer to nobody", outcome, unknown).await;
    registry.raise_objection(objection(DATE)).await?;
    bench.refusals.accept_changes().await?;
    let outcome = registry.raise_objection(objection(DATE)).await;
    let open = precondition("OBJECTION_OPEN", "account_id");
    bench.refusals.row("a second objection", outcome, open).await;
    let outcome = registry.finalize_day(day(DATE)).await;
    let open = precondition("OBJECTION_OPEN", "date");
    bench.refusals.row("final with an objection", outcome, open).await;
    registry.resolve_objection(resolution(DATE)).await?;
    registry.finalize_day(day(DATE)).await?;
    bench.refusals.accept_changes().await?;
    let outcome = registry.raise_objection(objection(DATE)).await;
    let late = precondition("OBJECTION_LATE", "date");
    bench.refusals.row("an objection to a final day", outcome, late).await;
    Ok(())
}

async fn after_the_deadline(bench: &mut Bench) -> anyhow::Result<()> {
    let registry = bench.registry.clone();
    let request = GetDayRequest { date: NEXT.to_owned(), ..Default::default() };
    let found = registry.reads().get_day(request).await?.day.context("the day")?;
    eventually("the end of the time for top-ups", PATIENCE, || async {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        Ok((i128::try_from(now)? > found.topup_deadline_ms.into()).then_some(()))
    })
    .await?;
    let outcome = registry.retry_held(held(NEXT, 2)).await;
    bench.refusals.row("a top-up too late", outcome, precondition("TOPUP_DEADLINE", "date")).await;
    Ok(())
}

async fn money(bench: &mut Bench) -> anyhow::Result<()> {
    let (registry, bank_id) = (bench.registry.clone(), bank_of(POOR));
    let fund = FundReserveRequest {
        bank_id,
        amount_yuan: "1000.00".to_owned(),
        document: "decision 2".to_owned(),
        ..Default::default()
    };
    registry.fund_reserve(fund).await?;
    bench.officers.carry_out("", reserve_use(NEXT, 2)).await?;
    registry.deposit(deposit("1000.00")).await?;
    bench.refusals.accept_changes().await?;
    // It lacked 360 yuan.
    let repay = RepayReserveRequest {
        account_id: POOR,
        bank_id,
        amount_yuan: "360.01".to_owned(),
        ..Default::default()
    };
    let outcome = registry.repay_reserve(repay).await;
    let exceeded = precondition("CLAIM_EXCEEDED", "amount_yuan");
    bench.refusals.row("more than is owed", outcome, exceeded).await;

    let back = ReturnSuspenseRequest {
        bank_id,
        amount_yuan: "0.01".to_owned(),
        document: "letter 3".to_owned(),
        ..Default::default()
    };
    let outcome = registry.return_suspense(back).await;
    let short = precondition("SUSPENSE_SHORT", "amount_yuan");
    bench.refusals.row("more than is in suspense", outcome, short).await;

    let report = |as_of_date: &str| ReportBalanceRequest {
        bank_id,
        as_of_date: as_of_date.to_owned(),
        balance_yuan: "1.00".to_owned(),
        ..Default::default()
    };
    registry.report_balance(report(NEXT)).await?;
    bench.refusals.accept_changes().await?;
    let outcome = registry.report_balance(report(DATE)).await;
    let older = precondition("REPORT_OLDER", "as_of_date");
    bench.refusals.row("a balance of the day before", outcome, older).await;

    let withdraw = || RequestWithdrawalRequest {
        account_id: POOR,
        bank_id,
        amount_yuan: "0.01".to_owned(),
        ..Default::default()
    };
    for _ in 0..OPEN_WITHDRAWALS {
        registry.request_withdrawal(withdraw()).await?;
    }
    bench.refusals.accept_changes().await?;
    let outcome = registry.request_withdrawal(withdraw()).await;
    let open = precondition("WITHDRAWALS_OPEN", "account_id");
    bench.refusals.row("one withdrawal more", outcome, open).await;
    Ok(())
}
