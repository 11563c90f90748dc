//! The stages of a runtime's life, in order. It only ever moves forward.

use core::fmt;

/// Where a runtime is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Stage {
    /// Buses are built and handlers given; no thread exists.
    Building = 0,
    /// Threads start, slots initialise.
    Starting = 1,
    /// Events flow.
    Running = 2,
    /// Shutdown: feeds are asked to end.
    StoppingFeeds = 3,
    /// Shutdown: buses are closed, slots finish what is in them.
    Draining = 4,
    /// Shutdown: slots stop, whatever is left.
    StoppingSlots = 5,
    /// Shutdown: what was noticed is told, and the service thread ends.
    Flushing = 6,
    /// Nothing is left but the report.
    Stopped = 7,
}

impl Stage {
    /// The stage that a system event carries as a number.
    #[must_use]
    pub const fn from_u32(value: u32) -> Self {
        match value {
            0 => Self::Building,
            1 => Self::Starting,
            2 => Self::Running,
            3 => Self::StoppingFeeds,
            4 => Self::Draining,
            5 => Self::StoppingSlots,
            6 => Self::Flushing,
            _ => Self::Stopped,
        }
    }

    /// Whether new buses, slots and publishers are refused.
    #[must_use]
    pub const fn is_shutdown(self) -> bool {
        matches!(self, Self::StoppingFeeds | Self::Draining | Self::StoppingSlots | Self::Flushing | Self::Stopped)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Building => "building",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::StoppingFeeds => "stopping feeds",
            Self::Draining => "draining",
            Self::StoppingSlots => "stopping slots",
            Self::Flushing => "flushing",
            Self::Stopped => "stopped",
        })
    }
}
