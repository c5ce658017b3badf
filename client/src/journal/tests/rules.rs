//! Versions of the rules: what was right before a version is wrong after it, and an
//! audit does not judge by rules that it does not know.

use super::super::*;
use super::compliance::{applied, carried, emitted, prepared};
use super::money::Change;
use super::story::{
    MAKER, OFFICER, Step, add_event, approved, audit, caught, cea, date, go_on, life, proposed,
};

/// From the life's last event into the next day in Beijing; proposals still stand then.
const NEXT_DAY_MS: i64 = 10 * 3_600_000;

fn year() -> Vec<Step> {
    let mut steps = life();
    for (what, postings) in prepared().into_iter().chain([emitted(1, 2020, 1_000)]) {
        go_on(&mut steps, OFFICER, what, postings, 0);
    }
    steps
}

/// By two officers.
fn activated(mut steps: Vec<Step>, version: u32) -> Vec<Step> {
    let last = &steps.last().expect("a life").event;
    let (log_index, now_ms) = (last.log_index + 1, last.ledger_time_ms);
    let proposals = steps.iter().filter(|step| step.event.what.name() == "Proposed").count();
    let proposal = proposals as u64 + 1;
    add_event(&mut steps, (log_index, now_ms, MAKER), proposed(proposal), vec![]);
    let what = What::ClusterChanged {
        change: ClusterChange::RulesActivated,
        node_id: 0,
        city: String::new(),
        recovery_epoch: 0,
        note: format!("version {version}: decision 7"),
    };
    add_event(&mut steps, (log_index + 1, now_ms, OFFICER), what, vec![]);
    add_event(&mut steps, (log_index + 1, now_ms, OFFICER), approved(proposal), vec![]);
    steps
}

/// What happens on the day after the last usable one.
fn the_day_after(mut steps: Vec<Step>, (what, postings): Change) -> Vec<Step> {
    let until = What::UsableUntilSet { instrument: cea(), usable_until: Some(date(20_211_216)) };
    go_on(&mut steps, OFFICER, until, vec![], 0);
    go_on(&mut steps, OFFICER, what, postings, NEXT_DAY_MS);
    steps
}

#[test]
fn a_last_day_binds_surrenders_and_carry_overs_since_the_second_version() {
    for change in [applied(1, 2020, cea(), 600), carried(1, 1, 400)] {
        audit(&the_day_after(year(), change.clone())).expect("right under the first rules");
        caught("too late", &the_day_after(activated(year(), 2), change), "last usable day");
    }
    // Before it is over, and decided before the new rules.
    let mut in_time = activated(year(), 2);
    let until = What::UsableUntilSet { instrument: cea(), usable_until: Some(date(20_301_231)) };
    go_on(&mut in_time, OFFICER, until, vec![], 0);
    let (what, postings) = applied(1, 2020, cea(), 600);
    go_on(&mut in_time, OFFICER, what, postings, NEXT_DAY_MS);
    audit(&in_time).expect("in time");
    let before = the_day_after(year(), applied(1, 2020, cea(), 600));
    audit(&activated(before, 2)).expect("what was decided stands");
}

#[test]
fn versions_follow_each_other_and_unknown_ones_are_not_judged() {
    caught("left out", &activated(year(), 3), "rules put in force");
    caught("twice", &activated(activated(year(), 2), 2), "rules put in force");
    let later = activated(activated(year(), 2), 3);
    caught("later than this audit", &later, "audit with a later version");
}
