//! Rules for free text that the ledger keeps.

use crate::rejection::{Reason, Rejection};

/// Longest name, document reference or reason, in bytes.
pub(crate) const LINE_LIMIT: usize = 200;
/// Longest objection or resolution, in bytes.
pub(crate) const LETTER_LIMIT: usize = 1_000;

/// One line: 1 to 200 bytes without control characters.
pub(crate) fn check_line(text: &str, field: &str) -> Result<(), Rejection> {
    check(text, field, LINE_LIMIT, deceives)
}

/// A letter: 1 to 1,000 bytes; line ends and tabs are the only control characters.
pub(crate) fn check_letter(text: &str, field: &str) -> Result<(), Rejection> {
    check(text, field, LETTER_LIMIT, |c| deceives(c) && !matches!(c, '\n' | '\t'))
}

/// What a reader does not see, or what shows the rest in another order (Unicode
/// Standard Annex 9): the second officer must read what is approved.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
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
            format!("{field} has a control character, or one that is not seen"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_its_reader_sees() {
        for good in ["司法冻结 第 7 号", "Order of 1 May — “final”", "é e\u{301}"] {
            check_letter(good, "document").expect(good);
        }
        for bad in ["a\u{202e}b", "a\u{200b}b", "a\u{2028}b", "a\u{2066}b", "\u{feff}a", "a\rb"] {
            let refused = check_line(bad, "document").expect_err(bad);
            assert_eq!((refused.reason, &*refused.field), (Reason::BadCharacter, "document"));
        }
        check_letter("two\nlines", "text").expect("a letter");
    }
}
