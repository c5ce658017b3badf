//! The day's trades as a stream of numbered chunks.
//!
//! A window of unanswered chunks bounds memory on both sides. After a broken
//! stream the window is sent again, byte for byte and under the same request
//! ids, so a chunk that was already taken gets its first answer.
//!
//! Chunks that the day already has go one at a time: one with other content
//! than was taken then must stop the stream before a new chunk follows it.

use std::collections::VecDeque;
use std::iter::Fuse;

use prost::Message as _;
use registry_proto::registry::settlement_service_client::SettlementServiceClient;
use registry_proto::registry::{
    Consistency, GetDayRequest, SubmitTradesReply, SubmitTradesRequest, Trade, TradeChunk,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};

use crate::connect::{Connector, Route};
use crate::error::ClientError;
use crate::leader::{Attempt, Attempts, Call};
use crate::reads::ReadClient;
use crate::request_id::{is_valid_request_id, new_request_id};

/// Times that the window gets new request ids; see [`Window::renew_ids`].
const MAX_RENEWALS: u32 = 3;
const LONGEST_RUN: usize = 24;

/// How a day's chunks are sent.
#[derive(Clone, Debug)]
pub struct SubmitOptions {
    /// Prefix of the chunks' request ids, at most 24 characters; empty for a
    /// random one. A process that starts again with the same run and chunks
    /// gets the same answers.
    pub run: String,
    /// Chunks that may be unanswered at once.
    pub in_flight: usize,
    /// Number of the first chunk given; more than 1 goes on with a started day.
    /// Chunks that the day has already are compared by the registry and not
    /// taken twice, so that all may be given again.
    pub first_chunk: u32,
}

impl Default for SubmitOptions {
    fn default() -> Self {
        Self { run: String::new(), in_flight: 16, first_chunk: 1 }
    }
}

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitReport {
    /// Chunks answered by this call.
    pub chunks: u32,
    /// Trades in the day's stream so far.
    pub trades_accepted: u64,
    /// Times the stream had to be opened anew.
    pub resumptions: u32,
}

pub(crate) async fn submit_trades(
    connector: &Connector,
    date: &str,
    chunks: impl IntoIterator<Item = Vec<Trade>>,
    options: &SubmitOptions,
    mut on_ack: impl FnMut(&SubmitTradesReply),
) -> Result<SubmitReport, ClientError> {
    let mut window = Window::new(date, chunks.into_iter(), options)?;
    if !window.is_empty() {
        window.pipeline_after(chunks_taken(connector, date).await?);
    }
    let mut report = SubmitReport { chunks: 0, trades_accepted: 0, resumptions: 0 };
    let call = Call::write("submit_trades", window.front_id());
    let mut attempts = Attempts::new(connector, call, Route::Leader);
    while !window.is_empty() {
        let attempt = attempts.next().await?;
        let stream = Box::pin(run_stream(connector, &attempt, &mut window, |reply, front_id| {
            report.chunks += 1;
            report.trades_accepted = reply.trades_accepted;
            attempts.progressed(front_id);
            on_ack(reply);
        }));
        match stream.await {
            Ok(()) => break,
            Err(Broken::Silent) => attempts.silent(&attempt),
            Err(Broken::Protocol(message)) => return Err(ClientError::Protocol(message)),
            Err(Broken::Status(status)) => match attempts.failed(&attempt, &status) {
                // No chunk is missing before this one: the refusal is an old answer.
                Err(error)
                    if error.is_rejected_with("CHUNK_GAP")
                        && (report.resumptions > 0 || window.follows_the_day) =>
                {
                    window.renew_ids().map_err(|()| window.locate(error))?;
                    attempts.progressed(Some(window.front_id()));
                }
                Err(error) => return Err(window.locate(error)),
                Ok(()) => {}
            },
        }
        report.resumptions += 1;
    }
    Ok(report)
}

/// How many chunks the day has; 0 when the registry refuses to tell, for then
/// it refuses the chunks for the same reason.
async fn chunks_taken(connector: &Connector, date: &str) -> Result<u32, ClientError> {
    let consistency = Consistency::Linearizable.into();
    let request = GetDayRequest { date: date.to_owned(), consistency };
    match ReadClient::new(connector.clone()).get_day(request).await {
        Ok(reply) => Ok(reply.day.map_or(0, |day| day.chunk_count)),
        Err(ClientError::Rejected(_)) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Why a stream ended before the last answer.
enum Broken {
    Status(Status),
    Silent,
    Protocol(String),
}

async fn run_stream<I: Iterator<Item = Vec<Trade>>>(
    connector: &Connector,
    attempt: &Attempt,
    window: &mut Window<I>,
    mut on_ack: impl FnMut(&SubmitTradesReply, Option<&str>),
) -> Result<(), Broken> {
    let stall = connector.stream_stall_timeout();
    // The window never holds more than the channel, so sending cannot block.
    let (sender, receiver) = mpsc::channel(window.limit);
    for request in &window.unanswered {
        let _ = sender.try_send(request.clone());
    }
    let mut client = SettlementServiceClient::new(attempt.channel.clone());
    let opening = client.submit_trades(Request::new(ReceiverStream::new(receiver)));
    let mut replies = match tokio::time::timeout(stall, Box::pin(opening)).await {
        Ok(opened) => opened.map_err(Broken::Status)?.into_inner(),
        Err(_) => return Err(Broken::Silent),
    };
    loop {
        let reply = match tokio::time::timeout(stall, replies.message()).await {
            Ok(Ok(Some(reply))) => reply,
            Ok(Ok(None)) => {
                return Err(Broken::Status(Status::unavailable("the node ended the stream early")));
            }
            Ok(Err(status)) => return Err(Broken::Status(status)),
            Err(_) => return Err(Broken::Silent),
        };
        let expected = window.front_number();
        if reply.chunk_number != expected {
            return Err(Broken::Protocol(format!(
                "answer for chunk {} where chunk {expected} was due",
                reply.chunk_number
            )));
        }
        for request in window.answered() {
            let _ = sender.try_send(request);
        }
        on_ack(&reply, window.unanswered.front().map(|request| request.request_id.as_str()));
        if window.is_empty() {
            return Ok(());
        }
    }
}

/// Unanswered chunks, encoded, and where the next come from.
pub(crate) struct Window<I> {
    date: String,
    run: String,
    renewals: u32,
    limit: usize,
    /// Number of the last chunk that goes alone.
    alone_through: u32,
    /// The first chunk given is one that the day has, or the next.
    follows_the_day: bool,
    chunks: Fuse<I>,
    next_number: u32,
    unanswered: VecDeque<SubmitTradesRequest>,
}

impl<I: Iterator<Item = Vec<Trade>>> Window<I> {
    pub(crate) fn new(date: &str, chunks: I, options: &SubmitOptions) -> Result<Self, ClientError> {
        let run = match options.run.as_str() {
            // 24 of 32 digits still leave 96 random bits.
            "" => new_request_id()?[..LONGEST_RUN].to_owned(),
            run if run.len() <= LONGEST_RUN && is_valid_request_id(run) => run.to_owned(),
            run => {
                return Err(ClientError::Setup(format!(
                    "run {run:?} must be at most {LONGEST_RUN} characters of [A-Za-z0-9._:-]"
                )));
            }
        };
        let mut window = Self {
            date: date.to_owned(),
            run,
            renewals: 0,
            limit: options.in_flight.max(1),
            alone_through: u32::MAX,
            follows_the_day: false,
            chunks: chunks.fuse(),
            next_number: options.first_chunk.max(1),
            unanswered: VecDeque::new(),
        };
        // Only one while it is not known what the day has.
        window.fill();
        Ok(window)
    }

    /// Lets chunks behind the day's last go several at a time.
    pub(crate) fn pipeline_after(&mut self, chunks_taken: u32) {
        self.alone_through = chunks_taken;
        self.follows_the_day = self.front_number() <= chunks_taken.saturating_add(1);
        self.fill();
    }

    /// Takes as many chunks as may be unanswered now; they are answered back.
    fn fill(&mut self) -> Vec<SubmitTradesRequest> {
        let mut taken = Vec::new();
        while self.has_room() {
            let Some(request) = self.take() else { break };
            taken.push(request);
        }
        taken
    }

    fn has_room(&self) -> bool {
        self.is_empty()
            || (self.unanswered.len() < self.limit && self.front_number() > self.alone_through)
    }

    fn is_empty(&self) -> bool {
        self.unanswered.is_empty()
    }

    pub(crate) fn front_number(&self) -> u32 {
        self.next_number - u32::try_from(self.unanswered.len()).unwrap_or(u32::MAX)
    }

    fn front_id(&self) -> &str {
        self.unanswered.front().map_or("", |request| request.request_id.as_str())
    }

    /// Encodes the next chunk into the window.
    fn take(&mut self) -> Option<SubmitTradesRequest> {
        let trades = self.chunks.next()?;
        let chunk_number = self.next_number;
        self.next_number += 1;
        let chunk = TradeChunk { date: self.date.clone(), chunk_number, trades };
        let request = SubmitTradesRequest {
            request_id: self.request_id(chunk_number),
            chunk: chunk.encode_to_vec().into(),
        };
        self.unanswered.push_back(request.clone());
        Some(request)
    }

    /// Drops the first chunk; those that may be sent now are answered back.
    pub(crate) fn answered(&mut self) -> Vec<SubmitTradesRequest> {
        self.unanswered.pop_front();
        self.fill()
    }

    fn request_id(&self, chunk_number: u32) -> String {
        match self.renewals {
            0 => format!("{}:chunk:{}:{chunk_number}", self.run, self.date),
            n => format!("{}:chunk:{}:{chunk_number}:{n}", self.run, self.date),
        }
    }

    /// A leader that lost a chunk and then logged a later one has answered
    /// `CHUNK_GAP` under the later one's id for ever. Now that the gap is
    /// filled the rest needs new ids; the chunk numbers still keep any chunk
    /// from being taken twice.
    fn renew_ids(&mut self) -> Result<(), ()> {
        if self.renewals >= MAX_RENEWALS {
            return Err(());
        }
        self.renewals += 1;
        let first = self.front_number();
        let ids: Vec<String> =
            (first..self.next_number).map(|number| self.request_id(number)).collect();
        for (request, id) in self.unanswered.iter_mut().zip(ids) {
            request.request_id = id;
        }
        Ok(())
    }

    /// Answers come in order, so a rejection is about the first unanswered chunk.
    fn locate(&self, mut error: ClientError) -> ClientError {
        if let ClientError::Rejected(rejected) = &mut error {
            rejected.metadata.insert("chunk_number".to_owned(), self.front_number().to_string());
        }
        error
    }
}
