//! Withdrawals that wait for their bank, and what accounts owe the reserve.

use std::collections::BTreeMap;

use super::code::CashPart;
use super::event::{Event, What};
use super::finding::{Checked, Wrong, same};
use super::posting::Posting;
use super::trade::TradeLine;

/// Account, bank and amount of an event's money in an account.
type Money = (u64, u64, i64);

/// What is open between accounts and banks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dues {
    withdrawals: BTreeMap<u64, Money>,
    asked: u64,
    /// By account and bank.
    claims: BTreeMap<(u64, u64), i64>,
}

impl Dues {
    /// The event's postings have the right places already.
    pub(crate) fn take(&mut self, event: &Event) -> Checked {
        match &event.what {
            What::WithdrawalRequested { withdrawal } => {
                same("number of a new withdrawal", self.asked + 1, *withdrawal)?;
                self.asked = *withdrawal;
                self.withdrawals.insert(*withdrawal, money(event, CashPart::PendingOut)?);
                Ok(())
            }
            What::WithdrawalConfirmed { withdrawal }
            | What::WithdrawalRejected { withdrawal, .. } => {
                let not_open = || Wrong::new("withdrawal", "one that is open", withdrawal);
                let (account, bank, fen) =
                    self.withdrawals.remove(withdrawal).ok_or_else(not_open)?;
                let ended = money(event, CashPart::PendingOut)?;
                let what = format!("account, bank and fen of withdrawal {withdrawal}");
                same(what, format!("{:?}", (account, bank, -fen)), format!("{ended:?}"))
            }
            What::ReserveRepaid { claim_fen } => {
                let (account, bank, fen) = money(event, CashPart::Available)?;
                self.owe((account, bank), fen, *claim_fen)
            }
            _ => Ok(()),
        }
    }

    /// The reserve pays exactly what the buyer of a trade lacks.
    pub(crate) fn lend(&mut self, event: &Event, trade: &TradeLine, shortfall: i64) -> Checked {
        let What::ReserveUsed { claim_fen, .. } = &event.what else { return Ok(()) };
        let (account, bank, fen) = money(event, CashPart::Available)?;
        same("account that the reserve pays for", trade.buyer, account)?;
        same("bank whose reserve pays", u64::from(trade.buyer_bank), bank)?;
        same("fen that the buyer lacks", shortfall, fen)?;
        self.owe((account, bank), fen, *claim_fen)
    }

    fn owe(&mut self, who: (u64, u64), more_fen: i64, claim_fen: i64) -> Checked {
        let owed = self.claims.entry(who).or_default();
        *owed = owed.saturating_add(more_fen);
        let what = format!("fen that account {} owes the reserve of bank {}", who.0, who.1);
        same(what.clone(), *owed, claim_fen)?;
        if *owed < 0 { Err(Wrong::new(what, "0 or more", *owed)) } else { Ok(()) }
    }
}

fn money(event: &Event, wanted: CashPart) -> Checked<Money> {
    let in_part = event.postings.iter().find_map(|posting| match *posting {
        Posting::Cash { account, bank, part, fen } if part == wanted => Some((account, bank, fen)),
        _ => None,
    });
    in_part.ok_or_else(|| Wrong::new("postings", format!("money {wanted}"), "none"))
}
