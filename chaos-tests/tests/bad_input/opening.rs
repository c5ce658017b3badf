//! Books taken over from elsewhere.

use registry_chaos_tests::market::{INSTRUMENT, bank_of, credit_code};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    AccountKind, BookLoading, GetAccountRequest, OpeningBooks, OpeningCash, OpeningHolding,
};
use registry_client::{RegistryClient, TwoOfficers};
use tonic::Code::{AlreadyExists, InvalidArgument, NotFound, OutOfRange};

use super::{Bench, Refused};

pub(super) async fn tables(bench: &mut Bench) -> anyhow::Result<()> {
    requests(bench).await;
    holders(bench).await;
    holdings_and_cash(bench).await;
    denied(bench).await?;
    taken_once(bench).await
}

fn books(firm: u64) -> OpeningBooks {
    OpeningBooks {
        uscc: credit_code(firm),
        name: format!("Firm {firm}"),
        kind: AccountKind::Emitter.into(),
        holdings: vec![holding(10, 20)],
        cash: vec![money("5.00")],
    }
}

fn holding(registered_tco2e: i64, trading_tco2e: i64) -> OpeningHolding {
    OpeningHolding { instrument: INSTRUMENT.to_owned(), registered_tco2e, trading_tco2e }
}

fn money(amount_yuan: &str) -> OpeningCash {
    OpeningCash { bank_id: bank_of(1), amount_yuan: amount_yuan.to_owned() }
}

fn load(accounts: Vec<OpeningBooks>) -> BookLoading {
    let document = "Books of 2021-12-15".to_owned();
    BookLoading { document, accounts }
}

async fn row(bench: &mut Bench, what: &str, request: BookLoading, expected: Refused) {
    bench.controlled_row(&format!("books: {what}"), Command::BookLoading(request), expected).await;
}

async fn requests(bench: &mut Bench) {
    let document = |document: String| BookLoading { document, ..load(vec![books(11)]) };
    let short = |firm| OpeningBooks { holdings: vec![], cash: vec![], ..books(firm) };
    let long_name = |firm| OpeningBooks { name: "n".repeat(200), ..books(firm) };
    let rows: [(&str, BookLoading, Refused); 5] = [
        ("no document", document(String::new()), (InvalidArgument, "FIELD_MISSING", "document")),
        (
            "document of 201 bytes",
            document("d".repeat(201)),
            (InvalidArgument, "TOO_LONG", "document"),
        ),
        ("no accounts", load(vec![]), (InvalidArgument, "FIELD_MISSING", "accounts")),
        (
            "8,193 accounts",
            load((11..8_204).map(short).collect()),
            (InvalidArgument, "TOO_LONG", "accounts"),
        ),
        (
            "a message of more than 1 MiB",
            load((11..8_000).map(long_name).collect()),
            (OutOfRange, "MESSAGE_TOO_LARGE", ""),
        ),
    ];
    for (what, request, expected) in rows {
        row(bench, what, request, expected).await;
    }
}

async fn holders(bench: &mut Bench) {
    let coded = |uscc: &str| OpeningBooks { uscc: uscc.to_owned(), ..books(12) };
    let named = |name: &str| OpeningBooks { name: name.to_owned(), ..books(12) };
    let kind = |kind| OpeningBooks { kind, ..books(12) };
    let rows: [(&str, OpeningBooks, Refused); 10] = [
        ("no credit code", coded(""), (InvalidArgument, "FIELD_MISSING", "accounts[1].uscc")),
        (
            "wrong check character",
            coded("914403001922038217"),
            (InvalidArgument, "CHECK_CHARACTER", "accounts[1].uscc"),
        ),
        (
            "letter O in the code",
            coded("91440300I92203821O"),
            (InvalidArgument, "BAD_CHARACTER", "accounts[1].uscc"),
        ),
        ("short code", coded("9142010"), (InvalidArgument, "OUT_OF_RANGE", "accounts[1].uscc")),
        (
            "a taken code",
            coded(&credit_code(1)),
            (AlreadyExists, "ACCOUNT_EXISTS", "accounts[1].uscc"),
        ),
        (
            "one code twice",
            coded(&credit_code(11)),
            (AlreadyExists, "ACCOUNT_EXISTS", "accounts[1].uscc"),
        ),
        ("no name", named(""), (InvalidArgument, "FIELD_MISSING", "accounts[1].name")),
        (
            "line end in a name",
            named("a\nb"),
            (InvalidArgument, "BAD_CHARACTER", "accounts[1].name"),
        ),
        ("no kind", kind(0), (InvalidArgument, "FIELD_MISSING", "accounts[1].kind")),
        ("unknown kind", kind(77), (InvalidArgument, "MALFORMED", "accounts[1].kind")),
    ];
    for (what, bad, expected) in rows {
        row(bench, what, load(vec![books(11), bad]), expected).await;
    }
}

async fn holdings_and_cash(bench: &mut Bench) {
    let of =
        |instrument: &str| OpeningHolding { instrument: instrument.to_owned(), ..holding(1, 0) };
    let rows: [(&str, Vec<OpeningHolding>, Refused); 9] = [
        (
            "no instrument",
            vec![of("")],
            (InvalidArgument, "FIELD_MISSING", "accounts[1].holdings[0].instrument"),
        ),
        (
            "no such code",
            vec![of("CEA-1999")],
            (NotFound, "WRONG_INSTRUMENT", "accounts[1].holdings[0].instrument"),
        ),
        (
            "another vintage",
            vec![holding(1, 0), of("CEA-2021")],
            (NotFound, "WRONG_INSTRUMENT", "accounts[1].holdings[1].instrument"),
        ),
        (
            "an instrument twice",
            vec![holding(1, 0), holding(0, 1)],
            (InvalidArgument, "MALFORMED", "accounts[1].holdings[1].instrument"),
        ),
        (
            "-1 t registered",
            vec![holding(-1, 2)],
            (InvalidArgument, "NOT_POSITIVE", "accounts[1].holdings[0].registered_tco2e"),
        ),
        (
            "-1 t trading",
            vec![holding(2, -1)],
            (InvalidArgument, "NOT_POSITIVE", "accounts[1].holdings[0].trading_tco2e"),
        ),
        (
            "0 t",
            vec![holding(0, 0)],
            (InvalidArgument, "NOT_POSITIVE", "accounts[1].holdings[0].registered_tco2e"),
        ),
        (
            "more than fits",
            vec![holding(i64::MAX, 1)],
            (InvalidArgument, "OUT_OF_RANGE", "accounts[1].holdings[0].registered_tco2e"),
        ),
        (
            "more than fits with what is issued",
            vec![holding(i64::MAX - 30, 0)],
            (InvalidArgument, "OUT_OF_RANGE", "accounts"),
        ),
    ];
    for (what, holdings, expected) in rows {
        let bad = OpeningBooks { holdings, ..books(12) };
        row(bench, what, load(vec![books(11), bad]), expected).await;
    }
    let at = |bank_id, amount: &str| OpeningCash { bank_id, ..money(amount) };
    let rows: [(&str, Vec<OpeningCash>, Refused); 10] = [
        (
            "no bank",
            vec![at(0, "1.00")],
            (InvalidArgument, "FIELD_MISSING", "accounts[1].cash[0].bank_id"),
        ),
        (
            "an unknown bank",
            vec![money("1.00"), at(999, "1.00")],
            (NotFound, "UNKNOWN_BANK", "accounts[1].cash[1].bank_id"),
        ),
        (
            "a bank's number that no bank has",
            vec![at(u32::MAX, "1.00")],
            (NotFound, "UNKNOWN_BANK", "accounts[1].cash[0].bank_id"),
        ),
        (
            "a bank twice",
            vec![money("1.00"), money("2.00")],
            (InvalidArgument, "MALFORMED", "accounts[1].cash[1].bank_id"),
        ),
        (
            "no money",
            vec![money("0.00")],
            (InvalidArgument, "NOT_POSITIVE", "accounts[1].cash[0].amount_yuan"),
        ),
        (
            "negative money",
            vec![money("-1")],
            (InvalidArgument, "NOT_POSITIVE", "accounts[1].cash[0].amount_yuan"),
        ),
        (
            "no amount",
            vec![money("")],
            (InvalidArgument, "FIELD_MISSING", "accounts[1].cash[0].amount_yuan"),
        ),
        (
            "money in words",
            vec![money("1e9")],
            (InvalidArgument, "NOT_A_DECIMAL", "accounts[1].cash[0].amount_yuan"),
        ),
        (
            "a tenth of a fen",
            vec![money("1.001")],
            (InvalidArgument, "TOO_MANY_DECIMALS", "accounts[1].cash[0].amount_yuan"),
        ),
        (
            "money that does not fit with the other account's",
            vec![money("92233720368547758.07")],
            (InvalidArgument, "OUT_OF_RANGE", "accounts[1].cash[0].amount_yuan"),
        ),
    ];
    for (what, cash, expected) in rows {
        let bad = OpeningBooks { cash, ..books(12) };
        row(bench, what, load(vec![books(11), bad]), expected).await;
    }
    // Fits alone, but not with the money that is deposited already.
    let bad = OpeningBooks { cash: vec![money("92233720368547758.07")], ..books(12) };
    let expected = (InvalidArgument, "OUT_OF_RANGE", "accounts");
    row(bench, "money that does not fit with the market's", load(vec![bad]), expected).await;
}

async fn denied(bench: &mut Bench) -> anyhow::Result<()> {
    for user in ["exchange-sh", "operator-1", "auditor-1", "bank-102"] {
        let registry = RegistryClient::new(bench.cluster.connect_as(user)?);
        let officers = TwoOfficers::new(registry.clone(), registry);
        let outcome = officers.load_books("", load(vec![books(11)])).await;
        bench.refusals.denied(&format!("books as {user}"), outcome, "NOT_AUTHORISED").await;
    }
    Ok(())
}

/// Good books are taken once, and only under their own request id.
async fn taken_once(bench: &mut Bench) -> anyhow::Result<()> {
    let officers = bench.officers.clone();
    let first = officers.load_books("books-once", load(vec![books(11), books(12)])).await?;
    assert_eq!((first.first_account_id, first.account_count), (5, 2));
    bench.refusals.accept_changes().await?;
    let get = GetAccountRequest { account_id: 6, ..Default::default() };
    let account = bench.registry.reads().get_account(get).await?.account.expect("an account");
    let held = &account.holdings[0];
    let found = (held.total_tco2e, held.registered_tco2e, held.trading_tco2e);
    assert_eq!((account.uscc, found), (credit_code(12), (30, 10, 20)));
    assert_eq!(account.cash[0].available_yuan, "5.00");

    let again = officers.load_books("books-once", load(vec![books(11), books(12)])).await?;
    let answer = if again == first { "the first answer" } else { "another answer" };
    bench.refusals.compare("books: sent again", answer, "the first answer").await;
    let outcome = officers.load_books("books-once", load(vec![books(11)])).await;
    let expected = (AlreadyExists, "REQUEST_ID_REUSED", "request_id");
    bench.refusals.row("books: other content under a used id", outcome, expected).await;
    Ok(())
}
