//! Content of the events of pledges and freezes.

use registry_client::hex;
use registry_client::proto::{
    FreezeExecuted, FreezeLifted, Frozen, MarginCalled, MarginCured, PledgeActivated, PledgeAdded,
    PledgeDefaulted, PledgeEnforcing, PledgeParties, PledgeProposed, PledgeReleased, PledgedSold,
    ProceedsPaid, Substituted, SubstitutionOffered, UsableUntilSet,
};
use serde_json::{Value, json};

/// A pledge and its parties, and what else there is to say.
pub(crate) fn of(parties: Option<&PledgeParties>, more: Value) -> Value {
    let mut content = match parties {
        Some(of) => json!({
            "pledge_id": of.pledge_id, "pledgor_account": of.pledgor_account,
            "pledgee_bank": of.pledgee_bank,
        }),
        None => json!({}),
    };
    if let (Value::Object(fields), Value::Object(more)) = (&mut content, more) {
        fields.extend(more);
    }
    content
}

pub(crate) fn proposed(event: &PledgeProposed) -> Value {
    of(
        event.pledge.as_ref(),
        json!({
            "instrument": event.instrument, "quantity_tco2e": event.quantity_tco2e.to_string(),
            "expires_at_ms": event.expires_at_ms, "contract": event.contract,
            "principal_yuan": event.principal_yuan, "maturity_date": event.maturity_date,
            "reference_price_yuan": event.reference_price_yuan,
            "reference_date": event.reference_date, "loan_to_value_bp": event.loan_to_value_bp,
            "warning_price_yuan": event.warning_price_yuan,
            "disposal_price_yuan": event.disposal_price_yuan,
            "cure_period_ms": event.cure_period_ms,
        }),
    )
}

pub(crate) fn activated(event: &PledgeActivated) -> Value {
    of(event.pledge.as_ref(), json!({ "filing_reference": event.filing_reference }))
}

pub(crate) fn added(event: &PledgeAdded) -> Value {
    of(event.pledge.as_ref(), json!({ "quantity_tco2e": event.quantity_tco2e.to_string() }))
}

pub(crate) fn released(event: &PledgeReleased) -> Value {
    of(
        event.pledge.as_ref(),
        json!({
            "quantity_tco2e": event.quantity_tco2e.to_string(),
            "left_tco2e": event.left_tco2e.to_string(), "document": event.document,
        }),
    )
}

pub(crate) fn called(event: &MarginCalled) -> Value {
    of(
        event.pledge.as_ref(),
        json!({
            "price_yuan": event.price_yuan, "date": event.date,
            "cure_deadline_ms": event.cure_deadline_ms,
        }),
    )
}

pub(crate) fn cured(event: &MarginCured) -> Value {
    of(event.pledge.as_ref(), json!({ "price_yuan": event.price_yuan, "date": event.date }))
}

pub(crate) fn defaulted(event: &PledgeDefaulted) -> Value {
    let evidence_sha256 = hex(&event.evidence_sha256);
    of(
        event.pledge.as_ref(),
        json!({ "claim_yuan": event.claim_yuan, "evidence_sha256": evidence_sha256 }),
    )
}

pub(crate) fn enforcing(event: &PledgeEnforcing) -> Value {
    of(event.pledge.as_ref(), json!({ "document": event.document }))
}

pub(crate) fn sold(event: &PledgedSold) -> Value {
    of(
        event.pledge.as_ref(),
        json!({
            "date": event.date, "trade_number": event.trade_number,
            "quantity_tco2e": event.quantity_tco2e.to_string(),
            "left_tco2e": event.left_tco2e.to_string(),
        }),
    )
}

pub(crate) fn paid(event: &ProceedsPaid) -> Value {
    of(
        event.pledge.as_ref(),
        json!({ "amount_yuan": event.amount_yuan, "disposed": event.disposed }),
    )
}

pub(crate) fn offered(event: &SubstitutionOffered) -> Value {
    of(
        event.pledge.as_ref(),
        json!({
            "instrument": event.instrument, "quantity_tco2e": event.quantity_tco2e.to_string(),
            "expires_at_ms": event.expires_at_ms,
            "reference_price_yuan": event.reference_price_yuan,
            "reference_date": event.reference_date,
            "warning_price_yuan": event.warning_price_yuan,
            "disposal_price_yuan": event.disposal_price_yuan,
        }),
    )
}

pub(crate) fn substituted(event: &Substituted) -> Value {
    of(
        event.pledge.as_ref(),
        json!({
            "instrument": event.instrument, "quantity_tco2e": event.quantity_tco2e.to_string(),
        }),
    )
}

fn stayed(pledges: &[PledgeParties]) -> Vec<Value> {
    pledges.iter().map(|parties| of(Some(parties), json!({}))).collect()
}

pub(crate) fn frozen(event: &Frozen) -> Value {
    json!({
        "freeze_id": event.freeze_id, "account_id": event.account_id, "what": event.what,
        "court": event.court, "document": event.document, "stayed": stayed(&event.stayed),
    })
}

pub(crate) fn lifted(event: &FreezeLifted) -> Value {
    json!({
        "freeze_id": event.freeze_id, "account_id": event.account_id,
        "document": event.document, "stayed": stayed(&event.stayed),
    })
}

pub(crate) fn executed(event: &FreezeExecuted) -> Value {
    json!({
        "freeze_id": event.freeze_id, "account_id": event.account_id,
        "document": event.document, "document_sha256": hex(&event.document_sha256),
    })
}

pub(crate) fn usable_until(event: &UsableUntilSet) -> Value {
    json!({ "instrument": event.instrument, "usable_until_date": event.usable_until_date })
}
