//! What the ledger knows of freezes.

use std::collections::BTreeMap;

use crate::ledger::Ledger;
use crate::rejection::{Reason, Rejection};
use crate::stored::stored_enum;
use crate::types::{AccountId, FreezeId, InstrumentCode, LedgerTime, PledgeId, Quantity};

stored_enum! {
    /// What a court freezes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum FreezeTarget ("frozen target") {
        /// All that an account may do with what it has.
        Account = 1 {
            /// Whose.
            account: AccountId,
        }
        /// Tonnes of an account.
        Tonnes = 2 {
            /// Whose.
            account: AccountId,
            /// Of what.
            instrument: InstrumentCode,
            /// How many, > 0.
            quantity: Quantity,
        }
        /// A recognised pledge: it is neither released nor disposed of.
        Pledge = 3 {
            /// Which.
            pledge: PledgeId,
        }
    }
}

/// A freeze that has not been lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Its number.
    pub id: FreezeId,
    /// What is frozen.
    pub target: FreezeTarget,
    /// Whose it is.
    pub account: AccountId,
    /// Name of the court, 1 to 200 bytes.
    pub court: String,
    /// Reference of its order, 1 to 200 bytes.
    pub document: String,
    /// When it began.
    pub imposed_at: LedgerTime,
    /// Tonnes that it holds of those from `registered`.
    pub registered: Quantity,
    /// Tonnes that it holds of those from `trading`.
    pub trading: Quantity,
    /// Pledges under its stay, in order.
    pub stayed: Vec<PledgeId>,
}

impl Freeze {
    /// Tonnes that it holds in the position `frozen`.
    #[must_use]
    pub fn frozen(&self) -> Quantity {
        // Both were one holding's.
        self.registered.checked_add(self.trading).unwrap_or_default()
    }
}

/// All freezes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Freezes {
    pub(crate) by_id: BTreeMap<FreezeId, Freeze>,
    /// Last number given.
    pub(crate) last: u64,
    /// Index: freezes of a whole account.
    accounts: BTreeMap<AccountId, u32>,
}

impl Freezes {
    pub(crate) fn insert(&mut self, freeze: Freeze) {
        if let FreezeTarget::Account { account } = freeze.target {
            let count = self.accounts.entry(account).or_default();
            *count = count.saturating_add(1);
        }
        self.by_id.insert(freeze.id, freeze);
    }

    pub(super) fn remove(&mut self, id: FreezeId) {
        let Some(freeze) = self.by_id.remove(&id) else { return };
        if let FreezeTarget::Account { account } = freeze.target {
            let left = self.accounts.get(&account).map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                self.accounts.remove(&account);
            } else {
                self.accounts.insert(account, left);
            }
        }
    }
}

impl Ledger {
    /// Whether a court froze the whole account.
    #[must_use]
    pub fn is_frozen(&self, account: AccountId) -> bool {
        !self.freezes.accounts.is_empty() && self.freezes.accounts.contains_key(&account)
    }

    /// Refuses what a frozen account may not do.
    pub(crate) fn require_unfrozen(
        &self,
        account: AccountId,
        field: &str,
    ) -> Result<(), Rejection> {
        if !self.is_frozen(account) {
            return Ok(());
        }
        let message = format!("account {} is frozen by a court", account.0);
        Err(Rejection::new(Reason::AccountFrozen, field, message))
    }

    /// A freeze that has not been lifted.
    #[must_use]
    pub fn freeze(&self, id: FreezeId) -> Option<&Freeze> {
        self.freezes.by_id.get(&id)
    }

    pub(super) fn standing_freeze(&self, id: FreezeId) -> Result<&Freeze, Rejection> {
        self.freeze(id).ok_or_else(|| {
            let message = format!("no freeze {} stands; its events say what became of it", id.0);
            Rejection::new(Reason::UnknownFreeze, "freeze_id", message)
        })
    }

    /// Freezes in order of number, from the one after `after`.
    pub fn freezes_after(
        &self,
        account: Option<AccountId>,
        after: FreezeId,
    ) -> impl Iterator<Item = &Freeze> {
        use std::ops::Bound::{Excluded, Unbounded};
        let all = self.freezes.by_id.range((Excluded(after), Unbounded)).map(|(_, freeze)| freeze);
        all.filter(move |freeze| account.is_none_or(|account| freeze.account == account))
    }
}
