//! How the chunk and delivery streams go on after they break.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use prost::Message as _;
use registry_proto::registry::{
    Day, DayReply, DeliverDayReply, SubmitTradesReply, SubmitTradesRequest, Trade, TradeChunk,
    TradeResult, TradeStatus,
};
use tonic::{Code, Status};

use crate::fake_node::{FakeNode, Script, not_leader, status};
use crate::{Connector, ExchangeClient, SubmitOptions};

const DATE: &str = "2021-12-16";

fn client(address: &str) -> ExchangeClient {
    ExchangeClient::new(Connector::plaintext(&[address.to_owned()], Duration::from_secs(20)))
}

fn chunks(count: u64) -> Vec<Vec<Trade>> {
    (1..=count).map(|number| vec![Trade { trade_number: number, ..Default::default() }]).collect()
}

fn options() -> SubmitOptions {
    SubmitOptions { run: "t".to_owned(), in_flight: 3, first_chunk: 1 }
}

/// As the ledger takes chunks: in order, each once, with remembered answers.
#[derive(Default)]
struct Book {
    taken: u64,
    answers: HashMap<String, (Vec<u8>, Result<u32, ()>)>,
}

impl Book {
    fn take(&mut self, request: &SubmitTradesRequest) -> Result<SubmitTradesReply, Status> {
        let chunk = TradeChunk::decode(request.chunk.clone()).expect("a chunk");
        let number = chunk.chunk_number;
        let fresh = match u64::from(number) <= self.taken + 1 {
            true => Ok(number),
            false => Err(()),
        };
        let (bytes, answer) = self
            .answers
            .entry(request.request_id.clone())
            .or_insert_with(|| (request.chunk.to_vec(), fresh));
        assert_eq!(*bytes, request.chunk, "same id, same bytes");
        match answer {
            Ok(number) => {
                self.taken = self.taken.max(u64::from(*number));
                let trades_accepted = u64::from(*number);
                Ok(SubmitTradesReply { stamp: None, chunk_number: *number, trades_accepted })
            }
            Err(()) => Err(status(Code::FailedPrecondition, "CHUNK_GAP", &[])),
        }
    }
}

#[tokio::test]
async fn a_broken_stream_goes_on_from_the_last_answered_chunk() {
    let (book, broke) = (Mutex::new(Book::default()), AtomicBool::new(false));
    let node = FakeNode::start(Script {
        submit_chunk: Box::new(move |request| {
            let reply = book.lock().expect("no panic").take(&request);
            // The fourth chunk is taken, but its answer is lost.
            if request.request_id.ends_with(":4") && !broke.swap(true, Ordering::Relaxed) {
                return Err(not_leader(""));
            }
            reply
        }),
        ..Default::default()
    })
    .await;
    let mut acknowledged = Vec::new();
    let report = client(&node.address)
        .submit_trades(DATE, chunks(10), &options(), |reply| acknowledged.push(reply.chunk_number))
        .await
        .expect("all chunks are taken");
    assert_eq!(acknowledged, (1..=10).collect::<Vec<u32>>());
    assert_eq!((report.chunks, report.trades_accepted, report.resumptions), (10, 10, 1));
}

#[tokio::test]
async fn a_gap_left_by_a_lost_leader_is_closed_under_new_ids() {
    let (book, lost) = (Mutex::new(Book::default()), AtomicBool::new(false));
    let node = FakeNode::start(Script {
        submit_chunk: Box::new(move |request| {
            let mut book = book.lock().expect("no panic");
            if request.request_id == "t:chunk:2021-12-16:2" && !lost.swap(true, Ordering::Relaxed) {
                // Chunk 2 never reaches the log, chunk 3 does, and is refused for ever.
                book.answers.insert("t:chunk:2021-12-16:3".to_owned(), (encoded(3), Err(())));
                return Err(not_leader(""));
            }
            book.take(&request)
        }),
        ..Default::default()
    })
    .await;
    let report = client(&node.address)
        .submit_trades(DATE, chunks(5), &options(), |_| {})
        .await
        .expect("all chunks are taken");
    assert_eq!(report.chunks, 5);
    assert!(node.asked().contains(&"t:chunk:2021-12-16:3:1".to_owned()), "{:?}", node.asked());
}

fn encoded(number: u32) -> Vec<u8> {
    let trades = chunks(u64::from(number)).pop().unwrap_or_default();
    TradeChunk { date: DATE.to_owned(), chunk_number: number, trades }.encode_to_vec()
}

/// Takes every chunk but one.
fn refuse_chunk(
    request: &SubmitTradesRequest,
    refused: u32,
    code: Code,
    reason: &str,
) -> Result<SubmitTradesReply, Status> {
    if request.request_id.ends_with(&format!(":{refused}")) {
        return Err(status(code, reason, &[]));
    }
    Book { taken: 9, ..Default::default() }.take(request)
}

#[tokio::test]
async fn a_rejected_chunk_is_named_and_ends_the_stream() {
    let node = FakeNode::start(Script {
        submit_chunk: Box::new(|request| {
            refuse_chunk(&request, 3, Code::FailedPrecondition, "PRICE_LIMIT")
        }),
        ..Default::default()
    })
    .await;
    let error = client(&node.address)
        .submit_trades(DATE, chunks(5), &options(), |_| {})
        .await
        .expect_err("chunk 3 is refused");
    assert!(error.is_rejected_with("PRICE_LIMIT"), "{error:?}");
    let crate::ClientError::Rejected(rejected) = error else { panic!("rejected") };
    assert_eq!(rejected.metadata["chunk_number"], "3");
}

#[tokio::test]
async fn a_first_gap_is_the_callers_to_solve() {
    let book = Mutex::new(Book::default());
    let node = FakeNode::start(Script {
        submit_chunk: Box::new(move |request| book.lock().expect("no panic").take(&request)),
        ..Default::default()
    })
    .await;
    let options = SubmitOptions { first_chunk: 4, ..options() };
    let error = client(&node.address)
        .submit_trades(DATE, chunks(2), &options, |_| {})
        .await
        .expect_err("chunks 1 to 3 are missing");
    assert!(error.is_rejected_with("CHUNK_GAP"), "{error:?}");
}

fn day_with_chunks(chunk_count: u32) -> DayReply {
    DayReply { stamp: None, day: Some(Day { chunk_count, ..Default::default() }) }
}

#[tokio::test]
async fn a_chunk_that_differs_from_what_was_taken_stops_all_behind_it() {
    let node = FakeNode::start(Script {
        get_day: Box::new(|_| Ok(day_with_chunks(2))),
        submit_chunk: Box::new(|request| {
            refuse_chunk(&request, 2, Code::AlreadyExists, "CHUNK_CONFLICT")
        }),
        ..Default::default()
    })
    .await;
    let error = client(&node.address)
        .submit_trades(DATE, chunks(5), &options(), |_| {})
        .await
        .expect_err("chunk 2 was taken with other content");
    assert!(error.is_rejected_with("CHUNK_CONFLICT"), "{error:?}");
    assert_eq!(node.asked(), ["t:chunk:2021-12-16:1", "t:chunk:2021-12-16:2"]);
}

#[test]
fn chunks_behind_the_days_last_go_several_at_a_time() {
    let options = SubmitOptions { in_flight: 3, ..options() };
    let mut window =
        crate::submit::Window::new(DATE, chunks(9).into_iter(), &options).expect("run");
    window.pipeline_after(2);
    let sent = |requests: Vec<SubmitTradesRequest>| requests.len();
    assert_eq!(window.front_number(), 1);
    assert_eq!(sent(window.answered()), 1, "chunk 2, alone");
    assert_eq!(sent(window.answered()), 3, "chunks 3 to 5");
    assert_eq!(sent(window.answered()), 1, "chunk 6");
}

#[tokio::test]
async fn an_old_gap_does_not_stop_a_day_that_has_none() {
    let book = Mutex::new(Book { taken: 2, ..Default::default() });
    // An earlier process met the gap under this id and closed it under another.
    let refused = ("t:chunk:2021-12-16:2".to_owned(), (encoded(2), Err(())));
    book.lock().expect("no panic").answers.extend([refused]);
    let node = FakeNode::start(Script {
        get_day: Box::new(|_| Ok(day_with_chunks(2))),
        submit_chunk: Box::new(move |request| book.lock().expect("no panic").take(&request)),
        ..Default::default()
    })
    .await;
    let report = client(&node.address)
        .submit_trades(DATE, chunks(4), &options(), |_| {})
        .await
        .expect("no chunk is missing");
    assert_eq!((report.chunks, report.trades_accepted), (4, 4));
}

#[tokio::test]
async fn no_chunks_need_no_call() {
    let node = FakeNode::start(Script::default()).await;
    let report = client(&node.address)
        .submit_trades(DATE, Vec::new(), &options(), |_| {})
        .await
        .expect("nothing to do");
    assert_eq!(report.chunks, 0);
    assert!(node.asked().is_empty());
}

fn result(number: u64) -> TradeResult {
    let status = if number == 3 { TradeStatus::Held } else { TradeStatus::Delivered };
    TradeResult { trade_number: number, status: status.into(), reason: String::new() }
}

fn delivered(after: u64, through: u64) -> Result<DeliverDayReply, Status> {
    Ok(DeliverDayReply {
        stamp: None,
        through_sequence: through,
        trade_count: 5,
        results: (after + 1..=through).map(result).collect(),
    })
}

#[tokio::test]
async fn each_delivery_result_comes_once_across_broken_streams() {
    let calls = AtomicUsize::new(0);
    let node = FakeNode::start(Script {
        deliver_day: Box::new(move |request| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => vec![delivered(0, 2), Err(not_leader(""))],
            // Ends without an error, and without the rest.
            1 => vec![delivered(2, 3)],
            _ => vec![delivered(request.after_sequence, 5)],
        }),
        ..Default::default()
    })
    .await;
    let mut seen = Vec::new();
    let report = client(&node.address)
        .deliver_day(DATE, 0, |reply| seen.extend(reply.results.iter().map(|r| r.trade_number)))
        .await
        .expect("the day is delivered");
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    assert_eq!(node.asked(), ["0", "2", "3"]);
    assert_eq!((report.delivered, report.held.len(), report.resumptions), (4, 1, 2));
}

#[tokio::test]
async fn each_status_is_counted_as_what_it_is() {
    let statuses =
        [TradeStatus::Delivered, TradeStatus::Voided, TradeStatus::Held, TradeStatus::Failed];
    let node = FakeNode::start(Script {
        deliver_day: Box::new(move |_| {
            let results = (1..).zip(statuses).map(|(trade_number, status)| TradeResult {
                trade_number,
                status: status.into(),
                reason: String::new(),
            });
            vec![Ok(DeliverDayReply {
                stamp: None,
                through_sequence: 4,
                trade_count: 4,
                results: results.collect(),
            })]
        }),
        ..Default::default()
    })
    .await;
    let report = client(&node.address).deliver_day(DATE, 0, |_| {}).await.expect("delivered");
    assert_eq!((report.delivered, report.voided, report.failed), (1, 1, 1));
    let held: Vec<u64> = report.held.iter().map(|result| result.trade_number).collect();
    assert_eq!(held, [3]);
}

#[tokio::test]
async fn results_that_skip_some_are_not_believed() {
    let node = FakeNode::start(Script {
        deliver_day: Box::new(|_| vec![delivered(2, 5)]),
        ..Default::default()
    })
    .await;
    let outcome = client(&node.address).deliver_day(DATE, 0, |_| {}).await;
    assert!(matches!(outcome, Err(crate::ClientError::Protocol(_))), "{outcome:?}");
}
