//! The settlement risk reserve (结算风险准备金): it pays what the buyer of a held
//! trade lacks, so that the seller need not wait, and the buyer owes it.

use std::ops::Bound;

use super::{AMOUNT, Pots, into_pot, less_in, minus, more_in, out_of_pot, plus};
use crate::amount::format_yuan;
use crate::bank::from_outside;
use crate::journal::{CashPosition, CashPot, What};
use crate::ledger::Ledger;
use crate::receipt::{CashBalance, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::delivery::Help;
use crate::text;
use crate::types::{
    AccountId, BankId, Date, DayState, Fen, HeldReason, Trade, TradeNumber, TradeStatus,
};

impl Ledger {
    /// What accounts owe the reserve, by account and bank.
    pub fn claims(&self) -> impl Iterator<Item = (AccountId, BankId, Fen)> {
        self.claims.iter().map(|((account, bank), claim)| (*account, *bank, *claim))
    }

    /// The same from the one behind an account and a bank.
    pub fn claims_after(
        &self,
        account: AccountId,
        bank: BankId,
    ) -> impl Iterator<Item = (AccountId, BankId, Fen)> {
        let behind = (Bound::Excluded((account, bank)), Bound::Unbounded);
        self.claims.range(behind).map(|((account, bank), claim)| (*account, *bank, *claim))
    }

    pub(crate) fn fund_reserve(
        &mut self,
        bank: BankId,
        amount: Fen,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        let deposited = self.deposited_with(bank, amount)?;
        text::check_line(document, "document")?;
        let pots = self.pots(bank);
        let pots = Pots { reserve: plus(pots.reserve, amount)?, ..pots };

        self.set_deposited(bank, deposited);
        self.set_pots(bank, pots);
        let postings = vec![into_pot(bank, CashPot::Reserve, amount), from_outside(bank, amount)];
        self.record(What::ReserveFunded { document: document.to_owned() }, postings);
        Ok(Receipt::Pots(bank, pots))
    }

    pub(crate) fn use_reserve(
        &mut self,
        date: Date,
        number: TradeNumber,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        let (place, trade) = self.held_for_cash(date, number)?;
        text::check_line(document, "document")?;
        let (account, bank) = (trade.buyer, trade.buyer_bank);
        let (pots, shortfall) = self.reserve_for(&trade)?;
        let help = Help { credit: shortfall, ..Help::default() };
        let legs = self.legs_with(&trade, help).map_err(|short| cannot(&trade, short))?;
        let claim = plus(self.claim(account, bank), shortfall)?;

        self.set_pots(bank, pots);
        self.post(&trade, &legs);
        self.set_claim(account, bank, claim);
        self.set_status(date, place, TradeStatus::Covered);
        let postings = vec![
            out_of_pot(bank, CashPot::Reserve, shortfall),
            more_in(account, bank, CashPosition::Available, shortfall),
        ];
        let document = document.to_owned();
        self.record(What::ReserveUsed { date, trade: number, claim, document }, postings);
        Ok(Receipt::Covered { number, shortfall, claim })
    }

    pub(crate) fn repay_reserve(
        &mut self,
        account: AccountId,
        bank: BankId,
        amount: Fen,
    ) -> Result<Receipt, Rejection> {
        let before = self.available_cash(account, bank, amount)?;
        let claim = self.claim(account, bank);
        if claim == Fen(0) {
            let message =
                format!("account {} owes the reserve nothing at bank {}", account.0, bank.0);
            return Err(Rejection::new(Reason::UnknownClaim, "account_id", message));
        }
        if claim < amount {
            return Err(Rejection::new(
                Reason::ClaimExceeded,
                AMOUNT,
                format!(
                    "account {} owes the reserve {} yuan at bank {}, {} were to be paid back",
                    account.0,
                    format_yuan(claim),
                    bank.0,
                    format_yuan(amount)
                ),
            ));
        }
        let balance = CashBalance { available: minus(before.available, amount)?, ..before };
        let claim = minus(claim, amount)?;
        let pots = self.pots(bank);
        let pots = Pots { reserve: plus(pots.reserve, amount)?, ..pots };

        self.set_cash(account, bank, balance);
        self.set_pots(bank, pots);
        self.set_claim(account, bank, claim);
        let postings = vec![
            less_in(account, bank, CashPosition::Available, amount),
            into_pot(bank, CashPot::Reserve, amount),
        ];
        self.record(What::ReserveRepaid { claim }, postings);
        Ok(Receipt::Repaid { bank, balance, claim })
    }

    fn claim(&self, account: AccountId, bank: BankId) -> Fen {
        self.claims.get(&(account, bank)).copied().unwrap_or_default()
    }

    fn set_claim(&mut self, account: AccountId, bank: BankId, claim: Fen) {
        self.touch(RecordKey::Claim(account, bank));
        if claim == Fen(0) {
            self.claims.remove(&(account, bank));
        } else {
            self.claims.insert((account, bank), claim);
        }
    }

    /// A trade of a delivered day that is held for cash, with its place.
    fn held_for_cash(&self, date: Date, number: TradeNumber) -> Result<(u32, Trade), Rejection> {
        let day = self.known_day(date)?.running()?.in_state(DayState::Delivered)?;
        let refuse = |reason, problem: &str| {
            let message = format!("trade {} {problem} {date}", number.0);
            Err(Rejection::new(reason, "trade_number", message))
        };
        let place = day.place_of(number);
        match place.and_then(|place| Some((place, day.slot(place)?))) {
            None => refuse(Reason::UnknownTrade, "is not of"),
            Some((place, slot)) => match slot.status {
                TradeStatus::Held(HeldReason::CashShort) => Ok((place, slot.trade)),
                TradeStatus::Held(HeldReason::GoodsShort) => {
                    refuse(Reason::GoodsShort, "is held for goods, which no money replaces, on")
                }
                TradeStatus::Held(HeldReason::Pledged) => {
                    refuse(Reason::Pledged, "is held for tonnes that are pledged on")
                }
                TradeStatus::Held(HeldReason::AccountFrozen) => {
                    refuse(Reason::AccountFrozen, "is held because of a court's freeze on")
                }
                TradeStatus::Accepted
                | TradeStatus::Delivered
                | TradeStatus::Failed(_)
                | TradeStatus::Voided
                | TradeStatus::Covered => refuse(Reason::TradeNotHeld, "is not held on"),
            },
        }
    }

    /// What the buyer lacks now, and the pots of its bank without it.
    fn reserve_for(&self, trade: &Trade) -> Result<(Pots, Fen), Rejection> {
        const FIELD: &str = "trade_number";
        let Trade { number, buyer, buyer_bank: bank, .. } = *trade;
        let available = self.known_balances(buyer, FIELD)?.cash(bank).available;
        let pots = self.known_bank(bank, FIELD)?.pots;
        let shortfall = minus(trade.amount().unwrap_or_default(), available)?;
        if shortfall.0 <= 0 {
            let message = format!(
                "account {} has {} yuan at bank {}, enough for trade {}; try the trade again \
                 instead",
                buyer.0,
                format_yuan(available),
                bank.0,
                number.0
            );
            return Err(Rejection::new(Reason::ReserveNotNeeded, FIELD, message));
        }
        if pots.reserve < shortfall {
            let message = format!(
                "account {} lacks {} yuan for trade {}, the reserve at bank {} has {}; fund it \
                 first",
                buyer.0,
                format_yuan(shortfall),
                number.0,
                bank.0,
                format_yuan(pots.reserve)
            );
            return Err(Rejection::new(Reason::ReserveExhausted, FIELD, message));
        }
        Ok((Pots { reserve: minus(pots.reserve, shortfall)?, ..pots }, shortfall))
    }
}

/// What still stands in the way once the money is there.
fn cannot(trade: &Trade, short: HeldReason) -> Rejection {
    let message = match short {
        HeldReason::AccountFrozen => format!(
            "trade {}: a court froze account {} or {}, or the tonnes",
            trade.number.0, trade.seller.0, trade.buyer.0
        ),
        HeldReason::GoodsShort | HeldReason::CashShort | HeldReason::Pledged => format!(
            "trade {}: account {} has less than {} t of {} to trade",
            trade.number.0, trade.seller.0, trade.quantity.0, trade.instrument
        ),
    };
    Rejection::new(short.reason(), "trade_number", message)
}
