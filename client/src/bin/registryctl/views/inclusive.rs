//! Platforms, persons' accounts and vouchers.

use registry_client::hex;
use registry_client::proto::{InclusiveAccount, Platform, Voucher};

use super::word;
use crate::output::Record;

pub(crate) fn platform(platform: &Platform) -> Record {
    Record::default()
        .with("platform_id", platform.platform_id)
        .with("platform", platform.platform.as_str())
        .with("quota_grams", platform.quota_grams.to_string())
        .with("credited_grams", platform.credited_grams.to_string())
        .with("burned_grams", platform.burned_grams.to_string())
        .with("accounts", platform.account_count)
        .with("last_batch", platform.last_batch_number)
}

pub(crate) fn account(account: &InclusiveAccount) -> Record {
    Record::default()
        .with("inclusive_account_id", account.inclusive_account_id)
        .with("platform", account.platform.as_str())
        .with("owner_id", hex(&account.owner_id))
        .with("balance_grams", account.balance_grams.to_string())
}

pub(crate) fn voucher(voucher: &Voucher) -> Record {
    Record::default()
        .with("voucher_id", voucher.voucher_id)
        .with("inclusive_account_id", voucher.inclusive_account_id)
        .with("platform_id", voucher.platform_id)
        .with("bank_id", voucher.bank_id)
        .with("quantity_grams", voucher.quantity_grams.to_string())
        .with("amount_yuan", voucher.amount_yuan.as_str())
        .with("status", word(voucher.status().as_str_name(), "VOUCHER_STATUS_"))
        .with("issued_at_ms", voucher.issued_at_ms)
        .with("expires_at_ms", voucher.expires_at_ms)
        .with("closed_at_ms", voucher.closed_at_ms)
}
