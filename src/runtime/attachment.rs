//! A slot of a runtime, for whoever gave its handler: its handle once it has started, and the way to get the handler back.

use super::error::{Kind, RuntimeError};
use super::hosted_slot::HostedSlot;
use super::watchdog::Health;
use crate::bus::{DetachError, Name, SlotHandle};
use core::fmt;
use core::time::Duration;
use std::sync::{Arc, OnceLock};

/// A slot of a runtime with its handler of type `H`. Dropping it leaves the slot running.
pub struct Attachment<H> {
    pub(super) slot: Arc<HostedSlot>,
    pub(super) handle: Arc<OnceLock<SlotHandle<H>>>,
    /// Takes the slot off its runtime's list.
    pub(super) leave: Arc<dyn Fn() + Send + Sync>,
}

impl<H> Attachment<H> {
    /// The slot's name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.slot.name
    }

    /// The slot's handle: state, counts, latencies, tags.
    ///
    /// # Errors
    /// [`RuntimeError::NotStarted`] before the slot has started.
    pub fn handle(&self) -> Result<&SlotHandle<H>, RuntimeError> {
        let not_started = || RuntimeError::NotStarted { kind: Kind::Slot, name: self.slot.name.to_string() };
        self.handle.get().ok_or_else(not_started)
    }

    /// Whether its handler has been handed back, or nothing of it runs any more.
    pub(super) fn has_left(&self) -> bool {
        self.slot.is_over()
    }

    /// How the slot does, as the watchdog saw it last.
    #[must_use]
    pub fn health(&self) -> Health {
        self.slot.health()
    }

    /// Waits, for at most `limit`, until the slot has stopped by itself or with its runtime; returns the handler.
    ///
    /// # Errors
    /// [`LeaveError`].
    pub fn join(&self, limit: Duration) -> Result<H, LeaveError> {
        let handler = self.handle()?.join(limit)?;
        Ok(handler)
    }

    /// Detaches the slot, for at most `limit`; returns the handler. Nothing is delivered afterwards, and its name is free again.
    ///
    /// # Errors
    /// [`LeaveError`].
    pub fn detach(&self, limit: Duration) -> Result<H, LeaveError> {
        let handler = self.handle()?.detach(limit)?;
        (self.leave)();
        Ok(handler)
    }
}

/// Why a handler was not handed back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaveError {
    /// The slot has not started.
    Runtime(RuntimeError),
    /// The slot did not stop.
    Slot(DetachError),
}

impl LeaveError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Runtime(error) => error.code(),
            Self::Slot(error) => error.code(),
        }
    }
}

impl From<RuntimeError> for LeaveError {
    fn from(error: RuntimeError) -> Self {
        Self::Runtime(error)
    }
}

impl From<DetachError> for LeaveError {
    fn from(error: DetachError) -> Self {
        Self::Slot(error)
    }
}

impl fmt::Display for LeaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(error) => error.fmt(f),
            Self::Slot(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LeaveError {}
