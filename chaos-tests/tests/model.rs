//! The ledger against the naive model, command by command, over seeded markets.
//!
//! `REGISTRY_MODEL_SEED` and `REGISTRY_MODEL_COMMANDS` choose the first seed
//! and the number of commands; a failure prints the values that repeat it.

#![allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]

use registry_chaos_tests::model::{
    Failure, Model, Planted, Rng, Run, Seen, Workload, hostile_command,
};
use registry_ledger::{Entry, Ledger, LedgerTime, Reason};

/// Commands under one seed; then a new market begins.
const COMMANDS_PER_SEED: u64 = 2_000;
/// The whole state is compared after so many commands.
const CHECK_EVERY: u64 = 250;
/// Unoptimised code gets a tenth of the work.
const COMMANDS: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

fn number_from(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")),
        Err(_) => otherwise,
    }
}

#[test]
fn ledger_answers_and_state_are_what_the_naive_model_expects() {
    let first_seed = number_from("REGISTRY_MODEL_SEED", 20_211_216);
    let commands = number_from("REGISTRY_MODEL_COMMANDS", COMMANDS);
    let mut seen = Seen::new();
    let mut left = commands;
    let mut seed = first_seed;
    while left > 0 {
        let now = left.min(COMMANDS_PER_SEED);
        let mut run = Run::new(seed, Model::new(), CHECK_EVERY);
        let of_run = run.play(now).unwrap_or_else(|failure| panic!("{failure}"));
        for (name, count) in of_run {
            *seen.entry(name.clone()).or_default() += count;
        }
        left -= now;
        seed += 1;
    }
    // A replay of few commands need not see everything.
    if commands >= COMMANDS {
        assert_everything_was_seen(&seen);
    }
}

/// Comparing says something only about answers that were given.
fn assert_everything_was_seen(seen: &Seen) {
    // Said before a command reaches the ledger, or about sums that always balance.
    let elsewhere = [
        Reason::NotADecimal,
        Reason::TooManyDecimals,
        Reason::BadDate,
        Reason::Tick,
        Reason::ClearingImbalance,
        // Take a quarter of a gigabyte to reach: the ledger's own tests.
        Reason::TooManyProposals,
        // Only codes of provinces decode.
        Reason::UnknownProvince,
        // Said of questions.
        Reason::PeriodReversed,
        Reason::PositionAhead,
        Reason::PositionBeforeRecords,
        Reason::CursorMismatch,
        // Takes a hundred offers of one seller: the ledger's own tests.
        Reason::TooManyRepos,
        // Of the cluster, which is no market: the ledger's own tests.
        Reason::UnknownCity,
        Reason::UnknownNode,
        Reason::NodeIdUsed,
        Reason::VotersChanging,
        Reason::CityOut,
        Reason::CityNotOut,
        Reason::LayoutForbids,
        Reason::RecoveryEpoch,
    ];
    let reasons = Reason::ALL.iter().filter(|reason| !elsewhere.contains(reason));
    let receipts = [
        "Done",
        "AccountOpened",
        "AccountsOpened",
        "Holding",
        "Cash",
        "Day",
        "Chunk",
        "Clearing",
        "Trades",
        "Trade",
        "Delivered",
        "Proposed",
        "Withdrawal",
        "Pots",
        "Repaid",
        "Covered",
        "Reported",
        "Compliance",
        "Pledge",
        "Proceeds",
        "Freeze",
        "pledge PROPOSED",
        "pledge ACCEPTED",
        "pledge ACTIVE",
        "pledge MARGIN_CALL",
        "pledge DEFAULTED",
        "pledge ENFORCING",
        "pledge DISPOSED",
        "pledge RELEASED",
        "pledge DECLINED",
        "pledge EXPIRED",
        "freeze of an account",
        "freeze of tonnes",
        "freeze of a pledge",
        "Inclusive",
        "Repo",
    ];
    let wanted = reasons.map(|reason| reason.code()).chain(receipts);
    let missing: Vec<_> = wanted.filter(|name| !seen.contains_key(*name)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?}; seen: {seen:#?}");
    let refused: u64 = Reason::ALL.iter().filter_map(|reason| seen.get(reason.code())).sum();
    let all: u64 = seen.values().sum();
    let percent = refused * 100 / all;
    assert!((10..45).contains(&percent), "{percent} % of the commands were refused: {seen:#?}");
}

/// The first market in which a broken rule shows.
fn notice(planted: Planted) -> Option<Box<Failure>> {
    (1..=30).find_map(|seed| {
        Run::new(seed, Model::with_planted(planted), CHECK_EVERY).play(COMMANDS_PER_SEED).err()
    })
}

#[test]
fn a_model_with_one_wrong_rule_is_noticed() {
    for planted in Planted::ALL {
        let Some(failure) = notice(*planted) else { panic!("{planted:?} was not noticed") };
        let sound = Run::new(failure.seed, Model::new(), CHECK_EVERY).play(COMMANDS_PER_SEED).err();
        assert!(sound.is_none(), "the sound model differs, too: {}", sound.unwrap());
    }
}

#[test]
fn a_failure_is_found_again_with_the_values_it_prints() {
    let planted = Planted::SameDayResale;
    let failure = notice(planted).expect("the broken rule is noticed");
    let printed = failure.to_string();
    assert!(printed.contains(&format!("REGISTRY_MODEL_SEED={}", failure.seed)), "{printed}");
    let again = Run::new(failure.seed, Model::with_planted(planted), CHECK_EVERY)
        .play(failure.command_number)
        .expect_err("the same seed fails again");
    assert_eq!(again.to_string(), printed);
}

/// Ends of ranges and several faults at once, in a market that is under way:
/// whatever is answered, nothing stops, breaks or changes by a refusal.
#[test]
fn hostile_commands_break_nothing() {
    for seed in 0..if cfg!(debug_assertions) { 5 } else { 40 } {
        let (mut model, mut ledger) = (Model::new(), Ledger::new());
        let mut workload = Workload::new(seed);
        let mut rng = Rng::new(!seed);
        let steps = 200 + rng.below(400);
        for _ in 0..steps {
            let entry = workload.next_entry(&model);
            model.apply(&entry);
            ledger.apply(&entry);
        }
        let mut digest = ledger.seal().state_digest;
        for step in 0..600_u64 {
            let entry = Entry {
                term: 9,
                log_index: 1_000_000 + step,
                proposed_at: LedgerTime(if rng.chance(1) { i64::MAX } else { i64::MIN }),
                actor: "exchange/sh".to_owned(),
                request: None,
                command: hostile_command(&mut rng, &model),
            };
            let outcome = ledger.apply(&entry).outcome;
            let sealed = ledger.seal().state_digest;
            if outcome.is_err() {
                assert_eq!(digest, sealed, "seed {seed}, step {step}: {entry:?}\n{outcome:?}");
            }
            digest = sealed;
            if step.is_multiple_of(20) {
                let checked = ledger.check_invariants();
                assert!(checked.is_ok(), "seed {seed}, step {step}: {entry:?}\n{checked:?}");
            }
        }
        ledger.check_invariants().unwrap();
        let digests = (ledger.state_digest(), ledger.answers_digest());
        assert_eq!(digests, ledger.recompute_digests(), "seed {seed}");
        assert_eq!(Ledger::load(ledger.records()).unwrap().records(), ledger.records());
    }
}
