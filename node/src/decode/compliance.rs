//! Yearly compliance: what is asked directly, and what two people decide.

use registry_ledger::{
    AllocationKind, Command, ComplianceCommand, Quantity, Reason, Rejection, TransferCause,
};
use registry_proto::registry::{
    self as proto, AllocationOrder, ApplySurrenderRequest, ApproveSurrenderRequest,
    AssignProvinceRequest, CancelUnitsRequest, CarryOverOrder, DeclineSurrenderRequest,
    EmissionsCorrection, NonTradeTransfer, RecallOrder, RecordEmissionsRequest,
};

use super::fields;

const QUANTITY: &str = "quantity_tco2e";

pub(super) fn assign(message: &AssignProvinceRequest) -> Result<Command, Rejection> {
    Ok(Command::Compliance(ComplianceCommand::AssignProvince {
        account: fields::account(message.account_id, "account_id")?,
        province: fields::province(message.province, "province")?,
        document: fields::line(&message.document, "document")?,
    }))
}

pub(super) fn record(message: &RecordEmissionsRequest) -> Result<Command, Rejection> {
    let by = match message.province {
        0 => None,
        code => Some(fields::province(code, "province")?),
    };
    Ok(Command::Compliance(ComplianceCommand::RecordEmissions {
        by,
        account: fields::account(message.account_id, "account_id")?,
        year: fields::year(message.year, "year")?,
        verified: verified(message.verified_tco2e)?,
        report_sha256: fields::sha256(&message.report_sha256, "report_sha256")?,
    }))
}

pub(super) fn apply(message: &ApplySurrenderRequest) -> Result<Command, Rejection> {
    Ok(Command::Compliance(ComplianceCommand::ApplySurrender {
        account: fields::account(message.account_id, "account_id")?,
        year: fields::year(message.year, "year")?,
        instrument: fields::instrument(&message.instrument, "instrument")?,
        quantity: fields::quantity(message.quantity_tco2e, QUANTITY)?,
    }))
}

pub(super) fn approve(message: &ApproveSurrenderRequest) -> Result<Command, Rejection> {
    Ok(Command::Compliance(ComplianceCommand::ApproveSurrender {
        province: fields::province(message.province, "province")?,
        surrender: fields::number(message.surrender_id, "surrender_id")?,
    }))
}

pub(super) fn decline(message: &DeclineSurrenderRequest) -> Result<Command, Rejection> {
    Ok(Command::Compliance(ComplianceCommand::DeclineSurrender {
        province: fields::province(message.province, "province")?,
        surrender: fields::number(message.surrender_id, "surrender_id")?,
        reason: fields::line(&message.reason, "reason")?,
    }))
}

pub(super) fn cancel(message: &CancelUnitsRequest) -> Result<Command, Rejection> {
    Ok(Command::Compliance(ComplianceCommand::Cancel {
        account: fields::account(message.account_id, "account_id")?,
        instrument: fields::instrument(&message.instrument, "instrument")?,
        quantity: fields::quantity(message.quantity_tco2e, QUANTITY)?,
        beneficiary: fields::line(&message.beneficiary, "beneficiary")?,
        reason: fields::line(&message.reason, "reason")?,
    }))
}

pub(super) fn allocation(order: &AllocationOrder) -> Result<Command, Rejection> {
    const KIND: &str = "kind";
    let kind = match proto::AllocationKind::try_from(order.kind) {
        Ok(proto::AllocationKind::PreAllocation) => AllocationKind::PreAllocation,
        Ok(proto::AllocationKind::TrueUp) => AllocationKind::TrueUp,
        Ok(proto::AllocationKind::Unspecified) => return fields::missing(KIND),
        Ok(proto::AllocationKind::Recall) => {
            let message = "a recall is a command of its own; propose that";
            return Err(Rejection::new(Reason::Malformed, KIND, message));
        }
        Err(_) => return fields::unknown_value(KIND, order.kind),
    };
    Ok(Command::Compliance(ComplianceCommand::Allocate {
        province: fields::province(order.province, "province")?,
        account: fields::account(order.account_id, "account_id")?,
        instrument: fields::instrument(&order.instrument, "instrument")?,
        kind,
        quantity: fields::quantity(order.quantity_tco2e, QUANTITY)?,
        document: fields::line(&order.document, "document")?,
    }))
}

pub(super) fn recall(order: &RecallOrder) -> Result<Command, Rejection> {
    Ok(Command::Compliance(ComplianceCommand::Recall {
        account: fields::account(order.account_id, "account_id")?,
        instrument: fields::instrument(&order.instrument, "instrument")?,
        quantity: fields::quantity(order.quantity_tco2e, QUANTITY)?,
        document: fields::line(&order.document, "document")?,
    }))
}

pub(super) fn correction(order: &EmissionsCorrection) -> Result<Command, Rejection> {
    Ok(Command::Compliance(ComplianceCommand::CorrectEmissions {
        corrects: fields::number(order.corrects_emissions_id, "corrects_emissions_id")?,
        verified: verified(order.verified_tco2e)?,
        report_sha256: fields::sha256(&order.report_sha256, "report_sha256")?,
        document: fields::line(&order.document, "document")?,
    }))
}

pub(super) fn carry_over(order: &CarryOverOrder) -> Result<Command, Rejection> {
    Ok(Command::Compliance(ComplianceCommand::CarryOver {
        account: fields::account(order.account_id, "account_id")?,
        from: fields::instrument(&order.from_instrument, "from_instrument")?,
        to: fields::instrument(&order.to_instrument, "to_instrument")?,
        quantity: fields::quantity(order.quantity_tco2e, QUANTITY)?,
        sold_from: fields::date(&order.sold_from_date, "sold_from_date")?,
        sold_to: fields::date(&order.sold_to_date, "sold_to_date")?,
        document: fields::line(&order.document, "document")?,
    }))
}

pub(super) fn transfer(order: &NonTradeTransfer) -> Result<Command, Rejection> {
    const CAUSE: &str = "cause";
    let cause = match proto::TransferCause::try_from(order.cause) {
        Ok(proto::TransferCause::Merger) => TransferCause::Merger,
        Ok(proto::TransferCause::Division) => TransferCause::Division,
        Ok(proto::TransferCause::Succession) => TransferCause::Succession,
        Ok(proto::TransferCause::Court) => TransferCause::Court,
        Ok(proto::TransferCause::Unspecified) => return fields::missing(CAUSE),
        Err(_) => return fields::unknown_value(CAUSE, order.cause),
    };
    let part = match (order.instrument.as_str(), order.quantity_tco2e) {
        ("", 0) => None,
        // So much of what?
        ("", _) => return fields::missing("instrument"),
        (code, tonnes) => {
            Some((fields::instrument(code, "instrument")?, fields::quantity(tonnes, QUANTITY)?))
        }
    };
    Ok(Command::Compliance(ComplianceCommand::Transfer {
        cause,
        from: fields::account(order.from_account_id, "from_account_id")?,
        to: fields::account(order.to_account_id, "to_account_id")?,
        part,
        document: fields::line(&order.document, "document")?,
        document_sha256: fields::sha256(&order.document_sha256, "document_sha256")?,
    }))
}

/// A firm may have emitted nothing.
fn verified(tonnes: i64) -> Result<Quantity, Rejection> {
    const FIELD: &str = "verified_tco2e";
    if tonnes < 0 {
        let message = format!("{FIELD} = {tonnes}: must not be less than 0");
        return Err(Rejection::new(Reason::OutOfRange, FIELD, message));
    }
    Ok(Quantity(tonnes))
}
