//! Records of what stands outside a settlement day: genesis, clock, holidays,
//! instruments, banks, accounts.

use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;

use crate::account::{Account, Balances};
use crate::bank::Bank;
use crate::codec::{Problem, Reader, Writer, known};
use crate::command::{Genesis, Member};
use crate::control::{Counters, Proposal};
use crate::instrument::Instrument;
use crate::ledger::Ledger;
use crate::receipt::{CashBalance, Holding};
use crate::records::FORMAT;
use crate::types::{
    AccountKind, BankId, Date, Fen, InstrumentCode, LedgerTime, Price, ProposalId, Quantity,
};

/// Format of a balances record.
const BALANCES_FORMAT: u8 = 2;

pub(super) fn genesis(writer: &mut Writer, genesis: &Genesis) {
    writer.u8(FORMAT);
    writer.text(&genesis.cluster_id);
    writer.text(&genesis.layout);
    writer.count(genesis.cities.len());
    for (city, members) in &genesis.cities {
        writer.text(city);
        writer.count(members.len());
        for member in members {
            writer.u64(member.node_id);
            writer.raw(&member.storage_id);
        }
    }
}

pub(super) fn read_genesis(value: &[u8]) -> Result<Genesis, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let genesis = Genesis {
        cluster_id: reader.text()?,
        layout: reader.text()?,
        cities: reader.list(|reader| Ok((reader.text()?, reader.list(member)?)))?,
    };
    reader.finish()?;
    Ok(genesis)
}

fn member(reader: &mut Reader<'_>) -> Result<Member, Problem> {
    Ok(Member { node_id: reader.u64()?, storage_id: reader.array()? })
}

impl Ledger {
    /// Absent while nothing has happened.
    pub(super) fn write_clock(&self, writer: &mut Writer) -> Option<()> {
        if self.now == LedgerTime::default() && self.answers.next_ordinal == 0 {
            return None;
        }
        writer.u8(FORMAT);
        writer.i64(self.now.0);
        writer.u64(self.answers.next_ordinal);
        Some(())
    }

    /// Absent while the list is empty.
    pub(super) fn write_holidays(&self, writer: &mut Writer) -> Option<()> {
        if self.holidays.is_empty() {
            return None;
        }
        writer.u8(FORMAT);
        writer.count(self.holidays.len());
        self.holidays.iter().for_each(|date| writer.date(*date));
        Some(())
    }
}

pub(super) fn read_clock(value: &[u8]) -> Result<(LedgerTime, u64), Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let clock = (LedgerTime(reader.i64()?), reader.u64()?);
    reader.finish()?;
    Ok(clock)
}

pub(super) fn read_holidays(value: &[u8]) -> Result<Vec<Date>, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let dates = reader.list(Reader::date)?;
    reader.finish()?;
    Ok(dates)
}

pub(super) fn instrument(writer: &mut Writer, instrument: &Instrument) {
    writer.u8(FORMAT);
    writer.i64(instrument.issued.0);
    writer.i64(instrument.held.0);
    writer.i64(instrument.last_close.0);
    writer.option(instrument.last_close_date, Writer::date);
}

pub(super) fn read_instrument(value: &[u8]) -> Result<Instrument, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let instrument = Instrument {
        issued: Quantity(reader.i64()?),
        held: Quantity(reader.i64()?),
        last_close: Price(reader.i64()?),
        last_close_date: reader.option(Reader::date)?,
    };
    reader.finish()?;
    Ok(instrument)
}

pub(super) fn bank(writer: &mut Writer, bank: &Bank) {
    writer.u8(FORMAT);
    writer.text(&bank.name);
    writer.i64(bank.deposited.0);
    writer.i64(bank.interbank.0);
}

pub(super) fn read_bank(value: &[u8]) -> Result<Bank, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let mut bank = Bank::new(reader.text()?);
    bank.deposited = Fen(reader.i64()?);
    bank.interbank = Fen(reader.i64()?);
    reader.finish()?;
    Ok(bank)
}

pub(super) fn account(writer: &mut Writer, account: &Account) {
    writer.u8(FORMAT);
    writer.raw(&account.uscc);
    writer.text(&account.name);
    writer.u8(match account.kind {
        AccountKind::Emitter => 1,
        AccountKind::Institution => 2,
        AccountKind::Province => 3,
    });
}

impl Account {
    /// The value of its record.
    pub(crate) fn to_record(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        account(&mut writer, self);
        writer.finish()
    }
}

/// Absent while none was given.
pub(super) fn counters(writer: &mut Writer, counters: &Counters) -> Option<()> {
    if *counters == Counters::default() {
        return None;
    }
    writer.u8(FORMAT);
    writer.u64(counters.proposals);
    Some(())
}

pub(super) fn read_counters(value: &[u8]) -> Result<Counters, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let counters = Counters { proposals: reader.u64()? };
    reader.finish()?;
    Ok(counters)
}

pub(super) fn proposal(writer: &mut Writer, proposal: &Proposal) {
    writer.u8(FORMAT);
    writer.text(&proposal.maker);
    writer.i64(proposal.proposed_at.0);
    writer.i64(proposal.expires_at.0);
    writer.count(proposal.content.len());
    writer.raw(&proposal.content);
}

pub(super) fn read_proposal(value: &[u8], id: ProposalId) -> Result<Proposal, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let maker = reader.text()?;
    let (proposed_at, expires_at) = (LedgerTime(reader.i64()?), LedgerTime(reader.i64()?));
    let length = usize::try_from(reader.u32()?).map_err(|e| e.to_string())?;
    let content = reader.take(length)?.to_vec();
    reader.finish()?;
    let content_sha256 = Sha256::digest(&content).into();
    Ok(Proposal { id, maker, proposed_at, expires_at, content, content_sha256 })
}

/// An account; its balances have their own record.
pub(super) fn read_account(value: &[u8]) -> Result<Account, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let account = Account {
        uscc: reader.array()?,
        name: reader.text()?.into_boxed_str(),
        kind: match reader.u8()? {
            1 => AccountKind::Emitter,
            2 => AccountKind::Institution,
            3 => AccountKind::Province,
            _ => return known(None, "account kind"),
        },
    };
    reader.finish()?;
    Ok(account)
}

/// Short, because it is the record that changes most: one account with one
/// instrument and one bank is hashed as one block.
pub(super) fn balances(writer: &mut Writer, balances: &Balances) {
    writer.u8(BALANCES_FORMAT);
    writer.short_count(balances.holdings.len());
    for (instrument, holding) in &balances.holdings {
        writer.raw(&instrument.to_bytes());
        writer.shorts(positions(holding).map(|position| position.0));
    }
    writer.short_count(balances.cash.len());
    for (bank, balance) in &balances.cash {
        writer.u16(bank.0);
        writer.shorts([balance.available.0, balance.pending_out.0]);
    }
}

pub(super) fn read_balances(value: &[u8]) -> Result<Balances, Problem> {
    let mut reader = Reader::record(value, BALANCES_FORMAT)?;
    let mut holdings: SmallVec<[_; 1]> = SmallVec::new();
    for _ in 0..reader.short()? {
        holdings.push((reader.instrument()?, holding_of(Reader::short, &mut reader)?));
    }
    let mut cash: SmallVec<[_; 1]> = SmallVec::new();
    for _ in 0..reader.short()? {
        let bank = BankId(reader.u16()?);
        let (available, pending_out) = (Fen(reader.short()?), Fen(reader.short()?));
        cash.push((bank, CashBalance { available, pending_out }));
    }
    reader.finish()?;
    let ascending = holdings.is_sorted_by(|a: &(InstrumentCode, _), b| a.0 < b.0)
        && cash.is_sorted_by(|a: &(BankId, _), b| a.0 < b.0);
    if !ascending {
        return Err("balances are out of order".to_owned());
    }
    Ok(Balances { holdings, cash, summed: [0; 32] })
}

/// In the order in which they are written.
fn positions(holding: &Holding) -> [Quantity; 6] {
    let Holding { registered, trading, pending_in, pledged, frozen, pending_out } = *holding;
    [registered, trading, pending_in, pledged, frozen, pending_out]
}

pub(super) fn write_holding(writer: &mut Writer, holding: &Holding) {
    positions(holding).iter().for_each(|position| writer.i64(position.0));
}

pub(super) fn read_holding(reader: &mut Reader<'_>) -> Result<Holding, Problem> {
    holding_of(Reader::i64, reader)
}

fn holding_of<'a>(
    number: impl Fn(&mut Reader<'a>) -> Result<i64, Problem>,
    reader: &mut Reader<'a>,
) -> Result<Holding, Problem> {
    Ok(Holding {
        registered: Quantity(number(reader)?),
        trading: Quantity(number(reader)?),
        pending_in: Quantity(number(reader)?),
        pledged: Quantity(number(reader)?),
        frozen: Quantity(number(reader)?),
        pending_out: Quantity(number(reader)?),
    })
}

pub(super) fn write_cash(writer: &mut Writer, balance: &CashBalance) {
    writer.i64(balance.available.0);
    writer.i64(balance.pending_out.0);
}

pub(super) fn read_cash(reader: &mut Reader<'_>) -> Result<CashBalance, Problem> {
    Ok(CashBalance { available: Fen(reader.i64()?), pending_out: Fen(reader.i64()?) })
}
