//! SplitMix64 (Steele, Lea, Flood 2014): small, fast, integers only, so that a seed gives the same session everywhere.

#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    #[inline]
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `n - 1`, by multiplication: biased by less than 2^-32 for the small `n` used here.
    #[inline]
    pub(super) fn below(&mut self, n: u64) -> u64 {
        ((self.next() >> 32) * n) >> 32
    }

    /// A number with mean about `mean`, most often small: the sum of leading zero bits stands in for a logarithm.
    #[inline]
    pub(super) fn geometric(&mut self, mean: u64) -> u64 {
        let halvings = u64::from(self.next().leading_zeros());
        (halvings * mean) + self.below(mean.max(1))
    }
}
