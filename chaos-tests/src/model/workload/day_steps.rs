//! What a settlement day needs next.

use registry_ledger::{
    Chunk, Command, Date, DayState, Fen, FreePosition, Quantity, TradeNumber, TradeStatus,
};

use super::calls::last_day;
use super::{Asked, Workload};
use crate::model::Model;
use crate::model::calendar::{DAY_MS, beijing_day, date_of, day_number, is_weekend};
use crate::model::day::{Day, amount};
use crate::model::positions::Position;

impl Workload {
    /// A valid command on the newest day, or the opening of the next one.
    pub(super) fn day_call(&mut self, model: &Model) -> Asked {
        let officer = self.officer();
        let Some(day) = last_day(model).cloned() else {
            return (officer, self.open_day(model));
        };
        let date = day.date;
        if day.state == DayState::Suspended {
            return (officer, Command::ResumeDay(date));
        }
        if day.state != DayState::Final && self.rng.chance(3) {
            return (officer, Command::SuspendDay(date));
        }
        let exchange = "exchange/sh".to_owned();
        match day.state {
            DayState::Open => (exchange, self.open_step(model, &day)),
            DayState::Closed => (officer, Command::ClearDay(date)),
            DayState::Cleared => {
                let ours = day.clearing.map_or([0; 32], |clearing| clearing.sha256);
                let clearing_sha256 = if self.rng.chance(75) { ours } else { self.hash() };
                (exchange, Command::ConfirmClearing { date, clearing_sha256 })
            }
            DayState::Disputed => (exchange, self.disputed_step(model, &day)),
            DayState::Confirmed => ("node/11".to_owned(), self.delivery_step(&day)),
            DayState::Delivered => self.delivered_step(model, &day),
            DayState::Final | DayState::Suspended => (officer, self.open_day(model)),
        }
    }

    /// The next trading day, a few days or a month later; the clock goes there.
    pub(super) fn open_day(&mut self, model: &Model) -> Command {
        let today = beijing_day(registry_ledger::LedgerTime(self.clock_ms));
        let after_last = last_day(model).map_or(today, |day| day_number(day.date) + 1);
        let mut number = after_last + if self.rng.chance(8) { 33 } else { self.rng.between(0, 2) };
        let closed = |date: Date| is_weekend(date) || model.holidays.contains(&date);
        let date = loop {
            match date_of(number) {
                Some(date) if !closed(date) => break date,
                _ => number += 1,
            }
        };
        self.advance_to_morning(date);
        self.chunks_wanted = self.rng.below(16) as u32;
        Command::OpenDay { date, topup_window_ms: self.rng.between(1, 7 * DAY_MS) }
    }

    fn open_step(&mut self, model: &Model, day: &Day) -> Command {
        let date = day.date;
        let roll = self.rng.below(100);
        if roll < 8
            && let Some((place, (trades, _))) = self.some_chunk(day)
        {
            return Command::SubmitTrades(Chunk { date, number: place + 1, trades });
        }
        if roll < 30
            && let Some(trade) = self.trade(model, day)
        {
            return Command::SettleTrade { date, trade };
        }
        if day.chunks.len() as u32 >= self.chunks_wanted {
            return Command::SubmitManifest { date, manifest: model.manifest(date) };
        }
        let trades = self.chunk_trades(model, day);
        Command::SubmitTrades(Chunk { date, number: day.chunks.len() as u32 + 1, trades })
    }

    pub(super) fn some_chunk(
        &mut self,
        day: &Day,
    ) -> Option<(u32, (Vec<registry_ledger::Trade>, u64))> {
        let place = self.rng.below(day.chunks.len() as u64) as u32;
        Some((place, day.chunks.get(place as usize)?.clone()))
    }

    fn disputed_step(&mut self, model: &Model, day: &Day) -> Command {
        let date = day.date;
        let accepted = self.some_trade(day, |status| status == TradeStatus::Accepted);
        let manifest = Command::SubmitManifest { date, manifest: model.manifest(date) };
        let Some(trade) = accepted.filter(|_| self.rng.chance(70)) else {
            return manifest;
        };
        let replacement = if self.rng.chance(60) {
            let Some(mut other) = self.trade(model, day) else { return manifest };
            other.number = trade.number;
            Some(other)
        } else {
            None
        };
        Command::AmendTrade { date, number: trade.number, replacement, reason: self.text(200) }
    }

    /// Mostly where delivery stands; sometimes a step that was taken already.
    pub(super) fn delivery_step(&mut self, day: &Day) -> Command {
        let cursor = day.cursor as u64;
        let from_sequence =
            if self.rng.chance(80) { cursor + 1 } else { 1 + self.rng.below(cursor + 1) };
        let max_trades = if self.rng.chance(70) { self.rng.between(1, 30) } else { 8_192 };
        Command::DeliverTrades { date: day.date, from_sequence, max_trades: max_trades as u32 }
    }

    fn delivered_step(&mut self, model: &Model, day: &Day) -> Asked {
        let officer = self.officer();
        let date = day.date;
        if self.rng.chance(10) {
            return ("node/11".to_owned(), self.delivery_step(day));
        }
        let held = day.held();
        if !held.is_empty() {
            return self.held_step(model, day, &held);
        }
        if !day.statements_issued {
            return (officer, Command::IssueStatements(date));
        }
        if self.rng.chance(3) {
            return (officer, Command::IssueStatements(date));
        }
        let open: Vec<_> = day.objections.iter().copied().collect();
        if let Some(account) = self.rng.pick(&open).copied()
            && self.rng.chance(70)
        {
            let resolution = self.letter();
            return (officer, Command::ResolveObjection { date, account, resolution });
        }
        let quiet = open.is_empty() && self.rng.chance(40);
        let trade = self.some_trade(day, |status| status != TradeStatus::Voided);
        match trade.filter(|_| !quiet) {
            Some(trade) if !day.objections.contains(&trade.buyer) => {
                let (account, text) = (trade.buyer, self.letter());
                (officer, Command::RaiseObjection { date, account, text })
            }
            _ => (officer, Command::FinalizeDay(date)),
        }
    }

    /// A top-up, another try, or the end of a held trade.
    fn held_step(&mut self, model: &Model, day: &Day, held: &[TradeNumber]) -> Asked {
        let (officer, date) = (self.officer(), day.date);
        let Some(deadline) = day.topup_deadline else {
            return (officer, Command::FinalizeDay(date));
        };
        let over = model.now >= deadline;
        if !over && self.rng.chance(10) {
            let later = self.rng.between(1, 5_000);
            self.advance_to(deadline.0 + later);
        }
        if over {
            return (officer, Command::FailHeld { date, numbers: self.some_of(held) });
        }
        if self.rng.chance(45) {
            return (officer, Command::RetryHeld { date, numbers: self.some_of(held) });
        }
        let number = self.rng.pick(held).copied();
        let short = number.and_then(|number| day.deal(number)).map(|deal| deal.trade);
        let Some(trade) = short.filter(|trade| amount(trade) < 1_000_000_000_000) else {
            return (officer, Command::RetryHeld { date, numbers: self.some_of(held) });
        };
        let (account, instrument, quantity) = (trade.seller, trade.instrument, trade.quantity);
        if model.positions.cash(trade.buyer, trade.buyer_bank) < amount(&trade) {
            let (account, bank) = (trade.buyer, trade.buyer_bank);
            let amount = Fen(amount(&trade) as i64);
            return (format!("bank/{}", bank.0), Command::Deposit { account, bank, amount });
        }
        let registered = model.positions.goods(account, instrument, Position::Registered);
        if registered < i128::from(quantity.0) {
            let document = self.text(200);
            return (officer, Command::Issue { account, instrument, quantity, document });
        }
        let quantity = Quantity(registered as i64);
        let from = FreePosition::Registered;
        (officer, Command::MoveHolding { account, instrument, from, quantity })
    }

    /// Some of the numbers, each once, in any order.
    pub(super) fn some_of(&mut self, numbers: &[TradeNumber]) -> Vec<TradeNumber> {
        let mut some: Vec<_> = numbers.iter().copied().filter(|_| self.rng.chance(75)).collect();
        if some.is_empty() {
            some.extend(numbers.first());
        }
        if self.rng.chance(30) {
            some.reverse();
        }
        some.truncate(1_000);
        some
    }
}
