//! What became of an event in a slot. Each event that is published while the slot is attached meets exactly one of these, or is still in flight.

use core::fmt;

/// What became of an event in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fate {
    /// The handler had it and did not refuse it.
    Delivered = 0,
    /// Its tag is not in the slot's set, or the handler passed it on as not its own.
    Filtered = 1,
    /// The handler refused it, or panicked over it.
    Dead = 2,
    /// The slot was too slow for it, and its policy is to drop.
    Dropped = 3,
    /// A newer event of its key came before the slot got to it.
    Conflated = 4,
    /// Its deadline was over when the slot got to it.
    Expired = 5,
    /// The mode that the bus was in leaves such events out.
    Shed = 6,
}

/// A count of each fate, in the order of [`Fate::ALL`].
pub type Fates = [u64; Fate::ALL.len()];

impl Fate {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Delivered, Self::Filtered, Self::Dead, Self::Dropped, Self::Conflated, Self::Expired, Self::Shed];

    /// Whether the slot wanted the event, and its handler never had it.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        matches!(self, Self::Dropped | Self::Conflated | Self::Expired | Self::Shed)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Delivered => "delivered",
            Self::Filtered => "filtered",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
            Self::Conflated => "conflated",
            Self::Expired => "expired",
            Self::Shed => "shed",
        })
    }
}
