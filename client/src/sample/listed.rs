//! Quantities and prices of a day's listed trades.

use super::figures::{DayFigures, SessionPrices};
use super::fill::{Bounds, Fill, fit, split};
use super::generate::{GenerateError, MAX_LISTED_TRADES};
use super::money::yuan;
use super::random::Random;
use super::rules::LISTED_MAX_TCO2E;

/// Mean size of a listed trade unless the caller asks for a number of trades.
const MEAN_TCO2E: i64 = 500;
const ROUND_TO_TCO2E: i64 = 10;
/// Random days tried before the plain one.
const ATTEMPTS: usize = 8;

/// The listed trades in the order of the day: the first at the open, at least
/// one at the high and one at the low, together worth the published amount.
pub(super) fn listed_fills(
    figures: &DayFigures,
    wanted: Option<u64>,
    random: &mut Random,
) -> Result<Vec<Fill>, GenerateError> {
    let Some(session) = figures.session else {
        return match wanted {
            None | Some(0) => Ok(Vec::new()),
            Some(requested) => Err(GenerateError::TooManyTrades { requested, at_most: 0 }),
        };
    };
    let plain = PlainDay::new(figures, session)?;
    let count = trade_count(figures.listed_quantity_tco2e, wanted, &plain)?;
    let bounds = Bounds {
        price_fen: session.low_fen..=session.high_fen,
        quantity_tco2e: 1..=LISTED_MAX_TCO2E,
    };
    for _ in 0..ATTEMPTS {
        let mut fills = draw(figures, session, &plain.marks, count, random);
        if fit(&mut fills, figures.listed_amount_fen.into(), &bounds) {
            return Ok(fills);
        }
    }
    Ok(plain.fills(count, random))
}

fn trade_count(
    quantity_tco2e: i64,
    wanted: Option<u64>,
    plain: &PlainDay,
) -> Result<usize, GenerateError> {
    let at_least = plain.least_count();
    let at_most = (quantity_tco2e.unsigned_abs()).min(MAX_LISTED_TRADES);
    let requested = wanted.unwrap_or_else(|| {
        let usual = two_significant_digits((quantity_tco2e / MEAN_TCO2E).unsigned_abs());
        usual.clamp(at_least, at_most.max(at_least))
    });
    if requested < at_least {
        return Err(GenerateError::TooFewTrades { requested, at_least });
    }
    if requested > at_most {
        return Err(GenerateError::TooManyTrades { requested, at_most });
    }
    Ok(usize::try_from(requested).unwrap_or(usize::MAX))
}

/// 1803 as 1800: nobody knows the number of trades, so it is a round one.
fn two_significant_digits(number: u64) -> u64 {
    let unit = 10_u64.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(1));
    number / unit * unit
}

/// A random day with the right tonnes, open, high and low; its amount is
/// still to be fitted.
fn draw(
    figures: &DayFigures,
    session: SessionPrices,
    marks: &[i64],
    count: usize,
    random: &mut Random,
) -> Vec<Fill> {
    let mut quantities =
        split(figures.listed_quantity_tco2e, count, 1..=LISTED_MAX_TCO2E, ROUND_TO_TCO2E, random);
    random.shuffle(&mut quantities);
    let places = distinct_places(count, marks.len(), random);
    let marked: Vec<(usize, i64)> = places.into_iter().zip(marks.iter().copied()).collect();
    let prices = walk(count, session, figures.close_fen, &marked, random);
    let mut fills: Vec<Fill> = quantities
        .into_iter()
        .zip(prices)
        .map(|(quantity, price)| Fill::new(quantity, price))
        .collect();
    for (place, price_fen) in &marked {
        // A great trade at the day's extreme could pull the average too far.
        let smallest =
            (0..8).map(|_| random.below(count)).min_by_key(|index| fills[*index].quantity_tco2e);
        let swapped = smallest.unwrap_or(*place);
        let quantity = fills[swapped].quantity_tco2e;
        if !fills[swapped].price_fixed && quantity < fills[*place].quantity_tco2e {
            fills[swapped].quantity_tco2e = fills[*place].quantity_tco2e;
            fills[*place].quantity_tco2e = quantity;
        }
        fills[*place].price_fen = *price_fen;
        fills[*place].price_fixed = true;
    }
    fills
}

/// Place 0 and `wanted - 1` others (two at most), all different.
fn distinct_places(count: usize, wanted: usize, random: &mut Random) -> Vec<usize> {
    let mut places = vec![0];
    if wanted > 1 && count > 1 {
        places.push(1 + random.below(count - 1));
    }
    if wanted > 2 && count > 2 {
        let second = places[1] - 1;
        places.push(1 + (second + 1 + random.below(count - 2)) % (count - 1));
    }
    places
}

/// Prices that set out from the open, make for the close in the first fifth
/// of the day and waver about it, with an excursion to each marked price.
fn walk(
    count: usize,
    session: SessionPrices,
    close_fen: i64,
    marked: &[(usize, i64)],
    random: &mut Random,
) -> Vec<i64> {
    let SessionPrices { open_fen, high_fen, low_fen } = session;
    let ramp = (count / 5).max(1);
    let half_width = (count / 16).max(1) as i64;
    let step = ((high_fen - low_fen) / 24).max(1);
    let mut noise = 0;
    (0..count)
        .map(|index| {
            let base = open_fen + (close_fen - open_fen) * index.min(ramp) as i64 / ramp as i64;
            let excursion: i64 = marked
                .iter()
                .map(|(place, price)| {
                    let nearness = (half_width - place.abs_diff(index) as i64).max(0);
                    (price - base) * nearness / half_width
                })
                .sum();
            noise = noise * 7 / 8 + random.between(-step, step);
            (base + excursion + noise).clamp(low_fen, high_fen)
        })
        .collect()
}

/// The plainest day there is: one tonne at each of open, high and low, and
/// the rest at two neighbouring prices. It exists whenever any day does, so it
/// decides whether the figures can be met, and is the day when no random one
/// fits.
struct PlainDay {
    /// Open, then high and low where they differ from it.
    marks: Vec<i64>,
    lower_price_fen: i64,
    at_lower_tco2e: i64,
    at_upper_tco2e: i64,
}

impl PlainDay {
    fn new(figures: &DayFigures, session: SessionPrices) -> Result<Self, GenerateError> {
        let mut marks = vec![session.open_fen];
        for price in [session.high_fen, session.low_fen] {
            if !marks.contains(&price) {
                marks.push(price);
            }
        }
        let rest = figures.listed_quantity_tco2e - marks.len() as i64;
        if rest < 0 {
            return Err(GenerateError::TooFewTonnes {
                listed_tco2e: figures.listed_quantity_tco2e,
                prices: marks.len(),
            });
        }
        let marked_fen: i128 = marks.iter().map(|price| i128::from(*price)).sum();
        let least = marked_fen + i128::from(rest) * i128::from(session.low_fen);
        let most = marked_fen + i128::from(rest) * i128::from(session.high_fen);
        let amount = i128::from(figures.listed_amount_fen);
        if !(least..=most).contains(&amount) {
            return Err(GenerateError::ListedAmount {
                listed_yuan: yuan(amount),
                least_yuan: yuan(least),
                most_yuan: yuan(most),
            });
        }
        let amount_of_rest = amount - marked_fen;
        let lower = amount_of_rest.checked_div_euclid(rest.into()).unwrap_or(0);
        let at_upper = amount_of_rest - lower * i128::from(rest);
        // Both lie within the figures' own ranges.
        let at_upper_tco2e = i64::try_from(at_upper).unwrap_or(0);
        Ok(Self {
            marks,
            lower_price_fen: i64::try_from(lower).unwrap_or(session.low_fen),
            at_lower_tco2e: rest - at_upper_tco2e,
            at_upper_tco2e,
        })
    }

    /// Fewest trades this day can be cut into.
    fn least_count(&self) -> u64 {
        if self.marks.len() == 1 {
            let all = self.at_lower_tco2e + self.at_upper_tco2e + 1;
            return least_parts(all) as u64;
        }
        self.marks.len() as u64
            + (least_parts(self.at_lower_tco2e) + least_parts(self.at_upper_tco2e)) as u64
    }

    fn fills(&self, count: usize, random: &mut Random) -> Vec<Fill> {
        let (lower, upper) = (self.lower_price_fen, self.lower_price_fen + 1);
        let all = self.at_lower_tco2e + self.at_upper_tco2e;
        if self.marks.len() == 1 {
            let parts = split(all + 1, count, 1..=LISTED_MAX_TCO2E, ROUND_TO_TCO2E, random);
            return parts.into_iter().map(|quantity| Fill::new(quantity, self.marks[0])).collect();
        }
        let rest = (count - self.marks.len()) as i64;
        // In proportion to the tonnes, within what each side can be cut into.
        let proportional =
            i128::from(rest) * i128::from(self.at_upper_tco2e) / i128::from(all.max(1));
        let upper_count = i64::try_from(proportional)
            .unwrap_or(rest)
            .max(least_parts(self.at_upper_tco2e))
            .max(rest - self.at_lower_tco2e)
            .min(self.at_upper_tco2e)
            .min(rest - least_parts(self.at_lower_tco2e));
        let mut fills = Vec::with_capacity(count);
        for (tonnes, parts, price) in [
            (self.at_lower_tco2e, rest - upper_count, lower),
            (self.at_upper_tco2e, upper_count, upper),
        ] {
            let parts =
                split(tonnes, parts.max(0) as usize, 1..=LISTED_MAX_TCO2E, ROUND_TO_TCO2E, random);
            fills.extend(parts.into_iter().map(|quantity| Fill::new(quantity, price)));
        }
        fills.extend(self.marks[1..].iter().map(|price| Fill::new(1, *price)));
        random.shuffle(&mut fills);
        fills.insert(0, Fill::new(1, self.marks[0]));
        fills
    }
}

fn least_parts(tonnes: i64) -> i64 {
    (tonnes + LISTED_MAX_TCO2E - 1) / LISTED_MAX_TCO2E
}
