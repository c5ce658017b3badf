//! Funded firms against a small model of the day's delivery.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;

use super::generate_tests::shipped_days;
use super::*;

/// Delivery versus payment in order: sale cash is there at once, bought
/// tonnes are not.
struct Model {
    tonnes: Vec<i64>,
    bought: Vec<i64>,
    fen: Vec<i64>,
}

impl Model {
    fn new(population: &Population) -> Self {
        let firms = population.firms();
        Self {
            tonnes: firms.iter().map(|firm| firm.holding_tco2e).collect(),
            bought: vec![0; firms.len()],
            fen: firms.iter().map(|firm| firm.cash_fen).collect(),
        }
    }

    fn delivers(&mut self, trade: &SampleTrade) -> bool {
        let (buyer, seller) = (trade.buyer_account as usize - 1, trade.seller_account as usize - 1);
        let amount_fen = trade.quantity_tco2e * trade.price_fen;
        if self.tonnes[seller] < trade.quantity_tco2e || self.fen[buyer] < amount_fen {
            return false;
        }
        self.tonnes[seller] -= trade.quantity_tco2e;
        self.bought[buyer] += trade.quantity_tco2e;
        self.fen[buyer] -= amount_fen;
        self.fen[seller] += amount_fen;
        true
    }

    fn top_up(&mut self, top_up: &TopUp) {
        match top_up {
            TopUp::Goods { account_id, quantity_tco2e, .. } => {
                assert!(*quantity_tco2e > 0);
                self.tonnes[*account_id as usize - 1] += quantity_tco2e;
            }
            TopUp::Cash { account_id, amount_fen, .. } => {
                assert!(*amount_fen > 0);
                self.fen[*account_id as usize - 1] += amount_fen;
            }
        }
    }
}

/// Settles the day and gives the top-ups; panics unless exactly the held
/// trades are held, for the planned reason, each until its own top-up.
fn settle(mut population: Population, trades: &[SampleTrade], plan: HeldPlan) -> Vec<TopUp> {
    let top_ups = fund(&mut population, trades, plan).unwrap();
    let mut model = Model::new(&population);
    let held: Vec<&SampleTrade> = trades.iter().filter(|trade| !model.delivers(trade)).collect();
    let numbers =
        |trades: &[&SampleTrade]| trades.iter().map(|trade| trade.trade_number).collect::<Vec<_>>();
    assert_eq!(numbers(&held), top_ups.iter().map(TopUp::trade_number).collect::<Vec<_>>());
    // The worst order for trades that counted on each other: last first.
    for (trade, top_up) in held.iter().zip(&top_ups).rev() {
        let seller_has = model.tonnes[trade.seller_account as usize - 1] >= trade.quantity_tco2e;
        let buyer_has =
            model.fen[trade.buyer_account as usize - 1] >= trade.quantity_tco2e * trade.price_fen;
        assert_eq!(
            (seller_has, buyer_has),
            match top_up {
                TopUp::Goods { .. } => (false, true),
                TopUp::Cash { .. } => (true, false),
            }
        );
        assert!(!model.delivers(trade));
        model.top_up(top_up);
        assert!(model.delivers(trade), "{trade:?} {top_up:?}");
    }
    top_ups
}

fn counts(top_ups: &[TopUp]) -> (usize, usize) {
    let goods = top_ups.iter().filter(|top_up| matches!(top_up, TopUp::Goods { .. })).count();
    (goods, top_ups.len() - goods)
}

#[test]
fn all_shipped_days_deliver_but_for_the_held_trades() {
    let firms = Population::generate(DEFAULT_FIRM_COUNT, 1);
    for figures in shipped_days() {
        for seed in 0..5 {
            let trades = generate_day(&figures, &firms, seed, &DayOptions::default()).unwrap();
            let top_ups = settle(firms.clone(), &trades, HeldPlan::default());
            let planned = if trades.len() < 6 { trades.len().min(2) } else { 3 };
            assert!(top_ups.len() >= planned, "{}: {top_ups:?}", figures.date);
        }
    }
}

#[test]
fn the_record_day_holds_two_short_sellers_and_one_short_buyer() {
    let firms = Population::generate(DEFAULT_FIRM_COUNT, 1);
    let trades = generate_day(&shipped_days()[5], &firms, 1, &DayOptions::default()).unwrap();
    assert_eq!(counts(&settle(firms.clone(), &trades, HeldPlan::default())), (2, 1));
    let nobody = HeldPlan { goods_short: 0, cash_short: 0 };
    assert_eq!(settle(firms.clone(), &trades, nobody), []);
    let many = HeldPlan { goods_short: 20, cash_short: 20 };
    assert_eq!(counts(&settle(firms, &trades, many)), (20, 20));
}

#[test]
fn trades_that_do_not_fit_the_population_change_nothing() {
    let firms = Population::generate(10, 1);
    let good = generate_day(&shipped_days()[1], &firms, 1, &DayOptions::default()).unwrap();
    let refused = |change: fn(&mut SampleTrade)| {
        let mut population = firms.clone();
        let mut trades = good.clone();
        change(trades.last_mut().unwrap());
        let error = fund(&mut population, &trades, HeldPlan::default()).unwrap_err();
        assert_eq!(population, firms);
        error
    };
    assert!(matches!(
        refused(|trade| trade.buyer_account = 11),
        FundError::UnknownAccount { account_id: 11, .. }
    ));
    assert!(matches!(
        refused(|trade| trade.seller_account = 0),
        FundError::UnknownAccount { account_id: 0, .. }
    ));
    assert!(matches!(
        refused(|trade| trade.buyer_bank = 999),
        FundError::WrongBank { bank_id: 999, .. }
    ));
    assert!(matches!(
        refused(|trade| trade.seller_account = trade.buyer_account),
        FundError::SelfTrade(_)
    ));
    assert!(matches!(refused(|trade| trade.price_fen = i64::MAX), FundError::Overflow(_)));
}

#[test]
fn needs_that_cannot_be_counted_are_refused() {
    let mut population = Population::generate(10, 1);
    let day = generate_day(&shipped_days()[1], &population, 1, &DayOptions::default()).unwrap();
    let mut trade = day[0].clone();
    trade.price_fen = i64::MAX / trade.quantity_tco2e;
    let nobody = HeldPlan { goods_short: 0, cash_short: 0 };
    assert_eq!(fund(&mut population, &[trade.clone()], nobody), Ok(Vec::new()));
    let overflow = fund(&mut population, &[trade.clone(), trade.clone()], nobody);
    assert_eq!(overflow, Err(FundError::Overflow(trade.buyer_account)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Few firms, so that all trade many times and with each other.
    #[test]
    fn any_day_among_few_firms_delivers_but_for_the_held_trades(
        firm_count in 2..30_usize, seed: u64, day in 0..6_usize, trades in 10..400_u64,
        goods_short in 0..5_usize, cash_short in 0..5_usize,
    ) {
        let figures = shipped_days().remove(day);
        let firms = Population::generate(firm_count, seed);
        let listed_trades = (trades.min(figures.listed_quantity_tco2e.unsigned_abs())).max(30);
        let options = DayOptions {
            listed_trades: (day != 1).then_some(listed_trades),
            ..DayOptions::default()
        };
        let trades = generate_day(&figures, &firms, seed, &options).unwrap();
        let (goods, cash) = counts(&settle(firms, &trades, HeldPlan { goods_short, cash_short }));
        prop_assert!(goods <= goods_short && cash <= cash_short);
    }
}
