//! Money outside trades: each amount in its place, and no more than is due.

use super::story::{BUYER, OFFICER, Step, audit, caught, go_on, life};
use crate::journal::code::{CashPart, CashPot, Date};
use crate::journal::event::What;
use crate::journal::posting::Posting;

const BANK: u64 = 102;

pub(super) type Change = (What, Vec<Posting>);

fn avail(fen: i64) -> Posting {
    Posting::Cash { account: BUYER, bank: BANK, part: CashPart::Available, fen }
}

fn pending(fen: i64) -> Posting {
    Posting::Cash { account: BUYER, bank: BANK, part: CashPart::PendingOut, fen }
}

fn pot(pot: CashPot, fen: i64) -> Posting {
    Posting::CashPot { bank: BANK, pot, fen }
}

fn document() -> String {
    "bill 7".to_owned()
}

/// The life with these events behind it.
pub(super) fn then(more: &[Change]) -> Vec<Step> {
    let mut steps = life();
    for (what, postings) in more.iter().cloned() {
        go_on(&mut steps, OFFICER, what, postings, 0);
    }
    steps
}

fn asked() -> Change {
    (What::WithdrawalRequested { withdrawal: 1 }, vec![avail(-100), pending(100)])
}

fn funded() -> Change {
    let postings = vec![pot(CashPot::Reserve, 500), pot(CashPot::Deposited, -500)];
    (What::ReserveFunded { document: document() }, postings)
}

#[test]
fn money_moves_between_its_places() {
    let refused = What::WithdrawalRejected { withdrawal: 2, reason: "closed".to_owned() };
    let arrived = What::SuspenseDeposited { reference: "nobody".to_owned() };
    let date = Date::from_number(20_211_216).expect("a date");
    let reported = What::BalanceReported { bank: BANK, as_of: date, balance_fen: 1 };
    let steps = then(&[
        asked(),
        (
            What::WithdrawalConfirmed { withdrawal: 1 },
            vec![pending(-100), pot(CashPot::Withdrawn, 100)],
        ),
        (What::WithdrawalRequested { withdrawal: 2 }, vec![avail(-7), pending(7)]),
        (refused, vec![pending(-7), avail(7)]),
        (What::FeeCharged { document: document() }, vec![avail(-3), pot(CashPot::Fees, 3)]),
        (arrived, vec![pot(CashPot::Suspense, 50), pot(CashPot::Deposited, -50)]),
        (
            What::SuspenseAllocated { document: document() },
            vec![pot(CashPot::Suspense, -30), avail(30)],
        ),
        (
            What::SuspenseReturned { document: document() },
            vec![pot(CashPot::Suspense, -20), pot(CashPot::Withdrawn, 20)],
        ),
        funded(),
        (reported, vec![]),
    ]);
    let auditor = audit(&steps).expect("all of it is due");
    let bank = &auditor.books.banks[&BANK];
    let pots = [CashPot::Fees, CashPot::Reserve, CashPot::Suspense, CashPot::Withdrawn];
    assert_eq!(pots.map(|of| bank.pot(of)), [3, 500, 0, 120]);
}

#[test]
fn money_in_the_wrong_place_is_caught() {
    let confirm = |withdrawal, fen: i64| {
        let postings = vec![pending(-fen), pot(CashPot::Withdrawn, fen)];
        (What::WithdrawalConfirmed { withdrawal }, postings)
    };
    let other = |fen| Posting::Cash { account: 1, bank: BANK, part: CashPart::PendingOut, fen };
    let too_much = 1_000_000_000_000;
    let repaid =
        |claim_fen| (What::ReserveRepaid { claim_fen }, vec![avail(-5), pot(CashPot::Reserve, 5)]);
    let allocated = vec![pot(CashPot::Suspense, -1), avail(1)];
    let rows: [(&str, Vec<Change>, &str); 10] = [
        ("paid out and not asked", vec![confirm(1, 100)], "withdrawal"),
        ("paid out twice", vec![asked(), confirm(1, 100), confirm(1, 100)], "withdrawal"),
        ("less paid out than asked", vec![asked(), confirm(1, 99)], "fen of withdrawal 1"),
        ("a number again", vec![asked(), asked()], "number of a new withdrawal"),
        (
            "set aside for another",
            vec![(What::WithdrawalRequested { withdrawal: 1 }, vec![avail(-1), other(1)])],
            "postings",
        ),
        (
            "more than there is",
            vec![(
                What::FeeCharged { document: document() },
                vec![avail(-too_much), pot(CashPot::Fees, too_much)],
            )],
            "available of account",
        ),
        (
            "a fee into the reserve",
            vec![(
                What::FeeCharged { document: document() },
                vec![avail(-1), pot(CashPot::Reserve, 1)],
            )],
            "postings",
        ),
        (
            "suspense that is not there",
            vec![(What::SuspenseAllocated { document: document() }, allocated)],
            "suspense",
        ),
        ("repaid and not owed", vec![funded(), repaid(-5)], "owes the reserve"),
        ("repaid and still owed", vec![funded(), repaid(0)], "owes the reserve"),
    ];
    for (case, more, what) in rows {
        caught(case, &then(&more), what);
    }
}
