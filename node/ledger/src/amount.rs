//! Yuan as text at the border, fen inside.
//!
//! Only plain decimals are read: ASCII digits, at most one point with digits
//! on both sides. A leading minus is read too, so that the rules can say that
//! the amount is not positive instead of that it is no number.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::rejection::{Reason, Rejection};
use crate::types::{Fen, Price};

/// Decimals of a yuan; the tick of a price is one fen as well.
const DECIMALS: u32 = 2;
/// Longer texts cannot be an amount that fits; they are not parsed.
const TEXT_LIMIT: usize = 40;

/// Reads an amount of yuan with at most two decimals.
///
/// # Errors
/// `FIELD_MISSING`, `NOT_A_DECIMAL`, `TOO_MANY_DECIMALS` or `OUT_OF_RANGE`.
pub fn parse_yuan(text: &str, field: &str) -> Result<Fen, Rejection> {
    parse_fen(text, field, Reason::TooManyDecimals).map(Fen)
}

/// Reads a price in yuan per tonne; its tick is 0.01 yuan.
///
/// # Errors
/// `FIELD_MISSING`, `NOT_A_DECIMAL`, `TICK` or `OUT_OF_RANGE`.
pub fn parse_price(text: &str, field: &str) -> Result<Price, Rejection> {
    parse_fen(text, field, Reason::Tick).map(Price)
}

/// Writes yuan with exactly two decimals.
#[must_use]
pub fn format_yuan(amount: Fen) -> String {
    Decimal::new(amount.0, DECIMALS).to_string()
}

/// Writes a price in yuan per tonne with exactly two decimals.
#[must_use]
pub fn format_price(price: Price) -> String {
    Decimal::new(price.0, DECIMALS).to_string()
}

fn parse_fen(text: &str, field: &str, too_fine: Reason) -> Result<i64, Rejection> {
    if text.is_empty() {
        return Err(Rejection::new(Reason::FieldMissing, field, format!("{field} is empty")));
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || fraction.is_some_and(|part| !digits(part)) {
        return Err(Rejection::new(
            Reason::NotADecimal,
            field,
            format!("{field} must be digits 0-9 with at most one point, e.g. 1234.50"),
        ));
    }
    if fraction.is_some_and(|part| part.len() > DECIMALS as usize) {
        return Err(Rejection::new(
            too_fine,
            field,
            format!("{field} has more than {DECIMALS} decimals"),
        ));
    }
    let out_of_range = || {
        Rejection::new(
            Reason::OutOfRange,
            field,
            format!("{field} is larger than {}", format_yuan(Fen(i64::MAX))),
        )
    };
    if text.len() > TEXT_LIMIT {
        return Err(out_of_range());
    }
    if let Some(fen) = short_fen(whole, fraction.unwrap_or_default()) {
        return Ok(if unsigned.len() < text.len() { fen.saturating_neg() } else { fen });
    }
    Decimal::from_str_exact(text)
        .ok()
        .and_then(|yuan| yuan.checked_mul(Decimal::ONE_HUNDRED))
        .and_then(|fen| fen.to_i64())
        .ok_or_else(out_of_range)
}

/// Fen of a few digits, as nearly every amount has; the rest is for `Decimal`.
fn short_fen(whole: &str, fraction: &str) -> Option<i64> {
    const DIGITS: usize = 15;
    if whole.len() > DIGITS {
        return None;
    }
    let padding = usize::try_from(DECIMALS).ok()?.checked_sub(fraction.len())?;
    let mut digits =
        whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', padding));
    digits.try_fold(0_i64, |sum, digit| {
        sum.checked_mul(10)?.checked_add(digit.checked_sub(b'0')?.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_strictly() {
        let rows: [(&str, Result<i64, Reason>); 26] = [
            ("0", Ok(0)),
            ("0.01", Ok(1)),
            ("1.5", Ok(150)),
            ("0043.16", Ok(4_316)),
            ("817218117.95", Ok(81_721_811_795)),
            ("-3", Ok(-300)),
            ("-0.00", Ok(0)),
            ("92233720368547758.07", Ok(i64::MAX)),
            ("92233720368547758.08", Err(Reason::OutOfRange)),
            ("99999999999999999999999999999999999999", Err(Reason::OutOfRange)),
            ("000000000000000000000000000000000000000000001", Err(Reason::OutOfRange)),
            ("", Err(Reason::FieldMissing)),
            ("1e9", Err(Reason::NotADecimal)),
            ("NaN", Err(Reason::NotADecimal)),
            ("inf", Err(Reason::NotADecimal)),
            ("+1", Err(Reason::NotADecimal)),
            ("--1", Err(Reason::NotADecimal)),
            ("1_000", Err(Reason::NotADecimal)),
            ("1,000", Err(Reason::NotADecimal)),
            ("１２", Err(Reason::NotADecimal)),
            (" 1", Err(Reason::NotADecimal)),
            ("1.", Err(Reason::NotADecimal)),
            (".5", Err(Reason::NotADecimal)),
            ("1.2.3", Err(Reason::NotADecimal)),
            ("0x10", Err(Reason::NotADecimal)),
            ("1.005", Err(Reason::TooManyDecimals)),
        ];
        for (text, expected) in rows {
            let read = parse_yuan(text, "amount_yuan").map(|fen| fen.0).map_err(|r| r.reason);
            assert_eq!(read, expected, "{text:?}");
        }
        assert_eq!(parse_price("43.165", "p").map_err(|r| r.reason), Err(Reason::Tick));
        assert_eq!(parse_price("43.16", "p"), Ok(Price(4_316)));
    }

    #[test]
    fn amounts_are_written_with_two_decimals() {
        for (fen, text) in [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123_450, "1234.50")] {
            assert_eq!(format_yuan(Fen(fen)), text);
        }
        assert_eq!(format_yuan(Fen(i64::MIN)), "-92233720368547758.08");
    }
}
