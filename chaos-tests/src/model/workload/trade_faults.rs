//! One fault in one trade.

use registry_ledger::{
    AccountId, BankId, InstrumentCode, LedgerTime, Price, Quantity, Trade, TradeKind, TradeNumber,
};

use super::Workload;
use crate::model::Model;
use crate::model::calendar::{DAY_MS, beijing_midnight_ms};
use crate::model::day::Day;

/// Amount of a giant trade: two do not fit into 64 bits, one and a market's day do.
const GIANT_FEN: i64 = i64::MAX - 10_000_000_000_000_000;

impl Workload {
    /// Breaks a valid trade. `earlier` are the trades before it in its chunk.
    pub(super) fn break_trade(
        &mut self,
        model: &Model,
        day: &Day,
        earlier: &[Trade],
        trade: Trade,
    ) -> Option<Trade> {
        let (low, high) = model.price_limits(day, &trade);
        let mut known: Vec<Trade> = day.deals.iter().map(|deal| deal.trade).collect();
        if self.rng.chance(50) && !earlier.is_empty() {
            known = earlier.to_vec();
        }
        let midnight = beijing_midnight_ms(day.date);
        let no_account = AccountId(*self.rng.pick(&[0, model.last_account().0 + 1, u32::MAX])?);
        let no_bank = BankId(*self.rng.pick(&[0, 99, 999, u16::MAX])?);
        let not_positive = *self.rng.pick(&[0, -1, i64::MIN])?;
        Some(match self.rng.below(17) {
            0 => Trade { number: TradeNumber(0), ..trade },
            1 => *self.rng.pick(&known)?,
            2 => {
                let same = *self.rng.pick(&known)?;
                Trade { traded_at: LedgerTime(same.traded_at.0 ^ 1), ..same }
            }
            3 => Trade { number: self.rng.pick(&known)?.number, ..trade },
            4 => {
                let unknown = InstrumentCode::parse("CEA-2099")?;
                let late = model.instruments.keys().find(|code| !day.instruments.contains(code));
                Trade { instrument: late.copied().unwrap_or(unknown), ..trade }
            }
            5 => Trade { buyer: no_account, ..trade },
            6 => Trade { seller: no_account, ..trade },
            7 => Trade { buyer_bank: no_bank, ..trade },
            8 => Trade { seller_bank: no_bank, ..trade },
            9 => Trade { buyer: trade.seller, ..trade },
            10 => Trade { quantity: Quantity(not_positive), ..trade },
            11 => Trade { price: Price(not_positive), ..trade },
            12 => match trade.kind {
                TradeKind::Listed => Trade { quantity: Quantity(100_000), ..trade },
                TradeKind::Block => Trade { quantity: Quantity(99_999), ..trade },
            },
            13 => Trade { price: Price(high + 1), ..trade },
            14 => Trade { price: Price(low - 1), ..trade },
            15 => {
                let other_day =
                    *self.rng.pick(&[midnight - 1, midnight + DAY_MS, i64::MAX, i64::MIN])?;
                Trade { traded_at: LedgerTime(other_day), ..trade }
            }
            _ => {
                let fen = if self.rng.chance(30) { GIANT_FEN / trade.price.0 } else { i64::MAX };
                Trade { kind: TradeKind::Block, quantity: Quantity(fen), ..trade }
            }
        })
    }
}
