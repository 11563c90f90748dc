//! The bus's side of dead letters: what a slot tells of an event that died in it, and how such an event comes back. Who keeps the
//! letters is of no concern here ([`crate::bus`] names no keeper).
//!
//! All of it is cold: a slot without dead letters has one pointer that is null.

use super::view::SlotView;
use crate::clock::Ticks;
use core::fmt;

/// Why an event died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DeadReason {
    /// The handler refused it: [`super::Outcome::Dead`].
    Refused = 0,
    /// The handler panicked over it.
    Panicked = 1,
}

impl DeadReason {
    /// All reasons.
    pub const ALL: [Self; 2] = [Self::Refused, Self::Panicked];
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refused => "refused",
            Self::Panicked => "panicked",
        })
    }
}

/// An event that died, as the slot's thread hands it on; `C` is the cell of the bus's family.
#[derive(Clone, Copy, Debug)]
pub struct Dead<'e, C> {
    /// The event where it lies.
    pub cell: &'e C,
    /// Its sequence, in its lane.
    pub sequence: u64,
    /// Its lane; 0 where the bus has none.
    pub lane: usize,
    /// Why it died.
    pub reason: DeadReason,
    /// How often the handler has had it, this time included.
    pub attempt: u32,
    /// When it died.
    pub time: Ticks,
    /// Bytes of variable length that were published with it. They are not handed on.
    pub bytes_len: usize,
}

/// A dead letter that comes back to its slot.
#[derive(Clone, Copy, Debug)]
pub struct Returned<C> {
    /// The event.
    pub cell: C,
    /// The sequence it had.
    pub sequence: u64,
    /// The lane it came in.
    pub lane: usize,
    /// How often the handler has had it before.
    pub attempts: u32,
}

/// One slot's way to the keeper of dead letters. Called on the slot's thread, on cold paths alone: it must neither lock, wait, allocate
/// nor panic.
pub trait DeadLetterSink<C>: Send {
    /// Keeps an event, or counts that it could not.
    fn bury(&mut self, dead: Dead<'_, C>);

    /// The next letter that was handed back to this slot. Asked for after [`SlotView::announce_letters`].
    fn next_returned(&mut self) -> Option<Returned<C>>;
}

/// A keeper of dead letters, to which slots are connected with [`super::SlotBuilder::dead_letters`].
pub trait DeadLetterOffice<C>: Send + Sync {
    /// Connects a slot. Runs once, where the slot is attached.
    fn connect(&self, slot: &SlotView) -> Box<dyn DeadLetterSink<C>>;
}
