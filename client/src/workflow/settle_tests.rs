//! A day's job does nothing to a day that is not its plan's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use registry_proto::registry::{Day, DayReply, DayState, Trade, TradeKind};
use tonic::Code;

use super::compare::PlanBooks;
use super::{DayPlan, SettleReport, WorkflowError, settle_day};
use crate::amount::format_fen;
use crate::fake_node::{FakeNode, Script, status};
use crate::{Connector, ExchangeClient, RegistryClient};

const DATE: &str = "2021-12-16";
/// 2021-12-16 09:30 in Beijing.
const MORNING_MS: i64 = 1_639_618_200_000;

fn trade(trade_number: u64) -> Trade {
    Trade {
        trade_number,
        kind: TradeKind::Listed.into(),
        instrument: "CEA-2020".to_owned(),
        buyer_account: 1,
        seller_account: 2,
        buyer_bank: 102,
        seller_bank: 308,
        quantity_tco2e: 100,
        price_yuan: "43.65".to_owned(),
        traded_at_ms: MORNING_MS,
    }
}

fn plan(trades: u64) -> DayPlan {
    let mut plan = DayPlan::new(DATE, (1..=trades).map(trade).collect(), "t");
    plan.chunk_trades = 10;
    plan
}

/// The day that settles this plan, with nothing held and statements out.
fn day_of(plan: &DayPlan, state: DayState) -> Day {
    let books = PlanBooks::of(plan).expect("well-formed");
    Day {
        date: DATE.to_owned(),
        state: state.into(),
        trade_count: books.totals.trade_count,
        quantity_tco2e: books.totals.quantity_tco2e,
        amount_yuan: format_fen(books.totals.amount_fen),
        clearing_sha256: books.clearing_sha256.to_vec().into(),
        chunk_count: u32::try_from(plan.trades.len().div_ceil(plan.chunk_trades)).expect("few"),
        statements_issued: true,
        ..Default::default()
    }
}

/// Settles against a node whose day reads as `days`, one by one, then as the
/// last; also what was asked besides reads, and how often the day was read.
async fn settle(
    plan: &DayPlan,
    days: Vec<Day>,
) -> (Result<SettleReport, WorkflowError>, Vec<String>, usize) {
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    let node = FakeNode::start(Script {
        get_day: Box::new(move |_| {
            let turn = counted.fetch_add(1, Ordering::Relaxed).min(days.len() - 1);
            Ok(DayReply { stamp: None, day: Some(days[turn].clone()) })
        }),
        submit_chunk: Box::new(|_| Err(status(Code::AlreadyExists, "CHUNK_CONFLICT", &[]))),
        ..Default::default()
    })
    .await;
    let connector =
        Connector::plaintext(std::slice::from_ref(&node.address), Duration::from_secs(20));
    let (registry, exchange) =
        (RegistryClient::new(connector.clone()), ExchangeClient::new(connector));
    let outcome = settle_day(&registry, &exchange, plan, |_| {}).await;
    (outcome, node.asked(), reads.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_final_day_with_the_plans_trades_is_reported() {
    let plan = plan(40);
    let (outcome, asked, _) = settle(&plan, vec![day_of(&plan, DayState::Final)]).await;
    assert_eq!(outcome.expect("settled").day.state(), DayState::Final);
    assert!(asked.is_empty(), "{asked:?}");
}

#[tokio::test]
async fn a_day_with_other_trades_is_left_alone_in_every_state() {
    let plan = plan(41);
    let fewer = self::plan(40);
    let mut same_sums = plan.clone();
    same_sums.trades[0].buyer_account = 3;
    for state in [DayState::Confirmed, DayState::Delivered, DayState::Final] {
        for other in [&fewer, &same_sums] {
            let (outcome, asked, _) = settle(&plan, vec![day_of(other, state)]).await;
            assert!(
                matches!(outcome, Err(WorkflowError::OtherTrades { .. })),
                "{state:?}: {outcome:?}"
            );
            assert!(asked.is_empty(), "{state:?}: {asked:?}");
        }
    }
}

#[tokio::test]
async fn a_closed_day_with_other_sums_is_not_cleared() {
    let (outcome, asked, _) = settle(&plan(41), vec![day_of(&plan(40), DayState::Closed)]).await;
    let error = outcome.expect_err("other trades").to_string();
    assert!(error.contains("it has 40 trades, 4000 t, 174600.00 yuan, the plan 41"), "{error}");
    assert!(asked.is_empty(), "{asked:?}");
}

#[tokio::test]
async fn a_cleared_day_that_differs_is_to_be_disputed() {
    let (outcome, asked, _) = settle(&plan(41), vec![day_of(&plan(40), DayState::Cleared)]).await;
    assert!(matches!(outcome, Err(WorkflowError::ClearingDiffers { .. })), "{outcome:?}");
    assert!(asked.is_empty(), "{asked:?}");
}

#[tokio::test]
async fn a_day_that_changed_meanwhile_is_not_finalised() {
    let plan = plan(41);
    let days =
        vec![day_of(&plan, DayState::Delivered), day_of(&self::plan(40), DayState::Delivered)];
    let (outcome, asked, _) = settle(&plan, days).await;
    assert!(matches!(outcome, Err(WorkflowError::OtherTrades { .. })), "{outcome:?}");
    assert!(asked.is_empty(), "{asked:?}");
}

#[tokio::test]
async fn a_trade_of_another_date_stops_the_job_before_the_first_call() {
    const HOUR_MS: i64 = 3_600_000;
    // Midnight in Beijing is 16:00 UTC; 09:30 is nine and a half hours later.
    let midnight_ms = MORNING_MS - 9 * HOUR_MS - HOUR_MS / 2;
    for (traded_at_ms, on_the_day) in [
        (midnight_ms - 1, false),
        (midnight_ms, true),
        (midnight_ms + 24 * HOUR_MS - 1, true),
        (midnight_ms + 24 * HOUR_MS, false),
        (i64::MAX, false),
    ] {
        let mut plan = plan(3);
        plan.trades[1].traded_at_ms = traded_at_ms;
        assert_eq!(PlanBooks::of(&plan).is_ok(), on_the_day, "{traded_at_ms}");
        if on_the_day {
            continue;
        }
        let (outcome, asked, reads) =
            settle(&plan, vec![day_of(&self::plan(3), DayState::Final)]).await;
        assert!(
            matches!(&outcome, Err(WorkflowError::Plan(why)) if why.starts_with("trade 2 ")),
            "{outcome:?}"
        );
        assert_eq!((asked.len(), reads), (0, 0));
    }
}

#[tokio::test]
async fn an_open_days_chunks_are_compared_before_new_ones_follow() {
    let plan = plan(41);
    let begun =
        Day { clearing_sha256: Default::default(), ..day_of(&self::plan(20), DayState::Open) };
    // Same sums, so that only sending the chunks again tells the difference.
    let (outcome, asked, _) = settle(&plan, vec![begun.clone()]).await;
    assert!(matches!(outcome, Err(WorkflowError::Call { .. })), "{outcome:?}");
    assert_eq!(asked, ["t:chunk:2021-12-16:1"]);

    let more_trades = Day { trade_count: 21, ..begun.clone() };
    let more_chunks = Day { chunk_count: 6, ..begun };
    for day in [more_trades, more_chunks] {
        let (outcome, asked, _) = settle(&plan, vec![day]).await;
        assert!(matches!(outcome, Err(WorkflowError::OtherTrades { .. })), "{outcome:?}");
        assert!(asked.is_empty(), "{asked:?}");
    }
}
