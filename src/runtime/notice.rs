//! What a runtime notices of its parts, for people: the same as on the bus `system`, with names and words. The service thread hands each
//! to the hook that [`super::Runtime::on_notice`] was given.

use super::stage::Stage;
use super::system::Cause;
use super::watchdog::{Change, Health};
use crate::bus::{Name, SlotState};
use crate::guard::ModeChange;
use core::fmt;

/// Something noticed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// A slot's health changed.
    SlotHealth {
        /// The bus.
        bus: Name,
        /// The slot.
        slot: Name,
        /// From what to what, and by how much.
        change: Change,
        /// The sequence its handler is at.
        sequence: u64,
        /// The event there, where that is known.
        event: Option<&'static str>,
        /// Why it makes no progress, where it does not.
        cause: Cause,
    },
    /// A slot's state changed, or its handler panicked.
    SlotChanged {
        /// The bus.
        bus: Name,
        /// The slot.
        slot: Name,
        /// Its state before.
        from: SlotState,
        /// Its state now.
        to: SlotState,
        /// Panics so far.
        panics: u64,
        /// Restarts so far.
        restarts: u64,
        /// What the last panic said.
        last_panic: Option<String>,
    },
    /// A bus was added.
    BusAdded {
        /// The bus.
        bus: Name,
    },
    /// A bus was removed.
    BusRemoved {
        /// The bus.
        bus: Name,
    },
    /// The runtime reached another stage.
    Stage(Stage),
    /// A bus's mode changed.
    ModeChanged {
        /// The bus.
        bus: Name,
        /// From what to what, and why.
        change: ModeChange,
    },
    /// A thread waits for its core more than it should: something else runs there.
    CoreContended {
        /// The thread.
        thread: Name,
        /// The core it last ran on.
        core: u32,
        /// Share of the last second that it was ready and did not run.
        waited_ppm: u32,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlotHealth { bus, slot, change, sequence, event, cause } => {
                write!(f, "slot {slot} of bus {bus} is {}", change.to)?;
                match change.to {
                    Health::Stuck | Health::Held => {
                        let ms = change.stalled_ns / 1_000_000;
                        write!(f, ": no progress for {ms} ms at sequence {sequence}")?;
                        if let Some(event) = event {
                            write!(f, " ({event})")?;
                        }
                        write!(f, ", {} events behind; {cause}", change.lag)
                    }
                    Health::Lagging => write!(f, ": {} events behind", change.lag),
                    Health::Well | Health::Over => write!(f, ", was {}", change.from),
                }
            }
            Self::SlotChanged { bus, slot, from, to, panics, restarts, last_panic } => {
                write!(f, "slot {slot} of bus {bus} is {to}, was {from}; {panics} panics, {restarts} restarts")?;
                match last_panic {
                    Some(message) if *panics > 0 => write!(f, "; the last panic said: {message}"),
                    _ => Ok(()),
                }
            }
            Self::BusAdded { bus } => write!(f, "bus {bus} was added"),
            Self::BusRemoved { bus } => write!(f, "bus {bus} was removed"),
            Self::Stage(stage) => write!(f, "the runtime is {stage}"),
            Self::ModeChanged { bus, change } => write!(f, "bus {bus} is {change}"),
            Self::CoreContended { thread, core, waited_ppm } => write!(
                f,
                "thread {thread} was ready and did not run for {} % of a second: something else runs on core {core}",
                waited_ppm / 10_000
            ),
        }
    }
}
