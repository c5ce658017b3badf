//! Records of what stands outside a settlement day: genesis, clock, holidays,
//! instruments, banks, accounts.

use crate::account::Account;
use crate::bank::Bank;
use crate::codec::{Problem, Reader, Writer, known};
use crate::command::{Genesis, Member};
use crate::instrument::Instrument;
use crate::ledger::Ledger;
use crate::receipt::{CashBalance, Holding};
use crate::records::FORMAT;
use crate::types::{AccountKind, BankId, Date, Fen, LedgerTime, Price, Quantity};

pub(super) fn genesis(genesis: &Genesis) -> Vec<u8> {
    let mut writer = Writer::record(FORMAT);
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
    writer.finish()
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
    pub(super) fn encode_clock(&self) -> Option<Vec<u8>> {
        if self.now == LedgerTime::default() && self.answers.next_ordinal == 0 {
            return None;
        }
        let mut writer = Writer::record(FORMAT);
        writer.i64(self.now.0);
        writer.u64(self.answers.next_ordinal);
        Some(writer.finish())
    }

    /// Absent while the list is empty.
    pub(super) fn encode_holidays(&self) -> Option<Vec<u8>> {
        if self.holidays.is_empty() {
            return None;
        }
        let mut writer = Writer::record(FORMAT);
        writer.count(self.holidays.len());
        self.holidays.iter().for_each(|date| writer.date(*date));
        Some(writer.finish())
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

pub(super) fn instrument(instrument: &Instrument) -> Vec<u8> {
    let mut writer = Writer::record(FORMAT);
    writer.i64(instrument.issued.0);
    writer.i64(instrument.held.0);
    writer.i64(instrument.last_close.0);
    writer.option(instrument.last_close_date, Writer::date);
    writer.finish()
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

pub(super) fn bank(bank: &Bank) -> Vec<u8> {
    let mut writer = Writer::record(FORMAT);
    writer.text(&bank.name);
    writer.i64(bank.deposited.0);
    writer.i64(bank.interbank.0);
    writer.finish()
}

pub(super) fn read_bank(value: &[u8]) -> Result<Bank, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let bank =
        Bank { name: reader.text()?, deposited: Fen(reader.i64()?), interbank: Fen(reader.i64()?) };
    reader.finish()?;
    Ok(bank)
}

pub(super) fn account(account: &Account) -> Vec<u8> {
    let mut writer = Writer::record(FORMAT);
    writer.raw(&account.uscc);
    writer.text(&account.name);
    writer.u8(match account.kind {
        AccountKind::Emitter => 1,
        AccountKind::Institution => 2,
        AccountKind::Province => 3,
    });
    writer.finish()
}

/// An account without balances; they have their own record.
pub(super) fn read_account(value: &[u8]) -> Result<Account, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let account = Account {
        uscc: reader.array()?,
        name: reader.text()?,
        kind: match reader.u8()? {
            1 => AccountKind::Emitter,
            2 => AccountKind::Institution,
            3 => AccountKind::Province,
            _ => return known(None, "account kind"),
        },
        holdings: Vec::new(),
        cash: Vec::new(),
    };
    reader.finish()?;
    Ok(account)
}

pub(super) fn balances(account: &Account) -> Vec<u8> {
    let mut writer = Writer::record(FORMAT);
    writer.count(account.holdings.len());
    for (instrument, holding) in &account.holdings {
        writer.raw(&instrument.to_bytes());
        write_holding(&mut writer, holding);
    }
    writer.count(account.cash.len());
    for (bank, balance) in &account.cash {
        writer.u16(bank.0);
        write_cash(&mut writer, balance);
    }
    writer.finish()
}

/// Fills an account's balances.
pub(super) fn read_balances(value: &[u8], account: &mut Account) -> Result<(), Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    account.holdings = reader.list(|reader| Ok((reader.instrument()?, read_holding(reader)?)))?;
    account.cash = reader.list(|reader| Ok((BankId(reader.u16()?), read_cash(reader)?)))?;
    reader.finish()?;
    let ascending = account.holdings.is_sorted_by(|a, b| a.0 < b.0)
        && account.cash.is_sorted_by(|a, b| a.0 < b.0);
    if ascending { Ok(()) } else { Err("balances are out of order".to_owned()) }
}

pub(super) fn write_holding(writer: &mut Writer, holding: &Holding) {
    writer.i64(holding.registered.0);
    writer.i64(holding.trading.0);
    writer.i64(holding.pending_in.0);
    writer.i64(holding.pledged.0);
    writer.i64(holding.frozen.0);
    writer.i64(holding.pending_out.0);
}

pub(super) fn read_holding(reader: &mut Reader<'_>) -> Result<Holding, Problem> {
    Ok(Holding {
        registered: Quantity(reader.i64()?),
        trading: Quantity(reader.i64()?),
        pending_in: Quantity(reader.i64()?),
        pledged: Quantity(reader.i64()?),
        frozen: Quantity(reader.i64()?),
        pending_out: Quantity(reader.i64()?),
    })
}

pub(super) fn write_cash(writer: &mut Writer, balance: &CashBalance) {
    writer.i64(balance.available.0);
    writer.i64(balance.pending_out.0);
}

pub(super) fn read_cash(reader: &mut Reader<'_>) -> Result<CashBalance, Problem> {
    Ok(CashBalance { available: Fen(reader.i64()?), pending_out: Fen(reader.i64()?) })
}
