//! Rules broken on purpose in a model: the comparison must notice each.

/// One wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// The closing price loses its half fen.
    CloseRoundedDown,
    /// What was bought today can be sold today.
    SameDayResale,
    /// The limit prices lose their half fen.
    LimitsRoundedDown,
    /// The buyer's cash is looked at before the seller's goods.
    CashCheckedFirst,
    /// A request id gives a rejection only once.
    RejectionsForgotten,
    /// Money crosses banks without a leg between the banks.
    InterbankLegMissing,
    /// A chunk that is sent again tells today's count, not the first one.
    ResentChunkRecounted,
    /// Voided trades stay in the clearing.
    VoidedTradeCleared,
    /// A re-sent delivery step delivers again what was held.
    HeldRetriedByDelivery,
    /// Who proposed may approve.
    MakerApproves,
    /// The hash of what was proposed lets another content pass.
    OtherContentApproved,
    /// Of books that are refused the accounts before the fault stay open.
    RefusedBooksKeptInPart,
    /// A withdrawal leaves the market when it is asked for.
    WithdrawalPaidWhenAsked,
    /// A bank confirms another bank's withdrawal.
    ForeignWithdrawalConfirmed,
    /// The reserve pays the whole trade, not what the buyer lacks.
    ReservePaysWholeTrade,
    /// What is paid back to the reserve is still owed.
    RepaymentForgotten,
    /// Payment instructions leave covered trades out.
    CoveredTradeNotPaid,
    /// A province approves what another's firm asked.
    ForeignSurrenderApproved,
    /// Reductions meet more than a twentieth of an obligation.
    ReductionsWithoutLimit,
    /// Allowances of the first era meet obligations of the second.
    OldVintageSurrendered,
    /// The limit of a carry-over is rounded up.
    CarryOverRoundedUp,
    /// Corrected emissions are added to those before.
    CorrectionAdded,
}

impl Planted {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::CloseRoundedDown,
        Self::SameDayResale,
        Self::LimitsRoundedDown,
        Self::CashCheckedFirst,
        Self::RejectionsForgotten,
        Self::InterbankLegMissing,
        Self::ResentChunkRecounted,
        Self::VoidedTradeCleared,
        Self::HeldRetriedByDelivery,
        Self::MakerApproves,
        Self::OtherContentApproved,
        Self::RefusedBooksKeptInPart,
        Self::WithdrawalPaidWhenAsked,
        Self::ForeignWithdrawalConfirmed,
        Self::ReservePaysWholeTrade,
        Self::RepaymentForgotten,
        Self::CoveredTradeNotPaid,
        Self::ForeignSurrenderApproved,
        Self::ReductionsWithoutLimit,
        Self::OldVintageSurrendered,
        Self::CarryOverRoundedUp,
        Self::CorrectionAdded,
    ];
}
