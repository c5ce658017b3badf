//! Pledges and freezes.

use registry_client::proto::freeze_target::Target;
use registry_client::proto::{
    Freeze, Pledge, PledgeStatus, PledgeStep, PledgeTerms, PledgeValue, Substitution,
};
use serde_json::Value;

use super::word;
use crate::output::Record;

pub(crate) fn step(step: &PledgeStep) -> Record {
    Record::default()
        .with("pledge_id", step.pledge_id)
        .with("status", word(step.status().as_str_name(), "PLEDGE_STATUS_"))
        .with("version", step.version)
        .with("quantity_tco2e", step.quantity_tco2e.to_string())
}

/// What a list of pledges shows without `--wide`.
const NARROW: [&str; 11] = [
    "pledge_id",
    "status",
    "version",
    "pledgor_account",
    "pledgee_bank",
    "instrument",
    "quantity_tco2e",
    "principal_yuan",
    "value_yuan",
    "cure_deadline_ms",
    "offer_expires_at_ms",
];

pub(crate) fn pledge(pledge: &Pledge, value: Option<&PledgeValue>) -> Record {
    let value = value.cloned().unwrap_or_default();
    let principal = pledge.terms.as_ref().map(|terms| terms.principal_yuan.clone());
    // Of no tonnes there is no share.
    let loan_to_value_bp = (pledge.quantity_tco2e > 0).then_some(value.loan_to_value_bp);
    let offered = matches!(pledge.status(), PledgeStatus::Proposed | PledgeStatus::Accepted);
    Record::default()
        .with("pledge_id", pledge.pledge_id)
        .with("status", word(pledge.status().as_str_name(), "PLEDGE_STATUS_"))
        .with("version", pledge.version)
        .with("pledgor_account", pledge.pledgor_account)
        .with("pledgee_bank", pledge.pledgee_bank)
        .with("instrument", pledge.instrument.as_str())
        .with("quantity_tco2e", pledge.quantity_tco2e.to_string())
        .with("principal_yuan", principal.unwrap_or_default())
        .with("value_yuan", value.value_yuan)
        .with("price_yuan", value.price_yuan)
        .with("price_date", value.price_date)
        .with("loan_to_value_bp", loan_to_value_bp.map_or(Value::Null, Value::from))
        .with("cure_deadline_ms", pledge.cure_deadline_ms)
        .with("court_stays", pledge.court_stays)
        .with("claim_yuan", pledge.claim_yuan.as_str())
        .with("proceeds_yuan", pledge.proceeds_yuan.as_str())
        .with("filing_reference", pledge.filing_reference.as_str())
        .with("activated_log_index", pledge.activated_log_index)
        .with("offer_expires_at_ms", offer_end(offered, pledge.expires_at_ms))
        .narrowed_to(&NARROW)
}

/// Until when an offer can be accepted; nothing once it is more, or less, than one.
pub(crate) fn offer_end(offered: bool, expires_at_ms: i64) -> Value {
    offered.then_some(expires_at_ms).map_or(Value::Null, Value::from)
}

pub(crate) fn terms(terms: &PledgeTerms) -> Record {
    Record::default()
        .with("contract", terms.contract.as_str())
        .with("maturity_date", terms.maturity_date.as_str())
        .with("reference_price_yuan", terms.reference_price_yuan.as_str())
        .with("reference_date", terms.reference_date.as_str())
        .with("contract_loan_to_value_bp", terms.loan_to_value_bp)
        .with("warning_price_yuan", terms.warning_price_yuan.as_str())
        .with("disposal_price_yuan", terms.disposal_price_yuan.as_str())
        .with("cure_period_ms", terms.cure_period_ms)
}

/// Other tonnes on offer.
pub(crate) fn substitution(offer: &Substitution) -> Record {
    let terms = offer.terms.clone().unwrap_or_default();
    Record::default()
        .with("offered_instrument", terms.instrument)
        .with("offered_tco2e", terms.quantity_tco2e.to_string())
        .with("offered_reference_price_yuan", terms.reference_price_yuan)
        .with("offered_reference_date", terms.reference_date)
        .with("offered_warning_price_yuan", terms.warning_price_yuan)
        .with("offered_disposal_price_yuan", terms.disposal_price_yuan)
        .with("offer_expires_at_ms", offer.expires_at_ms)
}

/// What a court froze: `account`, `tonnes` or `pledge`, and which.
pub(crate) fn target(target: Option<&Target>) -> Record {
    match target {
        Some(Target::AccountId(id)) => {
            Record::default().with("what", "account").with("account_id", *id)
        }
        Some(Target::Tonnes(tonnes)) => Record::default()
            .with("what", "tonnes")
            .with("account_id", tonnes.account_id)
            .with("instrument", tonnes.instrument.as_str())
            .with("quantity_tco2e", tonnes.quantity_tco2e.to_string()),
        Some(Target::PledgeId(id)) => {
            Record::default().with("what", "pledge").with("pledge_id", *id)
        }
        None => Record::default(),
    }
}

pub(crate) fn freeze(freeze: &Freeze) -> Record {
    let frozen = i128::from(freeze.from_registered_tco2e) + i128::from(freeze.from_trading_tco2e);
    let stayed = freeze.stayed_pledge_ids.iter().map(|id| Value::from(*id));
    let what = match freeze.target.as_ref().and_then(|target| target.target.as_ref()) {
        Some(Target::AccountId(_)) => "account",
        Some(Target::Tonnes(_)) => "tonnes",
        Some(Target::PledgeId(_)) => "pledge",
        None => "unknown to this version",
    };
    Record::default()
        .with("freeze_id", freeze.freeze_id)
        .with("account_id", freeze.account_id)
        .with("what", what)
        .with("frozen_tco2e", frozen.to_string())
        .with("stayed_pledge_ids", stayed.collect::<Vec<_>>())
        .with("court", freeze.court.as_str())
        .with("document", freeze.document.as_str())
        .with("imposed_at_ms", freeze.imposed_at_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_offer_expires_and_only_tonnes_have_a_share() {
        let shown = |status: PledgeStatus, quantity_tco2e| {
            let found = Pledge {
                status: status.into(),
                quantity_tco2e,
                expires_at_ms: 7,
                ..Default::default()
            };
            let value = PledgeValue { loan_to_value_bp: 5_000, ..Default::default() };
            let shown = pledge(&found, Some(&value)).into_json();
            (shown["offer_expires_at_ms"].clone(), shown["loan_to_value_bp"].clone())
        };
        assert_eq!(shown(PledgeStatus::Proposed, 5), (7.into(), 5_000.into()));
        assert_eq!(shown(PledgeStatus::Active, 5), (Value::Null, 5_000.into()));
        assert_eq!(shown(PledgeStatus::Released, 0), (Value::Null, Value::Null));
    }
}
