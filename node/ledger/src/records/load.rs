//! Reading a whole state back from its records.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::account::{Account, Balances};
use crate::cluster::Topology;
use crate::codec::{CorruptRecord, Problem};
use crate::digest::record_hash;
use crate::formats::TradesHasher;
use crate::journal::Journal;
use crate::ledger::{Ledger, Sums};
use crate::records::answer::StoredAnswer;
use crate::records::{RecordKey, STATUSES_PER_RECORD, days, standing};
use crate::settlement::chunk::place_number;
use crate::settlement::day::{Batch, Day, Slot};
use crate::types::{AccountId, Date, TradeStatus};

/// Rebuilds a ledger from its records, one after the other in key order.
#[derive(Debug, Default)]
pub struct Loader {
    ledger: Ledger,
    sums: Sums,
    previous: Vec<u8>,
    /// As the clock says.
    next_ordinal: u64,
    /// Accounts whose balances came, the first ones.
    balances: u32,
}

impl Loader {
    /// Takes the next record.
    ///
    /// # Errors
    /// When it does not decode, repeats, or does not fit those before it.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), CorruptRecord> {
        self.add_hashed(key, value, &record_hash(key, value))
    }

    /// The same for a record whose [`record_hash`] is known: another thread may
    /// have computed it.
    ///
    /// # Errors
    /// As [`Loader::add`].
    pub fn add_hashed(
        &mut self,
        key: &[u8],
        value: &[u8],
        hash: &[u8; 32],
    ) -> Result<(), CorruptRecord> {
        let refuse = |problem| corrupt(key, problem);
        let record = RecordKey::from_bytes(key).map_err(refuse)?;
        match self.previous.as_slice().cmp(key) {
            Ordering::Less => {}
            Ordering::Equal => return Err(refuse("comes twice".to_owned())),
            Ordering::Greater => return Err(refuse("comes out of order".to_owned())),
        }
        self.previous.clear();
        self.previous.extend_from_slice(key);
        self.read(record, value, hash).map_err(refuse)?;
        self.sums.of(record).add(hash);
        Ok(())
    }

    fn read(&mut self, record: RecordKey, value: &[u8], hash: &[u8; 32]) -> Result<(), Problem> {
        let ledger = &mut self.ledger;
        match record {
            RecordKey::Genesis => {
                let genesis = standing::read_genesis(value)?;
                ledger.topology = Some(Arc::new(Topology::founded(&genesis)));
                ledger.genesis = Some(genesis);
            }
            RecordKey::Topology => ledger.load_topology(value)?,
            RecordKey::Restoration => ledger.load_restoration(value)?,
            RecordKey::Clock => {
                (ledger.now, self.next_ordinal) = standing::read_clock(value)?;
            }
            RecordKey::Holidays => {
                ledger.holidays = standing::read_holidays(value)?.into_iter().collect();
            }
            RecordKey::Instrument(code) => {
                ledger.instruments.insert(code, standing::read_instrument(value)?);
            }
            RecordKey::Bank(bank) => {
                ledger.banks.insert(bank, standing::read_bank(value)?);
            }
            RecordKey::Account(id) => {
                let account = standing::read_account(value)?;
                ledger.push_account(id, account)?;
            }
            RecordKey::Balances(id) => {
                if self.balances.checked_add(1) != Some(id.0) {
                    return Err(format!("follows the balances of account {}", self.balances));
                }
                self.balances = id.0;
                let balances = ledger.balances_mut(id).ok_or("its account is missing")?;
                *balances = Balances { summed: *hash, ..standing::read_balances(value)? };
            }
            RecordKey::Day(date) => {
                ledger.days.insert(date, days::read_day(value, date)?);
            }
            RecordKey::Batch(date, first) => read_batch(ledger.loaded_day(date)?, first, value)?,
            RecordKey::Statuses(date, page) => {
                read_statuses(ledger.loaded_day(date)?, page, value)?;
            }
            RecordKey::Price(date, code) => {
                ledger.loaded_day(date)?.prices.insert(code, days::read_price(value)?);
            }
            RecordKey::Clearing(date) => {
                ledger.loaded_day(date)?.clearing = Some(days::read_clearing_record(value)?);
            }
            RecordKey::Objection(date, account, number) => {
                let objection = days::read_objection(value)?;
                ledger.loaded_day(date)?.objections.insert((account, number), objection);
            }
            RecordKey::Answer(ordinal) => {
                let stored = StoredAnswer::decode(value)?;
                let (actor, id) = (&stored.actor, &stored.request_id);
                if ledger.answers.len() == 0 {
                    ledger.answers.next_ordinal = ordinal;
                } else if ledger.answers.next_ordinal != ordinal {
                    return Err(format!("follows answer {}", ledger.answers.next_ordinal));
                }
                ledger.answers.push(actor, id, value.to_vec());
            }
            RecordKey::Proposal(id) => {
                ledger.proposals.insert(standing::read_proposal(value, id)?);
            }
            RecordKey::Counters => ledger.counters = standing::read_counters(value)?,
            RecordKey::Journal => ledger.journal = Journal::read(value)?,
            RecordKey::Pledge(id) => ledger.load_pledge(id, value)?,
            RecordKey::Freeze(id) => ledger.load_freeze(id, value)?,
            RecordKey::UsableUntil(code) => ledger.load_usable_until(code, value)?,
            RecordKey::PledgeNumbers => ledger.load_pledge_numbers(value)?,
            RecordKey::Proceeds(bank) => ledger.load_proceeds(bank, value)?,
            RecordKey::Pots(bank) => ledger.load_pots(bank, value)?,
            RecordKey::Withdrawal(number) => ledger.load_withdrawal(number, value)?,
            RecordKey::Claim(account, bank) => ledger.load_claim(account, bank, value)?,
            RecordKey::Compliance(key) => ledger.load_compliance(key, value)?,
            RecordKey::InclusiveAccount(id) => ledger.load_inclusive_account(id, value)?,
            RecordKey::Voucher(id) => ledger.load_voucher(id, value)?,
            RecordKey::InclusivePlatform(id) => ledger.load_platform(id, value)?,
            RecordKey::Repo(id) => ledger.load_repo(id, value)?,
        }
        Ok(())
    }

    /// The ledger that the records make.
    ///
    /// # Errors
    /// When balances or an answer are missing.
    pub fn finish(self) -> Result<Ledger, CorruptRecord> {
        let Self { mut ledger, sums, next_ordinal, balances, .. } = self;
        if balances < ledger.account_count() {
            let key = RecordKey::Balances(AccountId(balances.saturating_add(1))).to_bytes();
            return Err(corrupt(&key, "is missing".to_owned()));
        }
        if ledger.answers.len() > 0 && ledger.answers.next_ordinal != next_ordinal {
            let key = RecordKey::Answer(ledger.answers.next_ordinal).to_bytes();
            return Err(corrupt(&key, "is missing".to_owned()));
        }
        ledger.answers.next_ordinal = next_ordinal;
        ledger.rebuild_indexes();
        ledger.set_sealed(sums);
        Ok(ledger)
    }
}

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
        let mut loader = Loader::default();
        for (key, value) in &records {
            loader.add(key, value)?;
        }
        loader.finish()
    }

    fn push_account(&mut self, id: AccountId, account: Account) -> Result<(), Problem> {
        if self.accounts.len().checked_add(1) != usize::try_from(id.0).ok() {
            return Err(format!("follows account {}", self.accounts.len()));
        }
        if let Some(other) = self.by_uscc.get(&account.uscc, &self.accounts) {
            return Err(format!("its credit code has account {} already", other.0));
        }
        self.add_account(id, account, Balances::default());
        Ok(())
    }

    fn loaded_day(&mut self, date: Date) -> Result<&mut Day, Problem> {
        self.days.get_mut(&date).ok_or_else(|| "its day is missing".to_owned())
    }

    fn rebuild_indexes(&mut self) {
        for (number, balances) in (1..).zip(self.balances.iter()) {
            self.totals.add(&balances.holdings);
            if balances.has_pending_in() {
                self.pending_in.push(AccountId(number));
            }
        }
        for day in self.days.values_mut() {
            let mut hasher = TradesHasher::new(day.date);
            day.stream_trades().for_each(|trade| hasher.add(trade));
            day.hasher = Some(hasher);
            if day.clearing.is_some() {
                day.by_account = day.index_by_account(self.accounts.len());
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
        if day.place_of(trade.number).is_some() {
            return Err(format!("trade {} comes twice", trade.number.0));
        }
        day.numbers.insert(trade.number, place_number(day.slots.len()), immediate);
        day.slots.push(Slot { trade, status: TradeStatus::Accepted, immediate });
    }
    Ok(())
}

fn read_statuses(day: &mut Day, page: u32, value: &[u8]) -> Result<(), Problem> {
    let statuses = days::read_statuses(value)?;
    let per_record = usize::try_from(STATUSES_PER_RECORD).map_err(|e| e.to_string())?;
    let place = usize::try_from(page).map_err(|e| e.to_string())?;
    let first = place.saturating_mul(per_record);
    let end = first.saturating_add(per_record).min(day.slots.len());
    let count = end.checked_sub(first).ok_or("its trades are missing")?;
    if count != statuses.len() {
        return Err(format!("{} statuses for {count} trades", statuses.len()));
    }
    for (place, status) in (first..end).zip(statuses) {
        if let Some(slot) = day.slots.get_mut(place) {
            slot.status = status;
        }
    }
    Ok(())
}

fn corrupt(key: &[u8], problem: Problem) -> CorruptRecord {
    let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
    CorruptRecord { key, problem }
}
