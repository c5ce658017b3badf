//! Records of pots, open withdrawals and claims.

use super::{OpenWithdrawal, Pots, ReportedBalance};
use crate::codec::{Problem, Reader, Writer};
use crate::ledger::Ledger;
use crate::records::FORMAT;
use crate::stored::{Stored, stored_struct};
use crate::types::{AccountId, BankId, Fen};

stored_struct!(Pots: fees, reserve, suspense, withdrawn);
stored_struct!(ReportedBalance: as_of, balance, reported_at);
stored_struct!(OpenWithdrawal: number, account, bank, amount, requested_at);

impl Ledger {
    /// Absent while nothing ever was in a pot, reported or withdrawn.
    pub(crate) fn write_pots(&self, bank: BankId, writer: &mut Writer) -> Option<()> {
        let bank = self.banks.get(bank)?;
        if bank.pots == Pots::default() && bank.reported.is_none() && bank.withdrawals == 0 {
            return None;
        }
        writer.u8(FORMAT);
        bank.pots.write(writer);
        bank.withdrawals.write(writer);
        bank.reported.write(writer);
        Some(())
    }

    pub(crate) fn load_pots(&mut self, bank: BankId, value: &[u8]) -> Result<(), Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        let (pots, withdrawals, reported) =
            (Stored::read(&mut reader)?, Stored::read(&mut reader)?, Stored::read(&mut reader)?);
        reader.finish()?;
        let bank = self.banks.get_mut(bank).ok_or("its bank is missing")?;
        (bank.pots, bank.withdrawals, bank.reported) = (pots, withdrawals, reported);
        Ok(())
    }

    pub(crate) fn write_withdrawal(&self, number: u64, writer: &mut Writer) -> Option<()> {
        let OpenWithdrawal { account, bank, amount, requested_at, .. } =
            self.withdrawals.get(number)?;
        writer.u8(FORMAT);
        account.write(writer);
        bank.write(writer);
        amount.write(writer);
        requested_at.write(writer);
        Some(())
    }

    pub(crate) fn load_withdrawal(&mut self, number: u64, value: &[u8]) -> Result<(), Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        let withdrawal = OpenWithdrawal {
            number,
            account: Stored::read(&mut reader)?,
            bank: Stored::read(&mut reader)?,
            amount: Stored::read(&mut reader)?,
            requested_at: Stored::read(&mut reader)?,
        };
        reader.finish()?;
        self.withdrawals.insert(withdrawal);
        Ok(())
    }

    pub(crate) fn write_claim(
        &self,
        account: AccountId,
        bank: BankId,
        writer: &mut Writer,
    ) -> Option<()> {
        let claim = self.claims.get(&(account, bank))?;
        writer.u8(FORMAT);
        claim.write(writer);
        Some(())
    }

    pub(crate) fn load_claim(
        &mut self,
        account: AccountId,
        bank: BankId,
        value: &[u8],
    ) -> Result<(), Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        let claim: Fen = Stored::read(&mut reader)?;
        reader.finish()?;
        self.claims.insert((account, bank), claim);
        Ok(())
    }
}
