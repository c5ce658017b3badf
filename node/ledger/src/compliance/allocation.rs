//! Allocation from a province's account to its firms, and recall of what was
//! too much.

use super::{
    Allocation, AllocationKind, ComplianceKey, ComplianceReceipt, ProvinceCode, into_pot, less_of,
    minus, more_of, plus,
};
use crate::journal::{GoodsPot, Position, What};
use crate::ledger::Ledger;
use crate::receipt::{Holding, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, InstrumentCode, Quantity};

impl Ledger {
    pub(super) fn allocate(
        &mut self,
        province: ProvinceCode,
        account: AccountId,
        instrument: InstrumentCode,
        kind: AllocationKind,
        quantity: Quantity,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        if kind == AllocationKind::Recall {
            let message = "a recall is a command of its own, not a kind of allocation";
            return Err(Rejection::new(Reason::Malformed, "kind", message));
        }
        self.check_own_firm(province, account)?;
        let Some(own) = self.compliance.own_accounts.get(&province).copied() else {
            let message = format!(
                "province {province} has no account yet; open one of the kind province and assign it"
            );
            return Err(Rejection::new(Reason::ProvinceMissing, "province", message));
        };
        let gives = self.registered(own, instrument, quantity)?;
        let takes = self.known_balances(account, "account_id")?.holding(instrument);
        text::check_line(document, "document")?;
        let less = Holding { registered: minus(gives.registered, quantity)?, ..gives };
        let more = Holding { registered: plus(takes.registered, quantity)?, ..takes };

        self.set_holding(own, instrument, less);
        self.set_holding(account, instrument, more);
        let postings = vec![
            less_of(own, instrument, Position::Registered, quantity),
            more_of(account, instrument, Position::Registered, quantity),
        ];
        let allocation = self.note_allocation(Allocation {
            number: self.compliance.allocations.next(),
            province,
            account,
            instrument,
            kind,
            quantity,
            document: document.to_owned(),
            decided_at: self.now,
        });
        let (number, document) = (allocation.number, document.to_owned());
        let what = What::Allocated { allocation: number, province, kind, document };
        self.record(what, postings);
        Ok(ComplianceReceipt::Allocated { allocation, holding: more }.into())
    }

    pub(super) fn recall(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        quantity: Quantity,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        let province = self.known_province_of(account, "account_id")?;
        let holding = self.registered(account, instrument, quantity)?;
        text::check_line(document, "document")?;
        let after = Holding { registered: minus(holding.registered, quantity)?, ..holding };

        self.set_holding(account, instrument, after);
        self.retire(instrument, GoodsPot::Recalled, quantity);
        let postings = vec![
            less_of(account, instrument, Position::Registered, quantity),
            into_pot(instrument, GoodsPot::Recalled, quantity),
        ];
        let allocation = self.note_allocation(Allocation {
            number: self.compliance.allocations.next(),
            province,
            account,
            instrument,
            kind: AllocationKind::Recall,
            quantity,
            document: document.to_owned(),
            decided_at: self.now,
        });
        let (number, document) = (allocation.number, document.to_owned());
        let kind = AllocationKind::Recall;
        self.record(What::Allocated { allocation: number, province, kind, document }, postings);
        Ok(ComplianceReceipt::Allocated { allocation, holding: after }.into())
    }

    fn note_allocation(&mut self, allocation: Allocation) -> Allocation {
        self.touch(RecordKey::Compliance(ComplianceKey::Allocation(allocation.number)));
        self.compliance.allocations.push(allocation.clone());
        allocation
    }
}
