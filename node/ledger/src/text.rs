//! Rules for free text that the ledger keeps.

use crate::rejection::{Reason, Rejection};

/// Longest name, document reference or reason, in bytes.
pub(crate) const LINE_LIMIT: usize = 200;
/// Longest objection or resolution, in bytes.
pub(crate) const LETTER_LIMIT: usize = 1_000;

/// One line: 1 to 200 bytes without control characters.
pub(crate) fn check_line(text: &str, field: &str) -> Result<(), Rejection> {
    check(text, field, LINE_LIMIT, |c| c.is_control())
}

/// A letter: 1 to 1,000 bytes; line ends and tabs are the only control characters.
pub(crate) fn check_letter(text: &str, field: &str) -> Result<(), Rejection> {
    check(text, field, LETTER_LIMIT, |c| c.is_control() && !matches!(c, '\n' | '\t'))
}

fn check(
    text: &str,
    field: &str,
    limit: usize,
    refused: impl Fn(char) -> bool,
) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        let message = format!("{field} is empty or blank");
        return Err(Rejection::new(Reason::FieldMissing, field, message));
    }
    if text.len() > limit {
        return Err(Rejection::new(
            Reason::TooLong,
            field,
            format!("{field} has {} bytes, at most {limit} are allowed", text.len()),
        ));
    }
    if text.chars().any(refused) {
        return Err(Rejection::new(
            Reason::BadCharacter,
            field,
            format!("{field} has a control character"),
        ));
    }
    Ok(())
}
