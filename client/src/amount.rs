//! Money as text on the wire, as fen inside.

use std::str::FromStr as _;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

/// Text that is not an amount of yuan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not ASCII digits with at most one point between them.
    #[error("{0:?} is not a plain decimal number such as 43.65")]
    NotADecimal(String),
    /// More than two decimals.
    #[error("{0:?} has more than two decimals; one fen is 0.01 yuan")]
    TooManyDecimals(String),
    /// More than 92,233,720,368,547,758.07 yuan.
    #[error("{0:?} is out of range")]
    OutOfRange(String),
}

/// Reads `43.65` as 4365 fen. Digits 0-9 and one point only: no sign, no
/// exponent, no separators, at most two decimals.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_fen(text: &str) -> Result<i64, AmountError> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let decimals = match text.split_once('.') {
        Some((whole, decimals)) if digits(whole) && digits(decimals) => decimals.len(),
        None if digits(text) => 0,
        _ => return Err(AmountError::NotADecimal(text.to_owned())),
    };
    if decimals > 2 {
        return Err(AmountError::TooManyDecimals(text.to_owned()));
    }
    let out_of_range = || AmountError::OutOfRange(text.to_owned());
    Decimal::from_str(text)
        .map_err(|_| out_of_range())?
        .checked_mul(Decimal::ONE_HUNDRED)
        .and_then(|fen| fen.to_i64())
        .ok_or_else(out_of_range)
}

/// As [`parse_fen`], with a leading minus allowed: nets and balances.
///
/// # Errors
/// As [`parse_fen`].
pub fn parse_signed_fen(text: &str) -> Result<i64, AmountError> {
    match text.strip_prefix('-') {
        Some(positive) => Ok(-parse_fen(positive)?),
        None => parse_fen(text),
    }
}

/// Writes 4365 fen as `43.65`.
#[must_use]
pub fn format_fen(fen: i64) -> String {
    Decimal::new(fen, 2).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_amounts_are_read() {
        for (text, fen) in [("43.65", 4365), ("0.05", 5), ("7", 700), ("7.5", 750), ("0", 0)] {
            assert_eq!(parse_fen(text), Ok(fen), "{text}");
        }
        assert_eq!(parse_fen("92233720368547758.07"), Ok(i64::MAX));
    }

    #[test]
    fn anything_else_is_refused() {
        let bad = [
            "",
            ".",
            "1.",
            ".5",
            "1e9",
            "NaN",
            "４３.６５",
            "-1",
            "+1",
            " 1",
            "1 ",
            "1,000",
            "1.2.3",
            "1_0",
        ];
        for text in bad {
            assert_eq!(parse_fen(text), Err(AmountError::NotADecimal(text.to_owned())));
        }
        assert_eq!(parse_fen("1.005"), Err(AmountError::TooManyDecimals("1.005".to_owned())));
        for text in ["92233720368547758.08", "99999999999999999999999999999999999999"] {
            assert_eq!(parse_fen(text), Err(AmountError::OutOfRange(text.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn text_and_fen_agree(fen in -i64::MAX..=i64::MAX) {
            prop_assert_eq!(parse_signed_fen(&format_fen(fen)), Ok(fen));
        }
    }
}
