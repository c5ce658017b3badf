//! Daily candles: what an instrument did on each settled day.

use std::ops::Bound;

use crate::ledger::Ledger;
use crate::settlement::price::divide_half_up;
use crate::types::{Date, Fen, InstrumentCode, Price, Quantity};
use crate::views::DailyPrice;

/// One settled day of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// Open, high, low and close of the listed trades.
    pub price: DailyPrice,
    /// Tonnes of all trades.
    pub volume: Quantity,
    /// Fen of all trades.
    pub amount: Fen,
    /// Average price of all trades, rounded half up to 0.01; `None` without one.
    pub vwap: Option<Price>,
}

impl Ledger {
    /// Candles of settled days in order of date, both ends included.
    #[must_use]
    pub fn candles(
        &self,
        instrument: InstrumentCode,
        from: Option<Date>,
        to: Option<Date>,
        limit: usize,
    ) -> Vec<Candle> {
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Vec::new();
        }
        let from = from.map_or(Bound::Unbounded, Bound::Included);
        let to = to.map_or(Bound::Unbounded, Bound::Included);
        let lines = self.days.range((from, to));
        let prices = lines.filter_map(|(date, _)| self.daily_price(instrument, *date));
        prices.filter(|price| price.settled).map(candle).take(limit).collect()
    }
}

fn candle(price: DailyPrice) -> Candle {
    // At most the day's sums, which were checked.
    let volume = price.listed_quantity.0.saturating_add(price.block_quantity.0);
    let amount = price.listed_amount.0.saturating_add(price.block_amount.0);
    let vwap = if volume > 0 { divide_half_up(amount.into(), volume.into()) } else { None };
    Candle { price, volume: Quantity(volume), amount: Fen(amount), vwap: vwap.map(Price) }
}
