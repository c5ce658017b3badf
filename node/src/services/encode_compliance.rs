//! Yearly compliance to proto.

use registry_ledger::{
    AccountId, Allocation, AllocationKind, Cancellation, CarryOver, ComplianceYear, Date,
    Emissions, InstrumentCode, Obligation, ProvinceCode, Quantity, Surrender, SurrenderState,
    TransferCause,
};
use registry_proto::registry as proto;
use registry_proto::registry::event::What;

use crate::services::encode::digest;

pub(super) fn allocation(entry: &Allocation) -> proto::Allocation {
    proto::Allocation {
        allocation_id: entry.number,
        province: entry.province.code().into(),
        account_id: entry.account.0.into(),
        instrument: entry.instrument.to_string(),
        kind: allocation_kind(entry.kind).into(),
        quantity_tco2e: entry.quantity.0,
        document: entry.document.clone(),
        decided_at_ms: entry.decided_at.0,
    }
}

pub(super) fn emissions(entry: &Emissions) -> proto::Emissions {
    proto::Emissions {
        emissions_id: entry.number,
        account_id: entry.account.0.into(),
        province: entry.province.code().into(),
        year: entry.year.year().into(),
        verified_tco2e: entry.verified.0,
        report_sha256: digest(entry.report_sha256),
        corrects_emissions_id: entry.corrects.unwrap_or_default(),
        document: entry.document.clone(),
        recorded_at_ms: entry.recorded_at.0,
    }
}

pub(super) fn surrender(entry: &Surrender) -> proto::Surrender {
    let state = match entry.state {
        SurrenderState::Pending => proto::SurrenderState::Pending,
        SurrenderState::Approved => proto::SurrenderState::Approved,
        SurrenderState::Declined => proto::SurrenderState::Declined,
    };
    proto::Surrender {
        surrender_id: entry.number,
        account_id: entry.account.0.into(),
        province: entry.province.code().into(),
        year: entry.year.year().into(),
        instrument: entry.instrument.to_string(),
        quantity_tco2e: entry.quantity.0,
        state: state.into(),
        applied_at_ms: entry.applied_at.0,
        decided_at_ms: entry.decided_at.map_or(0, |time| time.0),
        reason: entry.reason.clone(),
    }
}

pub(super) fn cancellation(entry: &Cancellation, holder: String) -> proto::Cancellation {
    proto::Cancellation {
        cancellation_id: entry.number,
        account_id: entry.account.0.into(),
        holder,
        instrument: entry.instrument.to_string(),
        quantity_tco2e: entry.quantity.0,
        beneficiary: entry.beneficiary.clone(),
        reason: entry.reason.clone(),
        cancelled_at_ms: entry.cancelled_at.0,
    }
}

pub(super) fn carry_over(entry: &CarryOver) -> proto::CarryOver {
    proto::CarryOver {
        carry_over_id: entry.number,
        account_id: entry.account.0.into(),
        from_instrument: entry.from.to_string(),
        to_instrument: entry.to.to_string(),
        quantity_tco2e: entry.quantity.0,
        sold_from_date: entry.sold_from.to_string(),
        sold_to_date: entry.sold_to.to_string(),
        net_sold_tco2e: entry.net_sold.0,
        document: entry.document.clone(),
        decided_at_ms: entry.decided_at.0,
    }
}

pub(super) fn transfer(
    from: AccountId,
    to: AccountId,
    moved: &[(InstrumentCode, Quantity)],
) -> proto::TransferDone {
    let moved = moved.iter().map(|(instrument, quantity)| proto::MovedTonnes {
        instrument: instrument.to_string(),
        quantity_tco2e: quantity.0,
    });
    proto::TransferDone {
        from_account_id: from.0.into(),
        to_account_id: to.0.into(),
        moved: moved.collect(),
    }
}

pub(super) fn obligation(line: &Obligation) -> proto::Obligation {
    proto::Obligation {
        account_id: line.account.0.into(),
        province: line.province.code().into(),
        year: line.year.year().into(),
        emissions_id: line.emissions,
        obligation_tco2e: line.verified.0,
        surrendered_allowances_tco2e: line.surrendered.allowances.0,
        surrendered_reductions_tco2e: line.surrendered.reductions.0,
        pending_allowances_tco2e: line.pending.allowances.0,
        pending_reductions_tco2e: line.pending.reductions.0,
        shortfall_tco2e: line.shortfall().0,
    }
}

fn allocation_kind(kind: AllocationKind) -> proto::AllocationKind {
    match kind {
        AllocationKind::PreAllocation => proto::AllocationKind::PreAllocation,
        AllocationKind::TrueUp => proto::AllocationKind::TrueUp,
        AllocationKind::Recall => proto::AllocationKind::Recall,
    }
}

fn transfer_cause(cause: TransferCause) -> proto::TransferCause {
    match cause {
        TransferCause::Merger => proto::TransferCause::Merger,
        TransferCause::Division => proto::TransferCause::Division,
        TransferCause::Succession => proto::TransferCause::Succession,
        TransferCause::Court => proto::TransferCause::Court,
    }
}

pub(super) fn province_assigned(
    account: AccountId,
    province: ProvinceCode,
    document: &str,
) -> What {
    What::ProvinceAssigned(proto::ProvinceAssigned {
        account_id: account.0.into(),
        province: province.code().into(),
        document: document.to_owned(),
    })
}

pub(super) fn allocated(
    allocation_id: u64,
    province: ProvinceCode,
    kind: AllocationKind,
    document: &str,
) -> What {
    What::Allocated(proto::Allocated {
        allocation_id,
        province: province.code().into(),
        kind: allocation_kind(kind).into(),
        document: document.to_owned(),
    })
}

pub(super) fn emissions_recorded(
    emissions_id: u64,
    account: AccountId,
    year: ComplianceYear,
    verified: Quantity,
    report_sha256: [u8; 32],
) -> What {
    What::EmissionsRecorded(proto::EmissionsRecorded {
        emissions_id,
        account_id: account.0.into(),
        year: year.year().into(),
        verified_tco2e: verified.0,
        report_sha256: digest(report_sha256),
    })
}

/// `ids` are the entry's number and that of the one it replaces.
pub(super) fn emissions_corrected(
    ids: (u64, u64),
    account: AccountId,
    verified: Quantity,
    report_sha256: [u8; 32],
    document: &str,
) -> What {
    What::EmissionsCorrected(proto::EmissionsCorrected {
        emissions_id: ids.0,
        corrects_emissions_id: ids.1,
        account_id: account.0.into(),
        verified_tco2e: verified.0,
        report_sha256: digest(report_sha256),
        document: document.to_owned(),
    })
}

pub(super) fn surrender_applied(
    surrender_id: u64,
    province: ProvinceCode,
    year: ComplianceYear,
) -> What {
    What::SurrenderApplied(proto::SurrenderApplied {
        surrender_id,
        province: province.code().into(),
        year: year.year().into(),
    })
}

pub(super) fn carried_over(
    carry_over_id: u64,
    days: (Date, Date),
    net_sold: Quantity,
    document: &str,
) -> What {
    What::CarriedOver(proto::CarriedOver {
        carry_over_id,
        sold_from_date: days.0.to_string(),
        sold_to_date: days.1.to_string(),
        net_sold_tco2e: net_sold.0,
        document: document.to_owned(),
    })
}

pub(super) fn units_cancelled(cancellation_id: u64, beneficiary: &str, reason: &str) -> What {
    What::UnitsCancelled(proto::UnitsCancelled {
        cancellation_id,
        beneficiary: beneficiary.to_owned(),
        reason: reason.to_owned(),
    })
}

pub(super) fn transferred(cause: TransferCause, document: &str, sha256: [u8; 32]) -> What {
    What::Transferred(proto::Transferred {
        cause: transfer_cause(cause).into(),
        document: document.to_owned(),
        document_sha256: digest(sha256),
    })
}
