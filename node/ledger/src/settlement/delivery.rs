//! Delivery versus payment (货银对付), trade by trade and gross: each trade's
//! tonnes and money move together or not at all.

use crate::journal::What;
use crate::ledger::{Ledger, READ_AHEAD};
use crate::receipt::{CashBalance, Holding, Receipt, TradeResult};
use crate::records::{RecordKey, STATUSES_PER_RECORD};
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::{Day, Slot};
use crate::settlement::limits::DELIVERY_STEP_LIMIT;
use crate::types::{Date, DayState, Fen, HeldReason, LedgerTime, Quantity, Trade, TradeStatus};

/// Both legs of one trade, computed before anything moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Legs {
    seller_holding: Holding,
    buyer_holding: Holding,
    seller_cash: CashBalance,
    buyer_cash: CashBalance,
    /// Whether nothing that the buyer bought of this instrument was pending.
    first_pending_in: bool,
    /// New interbank positions of the paying and the receiving bank, if they differ.
    interbank: Option<(Fen, Fen)>,
}

/// What makes a trade's legs possible just before it settles.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Help {
    /// Money that the reserve gives the buyer.
    pub(crate) credit: Fen,
    /// Tonnes that leave a pledge of the seller.
    pub(crate) from_pledge: Quantity,
}

impl Ledger {
    pub(crate) fn deliver_trades(
        &mut self,
        date: Date,
        from_sequence: u64,
        max_trades: u32,
    ) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?;
        check_step(day, from_sequence, max_trades)?;
        let first = from_sequence.saturating_sub(1);
        let end = first.saturating_add(u64::from(max_trades)).min(day.last_sequence());
        let trade_count = day.last_sequence();
        // Those before the cursor were tried before.
        let tried_from = first.max(day.cursor);
        let results = self.deliver_in_turn(date, first, end);
        self.advance_cursor(date, end);
        if tried_from < end {
            self.record_delivery(date, first, tried_from, &results);
        }
        Ok(Receipt::Delivered { from_sequence, trade_count, results })
    }

    /// Tries the trades at these places unless they were tried before; says
    /// how each stands.
    fn deliver_in_turn(&mut self, date: Date, first: u64, end: u64) -> Vec<TradeResult> {
        let places = usize::try_from(first).ok().zip(usize::try_from(end).ok());
        let Some(places) = places.map(|(first, end)| first..end) else { return Vec::new() };
        let Some(day) = self.days.get(&date) else { return Vec::new() };
        if day.slots.range(places.clone()).any(|slot| slot.status == TradeStatus::Accepted) {
            self.touch(RecordKey::Day(date));
            self.touch_statuses(date, places.clone());
        }
        let Some(day) = self.days.get_mut(&date) else { return Vec::new() };
        // Out of the day while accounts change, and back before anything else
        // looks at it.
        let mut slots = std::mem::take(&mut day.slots);
        let (mut delivered_now, mut held_now) = (0_u64, 0_u64);
        let mut results = Vec::with_capacity(places.len());
        for first in places.clone().step_by(READ_AHEAD / 2) {
            let few = first..first.saturating_add(READ_AHEAD / 2).min(places.end);
            let parties = |slot: &Slot| [slot.trade.seller, slot.trade.buyer];
            self.read_ahead(slots.range(few.clone()).flat_map(parties));
            for place in few {
                let Some(slot) = slots.get_mut(place) else { break };
                if slot.status == TradeStatus::Accepted {
                    slot.status = self.try_delivery(&slot.trade);
                    let delivered = slot.status == TradeStatus::Delivered;
                    let counter = if delivered { &mut delivered_now } else { &mut held_now };
                    *counter = counter.saturating_add(1);
                }
                results.push(TradeResult { number: slot.trade.number, status: slot.status });
            }
            self.seal_many_balances();
        }
        if let Some(day) = self.days.get_mut(&date) {
            day.slots = slots;
            day.delivered = day.delivered.saturating_add(delivered_now);
            day.held = day.held.saturating_add(held_now);
        }
        results
    }

    /// Writes down the trades tried now, which are those after `tried_from`, of
    /// the results from `first` on.
    fn record_delivery(
        &mut self,
        date: Date,
        first: u64,
        tried_from: u64,
        results: &[TradeResult],
    ) {
        let (mut count, mut held) = (0_u32, Vec::new());
        for (sequence, result) in (first.saturating_add(1)..).zip(results) {
            if sequence <= tried_from {
                continue;
            }
            count = count.saturating_add(1);
            if matches!(result.status, TradeStatus::Held(_)) {
                held.push((sequence, result.status));
            }
        }
        let first_sequence = tried_from.saturating_add(1);
        self.record(What::TradesDelivered { date, first_sequence, count, held }, Vec::new());
    }

    fn advance_cursor(&mut self, date: Date, end: u64) {
        let now = self.now;
        let Some(day) = self.days.get(&date) else { return };
        if day.state != DayState::Confirmed {
            return;
        }
        self.touch(RecordKey::Day(date));
        let Some(day) = self.days.get_mut(&date) else { return };
        day.cursor = day.cursor.max(end);
        if day.cursor == day.last_sequence() {
            day.state = DayState::Delivered;
            day.topup_deadline = Some(LedgerTime(now.0.saturating_add(day.topup_window_ms)));
        }
    }

    /// Moves both legs, or nothing when one falls short.
    pub(crate) fn try_delivery(&mut self, trade: &Trade) -> TradeStatus {
        match self.legs(trade) {
            Ok(legs) => {
                self.post(trade, &legs);
                TradeStatus::Delivered
            }
            Err(reason) => TradeStatus::Held(reason),
        }
    }

    /// What both legs lead to; reads only.
    pub(crate) fn legs(&self, trade: &Trade) -> Result<Legs, HeldReason> {
        self.legs_with(trade, Help::default())
    }

    /// The same with help that comes just before.
    pub(crate) fn legs_with(&self, trade: &Trade, help: Help) -> Result<Legs, HeldReason> {
        if self.is_frozen(trade.seller) || self.is_frozen(trade.buyer) {
            return Err(HeldReason::AccountFrozen);
        }
        let (goods, cash) = (HeldReason::GoodsShort, HeldReason::CashShort);
        let seller = self.balances_at(trade.seller).ok_or(goods)?;
        let buyer = self.balances_at(trade.buyer).ok_or(cash)?;
        let mut seller_holding = seller.holding(trade.instrument);
        let mut buyer_holding = buyer.holding(trade.instrument);
        let mut seller_cash = seller.cash(trade.seller_bank);
        let mut buyer_cash = buyer.cash(trade.buyer_bank);
        let amount = trade.amount().ok_or(cash)?;
        buyer_cash.available = buyer_cash.available.checked_add(help.credit).ok_or(cash)?;
        seller_holding.pledged =
            seller_holding.pledged.checked_sub(help.from_pledge).ok_or(goods)?;
        seller_holding.trading =
            seller_holding.trading.checked_add(help.from_pledge).ok_or(goods)?;
        if seller_holding.trading < trade.quantity {
            return Err(shortage(&seller_holding, trade.quantity));
        }
        if buyer_cash.available < amount {
            return Err(cash);
        }
        // From here on nothing can overflow: all positions together are what
        // was issued, all money together is what was deposited.
        let sub = |from: Fen| from.checked_sub(amount).ok_or(cash);
        let add = |to: Fen| to.checked_add(amount).ok_or(cash);
        seller_holding.trading = seller_holding.trading.checked_sub(trade.quantity).ok_or(goods)?;
        let first_pending_in = buyer_holding.pending_in == Quantity(0);
        buyer_holding.pending_in =
            buyer_holding.pending_in.checked_add(trade.quantity).ok_or(goods)?;
        buyer_cash.available = sub(buyer_cash.available)?;
        seller_cash.available = add(seller_cash.available)?;
        let interbank = if trade.buyer_bank == trade.seller_bank {
            None
        } else {
            let paying = self.banks.get(trade.buyer_bank).ok_or(cash)?;
            let receiving = self.banks.get(trade.seller_bank).ok_or(cash)?;
            Some((sub(paying.interbank)?, add(receiving.interbank)?))
        };
        Ok(Legs {
            seller_holding,
            buyer_holding,
            seller_cash,
            buyer_cash,
            first_pending_in,
            interbank,
        })
    }

    /// Writes both legs; cannot fail.
    pub(crate) fn post(&mut self, trade: &Trade, legs: &Legs) {
        self.touch(RecordKey::Balances(trade.seller));
        self.touch(RecordKey::Balances(trade.buyer));
        if let Some(seller) = self.balances_mut(trade.seller) {
            seller.set_holding(trade.instrument, legs.seller_holding);
            seller.set_cash(trade.seller_bank, legs.seller_cash);
        }
        if let Some(buyer) = self.balances_mut(trade.buyer) {
            buyer.set_holding(trade.instrument, legs.buyer_holding);
            buyer.set_cash(trade.buyer_bank, legs.buyer_cash);
        }
        if legs.first_pending_in {
            self.pending_in.push(trade.buyer);
        }
        if let Some((paying, receiving)) = legs.interbank {
            for (bank, interbank) in [(trade.buyer_bank, paying), (trade.seller_bank, receiving)] {
                self.touch(RecordKey::Bank(bank));
                if let Some(bank) = self.banks.get_mut(bank) {
                    bank.interbank = interbank;
                }
            }
        }
    }

    /// Changes where a trade stands, and the day's counters with it.
    pub(crate) fn set_status(&mut self, date: Date, place: u32, status: TradeStatus) {
        self.touch(RecordKey::Day(date));
        self.touch_status(date, place);
        let Some(day) = self.days.get_mut(&date) else { return };
        let Some(slot) = day.slot_mut(place) else { return };
        let before = std::mem::replace(&mut slot.status, status);
        if let Some(counter) = day.counter(before) {
            *counter = counter.saturating_sub(1);
        }
        if let Some(counter) = day.counter(status) {
            *counter = counter.saturating_add(1);
        }
    }

    pub(crate) fn touch_status(&mut self, date: Date, place: u32) {
        self.touch(RecordKey::Statuses(date, place / STATUSES_PER_RECORD));
    }

    pub(crate) fn touch_statuses(&mut self, date: Date, places: std::ops::Range<usize>) {
        let (Ok(first), Ok(end)) = (u32::try_from(places.start), u32::try_from(places.end)) else {
            return;
        };
        for page in first / STATUSES_PER_RECORD..end.div_ceil(STATUSES_PER_RECORD) {
            self.touch(RecordKey::Statuses(date, page));
        }
    }
}

impl Day {
    /// The counter that trades of a status are in.
    fn counter(&mut self, status: TradeStatus) -> Option<&mut u64> {
        match status {
            TradeStatus::Delivered | TradeStatus::Covered => Some(&mut self.delivered),
            TradeStatus::Held(_) => Some(&mut self.held),
            TradeStatus::Failed(_) => Some(&mut self.failed),
            TradeStatus::Accepted | TradeStatus::Voided => None,
        }
    }
}

/// Why a seller has too few tonnes to trade.
fn shortage(held: &Holding, wanted: Quantity) -> HeldReason {
    let with = |encumbered| held.trading.checked_add(encumbered).unwrap_or(wanted);
    if with(held.pledged) >= wanted {
        HeldReason::Pledged
    } else if with(held.frozen) >= wanted {
        HeldReason::AccountFrozen
    } else {
        HeldReason::GoodsShort
    }
}

fn check_step(day: &Day, from_sequence: u64, max_trades: u32) -> Result<(), Rejection> {
    if !matches!(day.state, DayState::Confirmed | DayState::Delivered | DayState::Final) {
        return day.wrong_state(Reason::DayState, "CONFIRMED");
    }
    if !(1..=DELIVERY_STEP_LIMIT).contains(&max_trades) {
        return Err(Rejection::new(
            Reason::OutOfRange,
            "max_trades",
            format!("max_trades is {max_trades}, it must be 1 to {DELIVERY_STEP_LIMIT}"),
        ));
    }
    let next = day.cursor.saturating_add(1);
    if from_sequence == 0 {
        return Err(Rejection::new(
            Reason::OutOfRange,
            "from_sequence",
            "from_sequence is 0, sequences begin at 1",
        ));
    }
    if from_sequence > next {
        return Err(Rejection::new(
            Reason::DeliveryGap,
            "from_sequence",
            format!("delivery from {from_sequence} was asked, {next} is next on {}", day.date),
        ));
    }
    Ok(())
}
