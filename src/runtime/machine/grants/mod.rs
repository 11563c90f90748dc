//! What is asked of the operating system: real-time scheduling, locked memory, pages touched before the start, huge pages. Each is tried,
//! verified by reading back what the kernel says, and reported with the reason where it is not granted. The runtime calls these while it starts;
//! nothing here fails a start by itself.

mod huge;
mod lock;
mod prefault;
mod range;
mod realtime;

pub use huge::huge_pages;
pub use lock::{lock_memory, unlock_memory};
pub use prefault::{prefault, prefault_stack};
pub use range::MemoryRange;
pub use realtime::{ordinary_scheduling, realtime};

use crate::runtime::config::Grant;
use core::fmt;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    /// SCHED_FIFO for a thread.
    Realtime,
    /// Memory that is not swapped out.
    LockMemory,
    /// Pages met before the start.
    Prefault,
    /// Huge pages under a range.
    HugePages,
}

impl GrantKind {
    /// The stable code of a refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Realtime => "TR-0781",
            Self::LockMemory => "TR-0782",
            Self::Prefault => "TR-0783",
            Self::HugePages => "TR-0784",
        }
    }

    /// In words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Realtime => "real-time scheduling",
            Self::LockMemory => "locked memory",
            Self::Prefault => "prefault",
            Self::HugePages => "huge pages",
        }
    }
}

/// What became of it. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What was asked for.
    pub what: GrantKind,
    /// How it was asked for; `Off`: it was not tried.
    pub asked: Grant,
    /// Whether the kernel, asked again, says that it is so.
    pub granted: bool,
    /// What the kernel says; where it is not granted, why, and what to do.
    pub detail: String,
}

impl Granted {
    /// Does what `attempt` does, unless it is off. `Ok`: what the kernel says; `Err`: why not.
    fn tried(what: GrantKind, asked: Grant, attempt: impl FnOnce() -> Result<String, String>) -> Self {
        if asked == Grant::Off {
            return Self { what, asked, granted: false, detail: "not asked for".into() };
        }
        let (granted, detail) = match attempt() {
            Ok(detail) => (true, detail),
            Err(reason) => (false, reason),
        };
        Self { what, asked, granted, detail }
    }

    /// Whether it was asked for and is not granted.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.asked != Grant::Off && !self.granted
    }

    /// The same, unless the start depends on it and it is not granted.
    ///
    /// # Errors
    /// [`NotGranted`] where it was required.
    pub fn required(self) -> Result<Self, NotGranted> {
        if self.asked == Grant::Require && !self.granted { Err(NotGranted(self)) } else { Ok(self) }
    }
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, detail, .. } = self;
        match (self.granted, self.is_missing()) {
            (true, _) => write!(f, "{}: granted: {detail}", what.what()),
            (_, false) => write!(f, "{}: {detail}", what.what()),
            (_, true) => write!(f, "{}: not granted: {detail} [{}]", what.what(), what.code()),
        }
    }
}

/// Something that the start depends on was not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotGranted(
    /// What, and why not.
    pub Granted,
);

impl NotGranted {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.0.what.code()
    }
}

impl fmt::Display for NotGranted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "required, but {}", self.0)
    }
}

impl std::error::Error for NotGranted {}
