//! Every piece of state is a record: a key and a value of canonical bytes.
//! Digests are sums over them and the store keeps them: `docs/formats.md`.

pub(crate) mod answer;
mod days;
mod load;
mod standing;

pub(crate) use days::{read_trade, status_from_number, status_number};
pub use load::Loader;

use crate::codec::{Problem, Reader, Writer, known};
use crate::compliance::ComplianceKey;
use crate::digest::hash_of;
use crate::inclusive::{InclusiveAccountId, PlatformId, VoucherId};
use crate::ledger::Ledger;
use crate::repo::RepoId;
use crate::settlement::chunk::place_number;
use crate::types::{AccountId, BankId, Date, FreezeId, InstrumentCode, PledgeId, ProposalId};

/// First byte of every value written here.
pub(crate) const FORMAT: u8 = 1;
/// Trade statuses in one record, so that delivery rewrites few records.
pub(crate) const STATUSES_PER_RECORD: u32 = 64;

/// Names a record. Ordered as its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RecordKey {
    Genesis,
    /// Ledger time and the next answer's ordinal.
    Clock,
    Holidays,
    Instrument(InstrumentCode),
    Bank(BankId),
    /// Who an account belongs to; never changes.
    Account(AccountId),
    /// What an account holds.
    Balances(AccountId),
    Day(Date),
    /// Trades accepted together, by the place of the first.
    Batch(Date, u32),
    /// 64 trades' statuses, by page.
    Statuses(Date, u32),
    Price(Date, InstrumentCode),
    Clearing(Date),
    Objection(Date, AccountId, u32),
    /// By ordinal.
    Answer(u64),
    /// The tree over all events.
    Journal,
    Proposal(ProposalId),
    /// Numbers given out so far.
    Counters,
    Pledge(PledgeId),
    Freeze(FreezeId),
    UsableUntil(InstrumentCode),
    /// Last numbers of pledges and freezes.
    PledgeNumbers,
    /// What sales have brought a bank as pledgee.
    Proceeds(BankId),
    /// A bank's pots and its report.
    Pots(BankId),
    /// An open withdrawal, by its number.
    Withdrawal(u64),
    /// What an account owes the reserve at a bank.
    Claim(AccountId, BankId),
    /// Of yearly compliance: kinds 30 to 35.
    Compliance(ComplianceKey),
    /// A person's account.
    InclusiveAccount(InclusiveAccountId),
    Voucher(VoucherId),
    InclusivePlatform(PlatformId),
    Repo(RepoId),
    /// The cluster, once it is not as the genesis made it.
    Topology,
    /// What the registry was made of, if it is a restoration.
    Restoration,
}

impl RecordKey {
    /// Whether the record counts in the digest of answers, not of state.
    pub(crate) fn is_of_answers(self) -> bool {
        matches!(self, Self::Clock | Self::Answer(_))
    }

    /// The account whose balances it holds.
    pub(crate) fn balances_of(self) -> Option<AccountId> {
        if let Self::Balances(id) = self { Some(id) } else { None }
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.finish()
    }

    /// Bytes of the key.
    fn length(self) -> u32 {
        match self {
            Self::Genesis
            | Self::Clock
            | Self::Holidays
            | Self::Journal
            | Self::Counters
            | Self::PledgeNumbers
            | Self::Topology
            | Self::Restoration => 1,
            Self::Bank(_) | Self::Pots(_) | Self::Proceeds(_) | Self::InclusivePlatform(_) => 3,
            Self::Account(_) | Self::Balances(_) | Self::Day(_) | Self::Clearing(_) => 5,
            Self::InclusiveAccount(_) | Self::Voucher(_) => 5,
            Self::Claim(..) => 7,
            Self::Instrument(_)
            | Self::UsableUntil(_)
            | Self::Pledge(_)
            | Self::Freeze(_)
            | Self::Batch(..)
            | Self::Statuses(..)
            | Self::Answer(_)
            | Self::Proposal(_)
            | Self::Withdrawal(_)
            | Self::Repo(_) => 9,
            Self::Price(..) | Self::Objection(..) => 13,
            Self::Compliance(key) => key.length(),
        }
    }

    pub(crate) fn write(self, writer: &mut Writer) {
        match self {
            Self::Genesis => writer.u8(1),
            Self::Clock => writer.u8(2),
            Self::Holidays => writer.u8(3),
            Self::Instrument(code) => {
                writer.u8(4);
                writer.raw(&code.to_bytes());
            }
            Self::Bank(bank) => {
                writer.u8(5);
                writer.u16(bank.0);
            }
            Self::Account(id) => {
                writer.u8(6);
                writer.u32(id.0);
            }
            Self::Balances(id) => {
                writer.u8(7);
                writer.u32(id.0);
            }
            Self::Day(date) => {
                writer.u8(8);
                writer.date(date);
            }
            Self::Batch(date, place) => {
                writer.u8(9);
                writer.date(date);
                writer.u32(place);
            }
            Self::Statuses(date, page) => {
                writer.u8(10);
                writer.date(date);
                writer.u32(page);
            }
            Self::Price(date, code) => {
                writer.u8(11);
                writer.date(date);
                writer.raw(&code.to_bytes());
            }
            Self::Clearing(date) => {
                writer.u8(12);
                writer.date(date);
            }
            Self::Objection(date, account, number) => {
                writer.u8(13);
                writer.date(date);
                writer.u32(account.0);
                writer.u32(number);
            }
            Self::Answer(ordinal) => {
                writer.u8(14);
                writer.u64(ordinal);
            }
            Self::Journal => writer.u8(15),
            Self::Proposal(id) => {
                writer.u8(16);
                writer.u64(id.0);
            }
            Self::Counters => writer.u8(17),
            Self::Pledge(id) => {
                writer.u8(20);
                writer.u64(id.0);
            }
            Self::Freeze(id) => {
                writer.u8(21);
                writer.u64(id.0);
            }
            Self::UsableUntil(code) => {
                writer.u8(22);
                writer.raw(&code.to_bytes());
            }
            Self::PledgeNumbers => writer.u8(23),
            Self::Proceeds(bank) => {
                writer.u8(24);
                writer.u16(bank.0);
            }
            Self::Pots(bank) => {
                writer.u8(25);
                writer.u16(bank.0);
            }
            Self::Withdrawal(number) => {
                writer.u8(26);
                writer.u64(number);
            }
            Self::Claim(account, bank) => {
                writer.u8(27);
                writer.u32(account.0);
                writer.u16(bank.0);
            }
            Self::Compliance(key) => key.write(writer),
            Self::InclusiveAccount(id) => {
                writer.u8(36);
                writer.u32(id.0);
            }
            Self::Voucher(id) => {
                writer.u8(37);
                writer.u32(id.0);
            }
            Self::InclusivePlatform(id) => {
                writer.u8(38);
                writer.u16(id.0);
            }
            Self::Repo(id) => {
                writer.u8(40);
                writer.u64(id.0);
            }
            Self::Topology => writer.u8(50),
            Self::Restoration => writer.u8(51),
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Problem> {
        let mut reader = Reader::new(bytes);
        let key = match reader.u8()? {
            1 => Self::Genesis,
            2 => Self::Clock,
            3 => Self::Holidays,
            4 => Self::Instrument(reader.instrument()?),
            5 => Self::Bank(BankId(reader.u16()?)),
            6 => Self::Account(AccountId(reader.u32()?)),
            7 => Self::Balances(AccountId(reader.u32()?)),
            8 => Self::Day(reader.date()?),
            9 => Self::Batch(reader.date()?, reader.u32()?),
            10 => Self::Statuses(reader.date()?, reader.u32()?),
            11 => Self::Price(reader.date()?, reader.instrument()?),
            12 => Self::Clearing(reader.date()?),
            13 => Self::Objection(reader.date()?, AccountId(reader.u32()?), reader.u32()?),
            14 => Self::Answer(reader.u64()?),
            15 => Self::Journal,
            16 => Self::Proposal(ProposalId(reader.u64()?)),
            17 => Self::Counters,
            20 => Self::Pledge(PledgeId(reader.u64()?)),
            21 => Self::Freeze(FreezeId(reader.u64()?)),
            22 => Self::UsableUntil(reader.instrument()?),
            23 => Self::PledgeNumbers,
            24 => Self::Proceeds(BankId(reader.u16()?)),
            25 => Self::Pots(BankId(reader.u16()?)),
            26 => Self::Withdrawal(reader.u64()?),
            27 => Self::Claim(AccountId(reader.u32()?), BankId(reader.u16()?)),
            kind @ 30..=35 => Self::Compliance(ComplianceKey::read(kind, &mut reader)?),
            36 => Self::InclusiveAccount(InclusiveAccountId(reader.u32()?)),
            37 => Self::Voucher(VoucherId(reader.u32()?)),
            38 => Self::InclusivePlatform(PlatformId(reader.u16()?)),
            40 => Self::Repo(RepoId(reader.u64()?)),
            50 => Self::Topology,
            51 => Self::Restoration,
            other => return Err(format!("unknown kind {other}")),
        };
        reader.finish()?;
        Ok(key)
    }
}

/// Whether the record with this key ends in a number that counts up from nought
/// or one without gaps, and is never removed. A store may keep many together.
#[must_use]
pub fn is_dense(key: &[u8]) -> bool {
    matches!(
        RecordKey::from_bytes(key),
        Ok(RecordKey::Account(_)
            | RecordKey::Balances(_)
            | RecordKey::Statuses(..)
            | RecordKey::InclusiveAccount(_)
            | RecordKey::Voucher(_))
    )
}

impl Writer {
    pub(crate) fn date(&mut self, date: Date) {
        self.u32(date.yyyymmdd());
    }
}

impl Reader<'_> {
    pub(crate) fn date(&mut self) -> Result<Date, Problem> {
        known(Date::from_yyyymmdd(self.u32()?), "date")
    }

    pub(crate) fn instrument(&mut self) -> Result<InstrumentCode, Problem> {
        let bytes: [u8; 8] = self.array()?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let code = std::str::from_utf8(&bytes[..end]).ok().and_then(InstrumentCode::parse);
        known(code.filter(|code| code.to_bytes() == bytes), "instrument")
    }
}

impl Ledger {
    /// The whole state in key order.
    #[must_use]
    pub fn records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.record_keys()
            .filter_map(|record| Some((record.to_bytes(), self.encode(record)?)))
            .collect()
    }

    /// The record's value; `None` when there is no such record.
    pub(crate) fn encode(&self, record: RecordKey) -> Option<Vec<u8>> {
        let mut writer = Writer::new();
        self.write_value(record, &mut writer)?;
        Some(writer.finish())
    }

    /// The hash that the record has in a digest, computed in `scratch`.
    pub(crate) fn hash_with(&self, record: RecordKey, scratch: &mut Writer) -> Option<[u8; 32]> {
        scratch.clear();
        scratch.u32(record.length());
        record.write(scratch);
        self.write_value(record, scratch)?;
        Some(hash_of(scratch.as_slice()))
    }

    /// What key and value take, roughly.
    pub(crate) fn expected_bytes(&self, record: RecordKey) -> usize {
        const USUAL: usize = 80;
        let more = match record {
            RecordKey::Batch(date, place) => {
                self.days.get(&date).and_then(|day| days::trades_bytes(day, place))
            }
            RecordKey::Answer(ordinal) => self.answers.record(ordinal).map(<[u8]>::len),
            RecordKey::Proposal(id) => {
                self.proposals.get(id).map(|proposal| proposal.content.len())
            }
            RecordKey::Balances(_) | RecordKey::InclusiveAccount(_) => return USUAL / 2,
            RecordKey::Pledge(_) => Some(USUAL),
            RecordKey::Genesis
            | RecordKey::Clock
            | RecordKey::Holidays
            | RecordKey::Instrument(_)
            | RecordKey::Bank(_)
            | RecordKey::Account(_)
            | RecordKey::Day(_)
            | RecordKey::Statuses(..)
            | RecordKey::Price(..)
            | RecordKey::Clearing(_)
            | RecordKey::Objection(..)
            | RecordKey::Journal
            | RecordKey::Counters
            | RecordKey::Freeze(_)
            | RecordKey::UsableUntil(_)
            | RecordKey::PledgeNumbers
            | RecordKey::Proceeds(_)
            | RecordKey::Pots(_)
            | RecordKey::Withdrawal(_)
            | RecordKey::Claim(..)
            | RecordKey::Compliance(_)
            | RecordKey::Voucher(_)
            | RecordKey::InclusivePlatform(_)
            | RecordKey::Repo(_)
            | RecordKey::Topology
            | RecordKey::Restoration => None,
        };
        more.unwrap_or_default().saturating_add(USUAL)
    }

    /// Writes the record's value, or nothing when there is no such record.
    pub(crate) fn write_value(&self, record: RecordKey, writer: &mut Writer) -> Option<()> {
        let day = |date| self.days.get(&date);
        match record {
            RecordKey::Genesis => standing::genesis(writer, self.genesis.as_ref()?),
            RecordKey::Clock => return self.write_clock(writer),
            RecordKey::Holidays => return self.write_holidays(writer),
            RecordKey::Instrument(code) => {
                standing::instrument(writer, self.instruments.get(&code)?);
            }
            RecordKey::Bank(bank) => standing::bank(writer, self.banks.get(bank)?),
            RecordKey::Account(id) => standing::account(writer, self.account_at(id)?),
            RecordKey::Balances(id) => standing::balances(writer, self.balances_at(id)?),
            RecordKey::Day(date) => days::day(writer, day(date)?),
            RecordKey::Batch(date, place) => return days::batch(writer, day(date)?, place),
            RecordKey::Statuses(date, page) => return days::statuses(writer, day(date)?, page),
            RecordKey::Price(date, code) => days::price(writer, day(date)?.prices.get(&code)?),
            RecordKey::Clearing(date) => {
                days::clearing_record(writer, day(date)?.clearing.as_ref()?);
            }
            RecordKey::Objection(date, account, number) => {
                days::objection(writer, day(date)?.objections.get(&(account, number))?);
            }
            RecordKey::Answer(ordinal) => writer.raw(self.answers.record(ordinal)?),
            RecordKey::Journal => return self.write_journal(writer),
            RecordKey::Counters => return standing::counters(writer, &self.counters),
            RecordKey::Proposal(id) => standing::proposal(writer, self.proposals.get(id)?),
            RecordKey::Pledge(id) => return self.write_pledge(id, writer),
            RecordKey::Freeze(id) => return self.write_freeze(id, writer),
            RecordKey::UsableUntil(code) => return self.write_usable_until(code, writer),
            RecordKey::PledgeNumbers => return self.write_pledge_numbers(writer),
            RecordKey::Proceeds(bank) => return self.write_proceeds(bank, writer),
            RecordKey::Pots(bank) => return self.write_pots(bank, writer),
            RecordKey::Withdrawal(number) => return self.write_withdrawal(number, writer),
            RecordKey::Claim(account, bank) => return self.write_claim(account, bank, writer),
            RecordKey::Compliance(key) => return self.compliance.write_value(key, writer),
            RecordKey::InclusiveAccount(id) => return self.write_inclusive_account(id, writer),
            RecordKey::Voucher(id) => return self.write_voucher(id, writer),
            RecordKey::InclusivePlatform(id) => return self.write_platform(id, writer),
            RecordKey::Repo(id) => return self.write_repo(id, writer),
            RecordKey::Topology => return self.write_topology(writer),
            RecordKey::Restoration => return self.write_restoration(writer),
        }
        Some(())
    }

    /// Keys of all records that may exist, in order.
    pub(crate) fn record_keys(&self) -> impl Iterator<Item = RecordKey> {
        let accounts = || (1..=self.account_count()).map(AccountId);
        let days = || self.days.iter();
        [RecordKey::Genesis, RecordKey::Clock, RecordKey::Holidays]
            .into_iter()
            .chain(self.instruments.keys().map(|code| RecordKey::Instrument(*code)))
            .chain(self.banks.iter().map(|(bank, _)| RecordKey::Bank(bank)))
            .chain(accounts().map(RecordKey::Account))
            .chain(accounts().map(RecordKey::Balances))
            .chain(self.days.keys().map(|date| RecordKey::Day(*date)))
            .chain(days().flat_map(|(date, day)| {
                day.batches.iter().map(|batch| RecordKey::Batch(*date, batch.first))
            }))
            .chain(days().flat_map(|(date, day)| {
                let pages = place_number(day.slots.len()).div_ceil(STATUSES_PER_RECORD);
                (0..pages).map(|page| RecordKey::Statuses(*date, page))
            }))
            .chain(days().flat_map(|(date, day)| {
                day.prices.keys().map(|code| RecordKey::Price(*date, *code))
            }))
            .chain(self.days.keys().map(|date| RecordKey::Clearing(*date)))
            .chain(days().flat_map(|(date, day)| {
                day.objections.keys().map(|(id, number)| RecordKey::Objection(*date, *id, *number))
            }))
            .chain(self.answers.iter().map(|(ordinal, _)| RecordKey::Answer(ordinal)))
            .chain([RecordKey::Journal])
            .chain(self.proposals.ids().map(RecordKey::Proposal))
            .chain([RecordKey::Counters])
            .chain(self.pledges.ids().map(RecordKey::Pledge))
            .chain(self.freezes.by_id.keys().map(|id| RecordKey::Freeze(*id)))
            .chain(self.usable_until.keys().map(|code| RecordKey::UsableUntil(*code)))
            .chain([RecordKey::PledgeNumbers])
            .chain(self.banks.iter().map(|(bank, _)| RecordKey::Proceeds(bank)))
            .chain(self.banks.iter().map(|(bank, _)| RecordKey::Pots(bank)))
            .chain(self.withdrawals.numbers().map(RecordKey::Withdrawal))
            .chain(self.claims.keys().map(|(account, bank)| RecordKey::Claim(*account, *bank)))
            .chain(self.compliance.keys().map(RecordKey::Compliance))
            .chain(
                (1..=self.inclusive.account_count())
                    .map(|number| RecordKey::InclusiveAccount(InclusiveAccountId(number))),
            )
            .chain(
                (1..=self.inclusive.voucher_count())
                    .map(|number| RecordKey::Voucher(VoucherId(number))),
            )
            .chain(
                (1..=self.inclusive.platform_count())
                    .map(|number| RecordKey::InclusivePlatform(PlatformId(number))),
            )
            .chain(self.repos.iter().map(|repo| RecordKey::Repo(repo.id)))
            .chain([RecordKey::Topology, RecordKey::Restoration])
    }
}
