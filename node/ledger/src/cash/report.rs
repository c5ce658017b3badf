//! What a bank says that it holds, next to what it must hold.

use super::ReportedBalance;
use crate::amount::format_yuan;
use crate::calendar::beijing_midnight;
use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::types::{BankId, Date, Fen};

impl Ledger {
    /// Keeps a bank's newest report. A report of the same day corrects it.
    pub(crate) fn report_balance(
        &mut self,
        id: BankId,
        as_of: Date,
        balance: Fen,
    ) -> Result<Receipt, Rejection> {
        let bank = self.known_bank(id, "bank_id")?;
        let expected = bank.balance();
        if balance.0 < 0 {
            let message =
                format!("balance_yuan is {}, it must not be less than 0", format_yuan(balance));
            return Err(Rejection::new(Reason::OutOfRange, "balance_yuan", message));
        }
        if beijing_midnight(as_of) > self.now {
            let message = format!("{as_of} has not begun in Beijing; report a day that has");
            return Err(Rejection::new(Reason::FutureDay, "as_of_date", message));
        }
        if let Some(last) = bank.reported.filter(|last| last.as_of > as_of) {
            let message = format!(
                "bank {} reported its balance of {} already, {as_of} is earlier",
                id.0, last.as_of
            );
            return Err(Rejection::new(Reason::ReportOlder, "as_of_date", message));
        }

        let reported = ReportedBalance { as_of, balance, reported_at: self.now };
        self.touch(RecordKey::Pots(id));
        if let Some(bank) = self.banks.get_mut(id) {
            bank.reported = Some(reported);
        }
        self.record(What::BalanceReported { bank: id, as_of, balance }, Vec::new());
        Ok(Receipt::Reported { bank: id, expected, reported })
    }
}
