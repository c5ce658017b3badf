//! Days whose states come out of their legal order.

use super::super::*;
use super::story::*;

fn final_day() -> What {
    What::DayFinal { date: date(DAY) }
}

fn statements() -> What {
    What::StatementsIssued { date: date(DAY) }
}

fn objection(account: u64) -> What {
    What::ObjectionRaised { date: date(DAY), account, text: String::new() }
}

fn answer(account: u64) -> What {
    What::ObjectionResolved { date: date(DAY), account, resolution: String::new() }
}

fn confirmed() -> What {
    What::ClearingConfirmed { date: date(DAY) }
}

fn cleared() -> What {
    What::DayCleared { date: date(DAY), clearing_sha256: [0; 32] }
}

fn opened(number: u32) -> What {
    What::DayOpened { date: date(number), topup_window_ms: 1 }
}

fn delivered() -> What {
    What::TradesDelivered { date: date(DAY), first: 1, count: 1, held: vec![] }
}

fn tried() -> What {
    What::HeldTradesTried { date: date(DAY), results: vec![(3, TradeMark::HeldForCash)] }
}

fn disputed(sha256: [u8; 32]) -> What {
    What::ClearingDisputed { date: date(DAY), clearing_sha256: sha256 }
}

fn voided() -> What {
    let (before, reason) = (trade(5, BUYER), String::new());
    What::TradeAmended { date: date(DAY), before, after: None, reason }
}

fn closed() -> What {
    What::DayClosed {
        date: date(DAY),
        trades: 0,
        tonnes: 0,
        fen: 0,
        trades_sha256: [0; 32],
        closes: vec![],
    }
}

fn suspended() -> What {
    What::DaySuspended { date: date(DAY) }
}

fn resumed() -> What {
    What::DayResumed { date: date(DAY) }
}

#[test]
fn steps_out_of_order_are_caught() {
    const STATE: &str = "state of 2021-12-16";
    let cases = [
        ("cleared while open", instead("DayClosed", 0, cleared()), STATE),
        ("confirmed while open", instead("DayClosed", 0, confirmed()), STATE),
        ("delivered while open", instead("DayClosed", 0, delivered()), STATE),
        ("statements while open", instead("DayClosed", 0, statements()), STATE),
        ("final while open", instead("DayClosed", 0, final_day()), STATE),
        ("amended while open", instead("DayClosed", 0, voided()), STATE),
        ("closed twice", instead("DayCleared", 0, closed()), STATE),
        ("confirmed before it is cleared", instead("DayCleared", 0, confirmed()), STATE),
        ("delivered before it is confirmed", instead("ClearingConfirmed", 0, delivered()), STATE),
        ("amended after it is cleared", instead("ClearingConfirmed", 0, voided()), STATE),
        ("confirmed while disputed", instead("TradeAmended", 0, confirmed()), STATE),
        ("disputed once confirmed", instead("TradesDelivered", 0, disputed([1; 32])), STATE),
        ("held tried before delivery", instead("TradesDelivered", 1, tried()), STATE),
        ("closed again once delivered", instead("StatementsIssued", 0, closed()), STATE),
        ("disputed again once delivered", instead("StatementsIssued", 0, disputed([1; 32])), STATE),
    ];
    for (case, steps, what) in &cases {
        caught(case, steps, what);
    }
}

#[test]
fn the_end_of_a_day_has_its_conditions() {
    const HELD: &str = "held trades of 2021-12-16";
    let cases = [
        ("statements while trades are held", instead("HeldTradesTried", 0, statements()), HELD),
        ("final while trades are held", instead("HeldTradesTried", 0, final_day()), HELD),
        (
            "final without statements",
            instead("StatementsIssued", 0, final_day()),
            "statements issued",
        ),
        ("statements twice", instead("ObjectionRaised", 0, statements()), "statements"),
        (
            "objection before statements",
            instead("StatementsIssued", 0, objection(BUYER)),
            "statements issued",
        ),
        ("objection of a stranger", instead("ObjectionRaised", 0, objection(5)), "objection"),
        (
            "two objections",
            instead("ObjectionResolved", 0, objection(BUYER)),
            "objections of account 2",
        ),
        ("an answer to nobody", instead("ObjectionResolved", 0, answer(SELLER)), "answer"),
        (
            "final with an open objection",
            instead("ObjectionResolved", 0, final_day()),
            "objections without",
        ),
        ("statements of an empty dispute", instead("TradeAmended", 0, statements()), "state of"),
    ];
    for (case, steps, what) in &cases {
        caught(case, steps, what);
    }
}

#[test]
fn a_final_day_never_changes() {
    let every = [
        closed(),
        cleared(),
        confirmed(),
        disputed([1; 32]),
        voided(),
        delivered(),
        tried(),
        statements(),
        objection(BUYER),
        answer(BUYER),
        final_day(),
        suspended(),
        resumed(),
    ];
    for what in every {
        let case = format!("{what:?} after the end");
        caught(&case, &instead("DayOpened", 1, what.clone()), "settlement day 2021-12-16");
        // Nor when the next day runs.
        let mut steps = life();
        let mut after = steps[steps.len() - 1].clone();
        (after.event.what, after.event.number) = (what, after.event.number + 1);
        steps.push(after);
        caught(&case, &steps, "settlement day 2021-12-16: expected 2021-12-17, the only day");
    }
}

#[test]
fn days_follow_each_other() {
    let cases = [
        (
            "a day inside another",
            instead("DayClosed", 0, opened(20_211_217)),
            "when 2021-12-17 opens",
        ),
        ("the same day again", instead("DayOpened", 1, opened(DAY)), "settlement day"),
        ("an earlier day", instead("DayOpened", 1, opened(20_211_215)), "settlement day"),
        ("a holiday", instead("DayOpened", 0, opened(20_211_001)), "among the holidays"),
        ("a day that was not opened", instead("DayOpened", 0, statements()), "settlement day"),
    ];
    for (case, steps, what) in &cases {
        caught(case, steps, what);
    }
}

#[test]
fn a_suspended_day_only_resumes() {
    let cases = [
        ("resumed and not suspended", instead("DaySuspended", 0, resumed()), "suspended"),
        ("suspended twice", instead("DayResumed", 0, suspended()), "suspended"),
        ("delivered while suspended", instead("DayResumed", 0, delivered()), "state of 2021-12-16"),
        ("final while suspended", instead("DayResumed", 0, final_day()), "state of 2021-12-16"),
    ];
    for (case, steps, what) in &cases {
        caught(case, steps, what);
    }
}
