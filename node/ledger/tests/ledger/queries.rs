//! Overviews, holders, totals and candles. What was is compared with the naive
//! model in `chaos-tests/tests/history.rs`.

#![allow(clippy::disallowed_types, reason = "a measurement takes time")]

use std::time::{Duration, Instant};

use registry_ledger::journal::GoodsPot;
use registry_ledger::{
    AccountId, BankId, Command, DayState, Fen, Ledger, LedgerTime, PaymentInstructions, Price,
    Quantity, Trade, TradeKind, calendar,
};

use crate::cash::{cover, fund, withdraw};
use crate::opening::{books, holding, load};
use crate::world::{
    ABC, BUYER, GOODS, ICBC, POOR, SELLER, World, cea, date, deliver, object, open_day, retry,
    settle, submit, to_trading, today, trade,
};

#[test]
fn an_overview_names_everything_that_waits_for_the_account() {
    let poor = |number| Trade { buyer: POOR, ..trade(number) };
    let mut world = World::with_trades(&[poor(1), trade(2), poor(3)], DayState::Delivered);
    world.ok(Command::Deposit { account: POOR, bank: ABC, amount: Fen(500) });
    world.ok(withdraw(POOR, ABC, Fen(200)));
    let overview = |world: &World, account| world.ledger.overview(account).unwrap();
    let found = overview(&world, POOR);
    assert_eq!(Some(&found.account), world.ledger.account(POOR).as_ref());
    let held: Vec<_> = found.held_trades.iter().map(|(_, of)| of.trade.number.0).collect();
    assert_eq!((held, found.held_count), (vec![1, 3], 2));
    assert_eq!((found.withdrawals.len(), found.claims.len()), (1, 0));
    // The seller waits, too; a third party does not.
    assert_eq!(overview(&world, SELLER).held_count, 2);
    assert_eq!(overview(&world, BUYER).held_count, 0);
    assert_eq!(world.ledger.overview(AccountId(99)), None);

    world.ok(fund(ICBC, Fen(1_000_000)));
    world.ok(cover(1));
    let found = overview(&world, POOR);
    assert_eq!((found.held_count, found.claims), (1, vec![(ICBC, Fen(430_600))]));
    world.ok(Command::Deposit { account: POOR, bank: ICBC, amount: Fen(430_600) });
    world.ok(retry(&[3]));
    world.ok(Command::IssueStatements(today()));
    world.ok(object(POOR));
    let found = overview(&world, POOR);
    assert_eq!(found.objections, [(today(), "price\ndiffers".to_owned())]);
    // 200 t at the day's close, which is the price of its trades.
    let value = found.values[0];
    assert_eq!((value.value_fen, value.close_date), (200 * 4_306, Some(today())));
    world.ok(crate::world::resolve(POOR));
    world.ok(Command::FinalizeDay(today()));
    let found = overview(&world, POOR);
    assert_eq!((found.objections.len(), found.held_count), (0, 0));
}

#[test]
fn claims_and_payments_are_the_same_in_parts() {
    let poor = |number, buyer_bank| Trade { buyer: POOR, buyer_bank, ..trade(number) };
    let trades = [poor(1, ICBC), trade(2), poor(3, ABC), trade(4)];
    let mut world = World::with_trades(&trades, DayState::Delivered);
    let before = world.ledger.payment_day(today(), ICBC).unwrap();
    for (bank, number) in [(ICBC, 1), (ABC, 3)] {
        world.ok(fund(bank, Fen(1_000_000)));
        world.ok(cover(number));
    }
    let claims = |account, bank| {
        let found = world.ledger.claims_after(account, bank);
        found.map(|(account, bank, _)| (account, bank)).collect::<Vec<_>>()
    };
    assert_eq!(claims(AccountId(0), BankId(0)), [(POOR, ICBC), (POOR, ABC)]);
    assert_eq!(claims(POOR, ICBC), [(POOR, ABC)]);
    assert_eq!(claims(POOR, ABC), []);

    let day = world.ledger.payment_day(today(), ICBC).unwrap();
    assert_ne!(day, before, "a held trade that settles changes the payments");
    let whole = world.ledger.payment_instructions(today(), ICBC).unwrap();
    for part in 1..5 {
        let parts = (0..day.trades).step_by(part);
        let sides = parts.flat_map(|after| world.ledger.payment_sides(day, after, part as u64));
        assert_eq!(PaymentInstructions::of(day, sides.collect()), whole, "{part} at a time");
    }
    assert_eq!(whole.interbank, Fen(-3 * 430_600));
}

#[test]
fn values_do_not_overflow() {
    let mut world = World::market();
    let left = Quantity(i64::MAX - GOODS.0);
    world.ok(crate::world::issue(SELLER, left));
    let found = world.ledger.overview(SELLER).unwrap();
    assert_eq!(found.values[0].value_fen, i128::from(i64::MAX) * 4_306);
}

/// A final day with so many trades between seller and buyer, and the next one open.
fn behind(trades: u64) -> Ledger {
    let mut world = World::open();
    let one = |number| Trade { quantity: Quantity(1), ..trade(number) };
    for (chunk, first) in (1..).zip((1..=trades).step_by(8_192)) {
        let chunk_trades: Vec<_> = (first..=trades.min(first + 8_191)).map(one).collect();
        world.ok(submit(chunk, &chunk_trades));
    }
    world.advance(DayState::Confirmed);
    for first in (1..=trades).step_by(4_096) {
        world.ok(deliver(first, 4_096));
    }
    world.advance(DayState::Final);
    let next = date("2021-12-17");
    world.now = LedgerTime(calendar::beijing_midnight(next).0);
    world.ok(open_day(next));
    world.ledger
}

/// The shortest of many looks.
fn shortest_look(ledger: &Ledger) -> Duration {
    let look = |_| {
        let begun = Instant::now();
        std::hint::black_box(ledger.overview(BUYER)).unwrap();
        begun.elapsed()
    };
    (0..2_000).map(look).min().unwrap()
}

#[test]
fn an_overview_costs_the_same_with_a_long_history_behind_it() {
    let (short, long) = (shortest_look(&behind(10)), shortest_look(&behind(100_000)));
    // Ten thousand times the trades; a walk over them would take half a millisecond.
    assert!(long < short * 5 + Duration::from_micros(20), "{short:?} became {long:?}");
}

#[test]
fn holders_come_in_pages_that_look_at_few_accounts() {
    let mut world = World::market();
    let books = |number| {
        let books = books(number);
        let holdings = if number % 4 == 0 { vec![holding(0, 7)] } else { Vec::new() };
        registry_ledger::OpeningBooks { holdings, ..books }
    };
    world.ok(load((10..110).map(books).collect()));
    let (mut found, mut after, mut pages) = (Vec::new(), 0, 0);
    loop {
        let page = world.ledger.holders_after(cea(), after, 5, 16).unwrap();
        assert!(page.holders.len() <= 5);
        assert_eq!(page.held, Quantity(GOODS.0 + 25 * 7));
        found.extend(page.holders);
        pages += 1;
        let Some(next) = page.next_after else { break };
        assert!(next > after);
        after = next;
    }
    let all = world.ledger.accounts_after(0, usize::MAX);
    let holds = all.iter().filter(|account| !account.holdings.is_empty());
    assert!(holds.map(|account| account.id).eq(found.iter().map(|(account, _)| *account)));
    assert_eq!((found.len(), pages), (26, 7));
    let beyond = world.ledger.holders_after(cea(), u32::MAX, 5, 16).unwrap();
    assert_eq!((beyond.holders.len(), beyond.next_after), (0, None));
    let unknown = registry_ledger::InstrumentCode::parse("CCER").unwrap();
    assert_eq!(world.ledger.holders_after(unknown, 0, 5, 16), None);
}

#[test]
fn totals_by_position_are_those_of_all_accounts() {
    let mut world = World::with_trades(&[trade(1)], DayState::Delivered);
    world.ok(Command::MoveHolding {
        account: SELLER,
        instrument: cea(),
        from: registry_ledger::FreePosition::Trading,
        quantity: Quantity(30),
    });
    let check = |ledger: &Ledger| {
        let [totals] = &ledger.instrument_totals()[..] else { panic!("one instrument") };
        let positions = totals.positions;
        assert_eq!((positions.pending_in, positions.registered), (Quantity(100), Quantity(30)));
        assert_eq!(positions.trading, Quantity(GOODS.0 - 130));
        assert_eq!((totals.issued, positions.total()), (GOODS, Some(GOODS)));
        assert_eq!(totals.pots, [(GoodsPot::Issued, Quantity(-GOODS.0))]);
    };
    check(&world.ledger);
    check(&Ledger::load(world.ledger.records()).unwrap());
    world.ok(to_trading(SELLER, Quantity(30)));
    world.ledger.check_invariants().unwrap();
}

#[test]
fn candles_are_of_settled_days_and_average_all_trades() {
    let block = Trade {
        kind: TradeKind::Block,
        quantity: Quantity(100_000),
        price: Price(3_500),
        ..trade(2)
    };
    let mut world = World::open();
    world.ok(settle(Trade { price: Price(4_300), ..trade(1) }));
    world.ok(settle(block));
    let candles = |world: &World, from, to| world.ledger.candles(cea(), from, to, 10);
    assert_eq!(candles(&world, None, None), [], "the day is open");
    world.advance(DayState::Closed);
    let [candle] = candles(&world, None, None)[..] else { panic!("one day") };
    assert_eq!((candle.price.open, candle.price.close), (Some(Price(4_300)), Price(4_300)));
    assert_eq!(candle.volume, Quantity(100_100));
    assert_eq!(candle.amount, Fen(350_430_000));
    // 350,430,000 / 100,100 = 3500.799…, rounded half up.
    assert_eq!(candle.vwap, Some(Price(3_501)));
    let before = Some(date("2021-12-15"));
    assert_eq!(candles(&world, None, before), []);
    assert_eq!(candles(&world, Some(today()), before), []);
    assert_eq!(candles(&world, Some(today()), Some(today())).len(), 1);
    world.advance(DayState::Disputed);
    assert_eq!(candles(&world, None, None), [], "a dispute opens the day again");
}
