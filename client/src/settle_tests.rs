//! How single trades share a stream: every caller gets its own answer, also
//! when streams break, nodes refuse or neighbours give up.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use registry_proto::registry::settle_trades_reply::Outcome;
use registry_proto::registry::{
    OpenAccountRequest, Refusal, SettleTradeReply, SettleTradeRequest, SettleTradesReply, Trade,
    TradeResult, TradeStatus,
};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::fake_node::{FakeNode, Script, not_leader, status};
use crate::{ClientError, Connector, ExchangeClient, RegistryClient, RejectedError};

const PATIENT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

fn answers(
    answer: impl Fn(&SettleTradeRequest) -> Result<SettleTradesReply, Status> + Send + Sync + 'static,
) -> Script {
    Script { settle_trade: Box::new(move |request| answer(&request)), ..Default::default() }
}

fn reply(request: &SettleTradeRequest, outcome: Outcome) -> Result<SettleTradesReply, Status> {
    Ok(SettleTradesReply { request_id: request.request_id.clone(), outcome: Some(outcome) })
}

fn settled(request: &SettleTradeRequest) -> Result<SettleTradesReply, Status> {
    let trade_number = request.trade.as_ref().map_or(0, |trade| trade.trade_number);
    let status = TradeStatus::Delivered.into();
    let result = Some(TradeResult { trade_number, status, reason: String::new() });
    reply(request, Outcome::Settled(SettleTradeReply { stamp: None, result }))
}

/// As a node answers what a single call would have got as its status.
fn refused(request: &SettleTradeRequest, status: &Status) -> Result<SettleTradesReply, Status> {
    let refusal = Refusal {
        code: status.code().into(),
        message: status.message().to_owned(),
        status: status.details().to_vec().into(),
    };
    reply(request, Outcome::Refused(refusal))
}

/// One attempt may take as long as the call: a caller that is forgotten fails.
fn client(addresses: &[&str]) -> ExchangeClient {
    let addresses: Vec<String> = addresses.iter().map(|&address| address.to_owned()).collect();
    ExchangeClient::new(Connector::plaintext_with(&addresses, PATIENT, PATIENT))
}

fn id(number: u64) -> String {
    format!("trade-{number}")
}

fn ids(numbers: impl IntoIterator<Item = u64>) -> BTreeSet<String> {
    numbers.into_iter().map(id).collect()
}

fn request(number: u64) -> SettleTradeRequest {
    SettleTradeRequest {
        request_id: id(number),
        date: "2021-12-16".to_owned(),
        trade: Some(Trade { trade_number: number, ..Default::default() }),
    }
}

/// The number in the answer that a caller got.
async fn settle(client: ExchangeClient, number: u64) -> Result<u64, ClientError> {
    let reply = client.settle_trade(request(number)).await?;
    Ok(reply.result.expect("a result").trade_number)
}

/// Many callers at once; each one's number with what it got.
async fn settle_at_once(
    client: &ExchangeClient,
    numbers: impl IntoIterator<Item = u64>,
) -> Vec<(u64, Result<u64, ClientError>)> {
    let mut callers = JoinSet::new();
    for number in numbers {
        let client = client.clone();
        callers.spawn(async move { (number, settle(client, number).await) });
    }
    callers.join_all().await
}

/// Each caller must have the answer to its own question.
fn each_its_own(outcomes: Vec<(u64, Result<u64, ClientError>)>) {
    for (number, outcome) in outcomes {
        assert_eq!(outcome.expect("settled"), number);
    }
}

#[tokio::test]
async fn each_of_many_callers_gets_its_own_answer() {
    let node = FakeNode::start(answers(settled)).await;
    each_its_own(settle_at_once(&client(&[&node.address]), 1..=1_000).await);
    let asked = node.asked();
    assert_eq!(asked.len(), 1_000, "nobody asked twice");
    assert_eq!(asked.into_iter().collect::<BTreeSet<_>>(), ids(1..=1_000));
}

#[tokio::test]
async fn questions_reach_the_node_in_the_order_in_which_they_were_asked() {
    let node = FakeNode::start(answers(settled)).await;
    let client = client(&[&node.address]);
    // Polled one after another in this order by one task.
    let calls = (1..=100).map(|number| settle(client.clone(), number));
    for (number, outcome) in (1..).zip(futures::future::join_all(calls).await) {
        assert_eq!(outcome.expect("settled"), number);
    }
    assert_eq!(node.asked(), (1..=100).map(id).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_empty_request_id_becomes_a_fresh_one() {
    let node = FakeNode::start(answers(settled)).await;
    let client = client(&[&node.address]);
    for _ in 0..2 {
        let unnamed = SettleTradeRequest { request_id: String::new(), ..request(1) };
        client.settle_trade(unnamed).await.expect("settled");
    }
    let asked = node.asked();
    assert!(asked.len() == 2 && asked[0] != asked[1], "{asked:?}");
    assert!(asked.iter().all(|id| id.len() == 32), "{asked:?}");
}

fn price_limit() -> Status {
    let metadata = [("field", "trade.price_yuan"), ("log_index", "9")];
    status(Code::FailedPrecondition, "PRICE_LIMIT", &metadata)
}

fn rejection(error: ClientError) -> RejectedError {
    match error {
        ClientError::Rejected(rejected) => *rejected,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_reaches_its_caller_alone_and_says_what_a_single_call_would() {
    let node = FakeNode::start(Script {
        settle_trade: Box::new(|request| match request.request_id == id(7) {
            true => refused(&request, &price_limit()),
            false => settled(&request),
        }),
        open_account: Box::new(|_| Err(price_limit())),
        ..Default::default()
    })
    .await;
    let client = client(&[&node.address]);
    for (number, outcome) in settle_at_once(&client, 1..=20).await {
        if number != 7 {
            assert_eq!(outcome.expect("settled"), number);
            continue;
        }
        let refused = rejection(outcome.expect_err("refused"));
        assert_eq!(
            (refused.code, refused.reason.as_str(), refused.field.as_str()),
            (Code::FailedPrecondition, "PRICE_LIMIT", "trade.price_yuan")
        );
        let registry = RegistryClient::new(client.connector().clone());
        let single = registry.open_account(OpenAccountRequest::default()).await;
        assert_eq!(refused, rejection(single.expect_err("refused")));
    }
    // A refusal is final: it is asked once.
    assert_eq!(node.asked().iter().filter(|asked| **asked == id(7)).count(), 1);
}

#[tokio::test]
async fn callers_of_a_broken_stream_ask_again_under_the_same_ids() {
    let calls = AtomicUsize::new(0);
    // Breaks twice, each time with questions before and behind the break.
    let node =
        FakeNode::start(answers(move |request| match calls.fetch_add(1, Ordering::Relaxed) {
            5 | 30 => Err(Status::unavailable("connection reset")),
            _ => settled(request),
        }))
        .await;
    each_its_own(settle_at_once(&client(&[&node.address]), 1..=64).await);
    let asked = node.asked();
    // Those that the breaks left without an answer were asked again.
    assert!(asked.len() >= 66, "{} questions", asked.len());
    assert_eq!(asked.into_iter().collect::<BTreeSet<_>>(), ids(1..=64), "no other ids");
}

#[tokio::test]
async fn a_stream_that_ends_without_the_answers_leaves_nobody_waiting() {
    let calls = AtomicUsize::new(0);
    let node =
        FakeNode::start(answers(move |request| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Err(Status::ok("the end")),
            _ => settled(request),
        }))
        .await;
    each_its_own(settle_at_once(&client(&[&node.address]), 1..=64).await);
    assert_eq!(node.asked().into_iter().collect::<BTreeSet<_>>(), ids(1..=64));
}

#[tokio::test]
async fn after_a_break_the_next_call_opens_a_new_stream() {
    let calls = AtomicUsize::new(0);
    // Every second question ends its stream.
    let node =
        FakeNode::start(answers(move |request| match calls.fetch_add(1, Ordering::Relaxed) % 2 {
            1 => Err(Status::unavailable("connection reset")),
            _ => settled(request),
        }))
        .await;
    let client = client(&[&node.address]);
    for number in 1..=4 {
        assert_eq!(settle(client.clone(), number).await.expect("settled"), number);
    }
    let expected = [1, 2, 2, 3, 3, 4, 4].map(id);
    assert_eq!(node.asked(), expected);
}

#[tokio::test]
async fn callers_follow_a_refusal_to_the_leader_it_names() {
    let leader = FakeNode::start(answers(settled)).await;
    let leader_address = leader.address.clone();
    let follower =
        FakeNode::start(answers(move |request| refused(request, &not_leader(&leader_address))))
            .await;
    let client = client(&[&follower.address]);
    each_its_own(settle_at_once(&client, 1..=20).await);
    assert_eq!(leader.asked().into_iter().collect::<BTreeSet<_>>(), ids(1..=20));
    assert_eq!(client.connector().leader_guess(), leader.address);

    // The next call goes to the leader at once.
    let before = follower.asked().len();
    assert_eq!(settle(client, 21).await.expect("settled"), 21);
    assert_eq!(follower.asked().len(), before);
}

#[tokio::test]
async fn callers_of_a_node_that_dies_go_on_with_another() {
    let survivor = FakeNode::start(answers(settled)).await;
    let dying =
        FakeNode::start(answers(|_| Err(Status::unavailable("the node is stopping")))).await;
    let client = client(&[&dying.address, &survivor.address]);
    each_its_own(settle_at_once(&client, 1..=64).await);
    assert_eq!(survivor.asked().into_iter().collect::<BTreeSet<_>>(), ids(1..=64));
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_not_unknown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let outcome = settle(client(&[&address]).with_timeout(SHORT), 1).await;
    assert!(matches!(outcome, Err(ClientError::Unavailable { .. })), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_gave_up_does_not_shift_the_others_answers() {
    let (reached, mut slow_reached) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let node = FakeNode::start(answers(move |request| {
        if request.request_id == id(1) {
            reached.send(()).expect("the test waits");
            wait.lock().expect("no panic while held").recv().expect("the test goes on");
        }
        settled(request)
    }))
    .await;
    let client = client(&[&node.address]);
    let slow = tokio::spawn(settle(client.with_timeout(SHORT), 1));
    slow_reached.recv().await.expect("asked");
    // These wait behind the one that gives up, on the same stream.
    let others = tokio::spawn({
        let client = client.clone();
        async move { settle_at_once(&client, 2..=20).await }
    });
    let gave_up = slow.await.expect("no panic").expect_err("late");
    let ClientError::Unknown { request_id, .. } = gave_up else { panic!("{gave_up:?}") };
    assert_eq!(request_id, id(1));
    go_on.send(()).expect("the node waits");
    each_its_own(others.await.expect("no panic"));
    assert_eq!(node.asked().len(), 20, "the stream went on");
}

#[tokio::test]
async fn what_ends_a_stream_is_no_answer_to_those_who_share_it() {
    let refusals = AtomicUsize::new(3);
    let node = FakeNode::start(answers(move |request| {
        let left =
            refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        match left {
            // As when a node cannot read one of the messages.
            Ok(_) => Err(Status::out_of_range("a message too large")),
            Err(_) => settled(request),
        }
    }))
    .await;
    each_its_own(settle_at_once(&client(&[&node.address]), 1..=64).await);
}

#[tokio::test]
async fn a_request_too_large_for_a_trade_goes_alone() {
    let node = FakeNode::start(answers(settled)).await;
    let client = client(&[&node.address]);
    let mut large = request(1);
    large.trade = Some(Trade { price_yuan: "1".repeat(10_000), ..Default::default() });
    let (alone, shared) = tokio::join!(client.settle_trade(large), settle(client.clone(), 2));
    // The test's node answers single calls with UNIMPLEMENTED.
    assert!(matches!(alone, Err(ClientError::Rejected(_))), "{alone:?}");
    assert_eq!(shared.expect("settled"), 2);
}
