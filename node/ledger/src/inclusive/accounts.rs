//! Accounts of persons, opened many at once.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::state::SmallAccount;
use super::{Grams, InclusiveAccountId, InclusiveReceipt, OwnerId, check_count};
use crate::account::overflow;
use crate::journal::What;
use crate::ledger::Ledger;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};

impl Ledger {
    pub(super) fn open_inclusive_accounts(
        &mut self,
        platform: &str,
        owners: &[OwnerId],
    ) -> Result<InclusiveReceipt, Rejection> {
        const FIELD: &str = "owner_ids";
        let platform = self.known_platform(platform)?;
        let count = check_count(owners.len(), FIELD)?;
        let last = self.inclusive.account_count();
        last.checked_add(count).ok_or_else(|| overflow(FIELD))?;
        let mut seen = BTreeSet::new();
        for (at, owner) in owners.iter().enumerate() {
            let known = self.inclusive.account_of(platform, *owner);
            let problem = match known {
                Some(account) => format!("the person has account {} already", account.0),
                None if !seen.insert(owner) => "the person stands in this request twice".to_owned(),
                None => continue,
            };
            let field = format!("{FIELD}[{at}]");
            return Err(Rejection::new(Reason::InclusiveAccountExists, field, problem));
        }

        let mut hasher = Sha256::new();
        for (number, owner) in (last.saturating_add(1)..).zip(owners) {
            hasher.update(owner.0);
            self.touch(RecordKey::InclusiveAccount(InclusiveAccountId(number)));
            self.inclusive.push_account(SmallAccount {
                owner: *owner,
                balance: Grams(0),
                platform,
            });
        }
        self.touch(RecordKey::InclusivePlatform(platform));
        if let Some(platform) = self.inclusive.platform_mut(platform) {
            // At most all accounts, which were checked.
            platform.accounts = platform.accounts.saturating_add(count);
        }
        let first = InclusiveAccountId(last.saturating_add(1));
        let owners_sha256 = hasher.finalize().into();
        let opened = What::InclusiveAccountsOpened { platform, first, count, owners_sha256 };
        self.record(opened, Vec::new());
        Ok(InclusiveReceipt::Opened { first, count })
    }
}
