//! How unary calls find the leader, repeat and give up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use registry_proto::registry::account_service_client::AccountServiceClient;
use registry_proto::registry::{OpenAccountReply, OpenAccountRequest};
use tonic::{Code, Status};

use crate::connect::Route;
use crate::fake_node::{FakeNode, Script, not_leader, outcome_unknown, status};
use crate::leader::{Call, causes};
use crate::{ClientError, Connector, RegistryClient};

const PATIENT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

fn answers(
    answer: impl Fn(usize) -> Result<OpenAccountReply, Status> + Send + Sync + 'static,
) -> Script {
    let calls = AtomicUsize::new(0);
    Script {
        open_account: Box::new(move |_| answer(calls.fetch_add(1, Ordering::Relaxed))),
        ..Default::default()
    }
}

fn account(account_id: u64) -> Result<OpenAccountReply, Status> {
    Ok(OpenAccountReply { stamp: None, account_id })
}

fn client(addresses: &[&str], call_timeout: Duration) -> RegistryClient {
    let addresses: Vec<String> = addresses.iter().map(|&address| address.to_owned()).collect();
    RegistryClient::new(Connector::plaintext(&addresses, call_timeout))
}

fn request(request_id: &str) -> OpenAccountRequest {
    OpenAccountRequest { request_id: request_id.to_owned(), ..Default::default() }
}

/// An address at which nothing listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("bound").to_string()
}

#[tokio::test]
async fn the_named_leader_is_followed_and_kept_even_if_not_configured() {
    let leader = FakeNode::start(answers(|_| account(7))).await;
    let leader_address = leader.address.clone();
    let follower = FakeNode::start(answers(move |_| Err(not_leader(&leader_address)))).await;
    let client = client(&[&follower.address], PATIENT);

    for id in ["one", "two"] {
        let reply = client.open_account(request(id)).await.expect("the leader answers");
        assert_eq!(reply.account_id, 7);
    }
    assert_eq!(follower.asked(), ["one"]);
    assert_eq!(leader.asked(), ["one", "two"]);
    assert_eq!(client.connector().leader_guess(), leader.address);
}

#[tokio::test]
async fn an_unknown_outcome_is_asked_again_under_the_same_fresh_id() {
    let node = FakeNode::start(answers(|call| match call {
        0 => Err(outcome_unknown()),
        1 => Err(Status::unavailable("connection reset")),
        _ => account(1),
    }))
    .await;
    client(&[&node.address], PATIENT).open_account(request("")).await.expect("resolved");
    let asked = node.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked[0].len() == 32 && asked.iter().all(|id| *id == asked[0]), "{asked:?}");
}

#[tokio::test]
async fn a_rejection_is_final() {
    let node = FakeNode::start(answers(|_| {
        Err(status(Code::AlreadyExists, "ACCOUNT_EXISTS", &[("log_index", "9"), ("field", "uscc")]))
    }))
    .await;
    let error =
        client(&[&node.address], PATIENT).open_account(request("a")).await.expect_err("rejected");
    let ClientError::Rejected(rejected) = &error else { panic!("{error:?}") };
    assert_eq!(
        (
            rejected.reason.as_str(),
            rejected.field.as_str(),
            rejected.metadata["log_index"].as_str()
        ),
        ("ACCOUNT_EXISTS", "uscc", "9")
    );
    assert_eq!(node.asked(), ["a"]);
}

#[tokio::test]
async fn a_dead_node_is_passed_over() {
    let node = FakeNode::start(answers(|_| account(3))).await;
    let client = client(&[&nobody().await, &node.address], PATIENT);
    assert_eq!(client.open_account(request("a")).await.expect("the second answers").account_id, 3);
}

#[tokio::test]
async fn an_overloaded_leader_is_asked_again_not_left() {
    let leader = FakeNode::start(answers(|call| match call {
        0 => Err(status(Code::ResourceExhausted, "OVERLOADED", &[("outcome", "not_applied")])),
        _ => account(1),
    }))
    .await;
    let other = FakeNode::start(answers(|_| account(2))).await;
    let client = client(&[&leader.address, &other.address], PATIENT);
    assert_eq!(client.open_account(request("a")).await.expect("room again").account_id, 1);
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn past_the_deadline_nothing_applied_is_unavailable() {
    let metadata = [("outcome", "not_applied")];
    let no_leader =
        FakeNode::start(answers(move |_| Err(status(Code::Unavailable, "NO_LEADER", &metadata))))
            .await;
    let nobody = nobody().await;
    let client = client(&[&nobody, &no_leader.address], SHORT);
    let error = client.open_account(request("a")).await.expect_err("no leader");
    assert!(matches!(error, ClientError::Unavailable { write: true, .. }), "{error:?}");
    assert!(no_leader.asked().len() > 1);
    // Every endpoint with what it met last.
    let told = error.to_string();
    let answered = format!("{}: NO_LEADER", no_leader.address);
    for part in [&format!("{nobody}: "), &answered, "nothing was applied"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[tokio::test]
async fn a_read_past_the_deadline_says_nothing_about_applying() {
    let client = client(&[&nobody().await], SHORT);
    let error = client.reads().list_banks(Default::default()).await.expect_err("nobody there");
    assert!(matches!(error, ClientError::Unavailable { write: false, .. }), "{error:?}");
    assert!(!error.to_string().contains("applied"), "{error}");
}

#[tokio::test]
async fn past_the_deadline_one_unknown_attempt_makes_the_call_unknown() {
    let node = FakeNode::start(answers(|call| match call {
        0 => Err(outcome_unknown()),
        _ => Err(not_leader("")),
    }))
    .await;
    let error = client(&[&node.address], SHORT).open_account(request("a")).await.expect_err("late");
    let ClientError::Unknown { request_id, .. } = &error else { panic!("{error:?}") };
    assert_eq!(request_id, "a");
}

#[tokio::test]
async fn two_nodes_that_name_each_other_are_asked_with_pauses() {
    let address = nobody().await;
    let port = address.clone();
    let node = FakeNode::start(answers(move |_| Err(not_leader(&port)))).await;
    let error = client(&[&node.address], SHORT).open_account(request("a")).await.expect_err("late");
    assert!(matches!(error, ClientError::Unavailable { .. }), "{error:?}");
    assert!(node.asked().len() < 10, "{} attempts in 300 ms", node.asked().len());
}

/// A leader that is cut off with its follower; the client sees the others as well.
#[tokio::test]
async fn nodes_that_are_cut_off_together_do_not_keep_a_caller() {
    let new = FakeNode::start(answers(|_| account(7))).await;
    let no_quorum = |_| Err(status(Code::Unavailable, "NO_QUORUM", &[("outcome", "unknown")]));
    let cut_off = FakeNode::start(answers(no_quorum)).await;
    let named = cut_off.address.clone();
    let follower = FakeNode::start(answers(move |_| Err(not_leader(&named)))).await;
    let client = client(&[&cut_off.address, &follower.address, &new.address], PATIENT);
    let opened = client.open_account(request("a")).await.expect("the third one leads");
    assert_eq!(opened.account_id, 7);
    assert_eq!((cut_off.asked().len(), follower.asked().len()), (1, 1));
}

#[tokio::test]
async fn a_refused_certificate_is_not_tried_elsewhere() {
    let node = FakeNode::start(answers(|_| {
        Err(status(Code::PermissionDenied, "NOT_AUTHORISED", &[("role", "bank")]))
    }))
    .await;
    let error =
        client(&[&node.address], PATIENT).open_account(request("a")).await.expect_err("denied");
    assert!(matches!(error, ClientError::Denied { .. }), "{error:?}");
    assert_eq!(node.asked().len(), 1);
}

#[tokio::test]
async fn a_call_without_an_id_is_not_repeated_once_it_may_be_applied() {
    let node = FakeNode::start(answers(|call| match call {
        0 => Err(not_leader("")),
        _ => Err(outcome_unknown()),
    }))
    .await;
    let client = client(&[&node.address], PATIENT);
    let outcome: Result<OpenAccountReply, ClientError> = client
        .connector()
        .call(Call::once("bootstrap"), Route::Leader, |attempt| {
            let message = attempt.message(request("a"));
            async move { AccountServiceClient::new(attempt.channel).open_account(message).await }
        })
        .await;
    assert!(matches!(outcome, Err(ClientError::Unknown { .. })), "{outcome:?}");
    assert_eq!(node.asked().len(), 2);
}

#[test]
fn endpoints_that_met_the_same_stand_together() {
    let met = [("a:1", "refused"), ("b:1", "no answer"), ("c:1", "refused")];
    let told = causes(met.map(|(endpoint, cause)| (endpoint.to_owned(), cause.to_owned())));
    assert_eq!(told, "a:1, c:1: refused; b:1: no answer");
}
