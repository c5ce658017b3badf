//! Batches in which a platform credits its persons.

use sha2::{Digest as _, Sha256};

use super::{Grams, InclusiveReceipt, OwnerId, check_count, positive_grams};
use crate::account::overflow;
use crate::digest::Digest;
use crate::journal::What;
use crate::ledger::Ledger;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};

/// Many credits with what they add up to, as a manifest says it of trades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditBatch {
    /// Whose persons.
    pub platform: String,
    /// The platform's own number, from 1 without gaps.
    pub number: u64,
    /// 1 to 8,192; a person may stand in several.
    pub lines: Vec<CreditLine>,
    /// How many lines there are.
    pub line_count: u32,
    /// Sum of their grams.
    pub total: Grams,
    /// As [`credit_sha256`] gives it.
    pub lines_sha256: [u8; 32],
}

/// What one person saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditLine {
    /// Who.
    pub owner: OwnerId,
    /// How much, > 0.
    pub grams: Grams,
}

/// SHA-256 over a batch: `docs/formats.md`.
#[must_use]
pub fn credit_sha256(number: u64, lines: &[CreditLine]) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(b"registry.v1.credit\0");
    hasher.update(number.to_be_bytes());
    hasher.update(crate::formats::count_bytes(lines.len()));
    for line in lines {
        let mut bytes = [0; 24];
        let (owner, grams) = bytes.split_at_mut(16);
        owner.copy_from_slice(&line.owner.0);
        grams.copy_from_slice(&line.grams.0.to_be_bytes());
        hasher.update(bytes);
    }
    hasher.finalize().into()
}

impl Ledger {
    pub(super) fn credit_inclusive(
        &mut self,
        batch: &CreditBatch,
    ) -> Result<InclusiveReceipt, Rejection> {
        const TOTAL: &str = "total_grams";
        let platform = self.known_platform(&batch.platform)?;
        let known = self.inclusive.view(platform).ok_or_else(|| overflow(TOTAL))?;
        let next = known.last_batch.checked_add(1).ok_or_else(|| overflow("batch_number"))?;
        if batch.number != next {
            let message = format!("batch {} was sent, {next} is next", batch.number);
            return Err(Rejection::new(Reason::BatchOutOfOrder, "batch_number", message));
        }
        let count = check_count(batch.lines.len(), "lines")?;
        let mut total = Grams(0);
        let mut accounts = Vec::with_capacity(batch.lines.len());
        for (at, line) in batch.lines.iter().enumerate() {
            let field = |name: &str| format!("lines[{at}].{name}");
            positive_grams(line.grams, &field("quantity_grams"))?;
            let account = self.inclusive.account_of(platform, line.owner).ok_or_else(|| {
                let message = "the platform has no account of this person; open it first";
                Rejection::new(Reason::UnknownInclusiveAccount, field("owner_id"), message)
            })?;
            let sum = total.checked_add(line.grams);
            total = sum.ok_or_else(|| overflow(&field("quantity_grams")))?;
            accounts.push(account);
        }
        check_totals(batch, count, total)?;
        let credited = known.credited.checked_add(total).ok_or_else(|| overflow(TOTAL))?;
        if credited > known.quota {
            let message = format!(
                "{} g of a quota of {} g are credited, {} g more were asked; the registry must grant more first",
                known.credited.0, known.quota.0, total.0
            );
            return Err(Rejection::new(Reason::QuotaExceeded, TOTAL, message));
        }

        for (account, line) in accounts.into_iter().zip(&batch.lines) {
            self.touch(RecordKey::InclusiveAccount(account));
            if let Some(account) = self.inclusive.account_mut(account) {
                // At most what was credited.
                account.balance = account.balance.checked_add(line.grams).unwrap_or_default();
            }
        }
        self.touch(RecordKey::InclusivePlatform(platform));
        if let Some(platform) = self.inclusive.platform_mut(platform) {
            (platform.credited, platform.last_batch) = (credited, batch.number);
        }
        let (number, grams, lines_sha256) = (batch.number, total, batch.lines_sha256);
        let credited =
            What::InclusiveCredited { platform, batch: number, count, grams, lines_sha256 };
        self.record(credited, Vec::new());
        self.platform_receipt(platform)
    }
}

fn check_totals(batch: &CreditBatch, count: u32, total: Grams) -> Result<(), Rejection> {
    let refuse = |field: &str, message| {
        Err(Rejection::new(
            Reason::BatchMismatch,
            field,
            format!("{message}; nothing was credited"),
        ))
    };
    if batch.line_count != count {
        let message = format!("{count} lines came, the batch says {}", batch.line_count);
        return refuse("line_count", message);
    }
    if batch.total != total {
        let message =
            format!("the lines add up to {} g, the batch says {} g", total.0, batch.total.0);
        return refuse("total_grams", message);
    }
    let sha256 = credit_sha256(batch.number, &batch.lines);
    if batch.lines_sha256 != sha256 {
        let (lines, said) = (Digest(sha256), Digest(batch.lines_sha256));
        return refuse("lines_sha256", format!("the lines have {lines}, the batch says {said}"));
    }
    Ok(())
}
