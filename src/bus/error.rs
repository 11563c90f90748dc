//! What can go wrong at a bus: publishing, attaching, detaching.

use super::bytes::BytesError;
use super::flow::SlotOverflow;
use super::name::Name;
use crate::ring::{PublishError, RingError};
use core::fmt;
use core::time::Duration;

/// Why an event was not published. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishFailure {
    /// The bus.
    pub bus: Name,
    /// The slot that holds the ring back, where one does.
    pub slot: Option<Name>,
    /// What the ring said.
    pub cause: BytesError,
}

impl PublishFailure {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.cause.code()
    }

    /// Whether there was no room, in the ring or for the bytes (now, within the time-out, or ever because the slot in the way runs on
    /// this thread).
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(
            self.cause,
            BytesError::ArenaFull { .. }
                | BytesError::Ring(
                    PublishError::Full { .. } | PublishError::TimedOut { .. } | PublishError::SelfBlocked { .. }
                )
        )
    }

    /// Whether the bus is closed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.cause, BytesError::Ring(PublishError::Closed))
    }
}

impl fmt::Display for PublishFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bus {}", self.bus)?;
        if let Some(slot) = self.slot {
            write!(f, ", held by slot {slot}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl std::error::Error for PublishFailure {}

/// Why a slot was not attached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// It is to run after a slot that may lose events: those cannot be waited for.
    AfterLossy {
        /// The slot.
        slot: Name,
        /// The one that may lose events.
        after: Name,
    },
    /// [`super::SlotOverflow::CutOff`] for some of its tags, and something else for others.
    CutOffOfTags {
        /// The slot.
        slot: Name,
    },
    /// A slot that reads several lanes may not lose events.
    OverflowOfLanes {
        /// The slot.
        slot: Name,
        /// What was asked for.
        overflow: SlotOverflow,
    },
    /// Every slot of the bus is taken.
    SlotsExhausted {
        /// The bus.
        bus: Name,
        /// Its number of slots.
        slots: usize,
    },
    /// A slot to run after is gone.
    AfterMissing {
        /// The new slot.
        slot: Name,
        /// What the ring said.
        cause: RingError,
    },
    /// The slot's thread is stopped or stopping.
    ThreadStopped {
        /// The thread.
        thread: Name,
    },
    /// `on_start` panicked.
    StartPanicked {
        /// The slot.
        slot: Name,
        /// The panic's message.
        message: String,
    },
    /// `on_start` did not return in time; the slot is quarantined, and goes as soon as it does.
    StartTimedOut {
        /// The slot.
        slot: Name,
        /// How long was waited.
        waited: Duration,
    },
    /// The thread did not come to the slot in time; nothing of it is left.
    NotTakenUp {
        /// The slot.
        slot: Name,
        /// Its thread.
        thread: Name,
        /// The slot that the thread is at instead.
        holder: Option<Box<Name>>,
        /// How long was waited.
        waited: Duration,
    },
    /// `on_init` returned an error, or panicked.
    InitFailed {
        /// The slot.
        slot: Name,
        /// What it said.
        message: String,
    },
    /// The thread that waits is the one that would have to start the slot.
    OwnThread {
        /// The thread.
        thread: Name,
    },
}

impl AttachError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SlotsExhausted { .. } => "TR-0611",
            Self::AfterMissing { .. } => "TR-0612",
            Self::ThreadStopped { .. } => "TR-0613",
            Self::StartPanicked { .. } => "TR-0614",
            Self::StartTimedOut { .. } => "TR-0615",
            Self::OwnThread { .. } => "TR-0616",
            Self::InitFailed { .. } => "TR-0617",
            Self::NotTakenUp { .. } => "TR-0618",
            Self::AfterLossy { .. } => "TR-0625",
            Self::CutOffOfTags { .. } => "TR-0626",
            Self::OverflowOfLanes { .. } => "TR-0990",
        }
    }
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlotsExhausted { bus, slots } => {
                write!(
                    f,
                    "bus {bus}: all {slots} slots are taken; detach one, or let handlers share a slot as a tuple"
                )?;
            }
            Self::AfterMissing { slot, cause } => write!(f, "slot {slot}: {cause}")?,
            Self::ThreadStopped { thread } => write!(f, "thread {thread} has stopped; attach to a running one")?,
            Self::StartPanicked { slot, message } => {
                write!(f, "slot {slot}: on_start panicked: {message}; mend the handler")?
            }
            Self::StartTimedOut { slot, waited } => {
                write!(f, "slot {slot}: on_start still runs after {waited:?}; shorten it, or allow more time")?;
            }
            Self::NotTakenUp { slot, thread, holder, waited } => {
                write!(f, "slot {slot}: thread {thread} has not come to it within {waited:?}")?;
                match holder {
                    Some(holder) => {
                        write!(f, ": the thread is at slot {holder}; mend that one, or attach to another thread")?;
                    }
                    None => write!(f, "; allow more time, or attach to another thread")?,
                }
            }
            Self::InitFailed { slot, message } => {
                write!(f, "slot {slot}: on_init failed: {message}; mend what it needs, and attach again")?;
            }
            Self::AfterLossy { slot, after } => write!(
                f,
                "slot {slot}: runs after slot {after}, which may lose events and is not waited for; give {after} the overflow `gate`, or run after the \
                 slots that it runs after"
            )?,
            Self::CutOffOfTags { slot } => write!(
                f,
                "slot {slot}: the overflow `cut-off` is for a whole slot, not for some of its tags; set it for the slot, and for no tag another"
            )?,
            Self::OverflowOfLanes { slot, overflow } => write!(
                f,
                "slot {slot}: the overflow `{overflow}` on a bus with lanes, whose slots gate; attach the slot to a single lane, or leave it at `gate`"
            )?,
            Self::OwnThread { thread } => {
                write!(f, "thread {thread} cannot wait for a slot of its own to start; attach from another thread")?;
            }
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for AttachError {}

/// Why a slot was not detached, did not finish, or did not take up its tags in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DetachError {
    /// The slot's handler is still busy. What was asked for happens as soon as it returns; the call may be repeated.
    TimedOut {
        /// The slot.
        slot: Name,
        /// The sequence it had reached.
        sequence: u64,
        /// How long was waited.
        waited: Duration,
    },
    /// The caller is the slot's own thread, which cannot wait for itself. What was asked for happens after the current turn.
    OwnThread {
        /// The slot.
        slot: Name,
    },
    /// The slot's thread ended without handing the handler back.
    Lost {
        /// The slot.
        slot: Name,
    },
    /// The slot has stopped, and its handler was handed back before.
    AlreadyTaken {
        /// The slot.
        slot: Name,
    },
}

impl DetachError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TimedOut { .. } => "TR-0621",
            Self::OwnThread { .. } => "TR-0622",
            Self::Lost { .. } => "TR-0623",
            Self::AlreadyTaken { .. } => "TR-0624",
        }
    }
}

impl fmt::Display for DetachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { slot, sequence, waited } => write!(
                f,
                "slot {slot}: still busy at sequence {sequence} after {waited:?}; what was asked for happens when its handler \
                 returns, and the call may be repeated"
            )?,
            Self::OwnThread { slot } => {
                write!(
                    f,
                    "slot {slot}: called on its own thread, which cannot wait for itself; it happens after this turn"
                )?;
            }
            Self::Lost { slot } => write!(
                f,
                "slot {slot}: its thread is gone and did not hand the handler back; look for what ended the thread"
            )?,
            Self::AlreadyTaken { slot } => {
                write!(
                    f,
                    "slot {slot}: has stopped, and its handler was handed back before; keep it from the first call"
                )?;
            }
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for DetachError {}
