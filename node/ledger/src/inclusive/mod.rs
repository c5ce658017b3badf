//! The inclusive-platform instrument (碳普惠): grams that persons saved, credited
//! by their platform within its quota and burned into bank vouchers. It touches
//! neither allowances nor the market's money.

mod accounts;
mod credit;
mod queries;
mod quota;
mod records;
mod state;
mod types;
mod voucher;

use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::rejection::{Reason, Rejection};
use crate::types::BankId;

pub use credit::{CreditBatch, CreditLine, credit_sha256};
pub use queries::VoucherFilter;
pub(crate) use state::Inclusive;
pub use types::{
    Grams, InclusiveAccountId, InclusiveAccountView, OwnerId, PlatformId, PlatformView, Voucher,
    VoucherId, VoucherStatus,
};

/// Accounts or lines in one request.
pub const INCLUSIVE_LINES_LIMIT: usize = 8_192;
/// Longest time that a voucher is good for: a year.
pub const VOUCHER_LIFE_LIMIT_MS: i64 = 366 * 24 * 3_600 * 1_000;
/// Longest name of a platform, in bytes.
pub const PLATFORM_NAME_LIMIT: usize = 64;

/// What platforms, banks and the registry ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InclusiveCommand {
    /// Lets a platform credit so much more; its first quota admits it. Needs two
    /// people.
    GrantQuota {
        /// Its name in certificates, 1 to 64 of `A-Z a-z 0-9 -`.
        platform: String,
        /// How much more, > 0.
        grams: Grams,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Opens accounts of persons, all or none.
    OpenAccounts {
        /// Whose persons.
        platform: String,
        /// 1 to 8,192, in the order of their numbers.
        owners: Vec<OwnerId>,
    },
    /// Credits persons, all or none.
    Credit(CreditBatch),
    /// Burns grams of a person into a voucher.
    IssueVoucher {
        /// Whose person.
        platform: String,
        /// Who.
        owner: OwnerId,
        /// Where the voucher counts.
        bank: BankId,
        /// How much, > 0, a multiple of 5.
        grams: Grams,
        /// How long the bank may take it, ms, 1 to 366 days.
        valid_for_ms: i64,
    },
    /// The bank takes a voucher.
    RedeemVoucher {
        /// Which bank.
        bank: BankId,
        /// Which voucher.
        voucher: VoucherId,
    },
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InclusiveReceipt {
    /// New accounts' numbers, without gaps.
    Opened {
        /// Of the first account.
        first: InclusiveAccountId,
        /// How many.
        count: u32,
    },
    /// The platform after the change.
    Platform(PlatformView),
    /// The voucher after the change.
    Voucher(Voucher),
}

impl InclusiveCommand {
    /// Whether it takes effect by an approval alone.
    pub(crate) fn needs_two_people(&self) -> bool {
        matches!(self, Self::GrantQuota { .. })
    }
}

impl Ledger {
    pub(crate) fn carry_out_inclusive(
        &mut self,
        command: &InclusiveCommand,
    ) -> Result<Receipt, Rejection> {
        let receipt = match command {
            InclusiveCommand::GrantQuota { platform, grams, document } => {
                self.grant_quota(platform, *grams, document)
            }
            InclusiveCommand::OpenAccounts { platform, owners } => {
                self.open_inclusive_accounts(platform, owners)
            }
            InclusiveCommand::Credit(batch) => self.credit_inclusive(batch),
            InclusiveCommand::IssueVoucher { platform, owner, bank, grams, valid_for_ms } => {
                self.issue_voucher(platform, *owner, *bank, *grams, *valid_for_ms)
            }
            InclusiveCommand::RedeemVoucher { bank, voucher } => {
                self.redeem_voucher(*bank, *voucher)
            }
        };
        receipt.map(Receipt::Inclusive)
    }
}

fn positive_grams(grams: Grams, field: &str) -> Result<(), Rejection> {
    if grams.0 > 0 {
        return Ok(());
    }
    let message = format!("{field} is {} g, it must be at least 1 g", grams.0);
    Err(Rejection::new(Reason::NotPositive, field, message))
}

/// Refuses a list of nothing or of too much.
fn check_count(count: usize, field: &str) -> Result<u32, Rejection> {
    if count == 0 {
        return Err(Rejection::new(Reason::FieldMissing, field, format!("{field} is empty")));
    }
    match u32::try_from(count) {
        Ok(fits) if count <= INCLUSIVE_LINES_LIMIT => Ok(fits),
        _ => {
            let message = format!("{count} {field}, at most {INCLUSIVE_LINES_LIMIT} are allowed");
            Err(Rejection::new(Reason::TooLong, field, message))
        }
    }
}
