//! What the process's exit code means, and how errors are told.

use std::fmt;
use std::process::ExitCode;

use registry_client::ClientError;
use registry_client::backup::BackupError;
use registry_client::journal::{AuditError, Finding, kind_name};
use registry_client::recovery_report::ReportError;
use registry_client::workflow::WorkflowError;
use serde_json::{Value, json};
use tonic::Code;

use crate::advice::{self, Asked};
use crate::output::{self, Format};

/// Flags that do not fit together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The answer is complete, and it needs a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Alarm {
    pub(crate) text: String,
    pub(crate) exit_code: u8,
    pub(crate) hint: String,
}

/// Where in a file an error lies: context of an error, told on a line of its own
/// so that the reason code comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) String);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to do in this very case: context of an error, told instead of the general
/// advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice(pub(crate) String);

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Anything not named below.
pub(crate) const OTHER: u8 = 1;
/// As clap's own.
const USAGE: u8 = 2;
/// The rules said no.
pub(crate) const REJECTED: u8 = 3;
/// Deadline passed, nothing applied.
const UNAVAILABLE: u8 = 4;
/// Deadline passed, maybe applied.
const UNKNOWN: u8 = 5;
/// The certificate does not allow it.
const DENIED: u8 = 6;
/// An audit found what cannot be.
const BROKEN: u8 = 7;

const OTHER_ROOT_HINT: &str = "compare --root with its source digit by digit, and that it is of the \
    same number of events (`journal show` tells both); if it is certain, the file was changed as a \
    whole: keep it, export the journal again and audit the registry";

const BROKEN_REPORT_HINT: &str = "see that --peer-ca is the authority of the nodes' peer port; if \
    it is, do not rely on this file: `failover recover --report` of the same recovery, or each \
    survivor's recovery.plan, has what was approved";

const BROKEN_HINT: &str = "let nothing more be settled; keep the disks of all nodes and \
    `journal export`, and audit another node: --endpoints";

/// Tells an error on standard error and gives its exit code.
pub(crate) fn report(error: &anyhow::Error, format: Format, asked: &Asked) -> ExitCode {
    match format {
        Format::Json => eprintln!("{:#}", as_json(error, asked)),
        Format::Table => tell(error, asked),
    }
    ExitCode::from(code(error))
}

/// The error and its causes without place and advice; what an error says of its
/// own cause is not said twice.
fn message(error: &anyhow::Error) -> String {
    let place = error.downcast_ref::<Place>().map(|place| place.0.as_str());
    let advice = error.downcast_ref::<Advice>().map(|advice| advice.0.as_str());
    let parts = error.chain().map(ToString::to_string);
    let parts = parts.filter(|part| ![place, advice].contains(&Some(part.as_str())));
    let told = parts.reduce(
        |told, cause| {
            if told.contains(&cause) { told } else { format!("{told}: {cause}") }
        },
    );
    told.unwrap_or_default()
}

fn tell(error: &anyhow::Error, asked: &Asked) {
    eprintln!("error: {}", message(error));
    if let Some(place) = error.downcast_ref::<Place>() {
        eprintln!("  where: {place}");
    }
    let hint = hint(error, asked);
    if !hint.is_empty() {
        eprintln!("  what to do: {hint}");
    }
    if let Some(ClientError::Rejected(rejected)) = client_error(error) {
        for (key, value) in &rejected.metadata {
            // The field stands in the first line already.
            if key != "field" {
                eprintln!("  {}", output::line(key, value));
            }
        }
    }
}

/// The error for programs: one object.
fn as_json(error: &anyhow::Error, asked: &Asked) -> Value {
    let mut object = json!({
        "reason": reason(error),
        "field": "",
        "message": message(error),
        "code": Value::Null,
        "exit_code": code(error),
        "hint": hint(error, asked),
    });
    if let Some(place) = error.downcast_ref::<Place>() {
        object["where"] = place.0.as_str().into();
    }
    match client_error(error) {
        Some(ClientError::Rejected(rejected)) => {
            object["field"] = rejected.field.as_str().into();
            object["code"] = code_name(rejected.code).into();
            object["metadata"] = json!(rejected.metadata);
        }
        Some(ClientError::Denied { reason, .. }) => {
            let code = match reason.as_str() {
                "NO_IDENTITY" | "UNAUTHENTICATED" => Code::Unauthenticated,
                _ => Code::PermissionDenied,
            };
            object["code"] = code_name(code).into();
        }
        Some(ClientError::Unknown { request_id, .. }) if !request_id.is_empty() => {
            object["request_id"] = request_id.as_str().into();
        }
        _ => {}
    }
    if let Some(finding) = finding(error) {
        object["finding"] = json!({
            "event": finding.event,
            "kind": kind_name(finding.kind),
            "what": finding.what,
            "expected": finding.expected,
            "found": finding.found,
        });
    }
    object
}

/// As gRPC writes it: NOT_FOUND.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for (at, letter) in format!("{code:?}").char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Reasons that no node gives: `docs/errors.md` lists them apart.
#[cfg(test)]
pub(crate) const OWN_REASONS: [&str; 18] = [
    "UNAVAILABLE",
    "MESSAGE_TOO_LARGE",
    "PROTOCOL",
    "SETUP",
    "USAGE",
    "ALARM",
    "BOOKS_BROKEN",
    "ROOT_DIFFERS",
    "BACKUP_BROKEN",
    "ARCHIVE_GAP",
    "OTHER_CLUSTER",
    "FOLDER_IN_USE",
    "NO_SPACE",
    "OTHER_FORMAT",
    "SAME_CLUSTER",
    "POSITION_NOT_HELD",
    "REPORT_BROKEN",
    "OTHER",
];

/// The node's reason code, or the kind of error where no node gave one.
fn reason(error: &anyhow::Error) -> &str {
    match client_error(error) {
        Some(ClientError::Unavailable { .. }) => "UNAVAILABLE",
        Some(ClientError::Unknown { .. }) => "OUTCOME_UNKNOWN",
        Some(ClientError::Protocol(_)) => "PROTOCOL",
        Some(ClientError::Setup(_)) => "SETUP",
        Some(error) => error.reason().unwrap_or_default(),
        None if error.downcast_ref::<Usage>().is_some() => "USAGE",
        None if error.downcast_ref::<Alarm>().is_some() => "ALARM",
        None if finding(error).is_some() => "BOOKS_BROKEN",
        None if is_other_root(error) => "ROOT_DIFFERS",
        None if is_broken_report(error) => "REPORT_BROKEN",
        None => backup_error(error).map_or("OTHER", BackupError::reason),
    }
}

fn hint(error: &anyhow::Error, asked: &Asked) -> String {
    if let Some(advice) = error.downcast_ref::<Advice>() {
        return advice.0.clone();
    }
    match (client_error(error), error.downcast_ref::<Alarm>()) {
        (Some(error), _) => advice::for_error(error, asked),
        (None, Some(alarm)) => alarm.hint.clone(),
        (None, None) if finding(error).is_some() => BROKEN_HINT.to_owned(),
        (None, None) if is_other_root(error) => OTHER_ROOT_HINT.to_owned(),
        (None, None) if is_broken_report(error) => BROKEN_REPORT_HINT.to_owned(),
        (None, None) => backup_error(error).map_or_else(String::new, backup_hint),
    }
}

fn backup_hint(error: &BackupError) -> String {
    let hint = match error {
        BackupError::Client(_) => "",
        BackupError::NotRestored { reason, .. } => restore_hint(reason),
        BackupError::Exists(_) => "choose another --out: nothing is ever overwritten",
        BackupError::InUse(_) => "wait until the other command has ended, or choose another --out",
        BackupError::NoSpace { .. } => "make room, or choose another disk for --out",
        BackupError::File { .. } if error.reason() == "NO_SPACE" => {
            "make room, then repeat the command: it goes on where it stopped"
        }
        BackupError::File { .. } => "see that the folder is there and yours to read and write",
        BackupError::Broken { .. } => {
            "do not restore from it; take another copy of it, or make a new one: `backup create`, \
             `backup follow --from-backup`"
        }
        BackupError::Signed { .. } => {
            "see that --peer-ca is the authority of the nodes' peer port; if it is, do not restore \
             from this backup"
        }
        BackupError::OtherFormat { .. } => "use the version of this program that wrote it",
        BackupError::Gap { .. } => {
            "look for the missing segments; what is lost cannot be fetched again: make a new \
             backup and a new archive behind it: `backup create`, `backup follow --from-backup`"
        }
        BackupError::OtherCluster { .. } => {
            "put the backup and the archive of one cluster together"
        }
    };
    hint.to_owned()
}

/// The data folder is as it was in every case.
fn restore_hint(reason: &str) -> &'static str {
    match reason {
        "FOLDER_IN_USE" => {
            "give the node an empty data folder: move what is there away; nothing is overwritten"
        }
        "NO_SPACE" => "make room where the data folder lies; nothing was kept",
        "BACKUP_BROKEN" => {
            "see that --peer-ca is the peer authority of the cluster that was copied; if it is, \
             take another copy of the backup and its archive, or an earlier backup"
        }
        "OTHER_FORMAT" => "restore with the version of registry-node that wrote it",
        "ARCHIVE_GAP" => {
            "look for the archive's missing segments, or restore up to the entry before with \
             --to-position"
        }
        "OTHER_CLUSTER" => "use the archive of the backup's own cluster and recovery epoch",
        "POSITION_NOT_HELD" => {
            "an earlier backup has what is before this one, a longer archive what is behind it"
        }
        "SAME_CLUSTER" => {
            "give the new cluster a cluster_id in every node's configuration that no cluster of \
             this registry ever had"
        }
        _ => "see that --node-config is the node's file and --node-program runs there",
    }
}

/// The exit code of an error.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<Usage>().is_some() {
        return USAGE;
    }
    if let Some(alarm) = error.downcast_ref::<Alarm>() {
        return alarm.exit_code;
    }
    let broken = is_other_root(error) || is_broken_backup(error) || is_broken_report(error);
    if finding(error).is_some() || broken {
        return BROKEN;
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
    if let Some(AuditError::Client(cause)) = error.downcast_ref::<AuditError>() {
        return Some(cause);
    }
    if let Some(BackupError::Client(cause)) = backup_error(error) {
        return Some(cause);
    }
    error.downcast_ref::<ClientError>()
}

fn backup_error(error: &anyhow::Error) -> Option<&BackupError> {
    error.downcast_ref()
}

/// A backup or an archive that cannot be relied on.
fn is_broken_backup(error: &anyhow::Error) -> bool {
    let reason = backup_error(error).map(BackupError::reason);
    matches!(reason, Some("BACKUP_BROKEN" | "ARCHIVE_GAP" | "OTHER_CLUSTER"))
        && client_error(error).is_none()
}

fn is_broken_report(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ReportError>().is_some()
}

fn is_other_root(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(AuditError::OtherRoot { .. }))
}

/// What an audit found.
fn finding(error: &anyhow::Error) -> Option<&Finding> {
    match error.downcast_ref::<AuditError>() {
        Some(AuditError::Broken(finding)) => Some(finding),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;
    use registry_client::RejectedError;

    use crate::task::Task;

    fn rejected() -> ClientError {
        ClientError::Rejected(Box::new(RejectedError {
            reason: "PRICE_LIMIT".to_owned(),
            field: String::new(),
            message: "outside".to_owned(),
            code: tonic::Code::FailedPrecondition,
            metadata: Default::default(),
        }))
    }

    fn broken() -> Finding {
        let text = |text: &str| text.to_owned();
        let (what, expected, found) = (text("fen at bank 102"), text("0"), text("1"));
        Finding { event: 17, kind: "Deposited", what, expected, found }
    }

    #[test]
    fn every_kind_of_error_has_its_code() {
        let cause = "x".to_owned();
        let unavailable = ClientError::Unavailable { call: "open_day", write: true, cause };
        let unknown = ClientError::Unknown {
            call: "open_day",
            request_id: "id".to_owned(),
            cause: "x".to_owned(),
        };
        let denied =
            ClientError::Denied { reason: "NOT_AUTHORISED".to_owned(), message: "x".to_owned() };
        let alarm = Alarm { text: "x".to_owned(), exit_code: REJECTED, hint: String::new() };
        let (given, found) = ("a".to_owned(), "b".to_owned());
        let cases: [(anyhow::Error, u8); 12] = [
            (AuditError::OtherRoot { given, found }.into(), 7),
            (rejected().into(), 3),
            (unavailable.into(), 4),
            (unknown.into(), 5),
            (denied.into(), 6),
            (ClientError::Setup("x".to_owned()).into(), 1),
            (ClientError::Protocol("x".to_owned()).into(), 1),
            (Usage("x".to_owned()).into(), 2),
            (alarm.into(), 3),
            (AuditError::from(broken()).into(), 7),
            (AuditError::Client(rejected()).into(), 3),
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

    #[test]
    fn no_cause_is_told_twice() {
        let cause = std::io::Error::other("no such file");
        let error = anyhow::Error::new(cause).context("a.csv: no such file").context("load");
        assert_eq!(message(&error), "load: a.csv: no such file");
    }

    #[test]
    fn errors_for_programs_are_one_object() {
        let asked = Asked { task: Task::Write, role: String::new() };
        let told = as_json(&rejected().into(), &asked);
        assert_eq!(told["reason"], "PRICE_LIMIT");
        assert_eq!((&told["code"], &told["exit_code"]), (&json!("FAILED_PRECONDITION"), &json!(3)));
        assert!(told["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{told}");
        let placed = anyhow::Error::from(rejected()).context(Place("line 4 of a.csv".to_owned()));
        let told = as_json(&placed, &asked);
        assert_eq!(told["message"], "PRICE_LIMIT: outside");
        assert_eq!((&told["where"], code(&placed)), (&json!("line 4 of a.csv"), 3));
        let advised = placed.context(Advice("call the bank".to_owned()));
        let told = as_json(&advised, &asked);
        assert_eq!(
            (&told["message"], &told["hint"]),
            (&json!("PRICE_LIMIT: outside"), &json!("call the bank"))
        );
        let unknown = ClientError::Unknown {
            call: "open_day",
            request_id: "id".to_owned(),
            cause: "x".to_owned(),
        };
        assert_eq!(as_json(&unknown.into(), &asked)["request_id"], "id");
        let audit = as_json(&AuditError::from(broken()).into(), &asked);
        assert_eq!(
            (&audit["reason"], &audit["finding"]["event"]),
            (&json!("BOOKS_BROKEN"), &json!(17))
        );
        assert_eq!(as_json(&Usage("x".to_owned()).into(), &asked)["reason"], "USAGE");
    }
}
