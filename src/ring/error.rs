//! What can go wrong at the ring: building, attaching, publishing. Each error says what, the value, the limit and the remedy, and
//! carries a stable code.

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

/// A reader of a ring: its place, 0 to 63, and which of all that ever took a place it is. Once it has detached, nothing answers to it:
/// neither a reader that took its place later nor one of another ring is taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReaderId(
    /// The place in the low 8 bits; above them a number, from 1, that is unique in the process.
    NonZeroU64,
);

impl ReaderId {
    pub(super) const fn new(place: usize, serial: u64) -> Self {
        Self(NonZeroU64::new(serial << 8 | place as u64).expect("serials begin at 1"))
    }

    /// The place's index.
    #[must_use]
    pub const fn index(self) -> usize {
        (self.0.get() & 0xff) as usize
    }
}

impl fmt::Display for ReaderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reader {}", self.index())
    }
}

/// Why a ring was not built or a reader not attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingError {
    /// The capacity is not a power of two from 2 to 2^32.
    Capacity {
        /// What was asked for.
        capacity: usize,
    },
    /// All reader places are taken.
    PlacesExhausted {
        /// How many there are.
        places: usize,
    },
    /// A reader to run after is not attached.
    NotAttached {
        /// The one that is missing.
        reader: ReaderId,
    },
}

impl RingError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Capacity { .. } => "TR-0401",
            Self::PlacesExhausted { .. } => "TR-0402",
            Self::NotAttached { .. } => "TR-0403",
        }
    }
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity { capacity } => write!(
                f,
                "ring: capacity {capacity} is not a power of two from 2 to 4294967296; take {}",
                (*capacity).clamp(2, 1 << 32).next_power_of_two()
            )?,
            Self::PlacesExhausted { places } => {
                write!(f, "ring: all {places} reader places are taken; detach a reader, or let handlers share a slot")?;
            }
            Self::NotAttached { reader } => {
                write!(f, "ring: {reader} is not attached, nothing can run after it; attach it first")?;
            }
        }
        write!(f, " [{}]", self.code())
    }
}

impl core::error::Error for RingError {}

/// Why nothing was published. Nothing is half-written: either all of the call's events are in the ring or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// No room now.
    Full {
        /// The reader furthest behind; `None`: another publisher has claimed and not yet published.
        reader: Option<ReaderId>,
        /// Events between it and the claim, at that moment.
        behind: u64,
    },
    /// No room within the time-out.
    TimedOut {
        /// The reader furthest behind at the end; `None` as in `Full`.
        reader: Option<ReaderId>,
        /// Events between it and the claim, at that moment.
        behind: u64,
        /// How long was waited.
        waited: Duration,
    },
    /// Waiting would never end: the reader that holds the ring back runs on this very thread.
    SelfBlocked {
        /// That reader.
        reader: ReaderId,
        /// Events it is behind.
        behind: u64,
    },
    /// The ring is closed.
    Closed,
    /// More events than the ring has cells, or, while a revoked reader holds some of them, free cells in a row.
    BatchTooLarge {
        /// Events in the batch.
        len: usize,
        /// Cells in a row that a batch can have.
        capacity: usize,
    },
}

impl PublishError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "TR-0411",
            Self::TimedOut { .. } => "TR-0412",
            Self::SelfBlocked { .. } => "TR-0413",
            Self::Closed => "TR-0414",
            Self::BatchTooLarge { .. } => "TR-0415",
        }
    }
}

fn culprit(f: &mut fmt::Formatter<'_>, reader: Option<ReaderId>, behind: u64) -> fmt::Result {
    match reader {
        Some(reader) => write!(f, "{reader} is {behind} events behind"),
        None => write!(f, "another publisher holds a claim {behind} events back"),
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Full { reader, behind } => {
                f.write_str("publish: the ring is full: ")?;
                culprit(f, reader, behind)?;
                f.write_str("; wait, shed, or enlarge the ring")?;
            }
            Self::TimedOut { reader, behind, waited } => {
                write!(f, "publish: still full after {waited:?}: ")?;
                culprit(f, reader, behind)?;
                f.write_str("; look at that reader, or enlarge the ring")?;
            }
            Self::SelfBlocked { reader, behind } => write!(
                f,
                "publish: the ring is full and {reader}, {behind} events behind, runs on this thread; \
                 use try_publish, another thread, or a larger ring"
            )?,
            Self::Closed => f.write_str("publish: the ring is closed; nothing can be published any more")?,
            Self::BatchTooLarge { len, capacity } => {
                write!(
                    f,
                    "publish: a batch of {len} events where {capacity} cells in a row can be had; split it, or enlarge the ring"
                )?;
            }
        }
        write!(f, " [{}]", self.code())
    }
}

impl core::error::Error for PublishError {}
