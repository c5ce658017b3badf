//! Yearly compliance: entries, obligations, events, proposals.

use registry_client::hex;
use registry_client::proto::event::What;
use registry_client::proto::{
    Allocation, AllocationOrder, Cancellation, CarryOver, CarryOverOrder, Emissions,
    EmissionsCorrection, NonTradeTransfer, Obligation, RecallOrder, Surrender, TransferDone,
};
use serde_json::{Value, json};

use super::word;
use crate::output::Record;

pub(crate) fn allocation(entry: &Allocation) -> Record {
    Record::default()
        .with("allocation_id", entry.allocation_id)
        .with("province", entry.province)
        .with("account_id", entry.account_id)
        .with("kind", word(entry.kind().as_str_name(), "ALLOCATION_KIND_"))
        .with("instrument", entry.instrument.as_str())
        .with("quantity_tco2e", entry.quantity_tco2e.to_string())
        .with("document", entry.document.as_str())
        .with("decided_at_ms", entry.decided_at_ms)
}

pub(crate) fn emissions(entry: &Emissions) -> Record {
    Record::default()
        .with("emissions_id", entry.emissions_id)
        .with("account_id", entry.account_id)
        .with("province", entry.province)
        .with("year", entry.year)
        .with("verified_tco2e", entry.verified_tco2e.to_string())
        .with("report_sha256", hex(&entry.report_sha256))
        .with("corrects_emissions_id", entry.corrects_emissions_id)
        .with("document", entry.document.as_str())
        .with("recorded_at_ms", entry.recorded_at_ms)
}

pub(crate) fn surrender(entry: &Surrender) -> Record {
    Record::default()
        .with("surrender_id", entry.surrender_id)
        .with("account_id", entry.account_id)
        .with("province", entry.province)
        .with("year", entry.year)
        .with("instrument", entry.instrument.as_str())
        .with("quantity_tco2e", entry.quantity_tco2e.to_string())
        .with("state", word(entry.state().as_str_name(), "SURRENDER_STATE_"))
        .with("applied_at_ms", entry.applied_at_ms)
        .with("decided_at_ms", entry.decided_at_ms)
        .with("reason", entry.reason.as_str())
}

pub(crate) fn cancellation(entry: &Cancellation) -> Record {
    Record::default()
        .with("cancellation_id", entry.cancellation_id)
        .with("account_id", entry.account_id)
        .with("holder", entry.holder.as_str())
        .with("instrument", entry.instrument.as_str())
        .with("quantity_tco2e", entry.quantity_tco2e.to_string())
        .with("beneficiary", entry.beneficiary.as_str())
        .with("reason", entry.reason.as_str())
        .with("cancelled_at_ms", entry.cancelled_at_ms)
}

pub(crate) fn carry_over(entry: &CarryOver) -> Record {
    Record::default()
        .with("carry_over_id", entry.carry_over_id)
        .with("account_id", entry.account_id)
        .with("from_instrument", entry.from_instrument.as_str())
        .with("to_instrument", entry.to_instrument.as_str())
        .with("quantity_tco2e", entry.quantity_tco2e.to_string())
        .with("sold_from_date", entry.sold_from_date.as_str())
        .with("sold_to_date", entry.sold_to_date.as_str())
        .with("net_sold_tco2e", entry.net_sold_tco2e.to_string())
        .with("document", entry.document.as_str())
        .with("decided_at_ms", entry.decided_at_ms)
}

pub(crate) fn obligation(line: &Obligation) -> Record {
    Record::default()
        .with("account_id", line.account_id)
        .with("province", line.province)
        .with("year", line.year)
        .with("emissions_id", line.emissions_id)
        .with("obligation_tco2e", line.obligation_tco2e.to_string())
        .with("surrendered_allowances_tco2e", line.surrendered_allowances_tco2e.to_string())
        .with("surrendered_reductions_tco2e", line.surrendered_reductions_tco2e.to_string())
        .with("pending_allowances_tco2e", line.pending_allowances_tco2e.to_string())
        .with("pending_reductions_tco2e", line.pending_reductions_tco2e.to_string())
        .with("shortfall_tco2e", line.shortfall_tco2e.to_string())
}

pub(crate) fn transfer(done: &TransferDone) -> Record {
    let moved = done.moved.iter().map(|of| format!("{} t of {}", of.quantity_tco2e, of.instrument));
    Record::default()
        .with("from_account_id", done.from_account_id)
        .with("to_account_id", done.to_account_id)
        .with("moved", moved.collect::<Vec<_>>())
}

pub(crate) fn allocation_order(order: &AllocationOrder) -> Record {
    Record::default()
        .with("province", order.province)
        .with("account_id", order.account_id)
        .with("kind", word(order.kind().as_str_name(), "ALLOCATION_KIND_"))
        .with("instrument", order.instrument.as_str())
        .with("quantity_tco2e", order.quantity_tco2e.to_string())
        .with("document", order.document.as_str())
}

pub(crate) fn recall_order(order: &RecallOrder) -> Record {
    Record::default()
        .with("account_id", order.account_id)
        .with("instrument", order.instrument.as_str())
        .with("quantity_tco2e", order.quantity_tco2e.to_string())
        .with("document", order.document.as_str())
}

pub(crate) fn correction_order(order: &EmissionsCorrection) -> Record {
    Record::default()
        .with("corrects_emissions_id", order.corrects_emissions_id)
        .with("verified_tco2e", order.verified_tco2e.to_string())
        .with("report_sha256", hex(&order.report_sha256))
        .with("document", order.document.as_str())
}

pub(crate) fn carry_over_order(order: &CarryOverOrder) -> Record {
    Record::default()
        .with("account_id", order.account_id)
        .with("from_instrument", order.from_instrument.as_str())
        .with("to_instrument", order.to_instrument.as_str())
        .with("quantity_tco2e", order.quantity_tco2e.to_string())
        .with("sold_from_date", order.sold_from_date.as_str())
        .with("sold_to_date", order.sold_to_date.as_str())
        .with("document", order.document.as_str())
}

pub(crate) fn transfer_order(order: &NonTradeTransfer) -> Record {
    let all = order.instrument.is_empty();
    Record::default()
        .with("cause", word(order.cause().as_str_name(), "TRANSFER_CAUSE_"))
        .with("from_account_id", order.from_account_id)
        .with("to_account_id", order.to_account_id)
        .with("instrument", if all { "everything registered" } else { &order.instrument })
        .with("quantity_tco2e", order.quantity_tco2e.to_string())
        .with("document", order.document.as_str())
        .with("document_sha256", hex(&order.document_sha256))
}

/// An event's kind and content; nothing of others.
pub(crate) fn event(what: &What) -> (&'static str, Value) {
    match what {
        What::ProvinceAssigned(of) => (
            "province_assigned",
            json!({ "account_id": of.account_id, "province": of.province, "document": of.document }),
        ),
        What::Allocated(of) => (
            "allocated",
            json!({
                "allocation_id": of.allocation_id, "province": of.province,
                "kind": word(of.kind().as_str_name(), "ALLOCATION_KIND_"),
                "document": of.document,
            }),
        ),
        What::EmissionsRecorded(of) => (
            "emissions_recorded",
            json!({
                "emissions_id": of.emissions_id, "account_id": of.account_id, "year": of.year,
                "verified_tco2e": of.verified_tco2e.to_string(),
                "report_sha256": hex(&of.report_sha256),
            }),
        ),
        What::EmissionsCorrected(of) => (
            "emissions_corrected",
            json!({
                "emissions_id": of.emissions_id,
                "corrects_emissions_id": of.corrects_emissions_id, "account_id": of.account_id,
                "verified_tco2e": of.verified_tco2e.to_string(),
                "report_sha256": hex(&of.report_sha256), "document": of.document,
            }),
        ),
        What::SurrenderApplied(of) => (
            "surrender_applied",
            json!({ "surrender_id": of.surrender_id, "province": of.province, "year": of.year }),
        ),
        What::SurrenderApproved(of) => {
            ("surrender_approved", json!({ "surrender_id": of.surrender_id }))
        }
        What::SurrenderDeclined(of) => {
            ("surrender_declined", json!({ "surrender_id": of.surrender_id, "reason": of.reason }))
        }
        What::CarriedOver(of) => (
            "carried_over",
            json!({
                "carry_over_id": of.carry_over_id, "sold_from_date": of.sold_from_date,
                "sold_to_date": of.sold_to_date, "net_sold_tco2e": of.net_sold_tco2e.to_string(),
                "document": of.document,
            }),
        ),
        What::UnitsCancelled(of) => (
            "units_cancelled",
            json!({
                "cancellation_id": of.cancellation_id, "beneficiary": of.beneficiary,
                "reason": of.reason,
            }),
        ),
        What::Transferred(of) => (
            "transferred",
            json!({
                "cause": word(of.cause().as_str_name(), "TRANSFER_CAUSE_"),
                "document": of.document, "document_sha256": hex(&of.document_sha256),
            }),
        ),
        _ => ("unknown", json!({})),
    }
}
