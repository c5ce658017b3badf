//! Voluntary cancellation: for good, and for everybody to see.

use super::{Cancellation, ComplianceKey, ComplianceReceipt, into_pot, less_of, minus};
use crate::journal::{GoodsPot, Position, What};
use crate::ledger::Ledger;
use crate::receipt::{Holding, Receipt};
use crate::records::RecordKey;
use crate::rejection::Rejection;
use crate::text;
use crate::types::{AccountId, InstrumentCode, Quantity};

impl Ledger {
    pub(super) fn cancel(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        quantity: Quantity,
        beneficiary: &str,
        reason: &str,
    ) -> Result<Receipt, Rejection> {
        let holding = self.registered(account, instrument, quantity)?;
        self.require_unfrozen(account, "account_id")?;
        text::check_line(beneficiary, "beneficiary")?;
        text::check_line(reason, "reason")?;
        let after = Holding { registered: minus(holding.registered, quantity)?, ..holding };

        let cancellation = Cancellation {
            number: self.compliance.cancellations.next(),
            account,
            instrument,
            quantity,
            beneficiary: beneficiary.to_owned(),
            reason: reason.to_owned(),
            cancelled_at: self.now,
        };
        self.set_holding(account, instrument, after);
        self.retire(instrument, GoodsPot::Cancelled, quantity);
        let number = cancellation.number;
        self.touch(RecordKey::Compliance(ComplianceKey::Cancellation(number)));
        self.compliance.cancellations.push(cancellation.clone());
        let postings = vec![
            less_of(account, instrument, Position::Registered, quantity),
            into_pot(instrument, GoodsPot::Cancelled, quantity),
        ];
        let (beneficiary, reason) = (beneficiary.to_owned(), reason.to_owned());
        let what = What::UnitsCancelled { cancellation: number, beneficiary, reason };
        self.record(what, postings);
        Ok(ComplianceReceipt::Cancelled { cancellation, holding: after }.into())
    }
}
