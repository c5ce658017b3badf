//! The day's price line, from which the close and the next limits come.

use crate::types::{Fen, Price, Quantity, Trade, TradeKind};

/// Block trades begin here, in tonnes.
pub(crate) const BLOCK_FROM: Quantity = Quantity(100_000);

/// Open, high, low and sums of one instrument on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PriceLine {
    pub(crate) previous_close: Price,
    /// Of listed trades; `None` without one.
    pub(crate) range: Option<PriceRange>,
    pub(crate) listed_quantity: Quantity,
    pub(crate) listed_amount: Fen,
    pub(crate) block_quantity: Quantity,
    pub(crate) block_amount: Fen,
    /// Whether the manifest agreed with the stream.
    pub(crate) settled: bool,
}

/// Listed prices of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PriceRange {
    pub(crate) open: Price,
    pub(crate) high: Price,
    pub(crate) low: Price,
}

impl PriceLine {
    pub(crate) fn new(previous_close: Price) -> Self {
        Self {
            previous_close,
            range: None,
            listed_quantity: Quantity(0),
            listed_amount: Fen(0),
            block_quantity: Quantity(0),
            block_amount: Fen(0),
            settled: false,
        }
    }

    /// With one more trade, unless a sum overflows.
    pub(crate) fn with(mut self, trade: &Trade) -> Option<Self> {
        let amount = trade.amount()?;
        match trade.kind {
            TradeKind::Listed => {
                let price = trade.price;
                self.listed_quantity = self.listed_quantity.checked_add(trade.quantity)?;
                self.listed_amount = self.listed_amount.checked_add(amount)?;
                self.range = Some(match self.range {
                    None => PriceRange { open: price, high: price, low: price },
                    Some(range) => PriceRange {
                        open: range.open,
                        high: range.high.max(price),
                        low: range.low.min(price),
                    },
                });
            }
            TradeKind::Block => {
                self.block_quantity = self.block_quantity.checked_add(trade.quantity)?;
                self.block_amount = self.block_amount.checked_add(amount)?;
            }
        }
        Some(self)
    }

    /// Volume-weighted average of the listed trades, rounded half up to 0.01;
    /// without a listed trade the previous close.
    pub(crate) fn close(&self) -> Price {
        divide_half_up(i128::from(self.listed_amount.0), i128::from(self.listed_quantity.0))
            .map_or(self.previous_close, Price)
    }
}

/// Lowest and highest price of a kind of trade, rounded half up to the tick.
pub(crate) fn limits(kind: TradeKind, previous_close: Price) -> Option<(Price, Price)> {
    let percent: i128 = match kind {
        TradeKind::Listed => 10,
        TradeKind::Block => 30,
    };
    let at = |percent_of_close: i128| {
        let hundredfold = i128::from(previous_close.0).checked_mul(percent_of_close)?;
        divide_half_up(hundredfold, 100).map(Price)
    };
    Some((at(100_i128.checked_sub(percent)?)?, at(100_i128.checked_add(percent)?)?))
}

/// Rounds a quotient of non-negative numbers half up; `None` when it has no i64.
pub(crate) fn divide_half_up(dividend: i128, divisor: i128) -> Option<i64> {
    let doubled = dividend.checked_mul(2)?.checked_add(divisor)?;
    i64::try_from(doubled.checked_div(divisor.checked_mul(2)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_round_half_up_to_the_tick() {
        let rows = [
            (TradeKind::Block, 4_316, 3_021, 5_611), // -30 % of 43.16 is 30.212, +30 % 56.108
            (TradeKind::Listed, 4_316, 3_884, 4_748), // 38.844, 47.476
            (TradeKind::Listed, 4_305, 3_875, 4_736), // 38.745 and 47.355: halves go up
            (TradeKind::Listed, 4_306, 3_875, 4_737), // 38.754, 47.366
            (TradeKind::Block, 4_306, 3_014, 5_598),
            (TradeKind::Listed, 1, 1, 1),
        ];
        for (kind, close, low, high) in rows {
            assert_eq!(limits(kind, Price(close)), Some((Price(low), Price(high))), "{close}");
        }
        assert_eq!(limits(TradeKind::Block, Price(i64::MAX)), None);
    }

    #[test]
    fn close_is_the_listed_average_of_published_days() {
        let rows = [
            ("2021-07-21", 112_000, 609_283_000, 5_440),
            ("2021-08-16", 10, 51_000, 5_100),
            ("2021-09-30", 71_024, 299_765_576, 4_221),
            ("2021-11-19", 72_949, 314_009_690, 4_305),
            ("2021-12-14", 2_461_201, 10_567_017_980, 4_293),
            ("2021-12-16", 901_715, 3_987_400_960, 4_422),
        ];
        for (date, tonnes, fen, close) in rows {
            let mut line = PriceLine::new(Price(1));
            line.listed_quantity = Quantity(tonnes);
            line.listed_amount = Fen(fen);
            assert_eq!(line.close(), Price(close), "{date}");
        }
    }

    #[test]
    fn close_rounds_half_up_and_falls_back_to_the_previous_close() {
        let mut line = PriceLine::new(Price(4_306));
        assert_eq!(line.close(), Price(4_306));
        line.block_quantity = Quantity(100_000);
        line.block_amount = Fen(1);
        assert_eq!(line.close(), Price(4_306));
        (line.listed_quantity, line.listed_amount) = (Quantity(2), Fen(8_601));
        assert_eq!(line.close(), Price(4_301));
        (line.listed_quantity, line.listed_amount) = (Quantity(3), Fen(12_901));
        assert_eq!(line.close(), Price(4_300));
    }
}
