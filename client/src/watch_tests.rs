//! Events by pages and as they happen: none missed, none twice.

use std::ops::ControlFlow;
use std::time::Duration;

use registry_proto::registry::event_filter::About;
use registry_proto::registry::{
    Consistency, Event, EventFilter, ListEventsReply, WatchEventsReply, WatchEventsRequest,
};
use tonic::{Code, Status};

use crate::fake_node::{FakeNode, Script, status};
use crate::{ClientError, Connector, ReadClient, WatchReport};

fn message(events: impl IntoIterator<Item = u64>, through_event: u64) -> WatchEventsReply {
    let events = events.into_iter().map(|event| Event { event, ..Default::default() }).collect();
    WatchEventsReply { events, through_event }
}

fn cut_off() -> Status {
    Status::unavailable("the connection broke")
}

async fn watching(
    replies: impl Fn(WatchEventsRequest) -> Vec<Result<WatchEventsReply, Status>>
    + Send
    + Sync
    + 'static,
) -> FakeNode {
    FakeNode::start(Script { watch_events: Box::new(replies), ..Default::default() }).await
}

fn about(bank_id: u32) -> Option<EventFilter> {
    Some(EventFilter { about: Some(About::BankId(bank_id)) })
}

fn connector(nodes: &[&FakeNode]) -> Connector {
    let addresses: Vec<String> = nodes.iter().map(|node| node.address.clone()).collect();
    Connector::plaintext(&addresses, Duration::from_secs(20))
}

/// Watches until one event is seen, and says which events came.
async fn watch(
    connector: Connector,
    after: u64,
    filter: Option<EventFilter>,
    last: u64,
) -> (Vec<u64>, Result<WatchReport, ClientError>) {
    let mut seen = Vec::new();
    let report = ReadClient::new(connector)
        .watch_events(after, filter, |reply| {
            seen.extend(reply.events.iter().map(|event| event.event));
            if seen.contains(&last) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await;
    (seen, report)
}

#[tokio::test]
async fn a_broken_stream_goes_on_behind_the_last_number_at_another_node() {
    let first =
        watching(|_| vec![Ok(message(1..=2, 2)), Ok(message([3], 3)), Err(cut_off())]).await;
    let second = watching(|_| vec![Ok(message(4..=6, 6)), Err(cut_off())]).await;
    let (seen, report) = watch(connector(&[&first, &second]), 0, None, 6).await;
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    let expected = WatchReport { events: 6, through_event: 6, resumptions: 1 };
    assert_eq!(report.expect("a watch"), expected);
    assert_eq!((first.asked(), second.asked()), (vec!["0".to_owned()], vec!["3".to_owned()]));
}

#[tokio::test]
async fn a_node_that_has_nothing_to_tell_is_left_for_another() {
    let silent = watching(|_| vec![Ok(message(1..=2, 2))]).await;
    let lively = watching(|_| vec![Ok(message([3], 3))]).await;
    let addresses = [silent.address.clone(), lively.address.clone()];
    let connector = Connector::plaintext_stalling(&addresses, Duration::from_millis(300));
    let (seen, report) = watch(connector, 0, None, 3).await;
    assert_eq!(seen, [1, 2, 3]);
    assert_eq!(report.expect("a watch").resumptions, 1);
    assert_eq!(lively.asked(), ["2"]);
}

#[tokio::test]
async fn a_filtered_watch_goes_on_where_it_looked_last() {
    let first = watching(|_| vec![Ok(message([5], 7)), Ok(message([], 9)), Err(cut_off())]).await;
    let second = watching(|request| {
        assert!(request.filter.is_some(), "{request:?}");
        vec![Ok(message([12], 12))]
    })
    .await;
    let (seen, report) = watch(connector(&[&first, &second]), 4, about(102), 12).await;
    assert_eq!(seen, [5, 12]);
    assert_eq!(report.expect("a watch").through_event, 12);
    assert_eq!((first.asked(), second.asked()), (vec!["4".to_owned()], vec!["9".to_owned()]));
}

#[tokio::test]
async fn messages_that_miss_or_repeat_events_are_no_answer() {
    let cases = [
        ("a gap", vec![message([2], 2)], None),
        ("a gap between messages", vec![message([1], 1), message([3], 3)], None),
        ("an event twice", vec![message([1, 1], 2)], about(102)),
        ("a message twice", vec![message([1], 1), message([1], 1)], about(102)),
        ("events behind their own end", vec![message([1, 2], 1)], about(102)),
        ("a place before the last", vec![message([4], 4), message([], 3)], about(102)),
        ("a place without its events", vec![message([], 3)], None),
    ];
    for (what, messages, filter) in cases {
        let node = watching(move |_| messages.iter().cloned().map(Ok).collect()).await;
        let (_, report) = watch(connector(&[&node]), 0, filter, 100).await;
        assert!(matches!(report, Err(ClientError::Protocol(_))), "{what}: {report:?}");
    }
}

#[tokio::test]
async fn a_refused_watch_ends_at_once() {
    let node = watching(|_| vec![Err(status(Code::PermissionDenied, "NOT_AUTHORISED", &[]))]).await;
    let (_, report) = watch(connector(&[&node]), 0, None, 1).await;
    assert!(matches!(report, Err(ClientError::Denied { .. })), "{report:?}");
    assert_eq!(node.asked().len(), 1);
}

#[tokio::test]
async fn pages_are_read_to_the_end_one_after_another() {
    let node = FakeNode::start(Script {
        // Of seven events the even ones are asked for; the second page is empty.
        list_events: Box::new(|request| {
            let (events, next_after_event) = match request.after_event {
                0 => (vec![2], 3),
                3 => (vec![], 5),
                5 => (vec![6], 0),
                other => panic!("no page ends at {other}"),
            };
            let WatchEventsReply { events, .. } = message(events, 0);
            Ok(ListEventsReply { stamp: None, events, next_after_event })
        }),
        ..Default::default()
    })
    .await;
    let reads = ReadClient::new(connector(&[&node]));
    let mut events = reads.all_events(0, about(102), Consistency::StaleOk);
    let mut seen = Vec::new();
    while let Some(event) = events.next().await.expect("a page") {
        seen.push(event.event);
    }
    assert_eq!(seen, [2, 6]);
    assert_eq!(events.next().await.expect("the end again"), None);
}
