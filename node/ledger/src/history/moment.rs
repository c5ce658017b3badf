//! Positions in the registry's life: by event, by log index, by settlement day
//! and by calendar date, each resolved to the number of an event.

use super::Source;
use super::days::Days;
use crate::calendar::{beijing_day_end, beijing_day_number, beijing_midnight, day_number};
use crate::journal::Event;
use crate::rejection::{Reason, Rejection};
use crate::types::{Date, LedgerTime};

/// A position as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Right after an event; 0 is before the first.
    Event(u64),
    /// Right after an entry of the replicated log.
    LogIndex(u64),
    /// A settlement day: from its opening up to where the next one opens.
    SettlementDay(Date),
    /// A calendar day by ledger time, in Beijing.
    Date(Date),
}

/// How far the registry had come when it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Number of its last event.
    pub event: u64,
    /// Its place in the replicated log.
    pub log_index: u64,
    /// Ledger time.
    pub now: LedgerTime,
}

/// Which end of a day is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Before anything of the day.
    Opening,
    /// After everything of the day, so far.
    Closing,
}

/// Number of the last event that happened by a moment; at most the end's.
/// `field` is named by refusals.
///
/// # Errors
/// `POSITION_AHEAD`, `POSITION_BEFORE_RECORDS`, `UNKNOWN_DAY`, or when something
/// cannot be read.
pub fn through<S: Source>(
    source: &S,
    end: End,
    moment: Moment,
    edge: Edge,
    field: &str,
) -> Result<u64, S::Error> {
    let refuse = |reason, message: String| Err(Rejection::new(reason, field, message).into());
    match moment {
        Moment::Event(event) if event > end.event => {
            refuse(Reason::PositionAhead, format!("event {event}: the last one is {}", end.event))
        }
        Moment::Event(event) => Ok(event),
        Moment::LogIndex(index) if index > end.log_index => refuse(
            Reason::PositionAhead,
            format!("log index {index}: the log is at {} here", end.log_index),
        ),
        Moment::LogIndex(index) => last_where(source, end.event, |event| event.log_index <= index),
        Moment::SettlementDay(date) => settlement_day(source, end, date, edge, field),
        Moment::Date(date) => {
            if day_number(date) > beijing_day_number(end.now) {
                let message = format!("{date} lies after ledger time's date in Beijing");
                return refuse(Reason::PositionAhead, message);
            }
            if end.event > 0 {
                let first = source.event(1)?.ledger_time;
                if day_number(date) < beijing_day_number(first) {
                    let message =
                        format!("{date} lies before the registry's first event, at {} ms", first.0);
                    return refuse(Reason::PositionBeforeRecords, message);
                }
            }
            let until = match edge {
                Edge::Opening => beijing_midnight(date),
                Edge::Closing => beijing_day_end(date),
            };
            last_where(source, end.event, |event| event.ledger_time < until)
        }
    }
}

fn settlement_day<S: Source>(
    source: &S,
    end: End,
    date: Date,
    edge: Edge,
    field: &str,
) -> Result<u64, S::Error> {
    let dates: Vec<_> = source.ledger(|ledger| ledger.days.keys().copied().collect());
    let Ok(at) = dates.binary_search(&date) else {
        let message = format!("{date} is no settlement day of this registry");
        return Err(Rejection::new(Reason::UnknownDay, field, message).into());
    };
    let days = Days::new(source, &dates);
    let stretch = match edge {
        Edge::Opening => Some(at),
        Edge::Closing => days.next(Some(at)),
    };
    match stretch {
        Some(opening) => Ok(days.opening(Some(opening))?.saturating_sub(1).min(end.event)),
        None => Ok(end.event),
    }
}

/// Number of the last event for which something holds that holds up to some
/// event and not after it.
fn last_where<S: Source>(
    source: &S,
    last: u64,
    holds: impl Fn(&Event) -> bool,
) -> Result<u64, S::Error> {
    let (mut known, mut beyond) = (0, last.saturating_add(1));
    while beyond.saturating_sub(known) > 1 {
        let middle = known.midpoint(beyond);
        if holds(&source.event(middle)?) {
            known = middle;
        } else {
            beyond = middle;
        }
    }
    Ok(known)
}
