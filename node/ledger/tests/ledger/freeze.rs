//! Freezes by courts: of accounts, of tonnes, of pledges.

use registry_ledger::{
    AccountId, Command, DayState, Fen, FreezeCommand, FreezeId, FreezeTarget, HeldReason, Ledger,
    PledgeId, PledgeState, Quantity, Reason, Receipt, Rejection, Trade, TradeStatus,
};

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
