//! Makes commands: mostly what the market does, some of it wrong, some of it sent twice.
//!
//! A wrong command carries one fault only, so that only one answer is right.

mod books;
mod calls;
mod cash;
mod compliance;
mod compliance_faults;
mod control;
mod day_faults;
mod day_steps;
mod faults;
mod freezes;
mod hostile;
mod inclusive;
mod market;
mod market_faults;
mod pledge_faults;
mod pledges;
mod repo;
mod trade_faults;
mod trades;

use std::collections::BTreeMap;

use registry_ledger::{Command, Date, Entry, Genesis, LedgerTime, Member, Request};
use sha2::{Digest as _, Sha256};

use super::calendar::{DAY_MS, beijing_midnight_ms};
use super::{Model, Rng};

pub use hostile::hostile_command;

/// Who asks, and what.
type Asked = (String, Command);

/// A seeded stream of log entries.
#[derive(Clone, Debug)]
pub struct Workload {
    rng: Rng,
    term: u64,
    log_index: u64,
    proposed_at_ms: i64,
    clock_ms: i64,
    /// Set when the clock jumped: the next command starts a log entry.
    jumped: bool,
    requests: u64,
    trade_number: u64,
    /// How many chunks the open day is meant to get.
    chunks_wanted: u32,
    sent: Vec<Entry>,
    /// Until so many requests were made, expired answers may not be forgotten yet.
    forgetting_until: u64,
    /// What each content proposed so far stands for.
    proposed: BTreeMap<Vec<u8>, Command>,
}

impl Workload {
    /// Same seed and same model answers, same commands.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let clock_ms = 1_626_397_200_000 + DAY_MS * rng.between(0, 1_000);
        Self {
            rng,
            term: 1,
            log_index: 0,
            proposed_at_ms: clock_ms,
            clock_ms,
            jumped: true,
            requests: 0,
            trade_number: 0,
            chunks_wanted: 3,
            sent: Vec::new(),
            forgetting_until: 0,
            proposed: BTreeMap::new(),
        }
    }

    /// The next command, given how the market stands.
    pub fn next_entry(&mut self, model: &Model) -> Entry {
        if !self.sent.is_empty() && self.rng.chance(7) {
            return self.sent_again(model);
        }
        let (actor, command) = self.ask(model);
        // Leaders propose delivery themselves, without a request id.
        let by_leader = match command {
            Command::DeliverTrades { .. } => self.rng.chance(70),
            Command::ExpireDue => true,
            _ => false,
        };
        let request = (!by_leader).then(|| self.new_request(&command));
        let entry = self.stamped(actor, request, command);
        if entry.request.is_some() {
            self.sent.push(entry.clone());
        }
        entry
    }

    fn ask(&mut self, model: &Model) -> Asked {
        if !model.bootstrapped {
            return if self.rng.chance(50) { self.genesis() } else { self.market_call(model) };
        }
        if model.days.is_empty() && self.requests < 120 {
            return self.market_call(model);
        }
        let roll = self.rng.below(107);
        let fault = match roll {
            0..4 => self.pledge_fault(model),
            4..18 => self.fault(model),
            _ => None,
        };
        match fault {
            Some(asked) => asked,
            None if (18..23).contains(&roll) => self.control_call(model),
            None if (29..34).contains(&roll) => match self.repo_call(model) {
                Some(asked) => asked,
                None => self.day_call(model),
            },
            None if (23..29).contains(&roll) => match self.inclusive_call(model) {
                Some(asked) => asked,
                None => self.day_call(model),
            },
            None if roll < 43 => self.market_call(model),
            None if roll < 55 => match self.cash_call(model) {
                Some(asked) => asked,
                None => self.day_call(model),
            },
            None if roll < 61 => match self.cover(model) {
                Some(asked) => asked,
                None => self.day_call(model),
            },
            None if roll >= 100 => match self.compliance_call(model) {
                Some(asked) => asked,
                None => self.day_call(model),
            },
            None if roll < 76 => match self.pledge_call(model) {
                Some(asked) => asked,
                None => self.day_call(model),
            },
            None => self.day_call(model),
        }
    }

    fn genesis(&mut self) -> Asked {
        let member = |node_id| Member { node_id, storage_id: [7; 16] };
        let cities = vec![
            ("shanghai".to_owned(), [11, 12, 13].map(member).to_vec()),
            ("wuhan".to_owned(), vec![member(21)]),
        ];
        let genesis =
            Genesis { cluster_id: "model".to_owned(), layout: "dual-city".to_owned(), cities };
        ("operator/1".to_owned(), Command::Genesis(genesis))
    }

    /// An earlier request once more: the same, with other content, or under another name.
    fn sent_again(&mut self, model: &Model) -> Entry {
        let recent = self.sent.len().saturating_sub(if self.rng.chance(85) { 60 } else { 5_000 });
        let unsure = self.requests < self.forgetting_until;
        let month_ago = LedgerTime(self.clock_ms - 29 * DAY_MS);
        let sure = |entry: &&Entry| !unsure || entry.proposed_at > month_ago;
        let known: Vec<_> = self.sent[recent..].iter().filter(sure).cloned().collect();
        let Some(first) = self.rng.pick(&known).cloned() else {
            let (actor, command) = self.ask(model);
            let request = Some(self.new_request(&command));
            return self.stamped(actor, request, command);
        };
        let roll = self.rng.below(10);
        let repeatable = matches!(first.command, Command::Deposit { .. } | Command::Issue { .. });
        if roll < 7 {
            return self.stamped(first.actor, first.request, first.command);
        }
        if roll < 8 && repeatable {
            return self.stamped("registry/officer-9".to_owned(), first.request, first.command);
        }
        let (_, other) = self.market_call(model);
        let request = first
            .request
            .map(|request| Request { id: request.id, fingerprint: fingerprint(&other) });
        self.stamped(first.actor, request, other)
    }

    fn new_request(&mut self, command: &Command) -> Request {
        self.requests += 1;
        let mut id = format!("request-{}", self.requests);
        if self.rng.chance(1) {
            id = match self.rng.below(4) {
                0 => String::new(),
                1 => id.repeat(65),
                2 => format!("{id} "),
                _ => format!("{id}号"),
            };
        }
        Request { id, fingerprint: fingerprint(command) }
    }

    /// Puts a command into the log: often with others in one entry, now and
    /// then by a leader whose clock runs behind.
    fn stamped(&mut self, actor: String, request: Option<Request>, command: Command) -> Entry {
        if self.jumped || self.rng.chance(80) {
            self.jumped = false;
            self.log_index += 1 + u64::from(self.rng.chance(3));
            self.term += u64::from(self.rng.chance(1));
            self.clock_ms += self.rng.between(0, 1_500);
            let behind = if self.rng.chance(5) { self.rng.between(0, 5_000) } else { 0 };
            self.proposed_at_ms = self.clock_ms - behind;
        }
        Entry {
            term: self.term,
            log_index: self.log_index,
            proposed_at: LedgerTime(self.proposed_at_ms),
            actor,
            request,
            command,
        }
    }

    /// Moves the clock on to at least this moment.
    fn advance_to(&mut self, moment_ms: i64) {
        if self.clock_ms < moment_ms {
            self.forgetting_until = self.requests + self.sent.len() as u64 / 2;
            self.clock_ms = moment_ms;
        }
        self.jumped = true;
    }

    /// Moves the clock on to nine o'clock of a day.
    fn advance_to_morning(&mut self, date: Date) {
        self.advance_to(beijing_midnight_ms(date) + 9 * 3_600_000);
    }
}

fn fingerprint(command: &Command) -> [u8; 32] {
    Sha256::digest(format!("{command:?}")).into()
}
