//! Commands with one fault each.

use registry_ledger::{Chunk, Command, Date, DayState, TradeNumber};

use super::calls::last_day;
use super::{Asked, Workload};
use crate::model::Model;
use crate::model::calendar::{date_of, day_number};

impl Workload {
    /// A faulty command, if the chosen fault is possible now.
    pub(super) fn fault(&mut self, model: &Model) -> Option<Asked> {
        let officer = self.officer();
        let command = match self.rng.below(55) {
            0..2 => self.account_fault(model),
            2 => self.bank_fault(model),
            3..5 => self.deposit_fault(model),
            5..7 => self.holding_fault(model),
            7 => self.opening_fault(model),
            8..11 => self.chunk_fault(model),
            11..14 => self.trade_fault(model),
            14 => self.manifest_fault(model),
            15 => self.amendment_fault(model),
            16 => self.delivery_fault(model),
            17 => self.held_fault(model),
            18 => self.objection_fault(model),
            19 => self.unknown_day(model),
            20 => self.wrong_state(model),
            21 => Some(self.genesis().1),
            22..25 => self.trade_fault(model),
            25..28 => self.held_fault(model),
            28..30 => self.books_fault(model),
            30..36 => self.cash_fault(model),
            36..41 => self.inclusive_fault(model),
            41..45 => self.repo_fault(model),
            _ => self.compliance_fault(model),
        }?;
        Some((super::repo::asks(&command).unwrap_or(officer), command))
    }

    pub(super) fn bad_text(&mut self, max_bytes: usize) -> String {
        match self.rng.below(4) {
            0 => String::new(),
            1 => "x".repeat(max_bytes + 1),
            2 => "碳".repeat(max_bytes / 3 + 1),
            _ => format!(
                "carbon{}registry",
                self.rng.pick(&['\0', '\u{7f}', '\u{1b}', '\r', '\u{85}']).unwrap_or(&'\0')
            ),
        }
    }

    fn unknown_day(&mut self, model: &Model) -> Option<Command> {
        let date = last_day(model)
            .map_or(Date::from_ymd(2030, 1, 2), |day| date_of(day_number(day.date) + 1))?;
        let some_day = model.days.values().next_back()?;
        let trade = self.trade(model, some_day)?;
        self.any_day_command(model, date, trade.number)
    }

    fn wrong_state(&mut self, model: &Model) -> Option<Command> {
        let date = if self.rng.chance(80) { last_day(model)?.date } else { self.some_date(model)? };
        let number = model.days[&date].deals.first()?.trade.number;
        let state = model.days[&date].state;
        let command = self.any_day_command(model, date, number)?;
        let right: &[DayState] = match &command {
            Command::SubmitTrades(_) | Command::SettleTrade { .. } => &[DayState::Open],
            Command::SubmitManifest { .. } => &[DayState::Open, DayState::Disputed],
            Command::ClearDay(_) => &[DayState::Closed],
            Command::ConfirmClearing { .. } => &[DayState::Cleared],
            Command::AmendTrade { .. } => &[DayState::Disputed],
            Command::DeliverTrades { .. } => {
                &[DayState::Confirmed, DayState::Delivered, DayState::Final]
            }
            Command::ResumeDay(_) => &[DayState::Suspended],
            Command::SuspendDay(_) if state != DayState::Final => return None,
            Command::SuspendDay(_) => &[],
            _ => &[DayState::Delivered],
        };
        (!right.contains(&state)).then_some(command)
    }

    /// One of the commands on a day, complete but for the day's state.
    fn any_day_command(
        &mut self,
        model: &Model,
        date: Date,
        number: TradeNumber,
    ) -> Option<Command> {
        let day = model.days.get(&date).or_else(|| last_day(model))?.clone();
        let numbers = vec![number];
        Some(match self.rng.below(15) {
            0 => Command::SubmitTrades(Chunk {
                date,
                number: 1,
                trades: vec![self.trade(model, &day)?],
            }),
            1 => Command::SubmitManifest { date, manifest: model.manifest(day.date) },
            2 => Command::ClearDay(date),
            3 => Command::ConfirmClearing { date, clearing_sha256: self.hash() },
            4 => Command::AmendTrade { date, number, replacement: None, reason: self.text(200) },
            5 => Command::DeliverTrades { date, from_sequence: 1, max_trades: 10 },
            6 => Command::RetryHeld { date, numbers },
            7 => Command::FailHeld { date, numbers },
            8 => Command::IssueStatements(date),
            9 => Command::FinalizeDay(date),
            10 => Command::SuspendDay(date),
            11 => Command::ResumeDay(date),
            12 => Command::ResolveObjection {
                date,
                account: day.deals.first()?.trade.buyer,
                resolution: self.letter(),
            },
            13 => Command::UseReserve { date, number, document: self.text(200) },
            _ => Command::SettleTrade { date, trade: self.trade(model, &day)? },
        })
    }
}
