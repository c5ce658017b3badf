//! The unified social credit code (统一社会信用代码) of GB 32100: 17 characters
//! and a check character.

use crate::rejection::{Reason, Rejection};

/// Digits and capitals without I, O, Z, S and V; a character's place is its value.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// 3^i mod 31 for each of the first 17 characters.
const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
/// Characters of a code.
pub const LENGTH: usize = 18;

/// Checks length, alphabet and check character.
///
/// # Errors
/// `FIELD_MISSING`, `TOO_LONG`, `OUT_OF_RANGE` (too short), `BAD_CHARACTER` or
/// `CHECK_CHARACTER`, all naming the field `uscc`.
pub fn check(code: &str) -> Result<[u8; LENGTH], Rejection> {
    const FIELD: &str = "uscc";
    let refuse = |reason, message: String| Err(Rejection::new(reason, FIELD, message));
    let count = code.chars().count();
    if count == 0 {
        return refuse(Reason::FieldMissing, "uscc is empty".to_owned());
    }
    if count != LENGTH {
        let reason = if count > LENGTH { Reason::TooLong } else { Reason::OutOfRange };
        return refuse(reason, format!("uscc has {count} characters, a credit code has {LENGTH}"));
    }
    let Ok(bytes) = <[u8; LENGTH]>::try_from(code.as_bytes()) else {
        return refuse(Reason::BadCharacter, "uscc has a character outside ASCII".to_owned());
    };
    if let Some(bad) = bytes.iter().find(|byte| !ALPHABET.contains(byte)) {
        return refuse(
            Reason::BadCharacter,
            format!(
                "uscc has {:?}; a credit code has digits and capitals without I, O, S, V, Z",
                char::from(*bad)
            ),
        );
    }
    let expected = check_character(&code[..LENGTH - 1]);
    if expected != code.chars().next_back() {
        return refuse(
            Reason::CheckCharacter,
            format!("uscc {code} has a wrong check character; a digit may be mistyped"),
        );
    }
    Ok(bytes)
}

/// The check character of the first 17; `None` if they are not 17 of the alphabet.
#[must_use]
pub fn check_character(first_17: &str) -> Option<char> {
    if first_17.len() != WEIGHTS.len() {
        return None;
    }
    let mut sum: u32 = 0;
    for (byte, weight) in first_17.bytes().zip(WEIGHTS) {
        let value = ALPHABET.iter().position(|letter| *letter == byte)?;
        sum = sum.checked_add(u32::try_from(value).ok()?.checked_mul(weight)?)?;
    }
    // 31 - remainder, and 0 for a remainder of 0.
    let place = 31_u32.checked_sub(sum % 31)? % 31;
    ALPHABET.get(usize::try_from(place).ok()?).map(|byte| char::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_codes_pass_and_typing_errors_do_not() {
        let rows: [(&str, Option<Reason>); 11] = [
            // Codes that listed companies publish.
            ("914403001922038216", None),
            ("91110000802100433B", None),
            ("9144030071526726XG", None),
            ("", Some(Reason::FieldMissing)),
            ("91440300192203821", Some(Reason::OutOfRange)),
            ("9144030019220382166", Some(Reason::TooLong)),
            ("914403001922038217", Some(Reason::CheckCharacter)),
            ("914403001922038261", Some(Reason::CheckCharacter)),
            ("9144030071526726xG", Some(Reason::BadCharacter)),
            ("91440300I92203821O", Some(Reason::BadCharacter)),
            ("９1440300192203821６", Some(Reason::BadCharacter)),
        ];
        for (code, expected) in rows {
            assert_eq!(check(code).err().map(|r| r.reason), expected, "{code:?}");
        }
    }

    #[test]
    fn check_character_needs_17_characters() {
        assert_eq!(check_character("91440300192203821"), Some('6'));
        assert_eq!(check_character("9144030019220382"), None);
        assert_eq!(check_character("9144030019220382S"), None);
    }
}
