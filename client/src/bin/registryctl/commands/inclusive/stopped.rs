//! Where a load stopped, and how it goes on.

use std::path::Path;

use anyhow::Error;
use registry_client::{ClientError, INCLUSIVE_LINES_PER_REQUEST, hex};

use super::file::Saved;
use crate::exit::{Advice, Place};

/// A load whose next request failed.
pub(super) struct Stopped<'a> {
    pub(super) path: &'a Path,
    /// As they were sent.
    pub(super) lines: &'a [Saved],
    /// How many of them were taken.
    pub(super) done: usize,
    /// What was done with them.
    pub(super) what: &'static str,
}

impl Stopped<'_> {
    /// The error, with the line at fault when the rules said no, and with `again`
    /// when the same load may go on.
    pub(super) fn explain(&self, error: ClientError, again: String) -> Error {
        match &error {
            ClientError::Rejected(rejected) => {
                let place = self.refused(&rejected.field);
                Error::new(error).context(Place(place))
            }
            ClientError::Unavailable { .. } | ClientError::Unknown { .. } => {
                Error::new(error).context(Advice(again))
            }
            ClientError::Denied { .. } | ClientError::Protocol(_) | ClientError::Setup(_) => {
                error.into()
            }
        }
    }

    fn refused(&self, field: &str) -> String {
        let path = self.path.display();
        let end = self.lines.len().min(self.done + INCLUSIVE_LINES_PER_REQUEST);
        let request = self.lines.get(self.done..end).unwrap_or_default();
        let at_fault = index(field).and_then(|index| request.get(index));
        let place = match (at_fault, request) {
            (Some(saved), _) => {
                format!("line {} of {path}, person {}", saved.line, hex(&saved.owner))
            }
            (None, [first, .., last]) => {
                format!("lines {} to {} of {path}", first.line, last.line)
            }
            (None, [only]) => format!("line {} of {path}", only.line),
            (None, []) => path.to_string(),
        };
        match request.first().filter(|_| self.done > 0) {
            None => {
                format!("{place}; no line was {}: correct it and choose another --run", self.what)
            }
            Some(first) => format!(
                "{place}; the {} lines before line {} are {}: correct it, take those out and \
                 choose another --run",
                self.done, first.line, self.what
            ),
        }
    }
}

/// The place in the request that a field such as `lines[2].owner_id` names.
fn index(field: &str) -> Option<usize> {
    field.split_once('[')?.1.split_once(']')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use registry_client::RejectedError;

    use super::*;
    use crate::exit;

    fn lines(count: u64) -> Vec<Saved> {
        (0..count).map(|at| Saved { line: at + 2, owner: [7; 16], grams: 5 }).collect()
    }

    fn explained(lines: &[Saved], done: usize, error: ClientError) -> Error {
        let stopped = Stopped { path: Path::new("p.csv"), lines, done, what: "credited" };
        stopped.explain(error, "to go on, give --first-batch 3".to_owned())
    }

    fn told(lines: &[Saved], done: usize, error: ClientError) -> (String, u8) {
        let error = explained(lines, done, error);
        (error.downcast_ref::<Place>().expect("a place").to_string(), exit::code(&error))
    }

    fn rejected(field: &str) -> ClientError {
        ClientError::Rejected(Box::new(RejectedError {
            reason: "UNKNOWN_INCLUSIVE_ACCOUNT".to_owned(),
            field: field.to_owned(),
            message: "no account".to_owned(),
            code: tonic::Code::NotFound,
            metadata: Default::default(),
        }))
    }

    #[test]
    fn a_rejection_names_line_and_person_and_never_the_same_run() {
        let few = lines(4);
        let (first, code) = told(&few, 0, rejected("lines[2]"));
        let person = "07".repeat(16);
        assert!(
            first.starts_with(&format!("line 4 of p.csv, person {person}; no line")),
            "{first}"
        );
        assert!(first.contains("another --run") && !first.contains("--first-batch"), "{first}");
        assert_eq!(code, exit::REJECTED);
        let many = lines(10_000);
        let (second, _) = told(&many, 8_192, rejected("lines[1].quantity_grams"));
        assert!(second.starts_with("line 8195 of p.csv, person"), "{second}");
        assert!(second.contains("the 8192 lines before line 8194 are credited"), "{second}");
        let (whole, _) = told(&many, 8_192, rejected("total_grams"));
        assert!(whole.starts_with("lines 8194 to 10001 of p.csv; the 8192"), "{whole}");
    }

    #[test]
    fn only_what_may_go_on_is_told_to_go_on() {
        let (call, cause) = ("credit_inclusive", "x".to_owned());
        let unknown = ClientError::Unknown { call, request_id: "a".to_owned(), cause };
        let error = explained(&lines(2), 0, unknown);
        assert_eq!(
            error.downcast_ref::<Advice>().map(ToString::to_string).as_deref(),
            Some("to go on, give --first-batch 3")
        );
        assert!(error.downcast_ref::<Place>().is_none());
    }
}
