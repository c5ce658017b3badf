//! Trades that the exchange could report.

use registry_ledger::{BankId, LedgerTime, Price, Quantity, Trade, TradeKind, TradeNumber};

use super::Workload;
use crate::model::Model;
use crate::model::calendar::{DAY_MS, beijing_midnight_ms};
use crate::model::day::{Day, amount};
use crate::model::positions::Position;

impl Workload {
    /// A valid trade of the day; most can deliver.
    pub(super) fn trade(&mut self, model: &Model, day: &Day) -> Option<Trade> {
        let instruments: Vec<_> = day.instruments.iter().copied().collect();
        let instrument = *self.rng.pick(&instruments)?;
        let block = self.rng.chance(8);
        let least = if block { 100_000 } else { 1 };
        let trading = |account| model.positions.goods(account, instrument, Position::Trading);
        let mut seller = self.some_account(model)?;
        for _ in 0..8 {
            if trading(seller) >= least {
                break;
            }
            seller = self.some_account(model)?;
        }
        let owned = i64::try_from(trading(seller)).ok()?;
        let quantity = self.quantity(block, owned);
        let mut trade = Trade {
            number: self.new_trade_number(),
            kind: if block { TradeKind::Block } else { TradeKind::Listed },
            instrument,
            buyer: seller,
            seller,
            buyer_bank: BankId(0),
            seller_bank: self.some_bank(model)?,
            quantity: Quantity(quantity),
            price: Price(1),
            traded_at: self.trade_time(day),
        };
        let (low, high) = model.price_limits(day, &trade);
        trade.price = Price(match self.rng.below(12) {
            0 => low,
            1 => high,
            _ => self.rng.between(low, high),
        });
        for _ in 0..8 {
            trade.buyer = self.some_account(model)?;
            trade.buyer_bank = self.some_bank(model)?;
            let affordable = model.positions.cash(trade.buyer, trade.buyer_bank) >= amount(&trade);
            if trade.buyer != trade.seller && affordable {
                break;
            }
        }
        while trade.buyer == trade.seller {
            trade.buyer = self.some_account(model)?;
        }
        Some(trade)
    }

    fn quantity(&mut self, block: bool, owned: i64) -> i64 {
        match (block, self.rng.below(10)) {
            (true, 0) => 100_000,
            (true, _) => self.rng.between(100_000, owned.clamp(100_000, 500_000)),
            (false, 0) => self.rng.between(1, 99_999),
            (false, 1) => owned.clamp(1, 99_999),
            (false, _) => self.rng.between(1, (owned / 3).clamp(1, 99_999)),
        }
    }

    pub(super) fn new_trade_number(&mut self) -> TradeNumber {
        if self.rng.chance(2) {
            return TradeNumber(self.rng.bits() | 1 << 63);
        }
        self.trade_number += 1 + self.rng.below(3);
        TradeNumber(self.trade_number)
    }

    /// Mostly in trading hours; any moment of the Beijing day is allowed.
    fn trade_time(&mut self, day: &Day) -> LedgerTime {
        let midnight = beijing_midnight_ms(day.date);
        LedgerTime(
            midnight
                + match self.rng.below(20) {
                    0 => 0,
                    1 => DAY_MS - 1,
                    _ => self.rng.between(34_200_000, 54_000_000),
                },
        )
    }

    pub(super) fn chunk_trades(&mut self, model: &Model, day: &Day) -> Vec<Trade> {
        let count = match self.rng.below(40) {
            0 => 120,
            1..10 => 1,
            _ => self.rng.between(2, 14),
        };
        (0..count).filter_map(|_| self.trade(model, day)).collect()
    }
}
