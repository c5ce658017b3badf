//! Two people: what one proposes, another approves, byte for byte.

use registry_ledger::{
    Approval, Command, DayState, Digest, LedgerTime, PROPOSAL_BYTES_LIMIT, PROPOSAL_LIFE_LIMIT_MS,
    ProposalId, Quantity, Reason, Receipt, Rejection,
};
use sha2::{Digest as _, Sha256};

use crate::rejections::Row;
use crate::world::{HOUR_MS, SELLER, World, issue, today};

const CHECKER: &str = "registry/officer-2";

/// Content that stands for a command; the ledger looks at its bytes alone.
fn content(command: &Command) -> Vec<u8> {
    format!("{command:?}").into_bytes()
}

pub(crate) fn propose(command: &Command) -> Command {
    Command::Propose { content: content(command), time_to_live_ms: HOUR_MS }
}

/// The exact approval of a command.
pub(crate) fn approval(proposal: ProposalId, command: Command) -> Approval {
    let content = content(&command);
    let content_sha256 = Sha256::digest(&content).into();
    Approval { proposal, content_sha256, content: Some((content, Box::new(command))) }
}

fn proposed(world: &mut World, command: &Command) -> ProposalId {
    match world.ok(propose(command)) {
        Receipt::Proposed { proposal, .. } => proposal,
        other => panic!("{other:?}"),
    }
}

fn hundred() -> Command {
    issue(SELLER, Quantity(100))
}

fn with_proposal(approve: impl FnOnce(Approval) -> Command) -> (World, Command) {
    let mut world = World::market();
    let id = proposed(&mut world, &hundred());
    (world, approve(approval(id, hundred())))
}

fn refused_by_checker(world: &mut World, approval: Approval) -> Rejection {
    world.refused_as(CHECKER, Command::Approve(approval))
}

/// Refused to officer-1, who made the proposals.
pub(crate) const ROWS: &[Row] = &[
    (Reason::FieldMissing, "content", || {
        (World::market(), Command::Propose { content: Vec::new(), time_to_live_ms: 1 })
    }),
    (Reason::TooLong, "content", || {
        let content = vec![0; PROPOSAL_BYTES_LIMIT + 1];
        (World::market(), Command::Propose { content, time_to_live_ms: 1 })
    }),
    (Reason::NotPositive, "time_to_live_ms", || {
        (World::market(), Command::Propose { content: vec![1], time_to_live_ms: 0 })
    }),
    (Reason::OutOfRange, "time_to_live_ms", || {
        let time_to_live_ms = PROPOSAL_LIFE_LIMIT_MS + 1;
        (World::market(), Command::Propose { content: vec![1], time_to_live_ms })
    }),
    (Reason::TooManyProposals, "content", || {
        let mut world = World::market();
        let content = vec![7; PROPOSAL_BYTES_LIMIT];
        for _ in 0..256 {
            world.ok(Command::Propose { content: content.clone(), time_to_live_ms: 1 });
        }
        (world, propose(&hundred()))
    }),
    (Reason::SelfApproval, "proposal_id", || with_proposal(Command::Approve)),
    (Reason::UnknownProposal, "proposal_id", || {
        (World::market(), Command::Approve(approval(ProposalId(1), hundred())))
    }),
    (Reason::ProposalExpired, "proposal_id", || {
        let (mut world, command) = with_proposal(Command::Approve);
        world.now.0 += HOUR_MS;
        (world, command)
    }),
    (Reason::SelfApproval, "proposal_id", || {
        with_proposal(|approval| Command::Decline {
            proposal: approval.proposal,
            reason: "no".to_owned(),
        })
    }),
    (Reason::FieldMissing, "reason", || {
        with_proposal(|approval| Command::Decline {
            proposal: approval.proposal,
            reason: String::new(),
        })
    }),
    (Reason::UnknownProposal, "proposal_id", || {
        (World::market(), Command::WithdrawProposal(ProposalId(99)))
    }),
    (Reason::NotMaker, "proposal_id", || {
        let mut world = World::market();
        let answer = world.apply_as(CHECKER, propose(&hundred()));
        let Ok(Receipt::Proposed { proposal, .. }) = answer.outcome else { unreachable!() };
        (world, Command::WithdrawProposal(proposal))
    }),
];

#[test]
fn a_second_person_carries_out_what_the_first_proposed() {
    let mut world = World::market();
    let before = world.ledger.account(SELLER).unwrap();
    let id = proposed(&mut world, &hundred());
    assert_eq!(world.ledger.account(SELLER).unwrap(), before, "nothing happens yet");
    assert_eq!(world.ledger.next_due(), Some(LedgerTime(world.now.0 + HOUR_MS)));
    let approved = world.apply_as(CHECKER, Command::Approve(approval(id, hundred())));
    let Ok(Receipt::Holding(_, holding)) = approved.outcome else { panic!("{approved:?}") };
    assert_eq!(holding.registered, Quantity(100));
    assert_eq!((world.ledger.proposal(id), world.ledger.next_due()), (None, None));
    let again = refused_by_checker(&mut world, approval(id, hundred()));
    assert_eq!(again.reason, Reason::UnknownProposal, "approved once");
}

#[test]
fn only_the_very_same_content_is_approved() {
    let mut world = World::market();
    let id = proposed(&mut world, &hundred());
    let other = issue(SELLER, Quantity(1_000));
    let exact = approval(id, hundred());
    let other_hash = Sha256::digest(content(&other)).into();
    let wrong = [
        approval(id, other.clone()),
        // The right hash with another content, and the other way round.
        Approval { content_sha256: exact.content_sha256, ..approval(id, other) },
        Approval { content_sha256: other_hash, ..exact.clone() },
        Approval { content: None, ..exact.clone() },
    ];
    for wrong in wrong {
        let refused = refused_by_checker(&mut world, wrong);
        assert_eq!(refused.reason, Reason::ContentMismatch, "{}", refused.message);
        assert_eq!(refused.field, "content_sha256");
    }
    let shown =
        refused_by_checker(&mut world, Approval { content_sha256: [0; 32], ..exact.clone() });
    assert!(shown.message.contains(&Digest(exact.content_sha256).to_string()));
    world.apply_as(CHECKER, Command::Approve(exact)).outcome.unwrap();
}

#[test]
fn what_the_rules_refuse_stays_open_until_they_allow_it() {
    let mut world = World::open();
    let id = proposed(&mut world, &Command::ResumeDay(today()));
    let approve = || approval(id, Command::ResumeDay(today()));
    let refused = refused_by_checker(&mut world, approve());
    assert_eq!((refused.reason, refused.field.as_str()), (Reason::DayState, "date"));
    let suspend = proposed(&mut world, &Command::SuspendDay(today()));
    let suspend = Command::Approve(approval(suspend, Command::SuspendDay(today())));
    world.apply_as(CHECKER, suspend).outcome.unwrap();
    assert_eq!(world.ledger.day(today()).unwrap().state, DayState::Suspended);
    world.apply_as(CHECKER, Command::Approve(approve())).outcome.unwrap();
    assert_eq!(world.ledger.day(today()).unwrap().state, DayState::Open);
}

#[test]
fn what_needs_no_second_person_gets_none() {
    let mut world = World::market();
    let command = Command::ClearDay(today());
    let id = proposed(&mut world, &command);
    let refused = refused_by_checker(&mut world, approval(id, command));
    assert_eq!((refused.reason, refused.field.as_str()), (Reason::Malformed, "content"));
}

#[test]
fn proposals_are_declined_withdrawn_and_expire() {
    let mut world = World::market();
    let [first, second, third] = [(); 3].map(|()| proposed(&mut world, &hundred()));
    let open = |world: &World, after| -> Vec<_> {
        world.ledger.proposals_after(ProposalId(after)).map(|proposal| proposal.id).collect()
    };
    assert_eq!(open(&world, 0), [first, second, third]);
    assert_eq!(open(&world, first.0), [second, third]);
    let decline = Command::Decline { proposal: first, reason: "wrong account".to_owned() };
    world.apply_as(CHECKER, decline).outcome.unwrap();
    world.ok(Command::WithdrawProposal(second));
    assert_eq!(open(&world, 0), [third]);
    world.ok(Command::ExpireDue);
    assert_eq!(open(&world, 0), [third], "not due yet");
    world.now.0 += HOUR_MS;
    world.ok(Command::ExpireDue);
    assert_eq!(open(&world, 0), []);
    let digest = world.state_digest();
    world.ok(Command::ExpireDue);
    assert_eq!(world.state_digest(), digest, "nothing is due");
}

#[test]
fn a_proposal_is_in_the_state() {
    let mut world = World::market();
    let id = proposed(&mut world, &hundred());
    let restarted = registry_ledger::Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(restarted.proposal(id), world.ledger.proposal(id));
    assert_eq!(restarted.state_digest(), world.state_digest());
}
