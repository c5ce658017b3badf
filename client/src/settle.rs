//! Single trades. All callers of one connector share a stream per node, so a
//! trade costs two messages and not a whole call; every trade is still a
//! request of its own, with its own answer and its own attempts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use registry_proto::registry::settle_trades_reply::Outcome;
use registry_proto::registry::settlement_service_client::SettlementServiceClient;
use registry_proto::registry::{Refusal, SettleTradeReply, SettleTradeRequest, SettleTradesReply};
use tokio::sync::{mpsc, oneshot};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::connect::{Connector, Route};
use crate::error::ClientError;
use crate::leader::{Attempt, Call};

/// Trades that may wait for their turn on a stream.
const QUEUE: usize = 4_096;

type Answer = oneshot::Sender<Result<SettleTradeReply, Status>>;

struct Asked {
    request: SettleTradeRequest,
    answer: Answer,
}

/// The open streams of a connector, by node.
#[derive(Debug, Default)]
pub(crate) struct TradeStreams {
    by_node: Mutex<HashMap<usize, mpsc::Sender<Asked>>>,
}

pub(crate) async fn settle_trade(
    connector: &Connector,
    request: SettleTradeRequest,
) -> Result<SettleTradeReply, ClientError> {
    let call = Call::write("settle_trade", &request.request_id);
    connector
        .call(call, Route::Leader, |attempt| {
            let request = request.clone();
            async move { connector.trade_streams().settle(attempt, request).await.map(Response::new) }
        })
        .await
}

impl TradeStreams {
    async fn settle(
        &self,
        attempt: Attempt,
        request: SettleTradeRequest,
    ) -> Result<SettleTradeReply, Status> {
        let (answer, answered) = oneshot::channel();
        let asked = Asked { request, answer };
        let node = attempt.node;
        // Unless it is sent nothing can have been applied, but a stream that
        // just broke may have taken it: the retry decides, under the same id.
        let broken = || Status::unavailable("the stream to the node broke");
        self.stream_to(node, attempt.channel).send(asked).await.map_err(|_| broken())?;
        answered.await.map_err(|_| broken())?
    }

    /// The stream to a node; a new one unless one is open.
    fn stream_to(&self, node: usize, channel: Channel) -> mpsc::Sender<Asked> {
        let mut streams = self.by_node.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = streams.get(&node).filter(|stream| !stream.is_closed()) {
            return open.clone();
        }
        let (asked, requests) = mpsc::channel(QUEUE);
        streams.insert(node, asked.clone());
        tokio::spawn(run(channel, requests));
        asked
    }
}

/// Questions that were sent, in order.
type Unanswered = Arc<Mutex<VecDeque<Answer>>>;

/// Carries one stream until it breaks or nobody can ask any more.
async fn run(channel: Channel, mut asked: mpsc::Receiver<Asked>) {
    let unanswered = Unanswered::default();
    let sent = Arc::clone(&unanswered);
    let (closing, mut closed) = oneshot::channel::<()>();
    let requests = futures::stream::poll_fn(move |context| {
        // Once the answers have ended nobody waits for what is asked now.
        if std::pin::Pin::new(&mut closed).poll(context).is_ready() {
            asked.close();
        }
        asked.poll_recv(context).map(|next| {
            next.map(|Asked { request, answer }| {
                sent.lock().unwrap_or_else(PoisonError::into_inner).push_back(answer);
                request
            })
        })
    });
    let failure = receive(channel, requests, &unanswered).await;
    drop(closing);
    let left = std::mem::take(&mut *unanswered.lock().unwrap_or_else(PoisonError::into_inner));
    for answer in left {
        drop(answer.send(Err(failure.clone())));
    }
}

/// Hands out the answers; says why there are no more.
async fn receive(
    channel: Channel,
    requests: impl futures::Stream<Item = SettleTradeRequest> + Send + 'static,
    unanswered: &Unanswered,
) -> Status {
    let opened = Box::pin(SettlementServiceClient::new(channel).settle_trades(requests)).await;
    let mut replies = match opened {
        Ok(replies) => replies.into_inner(),
        Err(status) => return status,
    };
    loop {
        let reply = match replies.message().await {
            Ok(Some(reply)) => reply,
            Ok(None) => return Status::unavailable("the node ended the stream"),
            Err(status) => return status,
        };
        let first = unanswered.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(answer) = first else {
            return Status::internal("the node answered more than was asked");
        };
        // A caller that gave up has asked again elsewhere, or will.
        drop(answer.send(outcome(reply)));
    }
}

fn outcome(reply: SettleTradesReply) -> Result<SettleTradeReply, Status> {
    match reply.outcome {
        Some(Outcome::Settled(settled)) => Ok(settled),
        Some(Outcome::Refused(Refusal { code, message, status })) => {
            Err(Status::with_details(Code::from_i32(code), message, status))
        }
        None => Err(Status::internal("the node's answer is empty")),
    }
}
