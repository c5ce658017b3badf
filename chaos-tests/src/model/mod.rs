//! A second, deliberately naive ledger, written from the market's rules alone.
//!
//! It shares only the command and answer types with `registry-ledger`. Nothing
//! is kept that can be added up again: balances are the sum of their postings,
//! a day's figures the sum of its trades, each time they are asked for. What
//! the fast ledger keeps incrementally is so compared with what it must be.
//!
//! [`Model::apply`] foretells the whole [`Answer`] but for the sentence of a
//! rejection; [`Workload`] makes commands; [`Run`] plays them to both.

mod calendar;
mod cash;
mod compare;
mod compliance;
mod control;
mod day;
mod delivery;
mod disposal;
mod encumbered;
mod freezes;
mod history;
mod inclusive;
mod officers;
mod planted;
mod pledge_steps;
mod pledges;
mod positions;
mod registration;
mod repo;
mod rng;
mod run;
mod stream;
mod views;
mod workload;

use std::collections::BTreeMap;

use registry_ledger::{
    AccountKind, Answer, BankId, ClusterCommand, Command, Date, DayState, Entry, Fen,
    InstrumentCode, LedgerTime, Price, Reason, Receipt, Rejection, Repo,
};

use cash::CashBook;
use compliance::ComplianceBook;
use control::Waiting;
use day::Day;
use freezes::Order;
use inclusive::PersonsBook;
use pledges::PledgeBook;
use positions::Positions;

pub use compare::{Difference, compare_state, without_sentence};
pub use history::Played;
pub use planted::Planted;
pub use rng::Rng;
pub use run::{Failure, Run, Seen};
pub use workload::{Workload, hostile_command};

/// Thirty days: how long an answer is remembered. The ledger forgets a few of
/// them with every entry, so that older ones live on for a while.
const RETENTION_MS: i64 = 30 * calendar::DAY_MS;

/// A refusal: the reason and the field at fault.
type Refused = (Reason, String);
/// What a rule says of a command.
type Outcome = Result<Receipt, Refused>;

fn refuse<T>(reason: Reason, field: impl Into<String>) -> Result<T, Refused> {
    Err((reason, field.into()))
}

/// The expected ledger.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// A rule broken on purpose, to show that a difference is noticed.
    planted: Option<Planted>,
    now: LedgerTime,
    bootstrapped: bool,
    /// Versions of the rules that came after the first.
    later_rules: u32,
    answers: BTreeMap<(String, String), ([u8; 32], Answer)>,
    accounts: Vec<Account>,
    banks: BTreeMap<BankId, Bank>,
    /// Reference price of each instrument.
    instruments: BTreeMap<InstrumentCode, Price>,
    holidays: Vec<Date>,
    /// Every issuance: instrument and tonnes.
    issues: Vec<(InstrumentCode, i128)>,
    positions: Positions,
    days: BTreeMap<Date, Day>,
    proposals_made: u64,
    waiting: Vec<Waiting>,
    cash: CashBook,
    compliance: ComplianceBook,
    pledges: PledgeBook,
    /// Every order of a court, lifted or not.
    orders: Vec<Order>,
    /// Of the entry being applied.
    log_index: u64,
    persons: PersonsBook,
    /// A repo's number is its place, from 1.
    repos: Vec<Repo>,
}

/// An account without its positions; its number is its place, from 1.
#[derive(Clone, Debug)]
struct Account {
    uscc: String,
    name: String,
    kind: AccountKind,
}

/// A settlement bank: what flowed into it.
#[derive(Clone, Debug)]
struct Bank {
    name: String,
    deposits: Vec<Fen>,
    /// Net received from other banks, one number for each cross-bank leg.
    interbank: Vec<i128>,
}

impl Model {
    /// Before genesis.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A model that breaks one rule.
    #[must_use]
    pub fn with_planted(planted: Planted) -> Self {
        Self { planted: Some(planted), ..Self::default() }
    }

    /// What the ledger has to answer. The message of a rejection stays empty.
    pub fn apply(&mut self, entry: &Entry) -> Answer {
        self.now = self.now.max(entry.proposed_at);
        self.log_index = entry.log_index;
        let Some(request) = &entry.request else {
            let outcome = self.decide(&entry.actor, &entry.command);
            return self.answer(entry, outcome);
        };
        if let Err(no_id) = check_request_id(&request.id) {
            return self.answer(entry, Err(no_id));
        }
        let key = (entry.actor.clone(), request.id.clone());
        if let Some((fingerprint, first)) = self.answers.get(&key)
            && self.now.0 - first.ledger_time.0 < RETENTION_MS
        {
            if *fingerprint == request.fingerprint {
                return first.clone();
            }
            return self.answer(entry, refuse(Reason::RequestIdReused, "request_id"));
        }
        let outcome = self.decide(&entry.actor, &entry.command);
        let answer = self.answer(entry, outcome);
        if self.bootstrapped
            && (answer.outcome.is_ok() || !self.plants(Planted::RejectionsForgotten))
        {
            self.answers.insert(key, (request.fingerprint, answer.clone()));
        }
        answer
    }

    fn answer(&self, entry: &Entry, outcome: Outcome) -> Answer {
        Answer {
            term: entry.term,
            log_index: entry.log_index,
            ledger_time: self.now,
            outcome: outcome.map_err(|(reason, field)| Rejection::new(reason, field, "")),
        }
    }

    fn decide(&mut self, actor: &str, command: &Command) -> Outcome {
        if let Command::Genesis(_) = command {
            if self.bootstrapped {
                return refuse(Reason::AlreadyBootstrapped, "");
            }
            self.bootstrapped = true;
            return Ok(Receipt::Done);
        }
        if !self.bootstrapped {
            return refuse(Reason::NotBootstrapped, "");
        }
        match command {
            // The cluster is no part of the market: the ledger's own tests have its rules.
            Command::Cluster(ClusterCommand::ActivateRules { rules_version, document }) => {
                self.activate_rules(*rules_version, document)
            }
            Command::Genesis(_) | Command::Cluster(_) => Ok(Receipt::Done),
            Command::OpenAccount { uscc, name, kind } => self.open_account(uscc, name, *kind),
            Command::LoadAccounts { books, document } => self.load_accounts(books, document),
            Command::MoveHolding { account, instrument, from, quantity } => {
                self.move_holding(*account, *instrument, *from, *quantity)
            }
            Command::OpenBank { bank, name } => self.open_bank(*bank, name),
            Command::Deposit { account, bank, amount } => self.deposit(*account, *bank, *amount),
            Command::RegisterInstrument { instrument, reference_price } => {
                self.register_instrument(*instrument, *reference_price)
            }
            Command::Issue { account, instrument, quantity, document } => {
                self.issue(*account, *instrument, *quantity, document)
            }
            Command::SetHolidays(dates) => self.set_holidays(dates),
            Command::OpenDay { date, topup_window_ms } => self.open_day(*date, *topup_window_ms),
            Command::SubmitTrades(chunk) => self.submit_trades(chunk),
            Command::SubmitManifest { date, manifest } => self.submit_manifest(*date, manifest),
            Command::ClearDay(date) => self.clear_day(*date),
            Command::ConfirmClearing { date, clearing_sha256 } => {
                self.confirm_clearing(*date, *clearing_sha256)
            }
            Command::AmendTrade { date, number, replacement, reason } => {
                self.amend_trade(*date, *number, replacement.as_ref(), reason)
            }
            Command::DeliverTrades { date, from_sequence, max_trades } => {
                self.deliver_trades(*date, *from_sequence, *max_trades)
            }
            Command::RetryHeld { date, numbers } => self.retry_held(*date, numbers),
            Command::FailHeld { date, numbers } => self.fail_held(*date, numbers),
            Command::IssueStatements(date) => self.issue_statements(*date),
            Command::RaiseObjection { date, account, text } => {
                self.raise_objection(*date, *account, text)
            }
            Command::ResolveObjection { date, account, resolution } => {
                self.resolve_objection(*date, *account, resolution)
            }
            Command::FinalizeDay(date) => self.finalize_day(*date),
            Command::SuspendDay(date) => self.suspend_day(*date),
            Command::ResumeDay(date) => self.resume_day(*date),
            Command::SettleTrade { date, trade } => self.settle_trade(*date, trade),
            Command::Propose { content, time_to_live_ms } => {
                self.propose(actor, content, *time_to_live_ms)
            }
            Command::Approve(approval) => self.approve(actor, approval),
            Command::Decline { proposal, reason } => self.decline(actor, *proposal, reason),
            Command::WithdrawProposal(proposal) => self.withdraw(actor, *proposal),
            Command::ExpireDue => self.expire_due(),
            Command::RequestWithdrawal { account, bank, amount } => {
                self.request_withdrawal(*account, *bank, *amount)
            }
            Command::ConfirmWithdrawal { bank, withdrawal } => {
                self.confirm_withdrawal(*bank, *withdrawal)
            }
            Command::RejectWithdrawal { bank, withdrawal, reason } => {
                self.reject_withdrawal(*bank, *withdrawal, reason)
            }
            Command::ChargeFee { account, bank, amount, document } => {
                self.charge_fee(*account, *bank, *amount, document)
            }
            Command::DepositToSuspense { bank, amount, reference } => {
                self.deposit_to_suspense(*bank, *amount, reference)
            }
            Command::AllocateSuspense { bank, account, amount, document } => {
                self.allocate_suspense(*bank, *account, *amount, document)
            }
            Command::ReturnSuspense { bank, amount, document } => {
                self.return_suspense(*bank, *amount, document)
            }
            Command::FundReserve { bank, amount, document } => {
                self.fund_reserve(*bank, *amount, document)
            }
            Command::UseReserve { date, number, document } => {
                self.use_reserve(*date, *number, document)
            }
            Command::RepayReserve { account, bank, amount } => {
                self.repay_reserve(*account, *bank, *amount)
            }
            Command::ReportBalance { bank, as_of, balance } => {
                self.report_balance(*bank, *as_of, *balance)
            }
            Command::Compliance(command) => self.comply(command),
            Command::Pledge(command) => self.decide_pledge(actor, command),
            Command::Freeze(command) => self.decide_freeze(command),
            Command::SetUsableUntil { instrument, usable_until } => {
                self.set_usable_until(*instrument, *usable_until)
            }
            Command::Inclusive(command) => self.inclusive(command),
            Command::Repo(command) => self.repo(command),
        }
    }

    fn activate_rules(&mut self, version: u32, document: &str) -> Outcome {
        check_text(document, 200, "document")?;
        if version != self.later_rules + 2 {
            return refuse(Reason::RulesVersion, "rules_version");
        }
        self.later_rules += 1;
        Ok(Receipt::Done)
    }

    fn plants(&self, planted: Planted) -> bool {
        self.planted == Some(planted)
    }

    /// The day a command names, unless it is unknown or suspended.
    fn live_day(&self, date: Date, field: &str) -> Result<&Day, Refused> {
        match self.days.get(&date) {
            None => refuse(Reason::UnknownDay, field),
            Some(day) if day.state == DayState::Suspended => refuse(Reason::DayState, field),
            Some(day) => Ok(day),
        }
    }

    /// The same, in one of the states the command is for.
    fn day_in(&self, date: Date, states: &[DayState]) -> Result<&Day, Refused> {
        let day = self.live_day(date, "date")?;
        if states.contains(&day.state) { Ok(day) } else { refuse(Reason::DayState, "date") }
    }

    /// To change a day that was just looked up.
    fn day_mut(&mut self, date: Date) -> &mut Day {
        self.days.get_mut(&date).expect("the day was checked to exist")
    }

    fn day_receipt(&self, date: Date) -> Outcome {
        Ok(Receipt::Day(self.days[&date].summary()))
    }
}

fn check_request_id(id: &str) -> Result<(), Refused> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    if id.is_empty() {
        refuse(Reason::FieldMissing, "request_id")
    } else if id.len() > 64 {
        refuse(Reason::TooLong, "request_id")
    } else if !id.chars().all(allowed) {
        refuse(Reason::BadCharacter, "request_id")
    } else {
        Ok(())
    }
}

/// The rule of every text a person writes.
const UNSEEN: [std::ops::RangeInclusive<char>; 9] = [
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{e0000}'..='\u{e0fff}',
];

fn check_text(text: &str, max_bytes: usize, field: &str) -> Result<(), Refused> {
    if text.trim().is_empty() {
        refuse(Reason::FieldMissing, field)
    } else if text.len() > max_bytes {
        refuse(Reason::TooLong, field)
    } else if text.chars().any(|c| c.is_control() || UNSEEN.iter().any(|r| r.contains(&c))) {
        refuse(Reason::BadCharacter, field)
    } else {
        Ok(())
    }
}

/// A letter may have lines and tabs.
fn check_letter(text: &str, field: &str) -> Result<(), Refused> {
    check_text(&text.replace(['\n', '\t'], " "), 1_000, field)
}
