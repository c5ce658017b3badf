//! The rule for lengths of time that somebody chooses.

use crate::rejection::{Reason, Rejection};

/// Refuses a length of time of nothing or less, or of more than `most_ms`.
pub(crate) fn check(span_ms: i64, most_ms: i64, field: &str) -> Result<(), Rejection> {
    if (1..=most_ms).contains(&span_ms) {
        return Ok(());
    }
    let reason = if span_ms < 1 { Reason::NotPositive } else { Reason::OutOfRange };
    let message = format!("{field} is {span_ms}, it must be 1 to {most_ms}");
    Err(Rejection::new(reason, field, message))
}
