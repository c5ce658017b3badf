#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use registry_ledger::{Answer, LedgerTime, Reason, Rejection};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{
    BackupRefusal, access, backup, bootstrap, code, fault, rejected, rejected_in_log, transport,
    unavailable,
};
use crate::config::Config;
use crate::raft::{BootstrapError, Unavailable};
use crate::security::{AccessError, Role};

fn config() -> Config {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/shanghai/sh-1.toml");
    Config::load(&file).unwrap()
}

fn info(status: &Status) -> (Code, String, BTreeMap<String, String>) {
    let info = status.get_details_error_info().expect("every status has an ErrorInfo");
    assert_eq!(info.domain, "carbon-registry");
    assert!(!status.message().is_empty());
    (status.code(), info.reason, info.metadata.into_iter().collect())
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_rejection_tells_reason_field_and_place_in_the_log() {
    let rejection = Rejection::new(Reason::TooManyDecimals, "amount_yuan", "three decimals");
    let status = rejected(&rejection);
    let expected = pairs(&[("field", "amount_yuan")]);
    assert_eq!(info(&status), (Code::InvalidArgument, "TOO_MANY_DECIMALS".into(), expected));
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].field, "amount_yuan");
    assert_eq!(violations[0].description, "three decimals");

    let rejection = Rejection::new(Reason::DayState, "", "the day is CLOSED");
    let answer = Answer {
        term: 3,
        log_index: 7,
        ledger_time: LedgerTime(1_639_641_600_000),
        outcome: Err(rejection.clone()),
    };
    let status = rejected_in_log(&rejection, &answer);
    let expected = pairs(&[("log_index", "7"), ("term", "3"), ("ledger_time_ms", "1639641600000")]);
    assert_eq!(info(&status), (Code::FailedPrecondition, "DAY_STATE".into(), expected));
    assert!(status.get_details_bad_request().is_none());
}

#[test]
fn shape_is_invalid_argument_and_only_shape() {
    let beyond_the_numbers = [
        Reason::Tick,
        Reason::TradeSize,
        Reason::SelfTrade,
        Reason::TradeTime,
        Reason::SelfTransfer,
        Reason::PeriodReversed,
        Reason::CursorMismatch,
        Reason::NotWholeFen,
    ];
    for reason in Reason::ALL {
        let shape = reason.number() < 20 || beyond_the_numbers.contains(reason);
        assert_eq!(code(*reason) == Code::InvalidArgument, shape, "{}", reason.code());
        assert_eq!(
            code(*reason) == Code::NotFound,
            reason.code().starts_with("UNKNOWN_") || *reason == Reason::WrongInstrument,
            "{}",
            reason.code()
        );
    }
}

#[test]
fn only_an_unknown_outcome_leaves_open_whether_it_was_applied() {
    let config = config();
    let not_applied = ("outcome", "not_applied");
    let rows = [
        (
            Unavailable::NotLeader { leader_id: Some(22) },
            Code::Unavailable,
            "NOT_LEADER",
            pairs(&[("leader_id", "22"), ("leader_address", "127.0.0.1:7122"), not_applied]),
        ),
        (
            Unavailable::NotLeader { leader_id: Some(99) },
            Code::Unavailable,
            "NOT_LEADER",
            pairs(&[("leader_id", "99"), ("leader_address", ""), not_applied]),
        ),
        (
            Unavailable::NotLeader { leader_id: None },
            Code::Unavailable,
            "NO_LEADER",
            pairs(&[not_applied]),
        ),
        (Unavailable::NoQuorum, Code::Unavailable, "NO_QUORUM", pairs(&[not_applied])),
        (
            Unavailable::OutcomeUnknown,
            Code::Unavailable,
            "OUTCOME_UNKNOWN",
            pairs(&[("outcome", "unknown")]),
        ),
        (Unavailable::Overloaded, Code::ResourceExhausted, "OVERLOADED", pairs(&[not_applied])),
        (Unavailable::Stopped, Code::Unavailable, "SHUTTING_DOWN", pairs(&[not_applied])),
        (
            Unavailable::Superseded { by_epoch: 3 },
            Code::Unavailable,
            "SUPERSEDED",
            pairs(&[("recovery_epoch", "3"), not_applied]),
        ),
        (
            Unavailable::ReadOnlyCopy,
            Code::FailedPrecondition,
            "READ_ONLY_COPY",
            pairs(&[not_applied]),
        ),
    ];
    for (reason, code, text, metadata) in rows {
        let status = unavailable(&reason, |id| {
            config.member(id).map_or_else(String::new, |of| of.client_address.clone())
        });
        assert_eq!(info(&status), (code, text.to_owned(), metadata), "{reason:?}");
    }
}

#[test]
fn access_and_bootstrap_have_their_reasons() {
    let denied = AccessError::NotAuthorised {
        role: Role::Firm,
        rpc: "registry.v1.CashService/Deposit".into(),
        what: "call it".into(),
    };
    let metadata = pairs(&[("role", "firm"), ("rpc", "registry.v1.CashService/Deposit")]);
    let expected = (Code::PermissionDenied, "NOT_AUTHORISED".to_owned(), metadata);
    assert_eq!(info(&access(&denied)), expected);
    let nobody = info(&access(&AccessError::NoIdentity("no certificate")));
    assert_eq!((nobody.0, nobody.1.as_str()), (Code::Unauthenticated, "NO_IDENTITY"));

    let (node, why) = ("sh-2".to_owned(), "it has a log".to_owned());
    let rows = [
        (
            BootstrapError::AlreadyBootstrapped { cluster_id: "c".into() },
            Code::AlreadyExists,
            "ALREADY_BOOTSTRAPPED",
        ),
        (
            BootstrapError::Unreachable {
                node: node.clone(),
                address: "127.0.0.1:7212".into(),
                why: why.clone(),
            },
            Code::Unavailable,
            "MEMBER_UNREACHABLE",
        ),
        (BootstrapError::Foreign { node, why }, Code::FailedPrecondition, "FOREIGN_MEMBER"),
        (BootstrapError::Failed("x".into()), Code::Unavailable, "BOOTSTRAP_INCOMPLETE"),
    ];
    for (error, code, reason) in rows {
        let got = info(&bootstrap(&error));
        assert_eq!((got.0, got.1.as_str()), (code, reason));
    }
}

#[test]
fn a_refused_backup_says_when_or_where_there_is_one() {
    let frees_in = std::time::Duration::from_secs(599);
    let rows = [
        (
            BackupRefusal::InProgress { frees_in },
            (Code::FailedPrecondition, "BACKUP_IN_PROGRESS", pairs(&[("frees_in_s", "599")])),
        ),
        (BackupRefusal::Unknown, (Code::NotFound, "UNKNOWN_BACKUP", pairs(&[]))),
        (
            BackupRefusal::LogPurged { from_index: 7, begins_at: 12 },
            (
                Code::FailedPrecondition,
                "LOG_PURGED",
                pairs(&[("from_index", "7"), ("begins_at", "12")]),
            ),
        ),
        (
            BackupRefusal::OtherCluster { own: ("c", 1), asked: ("d", 0) },
            (
                Code::FailedPrecondition,
                "OTHER_CLUSTER",
                pairs(&[("cluster_id", "c"), ("recovery_epoch", "1")]),
            ),
        ),
    ];
    for (refusal, expected) in rows {
        let (code, reason, metadata) = info(&backup(&refusal));
        assert_eq!((code, reason.as_str(), metadata), expected);
    }
}

#[test]
fn a_fault_keeps_its_details_to_the_log() {
    let status = fault("record 0x17 is corrupt");
    assert_eq!(info(&status), (Code::Internal, "FAULT".into(), BTreeMap::new()));
    assert!(!status.message().contains("0x17"));
}

/// `docs/errors.md` has a table row per reason: code, gRPC code, meaning, what to do.
#[test]
fn every_reason_is_documented_with_its_code() {
    let doc = include_str!("../../../docs/errors.md");
    let mut documented = BTreeSet::new();
    for line in doc.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{line}");
        assert!(!cells[2].is_empty() && !cells[3].is_empty(), "{line}");
        let row = (cells[0].trim_matches('`').to_owned(), cells[1].to_owned());
        assert!(documented.insert(row), "twice: {line}");
    }
    let name = |code: Code| -> String {
        // INVALID_ARGUMENT from InvalidArgument.
        let camel = format!("{code:?}");
        let mut name = String::new();
        for (i, letter) in camel.char_indices() {
            if i > 0 && letter.is_uppercase() {
                name.push('_');
            }
            name.extend(letter.to_uppercase());
        }
        name
    };
    let known: BTreeSet<(String, String)> = Reason::ALL
        .iter()
        .map(|reason| (reason.code().to_owned(), name(code(*reason))))
        .chain(transport::ALL.iter().map(|(reason, code)| ((*reason).to_owned(), name(*code))))
        .collect();
    assert_eq!(documented, known);
}
