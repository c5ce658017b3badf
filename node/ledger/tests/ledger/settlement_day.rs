//! The settlement day from open to final, with disputes and suspension.

use registry_ledger::{
    Command, DayState, DaySummary, Fen, LedgerTime, Price, Quantity, Receipt, StatusFilter, Trade,
    TradeKind, TradeStatus,
};

use crate::world::{
    ABC, BUYER, HOUR_MS, ICBC, POOR, SELLER, World, amend, cea, confirm, date, object, open_day,
    resolve, settle, submit, today, trade,
};

fn day(world: &World) -> DaySummary {
    world.ledger.day(today()).unwrap()
}

#[test]
fn a_day_runs_from_open_to_final_and_releases_purchases_next_day() {
    let block = Trade { kind: TradeKind::Block, quantity: Quantity(200_000), ..trade(3) };
    let mut world = World::open();
    world.ok(submit(1, &[trade(1), trade(2)]));
    world.ok(settle(Trade { number: registry_ledger::TradeNumber(9), ..trade(9) }));
    world.ok(submit(2, &[block]));
    world.advance(DayState::Final);

    let summary = day(&world);
    assert_eq!((summary.trade_count, summary.delivered_count), (4, 4));
    assert_eq!((summary.held_count, summary.failed_count, summary.chunk_count), (0, 0, 2));
    assert_eq!(summary.quantity, Quantity(200_300));
    assert_eq!(summary.amount, Fen(200_300 * 4_306));

    let seller = world.ledger.account(SELLER).unwrap();
    assert_eq!(seller.cash[0].1.available, Fen(200_300 * 4_306));
    assert_eq!(seller.cash[0].0, ABC);
    let buyer = world.ledger.account(BUYER).unwrap();
    assert_eq!(buyer.holdings[0].1.pending_in, Quantity(200_300));
    let [icbc, abc] = &world.ledger.banks()[..] else { panic!("two banks") };
    assert_eq!((icbc.id, abc.id), (ICBC, ABC));
    assert_eq!(icbc.interbank, Fen(-200_300 * 4_306));
    assert_eq!(abc.interbank, Fen(200_300 * 4_306));

    let statement = world.ledger.statement(today(), BUYER).unwrap();
    assert_eq!(statement.lines.len(), 4);
    assert_eq!((statement.bought, statement.sold), (Fen(200_300 * 4_306), Fen(0)));

    world.now = LedgerTime(world.now.0 + 24 * HOUR_MS);
    world.ok(open_day(date("2021-12-17")));
    let holding = world.ledger.account(BUYER).unwrap().holdings[0].1;
    assert_eq!((holding.pending_in, holding.trading), (Quantity(0), Quantity(200_300)));
    world.state_digest();
    world.ledger.check_invariants().unwrap();
}

#[test]
fn a_day_without_trades_can_become_final() {
    let mut world = World::open();
    world.advance(DayState::Final);
    assert_eq!(day(&world).trade_count, 0);
    let price = world.ledger.daily_price(cea(), today()).unwrap();
    assert_eq!((price.open, price.close, price.settled), (None, Price(4_306), true));
    assert_eq!(world.ledger.clearing(today()).unwrap().banks, []);
}

#[test]
fn a_repeated_chunk_gets_its_receipt_and_is_taken_once() {
    let mut world = World::open();
    let first = world.ok(submit(1, &[trade(1), trade(2)]));
    world.ok(submit(2, &[trade(3)]));
    let digest = world.state_digest();
    assert_eq!(world.ok(submit(1, &[trade(1), trade(2)])), first);
    assert_eq!(first, Receipt::Chunk { number: 1, trades_accepted: 2 });
    assert_eq!(world.state_digest(), digest);
}

#[test]
fn a_disputed_day_is_amended_cleared_again_and_confirmed() {
    let mut world = World::open();
    world.ok(submit(1, &[trade(1), trade(2), Trade { price: Price(4_400), ..trade(3) }]));
    world.advance(DayState::Cleared);
    let old_hash = day(&world).clearing_sha256;
    world.ok(confirm([0; 32]));
    let disputed = day(&world);
    assert_eq!((disputed.state, &*disputed.dispute_reason), (DayState::Disputed, "HASH_MISMATCH"));
    assert!(!world.ledger.daily_price(cea(), today()).unwrap().settled);

    world.ok(amend(1, None));
    world.ok(amend(3, Some(Trade { price: Price(4_500), quantity: Quantity(300), ..trade(3) })));
    world.state_digest();
    world.ledger.check_invariants().unwrap();
    world.advance(DayState::Cleared);
    assert_ne!(day(&world).clearing_sha256, old_hash);
    world.advance(DayState::Delivered);

    let summary = day(&world);
    assert_eq!((summary.trade_count, summary.quantity), (2, Quantity(400)));
    assert_eq!(summary.amount, Fen(100 * 4_306 + 300 * 4_500));
    assert_eq!(summary.dispute_reason, "");
    let voided = world.ledger.trades_after(today(), Some(StatusFilter::Voided), 0, 10).unwrap();
    assert_eq!(voided.len(), 1);
    assert_eq!(voided[0].trade, trade(1));
    let price = world.ledger.daily_price(cea(), today()).unwrap();
    assert_eq!((price.open, price.high), (Some(Price(4_306)), Some(Price(4_500))));
    // (430,600 + 1,350,000) / 400 = 4,451.5
    assert_eq!((price.close, price.settled), (Price(4_452), true));
    assert_eq!(world.ledger.instruments()[0].last_close, Price(4_452));
    assert_eq!(world.ledger.statement(today(), BUYER).unwrap().lines.len(), 2);
}

#[test]
fn a_suspended_day_goes_on_where_it_was() {
    let mut world = World::with_trades(&[trade(1)], DayState::Cleared);
    let state = |receipt| match receipt {
        Receipt::Day(day) => (day.state, day.suspended_from),
        other => panic!("{other:?}"),
    };
    let suspended = world.ok(Command::SuspendDay(today()));
    assert_eq!(state(suspended), (DayState::Suspended, Some(DayState::Cleared)));
    let resumed = world.ok(Command::ResumeDay(today()));
    assert_eq!(state(resumed), (DayState::Cleared, None));
    world.state_digest();
}

#[test]
fn an_objection_holds_the_day_until_it_is_answered() {
    let mut world = World::with_trades(&[trade(1)], DayState::Delivered);
    world.ok(Command::IssueStatements(today()));
    let digest = world.state_digest();
    world.ok(Command::IssueStatements(today()));
    assert_eq!(world.state_digest(), digest, "issuing again changes nothing");
    world.ok(object(BUYER));
    world.ok(object(SELLER));
    assert_eq!(day(&world).open_objections, 2);
    world.ok(resolve(BUYER));
    world.ok(object(BUYER));
    world.ok(resolve(BUYER));
    world.ok(resolve(SELLER));
    world.ok(Command::FinalizeDay(today()));
    assert_eq!(day(&world).state, DayState::Final);
}

#[test]
fn queries_page_and_filter() {
    let poor_sells = Trade { seller: POOR, ..trade(3) };
    let trades = [trade(1), trade(2), poor_sells, trade(4)];
    let world = World::with_trades(&trades, DayState::Delivered);
    let sequences = |status, after, limit| -> Vec<u64> {
        let page = world.ledger.trades_after(today(), status, after, limit).unwrap();
        page.iter().map(|record| record.sequence).collect()
    };
    assert_eq!(sequences(None, 0, 2), [1, 2]);
    assert_eq!(sequences(None, 2, 9), [3, 4]);
    assert_eq!(sequences(None, u64::MAX, 9), []);
    assert_eq!(sequences(Some(StatusFilter::Held), 0, 9), [3]);
    assert_eq!(sequences(Some(StatusFilter::Delivered), 1, 9), [2, 4]);
    assert!(world.ledger.trades_after(date("2021-12-15"), None, 0, 1).is_none());
    let record = world.ledger.trade(today(), poor_sells.number).unwrap();
    assert!(matches!(record.status, TradeStatus::Held(_)));
    assert_eq!(world.ledger.accounts_after(0, 2).len(), 2);
    assert_eq!(world.ledger.accounts_after(2, 9).len(), 1);
    assert_eq!(world.ledger.accounts_after(u32::MAX, 9), []);
    assert_eq!(world.ledger.daily_prices(cea(), None, None, 9).len(), 1);
    assert_eq!(world.ledger.daily_prices(cea(), Some(date("2021-12-17")), None, 9), []);
    let (late, early) = (date("2021-12-17"), date("2021-12-01"));
    assert_eq!(world.ledger.daily_prices(cea(), Some(late), Some(early), 9), []);
}
