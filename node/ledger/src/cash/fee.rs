//! Fees that accounts pay.

use super::{Pots, into_pot, less_in, minus, plus};
use crate::journal::{CashPosition, CashPot, What};
use crate::ledger::Ledger;
use crate::receipt::{CashBalance, Receipt};
use crate::rejection::Rejection;
use crate::text;
use crate::types::{AccountId, BankId, Fen};

impl Ledger {
    pub(crate) fn charge_fee(
        &mut self,
        account: AccountId,
        bank: BankId,
        amount: Fen,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        let before = self.available_cash(account, bank, amount)?;
        text::check_line(document, "document")?;
        let after = CashBalance { available: minus(before.available, amount)?, ..before };
        let pots = self.pots(bank);
        let pots = Pots { fees: plus(pots.fees, amount)?, ..pots };

        self.set_cash(account, bank, after);
        self.set_pots(bank, pots);
        let postings = vec![
            less_in(account, bank, CashPosition::Available, amount),
            into_pot(bank, CashPot::Fees, amount),
        ];
        self.record(What::FeeCharged { document: document.to_owned() }, postings);
        Ok(Receipt::Cash(bank, after))
    }
}
