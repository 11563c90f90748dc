//! A tiny generator of pseudo-random numbers for pauses: one word of state, so that a seed repeats a run exactly.
//!
//! SplitMix64, as in Sebastiano Vigna's public-domain `splitmix64.c` (<https://prng.di.unimi.it/splitmix64.c>), after Steele, Lea and
//! Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.

/// The generator.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly from 0 to `most`, both included: the high word of a product, off from even by at most `most` in 2^64.
    pub(crate) const fn up_to(&mut self, most: u64) -> u64 {
        ((self.next() as u128 * (most as u128 + 1)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_the_reference() {
        // `splitmix64.c` from state 1234567; the same five stand in Rosetta Code's task "Pseudo-random numbers/Splitmix64".
        let mut generator = SplitMix64::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!([(); 5].map(|()| generator.next()), expected);
    }

    #[test]
    fn both_ends_are_reached_and_nothing_beyond() {
        let mut generator = SplitMix64::new(1);
        let drawn: std::collections::BTreeSet<_> = (0..1_000).map(|_| generator.up_to(3)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(generator.up_to(0), 0);
    }
}
