//! Where a slot is in its life. Its thread moves it along; who quarantines it from outside may end it. Exactly one of them does.

use crate::sync::{AtomicU32, Ordering};
use core::fmt;

/// Where a slot is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SlotState {
    /// Attached; `on_start` has not returned yet.
    Starting = 0,
    /// Handling events.
    Running = 1,
    /// Pausing after a panic; goes on by itself.
    Restarting = 2,
    /// Stopped by a panic, or from outside because it was stuck; gates nobody.
    Quarantined = 3,
    /// Panicked too often; gates nobody.
    Failed = 4,
    /// Detached, stopped by its handler, or done with a closed bus.
    Stopped = 5,
}

impl SlotState {
    fn from_u32(value: u32) -> Self {
        match value {
            0 => Self::Starting,
            1 => Self::Running,
            2 => Self::Restarting,
            3 => Self::Quarantined,
            4 => Self::Failed,
            _ => Self::Stopped,
        }
    }

    /// Whether it is the last one of a slot: nothing is delivered in it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Quarantined | Self::Failed | Self::Stopped)
    }
}

impl fmt::Display for SlotState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Quarantined => "quarantined",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        })
    }
}

/// The state as others see it, and how the slot is going to end, which is settled before it shows.
pub(super) struct StateCell {
    shown: AtomicU32,
    /// The final state that was claimed; `OPEN` before.
    end: AtomicU32,
}

/// No end is claimed yet. (No final state is 0.)
const OPEN: u32 = 0;

impl StateCell {
    pub(super) fn new() -> Self {
        Self { shown: AtomicU32::new(SlotState::Starting as u32), end: AtomicU32::new(OPEN) }
    }

    pub(super) fn get(&self) -> SlotState {
        SlotState::from_u32(self.shown.load(Ordering::Acquire)) // SYNC slot-state
    }

    /// The slot goes on in `state`, unless somebody has ended it meanwhile.
    #[cold]
    pub(super) fn go_on(&self, state: SlotState) {
        debug_assert!(!state.is_final());
        let mut shown = self.shown.load(Ordering::Relaxed);
        while !SlotState::from_u32(shown).is_final() {
            // SYNC slot-state
            match self.shown.compare_exchange(shown, state as u32, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => shown = now,
            }
        }
    }

    /// Asks for an end; the first to ask has it. Returns how the slot ends.
    #[cold]
    pub(super) fn claim_end(&self, end: SlotState) -> SlotState {
        debug_assert!(end.is_final());
        match self.end.compare_exchange(OPEN, end as u32, Ordering::AcqRel, Ordering::Acquire) {
            // SYNC slot-end
            Ok(_) => end,
            Err(earlier) => SlotState::from_u32(earlier),
        }
    }

    /// Shows the end that was claimed.
    #[cold]
    pub(super) fn show_end(&self) {
        let end = self.end.load(Ordering::Acquire); // SYNC slot-end
        debug_assert!(end != OPEN);
        self.shown.store(end, Ordering::Release); // SYNC slot-state
    }
}
