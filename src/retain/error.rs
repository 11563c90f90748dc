//! Why dead letters were not handed back to a slot.

use crate::bus::Name;
use core::fmt;

/// Why no dead letter was handed back. All letters are where they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedeliverError {
    /// The slot was attached without these dead letters.
    NotConnected {
        /// The slot.
        slot: Name,
    },
    /// The slot has ended.
    Ended {
        /// The slot.
        slot: Name,
    },
}

impl RedeliverError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotConnected { .. } => "TR-0651",
            Self::Ended { .. } => "TR-0652",
        }
    }
}

impl fmt::Display for RedeliverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected { slot } => {
                write!(f, "slot {slot}: it was attached without these dead letters; name them when it is attached")?;
            }
            Self::Ended { slot } => {
                write!(f, "slot {slot}: it has ended; attach one of that name, and hand the letters to that one")?;
            }
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for RedeliverError {}
