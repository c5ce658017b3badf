//! The day's stream: chunks and the manifest.

use registry_chaos_tests::day::ExchangeDay;
use registry_client::proto::settlement_service_client::SettlementServiceClient;
use registry_client::proto::{SubmitManifestRequest, SubmitTradesRequest, Trade, TradeKind};
use registry_client::{ClientError, SubmitOptions, SubmitReport};
use tonic::Code;
use tonic::Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, OutOfRange};

use super::access::channel;
use super::{Bench, DATE, trade};

pub(super) async fn tables(bench: &mut Bench) -> anyhow::Result<()> {
    chunks(bench).await;
    undecodable(bench).await?;
    manifests(bench).await
}

async fn submit(
    bench: &Bench,
    date: &str,
    number: u32,
    trades: Vec<Trade>,
) -> Result<SubmitReport, ClientError> {
    let options = SubmitOptions { first_chunk: number, ..Default::default() };
    bench.exchange.submit_trades(date, [trades], &options, |_| {}).await
}

fn changed(number: u64, change: impl Fn(&mut Trade)) -> Trade {
    let mut trade = trade(number);
    change(&mut trade);
    trade
}

/// A block trade of which two fit into one sum and three do not.
fn vast(number: u64) -> Trade {
    changed(number, |t| {
        (t.kind, t.quantity_tco2e) = (TradeKind::Block.into(), 1_000_000_000_000_000)
    })
}

async fn chunks(bench: &mut Bench) {
    type Row = (&'static str, &'static str, u32, Vec<Trade>, (Code, &'static str, &'static str));
    let rows: Vec<Row> = vec![
        (
            "a gap",
            DATE,
            3,
            vec![trade(201)],
            (FailedPrecondition, "CHUNK_GAP", "chunk.chunk_number"),
        ),
        (
            "a used number",
            DATE,
            1,
            vec![trade(201)],
            (AlreadyExists, "CHUNK_CONFLICT", "chunk.chunk_number"),
        ),
        ("no trades", DATE, 2, vec![], (InvalidArgument, "FIELD_MISSING", "chunk.trades")),
        (
            "8,193 trades",
            DATE,
            2,
            (201..8_394).map(trade).collect(),
            (InvalidArgument, "TOO_LONG", "chunk.trades"),
        ),
        ("no day", "", 2, vec![trade(201)], (InvalidArgument, "FIELD_MISSING", "chunk.date")),
        (
            "no such date",
            "2021-13-01",
            2,
            vec![trade(201)],
            (InvalidArgument, "BAD_DATE", "chunk.date"),
        ),
        (
            "a day not opened",
            "2021-12-17",
            1,
            vec![trade(201)],
            (NotFound, "UNKNOWN_DAY", "chunk.date"),
        ),
        (
            "half a tick in the second trade",
            DATE,
            2,
            vec![trade(201), changed(202, |t| t.price_yuan = "43.005".into())],
            (InvalidArgument, "TICK", "chunk.trades[1].price_yuan"),
        ),
        (
            "an unknown account in the third trade",
            DATE,
            2,
            vec![trade(201), trade(202), changed(203, |t| t.buyer_account = 99)],
            (NotFound, "UNKNOWN_ACCOUNT", "chunk.trades[2].buyer_account"),
        ),
        (
            "another vintage",
            DATE,
            2,
            vec![changed(201, |t| t.instrument = "CEA-2021".into())],
            (NotFound, "WRONG_INSTRUMENT", "chunk.trades[0].instrument"),
        ),
        (
            "a self-trade",
            DATE,
            2,
            vec![changed(201, |t| t.buyer_account = t.seller_account)],
            (InvalidArgument, "SELF_TRADE", "chunk.trades[0].seller_account"),
        ),
        (
            "a price over the limit",
            DATE,
            2,
            vec![trade(201), changed(202, |t| t.price_yuan = "47.38".into())],
            (FailedPrecondition, "PRICE_LIMIT", "chunk.trades[1].price_yuan"),
        ),
        (
            "an earlier chunk's trade number with other content",
            DATE,
            2,
            vec![changed(101, |t| t.quantity_tco2e = 11)],
            (AlreadyExists, "TRADE_CONFLICT", "chunk.trades[0].trade_number"),
        ),
        (
            "an earlier chunk's trade",
            DATE,
            2,
            vec![trade(201), trade(101)],
            (AlreadyExists, "TRADE_DUPLICATE", "chunk.trades[1].trade_number"),
        ),
        (
            "one number twice in the chunk",
            DATE,
            2,
            vec![trade(201), changed(201, |t| t.quantity_tco2e = 11)],
            (AlreadyExists, "TRADE_CONFLICT", "chunk.trades[1].trade_number"),
        ),
        (
            "quantity x price overflows",
            DATE,
            2,
            vec![changed(201, |t| {
                (t.kind, t.quantity_tco2e) = (TradeKind::Block.into(), i64::MAX)
            })],
            (InvalidArgument, "OUT_OF_RANGE", "chunk.trades[0].quantity_tco2e"),
        ),
        (
            "the day's sum overflows",
            DATE,
            2,
            vec![vast(201), vast(202), vast(203)],
            (InvalidArgument, "OUT_OF_RANGE", "chunk.trades[2].quantity_tco2e"),
        ),
        (
            "a message of more than 1 MiB",
            DATE,
            2,
            (201..30_201).map(trade).collect(),
            (OutOfRange, "MESSAGE_TOO_LARGE", ""),
        ),
    ];
    for (what, date, number, trades, expected) in rows {
        let outcome = submit(bench, date, number, trades).await;
        bench.refusals.row(&format!("chunk: {what}"), outcome, expected).await;
    }
}

/// Bytes that no client of ours would send.
async fn undecodable(bench: &mut Bench) -> anyhow::Result<()> {
    let leader = bench.cluster.leader().await?.node_id;
    let channel = channel(&bench.cluster, leader, Some("exchange-sh"))?;
    for (what, chunk, expected) in [
        ("no bytes", &b""[..], (InvalidArgument, "FIELD_MISSING", "chunk")),
        ("no protobuf", &b"\xff\xff\xff\xff"[..], (InvalidArgument, "MALFORMED", "chunk")),
    ] {
        let request = SubmitTradesRequest {
            request_id: format!("raw-{}", chunk.len()),
            chunk: chunk.to_vec().into(),
        };
        let mut client = SettlementServiceClient::new(channel.clone());
        let outcome = async {
            client
                .submit_trades(futures::stream::iter([request]))
                .await?
                .into_inner()
                .message()
                .await
        };
        let refused = super::access::refusal(outcome.await);
        let (code, reason, field) = expected;
        bench
            .refusals
            .compare(&format!("chunk: {what}"), &refused, &format!("{code:?} {reason} {field:?}"))
            .await;
    }
    Ok(())
}

async fn manifests(bench: &mut Bench) -> anyhow::Result<()> {
    let good = ExchangeDay::new(DATE, vec![trade(101), trade(102)])?.manifest().clone();
    type Row = (&'static str, fn(&mut SubmitManifestRequest), (Code, &'static str, &'static str));
    let rows: [Row; 9] = [
        (
            "one trade less",
            |m| m.trade_count -= 1,
            (FailedPrecondition, "MANIFEST_MISMATCH", "trade_count"),
        ),
        (
            "one tonne more",
            |m| m.quantity_tco2e += 1,
            (FailedPrecondition, "MANIFEST_MISMATCH", "quantity_tco2e"),
        ),
        (
            "other money",
            |m| m.amount_yuan = "860.01".into(),
            (FailedPrecondition, "MANIFEST_MISMATCH", "amount_yuan"),
        ),
        (
            "another hash",
            |m| m.trades_sha256 = vec![7; 32].into(),
            (FailedPrecondition, "MANIFEST_MISMATCH", "trades_sha256"),
        ),
        (
            "half a hash",
            |m| m.trades_sha256 = vec![7; 16].into(),
            (InvalidArgument, "MALFORMED", "trades_sha256"),
        ),
        (
            "no hash",
            |m| m.trades_sha256.clear(),
            (InvalidArgument, "FIELD_MISSING", "trades_sha256"),
        ),
        (
            "money in words",
            |m| m.amount_yuan = "NaN".into(),
            (InvalidArgument, "NOT_A_DECIMAL", "amount_yuan"),
        ),
        (
            "negative tonnes",
            |m| m.quantity_tco2e = -1,
            (InvalidArgument, "OUT_OF_RANGE", "quantity_tco2e"),
        ),
        ("no day", |m| m.date.clear(), (InvalidArgument, "FIELD_MISSING", "date")),
    ];
    for (what, change, expected) in rows {
        let mut manifest = good.clone();
        change(&mut manifest);
        let outcome = bench.exchange.submit_manifest(manifest).await;
        bench.refusals.row(&format!("manifest: {what}"), outcome, expected).await;
    }
    Ok(())
}
