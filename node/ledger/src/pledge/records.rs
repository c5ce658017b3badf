//! Records of pledges, of the last number given, and of what pledgees have got.

use super::state::{Pledge, PledgeRef, PledgeTerms, Pledges, Substitution};
use crate::codec::{Problem, Reader, Writer};
use crate::ledger::Ledger;
use crate::records::FORMAT;
use crate::stored::{Stored, stored_struct};
use crate::types::{BankId, Fen, PledgeId};

stored_struct!(PledgeTerms: contract, principal, maturity, reference_price, reference_date,
    loan_to_value_bp, warning_price, disposal_price, cure_period_ms);
stored_struct!(Substitution: instrument, quantity, from, reference_price, reference_date,
    warning_price, disposal_price, expires_at);
stored_struct!(Pledge: id, pledgor, pledgee, instrument, quantity, contract_quantity, from, terms,
    state, version, expires_at, filing_reference, activated_log_index, cure_deadline, stays, claim,
    proceeds, substitution);
stored_struct!(PledgeRef: id, pledgor, pledgee);

impl Ledger {
    pub(crate) fn write_pledge(&self, id: PledgeId, writer: &mut Writer) -> Option<()> {
        let pledge = self.pledge(id)?;
        writer.u8(FORMAT);
        pledge.write(writer);
        Some(())
    }

    pub(crate) fn load_pledge(&mut self, id: PledgeId, value: &[u8]) -> Result<(), Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        let pledge: Pledge = Stored::read(&mut reader)?;
        reader.finish()?;
        if pledge.id != id {
            return Err(format!("is pledge {}", pledge.id.0));
        }
        self.pledges.put(pledge);
        Ok(())
    }

    /// Absent before the first pledge and the first freeze.
    pub(crate) fn write_pledge_numbers(&self, writer: &mut Writer) -> Option<()> {
        let numbers = (self.pledges.last, self.freezes.last);
        if numbers == (0, 0) {
            return None;
        }
        writer.u8(FORMAT);
        numbers.write(writer);
        Some(())
    }

    pub(crate) fn load_pledge_numbers(&mut self, value: &[u8]) -> Result<(), Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        (self.pledges.last, self.freezes.last) = Stored::read(&mut reader)?;
        reader.finish()
    }

    /// Absent while the bank has nothing.
    pub(crate) fn write_proceeds(&self, bank: BankId, writer: &mut Writer) -> Option<()> {
        let proceeds = self.banks.get(bank)?.proceeds;
        if proceeds == Fen(0) {
            return None;
        }
        writer.u8(FORMAT);
        proceeds.write(writer);
        Some(())
    }

    pub(crate) fn load_proceeds(&mut self, bank: BankId, value: &[u8]) -> Result<(), Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        let proceeds = Stored::read(&mut reader)?;
        reader.finish()?;
        self.banks.get_mut(bank).ok_or("its bank is missing")?.proceeds = proceeds;
        Ok(())
    }
}

impl Pledges {
    /// In order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = PledgeId> {
        self.iter().map(|pledge| pledge.id)
    }
}
