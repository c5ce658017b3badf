//! Delivery versus payment: both legs or neither, never twice, resumable.

use registry_ledger::{
    AccountId, Command, DayState, Fen, HeldReason, Quantity, Receipt, Trade, TradeKind,
    TradeNumber, TradeResult, TradeStatus,
};

use crate::opening::{books, load};
use crate::world::{
    ABC, BUYER, ICBC, MONEY, POOR, SELLER, WINDOW_MS, World, cea, deliver, fail, is_of_market,
    issue, open_day, retry, settle, to_trading, today, trade,
};

fn results(receipt: Receipt) -> Vec<TradeResult> {
    match receipt {
        Receipt::Delivered { results, .. } | Receipt::Trades(results) => results,
        other => panic!("{other:?}"),
    }
}

fn statuses(receipt: Receipt) -> Vec<TradeStatus> {
    results(receipt).iter().map(|result| result.status).collect()
}

#[test]
fn short_seller_leaves_buyer_cash_untouched() {
    let world = World::with_trades(&[Trade { seller: POOR, ..trade(1) }], DayState::Delivered);
    assert_eq!(world.ledger.account(BUYER).unwrap().cash[0].1.available, MONEY);
    assert_eq!(world.ledger.account(POOR).unwrap().cash, []);
    let record = world.ledger.trade(today(), TradeNumber(1)).unwrap();
    assert_eq!(record.status, TradeStatus::Held(HeldReason::GoodsShort));
}

#[test]
fn short_buyer_leaves_seller_goods_untouched() {
    // The buyer has money, but not at this bank.
    let world = World::with_trades(&[Trade { buyer_bank: ABC, ..trade(1) }], DayState::Delivered);
    let record = world.ledger.trade(today(), TradeNumber(1)).unwrap();
    assert_eq!(record.status, TradeStatus::Held(HeldReason::CashShort));
    let holding = world.ledger.account(SELLER).unwrap().holdings[0].1;
    assert_eq!(holding.trading, crate::world::GOODS);
}

#[test]
fn sale_cash_pays_for_a_purchase_of_the_same_day_but_bought_goods_wait() {
    let mut world = World::open();
    world.ok(issue(POOR, Quantity(100)));
    world.ok(to_trading(POOR, Quantity(100)));
    let sale = Trade { seller: POOR, seller_bank: ABC, ..trade(1) };
    let purchase = Trade { buyer: POOR, buyer_bank: ABC, seller_bank: ABC, ..trade(2) };
    let resale = Trade { seller: POOR, ..trade(3) };
    world.stream(&[sale, purchase, resale]);
    world.advance(DayState::Confirmed);
    let expected =
        [TradeStatus::Delivered, TradeStatus::Delivered, TradeStatus::Held(HeldReason::GoodsShort)];
    assert_eq!(statuses(world.ok(deliver(1, 10))), expected);
}

#[test]
fn delivery_resumes_in_steps_and_repeats_stored_results() {
    let trades: Vec<_> = (1..=250).map(trade).collect();
    let mut world = World::with_trades(&trades, DayState::Confirmed);
    let first = world.ok(deliver(1, 100));
    let digest = world.state_digest();
    assert_eq!(world.ok(deliver(1, 100)), first, "nothing is delivered twice");
    assert_eq!(world.state_digest(), digest);
    // Overlapping: 50 stored results, then 50 new ones.
    let overlapping = results(world.ok(deliver(51, 100)));
    assert_eq!(overlapping.len(), 100);
    assert_eq!(overlapping[0].number, TradeNumber(51));
    assert_eq!(world.ledger.day(today()).unwrap().delivered_count, 150);
    assert_eq!(world.ledger.day(today()).unwrap().state, DayState::Confirmed);

    assert_eq!(results(world.ok(deliver(151, 8_192))).len(), 100);
    let day = world.ledger.day(today()).unwrap();
    assert_eq!((day.state, day.delivered_count), (DayState::Delivered, 250));
    let deadline = world.ledger.ledger_time().0 + WINDOW_MS;
    assert_eq!(day.topup_deadline.map(|time| time.0), Some(deadline));
    assert_eq!(results(world.ok(deliver(1, 8_192))).len(), 250);
    assert_eq!(results(world.ok(deliver(251, 10))), []);
    let sold = world.ledger.account(SELLER).unwrap().cash[0].1.available;
    assert_eq!(sold, Fen(250 * 100 * 4_306));
}

#[test]
fn immediate_trades_are_reported_and_not_delivered_again() {
    let mut world = World::open();
    world.stream(&[trade(1)]);
    world.ok(settle(trade(2)));
    world.stream(&[trade(3)]);
    world.advance(DayState::Confirmed);
    let delivered = results(world.ok(deliver(1, 10)));
    assert_eq!(delivered.len(), 3);
    assert!(delivered.iter().all(|result| result.status == TradeStatus::Delivered));
    let sold = world.ledger.account(SELLER).unwrap().cash[0].1.available;
    assert_eq!(sold, Fen(3 * 100 * 4_306));
}

#[test]
fn held_trades_deliver_after_a_top_up_or_fail_after_the_deadline() {
    let by_poor = |number| Trade { seller: POOR, ..trade(number) };
    let mut world = World::with_trades(&[by_poor(1), by_poor(2), trade(3)], DayState::Delivered);
    world.ok(issue(POOR, Quantity(150)));
    world.ok(to_trading(POOR, Quantity(150)));
    let held = TradeStatus::Held(HeldReason::GoodsShort);
    assert_eq!(statuses(world.ok(retry(&[1, 2]))), [TradeStatus::Delivered, held]);
    world.state_digest();
    world.ledger.check_invariants().unwrap();

    world.now.0 += WINDOW_MS + 1;
    let failed = TradeStatus::Failed(HeldReason::GoodsShort);
    assert_eq!(statuses(world.ok(fail(&[2]))), [failed]);
    let day = world.ledger.day(today()).unwrap();
    assert_eq!((day.delivered_count, day.held_count, day.failed_count), (2, 0, 1));
    world.advance(DayState::Final);
}

#[test]
fn money_of_the_whole_market_may_gather_in_one_place() {
    let mut world = World::open();
    let rest = Fen(i64::MAX - MONEY.0);
    world.ok(Command::Deposit { account: BUYER, bank: ABC, amount: rest });
    let price = registry_ledger::Price(4_306);
    let quantity = Quantity(4_900_000);
    let block = Trade { kind: TradeKind::Block, quantity, price, seller_bank: ICBC, ..trade(1) };
    world.ok(settle(Trade { buyer_bank: ABC, ..block }));
    let refused = world.refused(Command::Deposit { account: POOR, bank: ICBC, amount: Fen(1) });
    assert_eq!(refused.reason, registry_ledger::Reason::OutOfRange);
    assert_eq!(world.ledger.instruments()[0].code, cea());
}

#[test]
fn thousands_of_accounts_in_one_step_are_in_digest_and_changes_as_in_many() {
    const ACCOUNTS: u32 = 6_000;
    let account = |number: u32| AccountId(4 + number % ACCOUNTS);
    // Everybody sells once and buys once, so that all are touched twice, far apart.
    let trades: Vec<_> = (0..ACCOUNTS)
        .map(|number| Trade {
            seller: account(number),
            buyer: account(number * 7 + 3_001),
            ..trade(u64::from(number) + 1)
        })
        .collect();
    let mut confirmed = World::market();
    confirmed.ok(load((4..4 + ACCOUNTS).map(books).collect()));
    confirmed.ok(open_day(today()));
    confirmed.stream(&trades);
    confirmed.advance(DayState::Confirmed);

    let delivered = |step: u32| {
        let mut world = confirmed.clone();
        world.ledger.take_changes();
        for first in (0..ACCOUNTS).step_by(step as usize) {
            world.ok(deliver(u64::from(first) + 1, step));
        }
        assert_eq!(world.ledger.day(today()).unwrap().delivered_count, u64::from(ACCOUNTS));
        world.state_digest();
        let changes = world.ledger.take_changes();
        let market = changes.iter().filter(|(key, _)| is_of_market(key));
        market.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect::<Vec<_>>()
    };
    let changes = delivered(ACCOUNTS);
    assert_eq!(changes.iter().filter(|(key, _)| key[0] == 7).count(), ACCOUNTS as usize);
    assert!(changes.is_sorted_by(|(a, _), (b, _)| a < b), "each record once, in order");
    assert!(changes == delivered(10), "steps differ");
}
