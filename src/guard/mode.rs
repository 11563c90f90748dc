//! The modes of a bus, from all is well to nothing goes: four of them, in order.

use core::fmt;

/// How much of its events a bus still carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Mode {
    /// All of them.
    #[default]
    Normal = 0,
    /// Those that matter.
    Degraded = 1,
    /// Those that must be.
    Shedding = 2,
    /// Those that end things or bring them back: controls.
    Halted = 3,
}

impl Mode {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Normal, Self::Degraded, Self::Shedding, Self::Halted];

    /// The mode that a system event carries as a number; `None`: no such.
    #[must_use]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Normal),
            1 => Some(Self::Degraded),
            2 => Some(Self::Shedding),
            3 => Some(Self::Halted),
            _ => None,
        }
    }

    /// The next worse one; the worst is its own.
    #[must_use]
    pub const fn worse(self) -> Self {
        match self {
            Self::Normal => Self::Degraded,
            Self::Degraded => Self::Shedding,
            Self::Shedding | Self::Halted => Self::Halted,
        }
    }

    /// The next better one; the best is its own.
    #[must_use]
    pub const fn better(self) -> Self {
        match self {
            Self::Normal | Self::Degraded => Self::Normal,
            Self::Shedding => Self::Degraded,
            Self::Halted => Self::Shedding,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Degraded => "degraded",
            Self::Shedding => "shedding",
            Self::Halted => "halted",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
