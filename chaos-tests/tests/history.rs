//! What was, read back from the events: the same as what the naive model had then.

use registry_chaos_tests::model::{Played, Rng};

/// Markets, and commands of each.
const SEEDS: u64 = if cfg!(debug_assertions) { 4 } else { 40 };
const COMMANDS: u64 = 1_500;
/// Accounts of every position: one in so many, in turn.
const ONE_IN: usize = 5;

#[test]
fn balances_at_every_position_are_the_model_s_and_statements_add_up() {
    let (mut balances, mut entries, mut steps) = (0, 0, 0);
    for seed in 0..SEEDS {
        let played = Played::new(seed, COMMANDS);
        let failed = |difference| panic!("seed {seed}: {difference}");
        balances += played.check_balances(ONE_IN).unwrap_or_else(failed);
        let mut rng = Rng::new(seed);
        entries += played.check_statements(&mut rng, 200).unwrap_or_else(failed);
        steps += played.check_trades().unwrap_or_else(failed);
    }

    assert!(balances > SEEDS * 300 && entries > SEEDS * 300 && steps > SEEDS * 300);
}
