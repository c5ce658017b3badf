//! Settlement banks and the money they report.

use crate::account::overflow;
use crate::cash::{Pots, ReportedBalance, positive_amount};
use crate::journal::{CashPosition, CashPot, Posting, What};
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, BankId, Fen};

/// One settlement bank (结算银行): it must hold [`Bank::balance`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bank {
    pub(crate) name: String,
    /// From outside the market.
    pub(crate) deposited: Fen,
    /// Net received from the other settlement banks; sums to 0 over all banks.
    pub(crate) interbank: Fen,
    /// What of its money belongs to no account, and what has left.
    pub(crate) pots: Pots,
    /// What it said last that it holds.
    pub(crate) reported: Option<ReportedBalance>,
    /// What sales of pledged tonnes have brought it as their pledgee.
    pub(crate) proceeds: Fen,
    /// Withdrawals asked at this bank so far.
    pub(crate) withdrawals: u64,
}

impl Bank {
    pub(crate) fn new(name: String) -> Self {
        let (deposited, interbank) = (Fen(0), Fen(0));
        Self {
            name,
            deposited,
            interbank,
            pots: Pots::default(),
            reported: None,
            proceeds: Fen(0),
            withdrawals: 0,
        }
    }

    /// What it must hold.
    pub(crate) fn balance(&self) -> Fen {
        // Deposits and what came from other banks are what is there and what has
        // left, which all deposits together bound.
        let came = self.deposited.checked_add(self.interbank);
        came.and_then(|came| came.checked_sub(self.pots.withdrawn)).unwrap_or_default()
    }
}

/// Every settlement bank, found by its code without a search.
#[derive(Clone, Debug, Default)]
pub(crate) struct Banks {
    by_code: Vec<Option<Bank>>,
}

impl Banks {
    pub(crate) fn get(&self, id: BankId) -> Option<&Bank> {
        self.by_code.get(usize::from(id.0))?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: BankId) -> Option<&mut Bank> {
        self.by_code.get_mut(usize::from(id.0))?.as_mut()
    }

    pub(crate) fn insert(&mut self, id: BankId, bank: Bank) {
        let place = usize::from(id.0);
        if self.by_code.len() <= place {
            self.by_code.resize(place.saturating_add(1), None);
        }
        if let Some(slot) = self.by_code.get_mut(place) {
            *slot = Some(bank);
        }
    }

    /// In order of code.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (BankId, &Bank)> {
        (0..).zip(&self.by_code).filter_map(|(id, bank)| Some((BankId(id), bank.as_ref()?)))
    }
}

impl Ledger {
    /// The bank, or a rejection that names the field.
    pub(crate) fn known_bank(&self, bank: BankId, field: &str) -> Result<&Bank, Rejection> {
        self.banks.get(bank).ok_or_else(|| {
            Rejection::new(Reason::UnknownBank, field, format!("no settlement bank {}", bank.0))
        })
    }

    pub(crate) fn open_bank(&mut self, bank: BankId, name: &str) -> Result<Receipt, Rejection> {
        if !(100..=999).contains(&bank.0) {
            return Err(Rejection::new(
                Reason::OutOfRange,
                "bank_id",
                format!("bank_id is {}, interbank codes are 100 to 999", bank.0),
            ));
        }
        text::check_line(name, "name")?;
        if let Some(existing) = self.banks.get(bank) {
            return Err(Rejection::new(
                Reason::BankExists,
                "bank_id",
                format!("bank {} is admitted already as {}", bank.0, existing.name),
            ));
        }

        self.touch(RecordKey::Bank(bank));
        self.banks.insert(bank, Bank::new(name.to_owned()));
        self.record(What::BankOpened { bank, name: name.to_owned() }, Vec::new());
        Ok(Receipt::Done)
    }

    pub(crate) fn deposit(
        &mut self,
        account: AccountId,
        bank: BankId,
        amount: Fen,
    ) -> Result<Receipt, Rejection> {
        const FIELD: &str = "amount_yuan";
        let mut balance = self.known_balances(account, "account_id")?.cash(bank);
        let deposited = self.known_bank(bank, "bank_id")?.deposited;
        positive_amount(amount)?;
        self.room_for_deposit(amount)?;
        let deposited = deposited.checked_add(amount).ok_or_else(|| overflow(FIELD))?;
        balance.available = balance.available.checked_add(amount).ok_or_else(|| overflow(FIELD))?;

        self.touch(RecordKey::Bank(bank));
        self.touch(RecordKey::Balances(account));
        if let Some(bank) = self.banks.get_mut(bank) {
            bank.deposited = deposited;
        }
        if let Some(holder) = self.balances_mut(account) {
            holder.set_cash(bank, balance);
        }
        let position = CashPosition::Available;
        let paid_in = Posting::Cash { account, bank, position, amount };
        self.record(What::Deposited {}, vec![paid_in, from_outside(bank, amount)]);
        Ok(Receipt::Cash(bank, balance))
    }
}

impl Ledger {
    /// All money of the market fits one number, so no move between accounts,
    /// pots or banks can overflow later.
    pub(crate) fn room_for_deposit(&self, amount: Fen) -> Result<(), Rejection> {
        let sum =
            self.banks.iter().try_fold(amount, |sum, (_, bank)| sum.checked_add(bank.deposited));
        sum.map(|_| ()).ok_or_else(|| overflow("amount_yuan"))
    }
}

/// The other side of money that comes into the market.
pub(crate) fn from_outside(bank: BankId, amount: Fen) -> Posting {
    let amount = Fen(amount.0.saturating_neg());
    Posting::CashPot { bank, pot: CashPot::Deposited, amount }
}
