//! Two people: what needs them is approved in its own log entry by another officer.

use super::super::*;
use super::compliance;
use super::inclusive;
use super::money::Change;
use super::story::*;

const FIRST: u64 = 5;
const HOUR_MS: i64 = 3_600_000;

fn issue() -> Change {
    let postings = vec![goods(SELLER, PositionPart::Registered, 1), issued(-1)];
    (What::Issued { document: "letter".to_owned() }, postings)
}

/// The life, and then a proposal of somebody.
fn proposed_by(maker: &str, proposal: u64) -> Vec<Step> {
    let mut steps = life();
    let last = &steps.last().expect("a life").event;
    let entry = (last.log_index + 1, last.ledger_time_ms, maker);
    add_event(&mut steps, entry, proposed(proposal), vec![]);
    steps
}

/// The proposal of an officer, and then another event.
fn then(actor: &str, what: What) -> Vec<Step> {
    let mut steps = proposed_by(MAKER, FIRST);
    go_on(&mut steps, actor, what, vec![], 0);
    steps
}

/// An issuance that somebody approves as a proposal of somebody.
fn approval(mut steps: Vec<Step>, actor: &str, what: What, later_ms: i64) -> Vec<Step> {
    let last = &steps.last().expect("a life").event;
    let entry = (last.log_index + 1, last.ledger_time_ms + later_ms, actor);
    let (issued, postings) = issue();
    add_event(&mut steps, entry, issued, postings);
    add_event(&mut steps, entry, what, vec![]);
    steps
}

#[test]
fn a_second_person_approves_once_and_in_time() {
    let waiting = || proposed_by(MAKER, FIRST);
    let declined = || What::Declined { proposal: FIRST, reason: "no".to_owned() };
    let of_another = What::Approved { proposal: FIRST, maker: "x".to_owned() };
    let by_firm = What::Approved { proposal: FIRST, maker: "firm/1".to_owned() };
    let twice =
        approval(approval(waiting(), OFFICER, approved(FIRST), 0), OFFICER, approved(FIRST), 0);
    let right = approval(waiting(), OFFICER, approved(FIRST), 0);
    audit(&right).expect("two officers");
    let cases = [
        ("a number twice", then(MAKER, proposed(FIRST)), "number of a new proposal"),
        ("a number too high", proposed_by(MAKER, FIRST + 1), "number of a new proposal"),
        ("nothing open", approval(waiting(), OFFICER, approved(FIRST + 1), 0), "proposal"),
        ("approved twice", twice, "proposal: expected one that is open"),
        ("by its maker", approval(waiting(), MAKER, approved(FIRST), 0), "second person"),
        ("by no officer", approval(waiting(), "firm/1", approved(FIRST), 0), "second person"),
        (
            "of no officer",
            approval(proposed_by("firm/1", FIRST), OFFICER, by_firm, 0),
            "first person",
        ),
        ("declined by its maker", then(MAKER, declined()), "second person"),
        ("of another maker", approval(waiting(), OFFICER, of_another, 0), "maker of proposal 5"),
        ("late", approval(waiting(), OFFICER, approved(FIRST), 100 * HOUR_MS), "ledger time"),
        (
            "withdrawn by another",
            then(OFFICER, What::ProposalWithdrawn { proposal: FIRST }),
            "who withdraws proposal 5",
        ),
        (
            "expired early",
            then(OFFICER, What::ProposalExpired { proposal: FIRST }),
            "time of proposal 5 over",
        ),
        ("nothing approved", then(OFFICER, approved(FIRST)), "what an approval follows"),
    ];
    for (case, steps, what) in &cases {
        caught(case, steps, what);
    }
}

/// Lives that end with an event that needs two people and its approval. Pledges
/// and freezes have tests of their own.
fn controlled() -> Vec<(&'static str, Vec<Step>)> {
    let until = |nth, kind| {
        let mut steps = life();
        steps.truncate(place_of(&steps, kind, nth) + 2);
        steps
    };
    let mut lives = vec![
        ("a book loading", until(0, "AccountsLoaded")),
        ("an issuance", until(0, "Issued")),
        ("a suspension", until(0, "DaySuspended")),
        ("a resumption", until(0, "DayResumed")),
        ("the reserve", reserve_used()),
        ("a quota", inclusive::first_quota()),
    ];
    lives.extend(compliance::controlled());
    lives
}

/// Trade 3 delivers with the reserve of its buyer's bank.
fn reserve_used() -> Vec<Step> {
    let mut steps = life();
    steps.truncate(place_of(&steps, "HeldTradesTried", 0) + 1);
    let funded = vec![pot(102, CashPot::Reserve, 500_000), pot(102, CashPot::Deposited, -500_000)];
    let document = || "letter".to_owned();
    go_on(&mut steps, OFFICER, What::ReserveFunded { document: document() }, funded, 0);
    let lent = vec![pot(102, CashPot::Reserve, -430_600), cash(POOR, 102, 430_600)];
    let (date, document) = (date(DAY), document());
    let used = What::ReserveUsed { date, trade: 3, claim_fen: 430_600, document };
    go_on(&mut steps, OFFICER, used, lent, 0);
    steps
}

#[test]
fn what_needs_two_people_is_approved_in_its_own_entry() {
    for (case, steps) in controlled() {
        audit(&steps).unwrap_or_else(|finding| panic!("{case}: {finding}"));
        let (approval, so_far) = steps.split_last().expect("a life");
        let unfinished = audit(so_far).expect("so far");
        assert!(unfinished.check_complete().is_err(), "{case}");

        let mut alone = so_far.to_vec();
        let last = alone.last().expect("a life").event.clone();
        let entry = (last.log_index, last.ledger_time_ms, OFFICER);
        add_event(&mut alone, entry, What::HolidaysSet { dates: vec![] }, vec![]);
        caught(case, &alone, "what follows: expected Approval");

        let mut later = steps.clone();
        later.last_mut().expect("a life").event.log_index += 1;
        caught(case, &later, "log index of what follows");

        let mut by_another = steps.clone();
        by_another.last_mut().expect("a life").event.actor = "registry/officer-3".to_owned();
        caught(case, &by_another, "actor of what follows");

        let mut by_maker = steps.clone();
        for step in by_maker.iter_mut().rev().take(2) {
            step.event.actor = MAKER.to_owned();
        }
        assert_eq!(approval.event.what.name(), "Approved", "{case}");
        caught(case, &by_maker, "second person");
    }
}

#[test]
fn a_province_may_propose_what_it_allocates_and_nothing_else() {
    let by_province = |case: &str, maker: &str| {
        let mut steps = compliance::controlled().into_iter().find(|(of, _)| *of == case);
        let (_, steps) = steps.as_mut().expect("a case of compliance");
        let count = steps.len();
        steps[count - 3].event.actor = maker.to_owned();
        let last = &mut steps[count - 1].event;
        let What::Approved { proposal, .. } = last.what else { panic!("{case} is approved") };
        last.what = What::Approved { proposal, maker: maker.to_owned() };
        steps.clone()
    };
    audit(&by_province("an allocation", "province/42")).expect("its own tonnes");
    caught("another's", &by_province("an allocation", "province/31"), "first person");
    caught("a recall", &by_province("a recall", "province/42"), "first person");
    caught("a transfer", &by_province("a transfer", "province/42"), "first person");
}
