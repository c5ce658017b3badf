//! One fault in what a settlement day is sent.

use registry_ledger::{AccountId, Chunk, Command, DayState, Manifest, TradeNumber, TradeStatus};

use super::Workload;
use super::calls::{last_day, last_day_in};
use crate::model::Model;

impl Workload {
    pub(super) fn chunk_fault(&mut self, model: &Model) -> Option<Command> {
        let day = last_day_in(model, &[DayState::Open])?;
        let (date, next) = (day.date, day.chunks.len() as u32 + 1);
        let trades = self.chunk_trades(model, &day);
        let chunk = |number, trades| Command::SubmitTrades(Chunk { date, number, trades });
        Some(match self.rng.below(40) {
            0..10 => chunk(next + 1 + self.rng.below(3) as u32, trades),
            10 => chunk(*self.rng.pick(&[0, u32::MAX])?, trades),
            11..20 => {
                let (place, (mut trades, _)) = self.some_chunk(&day)?;
                trades.last_mut()?.price.0 += 1;
                chunk(place + 1, trades)
            }
            20..39 => chunk(next, Vec::new()),
            _ => chunk(next, vec![*trades.first()?; 8_193]),
        })
    }

    pub(super) fn trade_fault(&mut self, model: &Model) -> Option<Command> {
        let day = last_day_in(model, &[DayState::Open])?;
        let date = day.date;
        let mut trades = self.chunk_trades(model, &day);
        if self.rng.chance(30) {
            let trade = self.break_trade(model, &day, &[], *trades.first()?)?;
            return Some(Command::SettleTrade { date, trade });
        }
        let place = self.rng.below(trades.len() as u64) as usize;
        let (earlier, rest) = trades.split_at_mut(place);
        let first = rest.first_mut()?;
        *first = self.break_trade(model, &day, earlier, *first)?;
        let number = day.chunks.len() as u32 + 1;
        Some(Command::SubmitTrades(Chunk { date, number, trades }))
    }

    pub(super) fn manifest_fault(&mut self, model: &Model) -> Option<Command> {
        let date = last_day_in(model, &[DayState::Open, DayState::Disputed])?.date;
        let right = model.manifest(date);
        let mut manifest: Manifest = right;
        match self.rng.below(4) {
            0 => manifest.trade_count += 1,
            1 => manifest.quantity.0 += 1,
            2 => manifest.amount.0 -= 1,
            _ => manifest.trades_sha256 = self.hash(),
        }
        Some(Command::SubmitManifest { date, manifest })
    }

    pub(super) fn amendment_fault(&mut self, model: &Model) -> Option<Command> {
        let day = last_day_in(model, &[DayState::Disputed])?;
        let date = day.date;
        let trade = self.some_trade(&day, |status| status == TradeStatus::Accepted)?;
        let (number, reason) = (trade.number, self.text(200));
        if self.rng.chance(20) {
            let number = TradeNumber(12_345_678_901);
            return Some(Command::AmendTrade { date, number, replacement: None, reason });
        }
        if self.rng.chance(20) {
            let reason = self.bad_text(200);
            return Some(Command::AmendTrade { date, number, replacement: None, reason });
        }
        if self.rng.chance(20) {
            let number = self.some_trade(&day, |status| status != TradeStatus::Accepted)?.number;
            return Some(Command::AmendTrade { date, number, replacement: None, reason });
        }
        if self.rng.chance(20) {
            let mut same = trade;
            if self.rng.chance(50) {
                same.number = self.new_trade_number();
            }
            return Some(Command::AmendTrade { date, number, replacement: Some(same), reason });
        }
        let mut other = self.trade(model, &day)?;
        other.number = number;
        let broken = self.break_trade(model, &day, &[], other)?;
        let replacement = Some(broken).filter(|broken| broken.number == number)?;
        Some(Command::AmendTrade { date, number, replacement: Some(replacement), reason })
    }

    pub(super) fn delivery_fault(&mut self, model: &Model) -> Option<Command> {
        let states = [DayState::Confirmed, DayState::Delivered, DayState::Final];
        let day = last_day_in(model, &states)?;
        let (date, next) = (day.date, day.cursor as u64 + 1);
        let step =
            |from_sequence, max_trades| Command::DeliverTrades { date, from_sequence, max_trades };
        Some(match self.rng.below(5) {
            0 => step(next + 1, 10),
            1 => step(u64::MAX, 10),
            2 => step(0, 10),
            3 => step(next, 0),
            _ => step(next, *self.rng.pick(&[8_193, u32::MAX])?),
        })
    }

    pub(super) fn held_fault(&mut self, model: &Model) -> Option<Command> {
        let day = last_day_in(model, &[DayState::Delivered])?;
        let (date, held) = (day.date, day.held());
        let retry = |numbers| Command::RetryHeld { date, numbers };
        let deadline = day.topup_deadline?;
        let over = model.now > deadline;
        // The command's own time is not known yet: too close to the deadline.
        if !over && self.clock_ms + 10_000 > deadline.0 {
            return None;
        }
        Some(match self.rng.below(7) {
            0 if !over => retry(Vec::new()),
            1 if !over => retry(vec![TradeNumber(1); 1_001]),
            2 if !over => {
                let mut numbers = self.some_of(&held);
                numbers.push(TradeNumber(12_345_678_901));
                retry(numbers)
            }
            3 if !over => {
                let mut numbers = self.some_of(&held);
                let done = |status| status == TradeStatus::Delivered;
                numbers.push(self.some_trade(&day, done)?.number);
                retry(numbers)
            }
            _ if held.is_empty() => return None,
            6 if !over => {
                let mut numbers = self.some_of(&held);
                numbers.push(*self.rng.pick(&numbers)?);
                retry(numbers)
            }
            _ if over => retry(self.some_of(&held)),
            4 => Command::FailHeld { date, numbers: self.some_of(&held) },
            _ => Command::FinalizeDay(date),
        })
    }

    pub(super) fn objection_fault(&mut self, model: &Model) -> Option<Command> {
        let day = last_day(model).filter(|day| day.state != DayState::Suspended)?;
        let date = day.date;
        let trade = self.rng.pick(&day.deals)?.trade;
        let (account, text) = (trade.seller, self.letter());
        let resolution = text.clone();
        let ready = day.statements_issued && day.state == DayState::Delivered;
        Some(match self.rng.below(5) {
            0 if ready => Command::RaiseObjection { date, account, text: self.bad_text(1_000) },
            1 if ready => Command::RaiseObjection { date, account: AccountId(u32::MAX), text },
            2 if ready => Command::RaiseObjection { date, account: *day.objections.first()?, text },
            3 if ready && !day.objections.contains(&account) => {
                Command::ResolveObjection { date, account, resolution }
            }
            4 if day.state == DayState::Delivered => Command::FinalizeDay(date),
            // Too early, or too late.
            _ if !ready => Command::RaiseObjection { date, account, text },
            _ => return None,
        })
    }
}
