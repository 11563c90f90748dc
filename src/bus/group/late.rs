//! What a member has still to read again: partitions that it took up behind its own position, each from a sequence of its own, and one cursor
//! that goes over the ring once for all of them.

use super::partition::{MAX, PartitionSet};

/// Partitions that are caught up with. All events of them from `from` to the cursor are done.
#[derive(Debug)]
pub(super) struct Late {
    pub(super) set: PartitionSet,
    /// Where each begins.
    from: Box<[u64]>,
    /// The next sequence to look at; `u64::MAX` while there is nothing.
    pub(super) next: u64,
}

impl Late {
    pub(super) fn new() -> Self {
        Self { set: PartitionSet::EMPTY, from: vec![0; MAX as usize].into(), next: u64::MAX }
    }

    /// Whether there is something to read again, or to be taken as it comes from now on, by a member that has passed all below `next`.
    #[inline(always)]
    pub(super) fn is_due(&self, next: u64) -> bool {
        self.next <= next
    }

    pub(super) fn clear(&mut self) {
        (self.set, self.next) = (PartitionSet::EMPTY, u64::MAX);
    }

    /// Where a partition goes on: all of it before is done.
    pub(super) fn from(&self, partition: u32) -> u64 {
        self.from[partition as usize].max(self.next)
    }

    /// Whether this event is to be handled late.
    pub(super) fn wants(&self, partition: u32, sequence: u64) -> bool {
        self.set.contains(partition) && sequence >= self.from[partition as usize]
    }

    /// One more, from `resume` on. Where the cursor goes back for it, the others keep where they are.
    pub(super) fn add(&mut self, partition: u32, resume: u64) {
        if resume < self.next {
            self.set.iter().for_each(|other| self.from[other as usize] = self.from(other));
            self.next = resume;
        }
        self.set.insert(partition);
        self.from[partition as usize] = resume;
    }

    /// One less. The cursor is set right by [`Self::settle`].
    pub(super) fn remove(&mut self, partition: u32) {
        self.set.remove(partition);
    }

    /// Moves the cursor to where the first one goes on.
    pub(super) fn settle(&mut self) {
        self.next = self.set.iter().map(|partition| self.from(partition)).min().unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_comes_later_and_begins_earlier_repeats_nothing_of_the_others() {
        let mut late = Late::new();
        late.add(1, 10);
        late.next = 15;
        late.add(2, 12);
        assert_eq!((late.next, late.from(1), late.from(2)), (12, 15, 12));
        assert!(late.wants(2, 12) && !late.wants(1, 14) && late.wants(1, 15) && !late.wants(3, 20));
        late.add(3, 40);
        assert_eq!((late.next, late.from(3)), (12, 40));
        (1..3).for_each(|partition| late.remove(partition));
        late.settle();
        assert!(late.next == 40 && late.is_due(40) && !late.is_due(39));
        late.clear();
        assert!(!late.is_due(u64::MAX - 1));
    }
}
