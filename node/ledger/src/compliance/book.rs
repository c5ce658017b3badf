//! Entries that are numbered from 1 and stay for ever, found by account and by
//! province without a search.

use std::collections::BTreeMap;

use super::types::{
    Allocation, Cancellation, CarryOver, Emissions, EntryFilter, ProvinceCode, Surrender,
};
use crate::types::AccountId;

/// What an entry is found by.
pub(crate) trait Entry {
    fn account(&self) -> AccountId;
    fn province(&self) -> Option<ProvinceCode>;
}

macro_rules! entries {
    ($($name:ident: $province:expr;)+) => {$(
        impl Entry for $name {
            fn account(&self) -> AccountId {
                self.account
            }

            fn province(&self) -> Option<ProvinceCode> {
                let of: fn(&Self) -> Option<ProvinceCode> = $province;
                of(self)
            }
        }
    )+};
}

entries! {
    Allocation: |entry| Some(entry.province);
    Emissions: |entry| Some(entry.province);
    Surrender: |entry| Some(entry.province);
    Cancellation: |_| None;
    CarryOver: |_| None;
}

/// All entries of a kind.
#[derive(Clone, Debug)]
pub(crate) struct Book<T> {
    entries: Vec<T>,
    /// Index: numbers by account.
    by_account: BTreeMap<AccountId, Vec<u64>>,
    /// Index: numbers by province.
    by_province: BTreeMap<ProvinceCode, Vec<u64>>,
}

impl<T> Default for Book<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), by_account: BTreeMap::new(), by_province: BTreeMap::new() }
    }
}

impl<T: Entry> Book<T> {
    /// Entries so far: the last one's number.
    pub(crate) fn last(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Number of the next entry.
    pub(crate) fn next(&self) -> u64 {
        self.last().saturating_add(1)
    }

    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        self.entries.get(place(number)?)
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.entries.get_mut(place(number)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter()
    }

    /// Appends an entry that has the next number.
    pub(crate) fn push(&mut self, entry: T) {
        let number = self.next();
        self.by_account.entry(entry.account()).or_default().push(number);
        if let Some(province) = entry.province() {
            self.by_province.entry(province).or_default().push(number);
        }
        self.entries.push(entry);
    }

    /// In order of number, from the one after `after`.
    pub(crate) fn after(&self, filter: EntryFilter, after: u64, limit: usize) -> Vec<&T> {
        let own = |account| self.by_account.get(account).map_or(&[][..], Vec::as_slice);
        let of = |province| self.by_province.get(province).map_or(&[][..], Vec::as_slice);
        let numbers = match (&filter.account, &filter.province) {
            (Some(account), _) => own(account),
            (None, Some(province)) => of(province),
            (None, None) => {
                let first = usize::try_from(after).unwrap_or(usize::MAX);
                return self.entries.iter().skip(first).take(limit).collect();
            }
        };
        let wanted =
            |entry: &&T| filter.province.is_none_or(|wanted| entry.province() == Some(wanted));
        let first = numbers.partition_point(|number| *number <= after);
        let numbers = numbers.iter().skip(first);
        numbers.filter_map(|number| self.get(*number)).filter(wanted).take(limit).collect()
    }
}

fn place(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}
