//! Reading a whole state back from its records.

use crate::codec::{CorruptRecord, Problem};
use crate::digest::record_hash;
use crate::formats::TradesHasher;
use crate::ledger::{Ledger, Sums};
use crate::records::answer::StoredAnswer;
use crate::records::{RecordKey, STATUSES_PER_RECORD, days, standing};
use crate::settlement::chunk::place_number;
use crate::settlement::day::{Batch, Day, Slot};
use crate::types::{AccountId, Date};
use crate::types::{Quantity, TradeStatus};

impl Ledger {
    /// Rebuilds a ledger from its records, in any order.
    ///
    /// # Errors
    /// The first record that does not decode, repeats, or does not fit the others.
    pub fn load(
        records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, CorruptRecord> {
        let mut records: Vec<_> = records.into_iter().collect();
        records.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut ledger = Self::new();
        let mut sums = Sums::default();
        let mut previous: Option<&[u8]> = None;
        for (key, value) in &records {
            let record = RecordKey::from_bytes(key).map_err(|problem| corrupt(key, problem))?;
            if previous == Some(key) {
                return Err(corrupt(key, "comes twice".to_owned()));
            }
            previous = Some(key);
            ledger.read(record, value).map_err(|problem| corrupt(key, problem))?;
            sums.of(record).add(&record_hash(key, value));
        }
        ledger.rebuild_indexes();
        ledger.set_sealed(sums);
        Ok(ledger)
    }

    /// Takes one record; they come in key order.
    fn read(&mut self, record: RecordKey, value: &[u8]) -> Result<(), Problem> {
        match record {
            RecordKey::Genesis => self.genesis = Some(standing::read_genesis(value)?),
            RecordKey::Clock => {
                (self.now, self.answers.next_ordinal) = standing::read_clock(value)?;
            }
            RecordKey::Holidays => {
                self.holidays = standing::read_holidays(value)?.into_iter().collect();
            }
            RecordKey::Instrument(code) => {
                self.instruments.insert(code, standing::read_instrument(value)?);
            }
            RecordKey::Bank(bank) => {
                self.banks.insert(bank, standing::read_bank(value)?);
            }
            RecordKey::Account(id) => self.read_account(id, value)?,
            RecordKey::Balances(id) => {
                let account = self.account_mut(id).ok_or("its account is missing")?;
                standing::read_balances(value, account)?;
            }
            RecordKey::Day(date) => {
                self.days.insert(date, days::read_day(value, date)?);
            }
            RecordKey::Batch(date, first) => read_batch(self.loaded_day(date)?, first, value)?,
            RecordKey::Statuses(date, page) => {
                read_statuses(self.loaded_day(date)?, page, value)?;
            }
            RecordKey::Price(date, code) => {
                self.loaded_day(date)?.prices.insert(code, days::read_price(value)?);
            }
            RecordKey::Clearing(date) => {
                self.loaded_day(date)?.clearing = Some(days::read_clearing_record(value)?);
            }
            RecordKey::Objection(date, account, number) => {
                let objection = days::read_objection(value)?;
                self.loaded_day(date)?.objections.insert((account, number), objection);
            }
            RecordKey::Answer(ordinal) => {
                let stored = StoredAnswer::decode(value)?;
                let (actor, id) = (&stored.actor, &stored.request_id);
                self.answers.insert(ordinal, actor, id, value.to_vec());
            }
        }
        Ok(())
    }

    fn read_account(&mut self, id: AccountId, value: &[u8]) -> Result<(), Problem> {
        let account = standing::read_account(value)?;
        if self.accounts.len().checked_add(1) != usize::try_from(id.0).ok() {
            return Err(format!("follows account {}", self.accounts.len()));
        }
        if self.by_uscc.insert(account.uscc, id).is_some() {
            return Err("its credit code has another account".to_owned());
        }
        self.accounts.push(account);
        Ok(())
    }

    fn loaded_day(&mut self, date: Date) -> Result<&mut Day, Problem> {
        self.days.get_mut(&date).ok_or_else(|| "its day is missing".to_owned())
    }

    fn rebuild_indexes(&mut self) {
        for (number, account) in (1..).zip(&self.accounts) {
            for (instrument, holding) in &account.holdings {
                if holding.pending_in > Quantity(0) {
                    self.pending_in.insert((AccountId(number), *instrument));
                }
            }
        }
        for day in self.days.values_mut() {
            let mut hasher = TradesHasher::new(day.date);
            day.stream_trades().for_each(|trade| hasher.add(trade));
            day.hasher = Some(hasher);
            if day.clearing.is_some() {
                day.by_account = day.index_by_account();
            }
        }
    }
}

/// Appends a batch; its trades' statuses come in later records.
fn read_batch(day: &mut Day, first: u32, value: &[u8]) -> Result<(), Problem> {
    let batch = days::read_batch(value)?;
    if first != place_number(day.slots.len()) {
        return Err(format!("follows {} trades", day.slots.len()));
    }
    day.batches.push(Batch { first, chunk: batch.chunk.map(|(number, _)| number) });
    let immediate = batch.chunk.is_none();
    if let Some((number, mark)) = batch.chunk {
        day.chunks.push(mark);
        if Ok(day.chunks.len()) != usize::try_from(number) {
            return Err(format!("chunk {number} is out of order"));
        }
    }
    for trade in batch.trades {
        if day.numbers.insert(trade.number, place_number(day.slots.len())).is_some() {
            return Err(format!("trade {} comes twice", trade.number.0));
        }
        day.slots.push(Slot { trade, status: TradeStatus::Accepted, immediate });
    }
    Ok(())
}

fn read_statuses(day: &mut Day, page: u32, value: &[u8]) -> Result<(), Problem> {
    let statuses = days::read_statuses(value)?;
    let per_record = usize::try_from(STATUSES_PER_RECORD).map_err(|e| e.to_string())?;
    let place = usize::try_from(page).map_err(|e| e.to_string())?;
    let slots = day.slots.chunks_mut(per_record).nth(place).ok_or("its trades are missing")?;
    if slots.len() != statuses.len() {
        return Err(format!("{} statuses for {} trades", statuses.len(), slots.len()));
    }
    slots.iter_mut().zip(statuses).for_each(|(slot, status)| slot.status = status);
    Ok(())
}

fn corrupt(key: &[u8], problem: Problem) -> CorruptRecord {
    let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
    CorruptRecord { key, problem }
}
