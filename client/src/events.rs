//! Events page by page, as an iterator that waits.

use std::collections::VecDeque;

use registry_proto::registry::{Consistency, Event, EventFilter, ListEventsRequest};

use crate::error::ClientError;
use crate::reads::ReadClient;

const PAGE_SIZE: u32 = 1_000;

/// Events one after another, read by pages: [`ReadClient::all_events`].
#[derive(Clone, Debug)]
pub struct EventPages {
    reads: ReadClient,
    filter: Option<EventFilter>,
    consistency: Consistency,
    /// Events up to this number were looked at.
    after_event: u64,
    page: VecDeque<Event>,
    ended: bool,
}

impl EventPages {
    pub(crate) fn new(
        reads: ReadClient,
        after_event: u64,
        filter: Option<EventFilter>,
        consistency: Consistency,
    ) -> Self {
        Self { reads, filter, consistency, after_event, page: VecDeque::new(), ended: false }
    }

    /// The next event; none when there are no more now.
    ///
    /// # Errors
    /// As [`ReadClient::list_events`]; asking again goes on behind the last event.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        while self.page.is_empty() && !self.ended {
            let request = ListEventsRequest {
                after_event: self.after_event,
                page_size: PAGE_SIZE,
                filter: self.filter.clone(),
                consistency: self.consistency.into(),
                ..Default::default()
            };
            let reply = self.reads.list_events(request).await?;
            in_order(&reply.events, self.after_event).map_err(ClientError::Protocol)?;
            self.ended = reply.next_after_event <= self.after_event;
            self.after_event = self.after_event.max(reply.next_after_event);
            self.page = reply.events.into();
        }
        Ok(self.page.pop_front())
    }
}

/// That events are behind a number and ascend from there.
pub(crate) fn in_order(events: &[Event], after_event: u64) -> Result<(), String> {
    let mut last = after_event;
    for event in events {
        if event.event <= last {
            return Err(format!("event {} came behind event {last}", event.event));
        }
        last = event.event;
    }
    Ok(())
}
