//! What a person can do about an error.

use registry_client::ClientError;

/// One sentence for a failed call.
pub(crate) fn for_error(error: &ClientError) -> &'static str {
    match error {
        ClientError::Rejected(rejected) => for_reason(&rejected.reason),
        ClientError::Denied { .. } => {
            "use an identity whose role may do this; docs/registryctl.md names it per command"
        }
        ClientError::Unavailable { .. } => {
            "nothing was applied; check `cluster status`, then ask again"
        }
        ClientError::Unknown { request_id, .. } if request_id.is_empty() => {
            "look first whether it was done: `cluster status`"
        }
        ClientError::Unknown { .. } => {
            "repeat the command with --request-id as named above; it tells the outcome and never \
             applies twice"
        }
        ClientError::Protocol(_) => "client and node versions may differ; compare them",
        ClientError::Setup(_) => "correct the endpoint, certificate or key",
    }
}

fn for_reason(reason: &str) -> &'static str {
    match reason {
        "FIELD_MISSING" | "NOT_A_DECIMAL" | "TOO_MANY_DECIMALS" | "NOT_POSITIVE"
        | "OUT_OF_RANGE" | "TOO_LONG" | "BAD_CHARACTER" | "BAD_DATE" | "CHECK_CHARACTER"
        | "MALFORMED" => "correct the named field and send again under a new request id",
        "NOT_BOOTSTRAPPED" => {
            "form the cluster first: `cluster bootstrap`; the refusal is remembered, so use a new \
             request id or --run afterwards"
        }
        "ALREADY_BOOTSTRAPPED" => "nothing to do: the cluster exists",
        "REQUEST_ID_REUSED" => "the id belongs to other content; leave --request-id out",
        "UNKNOWN_ACCOUNT" | "ACCOUNT_EXISTS" => "look it up: `account list`",
        "UNKNOWN_BANK" | "BANK_EXISTS" => "look it up: `bank list`",
        "WRONG_INSTRUMENT" | "INSTRUMENT_EXISTS" => "look it up: `instrument list`",
        "INSUFFICIENT_HOLDING" => "see what is free: `account get`",
        "NOT_TRADING_DAY" => "choose a trading day; `day holidays` sets the calendar",
        "PREVIOUS_DAY_UNRESOLVED" => "finish the previous day: `day show`, `day finalize`",
        "FUTURE_DAY" | "DAY_ORDER" => "days are opened in order and not before they begin",
        "UNKNOWN_DAY" => "open it first: `day open`",
        "DAY_STATE" | "DAY_CLOSED" => "see where the day stands: `day show`",
        "CHUNK_GAP" | "CHUNK_CONFLICT" => "`day show` tells the last chunk; go on with the next",
        "TRADE_CONFLICT" | "TRADE_DUPLICATE" => "trade numbers are unique per day; check the file",
        "TICK" | "PRICE_LIMIT" | "TRADE_SIZE" | "SELF_TRADE" | "TRADE_TIME" => {
            "the trade breaks a market rule; the exchange must correct it"
        }
        "MANIFEST_MISMATCH" => "compare the trade file with what was sent: `day show`",
        "UNKNOWN_TRADE" | "TRADE_NOT_HELD" => "see which trades are held: `day held`",
        "GOODS_SHORT" => "top up the seller: `account move`, then `day retry-held`",
        "CASH_SHORT" => "top up the buyer: `cash deposit`, then `day retry-held`",
        "TOPUP_OPEN" => "wait for the top-up deadline that `day show` tells",
        "TOPUP_DEADLINE" => "the time for top-ups is over: `day fail-held`",
        "TRADES_HELD" => "`day held`, then `day retry-held` or `day fail-held`",
        "STATEMENTS_MISSING" => "issue them: `day statements`",
        "OBJECTION_OPEN" => "answer it: `day objection resolve`",
        "SELF_APPROVAL" => "the second officer must be another person",
        "MESSAGE_TOO_LARGE" => "send smaller chunks: --chunk-trades",
        _ => "docs/errors.md explains the reason code",
    }
}
