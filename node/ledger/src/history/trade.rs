//! One trade's life: taken, amended, delivered or held, tried again, ended.

use super::Source;
use super::days::{Settled, every};
use crate::journal::{Event, Subject, What};
use crate::rejection::{Reason, Rejection};
use crate::types::{Date, LedgerTime, Trade, TradeNumber, TradeStatus};
use crate::views::TradeRecord;

/// Where a trade stood after an event about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeStep {
    /// The event's number.
    pub event: u64,
    /// Its position in the replicated log.
    pub log_index: u64,
    /// Its ledger time.
    pub ledger_time: LedgerTime,
    /// Who asked for it.
    pub actor: String,
    /// The trade as it was then.
    pub trade: TradeRecord,
}

/// Numbers of the events about a trade, oldest first. It is settled by one of
/// them at most.
///
/// # Errors
/// `UNKNOWN_DAY`, `UNKNOWN_TRADE`, or when something cannot be read.
pub fn trade_events<S: Source>(
    source: &S,
    date: Date,
    number: TradeNumber,
) -> Result<Vec<u64>, S::Error> {
    let record = known(source, date, number)?;
    let mut settled = Settled::new(source, date);
    let mut events = every(source, Subject::Trade(date, number), 0, u64::MAX)?;
    events.extend(settled.taken(record.sequence)?);
    if !record.immediate && record.status != TradeStatus::Voided {
        events.extend(settled.tried(record.sequence)?.map(|tried| tried.event));
    }
    events.sort_unstable();
    events.dedup();
    Ok(events)
}

/// A trade after each event about it, oldest first.
///
/// # Errors
/// As [`trade_events`].
pub fn trade_steps<S: Source>(
    source: &S,
    date: Date,
    number: TradeNumber,
) -> Result<Vec<TradeStep>, S::Error> {
    let record = known(source, date, number)?;
    let numbers = trade_events(source, date, number)?;
    let events = numbers.iter().map(|event| source.event(*event));
    let events = events.collect::<Result<Vec<_>, _>>()?;
    // As it was when it was taken.
    let mut trade = events.iter().find_map(before).unwrap_or(record.trade);
    let mut steps = Vec::with_capacity(events.len());
    for event in events {
        let mut status = TradeStatus::Accepted;
        if let What::TradesSettled { .. } = event.what {
            status = TradeStatus::Delivered;
        } else if let What::TradeAmended { after, .. } = &event.what {
            trade = after.unwrap_or(trade);
            status = after.map_or(TradeStatus::Voided, |_| TradeStatus::Accepted);
        } else if let What::TradesDelivered { held, .. } = &event.what {
            let held = held.iter().find(|(sequence, _)| *sequence == record.sequence);
            status = held.map_or(TradeStatus::Delivered, |(_, status)| *status);
        } else if let What::HeldTradesTried { results, .. } = &event.what {
            let result = results.iter().find(|(of, _)| *of == number);
            status = result.map_or(record.status, |(_, status)| *status);
        } else if let What::ReserveUsed { .. } = event.what {
            status = TradeStatus::Covered;
        }
        let Event { ordinal, log_index, ledger_time, actor, .. } = event;
        let trade = TradeRecord { trade, status, ..record };
        steps.push(TradeStep { event: ordinal, log_index, ledger_time, actor, trade });
    }
    Ok(steps)
}

fn before(event: &Event) -> Option<Trade> {
    if let What::TradeAmended { before, .. } = &event.what { Some(*before) } else { None }
}

fn known<S: Source>(source: &S, date: Date, number: TradeNumber) -> Result<TradeRecord, S::Error> {
    let found = source.ledger(|ledger| {
        ledger.known_day(date)?;
        ledger.trade(date, number).ok_or_else(|| {
            let message = format!("trade {} is not of {date}", number.0);
            Rejection::new(Reason::UnknownTrade, "trade_number", message)
        })
    });
    found.map_err(Into::into)
}
