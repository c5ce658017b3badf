//! Single trades. All callers of one connector share a stream per node, so a
//! trade costs two messages and not a whole call; every trade is still a
//! request of its own, with its own answer and its own attempts.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use prost::Message as _;
use registry_proto::registry::settle_trades_reply::Outcome;
use registry_proto::registry::settlement_service_client::SettlementServiceClient;
use registry_proto::registry::{Refusal, SettleTradeReply, SettleTradeRequest, SettleTradesReply};
use tokio::sync::{mpsc, oneshot};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::connect::{Connector, Route};
use crate::error::ClientError;
use crate::leader::{Attempt, Call};

/// Larger requests go in a call of their own; a trade has below 300 bytes.
const SHARED_BYTES: usize = 4 << 10;
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
    // What is no trade could break the stream for all who share it.
    let alone = request.encoded_len() > SHARED_BYTES;
    connector
        .call(call, Route::Leader, |attempt| {
            let request = request.clone();
            async move {
                if alone {
                    let message = attempt.message(request);
                    return SettlementServiceClient::new(attempt.channel)
                        .settle_trade(message)
                        .await;
                }
                connector.trade_streams().settle(attempt, request).await.map(Response::new)
            }
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

/// One stream's questions.
struct Questions {
    /// Not sent yet.
    asked: mpsc::Receiver<Asked>,
    /// Who waits for what was sent, in order.
    unanswered: VecDeque<Answer>,
}

type Shared = Arc<Mutex<Questions>>;

/// Carries one stream until it breaks or nobody can ask any more.
async fn run(channel: Channel, asked: mpsc::Receiver<Asked>) {
    let questions = Arc::new(Mutex::new(Questions { asked, unanswered: VecDeque::new() }));
    let sending = Arc::clone(&questions);
    let (closing, mut closed) = oneshot::channel::<()>();
    let mut ended = false;
    let requests = futures::stream::poll_fn(move |context| {
        ended = ended || Pin::new(&mut closed).poll(context).is_ready();
        if ended {
            return Poll::Ready(None);
        }
        let Questions { asked, unanswered } = &mut *lock(&sending);
        asked.poll_recv(context).map(|next| {
            next.map(|Asked { request, answer }| {
                unanswered.push_back(answer);
                request
            })
        })
    });
    let failure = broken(receive(channel, requests, &questions).await);
    drop(closing);
    for answer in lock(&questions).close() {
        drop(answer.send(Err(failure.clone())));
    }
}

/// The end of a stream is nobody's answer: what ended it may have been another
/// caller's request. It only says that the question is to be asked again, and
/// whether the node was reached at all.
fn broken(failure: Status) -> Status {
    match failure.code() {
        // Who may not open the stream may not ask at all.
        Code::Unavailable | Code::Unauthenticated | Code::PermissionDenied => failure,
        _ => Status::unavailable(format!("the stream to the node broke: {}", failure.message())),
    }
}

fn lock(questions: &Shared) -> MutexGuard<'_, Questions> {
    questions.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Questions {
    /// Everyone who waits: whether anything was sent is for the stream's failure
    /// to say. Whoever asks from now on opens another stream.
    fn close(&mut self) -> Vec<Answer> {
        self.asked.close();
        let mut waiting: Vec<Answer> = self.unanswered.drain(..).collect();
        while let Ok(Asked { answer, .. }) = self.asked.try_recv() {
            waiting.push(answer);
        }
        waiting
    }
}

/// Hands out the answers; says why there are no more.
async fn receive(
    channel: Channel,
    requests: impl futures::Stream<Item = SettleTradeRequest> + Send + 'static,
    questions: &Shared,
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
        let first = lock(questions).unanswered.pop_front();
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
