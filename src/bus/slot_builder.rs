//! Attaching a slot: which tags, after whom, how measured, on which thread.

use super::builder::Bus;
use super::context::Context;
use super::error::AttachError;
use super::handle::{SlotHandle, SlotShared};
use super::handler::Handler;
use super::measure::{Measure, Meter};
use super::name::Name;
use super::policy::PanicPolicy;
use super::slot::{LocalSlot, RunSlot, Slot};
use super::thread::SlotThread;
use crate::event::{Family, TagSet};
use crate::ring::{Reader, ReaderId, RingError, WaitStrategy};
use crate::sync::{Ordering, thread_id};
use core::time::Duration;
use smallvec::SmallVec;
use std::sync::Arc;

/// Most events of one turn, unless asked otherwise: long enough to amortise the turn, short enough that retagging and other slots of
/// the thread are not kept waiting.
const TURN_LIMIT: usize = 256;
/// How long `attach` waits for `on_start`, unless asked otherwise.
const START_LIMIT: Duration = Duration::from_secs(5);

/// How to attach a slot. Nothing happens before [`Self::attach`] or [`Self::attach_here`].
#[must_use = "a builder attaches nothing until `attach` is called"]
pub struct SlotBuilder<F: Family> {
    bus: Bus<F>,
    name: Name,
    tags: TagSet,
    after: SmallVec<[ReaderId; 8]>,
    policy: PanicPolicy,
    wait: WaitStrategy,
    measure: Measure,
    turn_limit: usize,
    start_limit: Duration,
    scratch: usize,
}

impl<F: Family> SlotBuilder<F> {
    pub(super) fn new(bus: Bus<F>, name: Name) -> Self {
        Self {
            bus,
            name,
            tags: F::ALL,
            after: SmallVec::new(),
            policy: PanicPolicy::default(),
            wait: WaitStrategy::default(),
            measure: Measure::default(),
            turn_limit: TURN_LIMIT,
            start_limit: START_LIMIT,
            scratch: 0,
        }
    }

    /// The tags to deliver. Default: all of the family.
    pub fn tags(mut self, tags: TagSet) -> Self {
        self.tags = tags;
        self
    }

    /// Handle each event only after `slot` has. May be called several times.
    pub fn after(mut self, slot: ReaderId) -> Self {
        self.after.push(slot);
        self
    }

    /// What to do when the handler panics. Default: quarantine.
    pub fn policy(mut self, policy: PanicPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How the slot's thread waits for events. Default: spin, then yield. Of several slots on a thread the one that sleeps least
    /// decides.
    pub fn wait(mut self, wait: WaitStrategy) -> Self {
        self.wait = wait;
        self
    }

    /// How much to measure. Default: per slot and per tag.
    pub fn measure(mut self, measure: Measure) -> Self {
        self.measure = measure;
        self
    }

    /// Most events of one turn, at least 1. Default 256.
    pub fn turn_limit(mut self, events: usize) -> Self {
        self.turn_limit = events.max(1);
        self
    }

    /// How long `attach` waits for `on_start`. Default 5 s.
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    /// Bytes of scratch memory to take now. It grows when a batch needs more. Default 0.
    pub fn scratch_bytes(mut self, bytes: usize) -> Self {
        self.scratch = bytes;
        self
    }

    /// Attaches the slot to `thread`, also while events flow: every event published after this returns is seen. Returns after
    /// `on_start`.
    ///
    /// # Errors
    /// [`AttachError`]; the slot is then not attached, and the handler is dropped. After [`AttachError::StartTimedOut`] that happens as
    /// soon as `on_start` returns: until then the slot holds its place, and the bus back.
    pub fn attach<H: Handler>(self, thread: &SlotThread, handler: H) -> Result<SlotHandle<H>, AttachError> {
        let start_limit = self.start_limit;
        let name = self.name;
        let (seed, handle) = self.prepare(handler)?;
        thread.host(name, start_limit, &handle.shared, Box::new(move || seed.grow()))?;
        Ok(handle)
    }

    /// Attaches the slot to the calling thread, which drives it with [`LocalSlot::turn`]. `on_start` runs here.
    ///
    /// # Errors
    /// [`AttachError`]; the slot is then not attached, and the handler is dropped.
    pub fn attach_here<H: Handler>(self, handler: H) -> Result<LocalSlot<H>, AttachError> {
        let name = self.name;
        let (seed, handle) = self.prepare(handler)?;
        let mut slot = seed.grow();
        slot.start().map_err(|message| AttachError::StartPanicked { slot: name, message })?;
        Ok(LocalSlot { slot, handle, done: false })
    }

    /// Joins the ring; the slot itself is made on the thread that will own it.
    fn prepare<H: Handler>(self, handler: H) -> Result<(Seed<F, H>, SlotHandle<H>), AttachError> {
        let inner = &self.bus.inner;
        let exhausted = || AttachError::SlotsExhausted { bus: inner.name, slots: inner.slots };
        let ticket = Ticket::take(&self.bus).ok_or_else(exhausted)?;
        let reader = inner.ring.attach_after(&self.after).map_err(|cause| match cause {
            RingError::NotAttached { .. } => AttachError::AfterMissing { slot: self.name, cause },
            _ => exhausted(),
        })?;
        reader.set_wait_strategy(self.wait);
        inner.names.set(reader.id(), self.name);
        let (meter, meter_reader) = Meter::new(self.measure, &self.tags, &F::ALL);
        let shared = Arc::new(SlotShared::new(&self.tags));
        let (give_back, handler_back) = crossbeam_channel::bounded(1);
        let handle = SlotHandle {
            name: self.name,
            place: reader.id(),
            shared: Arc::clone(&shared),
            meter: meter_reader,
            handler: handler_back,
            bell: Arc::clone(inner.ring.doorbell()),
            control: Arc::new(self.bus.clone()),
        };
        Ok((Seed { builder: self, ticket, reader, handler, give_back, meter, shared }, handle))
    }
}

/// One of the bus's slots, given back when dropped.
pub(super) struct Ticket<F: Family>(Bus<F>);

impl<F: Family> Ticket<F> {
    fn take(bus: &Bus<F>) -> Option<Self> {
        let attached = &bus.inner.attached;
        let limit = bus.inner.slots as u32;
        let step = |count: u32| (count < limit).then_some(count + 1);
        attached.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).ok().map(|_| Self(bus.clone()))
    }
}

impl<F: Family> Drop for Ticket<F> {
    fn drop(&mut self) {
        self.0.inner.attached.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A slot on its way to its thread.
struct Seed<F: Family, H: Handler> {
    builder: SlotBuilder<F>,
    ticket: Ticket<F>,
    reader: Reader<F::Cell>,
    handler: H,
    give_back: crossbeam_channel::Sender<H>,
    meter: Meter,
    shared: Arc<SlotShared>,
}

impl<F: Family, H: Handler> Seed<F, H> {
    fn grow(self) -> Box<dyn RunSlot> {
        let inner = &self.builder.bus.inner;
        self.shared.set_thread(thread_id());
        let mut tags = TagSet::EMPTY;
        let tags_version = self.shared.tags.load_into(&mut tags);
        self.shared.applied(tags_version);
        let scratch = self.builder.scratch;
        Box::new(Slot {
            bell: Arc::clone(inner.ring.doorbell()),
            ctx: Context::new(self.builder.name, inner.clock.clone(), inner.arena.clone(), scratch),
            reader: Some(self.reader.bind()),
            ticket: Some(self.ticket),
            handler: Some(self.handler),
            give_back: self.give_back,
            tags,
            tags_version,
            meter: self.meter,
            policy: self.builder.policy,
            shared: self.shared,
            limit: self.builder.turn_limit,
            restarts: super::slot::Restarts::default(),
            tally: super::slot::Tally::default(),
        })
    }
}
