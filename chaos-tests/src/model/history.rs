//! Balances at every earlier position, statements and trades' lives, read back
//! from the events and compared with what the naive model had then.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use registry_ledger::history::{
    self, AccountBalances, AccountEntry, Edge, End, EntryPlace, Moment, Source,
};
use registry_ledger::journal::{Event, Subject};
use registry_ledger::{AccountId, AccountView, Ledger, Rejection};

use super::compare::{Difference, same};
use super::{Model, Rng, Workload};

/// Events in memory, found as the store finds them.
#[derive(Default)]
struct Events {
    all: Vec<Event>,
    of: BTreeMap<Subject, Vec<u64>>,
}

/// A market that was played, with what the model had after every log entry.
pub struct Played {
    ledger: Ledger,
    events: Events,
    /// Number of the last event, log index, and every account then.
    positions: Vec<(u64, u64, Vec<AccountView>)>,
}

impl Events {
    fn follow(&mut self, ledger: &mut Ledger) {
        for sealed in ledger.take_events() {
            let event = Event::from_bytes(&sealed.bytes).expect("an event that was sealed");
            for subject in sealed.subjects {
                match subject {
                    Subject::Accounts(first, count) => (first.0..first.0 + count)
                        .for_each(|id| self.note(Subject::Account(AccountId(id)), event.ordinal)),
                    one => self.note(one, event.ordinal),
                }
            }
            self.all.push(event);
        }
    }

    fn note(&mut self, subject: Subject, event: u64) {
        self.of.entry(subject).or_default().push(event);
    }
}

impl Source for Played {
    type Error = Rejection;

    fn ledger<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.ledger)
    }

    fn event(&self, ordinal: u64) -> Result<Event, Rejection> {
        let event = ordinal.checked_sub(1).and_then(|at| self.events.all.get(at as usize));
        event.cloned().ok_or_else(|| self.damaged(format!("no event {ordinal}")))
    }

    fn about(&self, subject: Subject, after: u64, limit: usize) -> Result<Vec<u64>, Rejection> {
        let of = self.events.of.get(&subject).into_iter().flatten();
        Ok(of.filter(|event| **event > after).take(limit).copied().collect())
    }

    fn covering(&self, places: Subject) -> Result<Option<u64>, Rejection> {
        let first = match places {
            Subject::PlacesTaken(date, _) => Subject::PlacesTaken(date, 0),
            Subject::PlacesTried(date, _) => Subject::PlacesTried(date, 0),
            other => return Err(self.damaged(format!("{other:?} covers no places"))),
        };
        let range = (Bound::Included(first), Bound::Included(places));
        let last = self.events.of.range(range).next_back();
        Ok(last.and_then(|(_, events)| events.last().copied()))
    }

    fn damaged(&self, what: String) -> Rejection {
        Rejection::new(registry_ledger::Reason::Malformed, "", what)
    }
}

impl Played {
    /// Plays a seed's commands to the model and to the ledger, noting what the
    /// model has after every log entry.
    #[must_use]
    pub fn new(seed: u64, commands: u64) -> Self {
        let (mut model, mut workload) = (Model::new(), Workload::new(seed));
        let mut played =
            Self { ledger: Ledger::new(), events: Events::default(), positions: Vec::new() };
        let mut open = None;
        for _ in 0..commands {
            let entry = workload.next_entry(&model);
            if open.is_some_and(|open| open != entry.log_index) {
                played.end_entry(&model, open.unwrap_or_default());
            }
            open = Some(entry.log_index);
            model.apply(&entry);
            played.ledger.apply(&entry);
        }
        played.end_entry(&model, open.unwrap_or_default());
        played
    }

    fn end_entry(&mut self, model: &Model, log_index: u64) {
        self.ledger.seal();
        self.events.follow(&mut self.ledger);
        let event = self.events.all.len() as u64;
        self.positions.push((event, log_index, model.account_views()));
    }

    fn end(&self) -> End {
        let (event, log_index, _) = self.positions.last().expect("an entry");
        End { event: *event, log_index: *log_index, now: self.ledger.ledger_time() }
    }

    /// Compares the balances as of every log entry with the model's then; of
    /// each entry for the accounts whose turn it is.
    ///
    /// # Errors
    /// The first difference.
    pub fn check_balances(&self, every: usize) -> Result<u64, Difference> {
        let mut compared = 0;
        for (turn, (event, log_index, views)) in self.positions.iter().enumerate() {
            let moment = Moment::LogIndex(*log_index);
            let resolved = history::through(self, self.end(), moment, Edge::Closing, "at");
            same(|| format!("event of log index {log_index}"), &Ok(*event), &resolved)?;
            for view in
                views.iter().filter(|view| (view.id.0 as usize + turn).is_multiple_of(every))
            {
                let found = history::balances_at(self, view.id, *event);
                let what = || format!("account {} after event {event}", view.id.0);
                same(what, &Ok(balances_of(view)), &found)?;
                compared += 1;
            }
        }
        Ok(compared)
    }

    /// Statements between random positions: pages of any size are the same
    /// entries, in order, and add up from the opening to the closing balances.
    ///
    /// # Errors
    /// The first difference.
    pub fn check_statements(&self, rng: &mut Rng, statements: u64) -> Result<u64, Difference> {
        let mut entries = 0;
        for _ in 0..statements {
            let mut ends = [self.any_position(rng), self.any_position(rng)];
            ends.sort_by_key(|(event, ..)| *event);
            let [(from, _, views), (to, ..)] = ends;
            let accounts = views.len() as u64;
            if accounts == 0 {
                continue;
            }
            let account = AccountId(1 + rng.below(accounts) as u32);
            let whole = self.entries(account, *from, *to, usize::MAX)?;
            let pages = self.entries(account, *from, *to, 1 + rng.below(7) as usize)?;
            same(|| format!("pages of {from} to {to} of {account:?}"), &whole, &pages)?;
            let mut sum = history::balances_at(self, account, *from).map_err(broken)?;
            for posting in whole.iter().flat_map(|entry| &entry.postings) {
                sum.add(posting).map_err(broken)?;
            }
            let closing = history::balances_at(self, account, *to).map_err(broken)?;
            same(|| format!("{account:?} from {from} to {to}"), &closing, &sum)?;
            let places: BTreeSet<_> = whole.iter().map(|entry| entry.place).collect();
            let sorted = places.iter().copied().eq(whole.iter().map(|entry| entry.place));
            same(|| format!("order of {account:?} from {from} to {to}"), &true, &sorted)?;
            entries += whole.len() as u64;
        }
        Ok(entries)
    }

    fn any_position(&self, rng: &mut Rng) -> &(u64, u64, Vec<AccountView>) {
        &self.positions[rng.below(self.positions.len() as u64) as usize]
    }

    fn entries(
        &self,
        account: AccountId,
        from: u64,
        to: u64,
        page: usize,
    ) -> Result<Vec<AccountEntry>, Difference> {
        let (mut entries, mut after) = (Vec::new(), EntryPlace::behind(from));
        loop {
            let found = history::entries_after(self, account, after, to, page).map_err(broken)?;
            entries.extend(found.entries);
            if !found.more {
                return Ok(entries);
            }
            after = entries.last().expect("a page with more behind it").place;
        }
    }

    /// Every trade's life ends where the ledger has the trade.
    ///
    /// # Errors
    /// The first difference.
    pub fn check_trades(&self) -> Result<u64, Difference> {
        let mut steps = 0;
        let dates = (20_200_101..20_231_231).filter_map(registry_ledger::Date::from_yyyymmdd);
        for date in dates.filter(|date| self.ledger.day(*date).is_some()) {
            for record in self.ledger.trades_after(date, None, 0, usize::MAX).unwrap_or_default() {
                let number = record.trade.number;
                let life = history::trade_steps(self, date, number).map_err(broken)?;
                let last = life.last().map(|step| step.trade);
                same(|| format!("trade {} of {date}", number.0), &Some(record), &last)?;
                let settling = life.iter().filter(|step| step.trade.status.is_settled()).count();
                let settled = usize::from(record.status.is_settled());
                same(|| format!("settlements of {}", number.0), &settled, &settling)?;
                steps += life.len() as u64;
            }
        }
        Ok(steps)
    }
}

fn broken(rejection: Rejection) -> Difference {
    Difference {
        what: "reading back".to_owned(),
        expected: "no error".to_owned(),
        found: format!("{rejection:?}"),
    }
}

fn balances_of(view: &AccountView) -> AccountBalances {
    AccountBalances {
        holdings: view.holdings.iter().copied().collect(),
        cash: view.cash.iter().copied().collect(),
    }
}
