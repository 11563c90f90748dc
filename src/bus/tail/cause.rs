//! What the time of an event goes into, and how much into each.

use core::fmt;
use core::ops::{Index, IndexMut};

/// What held an event up between its intended time and the end of its handling. The stretches of one event do not overlap, and add up to all
/// of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TailCause {
    /// Its publisher: late against the intended time, or slow between reading the clock and storing the event.
    Publisher = 0,
    /// The slot handled earlier events.
    Queue = 1,
    /// A slot that has to handle the event first.
    Upstream = 2,
    /// Other slots of the same thread had their turns.
    Neighbour = 3,
    /// The slot's `on_batch_end` or `on_idle`, or dead letters that were handed back to it.
    Callback = 4,
    /// The slot paused after a panic.
    Pause = 5,
    /// The thread had gone to sleep or given its core away, as the wait strategy says.
    Asleep = 6,
    /// The thread was not running although it wanted to: preempted, stopped in a page fault, or its core stolen.
    Platform = 7,
    /// Nothing of all that: the way of the event from core to core.
    Hop = 8,
    /// Its own handling.
    Handler = 9,
}

impl TailCause {
    /// How many there are.
    pub const COUNT: usize = 10;

    /// All, in the order in which they befall an event.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Publisher,
        Self::Queue,
        Self::Upstream,
        Self::Neighbour,
        Self::Callback,
        Self::Pause,
        Self::Asleep,
        Self::Platform,
        Self::Hop,
        Self::Handler,
    ];

    /// One word, for tables and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Queue => "queue",
            Self::Upstream => "upstream",
            Self::Neighbour => "neighbour",
            Self::Callback => "callback",
            Self::Pause => "pause",
            Self::Asleep => "asleep",
            Self::Platform => "platform",
            Self::Hop => "hop",
            Self::Handler => "handler",
        }
    }

    /// What it means, and where to look next.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Publisher => "published after the intended time, or visible long after its time stamp",
            Self::Queue => "behind earlier events of the slot: a slow handler or a burst before it",
            Self::Upstream => "waiting for a slot that it runs after",
            Self::Neighbour => "other slots of the same thread had their turns",
            Self::Callback => "the slot's on_batch_end or on_idle, or dead letters that came back",
            Self::Pause => "the slot paused after a panic",
            Self::Asleep => "the thread slept or had given its core away: the wait strategy",
            Self::Platform => "the thread was not running although it wanted to",
            Self::Hop => "the way from core to core, and what no stretch was seen for",
            Self::Handler => "the event's own handling",
        }
    }
}

impl fmt::Display for TailCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Time by cause. The unit is its owner's: nanoseconds in everything that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts(pub(super) [u64; TailCause::COUNT]);

impl Parts {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, part| sum.saturating_add(*part))
    }

    /// The cause with the most time, and that time. The first of equals.
    #[must_use]
    pub fn largest(&self) -> (TailCause, u64) {
        let largest = |best: (TailCause, u64), cause| if self[cause] > best.1 { (cause, self[cause]) } else { best };
        TailCause::ALL.into_iter().fold((TailCause::Publisher, 0), largest)
    }

    /// Causes that have some, with their shares of the whole (0 to 1), the largest first.
    #[must_use]
    pub fn shares(&self) -> Vec<(TailCause, f64)> {
        let total = self.total().max(1) as f64;
        let some = TailCause::ALL.into_iter().filter(|&cause| self[cause] > 0);
        let mut shares: Vec<_> = some.map(|cause| (cause, self[cause] as f64 / total)).collect();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        shares
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|i| self.0[i].saturating_add(other.0[i])))
    }

    /// Moves up to `time` from one cause to another; returns how much there was to move.
    pub fn shift(&mut self, from: TailCause, to: TailCause, time: u64) -> u64 {
        let moved = time.min(self[from]);
        self[from] -= moved;
        self[to] += moved;
        moved
    }

    pub(super) fn map(&self, convert: impl Fn(u64) -> u64) -> Self {
        Self(self.0.map(convert))
    }
}

impl Index<TailCause> for Parts {
    type Output = u64;

    fn index(&self, cause: TailCause) -> &u64 {
        &self.0[cause as usize]
    }
}

impl IndexMut<TailCause> for Parts {
    fn index_mut(&mut self, cause: TailCause) -> &mut u64 {
        &mut self.0[cause as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_sorted_and_moving_takes_no_more_than_there_is() {
        let mut parts = Parts::default();
        (parts[TailCause::Handler], parts[TailCause::Hop]) = (30, 10);
        assert_eq!((parts.total(), parts.largest()), (40, (TailCause::Handler, 30)));
        assert_eq!(parts.shares(), [(TailCause::Handler, 0.75), (TailCause::Hop, 0.25)]);
        assert_eq!(parts.shift(TailCause::Handler, TailCause::Platform, 50), 30);
        assert_eq!((parts[TailCause::Handler], parts[TailCause::Platform], parts.total()), (0, 30, 40));
        assert_eq!(Parts::default().largest().1, 0);
    }
}
