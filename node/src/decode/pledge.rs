//! Pledges and freezes.

use registry_ledger::{
    Command, FreezeCommand, FreezeId, FreezeTarget, PledgeCommand, PledgeId, PledgeOffer,
    PledgeTerms, Reason, Rejection, SubstitutionOffer, amount,
};
use registry_proto::registry as proto;
use registry_proto::registry::freeze_target::Target;

use super::{fields, trade};

type Decoded = Result<Command, Rejection>;

pub(super) fn propose(message: &proto::ProposePledgeRequest) -> Decoded {
    let Some(wire) = &message.terms else { return fields::missing("terms") };
    let offer = PledgeOffer {
        pledgor: fields::account(message.pledgor_account, "pledgor_account")?,
        pledgee: fields::bank(message.pledgee_bank, "pledgee_bank")?,
        instrument: fields::instrument(&message.instrument, "instrument")?,
        quantity: fields::quantity(message.quantity_tco2e, "quantity_tco2e")?,
        from: fields::position(message.from, "from")?,
        terms: terms(wire).map_err(|refused| fields::inside("terms", refused))?,
        time_to_live_ms: fields::time_to_live_ms(message.time_to_live_ms),
    };
    Ok(Command::Pledge(PledgeCommand::Propose(Box::new(offer))))
}

fn terms(message: &proto::PledgeTerms) -> Result<PledgeTerms, Rejection> {
    Ok(PledgeTerms {
        contract: fields::text(&message.contract, "contract", fields::LINE_BYTES)?,
        principal: amount::parse_yuan(&message.principal_yuan, "principal_yuan")?,
        maturity: fields::date(&message.maturity_date, "maturity_date")?,
        reference_price: amount::parse_price(
            &message.reference_price_yuan,
            "reference_price_yuan",
        )?,
        reference_date: fields::date(&message.reference_date, "reference_date")?,
        loan_to_value_bp: message.loan_to_value_bp,
        warning_price: amount::parse_price(&message.warning_price_yuan, "warning_price_yuan")?,
        disposal_price: amount::parse_price(&message.disposal_price_yuan, "disposal_price_yuan")?,
        cure_period_ms: message.cure_period_ms,
    })
}

pub(super) fn accept(message: &proto::PledgeRequest) -> Decoded {
    step(message, |pledge, version| PledgeCommand::Accept { pledge, version })
}

pub(super) fn decline(message: &proto::PledgeRequest) -> Decoded {
    step(message, |pledge, version| PledgeCommand::Decline { pledge, version })
}

pub(super) fn accept_substitution(message: &proto::PledgeRequest) -> Decoded {
    step(message, |pledge, version| PledgeCommand::AcceptSubstitution { pledge, version })
}

pub(super) fn decline_substitution(message: &proto::PledgeRequest) -> Decoded {
    step(message, |pledge, version| PledgeCommand::DeclineSubstitution { pledge, version })
}

fn step(
    message: &proto::PledgeRequest,
    command: impl FnOnce(PledgeId, u32) -> PledgeCommand,
) -> Decoded {
    let (pledge, version) = seen(message.pledge_id, message.version)?;
    Ok(Command::Pledge(command(pledge, version)))
}

pub(super) fn add(message: &proto::AddToPledgeRequest) -> Decoded {
    let (pledge, version) = seen(message.pledge_id, message.version)?;
    let from = fields::position(message.from, "from")?;
    let quantity = fields::quantity(message.quantity_tco2e, "quantity_tco2e")?;
    Ok(Command::Pledge(PledgeCommand::Add { pledge, version, from, quantity }))
}

pub(super) fn release(message: &proto::ReleasePledgeRequest) -> Decoded {
    let (pledge, version) = seen(message.pledge_id, message.version)?;
    let quantity = match message.quantity_tco2e {
        0 => None,
        tonnes => Some(fields::quantity(tonnes, "quantity_tco2e")?),
    };
    Ok(Command::Pledge(PledgeCommand::Release { pledge, version, quantity }))
}

pub(super) fn offer_substitution(message: &proto::OfferSubstitutionRequest) -> Decoded {
    let (pledge, version) = seen(message.pledge_id, message.version)?;
    let Some(wire) = &message.offer else { return fields::missing("offer") };
    let offer = substitution(wire).map_err(|refused| fields::inside("offer", refused))?;
    let offer = Box::new(offer);
    Ok(Command::Pledge(PledgeCommand::Substitute { pledge, version, offer }))
}

fn substitution(message: &proto::SubstitutionTerms) -> Result<SubstitutionOffer, Rejection> {
    Ok(SubstitutionOffer {
        instrument: fields::instrument(&message.instrument, "instrument")?,
        quantity: fields::quantity(message.quantity_tco2e, "quantity_tco2e")?,
        from: fields::position(message.from, "from")?,
        reference_price: amount::parse_price(
            &message.reference_price_yuan,
            "reference_price_yuan",
        )?,
        reference_date: fields::date(&message.reference_date, "reference_date")?,
        warning_price: amount::parse_price(&message.warning_price_yuan, "warning_price_yuan")?,
        disposal_price: amount::parse_price(&message.disposal_price_yuan, "disposal_price_yuan")?,
        time_to_live_ms: fields::time_to_live_ms(message.time_to_live_ms),
    })
}

pub(super) fn declare_default(message: &proto::DeclareDefaultRequest) -> Decoded {
    let (pledge, version) = seen(message.pledge_id, message.version)?;
    let claim = amount::parse_yuan(&message.claim_yuan, "claim_yuan")?;
    let evidence_sha256 = fields::sha256(&message.evidence_sha256, "evidence_sha256")?;
    Ok(Command::Pledge(PledgeCommand::Default { pledge, version, claim, evidence_sha256 }))
}

pub(super) fn sell(message: &proto::SellPledgedRequest) -> Decoded {
    let Some(wire) = &message.trade else { return fields::missing("trade") };
    let pledge = pledge_id(message.pledge_id)?;
    let date = fields::date(&message.date, "date")?;
    let trade = trade::trade(&wire.into()).map_err(|r| fields::inside("trade", r))?;
    Ok(Command::Pledge(PledgeCommand::Sell { pledge, date, trade }))
}

pub(super) fn take_proceeds(message: &proto::TakeProceedsRequest) -> Decoded {
    const AMOUNT: &str = "amount_yuan";
    let bank = fields::bank(message.bank_id, "bank_id")?;
    let amount = amount::parse_yuan(&message.amount_yuan, AMOUNT)?;
    if amount.0 <= 0 {
        return fields::not_positive(AMOUNT, amount.0);
    }
    Ok(Command::Pledge(PledgeCommand::TakeProceeds { bank, amount }))
}

pub(super) fn activation(message: &proto::PledgeActivation) -> Decoded {
    let (pledge, version) = seen(message.pledge_id, message.version)?;
    let filing_reference = message.filing_reference.clone();
    Ok(Command::Pledge(PledgeCommand::Activate { pledge, version, filing_reference }))
}

pub(super) fn enforcement(message: &proto::PledgeEnforcement) -> Decoded {
    let (pledge, version) = seen(message.pledge_id, message.version)?;
    let document = fields::line(&message.document, "document")?;
    Ok(Command::Pledge(PledgeCommand::Enforce { pledge, version, document }))
}

pub(super) fn court_release(message: &proto::CourtRelease) -> Decoded {
    let (pledge, version) = seen(message.pledge_id, message.version)?;
    let document = fields::line(&message.document, "document")?;
    Ok(Command::Pledge(PledgeCommand::ReleaseByCourt { pledge, version, document }))
}

pub(super) fn freeze_order(message: &proto::FreezeOrder) -> Decoded {
    let target = message.target.as_ref().and_then(|target| target.target.as_ref());
    let target = match target {
        None => return fields::missing("target"),
        Some(Target::AccountId(id)) => {
            FreezeTarget::Account { account: fields::account(*id, "account_id")? }
        }
        Some(Target::Tonnes(tonnes)) => FreezeTarget::Tonnes {
            account: fields::account(tonnes.account_id, "account_id")?,
            instrument: fields::instrument(&tonnes.instrument, "instrument")?,
            quantity: fields::quantity(tonnes.quantity_tco2e, "quantity_tco2e")?,
        },
        Some(Target::PledgeId(id)) => FreezeTarget::Pledge { pledge: pledge_id(*id)? },
    };
    let court = fields::line(&message.court, "court")?;
    let document = fields::line(&message.document, "document")?;
    Ok(Command::Freeze(FreezeCommand::Impose { target, court, document }))
}

pub(super) fn freeze_lifting(message: &proto::FreezeLifting) -> Decoded {
    let freeze = freeze_id(message.freeze_id)?;
    let document = fields::line(&message.document, "document")?;
    Ok(Command::Freeze(FreezeCommand::Lift { freeze, document }))
}

pub(super) fn freeze_execution(message: &proto::FreezeExecution) -> Decoded {
    Ok(Command::Freeze(FreezeCommand::Execute {
        freeze: freeze_id(message.freeze_id)?,
        to: fields::account(message.to_account_id, "to_account_id")?,
        quantity: fields::quantity(message.quantity_tco2e, "quantity_tco2e")?,
        document: fields::line(&message.document, "document")?,
        document_sha256: fields::sha256(&message.document_sha256, "document_sha256")?,
    }))
}

pub(super) fn set_usable_until(message: &proto::SetUsableUntilRequest) -> Decoded {
    let instrument = fields::instrument(&message.instrument, "instrument")?;
    let usable_until = match &*message.usable_until_date {
        "" => None,
        date => Some(fields::date(date, "usable_until_date")?),
    };
    Ok(Command::SetUsableUntil { instrument, usable_until })
}

/// A pledge and the version that the caller has seen; versions begin at 1.
fn seen(id: u64, version: u32) -> Result<(PledgeId, u32), Rejection> {
    let id = pledge_id(id)?;
    if version == 0 {
        let message = "version is missing: say which version of the pledge was looked at";
        return Err(Rejection::new(Reason::FieldMissing, "version", message));
    }
    Ok((id, version))
}

fn pledge_id(id: u64) -> Result<PledgeId, Rejection> {
    if id == 0 { fields::missing("pledge_id") } else { Ok(PledgeId(id)) }
}

fn freeze_id(id: u64) -> Result<FreezeId, Rejection> {
    if id == 0 { fields::missing("freeze_id") } else { Ok(FreezeId(id)) }
}
