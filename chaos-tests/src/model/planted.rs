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
    /// Under the second version of the rules, too, a last usable day binds pledges only.
    LastDayForgotten,
    /// Corrected emissions are added to those before.
    CorrectionAdded,
    /// A frozen account surrenders, cancels, carries over and is transferred from.
    FrozenAccountGives,
    /// A settled close below the warning line calls for nothing.
    MarginCallMissed,
    /// A pledge is changed by who has seen an older version of it.
    OldVersionTaken,
    /// An offer is accepted after its time.
    LateAcceptanceTaken,
    /// A pledge is released although a court keeps it.
    StayForgotten,
    /// A part is released although the rest does not cover the loan.
    ReleasedBelowCover,
    /// Other tonnes come under the lines of the first ones.
    OldLinesKept,
    /// A default is declared while it can still be cured.
    DefaultBeforeCure,
    /// The pledgee keeps all that a sale brings.
    PledgeeTakesAll,
    /// A freeze takes from trading before it takes from registered.
    TradingFrozenFirst,
    /// A court takes what came from trading before what came from registered.
    TradingExecutedFirst,
    /// A frozen account's trades deliver.
    FrozenAccountTrades,
    /// Tonnes that are pledged are lacking like any others.
    PledgedIsGoodsShort,
    /// A platform credits more than its quota.
    QuotaIgnored,
    /// A bank takes a voucher whose time is over.
    ExpiredVoucherRedeemed,
    /// A repo's return is paid at the price of its opening.
    ReturnAtOpeningPrice,
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
        Self::LastDayForgotten,
        Self::CorrectionAdded,
        Self::FrozenAccountGives,
        Self::MarginCallMissed,
        Self::OldVersionTaken,
        Self::LateAcceptanceTaken,
        Self::StayForgotten,
        Self::ReleasedBelowCover,
        Self::OldLinesKept,
        Self::DefaultBeforeCure,
        Self::PledgeeTakesAll,
        Self::TradingFrozenFirst,
        Self::TradingExecutedFirst,
        Self::FrozenAccountTrades,
        Self::PledgedIsGoodsShort,
        Self::QuotaIgnored,
        Self::ExpiredVoucherRedeemed,
        Self::ReturnAtOpeningPrice,
    ];
}
