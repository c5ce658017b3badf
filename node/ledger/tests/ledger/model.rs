//! Delivery against a naive model: maps, one trade at a time, no records.

use std::collections::BTreeMap;

use proptest::prelude::*;
use registry_ledger::{
    AccountId, BankId, Command, DayState, Fen, HeldReason, Quantity, Trade, TradeKind, TradeStatus,
};

use crate::world::{ABC, ICBC, World, cea, issue, to_trading, today, trade};

#[derive(Debug, Default)]
struct Model {
    trading: BTreeMap<u32, i64>,
    bought: BTreeMap<u32, i64>,
    cash: BTreeMap<(u32, u16), i64>,
}

impl Model {
    fn deliver(&mut self, trade: &Trade) -> TradeStatus {
        let fen = trade.quantity.0 * trade.price.0;
        let goods = self.trading.entry(trade.seller.0).or_default();
        let money = self.cash.entry((trade.buyer.0, trade.buyer_bank.0)).or_default();
        if *goods < trade.quantity.0 {
            return TradeStatus::Held(HeldReason::GoodsShort);
        }
        if *money < fen {
            return TradeStatus::Held(HeldReason::CashShort);
        }
        *goods -= trade.quantity.0;
        *money -= fen;
        *self.bought.entry(trade.buyer.0).or_default() += trade.quantity.0;
        *self.cash.entry((trade.seller.0, trade.seller_bank.0)).or_default() += fen;
        TradeStatus::Delivered
    }
}

fn any_trade() -> impl Strategy<Value = (u32, u32, bool, bool, i64, i64)> {
    let sides = (1_u32..=5, 1_u32..=5).prop_filter("no self-trade", |(a, b)| a != b);
    (sides, any::<bool>(), any::<bool>(), 1_i64..2_000, 3_875_i64..=4_737)
        .prop_map(|((a, b), x, y, tonnes, price)| (a, b, x, y, tonnes, price))
}

fn bank(first: bool) -> BankId {
    if first { ICBC } else { ABC }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn delivery_agrees_with_a_naive_model(
        goods in prop::collection::vec(0_i64..5_000, 5),
        money in prop::collection::vec((0_i64..20_000_000, any::<bool>()), 5),
        trades in prop::collection::vec(any_trade(), 0..200),
        step in 1_u32..60,
    ) {
        let mut world = World::market();
        let mut model = Model::default();
        for number in 1..=5_u32 {
            if number > 3 {
                world.ok(crate::world::open_account(number));
            }
            let account = AccountId(number);
            let (tonnes, (fen, first)) = (goods[number as usize - 1], money[number as usize - 1]);
            if tonnes > 0 {
                world.ok(issue(account, Quantity(tonnes)));
                world.ok(to_trading(account, Quantity(tonnes)));
            }
            if fen > 0 {
                world.ok(Command::Deposit { account, bank: bank(first), amount: Fen(fen) });
            }
        }
        for view in world.ledger.accounts_after(0, 10) {
            for (_, holding) in view.holdings {
                model.trading.insert(view.id.0, holding.trading.0);
            }
            for (bank, balance) in view.cash {
                model.cash.insert((view.id.0, bank.0), balance.available.0);
            }
        }
        world.ok(crate::world::open_day(today()));
        let trades: Vec<_> = (1..).zip(&trades).map(|(number, &(buyer, seller, x, y, tonnes, price))| Trade {
            kind: TradeKind::Listed,
            buyer: AccountId(buyer),
            seller: AccountId(seller),
            buyer_bank: bank(x),
            seller_bank: bank(y),
            quantity: Quantity(tonnes),
            price: registry_ledger::Price(price),
            ..trade(number)
        }).collect();
        world.stream(&trades);
        world.advance(DayState::Confirmed);
        let mut next = 1;
        while world.ledger.day(today()).unwrap().state == DayState::Confirmed {
            world.ok(crate::world::deliver(next, step));
            next = (next + u64::from(step)).min(trades.len() as u64 + 1);
        }

        for trade in &trades {
            let expected = model.deliver(trade);
            prop_assert_eq!(world.ledger.trade(today(), trade.number).unwrap().status, expected);
        }
        for view in world.ledger.accounts_after(0, 10) {
            let holding = view.holdings.iter().find(|(code, _)| *code == cea()).map(|(_, h)| *h).unwrap_or_default();
            let of = |map: &BTreeMap<u32, i64>| map.get(&view.id.0).copied().unwrap_or_default();
            prop_assert_eq!(holding.trading.0, of(&model.trading));
            prop_assert_eq!(holding.pending_in.0, of(&model.bought));
            for (bank, balance) in view.cash {
                prop_assert_eq!(Some(&balance.available.0), model.cash.get(&(view.id.0, bank.0)));
            }
        }
        world.state_digest();
        prop_assert!(world.ledger.check_invariants().is_ok());
    }
}
