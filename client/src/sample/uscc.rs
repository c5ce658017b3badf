//! Unified social credit codes (统一社会信用代码) of legal entities.
//!
//! GB 32100-2015: 18 characters. 1: registering department, 2: category,
//! 3-8: administrative division, 9-17: organisation code (GB 11714, the last
//! being its own check character), 18: check character over the first 17.

/// The 31 characters in the order of their values: no I, O, S, V, Z.
pub const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Why a text is no unified social credit code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsccError {
    /// Not 18 characters long.
    #[error("a unified social credit code has 18 characters, not {0}")]
    Length(usize),
    /// A character outside the alphabet.
    #[error(
        "character {position} of a unified social credit code cannot be {found:?} (digits and capitals without I, O, S, V, Z)"
    )]
    Character {
        /// Position from 1.
        position: usize,
        /// What stands there.
        found: char,
    },
    /// The last character is not the check character of the others.
    #[error(
        "the check character of this unified social credit code is {expected:?}, not {found:?}"
    )]
    Check {
        /// The check character of the first 17.
        expected: char,
        /// What stands in its place.
        found: char,
    },
}

/// The GB 32100 check character of the first 17 characters.
///
/// # Errors
/// `Length` or `Character`, if `body` is not 17 characters of the alphabet.
pub fn check_character(body: &str) -> Result<char, UsccError> {
    let length = body.chars().count();
    if length != 17 {
        // Said of the whole code, to which the check character belongs.
        return Err(UsccError::Length(length + 1));
    }
    let mut sum = 0;
    let mut weight = 1; // 3^(position - 1) mod 31
    for (index, character) in body.chars().enumerate() {
        let value = value_of(character)
            .ok_or(UsccError::Character { position: index + 1, found: character })?;
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    Ok(char::from(ALPHABET[(31 - sum % 31) % 31]))
}

/// Accepts a code with 18 characters of the alphabet and the right check
/// character.
///
/// # Errors
/// What is wrong with it first, from left to right.
pub fn validate(code: &str) -> Result<(), UsccError> {
    let length = code.chars().count();
    let Some((last, found)) = code.char_indices().next_back().filter(|_| length == 18) else {
        return Err(UsccError::Length(length));
    };
    let expected = check_character(&code[..last])?;
    if value_of(found).is_none() {
        return Err(UsccError::Character { position: 18, found });
    }
    if found != expected {
        return Err(UsccError::Check { expected, found });
    }
    Ok(())
}

/// The GB 11714 check character of an organisation code's first 8 characters,
/// or `None` if they are not 8 digits or capitals.
#[must_use]
pub fn organisation_check_character(body: &str) -> Option<char> {
    const WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
    if body.len() != WEIGHTS.len() {
        return None;
    }
    let mut sum = 0;
    for (byte, weight) in body.bytes().zip(WEIGHTS) {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            _ => return None,
        };
        sum += u32::from(value) * weight;
    }
    match 11 - sum % 11 {
        10 => Some('X'),
        11 => Some('0'),
        digit => char::from_digit(digit, 10),
    }
}

/// A code from its parts: 2 characters of department and category, a 6-digit
/// administrative division, an 8-character organisation code body.
pub(super) fn compose(kind: &str, division: &str, organisation: &str) -> Option<String> {
    let check = organisation_check_character(organisation)?;
    let body = format!("{kind}{division}{organisation}{check}");
    let last = check_character(&body).ok()?;
    Some(format!("{body}{last}"))
}

fn value_of(character: char) -> Option<usize> {
    ALPHABET.iter().position(|known| char::from(*known) == character)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of well-known companies, as printed on their public filings.
    const PUBLIC_CODES: [&str; 3] =
        ["91330100799655058B", "9144030071526726XG", "914403001922038216"];

    #[test]
    fn published_codes_are_valid_in_both_check_characters() {
        for code in PUBLIC_CODES {
            assert_eq!(validate(code), Ok(()), "{code}");
            assert_eq!(organisation_check_character(&code[8..16]), code.chars().nth(16), "{code}");
        }
    }

    #[test]
    fn every_single_wrong_character_is_noticed() {
        for code in PUBLIC_CODES {
            for position in 0..18 {
                for other in ALPHABET.iter().map(|byte| char::from(*byte)) {
                    let mut wrong: Vec<char> = code.chars().collect();
                    if wrong[position] != other {
                        wrong[position] = other;
                        assert!(validate(&wrong.iter().collect::<String>()).is_err());
                    }
                }
            }
        }
    }

    #[test]
    fn malformed_codes_are_told_apart() {
        let cases = [
            ("", UsccError::Length(0)),
            ("91330100799655058", UsccError::Length(17)),
            ("91330100799655058BB", UsccError::Length(19)),
            ("9133010079965505８B", UsccError::Character { position: 17, found: '８' }),
            ("9133010079965505OB", UsccError::Character { position: 17, found: 'O' }),
            ("91330100799655058b", UsccError::Character { position: 18, found: 'b' }),
            ("91330100799655058Z", UsccError::Character { position: 18, found: 'Z' }),
            ("91330100799655058C", UsccError::Check { expected: 'B', found: 'C' }),
        ];
        for (code, error) in cases {
            assert_eq!(validate(code), Err(error), "{code:?}");
        }
    }

    #[test]
    fn organisation_codes_need_eight_digits_or_capitals() {
        assert_eq!(organisation_check_character("79965505"), Some('8'));
        assert_eq!(organisation_check_character("71526726"), Some('X'));
        assert_eq!(organisation_check_character("7152672"), None);
        assert_eq!(organisation_check_character("7152672x"), None);
    }
}
