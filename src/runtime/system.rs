//! What a runtime says of its own parts, as events on the bus `system`: any handler may subscribe to them. The service thread is the only
//! publisher; what finds no room is counted as lost.

crate::events! {
    /// What became of a runtime's parts.
    pub mod events;

    /// A slot's health changed: see [`super::super::watchdog::Health`] and [`super::Cause`].
    pub struct SlotHealth = 1, v1 {
        /// The bus; zeroes behind the name; [`crate::bus::Name::from_bytes`] reads it.
        pub bus: [u8; 32],
        /// The slot.
        pub slot: [u8; 32],
        /// The sequence that its handler is at.
        pub sequence: u64,
        /// How long it made no progress.
        pub stalled_ns: u64,
        /// Events behind.
        pub lag: u64,
        /// The tag of the event that its handler is at, 65,535 if unknown.
        pub tag: u16,
        /// Its health before.
        pub from: u8,
        /// Its health now.
        pub to: u8,
        /// Why it makes no progress, where it does not.
        pub cause: u8,
        /// Zero.
        pub pad: [u8; 3],
    }

    /// A slot's state changed, or its handler panicked: see [`crate::bus::SlotState`].
    pub struct SlotChanged = 2, v1 {
        /// The bus; zeroes behind the name.
        pub bus: [u8; 32],
        /// The slot.
        pub slot: [u8; 32],
        /// All below is done.
        pub position: u64,
        /// Panics of its handler so far.
        pub panics: u64,
        /// Restarts so far.
        pub restarts: u64,
        /// Its state before.
        pub from: u8,
        /// Its state now.
        pub to: u8,
        /// Zero.
        pub pad: [u8; 6],
    }

    /// A bus was added or removed.
    pub struct BusChanged = 3, v1 {
        /// The bus; zeroes behind the name.
        pub bus: [u8; 32],
        /// Buses there are now.
        pub buses: u32,
        /// 1: added; 2: removed.
        pub what: u8 where [1, 2],
        /// Zero.
        pub pad: [u8; 3],
    }

    /// The runtime reached another stage: see [`super::super::Stage`].
    pub struct StageChanged = 4, v1 {
        /// The stage.
        pub stage: u64,
    }

    /// A thread waits for its core more than it should: something else runs there.
    pub struct CoreContended = 5, v1 {
        /// The thread; zeroes behind the name.
        pub thread: [u8; 32],
        /// The core it last ran on.
        pub core: u32,
        /// Share of the last second that it was ready and did not run, in millionths.
        pub waited_ppm: u32,
    }

    /// A bus's mode changed: see [`crate::guard::Mode`] and [`crate::guard::ModeCause`].
    pub struct ModeChanged = 6, v1 {
        /// The bus; zeroes behind the name.
        pub bus: [u8; 32],
        /// What was measured.
        pub value: u64,
        /// What is too much.
        pub limit: u64,
        /// Its mode before.
        pub from: u8,
        /// Its mode now.
        pub to: u8,
        /// Why.
        pub cause: u8,
        /// Zero.
        pub pad: [u8; 5],
    }
}

/// Why a slot makes no progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Cause {
    /// Not looked at, or the kernel does not tell.
    #[default]
    Unknown = 0,
    /// Its handler runs, and does not return.
    Running = 1,
    /// Its handler waits for something: a lock, a file, a sleep.
    Blocked = 2,
    /// Its thread is ready to run and is not given a core.
    Starved = 3,
    /// Another slot of its thread is stuck.
    Held = 4,
}

impl Cause {
    /// The cause that a system event carries as a number.
    #[must_use]
    pub const fn from_u8(value: u8) -> Self {
        match value {
            1 => Self::Running,
            2 => Self::Blocked,
            3 => Self::Starved,
            4 => Self::Held,
            _ => Self::Unknown,
        }
    }
}

impl core::fmt::Display for Cause {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(match self {
            Self::Unknown => "cause unknown",
            Self::Running => "it runs and does not return",
            Self::Blocked => "it waits for something",
            Self::Starved => "its thread gets no core",
            Self::Held => "another slot of its thread is stuck",
        })
    }
}
