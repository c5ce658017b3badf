//! Money that arrived without an owner who is known: taken in, given to its
//! owner, or sent back.

use super::{AMOUNT, Pots, into_pot, minus, more_in, out_of_pot, plus, positive_amount};
use crate::amount::format_yuan;
use crate::bank::from_outside;
use crate::journal::{CashPosition, CashPot, What};
use crate::ledger::Ledger;
use crate::receipt::{CashBalance, Receipt};
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, BankId, Fen};

impl Ledger {
    pub(crate) fn deposit_to_suspense(
        &mut self,
        bank: BankId,
        amount: Fen,
        reference: &str,
    ) -> Result<Receipt, Rejection> {
        let deposited = self.deposited_with(bank, amount)?;
        text::check_line(reference, "reference")?;
        let pots = self.pots(bank);
        let pots = Pots { suspense: plus(pots.suspense, amount)?, ..pots };

        self.set_deposited(bank, deposited);
        self.set_pots(bank, pots);
        let postings = vec![into_pot(bank, CashPot::Suspense, amount), from_outside(bank, amount)];
        self.record(What::SuspenseDeposited { reference: reference.to_owned() }, postings);
        Ok(Receipt::Pots(bank, pots))
    }

    pub(crate) fn allocate_suspense(
        &mut self,
        bank: BankId,
        account: AccountId,
        amount: Fen,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        let before = self.known_balances(account, "account_id")?.cash(bank);
        let pots = self.without_suspense(bank, amount)?;
        text::check_line(document, "document")?;
        let after = CashBalance { available: plus(before.available, amount)?, ..before };

        self.set_pots(bank, pots);
        self.set_cash(account, bank, after);
        let postings = vec![
            out_of_pot(bank, CashPot::Suspense, amount),
            more_in(account, bank, CashPosition::Available, amount),
        ];
        self.record(What::SuspenseAllocated { document: document.to_owned() }, postings);
        Ok(Receipt::Cash(bank, after))
    }

    pub(crate) fn return_suspense(
        &mut self,
        bank: BankId,
        amount: Fen,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        let pots = self.without_suspense(bank, amount)?;
        text::check_line(document, "document")?;
        let pots = Pots { withdrawn: plus(pots.withdrawn, amount)?, ..pots };

        self.set_pots(bank, pots);
        let postings = vec![
            out_of_pot(bank, CashPot::Suspense, amount),
            into_pot(bank, CashPot::Withdrawn, amount),
        ];
        self.record(What::SuspenseReturned { document: document.to_owned() }, postings);
        Ok(Receipt::Pots(bank, pots))
    }

    /// The bank's pots with so much less in suspense.
    fn without_suspense(&self, bank: BankId, amount: Fen) -> Result<Pots, Rejection> {
        let pots = self.known_bank(bank, "bank_id")?.pots;
        positive_amount(amount)?;
        if pots.suspense < amount {
            return Err(Rejection::new(
                Reason::SuspenseShort,
                AMOUNT,
                format!(
                    "bank {} has {} yuan in suspense, {} were asked",
                    bank.0,
                    format_yuan(pots.suspense),
                    format_yuan(amount)
                ),
            ));
        }
        Ok(Pots { suspense: minus(pots.suspense, amount)?, ..pots })
    }
}
