//! A slot from outside: its state and counts, its tags, and the way out. The slot's thread shares one block with it and writes the
//! counts once per turn.

use super::builder::Bus;
use super::error::DetachError;
use super::measure::{MeterReader, SlotLatencies};
use super::name::Name;
use super::slot::Tally;
use crate::event::{AtomicTagSet, Family, TagSet};
use crate::ring::{Doorbell, ReaderId, WaitStrategy};
use crate::sync::{AtomicU32, AtomicU64, Ordering, thread_id};
use core::fmt;
use core::time::Duration;
use crossbeam_channel::Receiver;
use crossbeam_utils::CachePadded;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

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
    /// Stopped by a panic; gates nobody.
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

/// Counts of a slot, at one moment. All are of whole turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotStats {
    /// Its state.
    pub state: SlotState,
    /// Events its handler has seen and not refused.
    pub delivered: u64,
    /// Events outside its tag set.
    pub filtered: u64,
    /// Events refused, or lost to a panic.
    pub dead: u64,
    /// Turns with events.
    pub batches: u64,
    /// Panics of its handler.
    pub panics: u64,
    /// The message of the last one.
    pub last_panic: Option<String>,
}

/// What the slot's thread and its handle share.
pub(super) struct SlotShared {
    pub(super) tags: AtomicTagSet,
    /// Version of the tag set that the slot works with.
    applied: AtomicU64,
    stop: AtomicU32,
    state: AtomicU32,
    /// Whether the handler was handed back.
    handed_back: AtomicU32,
    /// Kernel id of the slot's thread.
    thread: AtomicU32,
    /// Panics, and the message of the last one: cold.
    panics: Mutex<(u64, Option<String>)>,
    counts: CachePadded<Counts>,
}

#[derive(Default)]
struct Counts {
    delivered: AtomicU64,
    filtered: AtomicU64,
    dead: AtomicU64,
    batches: AtomicU64,
    sequence: AtomicU64,
}

impl SlotShared {
    pub(super) fn new(tags: &TagSet) -> Self {
        Self {
            tags: AtomicTagSet::new(*tags),
            applied: AtomicU64::new(0),
            stop: AtomicU32::new(0),
            handed_back: AtomicU32::new(0),
            state: AtomicU32::new(SlotState::Starting as u32),
            thread: AtomicU32::new(0),
            panics: Mutex::new((0, None)),
            counts: CachePadded::default(),
        }
    }

    #[inline(always)]
    pub(super) fn wants_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed) != 0
    }

    pub(super) fn ask_to_stop(&self) {
        self.stop.store(1, Ordering::Relaxed);
    }

    pub(super) fn set_handed_back(&self) {
        self.handed_back.store(1, Ordering::Relaxed);
    }

    /// The slot works with this version from here on.
    pub(super) fn applied(&self, version: u64) {
        self.applied.store(version, Ordering::Release); // SYNC tags-applied
    }

    pub(super) fn set_thread(&self, thread: u32) {
        self.thread.store(thread, Ordering::Relaxed);
    }

    pub(super) fn set_state(&self, state: SlotState) {
        self.state.store(state as u32, Ordering::Release); // SYNC slot-state
    }

    /// Stopped, unless a panic had the last word.
    pub(super) fn set_stopped(&self) {
        if !matches!(self.state(), SlotState::Quarantined | SlotState::Failed) {
            self.set_state(SlotState::Stopped);
        }
    }

    pub(super) fn state(&self) -> SlotState {
        SlotState::from_u32(self.state.load(Ordering::Acquire)) // SYNC slot-state
    }

    /// Stores the counts: plain stores by their only writer, once per turn.
    #[inline(always)]
    pub(super) fn publish(&self, tally: &Tally, sequence: u64) {
        self.counts.delivered.store(tally.delivered, Ordering::Relaxed);
        self.counts.filtered.store(tally.filtered, Ordering::Relaxed);
        self.counts.dead.store(tally.dead, Ordering::Relaxed);
        self.counts.batches.store(tally.batches, Ordering::Relaxed);
        self.counts.sequence.store(sequence, Ordering::Relaxed);
    }

    #[cold]
    pub(super) fn count_panic(&self, message: &str) {
        let mut panics = self.panics.lock().unwrap_or_else(PoisonError::into_inner);
        panics.0 += 1;
        panics.1 = Some(message.to_owned());
    }
}

/// A slot from outside. Dropping it leaves the slot running; [`Self::detach`] and [`Self::join`] bring the handler back.
pub struct SlotHandle<H> {
    pub(super) name: Name,
    pub(super) place: ReaderId,
    pub(super) shared: Arc<SlotShared>,
    pub(super) meter: MeterReader,
    pub(super) handler: Receiver<H>,
    pub(super) bell: Arc<Doorbell>,
    pub(super) control: Arc<dyn BusControl>,
}

/// What a handle needs of its bus, whatever the bus's family.
pub(super) trait BusControl: Send + Sync {
    fn clock(&self) -> &crate::clock::Clock;
    fn set_wait_strategy(&self, place: ReaderId, strategy: WaitStrategy);
}

impl<F: Family> BusControl for Bus<F> {
    fn clock(&self) -> &crate::clock::Clock {
        Bus::clock(self)
    }
    fn set_wait_strategy(&self, place: ReaderId, strategy: WaitStrategy) {
        Bus::set_wait_strategy(self, place, strategy);
    }
}

impl<H> SlotHandle<H> {
    /// The slot's place on its bus, to run other slots after it.
    #[must_use]
    pub fn id(&self) -> ReaderId {
        self.place
    }

    /// The slot's name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name
    }

    /// State and counts.
    #[must_use]
    pub fn stats(&self) -> SlotStats {
        let counts = &self.shared.counts;
        let panics = self.shared.panics.lock().unwrap_or_else(PoisonError::into_inner);
        SlotStats {
            state: self.shared.state(),
            delivered: counts.delivered.load(Ordering::Relaxed),
            filtered: counts.filtered.load(Ordering::Relaxed),
            dead: counts.dead.load(Ordering::Relaxed),
            batches: counts.batches.load(Ordering::Relaxed),
            panics: panics.0,
            last_panic: panics.1.clone(),
        }
    }

    /// Hop, service time and age so far, in nanoseconds.
    #[must_use]
    pub fn latencies(&self) -> SlotLatencies {
        self.meter.snapshot(self.control.clock())
    }

    /// The tag set asked for last.
    #[must_use]
    pub fn tags(&self) -> TagSet {
        let mut tags = TagSet::EMPTY;
        self.shared.tags.load_into(&mut tags);
        tags
    }

    /// Replaces the slot's tag set, also while events flow. When this returns `Ok`, each event handled from here on was chosen by the
    /// new set: nothing outside it is delivered, and nothing of it that is published from here on is missed.
    ///
    /// # Errors
    /// [`DetachError::TimedOut`] when the slot is busy for longer than `limit`: the set is taken up after the current turn.
    /// [`DetachError::OwnThread`] from a handler: likewise.
    pub fn retag(&self, tags: TagSet, limit: Duration) -> Result<(), DetachError> {
        let version = self.shared.tags.store(&tags);
        self.await_tags(version, limit)
    }

    /// As [`Self::retag`], adding tags to the set.
    ///
    /// # Errors
    /// As [`Self::retag`].
    pub fn add_tags(&self, tags: TagSet, limit: Duration) -> Result<(), DetachError> {
        let version = self.shared.tags.insert(&tags);
        self.await_tags(version, limit)
    }

    /// As [`Self::retag`], taking tags out of the set.
    ///
    /// # Errors
    /// As [`Self::retag`].
    pub fn remove_tags(&self, tags: TagSet, limit: Duration) -> Result<(), DetachError> {
        let version = self.shared.tags.remove(&tags);
        self.await_tags(version, limit)
    }

    fn await_tags(&self, version: u64, limit: Duration) -> Result<(), DetachError> {
        self.bell.ring();
        self.refuse_own_thread()?;
        // SYNC tags-applied
        self.wait_until(limit, || {
            self.shared.applied.load(Ordering::Acquire) >= version
                || matches!(self.shared.state(), SlotState::Stopped | SlotState::Quarantined | SlotState::Failed)
        })
    }

    /// Changes how the slot's thread waits, while it runs.
    pub fn set_wait_strategy(&self, strategy: WaitStrategy) {
        self.control.set_wait_strategy(self.place, strategy);
    }

    /// Asks the slot to stop and waits until it has, for at most `limit`. Nothing is delivered after this returns `Ok`; its place is
    /// free again.
    ///
    /// # Errors
    /// [`DetachError::TimedOut`] with the sequence the handler is busy with: the slot stops as soon as it returns, and the call
    /// may be repeated. [`DetachError::OwnThread`] from its own handler; [`DetachError::AlreadyTaken`] after the first success;
    /// [`DetachError::Lost`].
    pub fn detach(&self, limit: Duration) -> Result<H, DetachError> {
        self.shared.ask_to_stop();
        self.bell.ring();
        self.refuse_own_thread()?;
        self.join(limit)
    }

    /// Waits, for at most `limit`, until the slot has stopped by itself: its handler said so, or the bus is closed and read to its
    /// end. Returns the handler.
    ///
    /// # Errors
    /// As [`Self::detach`].
    pub fn join(&self, limit: Duration) -> Result<H, DetachError> {
        self.refuse_own_thread()?;
        self.handler.recv_timeout(limit).map_err(|error| match error {
            crossbeam_channel::RecvTimeoutError::Timeout => self.timed_out(limit),
            // The channel's end orders the flag before this load.
            crossbeam_channel::RecvTimeoutError::Disconnected => {
                match self.shared.handed_back.load(Ordering::Relaxed) {
                    0 => DetachError::Lost { slot: self.name },
                    _ => DetachError::AlreadyTaken { slot: self.name },
                }
            }
        })
    }

    /// The handler, if the slot has stopped already.
    #[must_use]
    pub fn take(&self) -> Option<H> {
        self.handler.try_recv().ok()
    }

    fn refuse_own_thread(&self) -> Result<(), DetachError> {
        let own = self.shared.thread.load(Ordering::Relaxed) == thread_id();
        if own { Err(DetachError::OwnThread { slot: self.name }) } else { Ok(()) }
    }

    fn wait_until(&self, limit: Duration, ready: impl Fn() -> bool) -> Result<(), DetachError> {
        let since = Instant::now();
        while !ready() {
            if since.elapsed() > limit {
                return Err(self.timed_out(limit));
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    fn timed_out(&self, waited: Duration) -> DetachError {
        let sequence = self.shared.counts.sequence.load(Ordering::Relaxed);
        DetachError::TimedOut { slot: self.name, sequence, waited }
    }
}
