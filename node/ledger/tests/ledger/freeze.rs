//! Freezes by courts: of accounts, of tonnes, of pledges.

use registry_ledger::{
    AccountId, Command, DayState, Fen, FreezeCommand, FreezeId, FreezeTarget, HeldReason, Ledger,
    PledgeId, PledgeState, Quantity, Reason, Receipt, Rejection, Trade, TradeStatus,
};

use crate::control::{approval, propose};
use crate::pledge::{
    PLEDGEE, PLEDGOR, accept, accepted, active, controlled, done, offer, offered, release, settled,
};
use crate::world::{
    ABC, BUYER, GOODS, ICBC, POOR, SELLER, World, cea, settle, to_trading, today, trade,
};

pub(crate) fn impose(target: FreezeTarget) -> Command {
    let (court, document) = ("武汉市中级人民法院".to_owned(), "(2021) 12".to_owned());
    Command::Freeze(FreezeCommand::Impose { target, court, document })
}

fn lift(freeze: u64) -> Command {
    let document = "(2022) 3".to_owned();
    Command::Freeze(FreezeCommand::Lift { freeze: FreezeId(freeze), document })
}

pub(crate) fn execute(freeze: u64, to: AccountId, tonnes: i64) -> Command {
    Command::Freeze(FreezeCommand::Execute {
        freeze: FreezeId(freeze),
        to,
        quantity: Quantity(tonnes),
        document: "(2022) 4".to_owned(),
        document_sha256: [4; 32],
    })
}

fn tonnes(account: AccountId, tonnes: i64) -> FreezeTarget {
    FreezeTarget::Tonnes { account, instrument: cea(), quantity: Quantity(tonnes) }
}

pub(crate) fn freeze_pledge(world: &mut World) {
    controlled(world, impose(FreezeTarget::Pledge { pledge: PledgeId(1) })).unwrap();
}

pub(crate) fn freeze_account(world: &mut World, account: AccountId) {
    controlled(world, impose(FreezeTarget::Account { account })).unwrap();
}

fn frozen(receipt: Result<Receipt, Rejection>) -> (i64, Vec<PledgeId>) {
    match receipt {
        Ok(Receipt::Freeze { frozen, stayed, .. }) => (frozen.0, stayed),
        other => panic!("{other:?}"),
    }
}

/// Registered, trading, pledged, frozen.
fn positions(world: &World) -> [i64; 4] {
    let holding = world.ledger.account(SELLER).unwrap().holdings[0].1;
    [holding.registered, holding.trading, holding.pledged, holding.frozen].map(|part| part.0)
}

/// What the buyer has registered.
fn got(world: &World) -> i64 {
    let holdings = &world.ledger.account(BUYER).unwrap().holdings;
    holdings.iter().map(|(_, holding)| holding.registered.0).sum()
}

#[test]
fn nothing_leaves_a_frozen_account() {
    let mut world = World::open();
    freeze_account(&mut world, SELLER);
    freeze_account(&mut world, SELLER);
    let refused = world.refused(settle(trade(1)));
    assert_eq!((refused.reason, &*refused.field), (Reason::AccountFrozen, "trade.seller_account"));
    let back = Trade { buyer: SELLER, seller: BUYER, ..trade(1) };
    let refused = world.refused(settle(back));
    assert_eq!((refused.reason, &*refused.field), (Reason::AccountFrozen, "trade.buyer_account"));
    let refused = world.refused(to_trading(SELLER, Quantity(1)));
    assert_eq!((refused.reason, &*refused.field), (Reason::AccountFrozen, "account_id"));
    world.ok(Command::Deposit { account: SELLER, bank: ICBC, amount: Fen(100) });
    let ask = Command::RequestWithdrawal { account: SELLER, bank: ICBC, amount: Fen(100) };
    let refused = world.refused(ask.clone());
    assert_eq!((refused.reason, &*refused.field), (Reason::AccountFrozen, "account_id"));
    controlled(&mut world, lift(1)).unwrap();
    assert!(world.ledger.is_frozen(SELLER), "the second order stands");
    let restarted = Ledger::load(world.ledger.records()).unwrap();
    assert!(restarted.is_frozen(SELLER));
    controlled(&mut world, lift(2)).unwrap();
    world.ok(settle(trade(1)));
    world.ok(ask);
}

#[test]
fn trades_of_the_day_are_held_for_what_stands_in_their_way() {
    // Of 5,000,000 t in trading all but 150 t are frozen.
    let mut world = World::open();
    assert_eq!(
        frozen(controlled(&mut world, impose(tonnes(SELLER, GOODS.0 - 150)))).0,
        GOODS.0 - 150
    );
    world.stream(&[trade(1), trade(2), Trade { seller: POOR, seller_bank: ABC, ..trade(3) }]);
    world.advance(DayState::Delivered);
    let status = |world: &World, number| {
        world.ledger.trade(today(), registry_ledger::TradeNumber(number)).unwrap().status
    };
    assert_eq!(status(&world, 1), TradeStatus::Delivered);
    assert_eq!(status(&world, 2), TradeStatus::Held(HeldReason::AccountFrozen));
    assert_eq!(status(&world, 3), TradeStatus::Held(HeldReason::GoodsShort));
    let restarted = Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(restarted.recompute_digests(), world.ledger.recompute_digests());
    controlled(&mut world, lift(1)).unwrap();
    world.ok(crate::world::retry(&[2]));
    assert_eq!(status(&world, 2), TradeStatus::Delivered);
}

#[test]
fn a_freeze_takes_free_tonnes_then_offers_then_stays_pledges() {
    // 1,000 t registered, less what is pledged of them.
    let mut world = active();
    let trading = positions(&world)[1];
    assert_eq!(positions(&world), [0, trading, 1_000, 0]);
    // Everything free, and one tonne that is pledged.
    let receipt = controlled(&mut world, impose(tonnes(SELLER, trading + 1)));
    assert_eq!(frozen(receipt), (trading, vec![PledgeId(1)]));
    assert_eq!(positions(&world), [0, 0, 1_000, trading]);
    let pledge = world.ledger.pledge(PledgeId(1)).unwrap();
    assert_eq!((pledge.state, pledge.stays), (PledgeState::Active, 1), "still recognised");
    let version = pledge.version;
    assert_eq!(world.refused_as(PLEDGEE, release(version, None)).reason, Reason::CourtStay);
    assert_eq!(frozen(controlled(&mut world, lift(1))), (0, Vec::new()));
    assert_eq!(positions(&world), [0, trading, 1_000, 0]);
    done(&mut world, PLEDGEE, release(version + 1, None));

    // What is only offered is not recognised: the court comes first.
    for mut world in [accepted(), {
        let mut world = settled();
        done(&mut world, PLEDGOR, offered(offer()));
        world
    }] {
        let trading = positions(&world)[1];
        assert_eq!(
            frozen(controlled(&mut world, impose(tonnes(SELLER, trading + 1)))).0,
            trading + 1
        );
        assert_eq!(positions(&world), [0, 999, 0, trading + 1]);
        assert_eq!(world.ledger.pledge(PledgeId(1)).unwrap().state, PledgeState::Declined);
        assert_eq!(world.ledger.next_due(), None);
        controlled(&mut world, lift(1)).unwrap();
        assert_eq!(positions(&world), [1_000, trading, 0, 0]);
    }
}

#[test]
fn a_court_takes_what_it_froze_and_the_rest_stays() {
    let mut world = settled();
    let trading = positions(&world)[1];
    let registered = positions(&world)[0];
    let all = registered + trading;
    controlled(&mut world, impose(tonnes(SELLER, all))).unwrap();
    // Two orders about the same tonnes do not hinder it: the court ordered both.
    freeze_account(&mut world, SELLER);
    freeze_account(&mut world, BUYER);
    let before = got(&world);

    // A part of what came from registered.
    assert_eq!(frozen(controlled(&mut world, execute(1, BUYER, 400))), (all - 400, vec![]));
    assert_eq!((positions(&world), got(&world)), ([0, 0, 0, all - 400], before + 400));
    let held = world.ledger.freeze(FreezeId(1)).unwrap();
    assert_eq!((held.registered.0, held.trading.0), (registered - 400, trading));
    // Across both parts.
    controlled(&mut world, execute(1, POOR, registered - 399)).unwrap();
    let held = world.ledger.freeze(FreezeId(1)).unwrap();
    assert_eq!((held.registered.0, held.trading.0), (0, trading - 1));
    world.ledger.check_invariants().unwrap();
    let restarted = Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(restarted.recompute_digests(), world.ledger.recompute_digests());

    // Not one tonne of another freeze, and nothing twice.
    let refused = controlled(&mut world, execute(1, BUYER, trading)).unwrap_err();
    assert_eq!(refused.reason, Reason::InsufficientHolding);
    controlled(&mut world, execute(1, BUYER, trading - 2)).unwrap();
    assert_eq!(frozen(controlled(&mut world, lift(1))), (0, vec![]));
    assert_eq!(positions(&world), [0, 1, 0, 0], "what is left is back where it was");
}

#[test]
fn a_freeze_that_was_executed_stands_until_it_is_lifted() {
    // All that is free, and a stay over the pledge.
    let mut world = active();
    let trading = positions(&world)[1];
    controlled(&mut world, impose(tonnes(SELLER, trading + 1))).unwrap();
    controlled(&mut world, impose(FreezeTarget::Pledge { pledge: PledgeId(1) })).unwrap();
    let receipt = controlled(&mut world, execute(1, BUYER, trading));
    assert_eq!(frozen(receipt), (0, vec![PledgeId(1)]));
    assert_eq!(positions(&world), [0, 0, 1_000, 0]);
    let pledge = world.ledger.pledge(PledgeId(1)).unwrap();
    assert_eq!((pledge.state, pledge.stays), (PledgeState::Active, 2), "the stay stays");
    controlled(&mut world, lift(1)).unwrap();
    assert_eq!(world.ledger.pledge(PledgeId(1)).unwrap().stays, 1);
    assert_eq!(positions(&world), [0, 0, 1_000, 0]);
}

#[test]
fn an_execution_takes_from_its_own_freeze_only() {
    let mut world = World::open();
    for frozen in [100, 70] {
        controlled(&mut world, impose(tonnes(SELLER, frozen))).unwrap();
    }
    let refused = controlled(&mut world, execute(1, BUYER, 101)).unwrap_err();
    assert_eq!(
        (refused.reason, &*refused.field, &*refused.message),
        (Reason::InsufficientHolding, "quantity_tco2e", "freeze 1 holds 100 t, 101 t were asked")
    );
    controlled(&mut world, execute(1, BUYER, 100)).unwrap();
    assert_eq!(world.ledger.freeze(FreezeId(2)).unwrap().frozen(), Quantity(70));
    assert_eq!(positions(&world)[3], 70);
}

#[test]
fn a_refused_execution_names_reason_and_field_and_changes_nothing() {
    let with = |document: &str| {
        let Command::Freeze(FreezeCommand::Execute {
            freeze, to, quantity, document_sha256, ..
        }) = execute(1, BUYER, 1)
        else {
            panic!("an execution");
        };
        let document = document.to_owned();
        Command::Freeze(FreezeCommand::Execute { freeze, to, quantity, document, document_sha256 })
    };
    let long = "x".repeat(201);
    // Freeze 1 holds 10 t, 2 is of the account, 3 of a pledge, 4 was lifted.
    let rows = [
        (execute(4, BUYER, 1), Reason::UnknownFreeze, "freeze_id"),
        (execute(9, BUYER, 1), Reason::UnknownFreeze, "freeze_id"),
        (execute(1, AccountId(99), 1), Reason::UnknownAccount, "to_account_id"),
        (execute(1, SELLER, 1), Reason::SelfTransfer, "to_account_id"),
        (execute(1, BUYER, 0), Reason::NotPositive, "quantity_tco2e"),
        (execute(1, BUYER, -1), Reason::NotPositive, "quantity_tco2e"),
        (execute(1, BUYER, i64::MIN), Reason::NotPositive, "quantity_tco2e"),
        (execute(1, BUYER, 11), Reason::InsufficientHolding, "quantity_tco2e"),
        (execute(1, BUYER, i64::MAX), Reason::InsufficientHolding, "quantity_tco2e"),
        (execute(2, BUYER, 1), Reason::InsufficientHolding, "freeze_id"),
        (execute(3, BUYER, 1), Reason::InsufficientHolding, "freeze_id"),
        (with(" "), Reason::FieldMissing, "document"),
        (with(&long), Reason::TooLong, "document"),
    ];
    let mut world = active();
    controlled(&mut world, impose(tonnes(SELLER, 10))).unwrap();
    freeze_account(&mut world, SELLER);
    freeze_pledge(&mut world);
    controlled(&mut world, impose(tonnes(SELLER, 5))).unwrap();
    controlled(&mut world, lift(4)).unwrap();
    for (row, (command, reason, field)) in rows.into_iter().enumerate() {
        let Receipt::Proposed { proposal, .. } = world.ok(propose(&command)) else { panic!() };
        let digest = world.state_digest();
        let approval = Command::Approve(approval(proposal, command));
        let refused = world.apply_as("registry/officer-2", approval).outcome.unwrap_err();
        assert_eq!((refused.reason, &*refused.field), (reason, field), "row {row}: {refused}");
        assert_eq!(world.state_digest(), digest, "row {row}");
    }
    controlled(&mut world, execute(1, BUYER, 10)).unwrap();
}

#[test]
fn a_frozen_account_goes_on_with_no_pledge() {
    let mut world = settled();
    done(&mut world, PLEDGOR, offered(offer()));
    freeze_account(&mut world, SELLER);
    assert_eq!(world.refused_as(PLEDGEE, accept(1)).reason, Reason::AccountFrozen);
}

#[test]
fn every_refusal_names_reason_and_field() {
    type Row = (Reason, &'static str, fn() -> (World, Command));
    let court = |court: &str, document: &str| {
        let target = FreezeTarget::Account { account: SELLER };
        let (court, document) = (court.to_owned(), document.to_owned());
        Command::Freeze(FreezeCommand::Impose { target, court, document })
    };
    let rows: [Row; 8] = [
        (Reason::UnknownAccount, "account_id", || {
            (World::market(), impose(FreezeTarget::Account { account: AccountId(99) }))
        }),
        (Reason::UnknownAccount, "account_id", || {
            (World::market(), impose(tonnes(AccountId(99), 1)))
        }),
        (Reason::InsufficientHolding, "quantity_tco2e", || {
            (World::market(), impose(tonnes(SELLER, GOODS.0 + 1)))
        }),
        (Reason::NotPositive, "quantity_tco2e", || (World::market(), impose(tonnes(SELLER, 0)))),
        (Reason::UnknownPledge, "pledge_id", || {
            (World::market(), impose(FreezeTarget::Pledge { pledge: PledgeId(1) }))
        }),
        (Reason::PledgeNotActive, "pledge_id", || {
            (accepted(), impose(FreezeTarget::Pledge { pledge: PledgeId(1) }))
        }),
        (Reason::UnknownFreeze, "freeze_id", || (World::market(), lift(1))),
        (Reason::WrongInstrument, "instrument", || {
            let instrument = registry_ledger::InstrumentCode::parse("CCER").unwrap();
            let (account, quantity) = (SELLER, Quantity(1));
            (World::market(), impose(FreezeTarget::Tonnes { account, instrument, quantity }))
        }),
    ];
    for (row, (reason, field, set_up)) in rows.into_iter().enumerate() {
        let (mut world, command) = set_up();
        let refused = controlled(&mut world, command).unwrap_err();
        assert_eq!((refused.reason, &*refused.field), (reason, field), "row {row}: {refused}");
    }
    for (command, field) in [(court(" ", "1"), "court"), (court("court", ""), "document")] {
        let refused = controlled(&mut World::market(), command).unwrap_err();
        assert_eq!((refused.reason, &*refused.field), (Reason::FieldMissing, field));
    }
}
