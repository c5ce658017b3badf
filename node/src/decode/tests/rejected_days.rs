//! Bad input by table: trades and the steps of a settlement day.

use bytes::Bytes;
use registry_ledger::Reason;
use registry_proto::registry as proto;
use registry_proto::storage;
use registry_proto::storage::log_command::Command as Wire;

use super::rejected::expect;
use super::{chunk, submit, trade};

#[test]
fn trades_in_chunks() {
    let good = chunk(vec![trade(), proto::Trade { trade_number: 18, ..trade() }]);
    expect(
        &good,
        |chunk| submit(&chunk),
        &[
            (&|m| m.date.clear(), Reason::FieldMissing, "chunk.date"),
            (&|m| m.date = "2021-13-01".into(), Reason::BadDate, "chunk.date"),
            (&|m| m.chunk_number = 0, Reason::FieldMissing, "chunk.chunk_number"),
            (&|m| m.trades.clear(), Reason::FieldMissing, "chunk.trades"),
            (&|m| m.trades = vec![trade(); 8_193], Reason::TooLong, "chunk.trades"),
            (
                &|m| m.trades[1].trade_number = 0,
                Reason::FieldMissing,
                "chunk.trades[1].trade_number",
            ),
            (&|m| m.trades[1].kind = 0, Reason::FieldMissing, "chunk.trades[1].kind"),
            (&|m| m.trades[1].kind = 3, Reason::Malformed, "chunk.trades[1].kind"),
            (
                &|m| m.trades[0].instrument = "CEA-2".into(),
                Reason::WrongInstrument,
                "chunk.trades[0].instrument",
            ),
            (
                &|m| m.trades[0].buyer_account = 0,
                Reason::FieldMissing,
                "chunk.trades[0].buyer_account",
            ),
            (
                &|m| m.trades[0].seller_account = 1 << 40,
                Reason::UnknownAccount,
                "chunk.trades[0].seller_account",
            ),
            (
                &|m| m.trades[0].buyer_bank = 1 << 20,
                Reason::UnknownBank,
                "chunk.trades[0].buyer_bank",
            ),
            (&|m| m.trades[0].seller_bank = 0, Reason::FieldMissing, "chunk.trades[0].seller_bank"),
            (
                &|m| m.trades[0].quantity_tco2e = 0,
                Reason::NotPositive,
                "chunk.trades[0].quantity_tco2e",
            ),
            (
                &|m| m.trades[1].quantity_tco2e = -5,
                Reason::NotPositive,
                "chunk.trades[1].quantity_tco2e",
            ),
            (
                &|m| m.trades[1].price_yuan = "43.165".into(),
                Reason::Tick,
                "chunk.trades[1].price_yuan",
            ),
            (
                &|m| m.trades[1].price_yuan = "0".into(),
                Reason::NotPositive,
                "chunk.trades[1].price_yuan",
            ),
            (
                &|m| m.trades[1].price_yuan = "-1".into(),
                Reason::NotPositive,
                "chunk.trades[1].price_yuan",
            ),
            (
                &|m| m.trades[1].price_yuan = "４３".into(),
                Reason::NotADecimal,
                "chunk.trades[1].price_yuan",
            ),
            (
                &|m| m.trades[1].price_yuan.clear(),
                Reason::FieldMissing,
                "chunk.trades[1].price_yuan",
            ),
        ],
    );
    let raw = proto::SubmitTradesRequest {
        request_id: "r".into(),
        chunk: Bytes::from(prost::Message::encode_to_vec(&good)),
    };
    expect(
        &raw,
        Wire::SubmitTrades,
        &[
            (&|m| m.request_id.clear(), Reason::FieldMissing, "request_id"),
            (&|m| m.chunk.clear(), Reason::FieldMissing, "chunk"),
            (&|m| m.chunk.truncate(m.chunk.len() - 1), Reason::Malformed, "chunk"),
            (&|m| m.chunk = Bytes::from_static(&[0xff; 16]), Reason::Malformed, "chunk"),
        ],
    );
}

#[test]
fn manifest_and_clearing() {
    let manifest = proto::SubmitManifestRequest {
        request_id: "r".into(),
        date: "2021-12-16".into(),
        trade_count: 1,
        quantity_tco2e: 500,
        amount_yuan: "21580.00".into(),
        trades_sha256: Bytes::from_static(&[1; 32]),
    };
    expect(
        &manifest,
        Wire::SubmitManifest,
        &[
            (&|m| m.date.clear(), Reason::FieldMissing, "date"),
            (&|m| m.quantity_tco2e = -1, Reason::OutOfRange, "quantity_tco2e"),
            (&|m| m.amount_yuan.clear(), Reason::FieldMissing, "amount_yuan"),
            (&|m| m.amount_yuan = "-1".into(), Reason::OutOfRange, "amount_yuan"),
            (&|m| m.amount_yuan = "1.005".into(), Reason::TooManyDecimals, "amount_yuan"),
            (&|m| m.trades_sha256.clear(), Reason::FieldMissing, "trades_sha256"),
            (&|m| m.trades_sha256.truncate(31), Reason::Malformed, "trades_sha256"),
        ],
    );
    let confirm = proto::ConfirmClearingRequest {
        request_id: "r".into(),
        date: "2021-12-16".into(),
        clearing_sha256: Bytes::from_static(&[1; 32]),
    };
    expect(
        &confirm,
        Wire::ConfirmClearing,
        &[
            (&|m| m.clearing_sha256.clear(), Reason::FieldMissing, "clearing_sha256"),
            (
                &|m| m.clearing_sha256 = Bytes::from_static(&[1; 33]),
                Reason::Malformed,
                "clearing_sha256",
            ),
        ],
    );
}

#[test]
fn days_and_holidays() {
    let open = proto::OpenDayRequest {
        request_id: "r".into(),
        date: "2021-12-16".into(),
        topup_window_ms: 60_000,
    };
    expect(
        &open,
        Wire::OpenDay,
        &[
            (&|m| m.date.clear(), Reason::FieldMissing, "date"),
            (&|m| m.topup_window_ms = -1, Reason::NotPositive, "topup_window_ms"),
            (&|m| m.topup_window_ms = i64::MAX, Reason::OutOfRange, "topup_window_ms"),
        ],
    );
    let holidays =
        proto::SetHolidaysRequest { request_id: "r".into(), dates: vec!["2021-10-01".into()] };
    expect(
        &holidays,
        Wire::SetHolidays,
        &[
            (&|m| m.dates.push(String::new()), Reason::FieldMissing, "dates[1]"),
            (&|m| m.dates.push("2021-10-32".into()), Reason::BadDate, "dates[1]"),
            (&|m| m.dates = vec!["2021-10-01".into(); 401], Reason::TooLong, "dates"),
        ],
    );
}

#[test]
fn trades_outside_the_stream() {
    let amend = proto::AmendTradeRequest {
        request_id: "r".into(),
        date: "2021-12-16".into(),
        trade_number: 17,
        replacement: Some(trade()),
        reason: "wrong buyer".into(),
    };
    let price = |m: &mut proto::AmendTradeRequest| {
        m.replacement = Some(proto::Trade { price_yuan: "1.234".into(), ..trade() });
    };
    expect(
        &amend,
        Wire::AmendTrade,
        &[
            (&|m| m.trade_number = 0, Reason::FieldMissing, "trade_number"),
            (&|m| m.trade_number = 18, Reason::Malformed, "replacement.trade_number"),
            (&price, Reason::Tick, "replacement.price_yuan"),
            (&|m| m.reason.clear(), Reason::FieldMissing, "reason"),
            (&|m| m.reason = "x".repeat(201), Reason::TooLong, "reason"),
        ],
    );
    let settle = proto::SettleTradeRequest {
        request_id: "r".into(),
        date: "2021-12-16".into(),
        trade: Some(trade()),
    };
    let quantity = |m: &mut proto::SettleTradeRequest| {
        m.trade = Some(proto::Trade { quantity_tco2e: 0, ..trade() });
    };
    expect(
        &settle,
        Wire::SettleTrade,
        &[
            (&|m| m.trade = None, Reason::FieldMissing, "trade"),
            (&quantity, Reason::NotPositive, "trade.quantity_tco2e"),
            (&|m| m.date = "today".into(), Reason::BadDate, "date"),
        ],
    );
    let held = proto::HeldTradesRequest {
        request_id: "r".into(),
        date: "2021-12-16".into(),
        trade_numbers: vec![17],
    };
    for wire in [Wire::RetryHeld as fn(proto::HeldTradesRequest) -> Wire, Wire::FailHeld] {
        expect(
            &held,
            wire,
            &[
                (&|m| m.trade_numbers.clear(), Reason::FieldMissing, "trade_numbers"),
                (&|m| m.trade_numbers = vec![1; 1_001], Reason::TooLong, "trade_numbers"),
                (&|m| m.trade_numbers.push(0), Reason::FieldMissing, "trade_numbers[1]"),
            ],
        );
    }
    let step =
        storage::DeliverTrades { date: "2021-12-16".into(), from_sequence: 1, max_trades: 1 };
    expect(
        &step,
        Wire::DeliverTrades,
        &[
            (&|m| m.date.clear(), Reason::FieldMissing, "date"),
            (&|m| m.from_sequence = 0, Reason::FieldMissing, "from_sequence"),
            (&|m| m.max_trades = 0, Reason::FieldMissing, "max_trades"),
            (&|m| m.max_trades = u32::MAX, Reason::OutOfRange, "max_trades"),
        ],
    );
}

#[test]
fn objections() {
    let raise = proto::RaiseObjectionRequest {
        request_id: "r".into(),
        date: "2021-12-16".into(),
        account_id: 1,
        text: "line one\nline two".into(),
    };
    expect(
        &raise,
        Wire::RaiseObjection,
        &[
            (&|m| m.account_id = 0, Reason::FieldMissing, "account_id"),
            (&|m| m.text.clear(), Reason::FieldMissing, "text"),
            (&|m| m.text = "x".repeat(1_001), Reason::TooLong, "text"),
            (&|m| m.text = "a\u{0}b".into(), Reason::BadCharacter, "text"),
        ],
    );
    let resolve = proto::ResolveObjectionRequest {
        request_id: "r".into(),
        date: "2021-12-16".into(),
        account_id: 1,
        resolution: "the statement stands".into(),
    };
    expect(
        &resolve,
        Wire::ResolveObjection,
        &[
            (&|m| m.resolution.clear(), Reason::FieldMissing, "resolution"),
            (&|m| m.resolution = "x".repeat(1_001), Reason::TooLong, "resolution"),
        ],
    );
}
