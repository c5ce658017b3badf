//! A node's pledges and freezes, page by page, beside what the events leave of them.

use registry_proto::registry as wire;
use registry_proto::registry::freeze_target::Target;

use super::auditor::Auditor;
use super::books::Books;
use super::code::FreePart;
use super::finding::{Checked, Wrong, same};
use super::freezes::Freeze;
use super::pledges::{Pledge, Stage};
use super::terms::{FreezeTarget, OtherTonnes, PledgeTerms};
use crate::amount::format_fen;

/// Field by field, so that a difference has a name.
macro_rules! same_fields {
    ($what:expr, $expected:expr, $found:expr; $($field:ident)+) => {
        $(same(
            format!("{} of {}", stringify!($field), $what),
            format!("{:?}", $expected.$field),
            format!("{:?}", $found.$field),
        )?;)+
    };
}

impl Auditor {
    /// A page of a node's pledges that follows `compared` of them; says how many
    /// are compared now.
    pub(crate) fn compare_pledges(
        &self,
        compared: u64,
        found: &[wire::PledgeWithValue],
    ) -> Checked<u64> {
        let mut id = compared;
        for with_value in found {
            id += 1;
            let found = with_value.pledge.clone().unwrap_or_default();
            same("next pledge on the node", id, found.pledge_id)?;
            let place = usize::try_from(id - 1).unwrap_or(usize::MAX);
            let Some(pledge) = self.pledges.all.get(place) else {
                return Err(Wrong::new("pledges on the node", self.pledges.all.len(), id));
            };
            let (what, expected) = (format!("pledge {id}"), listed(pledge));
            same_fields!(what, expected, found;
                pledgor_account pledgee_bank instrument quantity_tco2e contract_quantity_tco2e
                from terms status version expires_at_ms filing_reference activated_log_index
                cure_deadline_ms court_stays claim_yuan proceeds_yuan substitution);
            let expected = value(pledge, &self.books);
            let found = with_value.value.clone().unwrap_or_default();
            same_fields!(what, expected, found;
                price_yuan price_date value_yuan loan_to_value_bp);
        }
        Ok(id)
    }

    /// After the last page.
    pub(crate) fn all_pledges(&self, compared: u64) -> Checked {
        same("pledges on the node", self.pledges.all.len() as u64, compared)
    }

    /// A page of a node's freezes that stand, which begins after a number and
    /// may be the last one.
    pub(crate) fn compare_freezes(
        &self,
        after: u64,
        found: &[wire::Freeze],
        is_last: bool,
    ) -> Checked {
        let mut standing = self.freezes.standing_after(after);
        for found in found {
            let Some((id, freeze)) = standing.next() else {
                return Err(Wrong::new("freezes on the node", "no more", found.freeze_id));
            };
            same("next freeze on the node", *id, found.freeze_id)?;
            let (what, expected) = (format!("freeze {id}"), listed_freeze(*id, freeze));
            same_fields!(what, expected, found;
                account_id target court document imposed_at_ms from_registered_tco2e
                from_trading_tco2e stayed_pledge_ids);
        }
        match standing.next().filter(|_| is_last) {
            None => Ok(()),
            Some((id, _)) => Err(Wrong::new("freezes on the node", id, "not among them")),
        }
    }
}

/// As a node lists it.
fn listed(pledge: &Pledge) -> wire::Pledge {
    wire::Pledge {
        pledge_id: pledge.parties.pledge,
        pledgor_account: pledge.parties.pledgor,
        pledgee_bank: u32::try_from(pledge.parties.pledgee).unwrap_or(u32::MAX),
        instrument: pledge.instrument.to_string(),
        quantity_tco2e: pledge.tonnes,
        contract_quantity_tco2e: pledge.agreed_tonnes,
        from: position(pledge.from).into(),
        terms: Some(terms(&pledge.terms)),
        status: status(pledge.stage).into(),
        version: pledge.version,
        expires_at_ms: pledge.expires_at_ms,
        filing_reference: pledge.filing_reference.clone(),
        activated_log_index: pledge.activated_log_index,
        cure_deadline_ms: pledge.cure_deadline_ms.unwrap_or(0),
        court_stays: u32::try_from(pledge.stays).unwrap_or(u32::MAX),
        claim_yuan: format_fen(pledge.claim_fen),
        proceeds_yuan: format_fen(pledge.proceeds_fen),
        substitution: pledge.other.as_ref().map(substitution),
    }
}

fn terms(terms: &PledgeTerms) -> wire::PledgeTerms {
    wire::PledgeTerms {
        contract: terms.contract.clone(),
        principal_yuan: format_fen(terms.principal_fen),
        maturity_date: terms.maturity.to_string(),
        reference_price_yuan: format_fen(terms.reference_price_fen),
        reference_date: terms.reference_date.to_string(),
        loan_to_value_bp: u32::try_from(terms.loan_to_value_bp).unwrap_or(u32::MAX),
        warning_price_yuan: format_fen(terms.warning_price_fen),
        disposal_price_yuan: format_fen(terms.disposal_price_fen),
        cure_period_ms: terms.cure_period_ms,
    }
}

fn substitution(other: &OtherTonnes) -> wire::Substitution {
    wire::Substitution {
        terms: Some(wire::SubstitutionTerms {
            instrument: other.instrument.to_string(),
            quantity_tco2e: other.tonnes,
            from: position(other.from).into(),
            reference_price_yuan: format_fen(other.reference_price_fen),
            reference_date: other.reference_date.to_string(),
            warning_price_yuan: format_fen(other.warning_price_fen),
            disposal_price_yuan: format_fen(other.disposal_price_fen),
            time_to_live_ms: 0,
        }),
        expires_at_ms: other.expires_at_ms,
    }
}

/// At the last settled close.
fn value(pledge: &Pledge, books: &Books) -> wire::PledgeValue {
    let known = books.instruments.get(&pledge.instrument).copied().unwrap_or_default();
    let value_fen = i128::from(pledge.tonnes) * i128::from(known.last_close_fen);
    let lent = i128::from(pledge.terms.principal_fen) * 10_000;
    let loan_to_value_bp = match value_fen {
        0 => 0,
        // Rounded up; a share that is no number of 32 bits is not shown.
        _ => u32::try_from((lent + value_fen - 1) / value_fen).unwrap_or(0),
    };
    wire::PledgeValue {
        price_yuan: format_fen(known.last_close_fen),
        price_date: known.last_close_date.map(|date| date.to_string()).unwrap_or_default(),
        value_yuan: format_fen(i64::try_from(value_fen).unwrap_or(i64::MAX)),
        loan_to_value_bp,
    }
}

fn status(stage: Stage) -> wire::PledgeStatus {
    match stage {
        Stage::Proposed => wire::PledgeStatus::Proposed,
        Stage::Accepted => wire::PledgeStatus::Accepted,
        Stage::Active => wire::PledgeStatus::Active,
        Stage::MarginCall => wire::PledgeStatus::MarginCall,
        Stage::Defaulted => wire::PledgeStatus::Defaulted,
        Stage::Enforcing => wire::PledgeStatus::Enforcing,
        Stage::Disposed => wire::PledgeStatus::Disposed,
        Stage::Released => wire::PledgeStatus::Released,
        Stage::Declined => wire::PledgeStatus::Declined,
        Stage::Expired => wire::PledgeStatus::Expired,
    }
}

fn position(part: FreePart) -> wire::Position {
    match part {
        FreePart::Registered => wire::Position::Registered,
        FreePart::Trading => wire::Position::Trading,
    }
}

fn listed_freeze(freeze_id: u64, freeze: &Freeze) -> wire::Freeze {
    let target = match freeze.target {
        FreezeTarget::Account { account } => Target::AccountId(account),
        FreezeTarget::Tonnes { account, instrument, tonnes } => {
            Target::Tonnes(wire::FrozenTonnes {
                account_id: account,
                instrument: instrument.to_string(),
                quantity_tco2e: tonnes,
            })
        }
        FreezeTarget::Pledge { pledge } => Target::PledgeId(pledge),
    };
    wire::Freeze {
        freeze_id,
        account_id: freeze.account,
        target: Some(wire::FreezeTarget { target: Some(target) }),
        court: freeze.court.clone(),
        document: freeze.document.clone(),
        imposed_at_ms: freeze.imposed_at_ms,
        from_registered_tco2e: freeze.registered,
        from_trading_tco2e: freeze.trading,
        stayed_pledge_ids: freeze.stayed.iter().map(|parties| parties.pledge).collect(),
    }
}
