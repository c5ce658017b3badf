//! A node's events in order, up to a log index, and the trades they name.

use std::collections::{HashMap, VecDeque};

use registry_proto::registry::event::What as WireWhat;
use registry_proto::registry::event_filter::About;
use registry_proto::registry::{
    Event as WireEvent, EventFilter, GetJournalReply, GetJournalRequest, ListEventsRequest,
    ListTradesRequest, TradeStatus,
};

use super::event::{Event, What};
use super::finding::{AuditError, Finding, Wrong};
use super::trade::{TradeLine, TradeRange};
use crate::{ClientError, ReadClient};

const PAGE_SIZE: u32 = 1_000;

/// Reads a node's events page by page.
#[derive(Debug)]
pub(super) struct Feed<'a> {
    reads: &'a ReadClient,
    consistency: i32,
    read_ahead: VecDeque<WireEvent>,
    /// Number of the last event that was read.
    last: u64,
    /// Every event up to this log index was read.
    complete_at: u64,
}

impl<'a> Feed<'a> {
    pub(super) fn new(reads: &'a ReadClient, consistency: i32) -> Self {
        Self { reads, consistency, read_ahead: VecDeque::new(), last: 0, complete_at: 0 }
    }

    /// Size and root of the node's tree.
    pub(super) async fn journal(&self) -> Result<GetJournalReply, ClientError> {
        self.reads.get_journal(GetJournalRequest { consistency: self.consistency }).await
    }

    /// The next event, unless it is of a later log index.
    pub(super) async fn next_through(
        &mut self,
        log_index: u64,
    ) -> Result<Option<WireEvent>, ClientError> {
        while self.read_ahead.is_empty() && self.complete_at < log_index {
            self.read_page(log_index).await?;
        }
        let due = self.read_ahead.front().is_some_and(|event| event.log_index <= log_index);
        Ok(if due { self.read_ahead.pop_front() } else { None })
    }

    /// Whether a trade was amended by an event that was not handed out yet.
    pub(super) async fn amends_through(&mut self, log_index: u64) -> Result<bool, ClientError> {
        while self.complete_at < log_index {
            self.read_page(log_index).await?;
        }
        let amends = |event: &WireEvent| matches!(event.what, Some(WireWhat::TradeAmended(_)));
        Ok(self.read_ahead.iter().any(amends))
    }

    /// Reads on; the end must not be older than an answer of before.
    async fn read_page(&mut self, log_index: u64) -> Result<(), ClientError> {
        let page = self.reads.list_events(self.request(self.last, None)).await?;
        self.last = page.events.last().map_or(self.last, |event| event.event);
        self.read_ahead.extend(page.events);
        if page.next_after_event == 0 {
            self.complete_at = page.stamp.unwrap_or_default().log_index;
            if self.complete_at < log_index {
                let at = self.complete_at;
                let text = format!("events of log index {at} after an answer of {log_index}");
                return Err(ClientError::Protocol(text));
            }
        }
        Ok(())
    }

    /// Trades as they are now.
    pub(super) async fn trades(&self, range: TradeRange) -> Result<Vec<TradeLine>, AuditError> {
        let (mut trades, mut after_sequence) = (Vec::new(), range.first.saturating_sub(1));
        while (trades.len() as u64) < range.count {
            let left = range.count - trades.len() as u64;
            let request = ListTradesRequest {
                date: range.date.to_string(),
                status: TradeStatus::Unspecified.into(),
                after_sequence,
                page_size: u32::try_from(left).unwrap_or(PAGE_SIZE).min(PAGE_SIZE),
                consistency: self.consistency,
            };
            let page = self.reads.list_trades(request).await?;
            if page.trades.is_empty() {
                break;
            }
            for record in page.trades {
                after_sequence += 1;
                let trade = record.trade.unwrap_or_default();
                let line = TradeLine::from_wire(&trade).map_err(ClientError::Protocol)?;
                if record.sequence != after_sequence {
                    let found = record.sequence;
                    let text = format!("trade at place {found} where {after_sequence} was due");
                    return Err(ClientError::Protocol(text).into());
                }
                trades.push(line);
            }
        }
        Ok(trades)
    }

    /// Undoes what amendments after this event did to its trades.
    pub(super) async fn undo_amendments(
        &self,
        event: &Event,
        range: TradeRange,
        trades: &mut [TradeLine],
    ) -> Result<(), AuditError> {
        let mut originals = Originals::default();
        let mut after = event.number;
        loop {
            let about = Some(About::Date(range.date.to_string()));
            let page = self.reads.list_events(self.request(after, about)).await?;
            for wire in page.events {
                let amended = Event::from_bytes(&wire.canonical);
                originals.note(&amended.map_err(|error| unreadable(wire.event, error))?);
            }
            if page.next_after_event <= after {
                break;
            }
            after = page.next_after_event;
        }
        originals.restore(range, trades);
        Ok(())
    }

    fn request(&self, after_event: u64, about: Option<About>) -> ListEventsRequest {
        ListEventsRequest {
            after_event,
            page_size: PAGE_SIZE,
            filter: about.map(|about| EventFilter { about: Some(about) }),
            consistency: self.consistency,
            ..Default::default()
        }
    }
}

fn unreadable(event: u64, error: super::DecodeError) -> Finding {
    Wrong::new("canonical bytes", "an event", error).at(event, "")
}

/// What amended trades were when they were accepted.
#[derive(Debug, Default)]
pub(super) struct Originals {
    first_before: HashMap<(super::Date, u64), TradeLine>,
}

impl Originals {
    pub(super) fn note(&mut self, event: &Event) {
        if let What::TradeAmended { date, before, .. } = &event.what {
            self.first_before.entry((*date, before.number)).or_insert(*before);
        }
    }

    pub(super) fn restore(&self, range: TradeRange, trades: &mut [TradeLine]) {
        for trade in trades {
            if let Some(original) = self.first_before.get(&(range.date, trade.number)) {
                *trade = *original;
            }
        }
    }
}
