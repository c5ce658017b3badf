//! The market's rules that daily figures can be held against.

use time::Weekday;

use super::figures::{DayFigures, SessionPrices};
use super::money::yuan;

/// A block trade has at least this many tonnes, a listed trade fewer.
pub(super) const BLOCK_MIN_TCO2E: i64 = 100_000;
/// A listed trade has at most this many tonnes.
pub(super) const LISTED_MAX_TCO2E: i64 = BLOCK_MIN_TCO2E - 1;
pub(super) const LISTED_LIMIT_PERCENT: i64 = 10;
pub(super) const BLOCK_LIMIT_PERCENT: i64 = 30;

/// Lowest and highest price within `percent` of the previous close, each
/// rounded half up to the tick of one fen.
pub(super) fn limits_fen(previous_close_fen: i64, percent: i64) -> (i64, i64) {
    let rounded =
        |percent: i64| (i128::from(previous_close_fen) * i128::from(percent) + 50).div_euclid(100);
    (clamped(rounded(100 - percent)), clamped(rounded(100 + percent)))
}

/// Amount over quantity, rounded half up to the fen; `None` without quantity.
pub(super) fn volume_weighted_average_fen(amount_fen: i64, quantity_tco2e: i64) -> Option<i64> {
    if quantity_tco2e <= 0 {
        return None;
    }
    let (amount, quantity) = (i128::from(amount_fen), i128::from(quantity_tco2e));
    Some(clamped((2 * amount + quantity).div_euclid(2 * quantity)))
}

/// Lists where published figures break a rule of the market: one sentence
/// each, none for figures that agree with every rule.
///
/// Such a figure is a finding to write down, never to be bent; no trades can
/// be made for it.
#[must_use]
pub fn contradictions(figures: &DayFigures) -> Vec<String> {
    let mut found = Vec::new();
    if matches!(figures.date.weekday(), Weekday::Saturday | Weekday::Sunday) {
        found.push(format!(
            "date {} is a {}, not a trading day",
            figures.date,
            figures.date.weekday()
        ));
    }
    match &figures.session {
        Some(session) => check_listed(figures, session, &mut found),
        None if figures.close_fen != figures.previous_close_fen => found.push(format!(
            "close_yuan {} is not the previous close {}, as it must be without a listed trade",
            yuan(figures.close_fen.into()),
            yuan(figures.previous_close_fen.into()),
        )),
        None => {}
    }
    if figures.session.is_some() != (figures.listed_quantity_tco2e > 0)
        || figures.listed_quantity_tco2e < 0
    {
        found.push(format!(
            "listed_tco2e {} does not go with open, high and low",
            figures.listed_quantity_tco2e
        ));
    }
    if figures.session.is_none() && figures.listed_amount_fen != 0 {
        found.push(format!(
            "listed_yuan {} is not 0.00, as it must be without a listed trade",
            yuan(figures.listed_amount_fen.into())
        ));
    }
    check_block(figures, &mut found);
    found
}

fn check_listed(figures: &DayFigures, session: &SessionPrices, found: &mut Vec<String>) {
    let (low_limit, high_limit) = figures.listed_limits_fen();
    let of_close = format!("of the previous close {}", yuan(figures.previous_close_fen.into()));
    if session.high_fen > high_limit {
        let (high, limit) = (yuan(session.high_fen.into()), yuan(high_limit.into()));
        found.push(format!(
            "high_yuan {high} is above {limit}, the +{LISTED_LIMIT_PERCENT} % limit {of_close}"
        ));
    }
    if session.low_fen < low_limit {
        let (low, limit) = (yuan(session.low_fen.into()), yuan(low_limit.into()));
        found.push(format!(
            "low_yuan {low} is below {limit}, the -{LISTED_LIMIT_PERCENT} % limit {of_close}"
        ));
    }
    if !(session.low_fen..=session.high_fen).contains(&session.open_fen) {
        found.push(format!(
            "open_yuan {} is not within low_yuan and high_yuan",
            yuan(session.open_fen.into())
        ));
    }
    let quantity = i128::from(figures.listed_quantity_tco2e);
    let amount = i128::from(figures.listed_amount_fen);
    let least = quantity * i128::from(session.low_fen);
    let most = quantity * i128::from(session.high_fen);
    if !(least..=most).contains(&amount) {
        found.push(format!(
            "listed_yuan {} is not within {} and {}: {quantity} t at low_yuan and at high_yuan",
            yuan(amount),
            yuan(least),
            yuan(most),
        ));
    }
    let average =
        volume_weighted_average_fen(figures.listed_amount_fen, figures.listed_quantity_tco2e);
    if let Some(average) = average.filter(|average| *average != figures.close_fen) {
        found.push(format!(
            "close_yuan {} is not {}, the listed trades' average {} / {quantity} t rounded half up to 0.01",
            yuan(figures.close_fen.into()),
            yuan(average.into()),
            yuan(amount),
        ));
    }
}

fn check_block(figures: &DayFigures, found: &mut Vec<String>) {
    let quantity = i128::from(figures.block_quantity_tco2e);
    let amount = i128::from(figures.block_amount_fen);
    if quantity == 0 {
        if amount != 0 {
            found.push(format!(
                "block_yuan {} is not 0.00, as it must be without block tonnes",
                yuan(amount)
            ));
        }
        return;
    }
    if quantity < i128::from(BLOCK_MIN_TCO2E) {
        found.push(format!(
            "block_tco2e {quantity} is less than one block trade, {BLOCK_MIN_TCO2E} t"
        ));
    }
    let (low_limit, high_limit) = figures.block_limits_fen();
    let least = quantity * i128::from(low_limit);
    let most = quantity * i128::from(high_limit);
    if !(least..=most).contains(&amount) {
        found.push(format!(
            "block_yuan {} is not within {} and {}: {quantity} t at {} and {}, the {BLOCK_LIMIT_PERCENT} % limits of the previous close {}",
            yuan(amount),
            yuan(least),
            yuan(most),
            yuan(low_limit.into()),
            yuan(high_limit.into()),
            yuan(figures.previous_close_fen.into()),
        ));
    }
}

fn clamped(value: i128) -> i64 {
    value.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use time::macros::date;

    use super::*;

    fn record_day() -> DayFigures {
        DayFigures {
            date: date!(2021 - 12 - 16),
            previous_close_fen: 4306,
            session: Some(SessionPrices { open_fen: 4365, high_fen: 4520, low_fen: 4315 }),
            close_fen: 4422,
            listed_quantity_tco2e: 901_715,
            listed_amount_fen: 3_987_400_960,
            block_quantity_tco2e: 19_579_226,
            block_amount_fen: 77_734_410_835,
        }
    }

    fn findings(change: impl FnOnce(&mut DayFigures)) -> String {
        let mut figures = record_day();
        change(&mut figures);
        contradictions(&figures).join("; ")
    }

    #[test]
    fn limits_are_rounded_half_up_to_the_tick() {
        assert_eq!(limits_fen(4316, 30), (3021, 5611)); // 3021.2, 5610.8
        assert_eq!(limits_fen(4306, 10), (3875, 4737)); // 3875.4, 4736.6
        assert_eq!(limits_fen(4305, 10), (3875, 4736)); // 3874.5, 4735.5
        assert_eq!(limits_fen(1, 10), (1, 1));
    }

    #[test]
    fn averages_are_rounded_half_up() {
        assert_eq!(volume_weighted_average_fen(9, 2), Some(5));
        assert_eq!(volume_weighted_average_fen(17, 4), Some(4));
        assert_eq!(volume_weighted_average_fen(0, 0), None);
        assert_eq!(volume_weighted_average_fen(i64::MAX, 1), Some(i64::MAX));
    }

    #[test]
    fn figures_that_keep_the_rules_have_no_findings() {
        assert_eq!(findings(|_| {}), "");
    }

    #[test]
    fn each_broken_rule_is_named() {
        type Change = fn(&mut DayFigures);
        let cases: [(Change, &str); 11] = [
            (
                |f| f.date = date!(2021 - 12 - 18),
                "date 2021-12-18 is a Saturday, not a trading day",
            ),
            (|f| f.close_fen = 4421, "close_yuan 44.21 is not 44.22, the listed trades' average"),
            (
                |f| f.session.as_mut().unwrap().high_fen = 4738,
                "high_yuan 47.38 is above 47.37, the +10 % limit of the previous close 43.06",
            ),
            (
                |f| f.session.as_mut().unwrap().low_fen = 3874,
                "low_yuan 38.74 is below 38.75, the -10 % limit of the previous close 43.06",
            ),
            (|f| f.listed_amount_fen = 901_715 * 4521, "listed_yuan 40766535.15 is not within"),
            (
                |f| f.block_quantity_tco2e = 99_999,
                "block_tco2e 99999 is less than one block trade, 100000 t",
            ),
            (
                |f| f.block_amount_fen = 19_579_226 * 3014 - 1,
                "at 30.14 and 55.98, the 30 % limits of the previous close 43.06",
            ),
            (|f| f.block_quantity_tco2e = 0, "block_yuan 777344108.35 is not 0.00"),
            (|f| f.session = None, "listed_yuan 39874009.60 is not 0.00"),
            (|f| f.session = None, "listed_tco2e 901715 does not go with open, high and low"),
            (
                |f| {
                    f.session = None;
                    f.listed_quantity_tco2e = 0;
                    f.listed_amount_fen = 0;
                },
                "close_yuan 44.22 is not the previous close 43.06, as it must be without a listed trade",
            ),
        ];
        for (change, expected) in cases {
            let found = findings(change);
            assert!(found.contains(expected), "{found}");
        }
    }
}
