//! Clearing: what every bank, and every entity behind it, receives and pays.

use crate::account::overflow;
use crate::amount::format_yuan;
use crate::formats::{CashLine, GoodsLine, clearing_sha256};
use crate::ledger::Ledger;
use crate::receipt::{BankClearing, Clearing, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::Day;
use crate::types::{AccountId, BankId, Date, DayState, Fen, Quantity, Trade};

/// Why a day is disputed when the exchange's clearing hash differs.
const HASH_MISMATCH: &str = "HASH_MISMATCH";

impl Ledger {
    pub(crate) fn clear_day(&mut self, date: Date) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?.in_state(DayState::Closed)?;
        let trades: Vec<&Trade> = day.counted_trades().map(|(_, trade)| trade).collect();
        let clearing = clear(date, &trades)?;
        check_balance(&clearing.banks)?;
        let by_account = day.index_by_account();

        self.touch(RecordKey::Day(date));
        self.touch(RecordKey::Clearing(date));
        if let Some(day) = self.days.get_mut(&date) {
            day.state = DayState::Cleared;
            day.clearing = Some(clearing.clone());
            day.by_account = by_account;
        }
        Ok(Receipt::Clearing(clearing))
    }

    pub(crate) fn confirm_clearing(
        &mut self,
        date: Date,
        sha256: &[u8; 32],
    ) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?.in_state(DayState::Cleared)?;
        let agreed = day.clearing.as_ref().is_some_and(|clearing| clearing.sha256 == *sha256);
        let codes: Vec<_> = day.prices.keys().copied().collect();

        self.touch(RecordKey::Day(date));
        if agreed {
            if let Some(day) = self.days.get_mut(&date) {
                day.state = DayState::Confirmed;
            }
            return self.day_receipt(date);
        }
        // The clearing no longer stands; amendments and a new manifest follow.
        self.touch(RecordKey::Clearing(date));
        for code in codes {
            self.touch(RecordKey::Price(date, code));
        }
        if let Some(day) = self.days.get_mut(&date) {
            day.state = DayState::Disputed;
            HASH_MISMATCH.clone_into(&mut day.dispute_reason);
            day.clearing = None;
            day.by_account = Vec::new();
            day.prices.values_mut().for_each(|line| line.settled = false);
        }
        self.day_receipt(date)
    }
}

impl Day {
    /// Places of the counted trades by account, in order of acceptance.
    pub(crate) fn index_by_account(&self) -> Vec<(AccountId, u32)> {
        let mut index: Vec<_> = self
            .counted_trades()
            .flat_map(|(place, trade)| [(trade.buyer, place), (trade.seller, place)])
            .collect();
        index.sort_unstable();
        index
    }
}

/// The clearing of a day's trades.
fn clear(date: Date, trades: &[&Trade]) -> Result<Clearing, Rejection> {
    let banks = sum_by_key(trades.iter().flat_map(|trade| {
        let amount = trade.amount().unwrap_or_default().0;
        [(trade.seller_bank, [amount, 0]), (trade.buyer_bank, [0, amount])]
    }))?;
    let goods = sum_by_key(trades.iter().flat_map(|trade| {
        let quantity = trade.quantity.0;
        [
            ((trade.buyer, trade.instrument), [quantity, 0]),
            ((trade.seller, trade.instrument), [0, quantity]),
        ]
    }))?;
    let cash = sum_by_key(trades.iter().flat_map(|trade| {
        let amount = trade.amount().unwrap_or_default().0;
        [
            ((trade.seller, trade.seller_bank), [amount, 0]),
            ((trade.buyer, trade.buyer_bank), [0, amount]),
        ]
    }))?;

    let banks: Vec<_> = banks
        .into_iter()
        .map(|(bank, [receives, pays]): (BankId, _)| BankClearing {
            bank,
            receives: Fen(receives),
            pays: Fen(pays),
        })
        .collect();
    let goods = goods
        .into_iter()
        .map(|((account, instrument), [bought, sold])| {
            Some(GoodsLine { account, instrument, net: Quantity(bought.checked_sub(sold)?) })
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| overflow("date"))?;
    let cash = cash
        .into_iter()
        .map(|((account, bank), [received, paid])| {
            Some(CashLine { account, bank, net: Fen(received.checked_sub(paid)?) })
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| overflow("date"))?;
    let sha256 = clearing_sha256(date, &banks, &goods, &cash);
    Ok(Clearing { date, banks, sha256 })
}

/// Sums incoming and outgoing amounts per key, ascending. Sorting once is
/// cheaper than a tree look-up per trade.
fn sum_by_key<K: Ord + Copy>(
    entries: impl Iterator<Item = (K, [i64; 2])>,
) -> Result<Vec<(K, [i64; 2])>, Rejection> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    let mut sums: Vec<(K, [i64; 2])> = Vec::new();
    for (key, [incoming, outgoing]) in entries {
        match sums.last_mut() {
            Some((last, sum)) if *last == key => {
                let added = sum[0].checked_add(incoming).zip(sum[1].checked_add(outgoing));
                let Some((incoming, outgoing)) = added else { return Err(overflow("date")) };
                *sum = [incoming, outgoing];
            }
            _ => sums.push((key, [incoming, outgoing])),
        }
    }
    Ok(sums)
}

/// What all banks receive is what all banks pay.
pub(crate) fn check_balance(banks: &[BankClearing]) -> Result<(), Rejection> {
    let sum = |part: fn(&BankClearing) -> Fen| {
        banks.iter().try_fold(Fen(0), |sum, line| sum.checked_add(part(line)))
    };
    let (receives, pays) = (sum(|line| line.receives), sum(|line| line.pays));
    if receives.is_some() && receives == pays {
        return Ok(());
    }
    let shown = |sum: Option<Fen>| sum.map_or_else(|| "more than fits".to_owned(), format_yuan);
    Err(Rejection::new(
        Reason::ClearingImbalance,
        "",
        format!("banks receive {} and pay {}", shown(receives), shown(pays)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unbalanced_clearing_is_refused() {
        let line = |bank, receives, pays| BankClearing {
            bank: BankId(bank),
            receives: Fen(receives),
            pays: Fen(pays),
        };
        assert_eq!(check_balance(&[line(102, 5, 2), line(103, 1, 4)]), Ok(()));
        let refused = check_balance(&[line(102, 5, 2), line(103, 1, 3)]).unwrap_err();
        assert_eq!(refused.reason, Reason::ClearingImbalance);
        assert_eq!(refused.message, "banks receive 0.06 and pay 0.05");
        let overflowing = check_balance(&[line(102, i64::MAX, 0), line(103, 1, 0)]).unwrap_err();
        assert_eq!(overflowing.reason, Reason::ClearingImbalance);
    }
}
