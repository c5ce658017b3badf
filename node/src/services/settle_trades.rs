//! Single trades over one stream: a caller with many of them pays for one
//! call, not for thousands. Each trade is a request of its own, with its own
//! answer, as if it had come by `SettleTrade`.

use std::future::{Future, ready};
use std::pin::Pin;

use futures::future::Either;
use futures::stream::FuturesOrdered;
use futures::{Stream, StreamExt as _};
use registry_ledger::Receipt;
use registry_proto::registry::Stamp;
use registry_proto::registry::settle_trades_reply::Outcome;
use registry_proto::registry::{SettleTradeReply, SettleTradeRequest, SettleTradesReply};
use registry_proto::storage::log_command::Command;
use tokio::sync::watch;
use tonic::{Status, Streaming};

use crate::decode::fields::REQUEST_ID_BYTES;
use crate::security::Caller;
use crate::services::encode;
use crate::services::gateway::{Gateway, unexpected};

/// Trades proposed and not yet answered, per stream. Beyond it the stream is
/// not read, so that its sender waits.
const TRADES_IN_FLIGHT: usize = 2_048;

type Answer = Pin<Box<dyn Future<Output = SettleTradesReply> + Send>>;

struct Trades {
    gateway: Gateway,
    caller: Caller,
    requests: Streaming<SettleTradeRequest>,
    in_flight: FuturesOrdered<Answer>,
    stopping: watch::Receiver<bool>,
    /// Why nothing more is read, to be told after the answers in flight.
    stopped: Option<Result<(), Status>>,
}

/// One answer per request in the order of the requests. A refused trade is an
/// answer like any other; only a broken stream or the node's stop ends it.
pub(super) fn answers(
    gateway: Gateway,
    caller: Caller,
    requests: Streaming<SettleTradeRequest>,
) -> impl Stream<Item = Result<SettleTradesReply, Status>> + Send {
    let stopping = gateway.stopping.clone();
    let in_flight = FuturesOrdered::new();
    let trades = Trades { gateway, caller, requests, in_flight, stopping, stopped: None };
    futures::stream::unfold(Some(trades), |trades| async move {
        let mut trades = trades?;
        match trades.next_answer().await? {
            Ok(reply) => Some((Ok(reply), Some(trades))),
            Err(status) => Some((Err(status), None)),
        }
    })
}

impl Trades {
    async fn next_answer(&mut self) -> Option<Result<SettleTradesReply, Status>> {
        loop {
            let reading = self.stopped.is_none() && self.in_flight.len() < TRADES_IN_FLIGHT;
            tokio::select! {
                biased;
                () = told(&mut self.stopping), if self.stopped.is_none() => {
                    self.stopped = Some(Ok(()));
                }
                // Requests next: those that came together go into one entry.
                request = self.requests.next(), if reading => self.take(request),
                Some(answer) = self.in_flight.next() => return Some(Ok(answer)),
                // Nothing in flight and nothing more to read.
                else => return self.stopped.take().and_then(Result::err).map(Err),
            }
        }
    }

    /// Proposes the next trade, or notes why there is none.
    fn take(&mut self, request: Option<Result<SettleTradeRequest, Status>>) {
        let request = match request {
            Some(Ok(request)) => request,
            Some(Err(status)) => return self.stopped = Some(Err(status)),
            None => return self.stopped = Some(Ok(())),
        };
        // What is no request id is not kept until it is told so.
        let request_id = match request.request_id.len() {
            ..=REQUEST_ID_BYTES => request.request_id.clone(),
            _ => String::new(),
        };
        let proposed = self.gateway.propose(&self.caller, Command::SettleTrade(request));
        let answer = match proposed {
            Ok(answer) => Either::Left(answer),
            Err(status) => Either::Right(ready(Err(status))),
        };
        self.in_flight.push_back(Box::pin(async move { reply(request_id, answer.await) }));
    }
}

/// Resolves when the node stops, or is gone.
async fn told(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stopping| *stopping).await);
}

fn reply(request_id: String, answer: Result<(Stamp, Receipt), Status>) -> SettleTradesReply {
    let settled = answer.and_then(|(stamp, receipt)| match receipt {
        Receipt::Trade(result) => {
            Ok(SettleTradeReply { stamp: Some(stamp), result: Some(encode::trade_result(&result)) })
        }
        other => Err(unexpected(&other)),
    });
    let outcome = match settled {
        Ok(settled) => Outcome::Settled(settled),
        Err(status) => Outcome::Refused(encode::refusal(&status)),
    };
    SettleTradesReply { request_id, outcome: Some(outcome) }
}
