//! Quantities and prices of a day's block trades.

use super::figures::DayFigures;
use super::fill::{Bounds, Fill, fit, split};
use super::generate::GenerateError;
use super::money::yuan;
use super::random::Random;
use super::rules::BLOCK_MIN_TCO2E;

/// Mean size of a block trade, if the exact total allows.
const MEAN_TCO2E: i64 = 175_000;
const ROUND_TO_TCO2E: i64 = 1_000;
/// Block prices spread over this part of the average, within the limits.
const SPREAD_PERCENT: i64 = 5;
/// Random days tried, with fewer and fewer trades, before the searches.
const ATTEMPTS: usize = 24;
/// Pairs of prices that a search looks at before it gives up: a second or so,
/// and all there are up to a price of some 100 yuan.
const SEARCH_LIMIT: u64 = 20_000_000;

/// The block trades in no particular order, together worth the published
/// amount.
pub(super) fn block_fills(
    figures: &DayFigures,
    random: &mut Random,
) -> Result<Vec<Fill>, GenerateError> {
    let quantity = figures.block_quantity_tco2e;
    if quantity == 0 {
        return Ok(Vec::new());
    }
    let total = i128::from(figures.block_amount_fen);
    let (low, high) = figures.block_limits_fen();
    let bounds = Bounds { price_fen: low..=high, quantity_tco2e: BLOCK_MIN_TCO2E..=quantity };
    let most = quantity / BLOCK_MIN_TCO2E;
    let usual = (quantity / MEAN_TCO2E).clamp(1, most);
    for attempt in 0..ATTEMPTS as i64 {
        let count = (usual - usual * attempt / ATTEMPTS as i64).max(1);
        let mut fills = draw(figures, count as usize, &bounds, random);
        if fit(&mut fills, total, &bounds) {
            return Ok(fills);
        }
    }
    let target = Target { quantity, total, low, high };
    target.two_trades().or_else(|| target.three_trades()).ok_or_else(|| {
        GenerateError::BlockAmount {
            block_tco2e: quantity,
            block_yuan: yuan(total),
            low_yuan: yuan(low.into()),
            high_yuan: yuan(high.into()),
        }
    })
}

/// Sizes that add up, and prices about the average.
fn draw(figures: &DayFigures, count: usize, bounds: &Bounds, random: &mut Random) -> Vec<Fill> {
    let quantity = figures.block_quantity_tco2e;
    let average = figures.block_amount_fen / quantity;
    let (low, high) = (*bounds.price_fen.start(), *bounds.price_fen.end());
    // As far below the average as above it, or fitting would pile prices up
    // at a limit.
    let spread = (average * SPREAD_PERCENT / 100).min(average - low).min(high - average).max(0);
    split(quantity, count, bounds.quantity_tco2e.clone(), ROUND_TO_TCO2E, random)
        .into_iter()
        .map(|quantity| {
            Fill::new(
                quantity,
                average + (random.between(-spread, spread) + random.between(-spread, spread)) / 2,
            )
        })
        .collect()
}

/// What a few trades must add up to when random ones cannot.
struct Target {
    quantity: i64,
    total: i128,
    low: i64,
    high: i64,
}

impl Target {
    /// Looks through all pairs of prices for one trade each. Complete: below
    /// 300,000 t, where no third trade is possible, it decides whether the
    /// figures can be met.
    fn two_trades(&self) -> Option<Vec<Fill>> {
        let least = i128::from(BLOCK_MIN_TCO2E);
        let most = i128::from(self.quantity) - least;
        if most < least {
            return None;
        }
        let mut looked_at = 0;
        for (lower, above) in self.lower_prices() {
            // `above` = tonnes at the upper price x its distance from the lower.
            let nearest = ceil_div(above, most).max(1);
            let farthest = (above / least).min(i128::from(self.high - lower));
            for distance in nearest..=farthest {
                looked_at += 1;
                if looked_at > SEARCH_LIMIT {
                    return None;
                }
                if above % distance == 0 {
                    let upper = above / distance;
                    return fills([
                        (upper, i128::from(lower) + distance),
                        (most + least - upper, lower.into()),
                    ]);
                }
            }
        }
        None
    }

    /// Looks for one trade at some price and two at neighbouring prices above
    /// it, or two at neighbouring prices and one above them.
    fn three_trades(&self) -> Option<Vec<Fill>> {
        let least = i128::from(BLOCK_MIN_TCO2E);
        let quantity = i128::from(self.quantity);
        if quantity < 3 * least {
            return None;
        }
        let mut looked_at = 0;
        for (lower, above) in self.lower_prices() {
            let lower = i128::from(lower);
            for distance in 0..i128::from(self.high) - lower {
                looked_at += 1;
                if looked_at > SEARCH_LIMIT {
                    return None;
                }
                // `both` tonnes at lower + distance and one tick above it:
                // above = both x distance + tonnes one tick above.
                let from = ceil_div(above + least, distance + 1).max(2 * least);
                let to =
                    (above - least).checked_div(distance).unwrap_or(quantity).min(quantity - least);
                if from <= to {
                    let upper = above - from * distance;
                    return fills([
                        (quantity - from, lower),
                        (from - upper, lower + distance),
                        (upper, lower + distance + 1),
                    ]);
                }
                // `top` tonnes at lower + distance + 1, the others at lower
                // and one tick above it.
                let from = (above - quantity + least)
                    .checked_div(distance)
                    .map_or(least, |top| top.max(least));
                for top in from..=(from + 1).min(quantity - 2 * least) {
                    let middle = above - top * (distance + 1);
                    let bottom = quantity - top - middle;
                    if middle >= least && bottom >= least {
                        return fills([
                            (bottom, lower),
                            (middle, lower + 1),
                            (top, lower + distance + 1),
                        ]);
                    }
                }
            }
        }
        None
    }

    /// Prices up to the average, nearest first, each with what the total is
    /// worth above it.
    fn lower_prices(&self) -> impl Iterator<Item = (i64, i128)> {
        let average = i64::try_from(self.total / i128::from(self.quantity)).unwrap_or(self.high);
        (self.low..=average.min(self.high))
            .rev()
            .map(|lower| (lower, self.total - i128::from(self.quantity) * i128::from(lower)))
    }
}

fn fills<const COUNT: usize>(parts: [(i128, i128); COUNT]) -> Option<Vec<Fill>> {
    parts
        .into_iter()
        .map(|(quantity, price)| {
            Some(Fill::new(i64::try_from(quantity).ok()?, i64::try_from(price).ok()?))
        })
        .collect()
}

/// For a positive divisor.
fn ceil_div(dividend: i128, divisor: i128) -> i128 {
    -(-dividend).div_euclid(divisor)
}
