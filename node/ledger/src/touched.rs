//! Which records changed. Records that change by the thousand are kept in
//! dense sets, the few others in a tree.

use std::collections::BTreeSet;

use crate::inclusive::InclusiveAccountId;
use crate::records::RecordKey;
use crate::types::{AccountId, BankId, Date};

/// A set of small numbers that is emptied in the time of its members.
#[derive(Clone, Debug, Default)]
pub(crate) struct DenseSet {
    /// One bit per number.
    words: Vec<u64>,
    members: Vec<u32>,
}

impl DenseSet {
    /// Adds a number; says whether it is new.
    pub(crate) fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = place(number);
        if self.words.len() <= word {
            self.words.resize(word.saturating_add(1), 0);
        }
        match self.words.get_mut(word) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                self.members.push(number);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Brings the members in order.
    fn sort(&mut self) {
        // Looking through all words is the cheaper way unless they are mostly empty.
        if self.members.len() < self.words.len() / 8 {
            self.members.sort_unstable();
            return;
        }
        self.members.clear();
        for (word, first) in self.words.iter().zip((0_u32..).step_by(64)) {
            let mut bits = *word;
            while bits != 0 {
                self.members.push(first.saturating_add(bits.trailing_zeros()));
                bits &= bits.wrapping_sub(1);
            }
        }
    }

    /// Empties the set; its members in the order they came, or sorted.
    pub(crate) fn take(&mut self) -> Vec<u32> {
        for number in &self.members {
            let (word, _) = place(*number);
            if let Some(word) = self.words.get_mut(word) {
                *word = 0;
            }
        }
        std::mem::take(&mut self.members)
    }
}

impl FromIterator<u32> for DenseSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut set = Self::default();
        for number in numbers {
            set.insert(number);
        }
        set
    }
}

/// The word that holds a number's bit, and the bit.
fn place(number: u32) -> (usize, u64) {
    (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64))
}

/// So many balances are kept without looking for repeated ones.
const FEW_BALANCES: usize = 1 << 16;

/// A set of records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    /// Some of them repeatedly: at most about twice as many as are distinct, or few.
    balances: Vec<AccountId>,
    /// Balances when repeated ones were last dropped.
    distinct: usize,
    banks: DenseSet,
    /// Pages of the day that changed first; other days' go into the tree.
    statuses: DenseSet,
    statuses_of: Option<Date>,
    /// Accounts of persons.
    inclusive: DenseSet,
    others: BTreeSet<RecordKey>,
}

impl Touched {
    /// Adds a record; says whether it is new, which balances know themselves.
    pub(crate) fn insert(&mut self, record: RecordKey) -> bool {
        match record {
            RecordKey::Balances(id) => {
                self.balances.push(id);
                if self.balances.len() >= FEW_BALANCES.max(self.distinct.saturating_mul(2)) {
                    self.drop_repeated();
                }
                true
            }
            RecordKey::Bank(id) => self.banks.insert(id.0.into()),
            RecordKey::Statuses(date, page) if *self.statuses_of.get_or_insert(date) == date => {
                self.statuses.insert(page)
            }
            RecordKey::InclusiveAccount(id) => self.inclusive.insert(id.0),
            RecordKey::Genesis
            | RecordKey::Clock
            | RecordKey::Holidays
            | RecordKey::Instrument(_)
            | RecordKey::Account(_)
            | RecordKey::Day(_)
            | RecordKey::Batch(..)
            | RecordKey::Statuses(..)
            | RecordKey::Price(..)
            | RecordKey::Clearing(_)
            | RecordKey::Objection(..)
            | RecordKey::Answer(_)
            | RecordKey::Journal
            | RecordKey::Proposal(_)
            | RecordKey::Counters
            | RecordKey::Pledge(_)
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
            | RecordKey::Restoration => self.others.insert(record),
        }
    }

    /// Brings the balances in order, each once.
    fn drop_repeated(&mut self) {
        let mut distinct: DenseSet = self.balances.drain(..).map(|id| id.0).collect();
        distinct.sort();
        self.balances.extend(distinct.members.into_iter().map(AccountId));
        self.distinct = self.balances.len();
    }

    /// Records in the set, some of the balances repeatedly.
    pub(crate) fn len(&self) -> usize {
        [
            self.balances.len(),
            self.banks.len(),
            self.statuses.len(),
            self.inclusive.len(),
            self.others.len(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// Balances in the set, some of them repeatedly.
    pub(crate) fn balances(&self) -> usize {
        self.balances.len()
    }

    /// Takes the balances out.
    pub(crate) fn take_balances(&mut self) -> Vec<AccountId> {
        self.distinct = 0;
        std::mem::take(&mut self.balances)
    }

    /// Empties the set; its members, kind by kind.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = RecordKey> + use<> {
        let statuses_of = self.statuses_of.take();
        let bank = |id: u32| u16::try_from(id).ok().map(|id| RecordKey::Bank(BankId(id)));
        std::mem::take(&mut self.others)
            .into_iter()
            .chain(self.banks.take().into_iter().filter_map(bank))
            .chain(self.take_balances().into_iter().map(RecordKey::Balances))
            .chain(
                self.statuses.take().into_iter().filter_map(move |page| {
                    statuses_of.map(|date| RecordKey::Statuses(date, page))
                }),
            )
            .chain(
                self.inclusive
                    .take()
                    .into_iter()
                    .map(|number| RecordKey::InclusiveAccount(InclusiveAccountId(number))),
            )
    }

    /// Empties the set; its members in order, each once.
    pub(crate) fn take_sorted(&mut self) -> Vec<RecordKey> {
        self.drop_repeated();
        self.banks.sort();
        self.statuses.sort();
        self.inclusive.sort();
        let mut records: Vec<RecordKey> = self.take().collect();
        // Several runs that are in order already, which this sort makes use of.
        records.sort();
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once_until_the_set_is_emptied() {
        let mut set = DenseSet::default();
        for _ in 0..2 {
            assert!(set.insert(63) && set.insert(64) && set.insert(1_000_000));
            assert!(!set.insert(63) && set.contains(64) && !set.contains(65));
            assert_eq!(set.take(), [63, 64, 1_000_000]);
            assert!(!set.contains(63) && set.len() == 0);
        }
    }

    #[test]
    fn accounts_that_change_again_and_again_are_not_counted_as_many() {
        let mut touched = Touched::default();
        for change in 0..3_000_000_u32 {
            touched.insert(RecordKey::Balances(AccountId(change % 1_000)));
            assert!(touched.len() <= FEW_BALANCES);
        }
        assert_eq!(touched.take_sorted().len(), 1_000);
        let many = 2 * u32::try_from(FEW_BALANCES).unwrap();
        for change in 0..10 * many {
            touched.insert(RecordKey::Balances(AccountId(change % many)));
            assert!(touched.len() <= 4 * FEW_BALANCES);
        }
        assert_eq!(touched.take_sorted().len(), 2 * FEW_BALANCES);
    }

    #[test]
    fn every_record_comes_out_once() {
        let (one, two) = (Date::from_yyyymmdd(20211216), Date::from_yyyymmdd(20211217));
        let (one, two) = (one.unwrap(), two.unwrap());
        let records = [
            RecordKey::Clock,
            RecordKey::Balances(AccountId(7)),
            RecordKey::Bank(BankId(102)),
            RecordKey::Statuses(one, 3),
            RecordKey::Statuses(two, 3),
            RecordKey::Day(two),
        ];
        let mut touched = Touched::default();
        for _ in 0..2 {
            assert!(records.iter().all(|record| touched.insert(*record)));
            let known = records.iter().filter(|record| !touched.insert(**record)).count();
            // Balances are not looked up.
            assert_eq!(known, records.len() - 1);
            assert_eq!((touched.len(), touched.balances()), (records.len() + 1, 2));
            let mut expected = records;
            expected.sort_unstable();
            assert_eq!(touched.take_sorted(), expected);
            assert_eq!((touched.len(), touched.balances()), (0, 0));
        }
    }
}
