//! What can go wrong in a call, sorted by what the caller can do about it.

use std::collections::BTreeMap;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::tls_fault;

/// Domain of the `ErrorInfo` that every node attaches.
const ERROR_DOMAIN: &str = "carbon-registry";

/// Why a call did not give its answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The rules said no. Nothing was applied; the same request id gets the same answer again.
    #[error("{0}")]
    Rejected(Box<RejectedError>),
    /// The certificate does not allow this call.
    #[error("{reason}: {message}")]
    Denied {
        /// `NO_IDENTITY` or `NOT_AUTHORISED`.
        reason: String,
        /// The node's sentence.
        message: String,
    },
    /// The deadline passed. A read has no answer, of a write nothing was applied.
    #[error("{call}: {}: {cause}", unanswered(*write))]
    Unavailable {
        /// RPC.
        call: &'static str,
        /// Whether it would have changed something.
        write: bool,
        /// What the last attempt at each endpoint met.
        cause: String,
    },
    /// The deadline passed and the write may or may not be applied.
    /// Asking again with the same request id resolves it.
    #[error("{call}: outcome unknown; {}: {cause}", resolve(request_id))]
    Unknown {
        /// RPC.
        call: &'static str,
        /// Id to ask again with; empty for a call that has none.
        request_id: String,
        /// What the last attempt at each endpoint met.
        cause: String,
    },
    /// A node's answer contradicts the protocol.
    #[error("{0}")]
    Protocol(String),
    /// The client is set up wrongly: address, certificate, key.
    #[error("{0}")]
    Setup(String),
}

fn unanswered(write: bool) -> &'static str {
    match write {
        true => "no node took the call before its deadline; nothing was applied",
        false => "no node answered before the deadline",
    }
}

fn resolve(request_id: &str) -> String {
    match request_id {
        "" => "see whether it was done before asking again".to_owned(),
        id => format!("ask again with request id {id} and the same content"),
    }
}

/// A node's "no" with everything it said about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}{}: {message}", if field.is_empty() { String::new() } else { format!(" ({field})") })]
pub struct RejectedError {
    /// Stable reason code, e.g. `PRICE_LIMIT`.
    pub reason: String,
    /// Request field at fault; empty when none is.
    pub field: String,
    /// A sentence for a person.
    pub message: String,
    /// gRPC status code.
    pub code: Code,
    /// Everything else the node attached, e.g. `log_index`.
    pub metadata: BTreeMap<String, String>,
}

impl ClientError {
    /// The node's reason code, when a node said no.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Rejected(rejected) => Some(&rejected.reason),
            Self::Denied { reason, .. } => Some(reason),
            Self::Unavailable { .. }
            | Self::Unknown { .. }
            | Self::Protocol(_)
            | Self::Setup(_) => None,
        }
    }

    /// Whether a node rejected the call with this reason code.
    #[must_use]
    pub fn is_rejected_with(&self, reason: &str) -> bool {
        matches!(self, Self::Rejected(rejected) if rejected.reason == reason)
    }

    /// Whether the call may have been applied.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
}

/// One attempt's failure, as the retry loop sees it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Asking again cannot help.
    Final(ClientError),
    /// Another attempt may help.
    Retry(Retry),
}

/// How far an attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// No connection was made.
    Nothing,
    /// The node or we do not take the other's certificate.
    OtherCertificates,
    /// The node had the request, or may have had it.
    Node,
}

/// What is known after an attempt that may be repeated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) reach: Reach,
    /// False when the attempt may have been applied.
    pub(crate) not_applied: bool,
    /// Where the node says the leader is.
    pub(crate) leader_address: Option<String>,
    /// Whether the same node should be asked again.
    pub(crate) same_node: bool,
    /// Whether the node cannot lead just now, whoever says that it does.
    pub(crate) cannot_lead: bool,
    /// For the final error.
    pub(crate) cause: String,
}

/// The only place where a `Status` becomes a decision.
pub(crate) fn classify(status: &Status) -> Failure {
    let details = status.get_error_details();
    let info = details.error_info().filter(|info| info.domain == ERROR_DOMAIN);
    let reason = info.map_or("", |info| info.reason.as_str());
    let metadata = |key: &str| info.and_then(|info| info.metadata.get(key)).cloned();

    match (status.code(), reason) {
        (Code::Unauthenticated | Code::PermissionDenied, _) => {
            Failure::Final(ClientError::Denied {
                reason: or_code(reason, status.code()),
                message: status.message().to_owned(),
            })
        }
        (Code::ResourceExhausted, "OVERLOADED") => Failure::Retry(Retry {
            reach: Reach::Node,
            not_applied: true,
            leader_address: None,
            same_node: true,
            cannot_lead: false,
            cause: describe(reason, status),
        }),
        (
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::ResourceExhausted
            | Code::Unimplemented,
            _,
        ) => Failure::Final(ClientError::Rejected(Box::new(RejectedError {
            reason: or_code(reason, status.code()),
            field: metadata("field")
                .or_else(|| Some(details.bad_request()?.field_violations.first()?.field.clone()))
                .unwrap_or_default(),
            message: status.message().to_owned(),
            code: status.code(),
            metadata: info
                .map(|info| info.metadata.clone().into_iter().collect())
                .unwrap_or_default(),
        }))),
        _ => {
            let cause = describe(reason, status);
            let reach = reach(status, &cause);
            Failure::Retry(Retry {
                reach,
                not_applied: reach != Reach::Node
                    || metadata("outcome").is_some_and(|outcome| outcome == "not_applied"),
                leader_address: metadata("leader_address").filter(|address| !address.is_empty()),
                same_node: false,
                cannot_lead: reach == Reach::Nothing || reason == "NO_QUORUM",
                cause,
            })
        }
    }
}

fn reach(status: &Status, told: &str) -> Reach {
    match (tls_fault::is_lasting(status, told), never_sent(status)) {
        (true, _) => Reach::OtherCertificates,
        (false, true) => Reach::Nothing,
        (false, false) => Reach::Node,
    }
}

/// A connection that was never made carried no request.
fn never_sent(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

fn describe(reason: &str, status: &Status) -> String {
    let mut text = format!("{}: {}", or_code(reason, status.code()), status.message());
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

fn or_code(reason: &str, code: Code) -> String {
    if !reason.is_empty() {
        return reason.to_owned();
    }
    match code {
        // Only tonic itself answers these without a reason.
        Code::OutOfRange | Code::ResourceExhausted => "MESSAGE_TOO_LARGE".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    fn status(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Status {
        let metadata: std::collections::HashMap<String, String> =
            metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata);
        Status::with_error_details(code, "message", details)
    }

    #[test]
    fn rules_saying_no_is_final() {
        let no = status(Code::FailedPrecondition, "PRICE_LIMIT", &[("field", "trade.price_yuan")]);
        let Failure::Final(ClientError::Rejected(rejected)) = classify(&no) else {
            panic!("{no:?} must be final");
        };
        assert_eq!(
            (rejected.reason.as_str(), rejected.field.as_str()),
            ("PRICE_LIMIT", "trade.price_yuan")
        );
    }

    #[test]
    fn retries_know_what_may_have_been_applied() {
        let cases = [
            (status(Code::Unavailable, "NOT_LEADER", &[("outcome", "not_applied")]), true, false),
            (status(Code::Unavailable, "NO_LEADER", &[("outcome", "not_applied")]), true, false),
            (status(Code::Unavailable, "OUTCOME_UNKNOWN", &[("outcome", "unknown")]), false, false),
            (status(Code::ResourceExhausted, "OVERLOADED", &[]), true, true),
            (Status::unavailable("connection reset"), false, false),
            (Status::internal("h2 protocol error"), false, false),
            (Status::deadline_exceeded("late"), false, false),
            (Status::cancelled("Timeout expired"), false, false),
        ];
        for (status, not_applied, same_node) in cases {
            let Failure::Retry(retry) = classify(&status) else {
                panic!("{status:?} must be retried");
            };
            assert_eq!(
                (retry.not_applied, retry.same_node),
                (not_applied, same_node),
                "{status:?}"
            );
        }
    }

    #[test]
    fn leader_address_is_followed_only_when_named() {
        for (address, expected) in [("", None), ("127.0.0.1:7112", Some("127.0.0.1:7112"))] {
            let status = status(Code::Unavailable, "NOT_LEADER", &[("leader_address", address)]);
            let Failure::Retry(retry) = classify(&status) else { panic!("must be retried") };
            assert_eq!(retry.leader_address.as_deref(), expected);
        }
    }

    #[test]
    fn refused_certificates_and_oversized_messages_are_final() {
        let denied = classify(&status(Code::PermissionDenied, "NOT_AUTHORISED", &[]));
        assert!(matches!(denied, Failure::Final(ClientError::Denied { .. })), "{denied:?}");
        let Failure::Final(error) = classify(&Status::out_of_range("decoded message too large"))
        else {
            panic!("must be final");
        };
        assert!(error.is_rejected_with("MESSAGE_TOO_LARGE"));
    }
}
