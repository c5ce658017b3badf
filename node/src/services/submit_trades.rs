//! The exchange's stream of chunks: several in the log at once, answers in
//! order, and no reading beyond a bound, so that the sender is slowed down
//! instead of the node filling up.

use std::pin::Pin;

use futures::stream::FuturesOrdered;
use futures::{Stream, StreamExt as _};
use prost::Message as _;
use registry_ledger::{Date, Receipt};
use registry_proto::registry::{Stamp, SubmitTradesReply, SubmitTradesRequest};
use registry_proto::storage::log_command::Command;
use tonic::{Status, Streaming};

use crate::decode::ChunkHead;
use crate::security::Caller;
use crate::services::gateway::{Gateway, unexpected};

/// Chunks proposed and not yet answered, per stream.
const CHUNKS_IN_FLIGHT: usize = 16;

type Answer = Pin<Box<dyn Future<Output = Result<(Stamp, Receipt), Status>> + Send>>;

struct Submission {
    gateway: Gateway,
    caller: Caller,
    requests: Streaming<SubmitTradesRequest>,
    in_flight: FuturesOrdered<Answer>,
    /// The chunk in flight was taken before, perhaps with other content.
    repeating: bool,
    /// Why nothing more is read, to be told after the answers in flight.
    stopped: Option<Result<(), Status>>,
}

/// One answer per chunk in the order of the chunks. The first failure ends the
/// stream; chunks behind it that are in the log already are refused there,
/// because chunks have no gaps.
pub(super) fn answers(
    gateway: Gateway,
    caller: Caller,
    requests: Streaming<SubmitTradesRequest>,
) -> impl Stream<Item = Result<SubmitTradesReply, Status>> + Send {
    let in_flight = FuturesOrdered::new();
    let submission =
        Submission { gateway, caller, requests, in_flight, repeating: false, stopped: None };
    futures::stream::unfold(Some(submission), |submission| async move {
        let mut submission = submission?;
        match submission.next_answer().await? {
            Ok(reply) => Some((Ok(reply), Some(submission))),
            Err(status) => Some((Err(status), None)),
        }
    })
}

impl Submission {
    async fn next_answer(&mut self) -> Option<Result<SubmitTradesReply, Status>> {
        loop {
            let bound = if self.repeating { 1 } else { CHUNKS_IN_FLIGHT };
            let reading = self.stopped.is_none() && self.in_flight.len() < bound;
            tokio::select! {
                // Answers first: they make room for the next chunk.
                biased;
                Some(answer) = self.in_flight.next() => return Some(answer.and_then(reply)),
                request = self.requests.next(), if reading => self.take(request).await,
                // Nothing in flight and nothing more to read.
                else => return self.stopped.take().and_then(Result::err).map(Err),
            }
        }
    }

    /// Proposes the next chunk, or notes why there is none.
    async fn take(&mut self, request: Option<Result<SubmitTradesRequest, Status>>) {
        let request = match request {
            Some(Ok(request)) => request,
            Some(Err(status)) => return self.stopped = Some(Err(status)),
            None => return self.stopped = Some(Ok(())),
        };
        self.repeating = repeats(&self.gateway, &request.chunk).await;
        match self.gateway.propose(&self.caller, Command::SubmitTrades(request)) {
            Ok(answer) => self.in_flight.push_back(Box::pin(answer)),
            Err(status) => self.stopped = Some(Err(status)),
        }
    }
}

/// Whether the day has a chunk of this number. Its answer is awaited before
/// the next is read: when the content differs from what was taken then, no
/// chunk of the new content may follow the old.
async fn repeats(gateway: &Gateway, chunk: &[u8]) -> bool {
    let Ok(head) = ChunkHead::decode(chunk) else { return false };
    let view = gateway.replica.ledger().read().await;
    let day = Date::parse(&head.date).and_then(|date| view.ledger.day(date));
    day.is_some_and(|day| head.chunk_number <= day.chunk_count)
}

fn reply((stamp, receipt): (Stamp, Receipt)) -> Result<SubmitTradesReply, Status> {
    match receipt {
        Receipt::Chunk { number, trades_accepted } => {
            Ok(SubmitTradesReply { stamp: Some(stamp), chunk_number: number, trades_accepted })
        }
        other => Err(unexpected(&other)),
    }
}
