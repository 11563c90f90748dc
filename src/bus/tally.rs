//! What a slot has done, in numbers: kept by its thread, shown once per turn. At any moment
//! `joined + delivered + filtered + dead + holes + dropped + conflated + expired + shed == position`.

use super::flow::Fate;

/// Counts of one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) delivered: u64,
    pub(super) filtered: u64,
    pub(super) dead: u64,
    pub(super) holes: u64,
    pub(super) batches: u64,
    /// The first sequence it was to see.
    pub(super) joined: u64,
    /// The next one.
    pub(super) position: u64,
    /// Dead letters handled after all, and those that failed again: not sequences of the ring.
    pub(super) redelivered: u64,
    pub(super) redelivered_dead: u64,
    /// What only a slot with a managed source has.
    pub(super) dropped: u64,
    pub(super) conflated: u64,
    pub(super) expired: u64,
    pub(super) shed: u64,
}

/// Words of a [`Tally`].
pub(super) const COUNTS: usize = 9;
/// Where two of them stand.
pub(super) const BATCHES: usize = 4;
pub(super) const POSITION: usize = 6;

impl Tally {
    pub(super) fn joined_at(position: u64) -> Self {
        Self { joined: position, position, ..Self::default() }
    }

    /// The reader stands at `position`. What it has covered and was no event was a hole: the ring steps over those by itself.
    #[inline(always)]
    pub(super) fn advance(&mut self, position: u64) {
        let events = self.delivered + self.filtered + self.dead;
        debug_assert!(self.joined + events <= position, "{self:?} stands at {position}: an event was counted twice");
        self.position = position;
        self.holes = position - self.joined - events;
    }

    /// As [`Self::advance`], of a slot that may leave events out.
    pub(super) fn settle_in_place(&mut self, position: u64) {
        self.position = position;
        self.holes = 0;
        self.holes = position - self.accounted();
    }

    /// The counts of a slot that copies events. What is counted by tag elsewhere does not stand here.
    pub(super) fn settle_copied(&mut self, done: u64, holes: u64) {
        self.position = done;
        self.holes = holes;
    }

    /// All sequences whose fate is known, and those before the slot joined.
    pub(super) fn accounted(&self) -> u64 {
        let Self { joined, holes, delivered, filtered, dead, dropped, conflated, expired, shed, .. } = self;
        joined + holes + delivered + filtered + dead + dropped + conflated + expired + shed
    }

    /// An event that the slot wanted was not handled.
    pub(super) fn leave_out(&mut self, fate: Fate) {
        match fate {
            Fate::Expired => self.expired += 1,
            _ => self.shed += 1,
        }
    }

    /// Events that its handler has returned from.
    #[inline(always)]
    pub(super) fn handled(&self) -> u64 {
        self.delivered + self.dead
    }

    #[inline(always)]
    pub(super) fn counts(&self) -> [u64; COUNTS] {
        let Self { delivered, filtered, dead, holes, batches, joined, position, redelivered, redelivered_dead, .. } =
            *self;
        [delivered, filtered, dead, holes, batches, joined, position, redelivered, redelivered_dead]
    }

    pub(super) fn of(counts: [u64; COUNTS]) -> Self {
        let [delivered, filtered, dead, holes, batches, joined, position, redelivered, redelivered_dead] = counts;
        Self {
            delivered,
            filtered,
            dead,
            holes,
            batches,
            joined,
            position,
            redelivered,
            redelivered_dead,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_keep_their_places() {
        let tally = Tally { batches: 7, ..Tally::joined_at(3) };
        assert_eq!((tally.counts()[BATCHES], tally.counts()[POSITION], Tally::of(tally.counts())), (7, 3, tally));
    }
}
