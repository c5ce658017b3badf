//! Double entry: every change of goods or money is a list of postings that sum
//! to zero, per instrument and per bank.

use crate::stored::{stored_enum, stored_numbers};
use crate::types::{AccountId, BankId, Fen, InstrumentCode, Quantity};

/// A part of what an account holds of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// 登记可用
    Registered,
    /// 交易可用
    Trading,
    /// Bought today.
    PendingIn,
    /// Pledged to a bank.
    Pledged,
    /// Frozen by a court.
    Frozen,
    /// Awaits the approval of a surrender or a cancellation.
    PendingOut,
}

stored_numbers!(Position, "position":
    Registered = 1, Trading = 2, PendingIn = 3, Pledged = 4, Frozen = 5, PendingOut = 6);

/// Where an instrument's tonnes come from and go to, outside all accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GoodsPot {
    /// Created; what was issued is posted here as less than nothing.
    Issued,
    /// Met obligations.
    Surrendered,
    /// Given up voluntarily.
    Cancelled,
    /// Turned into a later vintage.
    CarriedOut,
    /// Taken back by allocation.
    Recalled,
}

stored_numbers!(GoodsPot, "pot of goods":
    Issued = 1, Surrendered = 10, Cancelled = 11, CarriedOut = 12, Recalled = 13);

/// A part of an account's money at one bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CashPosition {
    /// Can pay for purchases.
    Available,
    /// Withdrawal asked.
    PendingOut,
}

stored_numbers!(CashPosition, "cash position": Available = 1, PendingOut = 2);

/// Where a bank's money is, comes from and goes to, outside all accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CashPot {
    /// Paid in from outside the market, as less than nothing.
    Deposited,
    /// Received from the other settlement banks, as less than nothing; over all
    /// banks these sum to zero.
    Interbank,
    /// Fees that accounts paid.
    Fees,
    /// The settlement risk reserve (结算风险准备金).
    Reserve,
    /// Arrived without an owner who is known.
    Suspense,
    /// Paid out of the market.
    Withdrawn,
    /// What sales of pledged tonnes have brought the bank as their pledgee.
    Proceeds,
}

stored_numbers!(CashPot, "pot of cash":
    Deposited = 1, Interbank = 2, Fees = 3, Reserve = 4, Suspense = 5, Withdrawn = 6,
    Proceeds = 7);

stored_enum! {
    /// One line of an event: more, or with a minus less, of something somewhere.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Posting ("posting") {
        /// Tonnes in an account.
        Goods = 1 {
            /// Whose.
            account: AccountId,
            /// Of what.
            instrument: InstrumentCode,
            /// Where.
            position: Position,
            /// How many more.
            quantity: Quantity,
        }
        /// Tonnes outside the accounts.
        GoodsPot = 2 {
            /// Of what.
            instrument: InstrumentCode,
            /// Where.
            pot: GoodsPot,
            /// How many more.
            quantity: Quantity,
        }
        /// Money of an account.
        Cash = 3 {
            /// Whose.
            account: AccountId,
            /// Where.
            bank: BankId,
            /// In which part.
            position: CashPosition,
            /// How much more.
            amount: Fen,
        }
        /// Money outside the accounts.
        CashPot = 4 {
            /// At which bank.
            bank: BankId,
            /// Where.
            pot: CashPot,
            /// How much more.
            amount: Fen,
        }
    }
}
