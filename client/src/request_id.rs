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
}
