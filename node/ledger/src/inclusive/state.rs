//! What the ledger keeps of it: some 40 bytes for each account.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher as _};

use hashbrown::HashTable;

use super::types::{
    Grams, InclusiveAccountId, OwnerId, PlatformId, PlatformView, Voucher, VoucherId, VoucherStatus,
};
use crate::segmented::Segmented;
use crate::types::{BankId, LedgerTime};

/// A person's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SmallAccount {
    pub(crate) owner: OwnerId,
    pub(crate) balance: Grams,
    pub(crate) platform: PlatformId,
}

const _: () = assert!(size_of::<SmallAccount>() == 32);

/// A platform; its number is its place, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) name: String,
    pub(crate) quota: Grams,
    pub(crate) credited: Grams,
    pub(crate) burned: Grams,
    pub(crate) accounts: u32,
    pub(crate) last_batch: u64,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inclusive {
    /// An account's place is its number less one.
    pub(crate) accounts: Segmented<SmallAccount>,
    pub(crate) platforms: Vec<Platform>,
    /// A voucher's place is its number less one.
    pub(crate) vouchers: Segmented<Voucher>,
    /// Index: account numbers by platform and person.
    by_owner: HashTable<u32>,
    /// Index: open vouchers by the end of their time.
    due: BTreeSet<(LedgerTime, VoucherId)>,
    /// Index: a bank's vouchers, ascending.
    of_bank: BTreeMap<BankId, Vec<VoucherId>>,
}

/// The place of the item with this number.
pub(crate) fn place_of(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

/// How many there are, which is the last number given.
fn count_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Inclusive {
    pub(crate) fn account_count(&self) -> u32 {
        count_of(self.accounts.len())
    }

    pub(crate) fn voucher_count(&self) -> u32 {
        count_of(self.vouchers.len())
    }

    pub(crate) fn platform_count(&self) -> u16 {
        u16::try_from(self.platforms.len()).unwrap_or(u16::MAX)
    }

    pub(crate) fn account(&self, id: InclusiveAccountId) -> Option<&SmallAccount> {
        self.accounts.get(place_of(id.0)?)
    }

    pub(crate) fn account_mut(&mut self, id: InclusiveAccountId) -> Option<&mut SmallAccount> {
        self.accounts.get_mut(place_of(id.0)?)
    }

    pub(crate) fn voucher(&self, id: VoucherId) -> Option<&Voucher> {
        self.vouchers.get(place_of(id.0)?)
    }

    pub(crate) fn platform(&self, id: PlatformId) -> Option<&Platform> {
        self.platforms.get(place_of(id.0.into())?)
    }

    pub(crate) fn platform_mut(&mut self, id: PlatformId) -> Option<&mut Platform> {
        self.platforms.get_mut(place_of(id.0.into())?)
    }

    /// A platform by its name; there are few.
    pub(crate) fn platform_named(&self, name: &str) -> Option<PlatformId> {
        let found = (1..).zip(&self.platforms).find(|(_, platform)| platform.name == name);
        found.map(|(number, _)| PlatformId(number))
    }

    pub(crate) fn view(&self, id: PlatformId) -> Option<PlatformView> {
        let platform = self.platform(id)?;
        Some(PlatformView {
            id,
            name: platform.name.clone(),
            quota: platform.quota,
            credited: platform.credited,
            burned: platform.burned,
            accounts: platform.accounts,
            last_batch: platform.last_batch,
        })
    }

    /// The account of a platform's person.
    pub(crate) fn account_of(
        &self,
        platform: PlatformId,
        owner: OwnerId,
    ) -> Option<InclusiveAccountId> {
        let is_it = |number: &u32| key_of(&self.accounts, *number) == Some((platform, owner));
        self.by_owner.find(hash((platform, owner)), is_it).copied().map(InclusiveAccountId)
    }

    /// Adds the account with the next number.
    pub(crate) fn push_account(&mut self, account: SmallAccount) {
        self.accounts.push(account);
        let accounts = &self.accounts;
        let rehash = |number: &u32| key_of(accounts, *number).map_or(0, hash);
        let key = (account.platform, account.owner);
        self.by_owner.insert_unique(hash(key), count_of(accounts.len()), rehash);
    }

    /// Adds the voucher with the next number.
    pub(crate) fn push_voucher(&mut self, voucher: Voucher) {
        if voucher.status == VoucherStatus::Issued {
            self.due.insert((voucher.expires_at, voucher.id));
        }
        self.of_bank.entry(voucher.bank).or_default().push(voucher.id);
        self.vouchers.push(voucher);
    }

    /// Ends an open voucher.
    pub(crate) fn close_voucher(
        &mut self,
        id: VoucherId,
        status: VoucherStatus,
        now: LedgerTime,
    ) -> Option<Voucher> {
        let voucher = self.vouchers.get_mut(place_of(id.0)?)?;
        self.due.remove(&(voucher.expires_at, id));
        (voucher.status, voucher.closed_at) = (status, Some(now));
        Some(*voucher)
    }

    /// Open vouchers by the end of their time.
    pub(crate) fn due(&self) -> &BTreeSet<(LedgerTime, VoucherId)> {
        &self.due
    }

    /// A bank's vouchers, ascending.
    pub(crate) fn of_bank(&self, bank: BankId) -> &[VoucherId] {
        self.of_bank.get(&bank).map(Vec::as_slice).unwrap_or_default()
    }
}

fn key_of(accounts: &Segmented<SmallAccount>, number: u32) -> Option<(PlatformId, OwnerId)> {
    let account = accounts.get(place_of(number)?)?;
    Some((account.platform, account.owner))
}

/// The same on every node: the standard hasher with its fixed keys. Its order
/// is never looked at.
fn hash((platform, owner): (PlatformId, OwnerId)) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(&owner.0);
    hasher.write_u16(platform.0);
    hasher.finish()
}
