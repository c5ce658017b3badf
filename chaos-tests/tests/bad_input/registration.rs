//! Accounts, banks, instruments and money.

use registry_chaos_tests::market::{INSTRUMENT, bank_of, credit_code};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    AccountKind, DepositRequest, Issuance, MoveHoldingRequest, OpenAccountRequest, OpenBankRequest,
    Position, RegisterInstrumentRequest,
};
use tonic::Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound};

use super::Bench;

pub(super) async fn tables(bench: &mut Bench) -> anyhow::Result<()> {
    amounts(bench).await;
    accounts(bench).await;
    banks_and_instruments(bench).await;
    positions(bench).await;
    request_ids(bench).await
}

fn deposit(amount_yuan: &str) -> DepositRequest {
    DepositRequest {
        account_id: 1,
        bank_id: bank_of(1),
        amount_yuan: amount_yuan.to_owned(),
        ..Default::default()
    }
}

async fn amounts(bench: &mut Bench) {
    let rows = [
        ("", "FIELD_MISSING"),
        ("0", "NOT_POSITIVE"),
        ("0.00", "NOT_POSITIVE"),
        ("-1", "NOT_POSITIVE"),
        ("-0.01", "NOT_POSITIVE"),
        ("1.001", "TOO_MANY_DECIMALS"),
        ("1.000", "TOO_MANY_DECIMALS"),
        ("1e9", "NOT_A_DECIMAL"),
        ("1E2", "NOT_A_DECIMAL"),
        ("NaN", "NOT_A_DECIMAL"),
        ("inf", "NOT_A_DECIMAL"),
        ("１２", "NOT_A_DECIMAL"),
        ("一百", "NOT_A_DECIMAL"),
        ("1,000", "NOT_A_DECIMAL"),
        ("+1", "NOT_A_DECIMAL"),
        (" 1", "NOT_A_DECIMAL"),
        ("1 ", "NOT_A_DECIMAL"),
        ("1.", "NOT_A_DECIMAL"),
        (".5", "NOT_A_DECIMAL"),
        ("1.2.3", "NOT_A_DECIMAL"),
        ("0x10", "NOT_A_DECIMAL"),
        ("--1", "NOT_A_DECIMAL"),
        ("92233720368547758.08", "OUT_OF_RANGE"),
        ("99999999999999999999999999999999999999999999", "OUT_OF_RANGE"),
        // Fits alone, but not with the money that is deposited already.
        ("92233720368547758.07", "OUT_OF_RANGE"),
    ];
    for (amount, reason) in rows {
        let outcome = bench.registry.deposit(deposit(amount)).await;
        bench
            .refusals
            .row(&format!("deposit {amount:?}"), outcome, (InvalidArgument, reason, "amount_yuan"))
            .await;
    }
    for (account_id, bank_id, expected) in [
        (0, 103, (InvalidArgument, "FIELD_MISSING", "account_id")),
        (99, 103, (NotFound, "UNKNOWN_ACCOUNT", "account_id")),
        (u64::MAX, 103, (NotFound, "UNKNOWN_ACCOUNT", "account_id")),
        (1, 0, (InvalidArgument, "FIELD_MISSING", "bank_id")),
        (1, 999, (NotFound, "UNKNOWN_BANK", "bank_id")),
        (1, u32::MAX, (NotFound, "UNKNOWN_BANK", "bank_id")),
    ] {
        let outcome =
            bench.registry.deposit(DepositRequest { account_id, bank_id, ..deposit("1") }).await;
        bench
            .refusals
            .row(&format!("deposit to {account_id} at {bank_id}"), outcome, expected)
            .await;
    }
}

async fn accounts(bench: &mut Bench) {
    let good = || OpenAccountRequest {
        uscc: credit_code(5),
        name: "Firm 5".to_owned(),
        kind: AccountKind::Emitter.into(),
        ..Default::default()
    };
    let code = |uscc: &str| OpenAccountRequest { uscc: uscc.to_owned(), ..good() };
    let named = |name: String| OpenAccountRequest { name, ..good() };
    let rows = [
        ("no credit code", code(""), (InvalidArgument, "FIELD_MISSING", "uscc")),
        ("short credit code", code("9142010"), (InvalidArgument, "OUT_OF_RANGE", "uscc")),
        ("long credit code", code("9142010000000000000"), (InvalidArgument, "TOO_LONG", "uscc")),
        (
            "wrong check character",
            code("914403001922038217"),
            (InvalidArgument, "CHECK_CHARACTER", "uscc"),
        ),
        (
            "letter O in the code",
            code("91440300I92203821O"),
            (InvalidArgument, "BAD_CHARACTER", "uscc"),
        ),
        (
            "full-width digit in the code",
            code("9１4403001922038216"),
            (InvalidArgument, "BAD_CHARACTER", "uscc"),
        ),
        ("taken credit code", code(&credit_code(1)), (AlreadyExists, "ACCOUNT_EXISTS", "uscc")),
        ("no name", named(String::new()), (InvalidArgument, "FIELD_MISSING", "name")),
        ("name of 201 bytes", named("n".repeat(201)), (InvalidArgument, "TOO_LONG", "name")),
        (
            "line end in a name",
            named("a\nb".to_owned()),
            (InvalidArgument, "BAD_CHARACTER", "name"),
        ),
        (
            "no kind",
            OpenAccountRequest { kind: 0, ..good() },
            (InvalidArgument, "FIELD_MISSING", "kind"),
        ),
        (
            "unknown kind",
            OpenAccountRequest { kind: 77, ..good() },
            (InvalidArgument, "MALFORMED", "kind"),
        ),
    ];
    for (what, request, expected) in rows {
        let outcome = bench.registry.open_account(request).await;
        bench.refusals.row(what, outcome, expected).await;
    }
}

async fn banks_and_instruments(bench: &mut Bench) {
    for (bank_id, expected) in [
        (0, (InvalidArgument, "FIELD_MISSING", "bank_id")),
        (99, (InvalidArgument, "OUT_OF_RANGE", "bank_id")),
        (1_000, (InvalidArgument, "OUT_OF_RANGE", "bank_id")),
        (bank_of(1), (AlreadyExists, "BANK_EXISTS", "bank_id")),
    ] {
        let request = OpenBankRequest { bank_id, name: "A bank".to_owned(), ..Default::default() };
        let outcome = bench.registry.open_bank(request).await;
        bench.refusals.row(&format!("bank {bank_id}"), outcome, expected).await;
    }
    for (instrument, price, expected) in [
        ("", "43.06", (InvalidArgument, "FIELD_MISSING", "instrument")),
        ("CEA-1999", "43.06", (InvalidArgument, "MALFORMED", "instrument")),
        ("CEA-2020 ", "43.06", (InvalidArgument, "MALFORMED", "instrument")),
        (INSTRUMENT, "43.06", (AlreadyExists, "INSTRUMENT_EXISTS", "instrument")),
        ("CEA-2022", "0", (InvalidArgument, "NOT_POSITIVE", "reference_price_yuan")),
        ("CEA-2022", "43.065", (InvalidArgument, "TICK", "reference_price_yuan")),
        ("CEA-2022", "１", (InvalidArgument, "NOT_A_DECIMAL", "reference_price_yuan")),
    ] {
        let request = RegisterInstrumentRequest {
            instrument: instrument.to_owned(),
            reference_price_yuan: price.to_owned(),
            ..Default::default()
        };
        let outcome = bench.registry.register_instrument(request).await;
        bench
            .refusals
            .row(&format!("instrument {instrument:?} at {price}"), outcome, expected)
            .await;
    }
}

async fn positions(bench: &mut Bench) {
    let issue = || Issuance {
        account_id: 1,
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: 1,
        document: "Allocation".to_owned(),
    };
    let rows = [
        (
            "issue 0 t",
            Issuance { quantity_tco2e: 0, ..issue() },
            (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e"),
        ),
        (
            "issue -1 t",
            Issuance { quantity_tco2e: -1, ..issue() },
            (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e"),
        ),
        (
            "issue more than fits with what is issued",
            Issuance { quantity_tco2e: i64::MAX, ..issue() },
            (InvalidArgument, "OUT_OF_RANGE", "quantity_tco2e"),
        ),
        (
            "issue to nobody",
            Issuance { account_id: 99, ..issue() },
            (NotFound, "UNKNOWN_ACCOUNT", "account_id"),
        ),
        (
            "issue another vintage",
            Issuance { instrument: "CEA-2021".to_owned(), ..issue() },
            (NotFound, "WRONG_INSTRUMENT", "instrument"),
        ),
        (
            "issue without a document",
            Issuance { document: String::new(), ..issue() },
            (InvalidArgument, "FIELD_MISSING", "document"),
        ),
    ];
    for (what, request, expected) in rows {
        bench.controlled_row(what, Command::Issuance(request), expected).await;
    }
    for (from, tonnes, expected) in [
        (
            Position::Trading.into(),
            super::TONNES_EACH + 1,
            (FailedPrecondition, "INSUFFICIENT_HOLDING", "quantity_tco2e"),
        ),
        (
            Position::Registered.into(),
            1,
            (FailedPrecondition, "INSUFFICIENT_HOLDING", "quantity_tco2e"),
        ),
        (Position::Trading.into(), 0, (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e")),
        (0, 1, (InvalidArgument, "FIELD_MISSING", "from")),
        (9, 1, (InvalidArgument, "MALFORMED", "from")),
    ] {
        let request = MoveHoldingRequest {
            account_id: 1,
            instrument: INSTRUMENT.to_owned(),
            from,
            quantity_tco2e: tonnes,
            ..Default::default()
        };
        let outcome = bench.registry.move_holding(request).await;
        bench.refusals.row(&format!("move {tonnes} t from {from}"), outcome, expected).await;
    }
}

async fn request_ids(bench: &mut Bench) -> anyhow::Result<()> {
    for (request_id, reason) in
        [("a b", "BAD_CHARACTER"), ("é", "BAD_CHARACTER"), (&*"x".repeat(65), "TOO_LONG")]
    {
        let request = DepositRequest { request_id: request_id.to_owned(), ..deposit("1") };
        let outcome = bench.registry.deposit(request).await;
        let what = format!("request id {request_id:?}");
        bench.refusals.row(&what, outcome, (InvalidArgument, reason, "request_id")).await;
    }
    let used =
        |amount: &str| DepositRequest { request_id: "used-once".to_owned(), ..deposit(amount) };
    let first = bench.registry.deposit(used("1.00")).await?;
    bench.refusals.accept_changes().await?;
    let outcome = bench.registry.deposit(used("2.00")).await;
    let expected = (AlreadyExists, "REQUEST_ID_REUSED", "request_id");
    bench.refusals.row("used request id with other content", outcome, expected).await;
    let again = bench.registry.deposit(used("1.00")).await?;
    let unchanged =
        if again.balance == first.balance { "the first answer" } else { "another answer" };
    bench
        .refusals
        .compare("used request id with the same content", unchanged, "the first answer")
        .await;
    Ok(())
}
