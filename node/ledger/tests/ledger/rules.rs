//! Old rules and new ones side by side: they differ where the change says and
//! nowhere else, and a log over the activation gives one state.

use registry_ledger::{
    Approval, ClusterCommand, Command, Entry, InstrumentCode, Ledger, Loader, ProposalId, Reason,
    Receipt, Rejection, Request, calendar,
};

use crate::compliance::{
    allocate, apply, approve, cancel, carry, ccer, hubei, recall, sold, transfer,
};
use crate::control::{approval, propose};
use crate::world::{BUYER, HOUR_MS, SELLER, World, cea, date};

const MAKER: &str = "registry/officer-1";
const CHECKER: &str = "registry/officer-2";

fn activation(rules_version: u32) -> Command {
    let document = "decision 3".to_owned();
    Command::Cluster(ClusterCommand::ActivateRules { rules_version, document })
}

fn proposed(world: &mut World, command: &Command) -> ProposalId {
    match world.ok(propose(command)) {
        Receipt::Proposed { proposal, .. } => proposal,
        other => panic!("{other:?}"),
    }
}

fn activate(world: &mut World) {
    let proposal = proposed(world, &activation(2));
    let approve = Command::Approve(approval(proposal, activation(2)));
    world.apply_as(CHECKER, approve).outcome.unwrap();
    assert_eq!(world.ledger.rules_version(), 2);
}

fn usable_until(instrument: InstrumentCode, until: Option<&str>) -> Command {
    Command::SetUsableUntil { instrument, usable_until: until.map(date) }
}

/// The day after a trading day that was 2020's last usable one, with a surrender
/// that was applied for in time.
fn the_day_after() -> World {
    let mut world = sold();
    world.ok(apply(SELLER, 2020, cea(), 100));
    world.ok(usable_until(cea(), Some("2021-12-16")));
    world
}

/// Everything but the proposals, the version of the rules and the journal.
fn records(world: &World) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut records = world.market_records();
    records.retain(|(key, _)| ![16, 17, 50].contains(&key[0]));
    records
}

#[test]
fn old_and_new_rules_differ_in_surrenders_and_carry_overs_after_the_last_day_only() {
    let old = the_day_after();
    let mut new = old.clone();
    activate(&mut new);
    let binds_now = [
        (apply(SELLER, 2020, cea(), 10), "instrument"),
        (carry(SELLER, "CEA-2020", "CEA-2025", 10), "from_instrument"),
    ];
    for (command, field) in binds_now {
        old.clone().ok(command.clone());
        let refused = new.clone().refused(command.clone());
        assert_eq!(
            (refused.reason, refused.field.as_str()),
            (Reason::VintageExpiring, field),
            "{command:?}: {refused}"
        );
    }
    let everything_else = [
        apply(SELLER, 2020, ccer(), 10),
        approve(hubei(), 1),
        cancel(SELLER, cea(), 10),
        transfer(SELLER, BUYER, Some((cea(), 10))),
        allocate(BUYER, 10),
        recall(SELLER, cea(), 10),
        usable_until(cea(), None),
        // Refused for another reason by both, the same.
        apply(SELLER, 2026, cea(), 10),
        apply(SELLER, 2020, cea(), i64::MAX),
        carry(SELLER, "CEA-2025", "CEA-2020", 10),
    ];
    for command in everything_else {
        let (mut one, mut other) = (old.clone(), new.clone());
        let outcomes = [&mut one, &mut other].map(|world| {
            world.now = new.now;
            world.apply_as(MAKER, command.clone()).outcome
        });
        assert_eq!(outcomes[0], outcomes[1], "{command:?}");
        assert_eq!(records(&one), records(&other), "{command:?}");
    }
}

#[test]
fn under_the_new_rules_the_last_day_is_the_whole_day_in_beijing() {
    let mut world = the_day_after();
    activate(&mut world);
    world.ok(usable_until(cea(), Some("2021-12-20")));
    let midnight = calendar::beijing_midnight(date("2021-12-20")).0;
    world.now.0 = midnight + 24 * HOUR_MS - 1;
    world.ok(apply(SELLER, 2020, cea(), 10));
    world.ok(carry(SELLER, "CEA-2020", "CEA-2025", 10));
    world.now.0 += 1;
    for command in [apply(SELLER, 2020, cea(), 10), carry(SELLER, "CEA-2020", "CEA-2025", 10)] {
        assert_eq!(world.refused(command).reason, Reason::VintageExpiring);
    }
    // A day that is not fixed any more binds nobody.
    world.ok(usable_until(cea(), None));
    world.ok(apply(SELLER, 2020, cea(), 10));
}

/// The commands of [`the_day_after`] go on over an activation.
fn tail(world: &mut World) -> Vec<Entry> {
    let next = world.ledger.clone();
    let proposal =
        ProposalId(next.proposals_after(ProposalId(0)).last().map_or(0, |open| open.id.0) + 1);
    let commands = [
        (MAKER, apply(SELLER, 2020, cea(), 10)),
        (MAKER, propose(&activation(2))),
        (MAKER, Command::Approve(approval(proposal, activation(2)))),
        (CHECKER, Command::Approve(approval(proposal, activation(2)))),
        (MAKER, apply(SELLER, 2020, cea(), 10)),
        (MAKER, carry(SELLER, "CEA-2020", "CEA-2025", 10)),
        (MAKER, apply(SELLER, 2020, ccer(), 10)),
        (MAKER, cancel(SELLER, cea(), 10)),
    ];
    let number = |(number, (actor, command)): (usize, (&str, Command))| {
        world.now.0 += 1;
        let mut entry = world.entry(actor, command);
        entry.request = Some(Request { id: format!("t{number}"), fingerprint: [9; 32] });
        entry
    };
    commands.into_iter().enumerate().map(number).collect()
}

fn loaded(ledger: &Ledger) -> Ledger {
    let mut loader = Loader::default();
    for (key, value) in ledger.records() {
        loader.add(&key, &value).unwrap();
    }
    loader.finish().unwrap()
}

#[test]
fn a_log_over_the_activation_gives_one_state_wherever_a_node_begins() {
    let mut world = the_day_after();
    world.ledger.seal();
    let entries = tail(&mut world);
    let mut live = world.ledger.clone();
    let mut positions = vec![live.clone()];
    let mut outcomes: Vec<Result<Receipt, Rejection>> = Vec::new();
    for entry in &entries {
        outcomes.push(live.apply(entry).outcome);
        live.seal();
        positions.push(live.clone());
    }
    let reasons: Vec<Option<Reason>> =
        outcomes.iter().map(|outcome| outcome.as_ref().err().map(|no| no.reason)).collect();
    let expiring = Some(Reason::VintageExpiring);
    let self_approval = Some(Reason::SelfApproval);
    assert_eq!(reasons, [None, None, self_approval, None, expiring, expiring, None, None]);
    let digests = live.recompute_digests();
    for (begins_at, position) in positions.iter().enumerate() {
        let mut again = loaded(position);
        for (entry, outcome) in entries.iter().zip(&outcomes).skip(begins_at) {
            assert_eq!(again.apply(entry).outcome, *outcome, "from {begins_at}: {entry:?}");
            again.seal();
        }
        assert_eq!(again.recompute_digests(), digests, "from {begins_at}");
        assert_eq!(again.rules_version(), 2);
    }
}

#[test]
fn what_puts_rules_in_force_is_known_before_it_is_applied() {
    let mut world = the_day_after();
    let proposal = proposed(&mut world, &activation(2));
    let later = proposed(&mut world, &activation(3));
    let entry = |world: &mut World, actor: &str, approval: Approval| {
        let mut entry = world.entry(actor, Command::Approve(approval));
        entry.request = Some(Request { id: "a".to_owned(), fingerprint: [1; 32] });
        entry
    };
    let good = || approval(proposal, activation(2));
    let of_other_content = Approval { content_sha256: [0; 32], ..good() };
    let without_content = Approval { content: None, ..good() };
    let nothing = [
        entry(&mut world, MAKER, good()),
        entry(&mut world, CHECKER, of_other_content),
        entry(&mut world, CHECKER, without_content),
        entry(&mut world, CHECKER, approval(ProposalId(99), activation(2))),
        entry(&mut world, CHECKER, approval(later, activation(3))),
        world.entry(MAKER, apply(SELLER, 2020, cea(), 1)),
        world.entry(MAKER, propose(&activation(2))),
    ];
    let too_late = {
        let mut entry = entry(&mut world, CHECKER, good());
        entry.proposed_at.0 += HOUR_MS;
        entry
    };
    for entry in nothing.iter().chain([&too_late]) {
        assert_eq!(world.ledger.rules_started_by(entry), None, "{entry:?}");
        let mut applied = world.ledger.clone();
        applied.apply(entry);
        assert_eq!(applied.rules_version(), 1, "{entry:?}");
    }
    let real = entry(&mut world, CHECKER, good());
    assert_eq!(world.ledger.rules_started_by(&real), Some(2));
    world.ledger.apply(&real).outcome.unwrap();
    assert_eq!(world.ledger.rules_version(), 2);
    assert_eq!(world.ledger.rules_started_by(&real), None, "asked again");
    assert_eq!(real.command.rules_to_activate(), Some(2));
}
