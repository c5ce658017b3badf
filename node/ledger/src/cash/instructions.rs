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

/// A day that is delivered, as far as its payments can still change: they are the
/// same while this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentDay {
    /// Which day.
    pub date: Date,
    /// Which bank.
    pub bank: BankId,
    /// Trades of the day, settled or not.
    pub trades: u64,
    /// Trades that delivered so far.
    delivered: u64,
    /// Trades that may deliver later.
    held: u64,
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
        let day = self.payment_day(date, bank)?;
        Ok(PaymentInstructions::of(day, self.payment_sides(day, 0, day.trades)))
    }

    /// The day whose payments are asked for.
    ///
    /// # Errors
    /// As [`Ledger::payment_instructions`].
    pub fn payment_day(&self, date: Date, bank: BankId) -> Result<PaymentDay, Rejection> {
        self.known_bank(bank, "bank_id")?;
        let day = self.known_day(date)?;
        let state = day.suspended_from.unwrap_or(day.state);
        if !matches!(state, DayState::Delivered | DayState::Final) {
            return day.wrong_state(Reason::DayState, "DELIVERED");
        }
        let (delivered, held) = (day.delivered, day.held);
        Ok(PaymentDay { date, bank, trades: day.last_sequence(), delivered, held })
    }

    /// What accounts receive at the bank, or with a minus pay, for so many
    /// trades of the day behind the first `after`.
    #[must_use]
    pub fn payment_sides(&self, of: PaymentDay, after: u64, count: u64) -> Vec<(AccountId, Fen)> {
        let mut sides = Vec::new();
        let end = usize::try_from(after.saturating_add(count)).unwrap_or(usize::MAX);
        let places = usize::try_from(after).unwrap_or(usize::MAX)..end;
        let Some(day) = self.days.get(&of.date) else { return sides };
        for slot in day.slots.range(places).filter(|slot| slot.status.is_settled()) {
            let trade = &slot.trade;
            let amount = trade.amount().unwrap_or_default();
            if trade.buyer_bank == of.bank {
                sides.push((trade.buyer, Fen(amount.0.saturating_neg())));
            }
            if trade.seller_bank == of.bank {
                sides.push((trade.seller, amount));
            }
        }
        sides
    }
}

impl PaymentInstructions {
    /// Adds up the sides of all of a day's trades.
    #[must_use]
    pub fn of(day: PaymentDay, sides: Vec<(AccountId, Fen)>) -> Self {
        let PaymentDay { date, bank, held, .. } = day;
        // No sum is larger than the day's, which was checked.
        let interbank = sides.iter().fold(0_i64, |sum, (_, side)| sum.saturating_add(side.0));
        let lines = nets(sides);
        let sum = |lines: &[PaymentLine], of: fn(i64) -> i64| {
            Fen(lines.iter().fold(0, |sum, line| sum.saturating_add(of(line.net.0))))
        };
        Self {
            received: sum(&lines, |net| net.max(0)),
            paid: sum(&lines, |net| net.min(0).saturating_neg()),
            interbank: Fen(interbank),
            held_trades: held,
            sha256: payments_sha256(date, bank, &lines),
            date,
            bank,
            lines,
        }
    }
}

/// One line per account, in order, also where it nets to nothing.
fn nets(mut sides: Vec<(AccountId, Fen)>) -> Vec<PaymentLine> {
    sides.sort_unstable();
    let mut lines: Vec<PaymentLine> = Vec::new();
    for (account, amount) in sides {
        match lines.last_mut().filter(|line| line.account == account) {
            Some(line) => line.net = Fen(line.net.0.saturating_add(amount.0)),
            None => lines.push(PaymentLine { account, net: amount }),
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
