//! Which account belongs to which province.

use super::{ComplianceKey, ProvinceCode};
use crate::account::Account;
use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, AccountKind};

impl Ledger {
    pub(super) fn assign_province(
        &mut self,
        account: AccountId,
        province: ProvinceCode,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        const FIELD: &str = "account_id";
        let kind = self.known_account(account, FIELD)?.kind;
        text::check_line(document, "document")?;
        let own = self.compliance.own_accounts.get(&province).copied();
        match kind {
            AccountKind::Emitter => {}
            AccountKind::Province if own.is_none_or(|own| own == account) => {}
            AccountKind::Province => {
                let message = format!(
                    "province {province} has account {} already; use that one",
                    own.map_or(0, |own| own.0)
                );
                return Err(Rejection::new(Reason::ProvinceTaken, "province", message));
            }
            AccountKind::Institution => {
                let message = format!(
                    "account {} is an institution's; only emitters and provincial authorities \
                     belong to a province",
                    account.0
                );
                return Err(Rejection::new(Reason::AccountKind, FIELD, message));
            }
        }

        self.touch(RecordKey::Compliance(ComplianceKey::Province(account)));
        self.put_province(account, province, kind);
        let document = document.to_owned();
        self.record(What::ProvinceAssigned { account, province, document }, Vec::new());
        Ok(Receipt::Done)
    }

    /// Notes the province and its indexes.
    pub(super) fn put_province(
        &mut self,
        account: AccountId,
        province: ProvinceCode,
        kind: AccountKind,
    ) {
        let compliance = &mut self.compliance;
        let before = compliance.provinces.insert(account, province);
        if kind == AccountKind::Province {
            if let Some(before) = before {
                compliance.own_accounts.remove(&before);
            }
            compliance.own_accounts.insert(province, account);
            return;
        }
        if let Some(firms) = before.and_then(|before| compliance.firms.get_mut(&before)) {
            firms.remove(&account);
        }
        compliance.firms.entry(province).or_default().insert(account);
    }

    pub(super) fn known_account(&self, id: AccountId, field: &str) -> Result<&Account, Rejection> {
        self.known_balances(id, field)?;
        self.account_at(id).ok_or_else(|| {
            Rejection::new(Reason::UnknownAccount, field, format!("no account {}", id.0))
        })
    }

    /// The province that an account belongs to.
    pub(super) fn known_province_of(
        &self,
        account: AccountId,
        field: &str,
    ) -> Result<ProvinceCode, Rejection> {
        self.known_account(account, field)?;
        self.compliance.provinces.get(&account).copied().ok_or_else(|| {
            let message = format!(
                "account {} belongs to no province yet; have the registry assign it to one",
                account.0
            );
            Rejection::new(Reason::ProvinceMissing, field, message)
        })
    }

    /// The province of an account that is a firm's.
    pub(super) fn province_of_firm(
        &self,
        account: AccountId,
        field: &str,
    ) -> Result<ProvinceCode, Rejection> {
        if self.known_account(account, field)?.kind != AccountKind::Emitter {
            let message = format!("account {} is no emitter's", account.0);
            return Err(Rejection::new(Reason::AccountKind, field, message));
        }
        self.known_province_of(account, field)
    }

    /// Refuses a province that decides about another's firm.
    pub(super) fn check_own_firm(
        &self,
        province: ProvinceCode,
        account: AccountId,
    ) -> Result<(), Rejection> {
        let of = self.province_of_firm(account, "account_id")?;
        if of == province {
            return Ok(());
        }
        let message = format!("account {} belongs to province {of}, not to {province}", account.0);
        Err(Rejection::new(Reason::OtherProvince, "province", message))
    }
}
