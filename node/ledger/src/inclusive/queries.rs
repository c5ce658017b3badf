//! Reads of platforms, persons and vouchers.

use super::{
    InclusiveAccountId, InclusiveAccountView, OwnerId, PlatformId, PlatformView, Voucher,
    VoucherId, VoucherStatus,
};
use crate::ledger::Ledger;
use crate::rejection::{Reason, Rejection};
use crate::types::BankId;

/// Which vouchers to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoucherFilter {
    /// Only at this bank.
    pub bank: Option<BankId>,
    /// Only this platform's.
    pub platform: Option<PlatformId>,
    /// Only with this status.
    pub status: Option<VoucherStatus>,
}

impl VoucherFilter {
    fn accepts(&self, voucher: &Voucher) -> bool {
        self.platform.is_none_or(|platform| voucher.platform == platform)
            && self.status.is_none_or(|status| voucher.status == status)
    }
}

impl Ledger {
    /// The account of a platform's person.
    ///
    /// # Errors
    /// `UNKNOWN_INCLUSIVE_ACCOUNT`.
    pub fn known_inclusive_account(
        &self,
        platform: PlatformId,
        owner: OwnerId,
    ) -> Result<InclusiveAccountId, Rejection> {
        self.inclusive.account_of(platform, owner).ok_or_else(|| {
            let message = "the platform has no account of this person; open it first";
            Rejection::new(Reason::UnknownInclusiveAccount, "owner_id", message)
        })
    }

    /// One person's account.
    #[must_use]
    pub fn inclusive_account(&self, id: InclusiveAccountId) -> Option<InclusiveAccountView> {
        let account = self.inclusive.account(id)?;
        let platform_name = self.inclusive.platform(account.platform)?.name.clone();
        Some(InclusiveAccountView {
            id,
            platform: account.platform,
            platform_name,
            owner: account.owner,
            balance: account.balance,
        })
    }

    /// Accounts of persons in order of number, from the one after `after`.
    #[must_use]
    pub fn inclusive_accounts_after(&self, after: u32, limit: usize) -> Vec<InclusiveAccountView> {
        let Some(first) = after.checked_add(1) else { return Vec::new() };
        (first..=self.inclusive.account_count())
            .take(limit)
            .filter_map(|number| self.inclusive_account(InclusiveAccountId(number)))
            .collect()
    }

    /// Platforms in the order in which they were admitted.
    #[must_use]
    pub fn platforms(&self) -> Vec<PlatformView> {
        let all = (1..=self.inclusive.platform_count()).map(PlatformId);
        all.filter_map(|id| self.inclusive.view(id)).collect()
    }

    /// Vouchers in order of number, from the one after `after`.
    #[must_use]
    pub fn vouchers_after(&self, filter: VoucherFilter, after: u32, limit: usize) -> Vec<Voucher> {
        let wanted = |id: VoucherId| {
            self.inclusive.voucher(id).filter(|voucher| filter.accepts(voucher)).copied()
        };
        match filter.bank {
            Some(bank) => {
                let ids = self.inclusive.of_bank(bank);
                let from = ids.partition_point(|id| id.0 <= after);
                let rest = ids.get(from..).unwrap_or_default();
                rest.iter().filter_map(|id| wanted(*id)).take(limit).collect()
            }
            None => {
                let Some(first) = after.checked_add(1) else { return Vec::new() };
                let ids = (first..=self.inclusive.voucher_count()).map(VoucherId);
                ids.filter_map(wanted).take(limit).collect()
            }
        }
    }
}
