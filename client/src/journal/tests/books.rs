//! Broken numbers, postings and books.

use super::super::*;
use super::story::*;

#[test]
fn events_out_of_line_are_caught() {
    let founded = What::Founded { cluster_id: String::new(), layout: String::new() };
    let cases = [
        ("a gap", changed("Issued", 0, |step| step.event.number += 1), "number of the event"),
        (
            "a number twice",
            changed("Issued", 0, |step| step.event.number -= 1),
            "number of the event",
        ),
        ("an older log index", changed("Issued", 0, |step| step.event.log_index = 3), "log index"),
        (
            "an older time",
            changed("Issued", 0, |step| step.event.ledger_time_ms = 5),
            "ledger time",
        ),
        ("founded twice", instead("Issued", 0, founded), "founds the registry"),
        ("never founded", instead("Founded", 0, What::Deposited {}), "founds the registry"),
    ];
    for (case, steps, what) in &cases {
        caught(case, steps, what);
    }
    // An event that is missing leaves a gap.
    let mut steps = life();
    steps.remove(5);
    caught("a lost event", &steps, "number of the event");
}

#[test]
fn another_encoding_of_the_same_event_is_caught() {
    let bytes = life()[0].event.to_bytes();
    // The strict reader refuses it already; nothing is taken.
    let longer = [&bytes[..1], &[0x81, 0], &bytes[2..]].concat();
    assert!(Auditor::default().read(&longer).is_err());
}

#[test]
fn postings_that_do_not_add_up_are_caught() {
    type Change = fn(&mut Step);
    let cases: [(&str, &str, Change, &str); 16] = [
        (
            "goods from nowhere",
            "Issued",
            |s| s.event.postings[0] = goods(1, PositionPart::Registered, 7),
            "sum of the postings of CEA-2020",
        ),
        (
            "money from nowhere",
            "Deposited",
            |s| s.event.postings[0] = cash(BUYER, 102, 7),
            "sum of the postings at bank 102",
        ),
        (
            "money at another bank",
            "Deposited",
            |s| s.event.postings[0] = cash(BUYER, 103, 5_000_000),
            "sum of the postings at bank",
        ),
        (
            "interbank out of line",
            "Deposited",
            |s| s.event.postings = vec![cash(BUYER, 102, 7), pot(102, CashPot::Interbank, -7)],
            "interbank postings over all banks",
        ),
        ("no postings", "Issued", |s| s.event.postings.clear(), "postings"),
        (
            "postings where none are",
            "StatementsIssued",
            |s| s.event.postings = vec![cash(BUYER, 102, -7), cash(POOR, 102, 7)],
            "postings",
        ),
        (
            "a move to another account",
            "HoldingMoved",
            |s| s.event.postings[1] = goods(BUYER, PositionPart::Trading, 1_000),
            "postings",
        ),
        (
            "a move to a pledge",
            "HoldingMoved",
            |s| s.event.postings[1] = goods(SELLER, PositionPart::Pledged, 1_000),
            "postings",
        ),
        (
            "goods taken back as an issue",
            "Issued",
            |s| s.event.postings = vec![goods(4, PositionPart::Registered, -5), issued(5)],
            "postings",
        ),
        (
            "a loaded account of before",
            "AccountsLoaded",
            |s| s.event.postings[0] = goods(1, PositionPart::Registered, 300),
            "postings",
        ),
        (
            "more moved than there is",
            "HoldingMoved",
            |s| {
                s.event.postings = vec![
                    goods(SELLER, PositionPart::Registered, -2_000),
                    goods(SELLER, PositionPart::Trading, 2_000),
                ]
            },
            "CEA-2020 registered of account 1, tonnes: expected 0 or more, found -500",
        ),
        (
            "an unknown account",
            "Deposited",
            |s| (s.event.what, s.event.postings) = deposit(99, 5),
            "account",
        ),
        (
            "an unknown bank",
            "Deposited",
            |s| s.event.postings = vec![cash(BUYER, 104, 7), pot(104, CashPot::Deposited, -7)],
            "settlement bank",
        ),
        (
            "an unknown instrument",
            "Issued",
            |s| {
                let instrument = Instrument::from_text("CCER").expect("an instrument");
                let part = PositionPart::Registered;
                s.event.postings = vec![
                    Posting::Goods { account: 1, instrument, part, tonnes: 7 },
                    Posting::GoodsPot { instrument, pot: GoodsPot::Issued, tonnes: -7 },
                ];
            },
            "instrument: expected one that was registered, found CCER",
        ),
        (
            "a sum too large",
            "Issued",
            |s| {
                s.event.postings =
                    vec![goods(4, PositionPart::Registered, i64::MAX), issued(-i64::MAX)];
            },
            "a sum of 64 bits",
        ),
        (
            "trades where none are named",
            "Issued",
            |s| s.trades = vec![trade(1, BUYER)],
            "trades that",
        ),
    ];
    for (case, kind, change, what) in cases {
        caught(case, &changed(kind, 0, change), what);
    }
}

#[test]
fn accounts_banks_and_instruments_are_made_once_and_in_order() {
    let bank = What::BankOpened { bank: 102, name: "again".to_owned() };
    let again = What::InstrumentRegistered { instrument: cea(), reference_price_fen: 1 };
    let load = |first, count| What::AccountsLoaded {
        first,
        count,
        accounts_sha256: [0; 32],
        document: String::new(),
    };
    let cases = [
        ("a bank twice", instead("BankOpened", 1, bank), "bank 102"),
        ("an instrument twice", instead("AccountOpened", 0, again), "CEA-2020"),
        (
            "an account too many",
            instead("AccountsLoaded", 0, load(5, 1)),
            "number of a new account",
        ),
        ("an account twice", instead("AccountsLoaded", 0, load(3, 1)), "number of a new account"),
        ("no account", instead("AccountsLoaded", 0, load(4, 0)), "count"),
        ("accounts without end", instead("AccountsLoaded", 0, load(4, 1 << 40)), "count"),
    ];
    for (case, steps, what) in &cases {
        caught(case, steps, what);
    }
}

/// What no single event can show, for its own postings are checked first.
#[test]
fn books_do_not_leave_their_side_of_zero() {
    let auditor = audit(&life()).expect("a good life");
    let cases = [
        (
            "less issued than nothing",
            vec![goods(1, PositionPart::Registered, -5_000), issued(5_000)],
            "CEA-2020",
        ),
        (
            "an unpaid position",
            vec![cash(POOR, 102, -9_000_000), cash(BUYER, 102, 9_000_000)],
            "money available of account 3 at bank 102",
        ),
        (
            "more out than was paid in",
            vec![
                cash(BUYER, 102, 90_000_000),
                pot(102, CashPot::Deposited, -90_000_000),
                pot(103, CashPot::Deposited, 90_000_000),
                cash(SELLER, 103, -90_000_000),
            ],
            "103",
        ),
        ("held and not issued", vec![goods(1, PositionPart::Registered, 5)], "against issued"),
        ("money and no pot", vec![cash(BUYER, 102, 5)], "against its pots"),
        (
            "interbank of one bank",
            vec![cash(BUYER, 102, 5), pot(102, CashPot::Interbank, -5)],
            "interbank over all banks",
        ),
    ];
    for (case, postings, what) in cases {
        let wrong = auditor.books.clone().post_all(&postings).expect_err(case);
        assert!(wrong.what.contains(what), "{case}: {wrong:?}");
    }
}
