//! A gap: what a slot has lost at once, told to its handler before the next event.

use crate::event::Tag;

/// Events that a slot has lost since its last turn because it was too slow for them. What was merged into newer events of its key is no gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap<'g> {
    /// The first sequence that was lost.
    pub from: u64,
    /// The sequence behind the last one that was lost. Between the two there may be events that were not lost.
    pub to: u64,
    /// How many were lost of each tag of the slot's set.
    pub tags: &'g [(Tag, u64)],
}

impl Gap<'_> {
    /// How many were lost.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.tags.iter().map(|(_, count)| count).sum()
    }
}
