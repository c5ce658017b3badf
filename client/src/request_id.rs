//! Request ids: what makes a repeated write the same write.

use std::fmt::Write as _;

use crate::error::ClientError;

/// Longest request id a node takes.
pub const MAX_REQUEST_ID_BYTES: usize = 64;

/// A fresh id: 128 random bits of the operating system as 32 hexadecimal digits.
///
/// # Errors
/// `Setup` if the operating system gives no random bytes.
pub fn new_request_id() -> Result<String, ClientError> {
    random_bytes::<16>().map(|bytes| hex(&bytes))
}

/// Bytes that nobody can guess.
///
/// # Errors
/// `Setup` when the operating system gives none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], ClientError> {
    let mut bytes = [0_u8; N];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| ClientError::Setup("the operating system gives no random bytes".to_owned()))?;
    Ok(bytes)
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of hexadecimal digits, two each; none for anything else.
#[must_use]
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    let all = digits.len().is_multiple_of(2) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let bytes = (0..digits.len()).step_by(2);
    all.then(|| bytes.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect())?
}

/// Whether a node would take this text as a request id or a part of one.
#[must_use]
pub fn is_valid_request_id(text: &str) -> bool {
    (1..=MAX_REQUEST_ID_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_ids_are_valid_and_differ() {
        let ids: Vec<String> = (0..100).map(|_| new_request_id().expect("random bytes")).collect();
        assert!(ids.iter().all(|id| id.len() == 32 && is_valid_request_id(id)), "{ids:?}");
        let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }

    #[test]
    fn ids_outside_the_rule_are_noticed() {
        for bad in ["", "a b", "a/b", "碳", &"x".repeat(65)] {
            assert!(!is_valid_request_id(bad), "{bad:?}");
        }
        assert!(is_valid_request_id("load:demo:acct:91310000MA1FL00001"));
    }

    #[test]
    fn only_pairs_of_hexadecimal_digits_are_bytes() {
        assert_eq!(unhex("00fFa0"), Some(vec![0, 0xff, 0xa0]));
        assert_eq!(unhex(&hex(b"any bytes")), Some(b"any bytes".to_vec()));
        assert_eq!(unhex(""), Some(vec![]));
        for wrong in ["0", "+f", "0g", "0 ", "é"] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }
}
