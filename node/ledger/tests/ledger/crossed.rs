//! Parts of the registry against each other: what one party does while another
//! one's step is under way.

use registry_ledger::{
    Command, DayState, FreePosition, LedgerTime, Pledge, PledgeCommand, PledgeId, PledgeState,
    Price, Quantity, Reason, Receipt, SubstitutionOffer, calendar,
};

use crate::control::{approval, propose};
use crate::pledge::{
    DAY_MS, PLEDGEE, PLEDGOR, accept, activate, active, add, called, close_at, command, controlled,
    default, done, offer, offered, release, settled,
};
use crate::world::{HOUR_MS, World, cea, date};

fn court_release(version: u32) -> Command {
    let document = "order 7".to_owned();
    command(PledgeCommand::ReleaseByCourt { pledge: PledgeId(1), version, document })
}

fn pledge(world: &World) -> Pledge {
    world.ledger.pledge(PledgeId(1)).unwrap().clone()
}

/// 1,000 t of the same vintage at the last settled close.
fn substitution(close: i64, settled_on: &str) -> SubstitutionOffer {
    SubstitutionOffer {
        instrument: cea(),
        quantity: Quantity(1_000),
        from: FreePosition::Trading,
        reference_price: Price(close),
        reference_date: date(settled_on),
        warning_price: Price(4_000),
        disposal_price: Price(3_500),
        time_to_live_ms: DAY_MS,
    }
}

#[test]
fn other_tonnes_for_an_overdue_loan_must_still_be_usable_today() {
    let mut world = settled();
    let mut offer = offer();
    offer.terms.maturity = date("2021-12-17");
    done(&mut world, PLEDGOR, offered(offer));
    done(&mut world, PLEDGEE, accept(1));
    controlled(&mut world, activate(2, "filing 1")).unwrap();
    // Due on the 17th, usable until the 18th, and now it is the 20th.
    let usable_until = Some(date("2021-12-18"));
    world.ok(Command::SetUsableUntil { instrument: cea(), usable_until });
    world.now = LedgerTime(calendar::beijing_midnight(date("2021-12-20")).0 + HOUR_MS);
    let offer = Box::new(substitution(4_306, "2021-12-16"));
    let version = pledge(&world).version;
    let substitute = PledgeCommand::Substitute { pledge: PledgeId(1), version, offer };
    let refused = world.refused_as(PLEDGOR, command(substitute));
    assert_eq!(refused.reason, Reason::VintageExpiring);
    assert_eq!(refused.field, "offer.instrument");
}

#[test]
fn a_loan_is_not_in_default_on_the_day_it_is_due() {
    let mut world = settled();
    let mut offer = offer();
    offer.terms.maturity = date("2021-12-17");
    offer.terms.cure_period_ms = HOUR_MS;
    done(&mut world, PLEDGOR, offered(offer));
    done(&mut world, PLEDGEE, accept(1));
    controlled(&mut world, activate(2, "filing 1")).unwrap();
    // Three o'clock in the night before the bank opens.
    world.now = LedgerTime(calendar::beijing_midnight(date("2021-12-17")).0 + 3 * HOUR_MS);
    let refused = world.refused_as(PLEDGEE, default(3));
    assert_eq!(refused.reason, Reason::CurePeriodOpen);
}

#[test]
fn a_call_at_a_disputed_close_ends_in_no_default() {
    let mut world = settled();
    let mut offer = offer();
    offer.terms.cure_period_ms = HOUR_MS;
    done(&mut world, PLEDGOR, offered(offer));
    done(&mut world, PLEDGEE, accept(1));
    controlled(&mut world, activate(2, "filing 1")).unwrap();
    close_at(&mut world, 3_990);
    assert_eq!(pledge(&world).state, PledgeState::MarginCall);
    let day = date("2021-12-17");
    world.ok(Command::ClearDay(day));
    world.ok(Command::ConfirmClearing { date: day, clearing_sha256: [0; 32] });
    assert_eq!(world.ledger.day(day).unwrap().state, DayState::Disputed);
    assert!(!world.ledger.daily_price(cea(), day).unwrap().settled, "no such close is settled");
    // The price is being corrected while the time to cure runs out.
    world.now.0 += 2 * HOUR_MS;
    let version = pledge(&world).version;
    let refused = world.refused_as(PLEDGEE, default(version));
    assert_eq!(refused.reason, Reason::CurePeriodOpen);
}

#[test]
fn a_contract_is_not_made_at_a_disputed_close() {
    let mut world = settled();
    close_at(&mut world, 4_700);
    let day = date("2021-12-17");
    world.ok(Command::ClearDay(day));
    world.ok(Command::ConfirmClearing { date: day, clearing_sha256: [0; 32] });
    let mut offer = offer();
    offer.terms.reference_price = Price(4_700);
    offer.terms.reference_date = day;
    let refused = world.refused_as(PLEDGOR, offered(offer));
    assert_eq!(refused.reason, Reason::PriceStale);
}

#[test]
fn a_court_s_release_is_carried_out_although_the_parties_go_on() {
    let mut world = active();
    let order = court_release(3);
    let Receipt::Proposed { proposal, .. } = world.ok(propose(&order)) else { panic!() };
    // Before the second officer comes, the bank gives one tonne back.
    done(&mut world, PLEDGEE, release(3, Some(1)));
    let approve = Command::Approve(approval(proposal, order));
    let answer = world.apply_as("registry/officer-2", approve);
    assert!(answer.outcome.is_ok(), "{:?}", answer.outcome);
    assert_eq!(pledge(&world).state, PledgeState::Released);
}

#[test]
fn a_pledgor_cannot_put_a_default_off_by_changing_the_pledge() {
    let mut world = called();
    world.now.0 += 4 * DAY_MS;
    let seen = pledge(&world).version;
    // One tonne, far from enough to cure, just before the bank's declaration.
    done(&mut world, PLEDGOR, add(seen, 1));
    assert_eq!(pledge(&world).state, PledgeState::MarginCall);
    let answer = world.apply_as(PLEDGEE, default(seen));
    assert!(answer.outcome.is_ok(), "{:?}", answer.outcome);
}
