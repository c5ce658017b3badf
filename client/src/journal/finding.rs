//! What an audit found wrong, and what kept it from looking.

use std::fmt;

use crate::ClientError;

/// The first thing that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {event}{}: {what}: expected {expected}, found {found}", kind_in_brackets(kind))]
pub struct Finding {
    /// The event at fault; where the node differs from the journal, the last one audited.
    pub event: u64,
    /// The event's kind; empty when it has none that can be read.
    pub kind: &'static str,
    /// What was looked at.
    pub what: String,
    /// What it must be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

fn kind_in_brackets(kind: &str) -> String {
    if kind.is_empty() { String::new() } else { format!(" ({})", kind_name(kind)) }
}

/// A kind of event as the wire names it: `trades_accepted` of `TradesAccepted`.
#[must_use]
pub fn kind_name(kind: &str) -> String {
    let mut name = String::new();
    for (at, letter) in kind.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// A finding that does not know its event yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Wrong {
    pub(crate) fn new(
        what: impl Into<String>,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self { what: what.into(), expected: expected.to_string(), found: found.to_string() }
    }

    pub(crate) fn at(self, event: u64, kind: &'static str) -> Finding {
        let Self { what, expected, found } = self;
        Finding { event, kind, what, expected, found }
    }
}

/// What rules of the audit answer.
pub(crate) type Checked<T = ()> = Result<T, Wrong>;

/// That two values are the same.
pub(crate) fn same<T: PartialEq + fmt::Display>(
    what: impl Into<String>,
    expected: T,
    found: T,
) -> Checked {
    match expected == found {
        true => Ok(()),
        false => Err(Wrong::new(what, expected, found)),
    }
}

/// That two hashes are the same.
pub(crate) fn same_hash(what: impl Into<String>, expected: &[u8], found: &[u8]) -> Checked {
    same(what, crate::hex(expected), crate::hex(found))
}

/// Why an audit did not end well.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The journal, or what the node holds, cannot be.
    #[error("the books are broken at {0}")]
    Broken(Box<Finding>),
    /// The file adds up, but its events have another root than was given.
    #[error(
        "the root given is not this file's: the file adds up by itself, and its events have \
         the root {found}; given was {given}"
    )]
    OtherRoot {
        /// 64 hexadecimal digits.
        given: String,
        /// 64 hexadecimal digits.
        found: String,
    },
    /// The registry did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The file cannot be read or written.
    #[error("journal file: {0}")]
    File(std::io::Error),
    /// The file is not a journal as it was exported.
    #[error("journal file: {0}; it was cut off or changed, export the journal again")]
    Damaged(String),
}

impl From<std::io::Error> for AuditError {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}

impl From<Finding> for AuditError {
    fn from(finding: Finding) -> Self {
        Self::Broken(Box::new(finding))
    }
}
