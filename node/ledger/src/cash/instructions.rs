//! What one bank has to pay and to receive for a delivered day.

use sha2::{Digest as _, Sha256};

use crate::formats::count_bytes;
use crate::ledger::Ledger;
use crate::rejection::{Reason, Rejection};
use crate::types::{AccountId, BankId, Date, DayState, Fen};

/// What an account receives for its trades of a day less what it pays, at one bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentLine {
    /// Whose.
    pub account: AccountId,
    /// Received - paid.
    pub net: Fen,
}

/// A bank's payments for the delivered trades of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentInstructions {
    /// Which day.
    pub date: Date,
    /// Which bank.
    pub bank: BankId,
    /// One for every account with a delivered trade at the bank, ascending.
    pub lines: Vec<PaymentLine>,
    /// Sum of the lines that receive.
    pub received: Fen,
    /// Sum of the lines that pay.
    pub paid: Fen,
    /// What the bank gets from the other banks less what it gives them, which
    /// is what the lines come to.
    pub interbank: Fen,
    /// Trades that may deliver later; once there are none nothing here changes.
    pub held_trades: u64,
    /// Over the lines: `docs/formats.md`.
    pub sha256: [u8; 32],
}

impl PaymentInstructions {
    /// Received - paid.
    #[must_use]
    pub fn net(&self) -> Fen {
        // Neither is negative.
        self.received.checked_sub(self.paid).unwrap_or_default()
    }
}

impl Ledger {
    /// What a bank has to pay and to receive for a day that is delivered.
    ///
    /// # Errors
    /// When there is no such bank or day, or the day is not delivered.
    pub fn payment_instructions(
        &self,
        date: Date,
        bank: BankId,
    ) -> Result<PaymentInstructions, Rejection> {
        self.known_bank(bank, "bank_id")?;
        let day = self.known_day(date)?;
        let state = day.suspended_from.unwrap_or(day.state);
        if !matches!(state, DayState::Delivered | DayState::Final) {
            return day.wrong_state(Reason::DayState, "DELIVERED");
        }
        let mut sides = Vec::new();
        let mut interbank = 0_i64;
        for slot in day.slots.iter().filter(|slot| slot.status.is_settled()) {
            let trade = &slot.trade;
            let amount = trade.amount().unwrap_or_default().0;
            let (pays, receives) = (trade.buyer_bank == bank, trade.seller_bank == bank);
            // No sum is larger than the day's, which was checked.
            if pays {
                sides.push((trade.buyer, amount.saturating_neg()));
                interbank = interbank.saturating_sub(amount);
            }
            if receives {
                sides.push((trade.seller, amount));
                interbank = interbank.saturating_add(amount);
            }
        }
        let lines = nets(sides);
        let sum = |lines: &[PaymentLine], of: fn(i64) -> i64| {
            Fen(lines.iter().fold(0, |sum, line| sum.saturating_add(of(line.net.0))))
        };
        Ok(PaymentInstructions {
            received: sum(&lines, |net| net.max(0)),
            paid: sum(&lines, |net| net.min(0).saturating_neg()),
            interbank: Fen(interbank),
            held_trades: day.held,
            sha256: payments_sha256(date, bank, &lines),
            date,
            bank,
            lines,
        })
    }
}

/// One line per account, in order, also where it nets to nothing.
fn nets(mut sides: Vec<(AccountId, i64)>) -> Vec<PaymentLine> {
    sides.sort_unstable();
    let mut lines: Vec<PaymentLine> = Vec::new();
    for (account, amount) in sides {
        match lines.last_mut().filter(|line| line.account == account) {
            Some(line) => line.net = Fen(line.net.0.saturating_add(amount)),
            None => lines.push(PaymentLine { account, net: Fen(amount) }),
        }
    }
    lines
}

/// SHA-256 over a bank's lines of one day.
fn payments_sha256(date: Date, bank: BankId, lines: &[PaymentLine]) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(b"registry.v1.payments\0");
    hasher.update(date.yyyymmdd().to_be_bytes());
    hasher.update(u32::from(bank.0).to_be_bytes());
    hasher.update(count_bytes(lines.len()));
    for line in lines {
        let mut bytes = [[0; 8]; 2];
        bytes[0] = u64::from(line.account.0).to_be_bytes();
        bytes[1] = line.net.0.to_be_bytes();
        hasher.update(bytes.as_flattened());
    }
    hasher.finalize().into()
}
