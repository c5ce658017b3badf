//! Events as they happen, across broken streams: none missed, none twice.
//!
//! Behind every message the stream's place is known; a broken stream is opened
//! anew behind it, at another node. A node that is cut off from the others has
//! nothing to tell and says so with silence only, as a registry does at night:
//! after a while without a message another node is asked.

use std::ops::ControlFlow;

use registry_proto::registry::event_service_client::EventServiceClient;
use registry_proto::registry::pledge_service_client::PledgeServiceClient;
use registry_proto::registry::{
    EventFilter, WatchEventsReply, WatchEventsRequest, WatchPledgesRequest,
};
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::connect::{Connector, Route};
use crate::error::ClientError;
use crate::events::in_order;
use crate::leader::{Attempt, Attempts, Call};

/// What was seen until the watch was ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchReport {
    /// Events handed over.
    pub events: u64,
    /// All events up to here were looked at: watch on behind this number.
    pub through_event: u64,
    /// Times the stream had to be opened anew.
    pub resumptions: u32,
}

enum Ended {
    ByCaller,
    ByStatus(Status),
    /// The node does not open the stream.
    Silent,
    /// The node has had nothing to tell for a while.
    Idle,
    Protocol(String),
}

/// Which stream of events.
#[derive(Clone, Debug)]
pub(crate) enum Watched {
    /// Those of the journal; all without a filter.
    Events(Option<EventFilter>),
    /// Those of the pledges of a bank.
    Pledges(u32),
}

impl Watched {
    async fn open(
        self,
        channel: Channel,
        after_event: u64,
    ) -> Result<Streaming<WatchEventsReply>, Status> {
        let opened = match self {
            Self::Events(filter) => {
                let request = WatchEventsRequest { after_event, filter };
                EventServiceClient::new(channel).watch_events(request).await
            }
            Self::Pledges(pledgee_bank) => {
                let request = WatchPledgesRequest { pledgee_bank, after_event };
                PledgeServiceClient::new(channel).watch_pledges(request).await
            }
        };
        opened.map(tonic::Response::into_inner)
    }
}

pub(crate) async fn watch(
    connector: &Connector,
    after_event: u64,
    watched: Watched,
    mut on_reply: impl FnMut(&WatchEventsReply) -> ControlFlow<()>,
) -> Result<WatchReport, ClientError> {
    let mut report = WatchReport { through_event: after_event, ..WatchReport::default() };
    let mut attempts = Attempts::new(connector, Call::read("watch_events"), Route::Any);
    loop {
        let attempt = attempts.next().await?;
        let watched = watched.clone();
        let stream = run_stream(connector, &attempt, watched, &mut report, |reply| {
            attempts.progressed(None);
            on_reply(reply)
        });
        match Box::pin(stream).await {
            Ended::ByCaller => return Ok(report),
            Ended::Protocol(message) => return Err(ClientError::Protocol(message)),
            Ended::ByStatus(status) => attempts.failed(&attempt, &status)?,
            Ended::Silent => attempts.silent(&attempt),
            Ended::Idle => {
                attempts.progressed(None);
                connector.turn(Route::Any, attempt.node, None);
            }
        }
        report.resumptions += 1;
    }
}

async fn run_stream(
    connector: &Connector,
    attempt: &Attempt,
    watched: Watched,
    report: &mut WatchReport,
    mut on_reply: impl FnMut(&WatchEventsReply) -> ControlFlow<()>,
) -> Ended {
    let stall = connector.stream_stall_timeout();
    let all = matches!(watched, Watched::Events(None));
    let opening = watched.open(attempt.channel.clone(), report.through_event);
    let mut replies = match tokio::time::timeout(stall, Box::pin(opening)).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(status)) => return Ended::ByStatus(status),
        Err(_) => return Ended::Silent,
    };
    loop {
        let reply = match tokio::time::timeout(stall, replies.message()).await {
            Ok(Ok(Some(reply))) => reply,
            Ok(Ok(None)) => {
                return Ended::ByStatus(Status::unavailable("the node ended the stream"));
            }
            Ok(Err(status)) => return Ended::ByStatus(status),
            Err(_) => return Ended::Idle,
        };
        if let Err(message) = report.take(&reply, all) {
            return Ended::Protocol(message);
        }
        if on_reply(&reply).is_break() {
            return Ended::ByCaller;
        }
    }
}

impl WatchReport {
    /// Counts each event once: a message goes on where the last one ended.
    fn take(&mut self, reply: &WatchEventsReply, all: bool) -> Result<(), String> {
        let (after, through) = (self.through_event, reply.through_event);
        in_order(&reply.events, after)?;
        let (count, last) = (reply.events.len() as u64, reply.events.last());
        if through < after || last.is_some_and(|last| last.event > through) {
            return Err(format!("a message through event {through} does not follow {after}"));
        }
        if all && through != after + count {
            return Err(format!("{count} events through {through} do not follow {after}"));
        }
        self.events += count;
        self.through_event = through;
        Ok(())
    }
}
