//! Withdrawals in two steps: the money is set aside when it is asked for, and
//! leaves the market when the bank says that it has paid it out.

use std::collections::{BTreeMap, BTreeSet};

use super::{OpenWithdrawal, Pots, into_pot, less_in, minus, more_in, plus};
use crate::account::overflow;
use crate::journal::{CashPosition, CashPot, What};
use crate::ledger::Ledger;
use crate::receipt::{CashBalance, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, BankId, Fen};

/// Open withdrawals of one account, at all banks together.
pub const OPEN_WITHDRAWALS_LIMIT: usize = 20;

/// Withdrawals that wait for their bank.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenWithdrawals {
    by_number: BTreeMap<u64, OpenWithdrawal>,
    /// Index: numbers by account.
    by_account: BTreeMap<AccountId, BTreeSet<u64>>,
}

/// Which open withdrawals to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithdrawalFilter {
    /// Only at this bank.
    pub bank: Option<BankId>,
    /// Only this account's.
    pub account: Option<AccountId>,
}

impl OpenWithdrawals {
    pub(crate) fn get(&self, number: u64) -> Option<&OpenWithdrawal> {
        self.by_number.get(&number)
    }

    /// In order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.by_number.keys().copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &OpenWithdrawal> {
        self.by_number.values()
    }

    pub(crate) fn of(&self, account: AccountId) -> usize {
        self.by_account.get(&account).map_or(0, BTreeSet::len)
    }

    pub(crate) fn insert(&mut self, withdrawal: OpenWithdrawal) {
        self.by_account.entry(withdrawal.account).or_default().insert(withdrawal.number);
        self.by_number.insert(withdrawal.number, withdrawal);
    }

    fn remove(&mut self, withdrawal: &OpenWithdrawal) {
        self.by_number.remove(&withdrawal.number);
        if let Some(numbers) = self.by_account.get_mut(&withdrawal.account) {
            numbers.remove(&withdrawal.number);
            if numbers.is_empty() {
                self.by_account.remove(&withdrawal.account);
            }
        }
    }

    /// In order of number, after one; an account's own are found without a search.
    fn after(&self, filter: WithdrawalFilter, after: u64, limit: usize) -> Vec<OpenWithdrawal> {
        let Some(first) = after.checked_add(1) else { return Vec::new() };
        let wanted =
            |withdrawal: &&OpenWithdrawal| filter.bank.is_none_or(|bank| withdrawal.bank == bank);
        match filter.account {
            Some(account) => {
                let numbers = self.by_account.get(&account).into_iter();
                let numbers = numbers.flat_map(|numbers| numbers.range(first..));
                let found = numbers.filter_map(|number| self.by_number.get(number));
                found.filter(wanted).take(limit).copied().collect()
            }
            None => {
                let found = self.by_number.range(first..).map(|(_, withdrawal)| withdrawal);
                found.filter(wanted).take(limit).copied().collect()
            }
        }
    }
}

impl Ledger {
    /// Open withdrawals in order of number, from the one after `after`.
    #[must_use]
    pub fn withdrawals_after(
        &self,
        filter: WithdrawalFilter,
        after: u64,
        limit: usize,
    ) -> Vec<OpenWithdrawal> {
        self.withdrawals.after(filter, after, limit)
    }

    /// Withdrawals ever asked, which is the last number given.
    pub(crate) fn withdrawals_asked(&self) -> u64 {
        // Each took a log entry's command: far fewer than fit.
        self.banks.iter().fold(0, |sum, (_, bank)| sum.saturating_add(bank.withdrawals))
    }

    pub(crate) fn request_withdrawal(
        &mut self,
        account: AccountId,
        bank: BankId,
        amount: Fen,
    ) -> Result<Receipt, Rejection> {
        let before = self.available_cash(account, bank, amount)?;
        let open = self.withdrawals.of(account);
        if open >= OPEN_WITHDRAWALS_LIMIT {
            return Err(Rejection::new(
                Reason::WithdrawalsOpen,
                "account_id",
                format!(
                    "account {} has {open} open withdrawals, at most {OPEN_WITHDRAWALS_LIMIT} are \
                     allowed; wait for its banks",
                    account.0
                ),
            ));
        }
        let asked = self.known_bank(bank, "bank_id")?.withdrawals.checked_add(1);
        let asked = asked.ok_or_else(|| overflow("bank_id"))?;
        let number = self.withdrawals_asked().checked_add(1).ok_or_else(|| overflow("bank_id"))?;
        let after = CashBalance {
            available: minus(before.available, amount)?,
            pending_out: plus(before.pending_out, amount)?,
        };

        let requested_at = self.now;
        let withdrawal = OpenWithdrawal { number, account, bank, amount, requested_at };
        self.set_cash(account, bank, after);
        self.touch(RecordKey::Pots(bank));
        self.touch(RecordKey::Withdrawal(number));
        if let Some(bank) = self.banks.get_mut(bank) {
            bank.withdrawals = asked;
        }
        self.withdrawals.insert(withdrawal);
        let postings = vec![
            less_in(account, bank, CashPosition::Available, amount),
            more_in(account, bank, CashPosition::PendingOut, amount),
        ];
        self.record(What::WithdrawalRequested { withdrawal: number }, postings);
        Ok(Receipt::Withdrawal(withdrawal, after))
    }

    pub(crate) fn confirm_withdrawal(
        &mut self,
        bank: BankId,
        number: u64,
    ) -> Result<Receipt, Rejection> {
        let (withdrawal, before) = self.open_withdrawal(bank, number)?;
        let OpenWithdrawal { account, amount, .. } = withdrawal;
        let after = CashBalance { pending_out: minus(before.pending_out, amount)?, ..before };
        let pots = self.pots(bank);
        let pots = Pots { withdrawn: plus(pots.withdrawn, amount)?, ..pots };

        self.close_withdrawal(&withdrawal, after);
        self.set_pots(bank, pots);
        let postings = vec![
            less_in(account, bank, CashPosition::PendingOut, amount),
            into_pot(bank, CashPot::Withdrawn, amount),
        ];
        self.record(What::WithdrawalConfirmed { withdrawal: number }, postings);
        Ok(Receipt::Withdrawal(withdrawal, after))
    }

    pub(crate) fn reject_withdrawal(
        &mut self,
        bank: BankId,
        number: u64,
        reason: &str,
    ) -> Result<Receipt, Rejection> {
        let (withdrawal, before) = self.open_withdrawal(bank, number)?;
        text::check_line(reason, "reason")?;
        let OpenWithdrawal { account, amount, .. } = withdrawal;
        let after = CashBalance {
            available: plus(before.available, amount)?,
            pending_out: minus(before.pending_out, amount)?,
        };

        self.close_withdrawal(&withdrawal, after);
        let postings = vec![
            less_in(account, bank, CashPosition::PendingOut, amount),
            more_in(account, bank, CashPosition::Available, amount),
        ];
        let reason = reason.to_owned();
        self.record(What::WithdrawalRejected { withdrawal: number, reason }, postings);
        Ok(Receipt::Withdrawal(withdrawal, after))
    }

    /// An open withdrawal at this bank, with the account's balance there. Another
    /// bank's is unknown here.
    fn open_withdrawal(
        &self,
        bank: BankId,
        number: u64,
    ) -> Result<(OpenWithdrawal, CashBalance), Rejection> {
        const FIELD: &str = "withdrawal_id";
        self.known_bank(bank, "bank_id")?;
        match self.withdrawals.get(number).filter(|withdrawal| withdrawal.bank == bank) {
            Some(withdrawal) => {
                let holder = self.known_balances(withdrawal.account, "account_id")?;
                Ok((*withdrawal, holder.cash(bank)))
            }
            None if self.withdrawals.get(number).is_none()
                && (1..=self.withdrawals_asked()).contains(&number) =>
            {
                let message = format!("withdrawal {number} was paid out or refused already");
                Err(Rejection::new(Reason::WithdrawalClosed, FIELD, message))
            }
            None => {
                let message = format!("bank {} was asked for no withdrawal {number}", bank.0);
                Err(Rejection::new(Reason::UnknownWithdrawal, FIELD, message))
            }
        }
    }

    fn close_withdrawal(&mut self, withdrawal: &OpenWithdrawal, after: CashBalance) {
        self.set_cash(withdrawal.account, withdrawal.bank, after);
        self.touch(RecordKey::Withdrawal(withdrawal.number));
        self.withdrawals.remove(withdrawal);
    }
}
