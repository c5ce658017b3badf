//! Vouchers: grams burned for good into less loan interest at one bank.

use super::{
    Grams, InclusiveReceipt, OwnerId, VOUCHER_LIFE_LIMIT_MS, Voucher, VoucherId, VoucherStatus,
    positive_grams,
};
use crate::account::overflow;
use crate::journal::What;
use crate::ledger::Ledger;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::span;
use crate::types::{BankId, LedgerTime};

/// Vouchers that one entry lets expire, so that an entry's work stays small.
const EXPIRED_PER_ENTRY: usize = 1_000;

impl Ledger {
    pub(super) fn issue_voucher(
        &mut self,
        platform: &str,
        owner: OwnerId,
        bank: BankId,
        grams: Grams,
        valid_for_ms: i64,
    ) -> Result<InclusiveReceipt, Rejection> {
        const FIELD: &str = "quantity_grams";
        let platform = self.known_platform(platform)?;
        let account = self.known_inclusive_account(platform, owner)?;
        self.known_bank(bank, "bank_id")?;
        positive_grams(grams, FIELD)?;
        check_whole_fen(grams)?;
        span::check(valid_for_ms, VOUCHER_LIFE_LIMIT_MS, "valid_for_ms")?;
        let before = self.inclusive.account(account).map_or(Grams(0), |account| account.balance);
        if before < grams {
            let message = format!("the person has {} g, {} g were asked", before.0, grams.0);
            return Err(Rejection::new(Reason::InsufficientGrams, FIELD, message));
        }
        let balance = before.checked_sub(grams).ok_or_else(|| overflow(FIELD))?;
        let burned = self.inclusive.view(platform).and_then(|p| p.burned.checked_add(grams));
        let burned = burned.ok_or_else(|| overflow(FIELD))?;
        let next = self.inclusive.voucher_count().checked_add(1);
        let id = VoucherId(next.ok_or_else(|| overflow(FIELD))?);
        let expires_at = LedgerTime(self.now.0.saturating_add(valid_for_ms));
        let voucher = Voucher {
            id,
            account,
            platform,
            bank,
            grams,
            status: VoucherStatus::Issued,
            issued_at: self.now,
            expires_at,
            closed_at: None,
        };

        self.touch(RecordKey::InclusiveAccount(account));
        self.touch(RecordKey::InclusivePlatform(platform));
        self.touch(RecordKey::Voucher(id));
        if let Some(account) = self.inclusive.account_mut(account) {
            account.balance = balance;
        }
        if let Some(platform) = self.inclusive.platform_mut(platform) {
            platform.burned = burned;
        }
        self.inclusive.push_voucher(voucher);
        let amount = voucher.amount();
        self.record(
            What::VoucherIssued { voucher: id, account, platform, bank, grams, amount, expires_at },
            Vec::new(),
        );
        Ok(InclusiveReceipt::Voucher(voucher))
    }

    pub(super) fn redeem_voucher(
        &mut self,
        bank: BankId,
        id: VoucherId,
    ) -> Result<InclusiveReceipt, Rejection> {
        const FIELD: &str = "voucher_id";
        self.known_bank(bank, "bank_id")?;
        let refuse = |reason, message| Err(Rejection::new(reason, FIELD, message));
        let own = self.inclusive.voucher(id).filter(|voucher| voucher.bank == bank);
        let Some(voucher) = own else {
            let message = format!("bank {} has no voucher {}", bank.0, id.0);
            return refuse(Reason::UnknownVoucher, message);
        };
        let over = voucher.expires_at <= self.now;
        match voucher.status {
            VoucherStatus::Issued if !over => {}
            VoucherStatus::Redeemed => {
                let message = format!("voucher {} was redeemed already", id.0);
                return refuse(Reason::VoucherRedeemed, message);
            }
            VoucherStatus::Issued | VoucherStatus::Expired => {
                let message = format!("voucher {} expired at {} ms", id.0, voucher.expires_at.0);
                return refuse(Reason::VoucherExpired, message);
            }
        }

        self.touch(RecordKey::Voucher(id));
        let closed = self.inclusive.close_voucher(id, VoucherStatus::Redeemed, self.now);
        let voucher = closed.ok_or_else(|| overflow(FIELD))?;
        self.record(What::VoucherRedeemed { voucher: id, bank }, Vec::new());
        Ok(InclusiveReceipt::Voucher(voucher))
    }

    /// Ends vouchers that had their time; one event for all of them.
    pub(crate) fn expire_vouchers(&mut self) {
        let now = self.now;
        let due = self.inclusive.due().iter().take_while(|(at, _)| *at <= now);
        let vouchers: Vec<_> = due.map(|(_, id)| *id).take(EXPIRED_PER_ENTRY).collect();
        if vouchers.is_empty() {
            return;
        }
        for id in &vouchers {
            self.touch(RecordKey::Voucher(*id));
            self.inclusive.close_voucher(*id, VoucherStatus::Expired, now);
        }
        self.record(What::VouchersExpired { vouchers }, Vec::new());
    }

    /// When a voucher's time is over next.
    pub(crate) fn next_voucher_due(&self) -> Option<LedgerTime> {
        self.inclusive.due().first().map(|(at, _)| *at)
    }
}

/// Nothing rounds: a voucher is worth whole fen.
fn check_whole_fen(grams: Grams) -> Result<(), Rejection> {
    let over = grams.0.checked_rem(Grams::PER_FEN).unwrap_or_default();
    if over == 0 {
        return Ok(());
    }
    let message = format!(
        "{} g are no whole fen at {} g a fen; burn {} g",
        grams.0,
        Grams::PER_FEN,
        match grams.0.saturating_sub(over) {
            0 => Grams::PER_FEN,
            lower => lower,
        }
    );
    Err(Rejection::new(Reason::NotWholeFen, "quantity_grams", message))
}
