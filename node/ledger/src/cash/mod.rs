//! Money that is not moved by trades: withdrawals, fees, suspense, the
//! settlement risk reserve, banks' reports and their payment instructions.

mod fee;
mod instructions;
mod records;
mod report;
mod reserve;
mod suspense;
mod withdrawal;

use crate::account::overflow;
use crate::amount::format_yuan;
use crate::journal::{CashPosition, CashPot, Posting};
use crate::ledger::Ledger;
use crate::receipt::CashBalance;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::types::{AccountId, BankId, Date, Fen, LedgerTime};

pub use instructions::{PaymentDay, PaymentInstructions, PaymentLine};
pub(crate) use withdrawal::OpenWithdrawals;
pub use withdrawal::{OPEN_WITHDRAWALS_LIMIT, WithdrawalFilter};

/// Where every amount of money is refused.
const AMOUNT: &str = "amount_yuan";

/// A bank's money that belongs to no account, and what has left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pots {
    /// Fees that accounts paid.
    pub fees: Fen,
    /// The settlement risk reserve (结算风险准备金).
    pub reserve: Fen,
    /// Arrived without an owner who is known.
    pub suspense: Fen,
    /// Paid out of the market so far.
    pub withdrawn: Fen,
}

/// What a bank said that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedBalance {
    /// At the end of which day.
    pub as_of: Date,
    /// How much.
    pub balance: Fen,
    /// Ledger time of the report.
    pub reported_at: LedgerTime,
}

/// A withdrawal that the bank has neither paid out nor refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenWithdrawal {
    /// Its number, from 1 in the order in which they were asked.
    pub number: u64,
    /// Whose money.
    pub account: AccountId,
    /// Where.
    pub bank: BankId,
    /// How much.
    pub amount: Fen,
    /// Ledger time when it was asked.
    pub requested_at: LedgerTime,
}

impl Pots {
    /// Every pot of money that is still there is at least nothing.
    pub(crate) fn is_sound(&self) -> bool {
        let Self { fees, reserve, suspense, withdrawn } = *self;
        [fees, reserve, suspense, withdrawn].iter().all(|pot| pot.0 >= 0)
    }
}

impl Ledger {
    /// The bank, if there is one.
    ///
    /// # Errors
    /// `UNKNOWN_BANK`.
    pub fn known_bank_id(&self, bank: BankId) -> Result<BankId, Rejection> {
        self.known_bank(bank, "bank_id").map(|_| bank)
    }

    /// The pots of a bank that was checked to be known.
    fn pots(&self, bank: BankId) -> Pots {
        self.banks.get(bank).map(|bank| bank.pots).unwrap_or_default()
    }

    pub(crate) fn set_pots(&mut self, bank: BankId, pots: Pots) {
        self.touch(RecordKey::Pots(bank));
        if let Some(bank) = self.banks.get_mut(bank) {
            bank.pots = pots;
        }
    }

    pub(crate) fn set_cash(&mut self, account: AccountId, bank: BankId, balance: CashBalance) {
        self.touch(RecordKey::Balances(account));
        if let Some(holder) = self.balances_mut(account) {
            holder.set_cash(bank, balance);
        }
    }

    /// Money of an account at a bank, and that there is enough of it.
    fn available_cash(
        &self,
        account: AccountId,
        bank: BankId,
        amount: Fen,
    ) -> Result<CashBalance, Rejection> {
        let balance = self.known_balances(account, "account_id")?.cash(bank);
        self.known_bank(bank, "bank_id")?;
        positive_amount(amount)?;
        self.require_unfrozen(account, "account_id")?;
        if balance.available < amount {
            return Err(Rejection::new(
                Reason::InsufficientCash,
                AMOUNT,
                format!(
                    "account {} has {} yuan available at bank {}, {} were asked",
                    account.0,
                    format_yuan(balance.available),
                    bank.0,
                    format_yuan(amount)
                ),
            ));
        }
        Ok(balance)
    }

    /// What a bank has from outside with so much more, unless there is no room.
    fn deposited_with(&self, bank: BankId, amount: Fen) -> Result<Fen, Rejection> {
        let deposited = self.known_bank(bank, "bank_id")?.deposited;
        positive_amount(amount)?;
        self.room_for_deposit(amount)?;
        plus(deposited, amount)
    }

    fn set_deposited(&mut self, bank: BankId, deposited: Fen) {
        self.touch(RecordKey::Bank(bank));
        if let Some(bank) = self.banks.get_mut(bank) {
            bank.deposited = deposited;
        }
    }
}

/// Refuses an amount of nothing or less.
pub(crate) fn positive_amount(amount: Fen) -> Result<(), Rejection> {
    if amount.0 > 0 {
        return Ok(());
    }
    Err(Rejection::new(
        Reason::NotPositive,
        AMOUNT,
        format!("{AMOUNT} is {}, it must be at least 0.01", format_yuan(amount)),
    ))
}

/// All money of the market fits one number, so neither of these is ever refused.
pub(crate) fn plus(amount: Fen, more: Fen) -> Result<Fen, Rejection> {
    amount.checked_add(more).ok_or_else(|| overflow(AMOUNT))
}

pub(crate) fn minus(amount: Fen, less: Fen) -> Result<Fen, Rejection> {
    amount.checked_sub(less).ok_or_else(|| overflow(AMOUNT))
}

/// More money in a part of an account's balance.
pub(crate) fn more_in(
    account: AccountId,
    bank: BankId,
    position: CashPosition,
    amount: Fen,
) -> Posting {
    Posting::Cash { account, bank, position, amount }
}

/// Less of it.
pub(crate) fn less_in(
    account: AccountId,
    bank: BankId,
    position: CashPosition,
    amount: Fen,
) -> Posting {
    more_in(account, bank, position, negative(amount))
}

/// More money in a pot.
pub(crate) fn into_pot(bank: BankId, pot: CashPot, amount: Fen) -> Posting {
    Posting::CashPot { bank, pot, amount }
}

/// Less of it.
pub(crate) fn out_of_pot(bank: BankId, pot: CashPot, amount: Fen) -> Posting {
    into_pot(bank, pot, negative(amount))
}

fn negative(amount: Fen) -> Fen {
    Fen(amount.0.saturating_neg())
}
