//! Reads of yearly compliance.

use std::ops::Bound::{Excluded, Included, Unbounded};

use super::{
    Allocation, Cancellation, CarryOver, ComplianceYear, Emissions, EntryFilter, Obligation,
    ProvinceCode, ProvinceView, Surrender, YearLine,
};
use crate::ledger::Ledger;
use crate::rejection::{Reason, Rejection};
use crate::types::{AccountId, Quantity};

macro_rules! pages {
    ($($(#[$doc:meta])+ $name:ident: $book:ident -> $entry:ident;)+) => {$(
        $(#[$doc])+
        #[must_use]
        pub fn $name(&self, filter: EntryFilter, after: u64, limit: usize) -> Vec<&$entry> {
            self.compliance.$book.after(filter, after, limit)
        }
    )+};
}

impl Ledger {
    pages! {
        /// Allocations and recalls in order of number, from the one after `after`.
        allocations_after: allocations -> Allocation;
        /// Entries of verified emissions, the same way.
        emissions_after: emissions -> Emissions;
        /// Applications to surrender, the same way.
        surrenders_after: surrenders -> Surrender;
        /// Voluntary cancellations, the same way; they have no province.
        cancellations_after: cancellations -> Cancellation;
        /// Carry-overs, the same way; they have no province.
        carry_overs_after: carry_overs -> CarryOver;
    }

    /// The province of an account, if it has one.
    #[must_use]
    pub fn province_of(&self, account: AccountId) -> Option<ProvinceCode> {
        self.compliance.provinces.get(&account).copied()
    }

    /// A province's account and how many firms it has.
    #[must_use]
    pub fn province(&self, province: ProvinceCode) -> ProvinceView {
        let firms = self.compliance.firms.get(&province).map_or(0, |firms| firms.len());
        ProvinceView {
            province,
            account: self.compliance.own_accounts.get(&province).copied(),
            firms: u64::try_from(firms).unwrap_or(u64::MAX),
        }
    }

    /// What a firm owes for a year, and what it gave.
    ///
    /// # Errors
    /// `UNKNOWN_ACCOUNT`; `NO_OBLIGATION` before its emissions are verified;
    /// `OTHER_PROVINCE` when a province is named that is not the firm's.
    pub fn obligation(
        &self,
        account: AccountId,
        year: ComplianceYear,
        asked_by: Option<ProvinceCode>,
    ) -> Result<Obligation, Rejection> {
        self.known_account(account, "account_id")?;
        if let Some(province) = asked_by {
            self.check_own_firm(province, account)?;
        }
        let line = self.compliance.years.get(&(year, account));
        line.and_then(|line| self.obligation_of(year, account, line)).ok_or_else(|| {
            let message =
                format!("the emissions of account {} in {year} are not verified", account.0);
            Rejection::new(Reason::NoObligation, "year", message)
        })
    }

    /// What a firm owes for every year whose emissions are verified, in order.
    #[must_use]
    pub fn obligations_of(&self, account: AccountId) -> Vec<Obligation> {
        let years = &self.compliance.years;
        let mut found = Vec::new();
        let mut next = years.keys().next().map(|(year, _)| *year);
        while let Some(year) = next {
            let line = years.get(&(year, account));
            found.extend(line.and_then(|line| self.obligation_of(year, account, line)));
            let later = (Excluded((year, AccountId(u32::MAX))), Unbounded);
            next = years.range(later).next().map(|((year, _), _)| *year);
        }
        found
    }

    /// A firm's applications to surrender that wait for its province, in order.
    #[must_use]
    pub fn surrenders_waiting(&self, account: AccountId, limit: usize) -> Vec<&Surrender> {
        let all = (account, 0)..=(account, u64::MAX);
        let numbers = self.compliance.waiting.range(all).map(|(_, number)| *number);
        numbers.filter_map(|number| self.compliance.surrenders.get(number)).take(limit).collect()
    }

    /// Obligations of a year in order of account, from the one after `after`: of
    /// one province, or all; with a shortfall only, or all.
    #[must_use]
    pub fn obligations_after(
        &self,
        year: ComplianceYear,
        province: Option<ProvinceCode>,
        only_short: bool,
        after: AccountId,
        limit: usize,
    ) -> Vec<Obligation> {
        let years = &self.compliance.years;
        let wanted = |found: &Obligation| !only_short || found.shortfall() > Quantity(0);
        let Some(province) = province else {
            let last = (year, AccountId(u32::MAX));
            let lines = years.range((Excluded((year, after)), Included(last)));
            let found =
                lines.filter_map(|((_, account), line)| self.obligation_of(year, *account, line));
            return found.filter(wanted).take(limit).collect();
        };
        let firms = self.compliance.firms.get(&province).into_iter();
        let firms = firms.flat_map(|firms| firms.range((Excluded(after), Unbounded)));
        let found = firms.filter_map(|account| {
            self.obligation_of(year, *account, years.get(&(year, *account))?)
        });
        found.filter(wanted).take(limit).collect()
    }

    fn obligation_of(
        &self,
        year: ComplianceYear,
        account: AccountId,
        line: &YearLine,
    ) -> Option<Obligation> {
        let YearLine { emissions, verified, surrendered, pending } = *line;
        let province = self.province_of(account)?;
        Some(Obligation { account, province, year, emissions, verified, surrendered, pending })
    }
}
