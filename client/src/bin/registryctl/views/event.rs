//! Events of the journal.

use registry_client::hex;
use registry_client::proto::event::What;
use registry_client::proto::posting::Line;
use registry_client::proto::{
    AccountKind, CashPart, CashPot, Event, GoodsPot, PositionPart, Posting,
};
use serde_json::{Map, Value, json};

use super::word;
use crate::output::Record;
use crate::views::{compliance, day};

/// One event; its content and postings are for programs.
pub(crate) fn event(event: &Event) -> Record {
    let (kind, content) = content(event.what.as_ref());
    let shown: Vec<String> = content.iter().map(|(key, value)| one(key, value)).collect();
    let postings: Vec<Value> = event.postings.iter().map(posting).collect();
    Record::default()
        .with("event", event.event)
        .with_detail("log_index", event.log_index)
        .with("ledger_time_ms", event.ledger_time_ms)
        .with("actor", event.actor.as_str())
        .with("kind", kind)
        .with_text(shown.join(" "))
        .with_text(postings.iter().map(in_words).collect::<Vec<String>>().join("; "))
        .with_detail("content", Value::Object(content))
        .with_detail("postings", postings)
        .with_detail("canonical", hex(&event.canonical))
}

fn one(key: &str, value: &Value) -> String {
    match value {
        Value::String(text) if text.contains(' ') => format!("{key}={text:?}"),
        Value::String(text) if text.len() == 64 => format!("{key}={}…", &text[..16]),
        Value::String(text) => format!("{key}={text}"),
        Value::Array(items) => format!("{key}={}", items.len()),
        other => format!("{key}={other}"),
    }
}

fn in_words(posting: &Value) -> String {
    let Value::Object(fields) = posting else { return String::new() };
    fields.iter().map(|(key, value)| one(key, value)).collect::<Vec<String>>().join(" ")
}

fn posting(posting: &Posting) -> Value {
    match &posting.line {
        Some(Line::Goods(line)) => json!({
            "account_id": line.account_id,
            "instrument": line.instrument,
            "position": word(PositionPart::as_str_name(&line.position()), "POSITION_PART_"),
            "quantity_tco2e": line.quantity_tco2e.to_string(),
        }),
        Some(Line::GoodsPot(line)) => json!({
            "instrument": line.instrument,
            "pot": word(GoodsPot::as_str_name(&line.pot()), "GOODS_POT_"),
            "quantity_tco2e": line.quantity_tco2e.to_string(),
        }),
        Some(Line::Cash(line)) => json!({
            "account_id": line.account_id,
            "bank_id": line.bank_id,
            "part": word(CashPart::as_str_name(&line.part()), "CASH_PART_"),
            "amount_yuan": line.amount_yuan,
        }),
        Some(Line::CashPot(line)) => json!({
            "bank_id": line.bank_id,
            "pot": word(CashPot::as_str_name(&line.pot()), "CASH_POT_"),
            "amount_yuan": line.amount_yuan,
        }),
        None => json!({ "unknown": true }),
    }
}

/// The kind as the wire names it, and its fields.
fn content(what: Option<&What>) -> (&'static str, Map<String, Value>) {
    let (kind, content) = match what {
        Some(What::AccountOpened(of)) => (
            "account_opened",
            json!({
                "account_id": of.account_id, "uscc": of.uscc, "name": of.name,
                "kind": word(AccountKind::as_str_name(&of.kind()), "ACCOUNT_KIND_"),
            }),
        ),
        Some(What::AccountsLoaded(of)) => (
            "accounts_loaded",
            json!({
                "first_account_id": of.first_account_id, "account_count": of.account_count,
                "accounts_sha256": hex(&of.accounts_sha256), "document": of.document,
            }),
        ),
        Some(What::HoldingMoved(_)) => ("holding_moved", json!({})),
        Some(What::BankOpened(of)) => {
            ("bank_opened", json!({ "bank_id": of.bank_id, "name": of.name }))
        }
        Some(What::Deposited(_)) => ("deposited", json!({})),
        Some(What::InstrumentRegistered(of)) => (
            "instrument_registered",
            json!({
                "instrument": of.instrument, "reference_price_yuan": of.reference_price_yuan,
            }),
        ),
        Some(What::Issued(of)) => ("issued", json!({ "document": of.document })),
        Some(What::HolidaysSet(of)) => ("holidays_set", json!({ "dates": of.dates })),
        Some(What::DayOpened(of)) => {
            ("day_opened", json!({ "date": of.date, "topup_window_ms": of.topup_window_ms }))
        }
        Some(What::TradesAccepted(of)) => (
            "trades_accepted",
            json!({
                "date": of.date, "chunk_number": of.chunk_number,
                "first_sequence": of.first_sequence, "trade_count": of.trade_count,
                "trades_sha256": hex(&of.trades_sha256),
            }),
        ),
        Some(What::DayClosed(of)) => {
            let closes = of.closes.iter().map(
                |close| json!({ "instrument": close.instrument, "close_yuan": close.close_yuan }),
            );
            (
                "day_closed",
                json!({
                    "date": of.date, "trade_count": of.trade_count,
                    "quantity_tco2e": of.quantity_tco2e.to_string(), "amount_yuan": of.amount_yuan,
                    "trades_sha256": hex(&of.trades_sha256), "closes": closes.collect::<Vec<Value>>(),
                }),
            )
        }
        Some(What::DayCleared(of)) => (
            "day_cleared",
            json!({
                "date": of.date, "clearing_sha256": hex(&of.clearing_sha256),
            }),
        ),
        Some(What::ClearingConfirmed(of)) => ("clearing_confirmed", json!({ "date": of.date })),
        Some(What::ClearingDisputed(of)) => (
            "clearing_disputed",
            json!({
                "date": of.date, "clearing_sha256": hex(&of.clearing_sha256),
            }),
        ),
        Some(What::TradeAmended(of)) => {
            let trade = |trade| Value::Object(day::trade(trade).into_json());
            (
                "trade_amended",
                json!({
                    "date": of.date, "before": of.before.as_ref().map(trade),
                    "after": of.after.as_ref().map(trade), "reason": of.reason,
                }),
            )
        }
        Some(What::TradesDelivered(of)) => {
            let held = of.held.iter();
            let held = held.map(|held| json!({ "sequence": held.sequence, "reason": held.reason }));
            (
                "trades_delivered",
                json!({
                    "date": of.date, "first_sequence": of.first_sequence,
                    "trade_count": of.trade_count, "held": held.collect::<Vec<Value>>(),
                }),
            )
        }
        Some(What::HeldTradesTried(of)) => {
            let results = of.results.iter().map(|result| {
                let status = word(result.status().as_str_name(), "TRADE_STATUS_");
                json!({ "trade_number": result.trade_number, "status": status, "reason": result.reason })
            });
            (
                "held_trades_tried",
                json!({
                    "date": of.date, "results": results.collect::<Vec<Value>>(),
                }),
            )
        }
        Some(What::TradesSettled(of)) => (
            "trades_settled",
            json!({
                "date": of.date, "first_sequence": of.first_sequence,
                "trade_count": of.trade_count, "trades_sha256": hex(&of.trades_sha256),
            }),
        ),
        Some(What::StatementsIssued(of)) => ("statements_issued", json!({ "date": of.date })),
        Some(What::ObjectionRaised(of)) => (
            "objection_raised",
            json!({
                "date": of.date, "account_id": of.account_id, "text": of.text,
            }),
        ),
        Some(What::ObjectionResolved(of)) => (
            "objection_resolved",
            json!({
                "date": of.date, "account_id": of.account_id, "resolution": of.resolution,
            }),
        ),
        Some(What::DayFinal(of)) => ("day_final", json!({ "date": of.date })),
        Some(What::DaySuspended(of)) => ("day_suspended", json!({ "date": of.date })),
        Some(What::DayResumed(of)) => ("day_resumed", json!({ "date": of.date })),
        Some(What::Proposed(of)) => (
            "proposed",
            json!({
                "proposal_id": of.proposal_id, "content_sha256": hex(&of.content_sha256),
                "expires_at_ms": of.expires_at_ms,
            }),
        ),
        Some(What::Approved(of)) => {
            ("approved", json!({ "proposal_id": of.proposal_id, "maker": of.maker }))
        }
        Some(What::Declined(of)) => {
            ("declined", json!({ "proposal_id": of.proposal_id, "reason": of.reason }))
        }
        Some(What::ProposalWithdrawn(of)) => {
            ("proposal_withdrawn", json!({ "proposal_id": of.proposal_id }))
        }
        Some(What::ProposalExpired(of)) => {
            ("proposal_expired", json!({ "proposal_id": of.proposal_id }))
        }
        Some(What::WithdrawalRequested(of)) => {
            ("withdrawal_requested", json!({ "withdrawal_id": of.withdrawal_id }))
        }
        Some(What::WithdrawalConfirmed(of)) => {
            ("withdrawal_confirmed", json!({ "withdrawal_id": of.withdrawal_id }))
        }
        Some(What::WithdrawalRejected(of)) => (
            "withdrawal_rejected",
            json!({ "withdrawal_id": of.withdrawal_id, "reason": of.reason }),
        ),
        Some(What::FeeCharged(of)) => ("fee_charged", json!({ "document": of.document })),
        Some(What::SuspenseDeposited(of)) => {
            ("suspense_deposited", json!({ "reference": of.reference }))
        }
        Some(What::SuspenseAllocated(of)) => {
            ("suspense_allocated", json!({ "document": of.document }))
        }
        Some(What::SuspenseReturned(of)) => {
            ("suspense_returned", json!({ "document": of.document }))
        }
        Some(What::ReserveFunded(of)) => ("reserve_funded", json!({ "document": of.document })),
        Some(What::ReserveUsed(of)) => (
            "reserve_used",
            json!({
                "date": of.date, "trade_number": of.trade_number, "claim_yuan": of.claim_yuan,
                "document": of.document,
            }),
        ),
        Some(What::ReserveRepaid(of)) => ("reserve_repaid", json!({ "claim_yuan": of.claim_yuan })),
        Some(What::BalanceReported(of)) => (
            "balance_reported",
            json!({
                "bank_id": of.bank_id, "as_of_date": of.as_of_date,
                "balance_yuan": of.balance_yuan,
            }),
        ),
        Some(What::Founded(of)) => {
            ("founded", json!({ "cluster_id": of.cluster_id, "layout": of.layout }))
        }
        Some(
            what @ (What::ProvinceAssigned(_)
            | What::Allocated(_)
            | What::EmissionsRecorded(_)
            | What::EmissionsCorrected(_)
            | What::SurrenderApplied(_)
            | What::SurrenderApproved(_)
            | What::SurrenderDeclined(_)
            | What::CarriedOver(_)
            | What::UnitsCancelled(_)
            | What::Transferred(_)),
        ) => compliance::event(what),
        None => ("unknown", json!({})),
    };
    match content {
        Value::Object(fields) => (kind, fields),
        _ => (kind, Map::new()),
    }
}
