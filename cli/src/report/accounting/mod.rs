//! Where every event went: what publishers offered and what became of it, what each slot made of what was published, by tag and reason, and how
//! far behind slots were over time. Filled by the run; told as text, as JSON and as charts.

mod charts;
mod json;
mod tables;
mod timeline;

pub(super) use charts::charts;
pub(super) use json::object;
pub(super) use tables::lines;
pub(crate) use timeline::{Moment, SlotMoment, Timeline};

use crate::overload::Overload;
use tagring::bus::Fate;
use tagring::guard::ShedReason;
use tagring::runtime::ModesSnapshot;

/// Why a slot has not handled an event that was published for it, in the order of every table.
pub(crate) const LOSSES: [Fate; 5] = [Fate::Dropped, Fate::Conflated, Fate::Expired, Fate::Shed, Fate::Dead];

/// Counts by [`LOSSES`].
pub(crate) type Lost = [u64; LOSSES.len()];

/// All accounts of a run.
#[derive(Default)]
pub(crate) struct Accounting {
    pub(crate) overload: Option<Overload>,
    pub(crate) publishers: Vec<PublisherAccount>,
    pub(crate) slots: Vec<SlotAccount>,
    /// Buses and their modes, in the order of every moment's.
    pub(crate) modes: Vec<ModeAccount>,
    pub(crate) over_time: Timeline,
}

/// What a bus did about being overloaded.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModeAccount {
    pub(crate) bus: &'static str,
    /// How it ended, where it has modes.
    pub(crate) modes: Option<ModesSnapshot>,
}

impl ModeAccount {
    /// Times that another mode was entered.
    pub(crate) fn changes(&self) -> u64 {
        self.modes.as_ref().map_or(0, |modes| modes.entered.iter().sum())
    }

    /// Events that slots and publishers left out, by reason.
    pub(crate) fn shed(&self) -> [(ShedReason, u64); 2] {
        ShedReason::ALL.map(|reason| (reason, self.modes.as_ref().map_or(0, |modes| modes.shed_for(reason))))
    }
}

/// What a publisher offered: `offered == published + rejected`.
#[derive(Clone, Debug, Default)]
pub(crate) struct PublisherAccount {
    pub(crate) bus: &'static str,
    pub(crate) publisher: String,
    pub(crate) offered: u64,
    pub(crate) published: u64,
    /// What did not come onto the bus, by reason.
    pub(crate) rejected: Vec<(String, u64)>,
    /// Of those published, by the name of their tag.
    pub(crate) by_tag: Vec<(String, u64)>,
}

/// What became of what was published, for one slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct SlotAccount {
    pub(crate) bus: &'static str,
    pub(crate) slot: String,
    /// What it does when it is behind.
    pub(crate) policy: String,
    /// On its bus, in all.
    pub(crate) published: u64,
    /// Before it came.
    pub(crate) joined: u64,
    pub(crate) delivered: u64,
    /// Not of its tags.
    pub(crate) filtered: u64,
    /// Sequences without an event.
    pub(crate) holes: u64,
    pub(crate) lost: Lost,
    /// Not given to it when it ended.
    pub(crate) in_flight: u64,
    /// By tag, where the slot keeps that.
    pub(crate) tags: Vec<TagAccount>,
}

/// What became of events of one tag, for one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagAccount {
    pub(crate) tag: String,
    pub(crate) delivered: u64,
    pub(crate) filtered: u64,
    pub(crate) lost: Lost,
}

impl Accounting {
    /// Whether every account adds up to the last event: those of publishers, of slots, and of each tag from the one to the other.
    pub(crate) fn adds_up(&self) -> bool {
        let slot = |slot: &SlotAccount| {
            slot.adds_up() && self.has_holes_at_most(slot) && slot.tags.iter().all(|tag| self.has_all(slot, tag))
        };
        self.publishers.iter().all(PublisherAccount::adds_up) && self.slots.iter().all(slot)
    }

    /// Sequences of a bus that its publishers published nothing in. Who was given all of them has seen as many.
    fn has_holes_at_most(&self, slot: &SlotAccount) -> bool {
        let had_all = slot.in_flight == 0 && slot.joined == 0;
        let holes = slot.published.checked_sub(self.published(slot.bus));
        holes.is_some_and(|holes| if had_all { slot.holes == holes } else { slot.holes <= holes })
    }

    fn published(&self, bus: &str) -> u64 {
        self.publishers.iter().filter(|publisher| publisher.bus == bus).map(|publisher| publisher.published).sum()
    }

    /// Events of a tag that were published on a bus.
    fn published_of(&self, bus: &str, tag: &str) -> u64 {
        let publishers = self.publishers.iter().filter(|publisher| publisher.bus == bus);
        let of_tag = publishers.flat_map(|publisher| &publisher.by_tag).filter(|(name, _)| name == tag);
        of_tag.map(|(_, count)| count).sum()
    }

    /// Whether the slot has accounted for all events of a tag that were published; of what was in flight at its end no tag is known.
    fn has_all(&self, slot: &SlotAccount, tag: &TagAccount) -> bool {
        let published = self.published_of(slot.bus, &tag.tag);
        let known = tag.delivered + tag.filtered + tag.lost.iter().sum::<u64>();
        known <= published && published <= known + slot.in_flight + slot.joined
    }

    /// Whether any slot or publisher lost anything.
    pub(crate) fn has_losses(&self) -> bool {
        self.publishers.iter().any(|publisher| publisher.rejected.iter().any(|(_, count)| *count > 0))
            || self.slots.iter().any(|slot| slot.lost.iter().any(|count| *count > 0))
    }

    /// Whether they are told of unasked.
    pub(crate) fn is_told(&self) -> bool {
        self.overload.is_some() || self.has_losses() || !self.adds_up()
    }
}

impl PublisherAccount {
    pub(crate) fn adds_up(&self) -> bool {
        self.offered == self.published + self.rejected.iter().map(|(_, count)| count).sum::<u64>()
    }
}

impl SlotAccount {
    /// Everything that became of its bus's events.
    pub(crate) fn sum(&self) -> u64 {
        self.joined + self.delivered + self.filtered + self.holes + self.lost.iter().sum::<u64>() + self.in_flight
    }

    /// Whether that is what was published, and by tag is what is in all.
    pub(crate) fn adds_up(&self) -> bool {
        let by_tag = |of: fn(&TagAccount) -> u64| self.tags.iter().map(of).sum::<u64>();
        let tags_do = || {
            by_tag(|tag| tag.delivered) == self.delivered
                && by_tag(|tag| tag.filtered) == self.filtered
                && (0..self.lost.len()).all(|at| self.tags.iter().map(|tag| tag.lost[at]).sum::<u64>() == self.lost[at])
        };
        self.sum() == self.published && (self.tags.is_empty() || tags_do())
    }

    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.bus, self.slot)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A gate slot and one that lost.
    pub(crate) fn two_slots() -> Accounting {
        let tag = |tag: &str, delivered, dropped| TagAccount {
            tag: tag.into(),
            delivered,
            filtered: 0,
            lost: [dropped, 0, 0, 0, 0],
        };
        let slot = |slot: &str, policy: &str, delivered, dropped| SlotAccount {
            bus: "md",
            slot: slot.into(),
            policy: policy.into(),
            published: 1_000,
            delivered,
            lost: [dropped, 0, 0, 0, 0],
            ..SlotAccount::default()
        };
        let slow = SlotAccount {
            tags: vec![tag("Quote", 60, 600), tag("Trade", 40, 300)],
            ..slot("recorder-slow", "drop-oldest", 100, 900)
        };
        let feed = PublisherAccount {
            bus: "md",
            publisher: "feed".into(),
            offered: 1_010,
            published: 1_000,
            rejected: vec![("full".into(), 10)],
            by_tag: vec![("Quote".into(), 660), ("Trade".into(), 340)],
        };
        Accounting {
            overload: "10x".parse().ok(),
            publishers: vec![feed],
            slots: vec![slot("book", "gate", 1_000, 0), slow],
            ..Accounting::default()
        }
    }

    #[test]
    fn one_event_too_many_or_too_few_is_seen() {
        assert!(two_slots().adds_up());
        let changes: [fn(&mut Accounting); 9] = [
            |all| all.publishers[0].offered += 1,
            |all| all.publishers[0].published -= 1,
            |all| all.slots[0].delivered += 1,
            |all| all.slots[1].lost[2] += 1,
            |all| all.slots[1].tags[0].delivered -= 1,
            |all| all.publishers[0].by_tag[0].1 += 1,
            // One that nobody published, and that is no hole.
            |all| {
                all.slots[0].published += 1;
                all.slots[0].delivered += 1;
            },
            // The same sums, but another tag, another reason.
            |all| {
                all.slots[1].tags[0].delivered -= 1;
                all.slots[1].tags[1].delivered += 1;
            },
            |all| {
                all.slots[1].tags[1].lost[0] -= 1;
                all.slots[1].tags[1].lost[1] += 1;
            },
        ];
        let hole = |slot: &mut SlotAccount| {
            slot.published += 1;
            slot.holes += 1;
        };
        let mut holes = two_slots();
        holes.slots.iter_mut().for_each(hole);
        assert!(holes.adds_up());
        for change in changes {
            let mut all = two_slots();
            change(&mut all);
            assert!(!all.adds_up());
        }
    }
}
