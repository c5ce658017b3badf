//! Yearly compliance: every tonne in its place, nothing surrendered twice or by
//! too much, and carry-overs within their limit.

use super::super::*;
use super::money::{Change, then};
use super::story::{BUYER, SELLER, audit, caught, cea, date, goods, issued};

const HUBEI: u8 = 42;

fn code(text: &str) -> Instrument {
    Instrument::from_text(text).expect("an instrument")
}

fn part(account: u64, instrument: Instrument, part: PositionPart, tonnes: i64) -> Posting {
    Posting::Goods { account, instrument, part, tonnes }
}

fn pot(instrument: Instrument, pot: GoodsPot, tonnes: i64) -> Posting {
    Posting::GoodsPot { instrument, pot, tonnes }
}

fn document() -> String {
    "鄂环发 7".to_owned()
}

fn registered(text: &str) -> Change {
    let (instrument, reference_price_fen) = (code(text), 4_306);
    (What::InstrumentRegistered { instrument, reference_price_fen }, vec![])
}

fn assigned(account: u64, province: u8) -> Change {
    (What::ProvinceAssigned { account, province, document: document() }, vec![])
}

/// What both firms of Hubei hold so that they can be about something.
pub(super) fn prepared() -> Vec<Change> {
    let reductions = vec![
        part(SELLER, code("CCER"), PositionPart::Registered, 90),
        pot(code("CCER"), GoodsPot::Issued, -90),
    ];
    vec![
        registered("CEA-2025"),
        registered("CCER"),
        assigned(SELLER, HUBEI),
        assigned(BUYER, HUBEI),
        (What::Issued { document: document() }, reductions),
        (
            What::Issued { document: document() },
            vec![goods(SELLER, PositionPart::Registered, 20_000), issued(-20_000)],
        ),
    ]
}

fn allocated(allocation: u64, province: u8, tonnes: i64) -> Change {
    let postings = vec![
        goods(SELLER, PositionPart::Registered, -tonnes),
        goods(BUYER, PositionPart::Registered, tonnes),
    ];
    let allocated = AllocationKind::PreAllocation;
    (What::Allocated { allocation, province, allocated, document: document() }, postings)
}

fn recalled(allocation: u64, tonnes: i64) -> Change {
    let postings = vec![
        goods(SELLER, PositionPart::Registered, -tonnes),
        pot(cea(), GoodsPot::Recalled, tonnes),
    ];
    let (province, allocated) = (HUBEI, AllocationKind::Recall);
    (What::Allocated { allocation, province, allocated, document: document() }, postings)
}

pub(super) fn emitted(emissions: u64, year: u64, tonnes: i64) -> Change {
    let report_sha256 = [5; 32];
    (What::EmissionsRecorded { emissions, account: SELLER, year, tonnes, report_sha256 }, vec![])
}

fn corrected(emissions: u64, corrects: u64, tonnes: i64) -> Change {
    let (account, report_sha256, document) = (SELLER, [6; 32], document());
    let what =
        What::EmissionsCorrected { emissions, corrects, account, tonnes, report_sha256, document };
    (what, vec![])
}

pub(super) fn applied(surrender: u64, year: u64, of: Instrument, tonnes: i64) -> Change {
    let postings = vec![
        part(SELLER, of, PositionPart::Registered, -tonnes),
        part(SELLER, of, PositionPart::PendingOut, tonnes),
    ];
    (What::SurrenderApplied { surrender, province: HUBEI, year }, postings)
}

fn approved(surrender: u64, of: Instrument, tonnes: i64) -> Change {
    let postings = vec![
        part(SELLER, of, PositionPart::PendingOut, -tonnes),
        pot(of, GoodsPot::Surrendered, tonnes),
    ];
    (What::SurrenderApproved { surrender }, postings)
}

fn declined(surrender: u64, tonnes: i64) -> Change {
    let postings = vec![
        goods(SELLER, PositionPart::PendingOut, -tonnes),
        goods(SELLER, PositionPart::Registered, tonnes),
    ];
    (What::SurrenderDeclined { surrender, reason: "year".to_owned() }, postings)
}

pub(super) fn carried(carry_over: u64, tonnes: i64, net_sold: i64) -> Change {
    let new = code("CEA-2025");
    let postings = vec![
        goods(SELLER, PositionPart::Registered, -tonnes),
        pot(cea(), GoodsPot::CarriedOut, tonnes),
        part(SELLER, new, PositionPart::Registered, tonnes),
        pot(new, GoodsPot::Issued, -tonnes),
    ];
    let (sold_from, sold_to, document) = (date(20_211_201), date(20_211_216), document());
    (What::CarriedOver { carry_over, sold_from, sold_to, net_sold, document }, postings)
}

fn cancelled(cancellation: u64, tonnes: i64) -> Change {
    let postings = vec![
        goods(SELLER, PositionPart::Registered, -tonnes),
        pot(cea(), GoodsPot::Cancelled, tonnes),
    ];
    let (beneficiary, reason) = ("games".to_owned(), "neutral".to_owned());
    (What::UnitsCancelled { cancellation, beneficiary, reason }, postings)
}

fn transferred(postings: Vec<Posting>) -> Change {
    let (cause, document_sha256) = (TransferCause::Merger, [8; 32]);
    (What::Transferred { cause, document: document(), document_sha256 }, postings)
}

/// Lives that end with what needs two people and its approval.
pub(super) fn controlled() -> Vec<(&'static str, Vec<super::story::Step>)> {
    let one = vec![
        goods(SELLER, PositionPart::Registered, -1),
        goods(BUYER, PositionPart::Registered, 1),
    ];
    vec![
        ("an allocation", prepared_then(&[allocated(1, HUBEI, 100)])),
        ("a recall", prepared_then(&[recalled(1, 40)])),
        ("a correction", prepared_then(&[emitted(1, 2020, 1_000), corrected(2, 1, 900)])),
        ("a carry-over", prepared_then(&[carried(1, 1, 400)])),
        ("a transfer", prepared_then(&[transferred(one)])),
    ]
}

fn prepared_then(more: &[Change]) -> Vec<super::story::Step> {
    then(&[prepared(), more.to_vec()].concat())
}

#[test]
fn tonnes_go_where_they_belong() {
    let ccer = code("CCER");
    let steps = prepared_then(&[
        allocated(1, HUBEI, 100),
        recalled(2, 40),
        emitted(1, 2020, 1_000),
        corrected(2, 1, 900),
        applied(1, 2020, cea(), 600),
        approved(1, cea(), 600),
        applied(2, 2020, cea(), 300),
        declined(2, 300),
        applied(3, 2020, ccer, 45),
        approved(3, ccer, 45),
        // Four trades of 100 t: 10,000 t and 600 t.
        carried(1, 10_600, 400),
        cancelled(1, 7),
        transferred(vec![
            goods(SELLER, PositionPart::Registered, -9),
            goods(BUYER, PositionPart::Registered, 9),
            part(SELLER, ccer, PositionPart::Registered, -1),
            part(BUYER, ccer, PositionPart::Registered, 1),
        ]),
    ]);
    let auditor = audit(&steps).expect("all of it is right");
    let books = &auditor.books.instruments[&cea()];
    let pots =
        [GoodsPot::Surrendered, GoodsPot::Cancelled, GoodsPot::CarriedOut, GoodsPot::Recalled];
    assert_eq!(pots.map(|of| books.pot(of)), [600, 7, 10_600, 40]);
    let held = auditor.books.tonnes(SELLER, cea(), PositionPart::Registered);
    assert_eq!(held, 500 + 20_000 - 100 - 40 - 600 - 10_600 - 7 - 9);
    assert_eq!(auditor.books.tonnes(SELLER, cea(), PositionPart::PendingOut), 0);
}

#[test]
fn what_cannot_be_is_caught() {
    let ccer = code("CCER");
    let due = || vec![emitted(1, 2020, 1_000)];
    let asked = || [due(), vec![applied(1, 2020, cea(), 600)]].concat();
    let and = |before: Vec<Change>, last: Change| [before, vec![last]].concat();
    let given = asked();
    let wrong_window = {
        let (what, postings) = carried(1, 1, 400);
        let What::CarriedOver { carry_over, sold_from, net_sold, document, .. } = what else {
            unreachable!()
        };
        let sold_to = date(20_211_217);
        (What::CarriedOver { carry_over, sold_from, sold_to, net_sold, document }, postings)
    };
    let rows: [(&str, Vec<Change>, &str); 21] = [
        ("a number again", vec![allocated(1, HUBEI, 1), allocated(1, HUBEI, 1)], "new allocation"),
        ("of another province", vec![allocated(1, 31, 1)], "province of account"),
        ("recalled to nowhere", vec![(recalled(1, 1).0, allocated(1, HUBEI, 1).1)], "postings"),
        ("emissions twice", and(due(), emitted(2, 2020, 5)), "emissions of account"),
        ("less than nothing emitted", vec![emitted(1, 2020, -1)], "verified tonnes"),
        (
            "corrected twice",
            [due(), vec![corrected(2, 1, 9), corrected(3, 1, 8)]].concat(),
            "corrected entry",
        ),
        ("asked and nothing owed", vec![applied(1, 2020, cea(), 1)], "emissions of account"),
        ("another era", vec![emitted(1, 2025, 9), applied(1, 2025, cea(), 1)], "of the era"),
        ("more than is owed", and(due(), applied(1, 2020, cea(), 1_001)), "surrenders"),
        ("more than is left", and(asked(), applied(2, 2020, cea(), 401)), "surrenders"),
        ("too many reductions", and(due(), applied(1, 2020, ccer, 51)), "reductions"),
        ("approved and not asked", and(due(), approved(1, cea(), 600)), "surrender"),
        (
            "approved twice",
            [given.clone(), vec![approved(1, cea(), 600), approved(1, cea(), 600)]].concat(),
            "surrender",
        ),
        ("less than was asked", and(asked(), approved(1, cea(), 599)), "of surrender 1"),
        (
            "declined after it was final",
            [given, vec![approved(1, cea(), 600), declined(1, 600)]].concat(),
            "surrender",
        ),
        (
            "approved after a correction",
            [asked(), vec![corrected(2, 1, 599), approved(1, cea(), 600)]].concat(),
            "surrenders",
        ),
        ("sold something else", vec![carried(1, 1, 399)], "sold net"),
        ("over the limit", vec![carried(1, 10_600, 400), carried(2, 1, 400)], "at most 10600"),
        ("a day that is not final", vec![wrong_window], "days whose trades count"),
        ("cancelled and kept", vec![(cancelled(1, 1).0, recalled(1, 1).1)], "postings"),
        (
            "transferred from two",
            vec![transferred(vec![
                goods(SELLER, PositionPart::Registered, -1),
                goods(BUYER, PositionPart::Registered, 1),
                goods(BUYER, PositionPart::Registered, -1),
                goods(SELLER, PositionPart::Registered, 1),
            ])],
            "postings",
        ),
    ];
    for (case, more, what) in rows {
        caught(case, &prepared_then(&more), what);
    }
}

#[test]
fn a_node_that_lists_something_else_is_caught() {
    use registry_proto::registry::Obligation;
    let steps = prepared_then(&[
        emitted(1, 2020, 1_000),
        applied(1, 2020, cea(), 600),
        approved(1, cea(), 600),
        applied(2, 2020, cea(), 300),
    ]);
    let auditor = audit(&steps).expect("all of it is right");
    let line = Obligation {
        account_id: SELLER,
        province: 42,
        year: 2020,
        emissions_id: 1,
        obligation_tco2e: 1_000,
        surrendered_allowances_tco2e: 600,
        pending_allowances_tco2e: 300,
        ..Default::default()
    };
    let compare = |found: &[Obligation]| auditor.compliance.compare(2020, 0, found, true);
    compare(std::slice::from_ref(&line)).expect("the same");
    let wrong: [(&str, Vec<Obligation>); 5] = [
        ("one missing", vec![]),
        ("one too many", vec![line, Obligation { account_id: BUYER, ..line }]),
        ("another account", vec![Obligation { account_id: BUYER, ..line }]),
        ("less owed", vec![Obligation { obligation_tco2e: 999, ..line }]),
        (
            "pending as given",
            vec![Obligation {
                surrendered_allowances_tco2e: 900,
                pending_allowances_tco2e: 0,
                ..line
            }],
        ),
    ];
    for (case, found) in wrong {
        assert!(compare(&found).is_err(), "{case}");
    }
}
