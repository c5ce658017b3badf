//! Events of the journal.

use registry_client::hex;
use registry_client::proto::event::What;
use registry_client::proto::posting::Line;
use registry_client::proto::{
    AccountKind, CashPart, CashPot, Event, GoodsPot, PositionPart, Posting,
};
use serde_json::{Map, Value, json};

use super::{event_pledge, word};
use crate::output::Record;
use crate::views::{compliance, day, repo};

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

/// One posting of an account in few words.
pub(crate) fn posting_line(of: &Posting) -> String {
    let value = posting(of);
    let get = |key: &str| value.get(key).map(|v| v.as_str().map_or(v.to_string(), str::to_owned));
    match (get("quantity_tco2e"), get("amount_yuan")) {
        (Some(tonnes), _) => {
            let (what, part) = (get("instrument"), get("position"));
            format!("{} {} {tonnes} t", what.unwrap_or_default(), part.unwrap_or_default())
        }
        (None, amount) => {
            let (bank, part) = (get("bank_id"), get("part"));
            let amount = amount.unwrap_or_default();
            format!("{} {} {amount} yuan", bank.unwrap_or_default(), part.unwrap_or_default())
        }
    }
}

/// Kind and content of an event that came without its number.
pub(crate) fn what(event: &Event) -> (&'static str, Map<String, Value>) {
    content(event.what.as_ref())
}

fn in_words(posting: &Value) -> String {
    let Value::Object(fields) = posting else { return String::new() };
    fields.iter().map(|(key, value)| one(key, value)).collect::<Vec<String>>().join(" ")
}

/// One posting for programs.
pub(crate) fn posting(posting: &Posting) -> Value {
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

/// A repo, its parties, and one word more.
fn parties(repo: u64, seller: u64, buyer: u64, more: Option<(&str, &String)>) -> Value {
    let mut shown = json!({ "repo_id": repo, "seller_account": seller, "buyer_account": buyer });
    if let Some((key, text)) = more {
        shown[key] = text.as_str().into();
    }
    shown
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
        Some(What::PledgeProposed(of)) => ("pledge_proposed", event_pledge::proposed(of)),
        Some(What::PledgeAccepted(of)) => {
            ("pledge_accepted", event_pledge::of(of.pledge.as_ref(), json!({})))
        }
        Some(What::PledgeDeclined(of)) => {
            ("pledge_declined", event_pledge::of(of.pledge.as_ref(), json!({})))
        }
        Some(What::PledgeExpired(of)) => {
            ("pledge_expired", event_pledge::of(of.pledge.as_ref(), json!({})))
        }
        Some(What::PledgeActivated(of)) => ("pledge_activated", event_pledge::activated(of)),
        Some(What::PledgeAdded(of)) => ("pledge_added", event_pledge::added(of)),
        Some(What::PledgeReleased(of)) => ("pledge_released", event_pledge::released(of)),
        Some(What::MarginCalled(of)) => ("margin_called", event_pledge::called(of)),
        Some(What::MarginCured(of)) => ("margin_cured", event_pledge::cured(of)),
        Some(What::PledgeDefaulted(of)) => ("pledge_defaulted", event_pledge::defaulted(of)),
        Some(What::PledgeEnforcing(of)) => ("pledge_enforcing", event_pledge::enforcing(of)),
        Some(What::PledgedSold(of)) => ("pledged_sold", event_pledge::sold(of)),
        Some(What::ProceedsPaid(of)) => ("proceeds_paid", event_pledge::paid(of)),
        Some(What::SubstitutionOffered(of)) => ("substitution_offered", event_pledge::offered(of)),
        Some(What::Substituted(of)) => ("substituted", event_pledge::substituted(of)),
        Some(What::SubstitutionEnded(of)) => {
            ("substitution_ended", event_pledge::of(of.pledge.as_ref(), json!({})))
        }
        Some(What::ProceedsTaken(_)) => ("proceeds_taken", json!({})),
        Some(What::Frozen(of)) => ("frozen", event_pledge::frozen(of)),
        Some(What::FreezeLifted(of)) => ("freeze_lifted", event_pledge::lifted(of)),
        Some(What::FreezeExecuted(of)) => ("freeze_executed", event_pledge::executed(of)),
        Some(What::UsableUntilSet(of)) => ("usable_until_set", event_pledge::usable_until(of)),
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
        Some(What::InclusiveQuotaGranted(of)) => (
            "inclusive_quota_granted",
            json!({
                "platform_id": of.platform_id, "platform": of.platform,
                "quantity_grams": of.quantity_grams.to_string(), "document": of.document,
            }),
        ),
        Some(What::InclusiveAccountsOpened(of)) => (
            "inclusive_accounts_opened",
            json!({
                "platform_id": of.platform_id, "first_account_id": of.first_account_id,
                "account_count": of.account_count, "owners_sha256": hex(&of.owners_sha256),
            }),
        ),
        Some(What::InclusiveCredited(of)) => (
            "inclusive_credited",
            json!({
                "platform_id": of.platform_id, "batch_number": of.batch_number,
                "line_count": of.line_count, "total_grams": of.total_grams.to_string(),
                "lines_sha256": hex(&of.lines_sha256),
            }),
        ),
        Some(What::VoucherIssued(of)) => (
            "voucher_issued",
            json!({
                "voucher_id": of.voucher_id, "inclusive_account_id": of.inclusive_account_id,
                "platform_id": of.platform_id, "bank_id": of.bank_id,
                "quantity_grams": of.quantity_grams.to_string(), "amount_yuan": of.amount_yuan,
                "expires_at_ms": of.expires_at_ms,
            }),
        ),
        Some(What::VoucherRedeemed(of)) => {
            ("voucher_redeemed", json!({ "voucher_id": of.voucher_id, "bank_id": of.bank_id }))
        }
        Some(What::VouchersExpired(of)) => {
            ("vouchers_expired", json!({ "voucher_ids": of.voucher_ids }))
        }
        Some(What::RepoProposed(of)) => {
            let terms = of.terms.clone().unwrap_or_default();
            let mut shown = repo::terms(&terms).into_json();
            shown.insert("repo_id".to_owned(), of.repo_id.into());
            shown.insert("expires_at_ms".to_owned(), of.expires_at_ms.into());
            ("repo_proposed", Value::Object(shown))
        }
        Some(What::RepoOpened(of)) => {
            ("repo_opened", parties(of.repo_id, of.seller_account, of.buyer_account, None))
        }
        Some(What::RepoDeclined(of)) => (
            "repo_declined",
            parties(of.repo_id, of.seller_account, of.buyer_account, Some(("reason", &of.reason))),
        ),
        Some(What::RepoReturned(of)) => {
            ("repo_returned", parties(of.repo_id, of.seller_account, of.buyer_account, None))
        }
        Some(What::RepoReturnMissed(of)) => (
            "repo_return_missed",
            parties(
                of.repo_id,
                of.seller_account,
                of.buyer_account,
                Some(("shortage", &of.shortage)),
            ),
        ),
        Some(What::RepoFailed(of)) => (
            "repo_failed",
            parties(
                of.repo_id,
                of.seller_account,
                of.buyer_account,
                Some(("shortage", &of.shortage)),
            ),
        ),
        Some(What::RepoExpired(of)) => {
            ("repo_expired", parties(of.repo_id, of.seller_account, of.buyer_account, None))
        }
        Some(What::ClusterChanged(of)) => (
            "cluster_changed",
            json!({
                "change": of.change, "node_id": of.node_id, "city": of.city,
                "recovery_epoch": of.recovery_epoch, "note": of.note,
            }),
        ),
        Some(What::Restored(of)) => (
            "restored",
            json!({
                "source_cluster_id": of.source_cluster_id,
                "source_recovery_epoch": of.source_recovery_epoch,
                "log_index": of.log_index, "term": of.term,
                "state_digest": hex(&of.state_digest), "root_sha256": hex(&of.root_sha256),
                "cluster_id": of.cluster_id,
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

#[cfg(test)]
mod tests {
    use registry_client::journal::{self, kind_name};

    #[test]
    fn the_audit_names_kinds_as_events_do() {
        let sources = [include_str!("event.rs"), include_str!("compliance.rs")].concat();
        for kind in journal::What::NAMES {
            let name = format!("\"{}\"", kind_name(kind));
            assert!(sources.contains(&name), "{name} is the audit's only");
        }
    }
}
