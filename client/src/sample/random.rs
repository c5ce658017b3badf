//! SplitMix64 (Steele, Lea, Flood 2014): small, and fixed for ever, so that a
//! seed gives the same sample day with every version of this crate.

/// A stream of pseudo-random numbers. Not for secrets.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// Streams of one seed for different purposes are independent: one more
    /// block trade must not change the listed trades.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        // FNV-1a of the purpose.
        let salt = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut random = Self { state: seed };
        random.state = random.next().wrapping_add(salt);
        random
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let scaled = (u128::from(self.next()) * bound as u128) >> 64;
        scaled as usize
    }

    /// A number in `low..=high`; `low` when they are the wrong way round.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (i128::from(high) - i128::from(low) + 1).max(0) as u128;
        let offset = (u128::from(self.next()) * span) >> 64;
        low.wrapping_add(offset as i64)
    }

    /// Puts `items` in a random order (Fisher-Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_numbers_are_those_of_the_reference_implementation() {
        let mut random = Random { state: 1_234_567 };
        let numbers: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut random = Random::new(7, "bounds");
        for _ in 0..1000 {
            assert!(random.below(3) < 3);
            assert!((-2..=2).contains(&random.between(-2, 2)));
        }
        assert_eq!(random.below(0), 0);
        assert_eq!(random.between(5, 4), 5);
    }

    #[test]
    fn purposes_give_different_streams() {
        assert_ne!(Random::new(1, "listed").next(), Random::new(1, "block").next());
    }
}
