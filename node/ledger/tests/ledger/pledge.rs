//! Pledges: offered, accepted, recognised, watched, given back.

use registry_ledger::{
    BankId, Command, DayState, Fen, FreePosition, Ledger, PledgeCommand, PledgeId, PledgeOffer,
    PledgeState, PledgeTerms, Price, Quantity, Reason, Receipt, Rejection, SubstitutionOffer,
    Trade, TradeNumber,
};

use crate::control::{approval, propose};
use crate::world::{ABC, HOUR_MS, ICBC, SELLER, World, cea, date, issue, open_day, today, trade};

pub(crate) const PLEDGOR: &str = "firm/1";
pub(crate) const PLEDGEE: &str = "bank/102";
const OTHER: &str = "bank/103";
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// A registry with a settled close of 43.06 and free tonnes in account 1.
pub(crate) fn settled() -> World {
    let mut world = World::with_trades(&[trade(1)], DayState::Final);
    world.ok(issue(SELLER, Quantity(1_000)));
    world
}

/// 1,000 t for a loan of 20,000 yuan: 43,060 yuan at half of it is 21,530.
pub(crate) fn offer() -> PledgeOffer {
    PledgeOffer {
        pledgor: SELLER,
        pledgee: ICBC,
        instrument: cea(),
        quantity: Quantity(1_000),
        from: FreePosition::Registered,
        terms: PledgeTerms {
            contract: "ICBC-2021-77".to_owned(),
            principal: Fen(2_000_000),
            maturity: date("2022-06-30"),
            reference_price: Price(4_306),
            reference_date: today(),
            loan_to_value_bp: 5_000,
            warning_price: Price(4_000),
            disposal_price: Price(3_500),
            cure_period_ms: 3 * DAY_MS,
        },
        time_to_live_ms: DAY_MS,
    }
}

pub(crate) fn command(command: PledgeCommand) -> Command {
    Command::Pledge(command)
}

pub(crate) fn offered(offer: PledgeOffer) -> Command {
    command(PledgeCommand::Propose(Box::new(offer)))
}

pub(crate) fn accept(version: u32) -> Command {
    command(PledgeCommand::Accept { pledge: PledgeId(1), version })
}

pub(crate) fn release(version: u32, quantity: Option<i64>) -> Command {
    let quantity = quantity.map(Quantity);
    command(PledgeCommand::Release { pledge: PledgeId(1), version, quantity })
}

pub(crate) fn add(version: u32, tonnes: i64) -> Command {
    let (from, quantity) = (FreePosition::Trading, Quantity(tonnes));
    command(PledgeCommand::Add { pledge: PledgeId(1), version, from, quantity })
}

pub(crate) fn default(version: u32) -> Command {
    let (claim, evidence_sha256) = (Fen(2_100_000), [9; 32]);
    command(PledgeCommand::Default { pledge: PledgeId(1), version, claim, evidence_sha256 })
}

pub(crate) fn activate(version: u32, filing: &str) -> Command {
    let filing_reference = filing.to_owned();
    command(PledgeCommand::Activate { pledge: PledgeId(1), version, filing_reference })
}

pub(crate) fn enforce(version: u32) -> Command {
    let document = "judgment 12".to_owned();
    command(PledgeCommand::Enforce { pledge: PledgeId(1), version, document })
}

pub(crate) fn done(world: &mut World, actor: &str, command: Command) -> (PledgeState, u32) {
    let shown = format!("{command:?}");
    let answer = world.apply_as(actor, command);
    world.state_digest();
    world.ledger.check_invariants().unwrap();
    match answer.outcome {
        Ok(Receipt::Pledge { state, version, .. }) => (state, version),
        other => panic!("{shown}: {other:?}"),
    }
}

/// Through the two officers.
pub(crate) fn controlled(world: &mut World, command: Command) -> Result<Receipt, Rejection> {
    let Receipt::Proposed { proposal, .. } = world.ok(propose(&command)) else { panic!() };
    let answer =
        world.apply_as("registry/officer-2", Command::Approve(approval(proposal, command)));
    world.state_digest();
    world.ledger.check_invariants().unwrap();
    answer.outcome
}

pub(crate) fn accepted() -> World {
    let mut world = settled();
    done(&mut world, PLEDGOR, offered(offer()));
    done(&mut world, PLEDGEE, accept(1));
    world
}

pub(crate) fn active() -> World {
    let mut world = accepted();
    controlled(&mut world, activate(2, "filing 1")).unwrap();
    world
}

/// The next day, settled at this price.
pub(crate) fn close_at(world: &mut World, price: i64) {
    world.now.0 += DAY_MS;
    let next = date("2021-12-17");
    world.ok(open_day(next));
    let sale = Trade {
        price: Price(price),
        traded_at: registry_ledger::LedgerTime(trade(1).traded_at.0 + DAY_MS),
        ..trade(1)
    };
    let chunk = registry_ledger::Chunk { date: next, number: 1, trades: vec![sale] };
    world.ok(Command::SubmitTrades(chunk));
    let mut hasher = registry_ledger::formats::TradesHasher::new(next);
    hasher.add(&sale);
    let manifest = registry_ledger::Manifest {
        trade_count: 1,
        quantity: sale.quantity,
        amount: sale.amount().unwrap(),
        trades_sha256: hasher.finish(),
    };
    world.ok(Command::SubmitManifest { date: next, manifest });
}

pub(crate) fn called() -> World {
    let mut world = active();
    close_at(&mut world, 3_990);
    world
}

fn stayed() -> World {
    let mut world = active();
    crate::freeze::freeze_pledge(&mut world);
    world
}

pub(crate) fn after_maturity(mut world: World) -> World {
    world.now.0 += 300 * DAY_MS;
    world
}

fn with(change: fn(&mut PledgeOffer)) -> (World, Command) {
    let mut changed = offer();
    change(&mut changed);
    (settled(), offered(changed))
}

/// Refused to officer-1 or, where the table of a party is meant, to that party.
pub(crate) type PartyRow = (&'static str, Reason, &'static str, fn() -> (World, Command));

pub(crate) const ROWS: &[PartyRow] = &[
    (PLEDGOR, Reason::UnknownAccount, "pledgor_account", || {
        with(|offer| offer.pledgor = registry_ledger::AccountId(99))
    }),
    ("firm/2", Reason::NotCounterparty, "pledge_id", || with(|_| ())),
    ("registry/officer-1", Reason::NotCounterparty, "pledge_id", || with(|_| ())),
    (PLEDGOR, Reason::UnknownBank, "pledgee_bank", || with(|o| o.pledgee = BankId(999))),
    (PLEDGOR, Reason::WrongInstrument, "instrument", || {
        with(|o| o.instrument = registry_ledger::InstrumentCode::parse("CEA-2030").unwrap())
    }),
    (PLEDGOR, Reason::NotPositive, "quantity_tco2e", || with(|o| o.quantity = Quantity(0))),
    (PLEDGOR, Reason::InsufficientHolding, "quantity_tco2e", || {
        with(|o| o.quantity = Quantity(1_001))
    }),
    (PLEDGOR, Reason::FieldMissing, "terms.contract", || with(|o| o.terms.contract.clear())),
    (PLEDGOR, Reason::NotPositive, "terms.principal_yuan", || with(|o| o.terms.principal = Fen(0))),
    (PLEDGOR, Reason::OutOfRange, "terms.maturity_date", || with(|o| o.terms.maturity = today())),
    (PLEDGOR, Reason::OutOfRange, "terms.loan_to_value_bp", || {
        with(|o| o.terms.loan_to_value_bp = 10_001)
    }),
    (PLEDGOR, Reason::NotPositive, "terms.cure_period_ms", || with(|o| o.terms.cure_period_ms = 0)),
    (PLEDGOR, Reason::OutOfRange, "terms.disposal_price_yuan", || {
        with(|o| o.terms.disposal_price = Price(4_001))
    }),
    (PLEDGOR, Reason::OutOfRange, "terms.warning_price_yuan", || {
        with(|o| o.terms.warning_price = Price(4_307))
    }),
    (PLEDGOR, Reason::PriceStale, "terms.reference_price_yuan", || {
        with(|o| o.terms.reference_price = Price(4_307))
    }),
    (PLEDGOR, Reason::PriceStale, "terms.reference_price_yuan", || {
        let mut world = settled();
        world.now.0 += 11 * DAY_MS;
        (world, offered(offer()))
    }),
    (PLEDGOR, Reason::PriceStale, "terms.reference_price_yuan", || {
        let mut world = World::market();
        world.ok(issue(SELLER, Quantity(1_000)));
        (world, offered(offer()))
    }),
    (PLEDGOR, Reason::VintageExpiring, "terms.maturity_date", || {
        let mut world = settled();
        let usable_until = Some(date("2022-06-29"));
        world.ok(Command::SetUsableUntil { instrument: cea(), usable_until });
        (world, offered(offer()))
    }),
    (PLEDGOR, Reason::AccountFrozen, "pledgor_account", || {
        let mut world = settled();
        crate::freeze::freeze_account(&mut world, SELLER);
        (world, offered(offer()))
    }),
    (PLEDGOR, Reason::LtvExceeded, "terms.principal_yuan", || {
        with(|o| o.terms.principal = Fen(2_153_001))
    }),
    (PLEDGOR, Reason::NotPositive, "time_to_live_ms", || with(|o| o.time_to_live_ms = 0)),
    (PLEDGOR, Reason::OutOfRange, "time_to_live_ms", || with(|o| o.time_to_live_ms = 31 * DAY_MS)),
    (PLEDGEE, Reason::UnknownPledge, "pledge_id", || (settled(), accept(1))),
    (OTHER, Reason::NotCounterparty, "pledge_id", || (accepted(), accept(2))),
    (PLEDGEE, Reason::StaleVersion, "version", || (accepted(), accept(1))),
    (PLEDGEE, Reason::PledgeNotActive, "pledge_id", || (accepted(), accept(2))),
    (PLEDGEE, Reason::ProposalExpired, "pledge_id", || {
        let mut world = settled();
        done(&mut world, PLEDGOR, offered(offer()));
        world.now.0 += DAY_MS;
        (world, accept(1))
    }),
    (PLEDGEE, Reason::PledgeNotActive, "pledge_id", || (accepted(), release(2, None))),
    (OTHER, Reason::NotCounterparty, "pledge_id", || (active(), release(3, None))),
    (PLEDGOR, Reason::NotCounterparty, "pledge_id", || (active(), release(3, None))),
    (PLEDGEE, Reason::ReleaseExceedsPledged, "quantity_tco2e", || {
        (active(), release(3, Some(1_001)))
    }),
    (PLEDGEE, Reason::CoverBelowContract, "quantity_tco2e", || (active(), release(3, Some(72)))),
    (PLEDGEE, Reason::NotPositive, "quantity_tco2e", || (active(), release(3, Some(0)))),
    (PLEDGEE, Reason::CourtStay, "pledge_id", || (stayed(), release(4, None))),
    (PLEDGOR, Reason::InsufficientHolding, "quantity_tco2e", || (active(), add(3, i64::MAX))),
    (PLEDGEE, Reason::NotCounterparty, "pledge_id", || (active(), add(3, 1))),
    (PLEDGEE, Reason::CurePeriodOpen, "pledge_id", || (active(), default(3))),
    (PLEDGEE, Reason::CurePeriodOpen, "pledge_id", || (called(), default(4))),
    (PLEDGEE, Reason::NotPositive, "claim_yuan", || {
        let (claim, evidence_sha256) = (Fen(0), [9; 32]);
        let claimed =
            PledgeCommand::Default { pledge: PledgeId(1), version: 3, claim, evidence_sha256 };
        (after_maturity(active()), command(claimed))
    }),
];

/// Tested below, or beside freezes.
pub(crate) const OTHERS: [Reason; 6] = [
    Reason::FilingReferenceMissing,
    Reason::OverDisposal,
    Reason::Pledged,
    Reason::SubstitutionOpen,
    Reason::NoSubstitution,
    Reason::UnknownFreeze,
];

#[test]
fn every_refusal_names_reason_and_field_and_moves_nothing() {
    for (row, (actor, reason, field, set_up)) in ROWS.iter().enumerate() {
        let (mut world, command) = set_up();
        let rejection = world.refused_as(actor, command);
        let got = (rejection.reason, rejection.field.as_str());
        assert_eq!(got, (*reason, *field), "row {row}: {}", rejection.message);
    }
}

#[test]
fn officers_are_refused_by_the_same_rules() {
    type Officers = (Reason, &'static str, fn() -> (World, Command));
    let rows: [Officers; 5] = [
        (Reason::FilingReferenceMissing, "filing_reference", || (accepted(), activate(2, " "))),
        (Reason::StaleVersion, "version", || (accepted(), activate(1, "filing 1"))),
        (Reason::PledgeNotActive, "pledge_id", || (active(), activate(3, "filing 1"))),
        (Reason::PledgeNotActive, "pledge_id", || (active(), enforce(3))),
        (Reason::CourtStay, "pledge_id", || {
            let mut world = after_maturity(stayed());
            done(&mut world, PLEDGEE, default(4));
            (world, enforce(5))
        }),
    ];
    for (reason, field, set_up) in rows {
        let (mut world, command) = set_up();
        let refused = controlled(&mut world, command).unwrap_err();
        assert_eq!((refused.reason, refused.field.as_str()), (reason, field), "{refused}");
    }
}

fn held(world: &World) -> (i64, i64) {
    let holding = world.ledger.account(SELLER).unwrap().holdings[0].1;
    (holding.registered.0, holding.pledged.0)
}

#[test]
fn a_pledge_is_held_recognised_and_given_back() {
    let mut world = settled();
    assert_eq!(held(&world), (1_000, 0));
    assert_eq!(done(&mut world, PLEDGOR, offered(offer())), (PledgeState::Proposed, 1));
    assert_eq!(held(&world), (0, 1_000), "held from the offer on");
    assert_eq!(done(&mut world, PLEDGEE, accept(1)), (PledgeState::Accepted, 2));
    let receipt = controlled(&mut world, activate(2, "filing 1")).unwrap();
    assert!(matches!(receipt, Receipt::Pledge { state: PledgeState::Active, version: 3, .. }));
    let view = world.ledger.pledge_view(PledgeId(1)).unwrap();
    assert_eq!(
        (view.value, view.price, view.price_date),
        (Fen(4_306_000), Price(4_306), Some(today()))
    );
    // 2,000,000 / 4,306,000 = 46.447 %
    assert_eq!(view.loan_to_value_bp, Some(4_645));
    assert!(view.pledge.activated_log_index > 0);
    // 929 t x 43.06 / 2 is just 20,000 yuan and a little.
    assert_eq!(done(&mut world, PLEDGEE, release(3, Some(71))), (PledgeState::Active, 4));
    assert_eq!(held(&world), (71, 929));
    let restarted = Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(restarted.pledge(PledgeId(1)), world.ledger.pledge(PledgeId(1)));
    assert_eq!(restarted.next_due(), world.ledger.next_due());
    // Never by maturity alone.
    world.now.0 += 1_000 * DAY_MS;
    world.ok(Command::ExpireDue);
    assert_eq!(world.ledger.pledge(PledgeId(1)).unwrap().state, PledgeState::Active);
    assert_eq!(done(&mut world, PLEDGEE, release(4, None)), (PledgeState::Released, 5));
    assert_eq!(held(&world), (1_000, 0));
}

#[test]
fn the_same_tonnes_are_pledged_once() {
    let mut world = settled();
    done(&mut world, PLEDGOR, offered(offer()));
    let again = offered(PledgeOffer { pledgee: ABC, ..offer() });
    let refused = world.refused_as(PLEDGOR, again);
    assert_eq!(refused.reason, Reason::InsufficientHolding, "{}", refused.message);
}

#[test]
fn pledged_tonnes_are_not_for_sale() {
    let mut world = World::with_trades(&[trade(1)], DayState::Final);
    let left = registry_ledger::Holding::default();
    let trading =
        world.ledger.account(SELLER).map_or(left, |account| account.holdings[0].1).trading;
    let mut all = PledgeOffer { quantity: trading, from: FreePosition::Trading, ..offer() };
    all.terms.principal = Fen(1);
    done(&mut world, PLEDGOR, offered(all));
    world.now.0 += DAY_MS;
    let next = date("2021-12-17");
    world.ok(open_day(next));
    let traded_at = registry_ledger::LedgerTime(trade(1).traded_at.0 + DAY_MS);
    let trade = Trade { traded_at, ..trade(1) };
    let refused = world.refused(Command::SettleTrade { date: next, trade });
    assert_eq!((refused.reason, &*refused.field), (Reason::Pledged, "trade.seller_account"));
}

#[test]
fn an_offer_that_is_declined_or_forgotten_gives_the_tonnes_back() {
    for (actor, ended) in [(PLEDGEE, PledgeState::Declined), (PLEDGOR, PledgeState::Declined)] {
        let mut world = accepted();
        let decline = command(PledgeCommand::Decline { pledge: PledgeId(1), version: 2 });
        assert_eq!(done(&mut world, actor, decline), (ended, 3));
        assert_eq!(held(&world), (1_000, 0));
    }
    let mut world = settled();
    done(&mut world, PLEDGOR, offered(offer()));
    assert_eq!(world.ledger.next_due().unwrap().0, world.now.0 + DAY_MS);
    world.now.0 += DAY_MS;
    world.ok(Command::ExpireDue);
    assert_eq!(world.ledger.pledge(PledgeId(1)).unwrap().state, PledgeState::Expired);
    assert_eq!((held(&world), world.ledger.next_due()), ((1_000, 0), None));
}

#[test]
fn a_settled_close_below_the_warning_line_calls_for_more() {
    let mut world = active();
    close_at(&mut world, 4_000);
    let state = |world: &World| world.ledger.pledge(PledgeId(1)).unwrap().state;
    assert_eq!(state(&world), PledgeState::Active, "at the line is not below it");
    let mut world = called();
    assert_eq!(state(&world), PledgeState::MarginCall);
    let deadline = world.ledger.pledge(PledgeId(1)).unwrap().cure_deadline.unwrap();
    assert_eq!(deadline.0, world.now.0 + 3 * DAY_MS);
    // 1,002 t at 39.90 are 39,979.80 yuan, 1,003 t 40,019.70; 40,000 are wanted.
    assert_eq!(done(&mut world, PLEDGOR, add(4, 2)), (PledgeState::MarginCall, 5));
    assert_eq!(done(&mut world, PLEDGOR, add(5, 1)).0, PledgeState::Active);
    assert_eq!(world.ledger.pledge(PledgeId(1)).unwrap().cure_deadline, None);
}

#[test]
fn a_default_follows_the_time_to_cure() {
    let mut world = called();
    world.now.0 += 3 * DAY_MS;
    assert_eq!(done(&mut world, PLEDGEE, default(4)).0, PledgeState::Defaulted);
    controlled(&mut world, enforce(5)).unwrap();
    assert_eq!(world.ledger.pledge(PledgeId(1)).unwrap().state, PledgeState::Enforcing);
    // Or without any margin call, when the loan was not paid.
    let mut world = after_maturity(active());
    assert_eq!(done(&mut world, PLEDGEE, default(3)).0, PledgeState::Defaulted);
    assert_eq!(done(&mut world, PLEDGEE, release(4, None)).0, PledgeState::Released, "paid late");
}

fn pledge(world: &World) -> &registry_ledger::Pledge {
    world.ledger.pledge(PledgeId(1)).unwrap()
}

/// In a new day that is open, with the claim of 21,000 yuan on 1,000 t.
fn enforcing() -> World {
    let mut world = after_maturity(active());
    done(&mut world, PLEDGEE, default(3));
    controlled(&mut world, enforce(4)).unwrap();
    let next = date("2022-10-12");
    world.ok(open_day(next));
    world
}

/// So many tonnes at 43.06, paid at the pledgee.
pub(crate) fn sale(number: u64, tonnes: i64) -> Trade {
    let midnight = registry_ledger::calendar::beijing_midnight(date("2022-10-12"));
    Trade {
        seller_bank: ICBC,
        quantity: Quantity(tonnes),
        number: TradeNumber(number),
        traded_at: registry_ledger::LedgerTime(midnight.0 + HOUR_MS),
        ..trade(1)
    }
}

pub(crate) fn sell(trade: Trade) -> Command {
    command(PledgeCommand::Sell { pledge: PledgeId(1), date: date("2022-10-12"), trade })
}

#[test]
fn a_sale_pays_the_pledgee_its_claim_and_the_rest_to_the_pledgor() {
    let mut world = enforcing();
    world.ok(sell(sale(1, 300)));
    assert_eq!(
        (pledge(&world).state, pledge(&world).quantity),
        (PledgeState::Enforcing, Quantity(700))
    );
    let at_icbc = |world: &World| {
        let account = world.ledger.account(SELLER).unwrap();
        account.cash.iter().find(|(bank, _)| *bank == ICBC).unwrap().1.available.0
    };
    assert_eq!((pledge(&world).proceeds, at_icbc(&world)), (Fen(300 * 4_306), 0));
    // 2,100,000 fen are claimed: 488 t bring 2,101,328.
    let held_before = held(&world).0;
    world.ok(sell(sale(2, 188)));
    world.ledger.check_invariants().unwrap();
    assert_eq!(
        (pledge(&world).state, pledge(&world).quantity),
        (PledgeState::Disposed, Quantity(0))
    );
    assert_eq!((pledge(&world).proceeds, at_icbc(&world)), (Fen(2_100_000), 1_328));
    assert_eq!(held(&world), (held_before + 512, 0), "what was not sold goes back");
    let taken = world.ok(command(PledgeCommand::TakeProceeds { bank: ICBC, amount: Fen(100_000) }));
    assert_eq!(taken, Receipt::Proceeds { bank: ICBC, left: Fen(2_000_000) });
    world.ledger.check_invariants().unwrap();
    let restarted = Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(restarted.banks(), world.ledger.banks());
}

#[test]
fn a_sale_is_of_what_is_pledged_and_no_more_than_is_claimed() {
    let cases: [(Reason, &str, Trade); 7] = [
        (Reason::OverDisposal, "trade.quantity_tco2e", sale(1, 489)),
        (Reason::OverDisposal, "trade.quantity_tco2e", sale(1, 1_001)),
        (
            Reason::NotCounterparty,
            "trade.seller_account",
            Trade { seller: crate::world::POOR, ..sale(1, 1) },
        ),
        (Reason::NotCounterparty, "trade.seller_bank", Trade { seller_bank: ABC, ..sale(1, 1) }),
        (Reason::PriceLimit, "trade.price_yuan", Trade { price: Price(1), ..sale(1, 1) }),
        (Reason::CashShort, "trade.buyer_account", Trade { buyer_bank: ABC, ..sale(1, 1) }),
        (
            Reason::WrongInstrument,
            "trade.instrument",
            Trade {
                instrument: registry_ledger::InstrumentCode::parse("CCER").unwrap(),
                ..sale(1, 1)
            },
        ),
    ];
    for (reason, field, trade) in cases {
        let refused = enforcing().refused_as("exchange/sh", sell(trade));
        assert_eq!((refused.reason, refused.field.as_str()), (reason, field), "{refused}");
    }
    let refused = after_maturity(active()).refused_as("exchange/sh", sell(sale(1, 1)));
    assert_eq!(refused.reason, Reason::PledgeNotActive);
    let take = command(PledgeCommand::TakeProceeds { bank: ICBC, amount: Fen(1) });
    assert_eq!(enforcing().refused_as(PLEDGEE, take).reason, Reason::InsufficientCash);
    let mut world = enforcing();
    crate::freeze::freeze_pledge(&mut world);
    assert_eq!(world.refused_as("exchange/sh", sell(sale(1, 1))).reason, Reason::CourtStay);
}

pub(crate) fn other_tonnes(tonnes: i64) -> SubstitutionOffer {
    SubstitutionOffer {
        instrument: cea(),
        quantity: Quantity(tonnes),
        from: FreePosition::Trading,
        reference_price: Price(4_306),
        reference_date: today(),
        warning_price: Price(4_100),
        disposal_price: Price(3_900),
        time_to_live_ms: DAY_MS,
    }
}

pub(crate) fn substitute(version: u32, offer: SubstitutionOffer) -> Command {
    command(PledgeCommand::Substitute { pledge: PledgeId(1), version, offer: Box::new(offer) })
}

pub(crate) fn take_others(version: u32) -> Command {
    command(PledgeCommand::AcceptSubstitution { pledge: PledgeId(1), version })
}

pub(crate) fn leave_others(version: u32) -> Command {
    command(PledgeCommand::DeclineSubstitution { pledge: PledgeId(1), version })
}

#[test]
fn other_tonnes_are_held_until_the_pledgee_has_decided() {
    let mut world = active();
    done(&mut world, PLEDGOR, substitute(3, other_tonnes(950)));
    assert_eq!(held(&world), (0, 1_950), "both are held");
    assert_eq!(done(&mut world, PLEDGEE, take_others(4)), (PledgeState::Active, 5));
    assert_eq!(held(&world), (1_000, 950));
    let now = pledge(&world);
    assert_eq!((now.quantity, now.terms.warning_price), (Quantity(950), Price(4_100)));
    for (actor, late) in [(PLEDGEE, false), (PLEDGOR, false), ("registry/officer-1", true)] {
        let mut world = active();
        done(&mut world, PLEDGOR, substitute(3, other_tonnes(950)));
        if late {
            assert_eq!(world.ledger.next_due().unwrap().0, world.now.0 + DAY_MS);
            world.now.0 += DAY_MS;
            assert_eq!(world.refused_as(PLEDGEE, take_others(4)).reason, Reason::ProposalExpired);
            world.ok(Command::ExpireDue);
        } else {
            done(&mut world, actor, leave_others(4));
        }
        assert_eq!((held(&world), pledge(&world).substitution), ((0, 1_000), None));
        assert_eq!(world.ledger.next_due(), None);
    }
}

#[test]
fn other_tonnes_cover_the_loan_too() {
    let offered = || {
        let mut world = active();
        done(&mut world, PLEDGOR, substitute(3, other_tonnes(950)));
        world
    };
    let with = |change: fn(&mut SubstitutionOffer)| {
        let mut offer = other_tonnes(950);
        change(&mut offer);
        (active(), substitute(3, offer))
    };
    let rows: [(&str, Reason, &str, (World, Command)); 12] = [
        (PLEDGEE, Reason::NotCounterparty, "pledge_id", with(|_| ())),
        (
            PLEDGOR,
            Reason::CoverBelowContract,
            "offer.quantity_tco2e",
            with(|o| o.quantity = Quantity(928)),
        ),
        (PLEDGOR, Reason::NotPositive, "offer.quantity_tco2e", with(|o| o.quantity = Quantity(0))),
        (
            PLEDGOR,
            Reason::InsufficientHolding,
            "offer.quantity_tco2e",
            with(|o| o.quantity = Quantity(i64::MAX)),
        ),
        (
            PLEDGOR,
            Reason::PriceStale,
            "offer.reference_price_yuan",
            with(|o| o.reference_price = Price(4_400)),
        ),
        (
            PLEDGOR,
            Reason::OutOfRange,
            "offer.warning_price_yuan",
            with(|o| o.warning_price = Price(4_400)),
        ),
        (
            PLEDGOR,
            Reason::OutOfRange,
            "offer.disposal_price_yuan",
            with(|o| o.disposal_price = Price(4_101)),
        ),
        (PLEDGOR, Reason::NotPositive, "offer.time_to_live_ms", with(|o| o.time_to_live_ms = 0)),
        (
            PLEDGOR,
            Reason::SubstitutionOpen,
            "pledge_id",
            (offered(), substitute(4, other_tonnes(950))),
        ),
        (PLEDGOR, Reason::NotCounterparty, "pledge_id", (offered(), take_others(4))),
        (PLEDGEE, Reason::NoSubstitution, "pledge_id", (active(), take_others(3))),
        (PLEDGEE, Reason::NoSubstitution, "pledge_id", (active(), leave_others(3))),
    ];
    for (row, (actor, reason, field, (mut world, command))) in rows.into_iter().enumerate() {
        let refused = world.refused_as(actor, command);
        assert_eq!(
            (refused.reason, refused.field.as_str()),
            (reason, field),
            "row {row}: {refused}"
        );
    }
    let mut world = active();
    let offer = SubstitutionOffer { time_to_live_ms: 3 * DAY_MS, ..other_tonnes(950) };
    done(&mut world, PLEDGOR, substitute(3, offer));
    close_at(&mut world, 4_100);
    // 950 t at 41.00 are 38,950 yuan, half of that is less than 20,000.
    assert_eq!(world.refused_as(PLEDGEE, take_others(4)).reason, Reason::CoverBelowContract);
}
