//! Request ids: the same answer again, or a refusal.

use registry_ledger::{ANSWER_RETENTION_MS, Answer, Command, Entry, LedgerTime, Reason, Request};

use crate::world::{World, open_account, settle, today, trade};

fn ask(world: &mut World, actor: &str, id: &str, content: u8, command: Command) -> Answer {
    let request = Some(Request { id: id.to_owned(), fingerprint: [content; 32] });
    let entry = Entry { request, ..world.entry(actor, command) };
    world.ledger.apply(&entry)
}

#[test]
fn same_id_and_content_gets_the_identical_answer() {
    let mut world = World::market();
    let first = ask(&mut world, "registry/officer-1", "a", 1, open_account(9));
    let digest = world.state_digest();
    world.now.0 += 1_000;
    let again = ask(&mut world, "registry/officer-1", "a", 1, open_account(9));
    assert_eq!(again, first, "term, log index and time included");
    assert_eq!(world.state_digest(), digest);
}

#[test]
fn a_rejection_is_remembered_too() {
    let mut world = World::open();
    let short = trade(1);
    let poor = registry_ledger::Trade { buyer: crate::world::POOR, ..short };
    let first = ask(&mut world, "exchange/sh", "a", 1, settle(poor));
    assert_eq!(first.outcome.as_ref().unwrap_err().reason, Reason::CashShort);
    let amount = registry_ledger::Fen(10_000_000);
    let (account, bank) = (poor.buyer, poor.buyer_bank);
    world.ok(Command::Deposit { account, bank, amount });
    assert_eq!(ask(&mut world, "exchange/sh", "a", 1, settle(poor)), first);
    // The trade number stayed free: a new request may settle it.
    assert!(ask(&mut world, "exchange/sh", "b", 1, settle(poor)).outcome.is_ok());
}

#[test]
fn other_content_under_the_same_id_is_refused_and_not_remembered() {
    let mut world = World::market();
    let first = ask(&mut world, "registry/officer-1", "a", 1, open_account(9));
    let digest = world.state_digest();
    let reused = ask(&mut world, "registry/officer-1", "a", 2, open_account(10));
    assert_eq!(reused.outcome.unwrap_err().reason, Reason::RequestIdReused);
    assert_eq!(world.state_digest(), digest);
    assert_eq!(ask(&mut world, "registry/officer-1", "a", 1, open_account(9)), first);
}

#[test]
fn ids_belong_to_their_actor() {
    let mut world = World::market();
    let one = ask(&mut world, "registry/officer-1", "a", 1, open_account(9));
    let other = ask(&mut world, "registry/officer-2", "a", 2, open_account(10));
    assert!(one.outcome.is_ok() && other.outcome.is_ok());
}

#[test]
fn malformed_ids_are_refused() {
    let rows = [
        ("", Reason::FieldMissing),
        (&*"x".repeat(65), Reason::TooLong),
        ("a b", Reason::BadCharacter),
        ("ａ", Reason::BadCharacter),
    ];
    for (id, reason) in rows {
        let mut world = World::market();
        let digest = world.state_digest();
        let rejection = ask(&mut world, "x/y", id, 1, open_account(9)).outcome.unwrap_err();
        assert_eq!((rejection.reason, rejection.field.as_str()), (reason, "request_id"), "{id:?}");
        assert_eq!(world.state_digest(), digest);
    }
}

#[test]
fn answers_are_forgotten_after_thirty_days_a_few_at_a_time() {
    let mut world = World::market();
    for number in 0..20 {
        ask(&mut world, "x/y", &format!("old-{number}"), 1, open_account(100 + number));
    }
    let remembered = world.ledger.check_invariants().unwrap().answers;
    world.now = LedgerTime(world.now.0 + ANSWER_RETENTION_MS);
    assert!(ask(&mut world, "x/y", "old-19", 2, open_account(1)).outcome.is_err(), "kept 30 days");
    assert_eq!(world.ledger.check_invariants().unwrap().answers, remembered);

    world.now = LedgerTime(world.now.0 + 1);
    let mut steps = 0;
    loop {
        steps += 1;
        let entry = world.entry("node/11", Command::FinalizeDay(today()));
        world.ledger.apply(&entry);
        world.state_digest();
        if world.ledger.check_invariants().unwrap().answers == 0 {
            break;
        }
    }
    assert!(steps > 1 && steps < remembered, "{steps} steps for {remembered} answers");
    let free = ask(&mut world, "x/y", "old-19", 2, open_account(500));
    assert!(free.outcome.is_ok(), "the id is free again");
}

#[test]
fn ledger_time_never_runs_back() {
    let mut world = World::market();
    let before = world.ledger.ledger_time();
    world.now = LedgerTime(before.0 - 60_000);
    let answer = world.apply_as("x/y", open_account(9));
    assert_eq!(answer.ledger_time, before);
    assert_eq!(world.ledger.ledger_time(), before);
}
