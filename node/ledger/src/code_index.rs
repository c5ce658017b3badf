//! Finds the account of a legal entity.

use std::hash::{DefaultHasher, Hasher as _};

use hashbrown::HashTable;

use crate::account::Account;
use crate::segmented::Segmented;
use crate::types::AccountId;
use crate::uscc;

type Code = [u8; uscc::LENGTH];

/// Account numbers by credit code. The codes themselves are read from the
/// accounts, so that an entry costs a few bytes. Its order is never looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodeIndex {
    numbers: HashTable<u32>,
}

impl CodeIndex {
    pub(crate) fn get(&self, code: &Code, accounts: &Segmented<Account>) -> Option<AccountId> {
        let is_it = |number: &u32| code_of(*number, accounts) == Some(code);
        self.numbers.find(hash(code), is_it).copied().map(AccountId)
    }

    /// Adds an account that is in the list already.
    pub(crate) fn insert(&mut self, id: AccountId, accounts: &Segmented<Account>) {
        let Some(code) = code_of(id.0, accounts) else { return };
        let rehash = |number: &u32| code_of(*number, accounts).map_or(0, hash);
        self.numbers.insert_unique(hash(code), id.0, rehash);
    }
}

fn code_of(number: u32, accounts: &Segmented<Account>) -> Option<&Code> {
    let place = usize::try_from(number.checked_sub(1)?).ok()?;
    accounts.get(place).map(|account| &account.uscc)
}

/// The same on every node: the standard hasher with its fixed keys.
fn hash(code: &Code) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(code);
    hasher.finish()
}
