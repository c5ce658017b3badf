//! Repos: both legs as the contract says, once, and in time.

use super::super::*;
use super::story::{BUYER, SELLER, Step, audit, caught, cea, date, life};
use crate::journal::code::{CashPart, CashPot, PositionPart};

const DAY_MS: i64 = 86_400_000;

/// What happened, its postings, who did it, and when behind the life, ms.
type Deed = (What, Vec<Posting>, &'static str, i64);

/// 10 t of the buyer's own, back the next day within six hours.
fn terms() -> RepoTerms {
    RepoTerms {
        seller: SELLER,
        buyer: BUYER,
        seller_bank: 103,
        buyer_bank: 102,
        instrument: cea(),
        tonnes: 10,
        opening_price_fen: 4_000,
        return_price_fen: 4_100,
        return_date: date(20_211_217),
        grace_ms: DAY_MS / 4,
    }
}

fn leg(giver: (u64, u64), taker: (u64, u64), fen: i64) -> Vec<Posting> {
    let goods = |account, tonnes| Posting::Goods {
        account,
        instrument: cea(),
        part: PositionPart::Trading,
        tonnes,
    };
    let cash = |account, bank, fen| Posting::Cash { account, bank, part: CashPart::Available, fen };
    let pot = |bank, fen| Posting::CashPot { bank, pot: CashPot::Interbank, fen };
    vec![
        goods(giver.0, -10),
        goods(taker.0, 10),
        cash(taker.0, taker.1, -fen),
        cash(giver.0, giver.1, fen),
        pot(taker.1, fen),
        pot(giver.1, -fen),
    ]
}

fn opening() -> Vec<Posting> {
    leg((SELLER, 103), (BUYER, 102), 40_000)
}

fn returning() -> Vec<Posting> {
    leg((BUYER, 102), (SELLER, 103), 41_000)
}

fn end() -> i64 {
    life().last().expect("a life").event.ledger_time_ms
}

/// From the end of the life to the beginning of the return date.
fn due() -> i64 {
    1_639_670_400_000 - end()
}

fn proposed() -> Deed {
    let (terms, expires_at_ms) = (terms(), end() + 1_000);
    (What::RepoProposed { repo: 1, terms, expires_at_ms }, vec![], "firm/1", 0)
}

const PARTIES: (u64, u64) = (SELLER, BUYER);

fn opened() -> Deed {
    let (seller, buyer) = PARTIES;
    (What::RepoOpened { repo: 1, seller, buyer }, opening(), "firm/2", 1)
}

fn returned(at: i64) -> Deed {
    let (seller, buyer) = PARTIES;
    (What::RepoReturned { repo: 1, seller, buyer }, returning(), "firm/2", at)
}

fn missed(reason: Shortage, at: i64) -> Deed {
    let (seller, buyer) = PARTIES;
    (What::RepoReturnMissed { repo: 1, seller, buyer, reason }, vec![], "node/11", at)
}

fn failed(reason: Shortage, at: i64) -> Deed {
    let (seller, buyer) = PARTIES;
    (What::RepoFailed { repo: 1, seller, buyer, reason }, vec![], "node/11", at)
}

fn declined(actor: &'static str) -> Deed {
    let ((seller, buyer), reason) = (PARTIES, "no".to_owned());
    (What::RepoDeclined { repo: 1, seller, buyer, reason }, vec![], actor, 1)
}

fn expired(at: i64) -> Deed {
    let (seller, buyer) = PARTIES;
    (What::RepoExpired { repo: 1, seller, buyer }, vec![], "node/11", at)
}

/// The buyer moves its tonnes out of reach.
fn disposed() -> Deed {
    let goods = |part, tonnes| Posting::Goods { account: BUYER, instrument: cea(), part, tonnes };
    let (from, to) = (PositionPart::Trading, PositionPart::Registered);
    let all =
        audit(&then(&[proposed(), opened()])).expect("right").books.tonnes(BUYER, cea(), from);
    (What::HoldingMoved {}, vec![goods(from, -all), goods(to, all)], "firm/2", 2)
}

/// The life with these events behind it.
fn then(deeds: &[Deed]) -> Vec<Step> {
    let mut steps = life();
    for (what, postings, actor, at) in deeds.iter().cloned() {
        let last = &steps.last().expect("a life").event;
        let event = Event {
            number: last.number + 1,
            log_index: last.log_index + 1,
            ledger_time_ms: end() + at,
            actor: actor.to_owned(),
            what,
            postings,
        };
        steps.push(Step { event, trades: vec![] });
    }
    steps
}

#[test]
fn repos_return_fail_or_never_open() {
    let over = due() + DAY_MS / 4;
    let rows: [&[Deed]; 6] = [
        &[proposed(), opened(), returned(due())],
        &[proposed(), opened(), disposed(), missed(Shortage::Goods, due())],
        &[
            proposed(),
            opened(),
            disposed(),
            missed(Shortage::Goods, due()),
            failed(Shortage::Goods, over),
        ],
        &[proposed(), declined("firm/1")],
        &[proposed(), declined("firm/2")],
        &[proposed(), expired(1_000)],
    ];
    for deeds in rows {
        audit(&then(deeds)).expect("all of it is due");
    }
}

#[test]
fn repos_that_cannot_be_are_caught() {
    let by = |actor, (what, postings, _, at): Deed| (what, postings, actor, at);
    let posting = |postings, (what, _, actor, at): Deed| (what, postings, actor, at);
    let bad_terms = |change: fn(&mut RepoTerms)| {
        let mut terms = terms();
        change(&mut terms);
        (What::RepoProposed { repo: 1, terms, expires_at_ms: end() + 1 }, vec![], "firm/1", 0)
    };
    let half = opening().into_iter().take(4).collect();
    let over = due() + DAY_MS / 4;
    let rows: [(&str, Vec<Deed>, &str); 16] = [
        ("offered by the buyer", vec![by("firm/2", proposed())], "actor"),
        ("with oneself", vec![bad_terms(|t| t.buyer = SELLER)], "seller and buyer differ"),
        ("of nothing", vec![bad_terms(|t| t.tonnes = 0)], "positive"),
        ("in the past", vec![bad_terms(|t| t.return_date = date(20_211_215))], "to come"),
        ("a number again", vec![proposed(), proposed()], "number of a new repo"),
        ("opened by the seller", vec![proposed(), by("firm/1", opened())], "actor"),
        ("opened without an offer", vec![opened()], "repo"),
        ("opened twice", vec![proposed(), opened(), opened()], "state of repo 1"),
        (
            "tonnes without a leg between banks",
            vec![proposed(), posting(half, opened())],
            "postings at bank 102",
        ),
        ("another price", vec![proposed(), posting(returning(), opened())], "postings of repo 1"),
        ("back too early", vec![proposed(), opened(), returned(due() - 1)], "due"),
        ("back twice", vec![proposed(), opened(), returned(due()), returned(due())], "state"),
        (
            "missed with all there",
            vec![proposed(), opened(), missed(Shortage::Goods, due())],
            "short of",
        ),
        (
            "failed within its grace",
            vec![proposed(), opened(), disposed(), failed(Shortage::Goods, over - 1)],
            "grace of repo 1 over",
        ),
        ("declined by a stranger", vec![proposed(), declined("firm/3")], "actor"),
        ("over too early", vec![proposed(), expired(999)], "time of repo 1 over"),
    ];
    for (case, deeds, what) in rows {
        caught(case, &then(&deeds), what);
    }
}
