//! An account's entries over a period: everything about it that happened, with
//! its own postings, in pages that do not move while more happens.

use super::Source;
use super::balances::Present;
use super::days::{Days, Pending, Settled, every};
use super::legs::{legs, own};
use crate::journal::{Event, Posting, Subject, What};
use crate::types::{AccountId, Date, LedgerTime, Trade, TradeNumber, TradeStatus};
use crate::views::TradeRecord;

/// A place among an account's entries: an event, and within it a trade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryPlace {
    /// The event's number.
    pub event: u64,
    /// Place of the trade in its day; 0 when the entry is about no trade.
    pub sequence: u64,
}

impl EntryPlace {
    /// Behind everything of an event.
    #[must_use]
    pub fn behind(event: u64) -> Self {
        Self { event, sequence: u64::MAX }
    }
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// What happened; no trade.
    Event(What),
    /// One trade, as the event left it.
    Trade(Date, TradeRecord),
    /// A trade was replaced or taken out; as it was and as it is, where the
    /// account has a part in it.
    Amended {
        /// Which day.
        date: Date,
        /// As it was.
        before: Option<Trade>,
        /// As it is.
        after: Option<Trade>,
        /// Why.
        reason: String,
    },
    /// A day opened: what was bought before became trading.
    Released(Date),
}

/// One entry of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEntry {
    /// Where it stands.
    pub place: EntryPlace,
    /// Position of its event in the replicated log.
    pub log_index: u64,
    /// Ledger time of its event.
    pub ledger_time: LedgerTime,
    /// Who asked for it.
    pub actor: String,
    /// What it is about.
    pub about: About,
    /// The account's own postings; none when nothing moved.
    pub postings: Vec<Posting>,
}

/// Some entries in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryPage {
    /// In order of place.
    pub entries: Vec<AccountEntry>,
    /// Whether there are more behind the last of them.
    pub more: bool,
}

/// Where an entry stands, before what it says is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    place: EntryPlace,
    of: Of,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    /// Everything of the account in the event.
    Event,
    /// The trade at the place, with the status that the event gave it.
    Trade(TradeStatus),
    Opening,
}

/// An account's entries after a place and through an event, `limit` of them at most.
///
/// # Errors
/// When there is no such account or something cannot be read.
pub fn entries_after<S: Source>(
    source: &S,
    account: AccountId,
    after: EntryPlace,
    through: u64,
    limit: usize,
) -> Result<EntryPage, S::Error> {
    let present = Present::read(source, account)?;
    let through = through.min(present.last_event);
    let days = Days::new(source, &present.dates);
    let walk = Walk { source, account, present: &present, days: &days, through };
    let mut page = EntryPage::default();
    let mut at = days.last_opened_through(after.event)?;
    loop {
        let begin = days.opening(at)?;
        if begin > through {
            return Ok(page);
        }
        let next = days.next(at);
        let end = match next {
            Some(next) => days.opening(Some(next))?.saturating_sub(1).min(through),
            None => through,
        };
        for entry in walk.stretch(at, begin, end, after)? {
            if page.entries.len() >= limit {
                page.more = true;
                return Ok(page);
            }
            page.entries.push(entry?);
        }
        let Some(next) = next else { return Ok(page) };
        at = Some(next);
    }
}

struct Walk<'a, S> {
    source: &'a S,
    account: AccountId,
    present: &'a Present,
    days: &'a Days<'a, S>,
    through: u64,
}

impl<'a, S: Source> Walk<'a, S> {
    /// The entries of a stretch behind a place, each read when it is asked for.
    fn stretch(
        &self,
        at: Option<usize>,
        begin: u64,
        end: u64,
        after: EntryPlace,
    ) -> Result<impl Iterator<Item = Result<AccountEntry, S::Error>> + use<'_, 'a, S>, S::Error>
    {
        let mut found = Vec::new();
        // An event with many trades may have been left in its middle.
        let from = begin.max(after.event.saturating_sub(1));
        for subject in [Subject::Account(self.account), Subject::TradesOf(self.account)] {
            for event in every(self.source, subject, from, end)? {
                found.push(Found { place: EntryPlace { event, sequence: 0 }, of: Of::Event });
            }
        }
        let trades = match self.days.date(at) {
            Some(date) => self.present.trades(self.source, self.account, date),
            None => Vec::new(),
        };
        if let Some(date) = self.days.date(at) {
            let place = EntryPlace { event: begin, sequence: 0 };
            found.push(Found { place, of: Of::Opening });
            let mut settled = Settled::new(self.source, date);
            for record in &trades {
                found.extend(first_result(&mut settled, record)?);
            }
        }
        found.sort_unstable();
        found.dedup();
        let upto = self.through.min(end);
        let first = after.event;
        found.retain(|found| (first..=upto).contains(&found.place.event));
        let mut latest: Option<Event> = None;
        let entries = found.into_iter().flat_map(move |found| {
            match self.read(&mut latest, at, &found, &trades) {
                Ok(entries) => entries.into_iter().map(Ok).collect::<Vec<_>>(),
                Err(error) => vec![Err(error)],
            }
        });
        let behind = move |entry: &Result<AccountEntry, S::Error>| {
            entry.as_ref().map_or(true, |entry| entry.place > after)
        };
        Ok(entries.filter(behind))
    }

    fn read(
        &self,
        latest: &mut Option<Event>,
        at: Option<usize>,
        found: &Found,
        trades: &[TradeRecord],
    ) -> Result<Vec<AccountEntry>, S::Error> {
        let event = match latest.take().filter(|event| event.ordinal == found.place.event) {
            Some(event) => event,
            None => self.source.event(found.place.event)?,
        };
        let Event { log_index, ledger_time, .. } = event;
        let actor = event.actor.clone();
        let entry = |sequence, about, postings| AccountEntry {
            place: EntryPlace { event: found.place.event, sequence },
            log_index,
            ledger_time,
            actor: actor.clone(),
            about,
            postings,
        };
        let date = self.days.date(at);
        let entries = match found.of {
            Of::Opening => {
                let released = self.released(at)?;
                let date = date.filter(|_| !released.is_empty());
                date.map(|date| entry(0, About::Released(date), released)).into_iter().collect()
            }
            Of::Trade(status) => {
                let sequence = found.place.sequence;
                let record = trades.binary_search_by_key(&sequence, |record| record.sequence);
                let record = record.ok().and_then(|at| trades.get(at));
                let read = record.zip(date).map(|(record, date)| {
                    let (about, postings) = self.left(date, record, status);
                    entry(sequence, about, postings)
                });
                read.into_iter().collect()
            }
            Of::Event => self
                .about(&event)
                .into_iter()
                .map(|(sequence, about, postings)| entry(sequence, about, postings))
                .collect(),
        };
        *latest = Some(event);
        Ok(entries)
    }

    /// What an event that names the account says about it.
    fn about(&self, event: &Event) -> Vec<(u64, About, Vec<Posting>)> {
        let (account, what) = (self.account, &event.what);
        let moved = own(event.postings.clone(), account);
        if let What::HeldTradesTried { date, results } = what {
            let tried = results.iter().filter_map(|(number, status)| {
                let record = self.own_trade(*date, *number)?;
                let (about, postings) = self.left(*date, &record, *status);
                Some((record.sequence, about, postings))
            });
            let mut tried: Vec<_> = tried.collect();
            tried.sort_unstable_by_key(|(sequence, ..)| *sequence);
            return tried;
        }
        if let What::ReserveUsed { date, trade, .. } = what {
            let Some(record) = self.own_trade(*date, *trade) else { return Vec::new() };
            let (about, postings) = self.left(*date, &record, TradeStatus::Covered);
            return vec![(record.sequence, about, [moved, postings].concat())];
        }
        let about = if let What::TradeAmended { date, before, after, reason } = what {
            let part = |trade: &Trade| trade.buyer == account || trade.seller == account;
            About::Amended {
                date: *date,
                before: Some(*before).filter(part),
                after: after.filter(part),
                reason: reason.clone(),
            }
        } else {
            About::Event(what.clone())
        };
        vec![(0, about, moved)]
    }

    /// A trade as an event left it, and what that moved.
    fn left(&self, date: Date, record: &TradeRecord, status: TradeStatus) -> (About, Vec<Posting>) {
        let moved = status.is_settled();
        let postings = if moved { legs(&record.trade, self.account) } else { Vec::new() };
        (About::Trade(date, TradeRecord { status, ..*record }), postings)
    }

    fn own_trade(&self, date: Date, number: TradeNumber) -> Option<TradeRecord> {
        let record = self.source.ledger(|ledger| ledger.trade(date, number))?;
        let parties = [record.trade.buyer, record.trade.seller];
        parties.contains(&self.account).then_some(record)
    }

    /// What became trading when this stretch began.
    fn released(&self, at: Option<usize>) -> Result<Vec<Posting>, S::Error> {
        let before = at.and_then(|at| at.checked_sub(1));
        let (begin, end) = (self.days.opening(before)?, self.days.opening(at)?.saturating_sub(1));
        let mut pending = Pending::default();
        for event in every(self.source, Subject::Account(self.account), begin, end)? {
            pending.add(&own(self.source.event(event)?.postings, self.account));
        }
        if let Some(date) = self.days.date(before) {
            let trades = self.present.trades(self.source, self.account, date);
            for record in trades.iter().filter(|record| record.status.is_settled()) {
                pending.add(&legs(&record.trade, self.account));
            }
        }
        Ok(pending.released(self.account))
    }
}

/// Where a trade was delivered or held for the first time.
fn first_result<S: Source>(
    settled: &mut Settled<'_, S>,
    record: &TradeRecord,
) -> Result<Option<Found>, S::Error> {
    let sequence = record.sequence;
    let (event, status) = if record.immediate {
        match settled.taken(sequence)? {
            Some(event) => (event, TradeStatus::Delivered),
            None => return Ok(None),
        }
    } else {
        match settled.tried(sequence)? {
            Some(tried) => (tried.event, tried.status),
            None => return Ok(None),
        }
    };
    Ok(Some(Found { place: EntryPlace { event, sequence }, of: Of::Trade(status) }))
}
