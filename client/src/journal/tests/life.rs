//! The life that nothing is wrong with.

use super::super::*;
use super::story::*;

#[test]
fn a_life_with_one_of_every_event_adds_up() {
    let auditor = audit(&life()).expect("nothing is wrong");
    let counts = auditor.counts();
    let kinds = counts.kinds.keys();
    assert_eq!(kinds.len(), 27, "one of every kind but the ends of proposals and money: {kinds:?}");
    assert_eq!((counts.events, counts.trades, counts.delivered), (45, 6, 4));
    assert_eq!((counts.days, counts.final_days), (2, 1));
    let tonnes = |account, part| auditor.books.tonnes(account, cea(), part);
    assert_eq!(tonnes(SELLER, PositionPart::Registered), 500);
    assert_eq!(tonnes(SELLER, PositionPart::Trading), 600);
    // The next day has opened.
    assert_eq!(
        (tonnes(BUYER, PositionPart::PendingIn), tonnes(BUYER, PositionPart::Trading)),
        (0, 300)
    );
    assert_eq!(tonnes(POOR, PositionPart::Trading), 100);
    let available = |account, bank| auditor.books.fen(account, bank, CashPart::Available);
    assert_eq!(available(BUYER, 102), 5_000_000 - 430_000 - 2 * 430_600);
    assert_eq!(available(POOR, 102), 500_000 - 430_600);
    assert_eq!(available(SELLER, 103), 430_000 + 3 * 430_600);
}

#[test]
fn a_day_without_trades_is_delivered_when_it_is_confirmed() {
    let mut steps = life();
    let opened = place_of(&steps, "DayOpened", 0);
    let day = date(DAY);
    let empty = [
        What::DayClosed {
            date: day,
            trades: 0,
            tonnes: 0,
            fen: 0,
            trades_sha256: trades_sha256(&[]),
            closes: vec![],
        },
        What::DayCleared { date: day, clearing_sha256: clearing_sha256(&[]) },
        What::ClearingConfirmed { date: day },
        What::StatementsIssued { date: day },
        What::DayFinal { date: day },
    ];
    steps.truncate(opened + 1 + empty.len());
    for (step, what) in steps[opened + 1..].iter_mut().zip(empty) {
        (step.event.what, step.event.postings, step.trades) = (what, vec![], vec![]);
    }
    audit(&steps).expect("an empty day");
}

#[test]
fn a_chunk_that_was_amended_since_is_noticed() {
    let steps = life();
    let chunk = place_of(&steps, "TradesAccepted", 0);
    let auditor = audit(&steps[..chunk]).expect("a good beginning");
    let Step { event, trades } = &steps[chunk];
    assert!(auditor.trades_match(event, trades));
    let mut since = trades.clone();
    since[0].price_fen -= 6;
    assert!(!auditor.trades_match(event, &since));
}
