//! Quantities and prices of trades before they have parties and times, and
//! the arithmetic that makes them add up exactly.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::random::Random;

/// Tonnes at a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fill {
    pub(super) quantity_tco2e: i64,
    pub(super) price_fen: i64,
    /// The open, high or low of the day: its price must stay.
    pub(super) price_fixed: bool,
}

impl Fill {
    pub(super) fn new(quantity_tco2e: i64, price_fen: i64) -> Self {
        Self { quantity_tco2e, price_fen, price_fixed: false }
    }
}

/// What each fill of a kind must keep.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) price_fen: RangeInclusive<i64>,
    pub(super) quantity_tco2e: RangeInclusive<i64>,
}

/// Splits `total` into `count` random parts within `part`, most of them
/// multiples of `round_to`, small ones common and great ones rare.
///
/// The caller has seen to it that `count` parts within `part` can add up to
/// `total`; otherwise they add up to what they can.
pub(super) fn split(
    total: i64,
    count: usize,
    part: RangeInclusive<i64>,
    round_to: i64,
    random: &mut Random,
) -> Vec<i64> {
    let (least, most) = part.into_inner();
    let weights: Vec<i64> = (0..count)
        .map(|_| {
            (16 + random.between(0, 15)) << (random.below(5) + random.below(5) + random.below(3))
        })
        .collect();
    let all_weights: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    let to_share = i128::from(total) - i128::from(least) * count as i128;
    let mut left = total;
    let mut parts = Vec::with_capacity(count);
    for weight in weights {
        let share = to_share * i128::from(weight) / all_weights.max(1);
        let part = i64::try_from(i128::from(least) + share).unwrap_or(most).clamp(least, most);
        let rounded = part / round_to * round_to;
        let part = if rounded >= least { rounded } else { part };
        left -= part;
        parts.push(part);
    }
    give_out(left, &mut parts, most, random);
    parts
}

/// Adds what rounding and the upper bound have left over to the parts that
/// have room, from a random one on.
fn give_out(mut left: i64, parts: &mut [i64], most: i64, random: &mut Random) {
    let count = parts.len();
    let start = random.below(count);
    for step in 0..count {
        if left <= 0 {
            return;
        }
        let part = &mut parts[(start + step) % count];
        let added = (most - *part).min(left);
        *part += added;
        left -= added;
    }
}

/// Changes prices, then a few quantities, until the fills are worth exactly
/// `total_fen`, keeping the sum of tonnes, the bounds and the fixed prices.
/// False when it has not found a way; the fills are then of no use.
pub(super) fn fit(fills: &mut [Fill], total_fen: i128, bounds: &Bounds) -> bool {
    let Some(missing) = shift_all(fills, total_fen, bounds) else {
        return false;
    };
    let missing = raise_some(fills, missing, bounds);
    move_tonnes(fills, missing, bounds)
}

/// Moves all free prices by the same number of ticks, within the bounds, as
/// far up as the total allows. Gives what is then missing to the total.
fn shift_all(fills: &mut [Fill], total_fen: i128, bounds: &Bounds) -> Option<i128> {
    let (low, high) = (*bounds.price_fen.start(), *bounds.price_fen.end());
    let shifted = |fill: &Fill, ticks: i64| {
        if fill.price_fixed { fill.price_fen } else { (fill.price_fen + ticks).clamp(low, high) }
    };
    let worth = |ticks: i64| -> i128 {
        fills
            .iter()
            .map(|fill| i128::from(fill.quantity_tco2e) * i128::from(shifted(fill, ticks)))
            .sum()
    };
    let span = high - low;
    if worth(-span) > total_fen || worth(span) < total_fen {
        return None;
    }
    // Greatest shift that is not worth too much; worth() never falls.
    let (mut fits, mut too_much) = (-span, span + 1);
    while too_much - fits > 1 {
        let middle = fits + (too_much - fits) / 2;
        if worth(middle) <= total_fen {
            fits = middle;
        } else {
            too_much = middle;
        }
    }
    let missing = total_fen - worth(fits);
    for fill in fills.iter_mut() {
        fill.price_fen = shifted(fill, fits);
    }
    Some(missing)
}

/// Raises free fills by one tick, the greatest first, as long as it is not
/// too much. Gives what is still missing.
fn raise_some(fills: &mut [Fill], mut missing: i128, bounds: &Bounds) -> i128 {
    let mut order: Vec<usize> = (0..fills.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(fills[*index].quantity_tco2e));
    for index in order {
        let fill = &mut fills[index];
        let quantity = i128::from(fill.quantity_tco2e);
        if !fill.price_fixed && fill.price_fen < *bounds.price_fen.end() && quantity <= missing {
            fill.price_fen += 1;
            missing -= quantity;
        }
    }
    missing
}

/// Moves tonnes from fills to dearer ones until nothing is missing.
fn move_tonnes(fills: &mut [Fill], mut missing: i128, bounds: &Bounds) -> bool {
    // Each turn settles most of what is missing; a bound in case it does not.
    for _ in 0..128 {
        if missing == 0 {
            return true;
        }
        let Some((from, to, tonnes)) = best_move(fills, missing, bounds) else {
            return false;
        };
        let dearer = fills[to].price_fen - fills[from].price_fen;
        fills[from].quantity_tco2e -= tonnes;
        fills[to].quantity_tco2e += tonnes;
        missing -= i128::from(dearer) * i128::from(tonnes);
    }
    missing == 0
}

/// The move that settles most, among neighbouring prices and between the
/// lowest and the highest. At each price, tonnes leave the fill with the most
/// to spare and go to the one with the most room.
fn best_move(fills: &[Fill], missing: i128, bounds: &Bounds) -> Option<(usize, usize, i64)> {
    let mut levels: BTreeMap<i64, (usize, usize)> = BTreeMap::new();
    for (index, fill) in fills.iter().enumerate() {
        let (greatest, least) = levels.entry(fill.price_fen).or_insert((index, index));
        if fill.quantity_tco2e > fills[*greatest].quantity_tco2e {
            *greatest = index;
        }
        if fill.quantity_tco2e < fills[*least].quantity_tco2e {
            *least = index;
        }
    }
    let levels: Vec<(i64, (usize, usize))> = levels.into_iter().collect();
    let neighbours = levels.windows(2).map(|pair| (pair[0], pair[1]));
    let extremes = levels.first().copied().zip(levels.last().copied());
    neighbours
        .chain(extremes)
        .filter_map(|((low, (from, _)), (high, (_, to)))| {
            let dearer = high - low;
            let wanted = missing.checked_div(dearer.into())?;
            let spare = fills[from].quantity_tco2e - bounds.quantity_tco2e.start();
            let room = bounds.quantity_tco2e.end() - fills[to].quantity_tco2e;
            let tonnes = i64::try_from(wanted).unwrap_or(i64::MAX).min(spare).min(room);
            (tonnes > 0).then_some((from, to, tonnes, i128::from(tonnes) * i128::from(dearer)))
        })
        .max_by_key(|(_, _, _, settled)| *settled)
        .map(|(from, to, tonnes, _)| (from, to, tonnes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_keep_their_bounds() {
        let mut random = Random::new(1, "split");
        let cases = [
            (901_715, 1_800, 1..=99_999, 10),
            (10, 10, 1..=99_999, 10),
            (99_999 * 3, 3, 1..=99_999, 10),
            (99_999 * 3 - 1, 3, 1..=99_999, 10),
            (19_579_226, 110, 100_000..=19_579_226, 1_000),
            (100_000, 1, 100_000..=100_000, 1_000),
            (0, 0, 1..=99_999, 10),
        ];
        for (total, count, part, round_to) in cases {
            let parts = split(total, count, part.clone(), round_to, &mut random);
            assert_eq!(parts.len(), count);
            assert_eq!(parts.iter().sum::<i64>(), total);
            assert!(parts.iter().all(|tonnes| part.contains(tonnes)), "{parts:?}");
        }
    }

    #[test]
    fn fitting_keeps_tonnes_bounds_and_fixed_prices() {
        let bounds = Bounds { price_fen: 4300..=4350, quantity_tco2e: 1..=99_999 };
        let mut fills: Vec<Fill> =
            (0..50).map(|index| Fill::new(100 + index, 4305 + index % 7)).collect();
        fills[3] = Fill { price_fixed: true, ..Fill::new(1, 4350) };
        let tonnes: i64 = fills.iter().map(|fill| fill.quantity_tco2e).sum();
        let total = i128::from(tonnes) * 4321 + 17;
        assert!(fit(&mut fills, total, &bounds));
        let amount: i64 = fills.iter().map(|fill| fill.quantity_tco2e * fill.price_fen).sum();
        assert_eq!(i128::from(amount), total);
        assert_eq!(fills.iter().map(|fill| fill.quantity_tco2e).sum::<i64>(), tonnes);
        assert_eq!(fills[3].price_fen, 4350);
        assert!(fills.iter().all(|fill| bounds.price_fen.contains(&fill.price_fen)));
    }

    #[test]
    fn a_total_out_of_reach_is_refused() {
        let bounds = Bounds { price_fen: 4300..=4350, quantity_tco2e: 1..=99_999 };
        for total in [4299 * 100, 4351 * 100, 4320 * 100 + 1] {
            assert!(!fit(&mut [Fill::new(100, 4310)], total, &bounds));
        }
    }
}
