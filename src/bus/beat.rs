//! The beat of a slot: where it is right now, readable by others. Its own thread stores here, one plain store per event; a watchdog
//! and whoever asks what a slot is doing read it.

use super::state::SlotState;
use crate::event::Tag;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use core::fmt;
use crossbeam_utils::CachePadded;

/// Which part of the slot's code runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// Before `on_start` has returned.
    Starting = 0,
    /// Events of a turn are being handled.
    Handling = 1,
    /// `on_batch_end`.
    BatchEnd = 2,
    /// Between turns: other slots of the thread have theirs, or it waits.
    Between = 3,
    /// `on_idle`, or waiting after it.
    Idle = 4,
    /// Pausing after a panic: other slots of the thread have their turns, or it waits.
    Pausing = 5,
    /// `on_restart`.
    Restarting = 6,
    /// Dead letters that were handed back are being handled.
    Redelivering = 7,
    /// `on_stop`, `on_failed`, or the handler's destructor.
    Stopping = 8,
    /// Nothing of the slot runs any more.
    Ended = 9,
}

impl Phase {
    fn from_u32(value: u32) -> Self {
        match value {
            0 => Self::Starting,
            1 => Self::Handling,
            2 => Self::BatchEnd,
            3 => Self::Between,
            4 => Self::Idle,
            5 => Self::Pausing,
            6 => Self::Restarting,
            7 => Self::Redelivering,
            8 => Self::Stopping,
            _ => Self::Ended,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Starting => "starting",
            Self::Handling => "handling",
            Self::BatchEnd => "at the end of a batch",
            Self::Between => "between turns",
            Self::Idle => "idle",
            Self::Pausing => "pausing",
            Self::Restarting => "restarting",
            Self::Redelivering => "redelivering",
            Self::Stopping => "stopping",
            Self::Ended => "ended",
        })
    }
}

/// How far a slot is. Cheap to take: a few relaxed loads; each field is of its own moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// All events below this sequence are done: stored once per turn. On a bus with lanes the sum over them.
    pub position: u64,
    /// The sequence last handed to the handler, in its lane: stored per event.
    pub at: u64,
    /// Events published on the slot's bus so far, in all its lanes.
    pub published: u64,
    /// The slot's state.
    pub state: SlotState,
    /// Which part of its code runs.
    pub phase: Phase,
    /// Turns with events so far.
    pub batches: u64,
    /// Polls that found nothing so far.
    pub idle_polls: u64,
}

impl Progress {
    /// Whether there are events that the slot has not done yet.
    #[must_use]
    pub const fn is_behind(&self) -> bool {
        self.published > self.position
    }
}

/// One cache line, written by the slot's thread alone (but for its end).
#[derive(Default)]
pub(super) struct Beat(CachePadded<Line>);

#[derive(Default)]
struct Line {
    /// The sequence last handed to the handler.
    at: AtomicU64,
    idle_polls: AtomicU64,
    phase: AtomicU32,
    /// The tag of the event that is redelivered now, plus 1: its cell may be long overwritten.
    letter: AtomicU32,
    /// The lane of the event last handed to the handler.
    lane: AtomicU32,
}

impl Beat {
    #[inline(always)]
    pub(super) fn set_at(&self, sequence: u64) {
        self.0.at.store(sequence, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn at(&self) -> u64 {
        self.0.at.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn set_phase(&self, phase: Phase) {
        self.0.phase.store(phase as u32, Ordering::Relaxed);
    }

    /// Nothing of the slot runs from here on. Also by who has received its handler, which may be a moment before the slot's thread says so.
    #[cold]
    pub(super) fn end(&self) {
        self.0.phase.store(Phase::Ended as u32, Ordering::Release); // SYNC slot-ended
    }

    pub(super) fn has_ended(&self) -> bool {
        self.0.phase.load(Ordering::Acquire) == Phase::Ended as u32 // SYNC slot-ended
    }

    pub(super) fn phase(&self) -> Phase {
        Phase::from_u32(self.0.phase.load(Ordering::Relaxed))
    }

    /// A poll found nothing.
    #[inline(always)]
    pub(super) fn idle(&self) {
        self.set_phase(Phase::Idle);
        self.0.idle_polls.store(self.idle_polls() + 1, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn idle_polls(&self) -> u64 {
        self.0.idle_polls.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn set_lane(&self, lane: usize) {
        self.0.lane.store(lane as u32, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn lane(&self) -> usize {
        self.0.lane.load(Ordering::Relaxed) as usize
    }

    pub(super) fn set_letter(&self, tag: Option<Tag>) {
        self.0.letter.store(tag.map_or(0, |tag| u32::from(tag.get()) + 1), Ordering::Relaxed);
    }

    pub(super) fn letter(&self) -> Option<Tag> {
        let letter = self.0.letter.load(Ordering::Relaxed).checked_sub(1)?;
        Tag::try_new(u64::from(letter)).ok()
    }
}
