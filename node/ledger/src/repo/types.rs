//! What a repo is made of.

use crate::calendar::beijing_midnight;
use crate::stored::stored_numbers;
use crate::types::{
    AccountId, BankId, Date, Fen, HeldReason, InstrumentCode, LedgerTime, Price, Quantity,
};

/// Number of a repo, given in order from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepoId(pub u64);

/// The contract: both legs and the day between which they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepoTerms {
    /// Sells now and buys back.
    pub seller: AccountId,
    /// Buys now and gives back.
    pub buyer: AccountId,
    /// Where the seller is paid, and pays for the return.
    pub seller_bank: BankId,
    /// Where the buyer pays, and is paid for the return.
    pub buyer_bank: BankId,
    /// Of what.
    pub instrument: InstrumentCode,
    /// How much, the same both ways.
    pub quantity: Quantity,
    /// Of the opening leg.
    pub opening_price: Price,
    /// Of the return leg.
    pub return_price: Price,
    /// From its beginning in Beijing on the return is due.
    pub return_date: Date,
    /// How long after that beginning it may still succeed, ms.
    pub grace_ms: i64,
}

/// Where a repo stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RepoState {
    /// Waits for the buyer.
    Proposed,
    /// The tonnes are the buyer's, the return is to come.
    Open,
    /// The tonnes are the seller's again.
    Returned,
    /// The return could not be delivered in time; the title stays where it is.
    Failed,
    /// A party said no before it opened.
    Declined,
    /// The buyer did not answer in time.
    Expired,
}

stored_numbers!(RepoState, "repo state":
    Proposed = 1, Open = 2, Returned = 3, Failed = 4, Declined = 5, Expired = 6);
stored_numbers!(HeldReason, "shortage": GoodsShort = 1, CashShort = 2, AccountFrozen = 3,
    Pledged = 4);

/// One repo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repo {
    /// Its number.
    pub id: RepoId,
    /// The contract.
    pub terms: RepoTerms,
    /// Where it stands.
    pub state: RepoState,
    /// Ledger time of the proposal.
    pub proposed_at: LedgerTime,
    /// From then on the buyer can no longer accept.
    pub expires_at: LedgerTime,
    /// Ledger time when the opening leg was delivered.
    pub opened_at: Option<LedgerTime>,
    /// Why the return could not be delivered when it fell due, or at last.
    pub shortage: Option<HeldReason>,
    /// Ledger time when it came to its end.
    pub closed_at: Option<LedgerTime>,
}

impl RepoTerms {
    /// What the opening leg costs, unless it overflows.
    #[must_use]
    pub fn opening_amount(&self) -> Option<Fen> {
        self.opening_price.0.checked_mul(self.quantity.0).map(Fen)
    }

    /// What the return leg costs, unless it overflows.
    #[must_use]
    pub fn return_amount(&self) -> Option<Fen> {
        self.return_price.0.checked_mul(self.quantity.0).map(Fen)
    }

    /// From then on the return is due.
    #[must_use]
    pub fn due_at(&self) -> LedgerTime {
        beijing_midnight(self.return_date)
    }

    /// When the return fails if it was not delivered.
    #[must_use]
    pub fn deadline(&self) -> LedgerTime {
        LedgerTime(self.due_at().0.saturating_add(self.grace_ms))
    }

    pub(crate) fn is_party(&self, account: AccountId) -> bool {
        account == self.seller || account == self.buyer
    }
}

impl Repo {
    /// When time alone does something with it.
    pub(crate) fn due(&self) -> Option<LedgerTime> {
        match self.state {
            RepoState::Proposed => Some(self.expires_at),
            RepoState::Open if self.shortage.is_none() => Some(self.terms.due_at()),
            RepoState::Open => Some(self.terms.deadline()),
            RepoState::Returned | RepoState::Failed | RepoState::Declined | RepoState::Expired => {
                None
            }
        }
    }
}

impl RepoState {
    /// The word on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "PROPOSED",
            Self::Open => "OPEN",
            Self::Returned => "RETURNED",
            Self::Failed => "FAILED",
            Self::Declined => "DECLINED",
            Self::Expired => "EXPIRED",
        }
    }
}
