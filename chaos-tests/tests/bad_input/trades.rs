//! Single trades, settled at once or not at all.

use registry_client::proto::{SettleTradeRequest, Trade, TradeKind};
use tonic::Code;
use tonic::Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound};

use super::{Bench, DATE, immediate, trade};

type Row = (&'static str, fn(&mut Trade), (Code, &'static str, &'static str));

const ROWS: &[Row] = &[
    ("number 0", |t| t.trade_number = 0, (InvalidArgument, "FIELD_MISSING", "trade.trade_number")),
    ("no kind", |t| t.kind = 0, (InvalidArgument, "FIELD_MISSING", "trade.kind")),
    ("unknown kind", |t| t.kind = 77, (InvalidArgument, "MALFORMED", "trade.kind")),
    ("0 t", |t| t.quantity_tco2e = 0, (InvalidArgument, "NOT_POSITIVE", "trade.quantity_tco2e")),
    (
        "-10 t",
        |t| t.quantity_tco2e = -10,
        (InvalidArgument, "NOT_POSITIVE", "trade.quantity_tco2e"),
    ),
    (
        "price 0",
        |t| t.price_yuan = "0".into(),
        (InvalidArgument, "NOT_POSITIVE", "trade.price_yuan"),
    ),
    (
        "price -43",
        |t| t.price_yuan = "-43".into(),
        (InvalidArgument, "NOT_POSITIVE", "trade.price_yuan"),
    ),
    ("no price", |t| t.price_yuan.clear(), (InvalidArgument, "FIELD_MISSING", "trade.price_yuan")),
    (
        "half a tick",
        |t| t.price_yuan = "43.005".into(),
        (InvalidArgument, "TICK", "trade.price_yuan"),
    ),
    (
        "price 1e9",
        |t| t.price_yuan = "1e9".into(),
        (InvalidArgument, "NOT_A_DECIMAL", "trade.price_yuan"),
    ),
    (
        "price NaN",
        |t| t.price_yuan = "NaN".into(),
        (InvalidArgument, "NOT_A_DECIMAL", "trade.price_yuan"),
    ),
    (
        "full-width price",
        |t| t.price_yuan = "４３".into(),
        (InvalidArgument, "NOT_A_DECIMAL", "trade.price_yuan"),
    ),
    (
        "price beyond all money",
        |t| t.price_yuan = "92233720368547758.08".into(),
        (InvalidArgument, "OUT_OF_RANGE", "trade.price_yuan"),
    ),
    // 43.06 less and more 10 %: 38.75 to 47.37.
    (
        "a tick under the limit",
        |t| t.price_yuan = "38.74".into(),
        (FailedPrecondition, "PRICE_LIMIT", "trade.price_yuan"),
    ),
    (
        "a tick over the limit",
        |t| t.price_yuan = "47.38".into(),
        (FailedPrecondition, "PRICE_LIMIT", "trade.price_yuan"),
    ),
    (
        "no buyer",
        |t| t.buyer_account = 0,
        (InvalidArgument, "FIELD_MISSING", "trade.buyer_account"),
    ),
    (
        "unknown buyer",
        |t| t.buyer_account = 99,
        (NotFound, "UNKNOWN_ACCOUNT", "trade.buyer_account"),
    ),
    (
        "unknown seller",
        |t| t.seller_account = 99,
        (NotFound, "UNKNOWN_ACCOUNT", "trade.seller_account"),
    ),
    (
        "impossible seller",
        |t| t.seller_account = u64::MAX,
        (NotFound, "UNKNOWN_ACCOUNT", "trade.seller_account"),
    ),
    (
        "self-trade",
        |t| t.buyer_account = t.seller_account,
        (InvalidArgument, "SELF_TRADE", "trade.seller_account"),
    ),
    ("unknown bank", |t| t.buyer_bank = 999, (NotFound, "UNKNOWN_BANK", "trade.buyer_bank")),
    (
        "no instrument",
        |t| t.instrument.clear(),
        (InvalidArgument, "FIELD_MISSING", "trade.instrument"),
    ),
    (
        "another vintage",
        |t| t.instrument = "CEA-2021".into(),
        (NotFound, "WRONG_INSTRUMENT", "trade.instrument"),
    ),
    (
        "small letters",
        |t| t.instrument = "cea-2020".into(),
        (NotFound, "WRONG_INSTRUMENT", "trade.instrument"),
    ),
    (
        "listed 100,000 t",
        |t| t.quantity_tco2e = 100_000,
        (InvalidArgument, "TRADE_SIZE", "trade.quantity_tco2e"),
    ),
    (
        "block of 99,999 t",
        |t| (t.kind, t.quantity_tco2e) = (TradeKind::Block.into(), 99_999),
        (InvalidArgument, "TRADE_SIZE", "trade.quantity_tco2e"),
    ),
    (
        "quantity x price overflows",
        |t| (t.kind, t.quantity_tco2e) = (TradeKind::Block.into(), i64::MAX),
        (InvalidArgument, "OUT_OF_RANGE", "trade.quantity_tco2e"),
    ),
    (
        "the day before",
        |t| t.traded_at_ms -= 86_400_000,
        (InvalidArgument, "TRADE_TIME", "trade.traded_at_ms"),
    ),
    ("no time", |t| t.traded_at_ms = 0, (InvalidArgument, "TRADE_TIME", "trade.traded_at_ms")),
    (
        "more tonnes than the seller has",
        |t| (t.kind, t.quantity_tco2e) = (TradeKind::Block.into(), 60_000_000),
        (FailedPrecondition, "GOODS_SHORT", "trade.seller_account"),
    ),
    (
        "more than the buyer can pay",
        |t| t.quantity_tco2e = 90_000,
        (FailedPrecondition, "CASH_SHORT", "trade.buyer_account"),
    ),
    (
        "used number, other content",
        |t| (t.trade_number, t.quantity_tco2e) = (1, 11),
        (AlreadyExists, "TRADE_CONFLICT", "trade.trade_number"),
    ),
    (
        "used number, same content",
        |t| t.trade_number = 1,
        (AlreadyExists, "TRADE_DUPLICATE", "trade.trade_number"),
    ),
    (
        "number of the stream, same content",
        |t| t.trade_number = 101,
        (AlreadyExists, "TRADE_DUPLICATE", "trade.trade_number"),
    ),
];

pub(super) async fn tables(bench: &mut Bench) -> anyhow::Result<()> {
    for (what, change, expected) in ROWS {
        let mut changed = trade(900);
        change(&mut changed);
        let outcome = bench.exchange.settle_trade(immediate("", changed)).await;
        bench.refusals.row(&format!("trade: {what}"), outcome, *expected).await;
    }
    let absent = SettleTradeRequest { date: DATE.to_owned(), ..Default::default() };
    let outcome = bench.exchange.settle_trade(absent).await;
    bench
        .refusals
        .row("no trade at all", outcome, (InvalidArgument, "FIELD_MISSING", "trade"))
        .await;
    let outcome = bench.exchange.settle_trade(immediate("first", trade(2))).await;
    let expected = (AlreadyExists, "REQUEST_ID_REUSED", "request_id");
    bench.refusals.row("request id of another trade", outcome, expected).await;
    for (date, expected) in [
        ("", (InvalidArgument, "FIELD_MISSING", "date")),
        ("2021-02-30", (InvalidArgument, "BAD_DATE", "date")),
        ("16.12.2021", (InvalidArgument, "BAD_DATE", "date")),
        ("2021-12-15", (NotFound, "UNKNOWN_DAY", "date")),
    ] {
        let request = SettleTradeRequest { date: date.to_owned(), ..immediate("", trade(900)) };
        let outcome = bench.exchange.settle_trade(request).await;
        bench.refusals.row(&format!("trade on {date:?}"), outcome, expected).await;
    }
    Ok(())
}
