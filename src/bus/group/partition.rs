//! Keys to partitions, partitions to members: the arithmetic of groups and shards, without any of their state.

/// Partitions of a group or of shards, unless asked otherwise.
pub(crate) const DEFAULT: u32 = 256;
/// Most partitions: a set of them is two cache lines.
pub(crate) const MAX: u32 = 1024;
const WORDS: usize = MAX as usize / 64;
/// 2^64 over the golden ratio: keys in a row, and multiples of anything, spread evenly over the top bits of the product.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which partition a key belongs to, for good: the top bits of a product.
///
/// ```
/// use tagring::bus::Partitions;
///
/// let partitions = Partitions::new(256).unwrap();
/// assert_eq!(partitions.of(7), partitions.of(7));
/// assert!((0..1000).all(|key| partitions.of(key) < 256));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partitions {
    count: u32,
    shift: u32,
}

impl Partitions {
    /// `count` partitions: a power of two from 2 to 1,024; `None` for anything else.
    #[must_use]
    pub const fn new(count: u32) -> Option<Self> {
        if count < 2 || count > MAX || !count.is_power_of_two() {
            return None;
        }
        Some(Self { count, shift: 64 - count.trailing_zeros() })
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// The partition of a key.
    #[must_use]
    #[inline(always)]
    pub const fn of(self, key: u32) -> u32 {
        ((key as u64).wrapping_mul(GOLDEN) >> self.shift) as u32
    }
}

impl Default for Partitions {
    /// 256 partitions.
    fn default() -> Self {
        Self { count: DEFAULT, shift: 64 - DEFAULT.trailing_zeros() }
    }
}

/// A set of partitions: plain memory of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bus) struct PartitionSet([u64; WORDS]);

impl PartitionSet {
    pub(in crate::bus) const EMPTY: Self = Self([0; WORDS]);

    #[inline(always)]
    pub(in crate::bus) fn contains(&self, partition: u32) -> bool {
        // Masked: a number of partitions is no larger, and the compiler need not check.
        self.0[(partition / 64) as usize & (WORDS - 1)] >> (partition % 64) & 1 != 0
    }

    pub(in crate::bus) fn insert(&mut self, partition: u32) {
        self.0[(partition / 64) as usize] |= 1 << (partition % 64);
    }

    pub(in crate::bus) fn remove(&mut self, partition: u32) {
        self.0[(partition / 64) as usize] &= !(1 << (partition % 64));
    }

    pub(in crate::bus) fn iter(&self) -> impl Iterator<Item = u32> + use<> {
        let words = self.0;
        (0..MAX).filter(move |&p| words[(p / 64) as usize] >> (p % 64) & 1 != 0)
    }
}

/// Deals partitions to `members` so that no two of them differ by more than one and nothing moves that need not: who has too many gives, who
/// has too few takes, and what belongs to nobody among them is dealt first. Returns how many have moved. With no members nothing changes.
pub(in crate::bus) fn deal(owners: &mut [Option<u16>], members: &[u16]) -> u32 {
    let Some(least) = owners.len().checked_div(members.len()) else { return 0 };
    let mut more = owners.len() % members.len();
    let mut has: Vec<usize> =
        members.iter().map(|member| owners.iter().filter(|owner| **owner == Some(*member)).count()).collect();
    // Those who have most keep the one more that some may have: so the fewest move.
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&at| core::cmp::Reverse(has[at]));
    let mut quota = vec![least; members.len()];
    for &at in &order {
        if more > 0 {
            quota[at] += 1;
            more -= 1;
        }
    }
    let mut moved = 0;
    for owner in owners.iter_mut() {
        let at = members.iter().position(|member| *owner == Some(*member));
        if at.is_some_and(|at| has[at] <= quota[at]) {
            continue;
        }
        let Some(to) = (0..members.len()).find(|&at| has[at] < quota[at]) else { break };
        if let Some(from) = at {
            has[from] -= 1;
        }
        has[to] += 1;
        *owner = Some(members[to]);
        moved += 1;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(owners: &[Option<u16>], members: &[u16]) -> Vec<usize> {
        members.iter().map(|member| owners.iter().filter(|owner| **owner == Some(*member)).count()).collect()
    }

    #[test]
    fn issue_4606_keys_in_a_row_and_in_steps_spread_evenly_over_partitions() {
        for step in [1, 2, 3, 7, 10, 64, 100, 256, 1000, 1 << 16] {
            let partitions = Partitions::default();
            let mut hits = vec![0_u32; 256];
            (0..25_600).for_each(|i: u32| hits[partitions.of(i.wrapping_mul(step)) as usize] += 1);
            let (least, most) = (hits.iter().min().unwrap(), hits.iter().max().unwrap());
            assert!(*least >= 50 && *most <= 200, "step {step}: {least} to {most} of 100 on average");
        }
        assert_eq!([0, 1, 3, 2048].map(Partitions::new), [None; 4]);
        assert_eq!(Partitions::new(1024).unwrap().of(u32::MAX) >> 10, 0);
    }

    proptest! {
        #[test]
        fn issue_4607_a_deal_is_even_and_moves_only_what_it_must(
            bits in 1_u32..9, comes in proptest::collection::vec((any::<bool>(), 0_u16..8), 1..40)
        ) {
            let mut owners = vec![None; 1 << bits];
            let mut members: Vec<u16> = Vec::new();
            for (joins, member) in comes {
                let before = owners.clone();
                let had = counts(&owners, &members);
                match members.iter().position(|&known| known == member) {
                    None if joins => members.push(member),
                    Some(at) if !joins => drop(members.remove(at)),
                    _ => continue,
                }
                let moved = deal(&mut owners, &members) as usize;
                if members.is_empty() {
                    prop_assert_eq!(moved, 0);
                    continue;
                }
                let has = counts(&owners, &members);
                prop_assert_eq!(has.iter().sum::<usize>(), owners.len());
                prop_assert!(has.iter().max().unwrap() - has.iter().min().unwrap() <= 1, "{:?}", has);
                prop_assert_eq!(moved, before.iter().zip(&owners).filter(|(a, b)| a != b).count());
                // What the newcomer has, or what the leaver had, and no more. (Nobody had any while there were no members.)
                let homeless = before.iter().filter(|owner| !owner.is_some_and(|owner| members.contains(&owner))).count();
                let must = if joins { has.last().unwrap().max(&homeless) } else { &homeless };
                prop_assert!(moved <= *must, "{} moved, {} must; had {:?}", moved, must, had);
            }
        }
    }
}
