//! Single trades over one stream: a bad one is answered in its place, and the
//! stream goes on.

use registry_client::proto::settle_trades_reply::Outcome;
use registry_client::proto::settlement_service_client::SettlementServiceClient;
use registry_client::proto::{SettleTradeRequest, SettleTradesReply, TradeStatus};
use tonic::Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied};
use tonic::{Code, Status, Streaming};

use super::access::{channel, refusal};
use super::{Bench, immediate, trade};

pub(super) async fn tables(bench: &mut Bench) -> anyhow::Result<()> {
    answered_in_place(bench).await?;
    wrong_roles(bench).await
}

async fn open(
    bench: &Bench,
    user: &str,
    requests: Vec<SettleTradeRequest>,
) -> anyhow::Result<Result<Streaming<SettleTradesReply>, Status>> {
    let leader = bench.cluster.leader().await?.node_id;
    let channel = channel(&bench.cluster, leader, Some(user))?;
    let mut client = SettlementServiceClient::new(channel);
    let opened = client.settle_trades(futures::stream::iter(requests)).await;
    Ok(opened.map(tonic::Response::into_inner))
}

async fn answered_in_place(bench: &mut Bench) -> anyhow::Result<()> {
    let priced = |price: &str| {
        let mut changed = trade(900);
        changed.price_yuan = price.to_owned();
        immediate("", changed)
    };
    let dated =
        |date: &str| SettleTradeRequest { date: date.to_owned(), ..immediate("", trade(900)) };
    let named = |request_id: &str| immediate(request_id, trade(900));
    let absent = SettleTradeRequest { trade: None, ..immediate("", trade(900)) };
    type Expected = (Code, &'static str, &'static str);
    let rows: Vec<(&str, SettleTradeRequest, Expected)> = vec![
        ("no trade", absent, (InvalidArgument, "FIELD_MISSING", "trade")),
        ("half a tick", priced("43.005"), (InvalidArgument, "TICK", "trade.price_yuan")),
        ("a price in words", priced("NaN"), (InvalidArgument, "NOT_A_DECIMAL", "trade.price_yuan")),
        ("no such date", dated("2021-02-30"), (InvalidArgument, "BAD_DATE", "date")),
        ("a day not opened", dated("2021-12-15"), (NotFound, "UNKNOWN_DAY", "date")),
        ("a bad request id", named("a b"), (InvalidArgument, "BAD_CHARACTER", "request_id")),
        (
            "another's request id",
            named("first"),
            (AlreadyExists, "REQUEST_ID_REUSED", "request_id"),
        ),
        (
            "over the limit",
            priced("47.38"),
            (FailedPrecondition, "PRICE_LIMIT", "trade.price_yuan"),
        ),
        (
            "a number of the stream",
            immediate("", trade(101)),
            (AlreadyExists, "TRADE_DUPLICATE", "trade.trade_number"),
        ),
    ];
    let mut requests: Vec<SettleTradeRequest> = (0..)
        .zip(&rows)
        .map(|(number, (_, request, _))| match request.request_id.as_str() {
            "" => {
                SettleTradeRequest { request_id: format!("in-place-{number}"), ..request.clone() }
            }
            _ => request.clone(),
        })
        .collect();
    // Last, a trade that was settled: it gets its first answer, so nothing moves.
    requests.push(immediate("first", trade(1)));
    let asked: Vec<String> = requests.iter().map(|request| request.request_id.clone()).collect();

    let mut replies = open(bench, "exchange-sh", requests).await??;
    for ((what, _, expected), request_id) in rows.into_iter().zip(&asked) {
        let reply = replies.message().await?.expect("an answer per trade");
        assert_eq!(reply.request_id, *request_id, "{what}");
        let (code, reason, field) = expected;
        let expected = format!("{code:?} {reason} {field:?}");
        let found = match reply.outcome {
            Some(Outcome::Refused(refused)) => refusal::<()>(Err(Status::with_details(
                Code::from_i32(refused.code),
                refused.message,
                refused.status,
            ))),
            other => format!("{other:?}"),
        };
        bench.refusals.compare(&format!("trade in a stream: {what}"), &found, &expected).await;
    }
    let reply = replies.message().await?.expect("the stream goes on");
    let Some(Outcome::Settled(settled)) = reply.outcome else { panic!("{reply:?}") };
    assert_eq!(settled.result.expect("a result").status(), TradeStatus::Delivered);
    assert!(replies.message().await?.is_none(), "one answer per trade");
    Ok(())
}

async fn wrong_roles(bench: &mut Bench) -> anyhow::Result<()> {
    for user in ["registry-officer-1", "operator-1", "auditor-1", "bank-102"] {
        let requests = vec![immediate("by-another", trade(900))];
        let found = refusal(open(bench, user, requests).await?.map(|_| "opened"));
        let expected = format!("{PermissionDenied:?} NOT_AUTHORISED \"\"");
        bench.refusals.compare(&format!("stream of trades as {user}"), &found, &expected).await;
    }
    Ok(())
}
