//! What the process's exit code means, and how errors are told.

use std::process::ExitCode;

use registry_client::ClientError;
use registry_client::workflow::WorkflowError;

use crate::advice;

/// Flags that do not fit together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The answer is complete, and it is an alarm.
#[derive(Debug, thiserror::Error)]
#[error("ALARM: {0}")]
pub(crate) struct Alarm(pub(crate) String);

/// Anything not named below.
const OTHER: u8 = 1;
/// As clap's own.
const USAGE: u8 = 2;
/// The rules said no.
const REJECTED: u8 = 3;
/// Deadline passed, nothing applied.
const UNAVAILABLE: u8 = 4;
/// Deadline passed, maybe applied.
const UNKNOWN: u8 = 5;
/// The certificate does not allow it.
const DENIED: u8 = 6;

/// Tells an error on standard error and gives its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    if let Some(error) = client_error(error) {
        eprintln!("  what to do: {}", advice::for_error(error));
        if let ClientError::Rejected(rejected) = error {
            for (key, value) in &rejected.metadata {
                eprintln!("  {key}: {value}");
            }
        }
    }
    ExitCode::from(code(error))
}

/// The exit code of an error.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<Usage>().is_some() {
        return USAGE;
    }
    match client_error(error) {
        Some(ClientError::Rejected(_)) => REJECTED,
        Some(ClientError::Unavailable { .. }) => UNAVAILABLE,
        Some(ClientError::Unknown { .. }) => UNKNOWN,
        Some(ClientError::Denied { .. }) => DENIED,
        Some(ClientError::Protocol(_) | ClientError::Setup(_)) | None => OTHER,
    }
}

/// The client's error inside, also within a job's.
fn client_error(error: &anyhow::Error) -> Option<&ClientError> {
    if let Some(WorkflowError::Call { cause, .. }) = error.downcast_ref::<WorkflowError>() {
        return Some(cause);
    }
    error.downcast_ref::<ClientError>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;
    use registry_client::RejectedError;

    fn rejected() -> ClientError {
        ClientError::Rejected(Box::new(RejectedError {
            reason: "PRICE_LIMIT".to_owned(),
            field: String::new(),
            message: "outside".to_owned(),
            code: tonic::Code::FailedPrecondition,
            metadata: Default::default(),
        }))
    }

    #[test]
    fn every_kind_of_error_has_its_code() {
        let unavailable = ClientError::Unavailable { call: "open_day", cause: "x".to_owned() };
        let unknown = ClientError::Unknown {
            call: "open_day",
            request_id: "id".to_owned(),
            cause: "x".to_owned(),
        };
        let denied =
            ClientError::Denied { reason: "NOT_AUTHORISED".to_owned(), message: "x".to_owned() };
        let cases: [(anyhow::Error, u8); 9] = [
            (rejected().into(), 3),
            (unavailable.into(), 4),
            (unknown.into(), 5),
            (denied.into(), 6),
            (ClientError::Setup("x".to_owned()).into(), 1),
            (ClientError::Protocol("x".to_owned()).into(), 1),
            (Usage("x".to_owned()).into(), 2),
            (Alarm("x".to_owned()).into(), 1),
            (anyhow::anyhow!("x"), 1),
        ];
        for (error, expected) in cases {
            assert_eq!(code(&error), expected, "{error:?}");
        }
    }

    #[test]
    fn context_and_jobs_do_not_hide_the_code() {
        let in_context = Err::<(), _>(rejected()).context("while loading").expect_err("an error");
        assert_eq!(code(&in_context), 3);
        let in_job = WorkflowError::Call { step: "open day".to_owned(), cause: rejected() };
        assert_eq!(code(&in_job.into()), 3);
    }
}
