//! Settlement days as stretches of the journal: from a day's opening up to the
//! next one's. What is bought in a stretch becomes trading where the next begins.

use std::collections::BTreeMap;

use super::Source;
use crate::journal::{Event, Position, Posting, Subject, What};
use crate::types::{AccountId, Date, InstrumentCode, Quantity, TradeNumber, TradeStatus};
use crate::views::TradeRecord;

/// Numbers of one read of an account's events.
const NUMBERS: usize = 4_096;

/// The days of a ledger; `None` is the stretch before the first one opened.
pub(super) struct Days<'a, S> {
    source: &'a S,
    dates: &'a [Date],
}

impl<'a, S: Source> Days<'a, S> {
    pub(super) fn new(source: &'a S, dates: &'a [Date]) -> Self {
        Self { source, dates }
    }

    pub(super) fn date(&self, at: Option<usize>) -> Option<Date> {
        self.dates.get(at?).copied()
    }

    /// The stretch after one.
    pub(super) fn next(&self, at: Option<usize>) -> Option<usize> {
        let next = at.map_or(0, |at| at.saturating_add(1));
        (next < self.dates.len()).then_some(next)
    }

    /// Number of the event that a stretch begins with; 0 before the first day.
    pub(super) fn opening(&self, at: Option<usize>) -> Result<u64, S::Error> {
        let Some(date) = self.date(at) else { return Ok(0) };
        let first = self.source.about(Subject::Day(date), 0, 1)?;
        first.first().copied().ok_or_else(|| self.source.damaged(format!("no event opened {date}")))
    }

    /// The stretch that an event lies in.
    pub(super) fn last_opened_through(&self, event: u64) -> Result<Option<usize>, S::Error> {
        let (mut known, mut beyond) = (0, self.dates.len());
        while known < beyond {
            let middle = known.midpoint(beyond);
            if self.opening(Some(middle))? <= event {
                known = middle.saturating_add(1);
            } else {
                beyond = middle;
            }
        }
        Ok(known.checked_sub(1))
    }
}

/// Tonnes that wait for the next day to open.
#[derive(Default)]
pub(super) struct Pending(BTreeMap<InstrumentCode, i64>);

impl Pending {
    pub(super) fn add(&mut self, postings: &[Posting]) {
        for posting in postings {
            if let Posting::Goods { instrument, position: Position::PendingIn, quantity, .. } =
                posting
            {
                let sum = self.0.entry(*instrument).or_default();
                // At most what was issued.
                *sum = sum.saturating_add(quantity.0);
            }
        }
    }

    /// What the opening of the next day does.
    pub(super) fn released(&self, account: AccountId) -> Vec<Posting> {
        let mut postings = Vec::new();
        for (instrument, tonnes) in self.0.iter().filter(|(_, tonnes)| **tonnes != 0) {
            let instrument = *instrument;
            let less = Quantity(tonnes.saturating_neg());
            for (position, quantity) in
                [(Position::PendingIn, less), (Position::Trading, Quantity(*tonnes))]
            {
                postings.push(Posting::Goods { account, instrument, position, quantity });
            }
        }
        postings
    }
}

/// Which events settled or tried a day's trades. Trades in order of acceptance
/// share what was read for the one before.
pub(super) struct Settled<'a, S> {
    source: &'a S,
    date: Date,
    taken: Option<Places>,
    tried: Option<Places>,
}

/// An event about consecutive places.
struct Places {
    first: u64,
    count: u64,
    event: u64,
    held: Vec<(u64, TradeStatus)>,
}

impl Places {
    fn new(event: Event) -> Option<Self> {
        let number = event.ordinal;
        let (first, count, held) =
            if let What::TradesDelivered { first_sequence, count, held, .. } = event.what {
                (first_sequence, count, held)
            } else if let What::TradesAccepted { first_sequence, count, .. }
            | What::TradesSettled { first_sequence, count, .. } = event.what
            {
                (first_sequence, count, Vec::new())
            } else {
                return None;
            };
        Some(Self { first, count: count.into(), event: number, held })
    }

    fn has(&self, sequence: u64) -> bool {
        sequence.checked_sub(self.first).is_some_and(|at| at < self.count)
    }
}

/// What became of a trade when it was tried for the first time.
#[derive(Clone, Copy)]
pub(super) struct Tried {
    pub(super) event: u64,
    pub(super) status: TradeStatus,
}

impl<'a, S: Source> Settled<'a, S> {
    pub(super) fn new(source: &'a S, date: Date) -> Self {
        Self { source, date, taken: None, tried: None }
    }

    /// The event that a trade was accepted by, which settled it if it is immediate.
    pub(super) fn taken(&mut self, sequence: u64) -> Result<Option<u64>, S::Error> {
        let places = Subject::PlacesTaken(self.date, sequence);
        Self::look(self.source, &mut self.taken, places, sequence)?;
        Ok(self.taken.as_ref().map(|places| places.event))
    }

    /// What became of a trade when its turn came; none while it has not.
    pub(super) fn tried(&mut self, sequence: u64) -> Result<Option<Tried>, S::Error> {
        let places = Subject::PlacesTried(self.date, sequence);
        Self::look(self.source, &mut self.tried, places, sequence)?;
        Ok(self.tried.as_ref().map(|places| {
            let held = places.held.binary_search_by_key(&sequence, |(of, _)| *of);
            let held = held.ok().and_then(|at| places.held.get(at));
            let status = held.map_or(TradeStatus::Delivered, |(_, status)| *status);
            Tried { event: places.event, status }
        }))
    }

    fn look(
        source: &S,
        known: &mut Option<Places>,
        subject: Subject,
        sequence: u64,
    ) -> Result<(), S::Error> {
        if known.as_ref().is_some_and(|places| places.has(sequence)) {
            return Ok(());
        }
        *known = match source.covering(subject)? {
            None => None,
            Some(number) => Places::new(source.event(number)?),
        };
        *known = known.take().filter(|places| places.has(sequence));
        Ok(())
    }

    /// The event that settled a trade which is settled.
    pub(super) fn by(&mut self, record: &TradeRecord) -> Result<u64, S::Error> {
        let TradeRecord { sequence, trade, .. } = record;
        let found = if record.immediate {
            self.taken(*sequence)?
        } else {
            match self.tried(*sequence)? {
                Some(tried) if tried.status.is_settled() => Some(tried.event),
                Some(tried) => self.later(trade.number, tried.event)?,
                None => None,
            }
        };
        found.ok_or_else(|| {
            let Self { source, date, .. } = self;
            source.damaged(format!("no event settled trade {} of {date}", trade.number.0))
        })
    }

    /// The event that settled a trade that was held.
    fn later(&self, number: TradeNumber, after: u64) -> Result<Option<u64>, S::Error> {
        for event in every(self.source, Subject::Trade(self.date, number), after, u64::MAX)? {
            let what = self.source.event(event)?.what;
            let settled = if let What::HeldTradesTried { results, .. } = what {
                results.iter().any(|(of, status)| *of == number && status.is_settled())
            } else {
                matches!(what, What::ReserveUsed { .. })
            };
            if settled {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

/// Numbers of all events about a subject after one and through another.
pub(super) fn every<S: Source>(
    source: &S,
    subject: Subject,
    after: u64,
    through: u64,
) -> Result<Vec<u64>, S::Error> {
    let (mut numbers, mut after) = (Vec::new(), after);
    while after < through {
        let found = source.about(subject, after, NUMBERS)?;
        numbers.extend(found.iter().filter(|number| **number <= through));
        match found.last() {
            Some(last) if found.len() == NUMBERS => after = *last,
            Some(_) | None => break,
        }
    }
    Ok(numbers)
}
