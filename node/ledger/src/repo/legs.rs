//! A leg of a repo, delivered versus payment: tonnes one way, money the other,
//! both or neither.

use super::RepoTerms;
use crate::journal::{CashPosition, CashPot, Position, Posting};
use crate::ledger::Ledger;
use crate::receipt::{CashBalance, Holding};
use crate::records::RecordKey;
use crate::types::{AccountId, BankId, Fen, HeldReason, InstrumentCode, Quantity};

/// Tonnes from one to the other for so much money.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub(super) giver: AccountId,
    pub(super) taker: AccountId,
    giver_bank: BankId,
    taker_bank: BankId,
    instrument: InstrumentCode,
    quantity: Quantity,
    pub(super) amount: Fen,
}

/// What a leg leads to, computed before anything moves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    giver_holding: Holding,
    taker_holding: Holding,
    giver_cash: CashBalance,
    taker_cash: CashBalance,
    /// New interbank positions of the paying and the receiving bank, if they differ.
    interbank: Option<(Fen, Fen)>,
}

impl RepoTerms {
    /// The terms were checked: amounts fit.
    pub(super) fn opening_leg(&self) -> Leg {
        Leg {
            giver: self.seller,
            taker: self.buyer,
            giver_bank: self.seller_bank,
            taker_bank: self.buyer_bank,
            instrument: self.instrument,
            quantity: self.quantity,
            amount: self.opening_amount().unwrap_or_default(),
        }
    }

    pub(super) fn return_leg(&self) -> Leg {
        Leg {
            giver: self.buyer,
            taker: self.seller,
            giver_bank: self.buyer_bank,
            taker_bank: self.seller_bank,
            amount: self.return_amount().unwrap_or_default(),
            ..self.opening_leg()
        }
    }
}

impl Leg {
    pub(super) fn postings(&self) -> Vec<Posting> {
        let Self { giver, taker, giver_bank, taker_bank, instrument, quantity, amount } = *self;
        let goods = |account, quantity| Posting::Goods {
            account,
            instrument,
            position: Position::Trading,
            quantity,
        };
        let cash = |account, bank, amount| Posting::Cash {
            account,
            bank,
            position: CashPosition::Available,
            amount,
        };
        let pot = |bank, amount| Posting::CashPot { bank, pot: CashPot::Interbank, amount };
        let less = Fen(amount.0.saturating_neg());
        let mut postings = vec![
            goods(giver, Quantity(quantity.0.saturating_neg())),
            goods(taker, quantity),
            cash(taker, taker_bank, less),
            cash(giver, giver_bank, amount),
        ];
        if giver_bank != taker_bank {
            postings.extend([pot(taker_bank, amount), pot(giver_bank, less)]);
        }
        postings
    }
}

impl Ledger {
    /// What the leg leads to, or what is short; reads only.
    pub(super) fn repo_leg(&self, leg: &Leg) -> Result<Moved, HeldReason> {
        let (goods, cash) = (HeldReason::GoodsShort, HeldReason::CashShort);
        if self.is_frozen(leg.giver) || self.is_frozen(leg.taker) {
            return Err(HeldReason::AccountFrozen);
        }
        let giver = self.balances_at(leg.giver).ok_or(goods)?;
        let taker = self.balances_at(leg.taker).ok_or(cash)?;
        let mut giver_holding = giver.holding(leg.instrument);
        let mut taker_holding = taker.holding(leg.instrument);
        let mut giver_cash = giver.cash(leg.giver_bank);
        let mut taker_cash = taker.cash(leg.taker_bank);
        if giver_holding.trading < leg.quantity {
            return Err(goods);
        }
        if taker_cash.available < leg.amount {
            return Err(cash);
        }
        // From here on nothing can overflow: all positions together are what was
        // issued, all money together is what was deposited.
        let sub = |from: Fen| from.checked_sub(leg.amount).ok_or(cash);
        let add = |to: Fen| to.checked_add(leg.amount).ok_or(cash);
        giver_holding.trading = giver_holding.trading.checked_sub(leg.quantity).ok_or(goods)?;
        taker_holding.trading = taker_holding.trading.checked_add(leg.quantity).ok_or(goods)?;
        taker_cash.available = sub(taker_cash.available)?;
        giver_cash.available = add(giver_cash.available)?;
        let interbank = if leg.giver_bank == leg.taker_bank {
            None
        } else {
            let paying = self.banks.get(leg.taker_bank).ok_or(cash)?;
            let receiving = self.banks.get(leg.giver_bank).ok_or(cash)?;
            Some((sub(paying.interbank)?, add(receiving.interbank)?))
        };
        Ok(Moved { giver_holding, taker_holding, giver_cash, taker_cash, interbank })
    }

    /// Writes both sides; cannot fail.
    pub(super) fn post_repo_leg(&mut self, leg: &Leg, moved: &Moved) {
        let sides = [
            (leg.giver, leg.giver_bank, moved.giver_holding, moved.giver_cash),
            (leg.taker, leg.taker_bank, moved.taker_holding, moved.taker_cash),
        ];
        for (account, bank, holding, cash) in sides {
            self.touch(RecordKey::Balances(account));
            if let Some(holder) = self.balances_mut(account) {
                holder.set_holding(leg.instrument, holding);
                holder.set_cash(bank, cash);
            }
        }
        if let Some((paying, receiving)) = moved.interbank {
            for (bank, interbank) in [(leg.taker_bank, paying), (leg.giver_bank, receiving)] {
                self.touch(RecordKey::Bank(bank));
                if let Some(bank) = self.banks.get_mut(bank) {
                    bank.interbank = interbank;
                }
            }
        }
    }
}
