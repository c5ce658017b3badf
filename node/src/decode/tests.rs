#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rejected;
mod rejected_days;
mod rejected_inclusive;
mod rejected_repo;

use bytes::Bytes;
use prost::Message as _;
use registry_ledger::{
    AccountId, BankId, Command, Date, Fen, FreePosition, Member, Price, Quantity,
};
use registry_proto::registry as proto;
use registry_proto::storage::log_command::Command as Wire;
use registry_proto::storage::{self, LogCommand};

use super::decode_command;

const CODE: &str = "91110000802100433B";

fn logged(command: Wire) -> LogCommand {
    LogCommand { actor: "exchange/sh".into(), command: Some(command) }
}

fn command(wire: Wire) -> Command {
    decode_command(&logged(wire)).expect("well formed").1
}

fn fingerprint(wire: Wire) -> [u8; 32] {
    decode_command(&logged(wire)).expect("well formed").0.expect("a request").fingerprint
}

fn trade() -> proto::Trade {
    proto::Trade {
        trade_number: 17,
        kind: proto::TradeKind::Listed.into(),
        instrument: "CEA-2020".into(),
        buyer_account: 1,
        seller_account: 2,
        buyer_bank: 102,
        seller_bank: 103,
        quantity_tco2e: 500,
        price_yuan: "43.16".into(),
        traded_at_ms: 1_639_641_600_000,
    }
}

fn submit(chunk: &proto::TradeChunk) -> Wire {
    Wire::SubmitTrades(proto::SubmitTradesRequest {
        request_id: "r-1".into(),
        chunk: Bytes::from(chunk.encode_to_vec()),
    })
}

fn chunk(trades: Vec<proto::Trade>) -> proto::TradeChunk {
    proto::TradeChunk { date: "2021-12-16".into(), chunk_number: 1, trades }
}

fn day_request(request_id: &str) -> proto::DayRequest {
    proto::DayRequest { request_id: request_id.into(), date: "2021-12-16".into() }
}

#[test]
fn well_formed_requests_keep_their_content() {
    let deposit = Wire::Deposit(proto::DepositRequest {
        request_id: "a.B_c:d-9".into(),
        account_id: 7,
        bank_id: 102,
        amount_yuan: "1234.5".into(),
    });
    let (request, decoded) = decode_command(&logged(deposit)).unwrap();
    assert_eq!(request.unwrap().id, "a.B_c:d-9");
    let expected =
        Command::Deposit { account: AccountId(7), bank: BankId(102), amount: Fen(123_450) };
    assert_eq!(decoded, expected);

    let Command::SubmitTrades(decoded) = command(submit(&chunk(vec![trade()]))) else {
        panic!("another command");
    };
    assert_eq!((decoded.number, decoded.date), (1, Date::parse("2021-12-16").unwrap()));
    let decoded = decoded.trades[0];
    assert_eq!((decoded.quantity, decoded.price), (Quantity(500), Price(4_316)));
    assert_eq!((decoded.buyer, decoded.seller_bank), (AccountId(1), BankId(103)));

    let moved = Wire::MoveHolding(proto::MoveHoldingRequest {
        request_id: "r".into(),
        account_id: 7,
        instrument: "CCER".into(),
        from: proto::Position::Trading.into(),
        quantity_tco2e: 3,
    });
    let Command::MoveHolding { from: FreePosition::Trading, .. } = command(moved) else {
        panic!("another command or position");
    };
}

#[test]
fn a_leaders_own_commands_have_no_request() {
    let step =
        storage::DeliverTrades { date: "2021-12-16".into(), from_sequence: 1, max_trades: 9 };
    assert_eq!(decode_command(&logged(Wire::DeliverTrades(step))).unwrap().0, None);
    let genesis = storage::Genesis {
        cluster_id: "c".into(),
        layout: "dual-city".into(),
        cities: vec![storage::City {
            name: "wuhan".into(),
            members: vec![storage::Member { node_id: 21, storage_id: vec![3; 16].into() }],
        }],
    };
    let (request, decoded) = decode_command(&logged(Wire::Genesis(genesis))).unwrap();
    assert_eq!(request, None);
    let Command::Genesis(genesis) = decoded else { panic!("another command") };
    let member = Member { node_id: 21, storage_id: [3; 16] };
    assert_eq!(genesis.cities, [("wuhan".to_owned(), vec![member])]);
}

#[test]
fn an_open_topup_window_is_two_hours() {
    let open = |topup_window_ms| {
        Wire::OpenDay(proto::OpenDayRequest {
            request_id: "r".into(),
            date: "2021-12-16".into(),
            topup_window_ms,
        })
    };
    for (asked, expected) in [(0, 7_200_000), (1, 1)] {
        let Command::OpenDay { topup_window_ms, .. } = command(open(asked)) else {
            panic!("another command");
        };
        assert_eq!(topup_window_ms, expected);
    }
}

#[test]
fn a_day_without_trades_has_a_manifest_of_zeros() {
    let manifest = Wire::SubmitManifest(proto::SubmitManifestRequest {
        request_id: "r".into(),
        date: "2021-12-16".into(),
        trade_count: 0,
        quantity_tco2e: 0,
        amount_yuan: "0".into(),
        trades_sha256: Bytes::from_static(&[7; 32]),
    });
    let Command::SubmitManifest { manifest, .. } = command(manifest) else {
        panic!("another command");
    };
    assert_eq!((manifest.amount, manifest.quantity), (Fen(0), Quantity(0)));
}

#[test]
fn the_fingerprint_follows_the_content_and_the_kind_of_command() {
    let clear = fingerprint(Wire::ClearDay(day_request("r")));
    assert_eq!(clear, fingerprint(Wire::ClearDay(day_request("r"))));
    // The same message under another name is other content.
    assert_ne!(clear, fingerprint(Wire::FinalizeDay(day_request("r"))));
    let other_day = proto::DayRequest { request_id: "r".into(), date: "2021-12-17".into() };
    assert_ne!(clear, fingerprint(Wire::ClearDay(other_day)));

    let other_price = proto::Trade { price_yuan: "43.17".into(), ..trade() };
    assert_ne!(
        fingerprint(submit(&chunk(vec![trade()]))),
        fingerprint(submit(&chunk(vec![other_price])))
    );
}

#[test]
fn an_empty_log_command_is_refused() {
    let empty = LogCommand { actor: "exchange/sh".into(), command: None };
    assert_eq!(decode_command(&empty).unwrap_err().field, "command");
}
