//! Pledges and freezes to proto.

use registry_ledger::amount::{format_price, format_yuan};
use registry_ledger::journal::What as Ledger;
use registry_ledger::{
    FreePosition, Freeze, FreezeTarget, LedgerTime, Pledge, PledgeId, PledgeRef, PledgeState,
    PledgeTerms, PledgeView, Quantity, Receipt, Substitution,
};
use registry_proto::registry as proto;
use registry_proto::registry::event::What;
use registry_proto::registry::freeze_target::Target;

use crate::services::encode::digest;

pub(super) fn pledge(pledge: &Pledge) -> proto::Pledge {
    proto::Pledge {
        pledge_id: pledge.id.0,
        pledgor_account: pledge.pledgor.0.into(),
        pledgee_bank: pledge.pledgee.0.into(),
        instrument: pledge.instrument.to_string(),
        quantity_tco2e: pledge.quantity.0,
        contract_quantity_tco2e: pledge.contract_quantity.0,
        from: position(pledge.from).into(),
        terms: Some(terms(&pledge.terms)),
        status: status(pledge.state).into(),
        version: pledge.version,
        expires_at_ms: pledge.expires_at.0,
        filing_reference: pledge.filing_reference.clone(),
        activated_log_index: pledge.activated_log_index,
        cure_deadline_ms: pledge.cure_deadline.unwrap_or(LedgerTime(0)).0,
        court_stays: pledge.stays,
        claim_yuan: format_yuan(pledge.claim),
        proceeds_yuan: format_yuan(pledge.proceeds),
        substitution: pledge.substitution.as_ref().map(substitution),
    }
}

pub(super) fn value(view: &PledgeView) -> proto::PledgeValue {
    proto::PledgeValue {
        price_yuan: format_price(view.price),
        price_date: view.price_date.map(|date| date.to_string()).unwrap_or_default(),
        value_yuan: format_yuan(view.value),
        loan_to_value_bp: view.loan_to_value_bp.unwrap_or(0),
    }
}

pub(super) fn is_recognised(state: PledgeState) -> bool {
    matches!(
        state,
        PledgeState::Active
            | PledgeState::MarginCall
            | PledgeState::Defaulted
            | PledgeState::Enforcing
    )
}

fn terms(terms: &PledgeTerms) -> proto::PledgeTerms {
    proto::PledgeTerms {
        contract: terms.contract.clone(),
        principal_yuan: format_yuan(terms.principal),
        maturity_date: terms.maturity.to_string(),
        reference_price_yuan: format_price(terms.reference_price),
        reference_date: terms.reference_date.to_string(),
        loan_to_value_bp: terms.loan_to_value_bp,
        warning_price_yuan: format_price(terms.warning_price),
        disposal_price_yuan: format_price(terms.disposal_price),
        cure_period_ms: terms.cure_period_ms,
    }
}

fn substitution(offer: &Substitution) -> proto::Substitution {
    proto::Substitution {
        terms: Some(proto::SubstitutionTerms {
            instrument: offer.instrument.to_string(),
            quantity_tco2e: offer.quantity.0,
            from: position(offer.from).into(),
            reference_price_yuan: format_price(offer.reference_price),
            reference_date: offer.reference_date.to_string(),
            warning_price_yuan: format_price(offer.warning_price),
            disposal_price_yuan: format_price(offer.disposal_price),
            time_to_live_ms: 0,
        }),
        expires_at_ms: offer.expires_at.0,
    }
}

pub(super) fn step(
    pledge: PledgeId,
    state: PledgeState,
    version: u32,
    quantity: Quantity,
) -> proto::PledgeStep {
    proto::PledgeStep {
        pledge_id: pledge.0,
        status: status(state).into(),
        version,
        quantity_tco2e: quantity.0,
    }
}

/// The step of a command about a freeze; `None` for receipts of others.
pub(super) fn freeze_step(receipt: &Receipt) -> Option<proto::FreezeStep> {
    let Receipt::Freeze { freeze, account, frozen, stayed } = receipt else { return None };
    Some(proto::FreezeStep {
        freeze_id: freeze.0,
        account_id: account.0.into(),
        frozen_tco2e: frozen.0,
        stayed_pledge_ids: stayed.iter().map(|pledge| pledge.0).collect(),
    })
}

fn status(state: PledgeState) -> proto::PledgeStatus {
    match state {
        PledgeState::Proposed => proto::PledgeStatus::Proposed,
        PledgeState::Accepted => proto::PledgeStatus::Accepted,
        PledgeState::Active => proto::PledgeStatus::Active,
        PledgeState::MarginCall => proto::PledgeStatus::MarginCall,
        PledgeState::Defaulted => proto::PledgeStatus::Defaulted,
        PledgeState::Enforcing => proto::PledgeStatus::Enforcing,
        PledgeState::Disposed => proto::PledgeStatus::Disposed,
        PledgeState::Released => proto::PledgeStatus::Released,
        PledgeState::Declined => proto::PledgeStatus::Declined,
        PledgeState::Expired => proto::PledgeStatus::Expired,
    }
}

fn position(position: FreePosition) -> proto::Position {
    match position {
        FreePosition::Registered => proto::Position::Registered,
        FreePosition::Trading => proto::Position::Trading,
    }
}

pub(super) fn freeze(freeze: &Freeze) -> proto::Freeze {
    let target = match freeze.target {
        FreezeTarget::Account { account } => Target::AccountId(account.0.into()),
        FreezeTarget::Tonnes { account, instrument, quantity } => {
            Target::Tonnes(proto::FrozenTonnes {
                account_id: account.0.into(),
                instrument: instrument.to_string(),
                quantity_tco2e: quantity.0,
            })
        }
        FreezeTarget::Pledge { pledge } => Target::PledgeId(pledge.0),
    };
    proto::Freeze {
        freeze_id: freeze.id.0,
        account_id: freeze.account.0.into(),
        target: Some(proto::FreezeTarget { target: Some(target) }),
        court: freeze.court.clone(),
        document: freeze.document.clone(),
        imposed_at_ms: freeze.imposed_at.0,
        from_registered_tco2e: freeze.registered.0,
        from_trading_tco2e: freeze.trading.0,
        stayed_pledge_ids: freeze.stayed.iter().map(|pledge| pledge.0).collect(),
    }
}

/// An event about pledges, freezes or how long an instrument can be used;
/// `None` for others.
pub(super) fn event(what: &Ledger) -> Option<What> {
    Some(match what {
        Ledger::PledgeProposed {
            pledge,
            pledgor,
            pledgee,
            instrument,
            quantity,
            terms,
            expires_at,
            ..
        } => What::PledgeProposed(proto::PledgeProposed {
            pledge: parties(&PledgeRef { id: *pledge, pledgor: *pledgor, pledgee: *pledgee }),
            instrument: instrument.to_string(),
            quantity_tco2e: quantity.0,
            expires_at_ms: expires_at.0,
            contract: terms.contract.clone(),
            principal_yuan: format_yuan(terms.principal),
            maturity_date: terms.maturity.to_string(),
            reference_price_yuan: format_price(terms.reference_price),
            reference_date: terms.reference_date.to_string(),
            loan_to_value_bp: terms.loan_to_value_bp,
            warning_price_yuan: format_price(terms.warning_price),
            disposal_price_yuan: format_price(terms.disposal_price),
            cure_period_ms: terms.cure_period_ms,
        }),
        Ledger::PledgeAccepted { pledge } => {
            What::PledgeAccepted(proto::PledgeAccepted { pledge: parties(pledge) })
        }
        Ledger::PledgeDeclined { pledge } => {
            What::PledgeDeclined(proto::PledgeDeclined { pledge: parties(pledge) })
        }
        Ledger::PledgeExpired { pledge } => {
            What::PledgeExpired(proto::PledgeExpired { pledge: parties(pledge) })
        }
        Ledger::PledgeActivated { pledge, filing_reference } => {
            What::PledgeActivated(proto::PledgeActivated {
                pledge: parties(pledge),
                filing_reference: filing_reference.clone(),
            })
        }
        Ledger::PledgeAdded { pledge, quantity } => What::PledgeAdded(proto::PledgeAdded {
            pledge: parties(pledge),
            quantity_tco2e: quantity.0,
        }),
        Ledger::PledgeReleased { pledge, quantity, left, document } => {
            What::PledgeReleased(proto::PledgeReleased {
                pledge: parties(pledge),
                quantity_tco2e: quantity.0,
                left_tco2e: left.0,
                document: document.clone(),
            })
        }
        Ledger::MarginCalled { pledge, price, date, cure_deadline } => {
            What::MarginCalled(proto::MarginCalled {
                pledge: parties(pledge),
                price_yuan: format_price(*price),
                date: date.to_string(),
                cure_deadline_ms: cure_deadline.0,
            })
        }
        Ledger::MarginCured { pledge, price, date } => What::MarginCured(proto::MarginCured {
            pledge: parties(pledge),
            price_yuan: format_price(*price),
            date: date.to_string(),
        }),
        Ledger::PledgeDefaulted { pledge, claim, evidence_sha256 } => {
            What::PledgeDefaulted(proto::PledgeDefaulted {
                pledge: parties(pledge),
                claim_yuan: format_yuan(*claim),
                evidence_sha256: digest(*evidence_sha256),
            })
        }
        Ledger::PledgeEnforcing { pledge, document } => {
            What::PledgeEnforcing(proto::PledgeEnforcing {
                pledge: parties(pledge),
                document: document.clone(),
            })
        }
        Ledger::PledgedSold { pledge, date, trade, quantity, left } => {
            What::PledgedSold(proto::PledgedSold {
                pledge: parties(pledge),
                date: date.to_string(),
                trade_number: trade.0,
                quantity_tco2e: quantity.0,
                left_tco2e: left.0,
            })
        }
        Ledger::ProceedsPaid { pledge, amount, disposed } => {
            What::ProceedsPaid(proto::ProceedsPaid {
                pledge: parties(pledge),
                amount_yuan: format_yuan(*amount),
                disposed: *disposed,
            })
        }
        Ledger::SubstitutionOffered { pledge, substitution } => {
            What::SubstitutionOffered(proto::SubstitutionOffered {
                pledge: parties(pledge),
                instrument: substitution.instrument.to_string(),
                quantity_tco2e: substitution.quantity.0,
                expires_at_ms: substitution.expires_at.0,
                reference_price_yuan: format_price(substitution.reference_price),
                reference_date: substitution.reference_date.to_string(),
                warning_price_yuan: format_price(substitution.warning_price),
                disposal_price_yuan: format_price(substitution.disposal_price),
            })
        }
        Ledger::Substituted { pledge, instrument, quantity } => {
            What::Substituted(proto::Substituted {
                pledge: parties(pledge),
                instrument: instrument.to_string(),
                quantity_tco2e: quantity.0,
            })
        }
        Ledger::SubstitutionEnded { pledge } => {
            What::SubstitutionEnded(proto::SubstitutionEnded { pledge: parties(pledge) })
        }
        Ledger::ProceedsTaken {} => What::ProceedsTaken(proto::ProceedsTaken {}),
        Ledger::Frozen { freeze, target, account, court, document, stayed } => {
            What::Frozen(proto::Frozen {
                freeze_id: freeze.0,
                account_id: account.0.into(),
                what: match target {
                    FreezeTarget::Account { .. } => "ACCOUNT",
                    FreezeTarget::Tonnes { .. } => "TONNES",
                    FreezeTarget::Pledge { .. } => "PLEDGE",
                }
                .to_owned(),
                court: court.clone(),
                document: document.clone(),
                stayed: stayed.iter().filter_map(parties).collect(),
            })
        }
        Ledger::FreezeLifted { freeze, account, document, stayed } => {
            What::FreezeLifted(proto::FreezeLifted {
                freeze_id: freeze.0,
                account_id: account.0.into(),
                document: document.clone(),
                stayed: stayed.iter().filter_map(parties).collect(),
            })
        }
        Ledger::FreezeExecuted { freeze, account, document, document_sha256 } => {
            What::FreezeExecuted(proto::FreezeExecuted {
                freeze_id: freeze.0,
                account_id: account.0.into(),
                document: document.clone(),
                document_sha256: digest(*document_sha256),
            })
        }
        Ledger::UsableUntilSet { instrument, usable_until } => {
            What::UsableUntilSet(proto::UsableUntilSet {
                instrument: instrument.to_string(),
                usable_until_date: usable_until.map(|date| date.to_string()).unwrap_or_default(),
            })
        }
        _ => return None,
    })
}

#[allow(clippy::unnecessary_wraps, reason = "a message in a message is optional on the wire")]
fn parties(pledge: &PledgeRef) -> Option<proto::PledgeParties> {
    Some(proto::PledgeParties {
        pledge_id: pledge.id.0,
        pledgor_account: pledge.pledgor.0.into(),
        pledgee_bank: pledge.pledgee.0.into(),
    })
}
