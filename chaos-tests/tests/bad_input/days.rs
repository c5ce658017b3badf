//! Days in the wrong order, at the wrong time, or closed.

use registry_chaos_tests::day::ExchangeDay;
use registry_client::proto::{
    ConfirmClearingRequest, DayRequest, HeldTradesRequest, OpenDayRequest, SetHolidaysRequest,
};
use tonic::Code::{FailedPrecondition, InvalidArgument, NotFound};

use super::{Bench, DATE, immediate, trade};

fn day(date: &str) -> DayRequest {
    DayRequest { date: date.to_owned(), ..Default::default() }
}

pub(super) async fn tables(bench: &mut Bench) -> anyhow::Result<()> {
    for (date, expected) in [
        ("", (InvalidArgument, "FIELD_MISSING", "date")),
        ("2021-12-32", (InvalidArgument, "BAD_DATE", "date")),
        ("２０２１-12-17", (InvalidArgument, "BAD_DATE", "date")),
        ("2021-12-18", (FailedPrecondition, "NOT_TRADING_DAY", "date")),
        ("2099-12-31", (FailedPrecondition, "FUTURE_DAY", "date")),
        ("2021-12-15", (FailedPrecondition, "DAY_ORDER", "date")),
        (DATE, (FailedPrecondition, "DAY_ORDER", "date")),
        ("2021-12-17", (FailedPrecondition, "PREVIOUS_DAY_UNRESOLVED", "date")),
    ] {
        let request = OpenDayRequest { date: date.to_owned(), ..Default::default() };
        let outcome = bench.registry.open_day(request).await;
        bench.refusals.row(&format!("open {date:?}"), outcome, expected).await;
    }
    for (window, reason) in [(-1, "NOT_POSITIVE"), (i64::MAX, "OUT_OF_RANGE")] {
        let request = OpenDayRequest {
            date: "2021-12-17".to_owned(),
            topup_window_ms: window,
            ..Default::default()
        };
        let outcome = bench.registry.open_day(request).await;
        let what = format!("top-up window of {window} ms");
        bench.refusals.row(&what, outcome, (InvalidArgument, reason, "topup_window_ms")).await;
    }
    let request = SetHolidaysRequest {
        dates: vec!["2022-01-03".into(), "soon".into()],
        ..Default::default()
    };
    let outcome = bench.registry.set_holidays(request).await;
    bench.refusals.row("a holiday soon", outcome, (InvalidArgument, "BAD_DATE", "dates[1]")).await;

    // Steps that the open day is not ready for.
    let registry = bench.registry.clone();
    let too_early = (FailedPrecondition, "DAY_STATE", "date");
    bench.refusals.row("clear an open day", registry.clear_day(day(DATE)).await, too_early).await;
    bench
        .refusals
        .row("finalize an open day", registry.finalize_day(day(DATE)).await, too_early)
        .await;
    bench
        .refusals
        .row("statements of an open day", registry.issue_statements(day(DATE)).await, too_early)
        .await;
    let outcome = bench.exchange.deliver_day(DATE, 0, |_| {}).await;
    bench.refusals.row("deliver an open day", outcome, too_early).await;
    let request = ConfirmClearingRequest {
        date: DATE.to_owned(),
        clearing_sha256: vec![1; 32].into(),
        ..Default::default()
    };
    let outcome = bench.exchange.confirm_clearing(request).await;
    bench.refusals.row("confirm an open day", outcome, too_early).await;
    let outcome = registry.clear_day(day("2021-12-17")).await;
    bench.refusals.row("clear an unknown day", outcome, (NotFound, "UNKNOWN_DAY", "date")).await;
    Ok(())
}

/// Closes the day with its true manifest; then nothing more comes in.
pub(super) async fn closed_day(bench: &mut Bench) -> anyhow::Result<()> {
    let stream = ExchangeDay::new(DATE, vec![trade(101), trade(102)])?;
    bench.exchange.submit_manifest(stream.manifest().clone()).await?;
    bench.refusals.accept_changes().await?;

    let closed = (FailedPrecondition, "DAY_CLOSED", "date");
    let outcome = bench.exchange.settle_trade(immediate("", trade(900))).await;
    bench.refusals.row("a trade on a closed day", outcome, closed).await;
    let options = registry_client::SubmitOptions { first_chunk: 2, ..Default::default() };
    let outcome = bench.exchange.submit_trades(DATE, [vec![trade(201)]], &options, |_| {}).await;
    let closed = (FailedPrecondition, "DAY_CLOSED", "chunk.date");
    bench.refusals.row("a chunk on a closed day", outcome, closed).await;
    let outcome = bench.exchange.submit_manifest(stream.manifest().clone()).await;
    let state = (FailedPrecondition, "DAY_STATE", "date");
    bench.refusals.row("a second manifest", outcome, state).await;
    let held = |trade_numbers| HeldTradesRequest {
        date: DATE.to_owned(),
        trade_numbers,
        ..Default::default()
    };
    let outcome = bench.registry.retry_held(held(vec![101])).await;
    bench.refusals.row("retry before delivery", outcome, state).await;
    let missing = (InvalidArgument, "FIELD_MISSING", "trade_numbers");
    let outcome = bench.registry.retry_held(held(vec![])).await;
    bench.refusals.row("retry nothing", outcome, missing).await;
    Ok(())
}
