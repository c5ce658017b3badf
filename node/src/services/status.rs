//! The only place where a "no" becomes a gRPC status. `docs/errors.md` lists
//! every reason; the matches have no catch-all, so a new one must be placed.

use std::collections::HashMap;
use std::time::Duration;

use registry_ledger::{Answer, Reason, Rejection};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::raft::{BootstrapError, NotHandedOver, NotMet, NotRecovered, Unavailable};
use crate::security::{AccessError, RECOVERY_EPOCH};

/// Domain of every `google.rpc.ErrorInfo`.
const ERROR_DOMAIN: &str = "carbon-registry";

/// Reasons of statuses that no rule of the ledger gave.
pub(crate) mod transport {
    /// This node follows; the metadata names the leader.
    pub(crate) const NOT_LEADER: &str = "NOT_LEADER";
    /// No leader is known to this node.
    pub(crate) const NO_LEADER: &str = "NO_LEADER";
    /// A read found no quorum.
    pub(crate) const NO_QUORUM: &str = "NO_QUORUM";
    /// A write may still commit.
    pub(crate) const OUTCOME_UNKNOWN: &str = "OUTCOME_UNKNOWN";
    /// The node is stopping.
    pub(crate) const SHUTTING_DOWN: &str = "SHUTTING_DOWN";
    /// Too much is waiting already.
    pub(crate) const OVERLOADED: &str = "OVERLOADED";
    /// The cluster was recovered without this node.
    pub(crate) const SUPERSEDED: &str = "SUPERSEDED";
    /// The caller knows an earlier recovery epoch.
    pub(crate) const EARLIER_EPOCH: &str = "EARLIER_EPOCH";
    /// The leadership was not handed over.
    pub(crate) const NOT_HANDED_OVER: &str = "NOT_HANDED_OVER";
    /// A recovery plan does not fit what this node knows.
    pub(crate) const NOT_RECOVERED: &str = "NOT_RECOVERED";
    /// A node that takes part is not wiped.
    pub(crate) const NOT_WIPED: &str = "NOT_WIPED";
    /// A copy of a data folder was asked for more than it holds.
    pub(crate) const READ_ONLY_COPY: &str = "READ_ONLY_COPY";
    /// No usable certificate.
    pub(crate) const NO_IDENTITY: &str = "NO_IDENTITY";
    /// The role may not do this.
    pub(crate) const NOT_AUTHORISED: &str = "NOT_AUTHORISED";
    /// A member did not answer the bootstrap.
    pub(crate) const MEMBER_UNREACHABLE: &str = "MEMBER_UNREACHABLE";
    /// A member is of another cluster, or has a log already.
    pub(crate) const FOREIGN_MEMBER: &str = "FOREIGN_MEMBER";
    /// The bootstrap stopped halfway; asking the same node again resumes it.
    pub(crate) const BOOTSTRAP_INCOMPLETE: &str = "BOOTSTRAP_INCOMPLETE";
    /// The node keeps another backup's checkpoint.
    pub(crate) const BACKUP_IN_PROGRESS: &str = "BACKUP_IN_PROGRESS";
    /// The node keeps no checkpoint of this id.
    pub(crate) const UNKNOWN_BACKUP: &str = "UNKNOWN_BACKUP";
    /// An archive asks for entries that are gone from the log.
    pub(crate) const LOG_PURGED: &str = "LOG_PURGED";
    /// An archive is of another cluster, or of a time before a recovery.
    pub(crate) const OTHER_CLUSTER: &str = "OTHER_CLUSTER";
    /// Something that must not happen; the node's log has the details.
    pub(crate) const FAULT: &str = "FAULT";

    /// All of them with their codes, for documentation and tests.
    #[cfg(test)]
    pub(crate) const ALL: &[(&str, tonic::Code)] = &[
        (NOT_LEADER, tonic::Code::Unavailable),
        (NO_LEADER, tonic::Code::Unavailable),
        (NO_QUORUM, tonic::Code::Unavailable),
        (OUTCOME_UNKNOWN, tonic::Code::Unavailable),
        (SHUTTING_DOWN, tonic::Code::Unavailable),
        (OVERLOADED, tonic::Code::ResourceExhausted),
        (SUPERSEDED, tonic::Code::Unavailable),
        (EARLIER_EPOCH, tonic::Code::Unavailable),
        (NOT_HANDED_OVER, tonic::Code::FailedPrecondition),
        (NOT_RECOVERED, tonic::Code::FailedPrecondition),
        (NOT_WIPED, tonic::Code::FailedPrecondition),
        (READ_ONLY_COPY, tonic::Code::FailedPrecondition),
        (NO_IDENTITY, tonic::Code::Unauthenticated),
        (NOT_AUTHORISED, tonic::Code::PermissionDenied),
        (MEMBER_UNREACHABLE, tonic::Code::Unavailable),
        (FOREIGN_MEMBER, tonic::Code::FailedPrecondition),
        (BOOTSTRAP_INCOMPLETE, tonic::Code::Unavailable),
        (BACKUP_IN_PROGRESS, tonic::Code::FailedPrecondition),
        (UNKNOWN_BACKUP, tonic::Code::NotFound),
        (LOG_PURGED, tonic::Code::FailedPrecondition),
        (OTHER_CLUSTER, tonic::Code::FailedPrecondition),
        (FAULT, tonic::Code::Internal),
    ];
}

/// A rejection before or beside the log.
pub(crate) fn rejected(rejection: &Rejection) -> Status {
    rejection_status(rejection, HashMap::new())
}

/// A rejection that the log decided: the answer for ever under this request id.
pub(crate) fn rejected_in_log(rejection: &Rejection, answer: &Answer) -> Status {
    let metadata = HashMap::from([
        ("log_index".to_owned(), answer.log_index.to_string()),
        ("term".to_owned(), answer.term.to_string()),
        ("ledger_time_ms".to_owned(), answer.ledger_time.0.to_string()),
    ]);
    rejection_status(rejection, metadata)
}

fn rejection_status(rejection: &Rejection, mut metadata: HashMap<String, String>) -> Status {
    if !rejection.field.is_empty() {
        metadata.insert("field".to_owned(), rejection.field.clone());
    }
    let code = code(rejection.reason);
    let mut details = ErrorDetails::new();
    details.set_error_info(rejection.reason.code(), ERROR_DOMAIN, metadata);
    if code == Code::InvalidArgument {
        details.add_bad_request_violation(&rejection.field, &rejection.message);
    }
    Status::with_error_details(code, &rejection.message, details)
}

/// The gRPC code of a rejection.
pub(crate) fn code(reason: Reason) -> Code {
    match reason {
        Reason::FieldMissing
        | Reason::NotADecimal
        | Reason::TooManyDecimals
        | Reason::NotPositive
        | Reason::OutOfRange
        | Reason::TooLong
        | Reason::BadCharacter
        | Reason::BadDate
        | Reason::CheckCharacter
        | Reason::Malformed
        | Reason::Tick
        | Reason::TradeSize
        | Reason::SelfTrade
        | Reason::TradeTime
        | Reason::SelfTransfer
        | Reason::PeriodReversed
        | Reason::CursorMismatch
        | Reason::NotWholeFen => Code::InvalidArgument,

        Reason::UnknownAccount
        | Reason::UnknownBank
        | Reason::WrongInstrument
        | Reason::UnknownDay
        | Reason::UnknownTrade
        | Reason::UnknownObjection
        | Reason::UnknownProposal
        | Reason::UnknownWithdrawal
        | Reason::UnknownClaim
        | Reason::UnknownProvince
        | Reason::UnknownEmissions
        | Reason::UnknownSurrender
        | Reason::UnknownPledge
        | Reason::UnknownFreeze => Code::NotFound,
        Reason::UnknownPlatform
        | Reason::UnknownInclusiveAccount
        | Reason::UnknownVoucher
        | Reason::UnknownRepo
        | Reason::UnknownCity
        | Reason::UnknownNode => Code::NotFound,

        Reason::AlreadyBootstrapped
        | Reason::RequestIdReused
        | Reason::AccountExists
        | Reason::BankExists
        | Reason::InstrumentExists
        | Reason::ChunkConflict
        | Reason::TradeConflict
        | Reason::TradeDuplicate
        | Reason::ProvinceTaken
        | Reason::EmissionsRecorded
        | Reason::InclusiveAccountExists
        | Reason::NodeIdUsed => Code::AlreadyExists,

        Reason::NotBootstrapped
        | Reason::InsufficientHolding
        | Reason::NotTradingDay
        | Reason::PreviousDayUnresolved
        | Reason::FutureDay
        | Reason::DayOrder
        | Reason::DayState
        | Reason::DayClosed
        | Reason::ChunkGap
        | Reason::PriceLimit
        | Reason::ManifestMismatch
        | Reason::ClearingImbalance
        | Reason::TradeNotHeld
        | Reason::GoodsShort
        | Reason::CashShort
        | Reason::TopupDeadline
        | Reason::TopupOpen
        | Reason::TradesHeld
        | Reason::StatementsMissing
        | Reason::ObjectionLate
        | Reason::ObjectionOpen
        | Reason::DeliveryGap
        | Reason::SelfApproval
        | Reason::ProposalExpired
        | Reason::ContentMismatch
        | Reason::NotMaker
        | Reason::TooManyProposals
        | Reason::InsufficientCash
        | Reason::WithdrawalClosed
        | Reason::WithdrawalsOpen
        | Reason::SuspenseShort
        | Reason::ReserveExhausted
        | Reason::ReserveNotNeeded
        | Reason::ClaimExceeded
        | Reason::ReportOlder
        | Reason::AccountKind
        | Reason::ProvinceMissing
        | Reason::OtherProvince
        | Reason::EmissionsSuperseded
        | Reason::NoObligation
        | Reason::VintageNotAllowed
        | Reason::CcerShare
        | Reason::OverSurrender
        | Reason::SurrenderClosed
        | Reason::CarryOverLimit
        | Reason::NotCounterparty
        | Reason::VintageExpiring
        | Reason::AccountFrozen
        | Reason::PriceStale
        | Reason::LtvExceeded
        | Reason::FilingReferenceMissing
        | Reason::StaleVersion
        | Reason::ReleaseExceedsPledged
        | Reason::CoverBelowContract
        | Reason::CurePeriodOpen
        | Reason::CourtStay
        | Reason::OverDisposal
        | Reason::PledgeNotActive
        | Reason::Pledged
        | Reason::SubstitutionOpen
        | Reason::NoSubstitution
        | Reason::PositionAhead
        | Reason::PositionBeforeRecords
        | Reason::QuotaExceeded
        | Reason::BatchOutOfOrder
        | Reason::BatchMismatch
        | Reason::InsufficientGrams
        | Reason::VoucherRedeemed
        | Reason::VoucherExpired
        | Reason::NotRepoParty
        | Reason::RepoState
        | Reason::RepoExpired
        | Reason::VotersChanging
        | Reason::CityOut
        | Reason::CityNotOut
        | Reason::LayoutForbids
        | Reason::RecoveryEpoch
        | Reason::RulesVersion
        | Reason::ReturnNotDue
        | Reason::ReturnDatePassed
        | Reason::TooManyRepos => Code::FailedPrecondition,
    }
}

/// The cluster cannot answer now. `client_address` says where clients find a node.
pub(crate) fn unavailable(
    unavailable: &Unavailable,
    client_address: impl Fn(u64) -> String,
) -> Status {
    const NOT_APPLIED: (&str, &str) = ("outcome", "not_applied");
    match unavailable {
        Unavailable::NotLeader { leader_id: Some(id) } => {
            let address = client_address(*id);
            status(
                Code::Unavailable,
                transport::NOT_LEADER,
                &[("leader_id", &id.to_string()), ("leader_address", &address), NOT_APPLIED],
                format!("this node follows; ask the leader, node {id} at {address}"),
            )
        }
        Unavailable::NotLeader { leader_id: None } => status(
            Code::Unavailable,
            transport::NO_LEADER,
            &[NOT_APPLIED],
            "no leader is known here; nothing was applied, ask again".to_owned(),
        ),
        Unavailable::NoQuorum => status(
            Code::Unavailable,
            transport::NO_QUORUM,
            &[NOT_APPLIED],
            "no majority in every city answers, so nothing new can be known or decided here; ask \
             again, or read with STALE_OK"
                .to_owned(),
        ),
        Unavailable::Superseded { by_epoch } => status(
            Code::Unavailable,
            transport::SUPERSEDED,
            &[("recovery_epoch", &by_epoch.to_string()), NOT_APPLIED],
            format!(
                "this node was given up when the cluster was recovered (recovery epoch \
                 {by_epoch}) and knows nothing newer; ask another"
            ),
        ),
        Unavailable::OutcomeUnknown => status(
            Code::Unavailable,
            transport::OUTCOME_UNKNOWN,
            &[("outcome", "unknown")],
            "the command may still commit; ask again with the same request id".to_owned(),
        ),
        Unavailable::Overloaded => status(
            Code::ResourceExhausted,
            transport::OVERLOADED,
            &[NOT_APPLIED],
            "too many commands wait; nothing was applied, ask again later".to_owned(),
        ),
        Unavailable::Stopped => status(
            Code::Unavailable,
            transport::SHUTTING_DOWN,
            &[NOT_APPLIED],
            "this node is stopping; ask another".to_owned(),
        ),
        Unavailable::ReadOnlyCopy => status(
            Code::FailedPrecondition,
            transport::READ_ONLY_COPY,
            &[NOT_APPLIED],
            "this is a copy of a node's data folder: it takes no writes and does not know what \
             came later; read with STALE_OK"
                .to_owned(),
        ),
    }
}

/// The node is stopping.
pub(crate) fn stopped() -> Status {
    unavailable(&Unavailable::Stopped, |_| String::new())
}

/// The caller may not do this.
pub(crate) fn access(error: &AccessError) -> Status {
    match error {
        AccessError::NoIdentity(_) => {
            status(Code::Unauthenticated, transport::NO_IDENTITY, &[], error.to_string())
        }
        AccessError::NotAuthorised { role, rpc, .. } => status(
            Code::PermissionDenied,
            transport::NOT_AUTHORISED,
            &[("role", role.as_str()), ("rpc", rpc)],
            error.to_string(),
        ),
    }
}

/// The cluster could not be formed.
pub(crate) fn bootstrap(error: &BootstrapError) -> Status {
    let message = error.to_string();
    match error {
        BootstrapError::AlreadyBootstrapped { .. } => {
            status(Code::AlreadyExists, Reason::AlreadyBootstrapped.code(), &[], message)
        }
        BootstrapError::Unreachable { .. } => {
            status(Code::Unavailable, transport::MEMBER_UNREACHABLE, &[], message)
        }
        BootstrapError::Foreign { .. } => {
            status(Code::FailedPrecondition, transport::FOREIGN_MEMBER, &[], message)
        }
        BootstrapError::Failed(_) => {
            status(Code::Unavailable, transport::BOOTSTRAP_INCOMPLETE, &[], message)
        }
    }
}

/// The caller means another cluster: perhaps the one that this is a restoration of.
pub(crate) fn other_cluster(own: &str, named: &str) -> Status {
    status(
        Code::FailedPrecondition,
        transport::OTHER_CLUSTER,
        &[("cluster_id", own), ("outcome", "not_applied")],
        format!("this node is of cluster {own}, the caller means {named}"),
    )
}

/// The caller must learn that the cluster was recovered.
pub(crate) fn earlier_epoch(own: u64) -> Status {
    let epoch = own.to_string();
    let mut refused = status(
        Code::Unavailable,
        transport::EARLIER_EPOCH,
        &[("recovery_epoch", &epoch), ("outcome", "not_applied")],
        format!("the cluster was recovered and is in recovery epoch {own}; connect again"),
    );
    refused.metadata_mut().insert(RECOVERY_EPOCH, own.into());
    refused
}

/// The caller knows of a recovery that this node took no part in.
pub(crate) fn later_epoch(own: u64) -> Status {
    status(
        Code::Unavailable,
        transport::SUPERSEDED,
        &[("recovery_epoch", &own.to_string()), ("outcome", "not_applied")],
        format!("this node is in recovery epoch {own}, the caller knows a later one; ask another"),
    )
}

/// The leadership stays where it is.
pub(crate) fn not_handed_over(why: &NotHandedOver) -> Status {
    status(Code::FailedPrecondition, transport::NOT_HANDED_OVER, &[], why.to_string())
}

/// A node is not admitted.
pub(crate) fn not_met(why: &NotMet) -> Status {
    match why {
        NotMet::Unreachable { .. } => {
            status(Code::Unavailable, transport::MEMBER_UNREACHABLE, &[], why.to_string())
        }
        NotMet::Foreign { .. } => {
            status(Code::FailedPrecondition, transport::FOREIGN_MEMBER, &[], why.to_string())
        }
    }
}

/// A recovery is not carried out here.
pub(crate) fn not_recovered(why: &NotRecovered) -> Status {
    status(Code::FailedPrecondition, transport::NOT_RECOVERED, &[], why.to_string())
}

/// A node's data stays.
pub(crate) fn not_wiped(message: String) -> Status {
    status(Code::FailedPrecondition, transport::NOT_WIPED, &[], message)
}

/// Why nothing is copied.
pub(crate) enum BackupRefusal<'a> {
    /// One at a time: each keeps disk space.
    InProgress {
        /// If nobody asks for the other one.
        frees_in: Duration,
    },
    /// It was ended, or nobody asked for it too long.
    Unknown,
    /// Entries that a snapshot has made superfluous here.
    LogPurged {
        /// What was asked for.
        from_index: u64,
        /// What there is.
        begins_at: u64,
    },
    /// Cluster id and recovery epoch differ.
    OtherCluster {
        /// This node's.
        own: (&'a str, u64),
        /// The caller's.
        asked: (&'a str, u64),
    },
}

/// Nothing is copied.
pub(crate) fn backup(refusal: &BackupRefusal<'_>) -> Status {
    match refusal {
        BackupRefusal::InProgress { frees_in } => status(
            Code::FailedPrecondition,
            transport::BACKUP_IN_PROGRESS,
            &[("frees_in_s", &frees_in.as_secs().to_string())],
            format!(
                "this node keeps another backup's checkpoint; it lets it go {} s after the last \
                 question for it",
                frees_in.as_secs()
            ),
        ),
        BackupRefusal::Unknown => status(
            Code::NotFound,
            transport::UNKNOWN_BACKUP,
            &[],
            "this node keeps no checkpoint of this id; it was ended, or nobody asked for it for \
             ten minutes"
                .to_owned(),
        ),
        BackupRefusal::LogPurged { from_index, begins_at } => status(
            Code::FailedPrecondition,
            transport::LOG_PURGED,
            &[("from_index", &from_index.to_string()), ("begins_at", &begins_at.to_string())],
            format!("log entry {from_index} is gone here: the log begins at {begins_at}"),
        ),
        BackupRefusal::OtherCluster { own, asked } => status(
            Code::FailedPrecondition,
            transport::OTHER_CLUSTER,
            &[("cluster_id", own.0), ("recovery_epoch", &own.1.to_string())],
            format!(
                "this node is of cluster {}, recovery epoch {}; asked for was cluster {}, epoch {}",
                own.0, own.1, asked.0, asked.1
            ),
        ),
    }
}

/// Something that must not happen: the details go to this node's log only.
pub(crate) fn fault(details: &str) -> Status {
    tracing::error!(details, "fault while answering");
    let message = "internal fault; the node's log has the details".to_owned();
    status(Code::Internal, transport::FAULT, &[], message)
}

fn status(code: Code, reason: &str, metadata: &[(&str, &str)], message: String) -> Status {
    let metadata: HashMap<String, String> =
        metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, ERROR_DOMAIN, metadata);
    Status::with_error_details(code, message, details)
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
