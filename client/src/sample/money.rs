//! The greatest figures, whole numbers as text, and amounts of any size as
//! text. Plain amounts are read by [`crate::amount`].

pub(super) const FEN_PER_YUAN: i64 = 100;
/// Greatest price a sample file may hold, fen per tonne.
pub(super) const MAX_PRICE_FEN: i64 = 1_000_000 * FEN_PER_YUAN;
/// Greatest amount a sample file may hold, fen (ten trillion yuan).
pub(super) const MAX_AMOUNT_FEN: i64 = 10_000_000_000_000 * FEN_PER_YUAN;
/// Greatest quantity a sample file may hold, tonnes.
pub(super) const MAX_QUANTITY_TCO2E: i64 = 100_000_000_000;

/// Reads a whole number of ASCII digits, without sign or leading zero.
pub(super) fn parse_digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// `4422` as `44.22`; also for products that an amount in a file cannot be.
pub(super) fn yuan(fen: i128) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}{}.{:02}", fen / 100, fen % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_digits_only() {
        assert_eq!(parse_digits("0"), Some(0));
        assert_eq!(parse_digits("901715"), Some(901_715));
        assert_eq!(parse_digits("9223372036854775807"), Some(i64::MAX));
        for text in
            ["", "-1", "+1", "01", "1.0", "1e9", "1,000", " 1", "１２", "9223372036854775808"]
        {
            assert_eq!(parse_digits(text), None, "{text:?}");
        }
    }

    #[test]
    fn fen_are_written_with_two_decimals() {
        assert_eq!(yuan(5), "0.05");
        assert_eq!(yuan(-4422), "-44.22");
        assert_eq!(yuan(i128::from(i64::MAX) * 100), "9223372036854775807.00");
    }
}
