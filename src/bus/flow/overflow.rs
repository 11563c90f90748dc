//! What a slot does when it is too slow for its bus, and how that is set up: for the slot, and for some of its tags.

use crate::event::{MAX_TAGS, Tag, TagSet};
use core::fmt;

/// What a slot does when it is too slow.
///
/// A slot that never loses anything holds its bus up; the others never do. Those get copies of events, not the events where they lie, and no
/// [`super::super::Context::bytes`]; and no slot may run after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
#[repr(u8)]
pub enum SlotOverflow {
    /// Publishers wait for it, or do what their own [`crate::bus::Overflow`] says.
    #[default]
    Gate = 0,
    /// It keeps its backlog, and what comes beyond is dropped.
    DropNewest = 1,
    /// It skips ahead: what it would have handled next is dropped.
    DropOldest = 2,
    /// It gets the newest event of each tag and key, in the order in which they began to differ from what it has seen.
    Conflate = 3,
    /// It is quarantined. For whole slots.
    CutOff = 4,
}

impl fmt::Display for SlotOverflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gate => "gate",
            Self::DropNewest => "drop-newest",
            Self::DropOldest => "drop-oldest",
            Self::Conflate => "conflate",
            Self::CutOff => "cut-off",
        })
    }
}

/// A slot's policy for each tag, and its bounds.
#[derive(Clone)]
pub(in crate::bus) struct Policies {
    /// For the slot as such, and for tags that have none of their own.
    pub(in crate::bus) slot: SlotOverflow,
    pub(super) own: Vec<(TagSet, SlotOverflow)>,
    /// Events that are kept for tags that drop.
    pub(in crate::bus) backlog: usize,
    /// Keys, of all tags together, that may differ from what the slot has seen.
    pub(in crate::bus) keys: usize,
}

/// Events that a slot keeps beside the ring, unless asked otherwise.
const BACKLOG: usize = 1_024;
/// Keys of a slot that conflates, unless asked otherwise.
const KEYS: usize = 4_096;

impl Default for Policies {
    fn default() -> Self {
        Self { slot: SlotOverflow::Gate, own: Vec::new(), backlog: BACKLOG, keys: KEYS }
    }
}

impl Policies {
    /// These tags have a policy of their own.
    pub(in crate::bus) fn set(&mut self, tags: TagSet, overflow: SlotOverflow) {
        self.own.push((tags, overflow));
    }

    /// What happens to this tag.
    pub(in crate::bus) fn of(&self, tag: Tag) -> SlotOverflow {
        self.own.iter().rev().find(|(tags, _)| tags.contains(tag)).map_or(self.slot, |(_, overflow)| *overflow)
    }

    /// The policies that some of these tags have.
    fn used(&self, tags: &TagSet) -> impl Iterator<Item = SlotOverflow> + '_ {
        tags.iter().map(|tag| self.of(tag)).collect::<Vec<_>>().into_iter()
    }

    /// Whether publishers never wait for some of these tags.
    pub(in crate::bus) fn is_evictable(&self, tags: &TagSet) -> bool {
        self.used(tags).any(|overflow| !matches!(overflow, SlotOverflow::Gate | SlotOverflow::CutOff))
    }

    /// A policy other than to gate that some of these tags have.
    pub(in crate::bus) fn other_than_gate(&self, tags: &TagSet) -> Option<SlotOverflow> {
        self.used(tags).find(|overflow| *overflow != SlotOverflow::Gate)
    }

    /// Whether the slot takes events straight from the ring, and keeps none beside it: what is dropped is then the ring's oldest.
    pub(super) fn is_direct(&self, tags: &TagSet) -> bool {
        self.used(tags).all(|overflow| overflow == SlotOverflow::DropOldest)
    }

    /// Whether any of these tags has that policy.
    fn has(&self, tags: &TagSet, overflow: SlotOverflow) -> bool {
        self.used(tags).any(|one| one == overflow)
    }

    /// Whether the slot is cut off: all its tags are.
    pub(in crate::bus) fn cuts_off(&self, tags: &TagSet) -> bool {
        self.has(tags, SlotOverflow::CutOff)
    }

    /// Whether some tags are to be cut off and others are not.
    pub(in crate::bus) fn cuts_tags_off(&self, tags: &TagSet) -> bool {
        self.has(tags, SlotOverflow::CutOff) && self.used(tags).any(|overflow| overflow != SlotOverflow::CutOff)
    }

    /// Events that are kept, recent events, and keys, for which there has to be room beside the ring.
    pub(super) fn rooms(&self, tags: &TagSet) -> (usize, usize, usize) {
        let room = |is_used, events| if is_used { events } else { 0 };
        let is_direct = self.is_direct(tags);
        let kept = !is_direct && (self.has(tags, SlotOverflow::DropNewest) || self.has(tags, SlotOverflow::Gate));
        let recent = !is_direct && self.has(tags, SlotOverflow::DropOldest);
        (room(kept, self.backlog), room(recent, self.backlog), room(self.has(tags, SlotOverflow::Conflate), self.keys))
    }

    /// For the hot path: the policy by tag.
    pub(super) fn table(&self) -> Box<[SlotOverflow]> {
        (0..MAX_TAGS).map(|tag| Tag::try_new(tag as u64).map_or(self.slot, |tag| self.of(tag))).collect()
    }
}
