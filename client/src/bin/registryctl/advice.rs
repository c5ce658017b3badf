//! What a person can do about an error.

use registry_client::ClientError;

use crate::reasons;
use crate::task::Task;

/// Who asked for what.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) task: Task,
    /// Empty when the identity's name does not tell it.
    pub(crate) role: String,
}

/// One sentence for a failed call.
pub(crate) fn for_error(error: &ClientError, asked: &Asked) -> String {
    match error {
        ClientError::Rejected(rejected) => for_reason(&rejected.reason, asked).to_owned(),
        ClientError::Denied { .. } => {
            "use an identity whose role may do this; docs/registryctl.md names it per command"
                .to_owned()
        }
        ClientError::Unavailable { .. } if asked.may_see_cluster() => {
            "check `cluster status`, then ask again".to_owned()
        }
        ClientError::Unavailable { .. } => "ask again, or call the operators".to_owned(),
        ClientError::Unknown { request_id, .. } => unknown(request_id, asked),
        ClientError::Protocol(_) => "client and node versions may differ; compare them".to_owned(),
        ClientError::Setup(_) => {
            "correct the endpoint, or give authority, certificate and key that \
                                  the nodes were set up with: --identity, or --ca, --cert and --key"
                .to_owned()
        }
    }
}

fn unknown(request_id: &str, asked: &Asked) -> String {
    match asked.task {
        Task::Submit => match request_id.split_once(":chunk:") {
            Some((run, _)) => format!(
                "repeat the command with --run {run}, the same file and --chunk-trades; no chunk \
                 is taken twice"
            ),
            None => "see `day show` for the last chunk taken, then go on behind it with \
                     --first-chunk"
                .to_owned(),
        },
        Task::Load | Task::SettleDay => {
            "repeat the command with the same files, flags and --run; nothing is applied twice"
                .to_owned()
        }
        Task::Deliver => "repeat the command; nothing is delivered twice".to_owned(),
        _ if request_id.is_empty() => "look first whether it was done: `cluster status`".to_owned(),
        _ => format!(
            "repeat the command with --request-id {request_id}; it tells the outcome and never \
             applies twice"
        ),
    }
}

impl Asked {
    /// Whether the role may be among these; it may when it is not known.
    fn may(&self, roles: &[&str]) -> bool {
        self.role.is_empty() || roles.contains(&self.role.as_str())
    }

    fn may_see_cluster(&self) -> bool {
        self.may(&["registry", "exchange", "operator", "auditor"])
    }

    /// What helps those roles, and what helps everyone else.
    fn either(&self, roles: &[&str], advice: &'static str, other: &'static str) -> &'static str {
        if self.may(roles) { advice } else { other }
    }
}

const REGISTRY: &[&str] = &["registry"];
const ACCOUNTS: &[&str] = &["registry", "auditor"];
const DAYS: &[&str] = &["registry", "exchange", "auditor"];
const ASK_REGISTRY: &str = "ask the registry";
const ASK_REGISTRY_TO_DO_IT: &str = "the registry must do this step first";

pub(crate) fn for_reason(reason: &str, asked: &Asked) -> &'static str {
    match reason {
        "FIELD_MISSING" | "NOT_A_DECIMAL" | "TOO_MANY_DECIMALS" | "NOT_POSITIVE"
        | "OUT_OF_RANGE" | "TOO_LONG" | "BAD_CHARACTER" | "BAD_DATE" | "CHECK_CHARACTER"
        | "MALFORMED" => malformed(asked.task),
        "REQUEST_ID_REUSED" => reused(asked.task),
        "NOT_BOOTSTRAPPED" if asked.may(&["operator"]) => {
            "form the cluster first: `cluster bootstrap`; the refusal is remembered, so use a new \
             request id or --run afterwards"
        }
        "NOT_BOOTSTRAPPED" => {
            "an operator must form the cluster first; the refusal is remembered, so use a new \
             request id or --run afterwards"
        }
        "ALREADY_BOOTSTRAPPED" => "nothing to do: the cluster exists",
        "UNKNOWN_ACCOUNT" | "ACCOUNT_EXISTS" => {
            asked.either(ACCOUNTS, "look it up: `account list`", ASK_REGISTRY)
        }
        "UNKNOWN_BANK" | "BANK_EXISTS" => "look it up: `bank list`",
        "WRONG_INSTRUMENT" | "INSTRUMENT_EXISTS" => {
            asked.either(DAYS, "look it up: `instrument list`", ASK_REGISTRY)
        }
        "INSUFFICIENT_HOLDING" => asked.either(
            &["registry", "auditor", "firm"],
            "see what is free: `account get`",
            ASK_REGISTRY,
        ),
        "GOODS_SHORT" | "CASH_SHORT" => short(reason, asked),
        "NOT_TRADING_DAY" => "choose a trading day; `day holidays` sets the calendar",
        "PREVIOUS_DAY_UNRESOLVED" => "finish the previous day: `day show`, `day finalize`",
        "FUTURE_DAY" | "DAY_ORDER" => "days are opened in order and not before they begin",
        "UNKNOWN_DAY" if asked.task == Task::Prices => {
            "no settlement day; `price list` shows the days that have a price"
        }
        "UNKNOWN_DAY" if asked.task.is_read() => "no such settlement day; check the date",
        "UNKNOWN_DAY" => asked.either(REGISTRY, "open it first: `day open`", ASK_REGISTRY_TO_DO_IT),
        "DAY_STATE" | "DAY_CLOSED" => {
            asked.either(DAYS, "see where the day stands: `day show`", ASK_REGISTRY)
        }
        "CHUNK_GAP" => "`day show` tells the last chunk; go on with the next: --first-chunk",
        "CHUNK_CONFLICT" => {
            "another chunk of this number was taken: go on with the same file and --chunk-trades, \
             or behind the last chunk that `day show` tells"
        }
        "TRADE_CONFLICT" | "TRADE_DUPLICATE" => "trade numbers are unique per day; check the file",
        "TICK" | "PRICE_LIMIT" | "TRADE_SIZE" | "SELF_TRADE" | "TRADE_TIME" => {
            "the trade breaks a market rule; the exchange must correct it"
        }
        "MANIFEST_MISMATCH" => {
            "compare the file with what was taken: `day trades`; trades settled at once are no \
             part of the manifest"
        }
        "UNKNOWN_TRADE" => "see which trades the day has: `day trades`",
        "TRADE_NOT_HELD" => "see which trades are held: `day held`",
        "TOPUP_OPEN" => "wait for the top-up deadline that `day show` tells",
        "TOPUP_DEADLINE" => "the time for top-ups is over: `day fail-held`",
        "TRADES_HELD" => "`day held`, then `day retry-held` or `day fail-held`",
        "STATEMENTS_MISSING" => "issue them: `day statements`",
        "OBJECTION_OPEN" => "answer it: `day objection resolve`",
        "SELF_APPROVAL" => "the second officer must be another person",
        "INSUFFICIENT_CASH" => asked.either(
            &["registry", "auditor", "firm"],
            "see what is available: `account get`",
            ASK_REGISTRY,
        ),
        "UNKNOWN_WITHDRAWAL" | "WITHDRAWAL_CLOSED" | "WITHDRAWALS_OPEN" => {
            "see what is open: `cash withdrawals`"
        }
        "SUSPENSE_SHORT" | "UNKNOWN_CLAIM" | "CLAIM_EXCEEDED" | "REPORT_OLDER" => asked.either(
            &["registry", "auditor", "bank"],
            "see what stands: `cash reconciliation`",
            ASK_REGISTRY,
        ),
        "UNKNOWN_PLEDGE" => "see which there are: `pledge list`",
        "STALE_VERSION"
        | "PLEDGE_NOT_ACTIVE"
        | "COVER_BELOW_CONTRACT"
        | "RELEASE_EXCEEDS_PLEDGED"
        | "SUBSTITUTION_OPEN"
        | "NO_SUBSTITUTION"
        | "OVER_DISPOSAL" => "see where it stands, with its version: `pledge verify`",
        "PRICE_STALE" => asked.either(
            DAYS,
            "see the last settled close: `instrument list`",
            "see the last settled close: `price list`",
        ),
        "COURT_STAY" | "ACCOUNT_FROZEN" | "UNKNOWN_FREEZE" => asked.either(
            &["registry", "auditor", "firm"],
            "see what a court froze: `freeze list`",
            ASK_REGISTRY,
        ),
        "RESERVE_EXHAUSTED" => "fill the reserve up: `cash reserve fund`",
        "RESERVE_NOT_NEEDED" => "the money is there: `day retry-held`",
        "UNKNOWN_PROVINCE" | "OTHER_PROVINCE" | "PROVINCE_TAKEN" | "PROVINCE_MISSING" => asked
            .either(
                &["registry", "auditor", "province"],
                "see who belongs to it: `compliance province`",
                ASK_REGISTRY,
            ),
        "EMISSIONS_RECORDED" | "UNKNOWN_EMISSIONS" | "EMISSIONS_SUPERSEDED" => {
            "see what is recorded: `compliance emissions`"
        }
        "NO_OBLIGATION" => "the emissions must be verified first: `compliance record-emissions`",
        "OVER_SURRENDER" | "CCER_SHARE" => "see what is still owed: `compliance obligation`",
        "UNKNOWN_SURRENDER" | "SURRENDER_CLOSED" => "see what waits: `compliance surrenders`",
        "CARRY_OVER_LIMIT" => "see what was carried over: `compliance carry-overs`",
        "PERIOD_REVERSED" => "exchange the two ends of the period",
        "POSITION_AHEAD" | "POSITION_BEFORE_RECORDS" => {
            "choose a position between the registry's first event and now"
        }
        "MESSAGE_TOO_LARGE" => match asked.task {
            Task::Submit | Task::SettleDay => "send smaller chunks: --chunk-trades",
            _ => "send less at once",
        },
        "UNKNOWN_PLATFORM" | "QUOTA_EXCEEDED" | "BATCH_OUT_OF_ORDER" => asked.either(
            &["registry", "auditor", "platform"],
            "see what stands: `inclusive platforms`; the registry grants more with `inclusive quota`",
            ASK_REGISTRY,
        ),
        "UNKNOWN_REPO" | "NOT_REPO_PARTY" | "REPO_STATE" | "REPO_EXPIRED" | "RETURN_NOT_DUE"
        | "TOO_MANY_REPOS" => "see where it stands: `repo list`",
        "RETURN_DATE_PASSED" => "propose one with a later return date: `repo propose`",
        "UNKNOWN_INCLUSIVE_ACCOUNT" => "open it first: `inclusive load`",
        "INSUFFICIENT_GRAMS" => "see what is there: `inclusive get`",
        "UNKNOWN_VOUCHER" | "VOUCHER_REDEEMED" | "VOUCHER_EXPIRED" => {
            "see where it stands: `inclusive vouchers`"
        }
        _ => reasons::remedy(reason).unwrap_or("docs/errors.md has the reason codes"),
    }
}

fn malformed(task: Task) -> &'static str {
    match task {
        Task::Read | Task::Prices | Task::Deliver => "correct the named field",
        Task::Submit | Task::Load | Task::SettleDay => {
            "correct the file; if the answer came from the log, choose another --run"
        }
        Task::Write | Task::SettleTrade => {
            "correct the named field and send again under a new request id"
        }
    }
}

fn reused(task: Task) -> &'static str {
    match task {
        Task::Load => {
            "this --run was used with another file or other flags: choose another --run, or go on \
             with the same file and flags"
        }
        Task::Submit | Task::SettleDay => {
            "this --run was used with other content: choose another --run, or go on with the same \
             file and --chunk-trades"
        }
        _ => "the id belongs to other content; leave --request-id out",
    }
}

/// A trade settled at once is never held: there is nothing to retry.
fn short(reason: &str, asked: &Asked) -> &'static str {
    let goods = reason == "GOODS_SHORT";
    match (asked.task == Task::SettleTrade, goods, asked.may(REGISTRY)) {
        (true, true, _) => {
            "nothing moved and the trade is not held: have the registry or the seller top up the \
             trading position, then send the trade again under a new request id"
        }
        (true, false, _) => {
            "nothing moved and the trade is not held: have the registry book a deposit for the \
             buyer, then send the trade again under a new request id"
        }
        (false, true, true) => "top up the seller: `account move`, then `day retry-held`",
        (false, false, true) => "top up the buyer: `cash deposit`, then `day retry-held`",
        (false, true, false) => "the seller must top up; the registry then retries held trades",
        (false, false, false) => "the buyer must top up; the registry then retries held trades",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(reason: &str, task: Task, role: &str) -> &'static str {
        for_reason(reason, &Asked { task, role: role.to_owned() })
    }

    #[test]
    fn hints_fit_the_job() {
        let cases = [
            ("CASH_SHORT", Task::SettleTrade, "exchange", "new request id", "retry-held"),
            ("CASH_SHORT", Task::Write, "registry", "retry-held", "new request id"),
            ("UNKNOWN_TRADE", Task::Write, "exchange", "`day trades`", "day held"),
            ("MANIFEST_MISMATCH", Task::Write, "exchange", "`day trades`", "day show"),
            ("UNKNOWN_DAY", Task::Prices, "firm", "no settlement day", "day open"),
            ("UNKNOWN_DAY", Task::Submit, "exchange", "registry", "`day open`"),
            ("BAD_DATE", Task::Read, "auditor", "correct", "request id"),
            ("UNKNOWN_ACCOUNT", Task::Submit, "exchange", "registry", "account list"),
            ("UNKNOWN_ACCOUNT", Task::Write, "", "account list", "ask the registry"),
            ("REQUEST_ID_REUSED", Task::Load, "registry", "another --run", "--request-id"),
            ("REQUEST_ID_REUSED", Task::Submit, "exchange", "--chunk-trades", "--request-id"),
        ];
        for (reason, task, role, has, has_not) in cases {
            let hint = hint(reason, task, role);
            assert!(hint.contains(has) && !hint.contains(has_not), "{reason} {task:?}: {hint}");
        }
    }

    #[test]
    fn an_unknown_outcome_is_resolved_by_the_same_run() {
        let error = ClientError::Unknown {
            call: "submit_trades",
            request_id: "a1:chunk:2021-12-16:7".to_owned(),
            cause: "x".to_owned(),
        };
        let asked = Asked { task: Task::Submit, role: String::new() };
        assert!(for_error(&error, &asked).contains("--run a1,"));
    }
}
