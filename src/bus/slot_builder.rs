//! Attaching a slot: which tags, after whom, how measured, on which thread.

use super::beat::Beat;
use super::builder::Bus;
use super::context::Context;
use super::dead::{DeadLetterOffice, DeadLetterSink};
use super::error::AttachError;
use super::flow::{Admission, Managed, ManagedBooks, Policies, Rows, SlotOverflow, Source, rows};
use super::handle::SlotHandle;
use super::handler::Handler;
use super::jitter::SplitMix64;
use super::lanes::{LaneControl, Lanes, Places};
use super::local_slot::LocalSlot;
use super::measure::{Measure, Meter};
use super::name::Name;
use super::pending::Pending;
use super::policy::PanicPolicy;
use super::restarts::Restarts;
use super::shared::SlotShared;
use super::slot::{RunSlot, Slot, message};
use super::state::SlotState;
use super::tail::{Around, Tail, TailLog, Timeline};
use super::tally::Tally;
use super::thread::SlotThread;
use super::view::{BusControl, SlotView};
use crate::event::{Family, TagSet};
use crate::ring::{Reader, ReaderId, RingError, WaitStrategy};
use crate::sync::{Ordering, thread_id};
use core::time::Duration;
use smallvec::SmallVec;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

/// Most events of one turn, unless asked otherwise: long enough to amortise the turn, short enough that retagging and other slots of
/// the thread are not kept waiting.
const TURN_LIMIT: usize = 256;
/// How long `attach` waits for `on_start`, unless asked otherwise.
const START_LIMIT: Duration = Duration::from_secs(5);

/// How to attach a slot. Nothing happens before [`Self::attach`] or [`Self::attach_here`].
#[must_use = "a builder attaches nothing until `attach` is called"]
pub struct SlotBuilder<F: Family> {
    /// Of a bus with lanes the most urgent one.
    bus: Bus<F>,
    lanes: Option<Lanes<F>>,
    name: Name,
    tags: TagSet,
    after: SmallVec<[ReaderId; 8]>,
    policy: PanicPolicy,
    wait: WaitStrategy,
    measure: Measure,
    tail: Tail,
    turn_limit: usize,
    start_limit: Duration,
    scratch: usize,
    seed: u64,
    initialised: bool,
    letters: Option<Arc<dyn DeadLetterOffice<F::Cell>>>,
    policies: Policies,
    expires: bool,
    accounts: bool,
    admission: Option<Arc<dyn Admission>>,
}

impl<F: Family> SlotBuilder<F> {
    pub(super) fn new(bus: Bus<F>, name: Name) -> Self {
        Self {
            bus,
            lanes: None,
            name,
            tags: F::ALL,
            after: SmallVec::new(),
            policy: PanicPolicy::default(),
            wait: WaitStrategy::default(),
            measure: Measure::default(),
            tail: Tail::default(),
            turn_limit: TURN_LIMIT,
            start_limit: START_LIMIT,
            scratch: 0,
            seed: 0,
            initialised: false,
            letters: None,
            policies: Policies::default(),
            expires: false,
            accounts: false,
            admission: None,
        }
    }

    /// A slot of all lanes.
    pub(super) fn of_lanes(lanes: Lanes<F>, name: Name) -> Self {
        Self { lanes: Some(lanes.clone()), ..Self::new(lanes.lanes()[0].clone(), name) }
    }

    /// The tags to deliver. Default: all of the family.
    pub fn tags(mut self, tags: TagSet) -> Self {
        self.tags = tags;
        self
    }

    /// Handle each event only after `slot` has. May be called several times. On a bus with lanes each lane for itself.
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

    /// Which slow events to record, with where their time went. Default: those of four times the running p99. Nothing where nothing is
    /// measured.
    pub fn tail(mut self, tail: Tail) -> Self {
        self.tail = tail;
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

    /// Seeds the pauses after panics, so that they repeat. Default 0: from the clock and the slot's name.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Says that the handler's `on_init` has run already: attaching does not run it.
    pub fn initialised(mut self) -> Self {
        self.initialised = true;
        self
    }

    /// Where events go that the handler refuses or panics over, and from where they may come back. Default: they are counted and gone.
    pub fn dead_letters(mut self, keeper: &(impl DeadLetterOffice<F::Cell> + Clone + 'static)) -> Self {
        self.letters = Some(Arc::new(keeper.clone()));
        self
    }

    /// What the slot does when it is too slow for its bus. Default: [`SlotOverflow::Gate`]. With any other publishers do not wait for it.
    ///
    /// ```
    /// use tagring::bus::{Bus, Context, Handler, Outcome, SlotOverflow};
    /// use tagring::event::Event;
    ///
    /// tagring::events! { pub mod market; pub struct Quote = 1, v1 { pub price: i64 } }
    ///
    /// /// What it has seen: key, price, and how many older prices that one stands for.
    /// #[derive(Default)]
    /// struct Screen(Vec<(u32, i64, u64)>);
    /// impl Handler for Screen {
    ///     fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
    ///         let price = event.get::<market::Quote>().map_or(0, |quote| quote.price);
    ///         self.0.push((event.key(), price, ctx.merged()));
    ///         Outcome::Done
    ///     }
    /// }
    ///
    /// let (bus, mut feed) = Bus::<market::Events>::builder("md").capacity(4).single()?;
    /// let mut screen = bus.slot("screen").overflow(SlotOverflow::Conflate).attach_here(Screen::default())?;
    /// for price in 1..=100 {
    ///     feed.try_publish(7, &market::Quote { price })?; // never full
    /// }
    /// feed.try_publish(8, &market::Quote { price: 5 })?;
    /// while screen.turn() {}
    /// let stats = screen.handle().stats();
    /// assert_eq!((stats.delivered, stats.conflated), (2, 99));
    /// assert_eq!(screen.detach().unwrap_or_default().0, [(7, 100, 99), (8, 5, 0)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn overflow(mut self, overflow: SlotOverflow) -> Self {
        self.policies.slot = overflow;
        self
    }

    /// The same for some of its tags alone. May be called several times; the last one counts.
    pub fn overflow_of(mut self, tags: TagSet, overflow: SlotOverflow) -> Self {
        self.policies.set(tags, overflow);
        self
    }

    /// Most events that wait beside the ring where the slot drops the newest, or where its tags differ in their policies, at least 1. Default 1,024.
    pub fn backlog(mut self, events: usize) -> Self {
        self.policies.backlog = events.clamp(1, 1 << 30);
        self
    }

    /// Most keys, each of its tag, that may wait where the slot conflates, at least 1. Events of more keys than that are dropped. Default
    /// 4,096.
    pub fn conflate_keys(mut self, keys: usize) -> Self {
        self.policies.keys = keys.clamp(1, 1 << 30);
        self
    }

    /// Leaves events out whose deadline is over when the slot comes to them; they are counted as [`super::Fate::Expired`]. For buses whose family
    /// has deadlines. The clock is read for each event. Default: all are handled.
    pub fn expires(mut self) -> Self {
        self.expires = true;
        self
    }

    /// Counts what becomes of events by tag: [`SlotView::fates`]. A slot that may leave events out does so anyway. Default: in all.
    pub fn accounts(mut self) -> Self {
        self.accounts = true;
        self
    }

    /// Asks before each event whether it is to be handled at this moment.
    pub fn admission(mut self, admission: Arc<dyn Admission>) -> Self {
        self.admission = Some(admission);
        self
    }

    /// Whether the slot needs more than a reader.
    fn is_managed(&self) -> bool {
        self.lanes.is_some()
            || self.accounts
            || self.expires
            || self.admission.is_some()
            || self.policies.is_evictable(&F::ALL)
    }

    /// What may not be: events that a slot has lost cannot be waited for, and a slot is cut off as a whole.
    fn refuse_policies(&self) -> Result<(), AttachError> {
        let slot = self.name;
        if let Some(overflow) = self.lanes.as_ref().and_then(|_| self.policies.other_than_gate(&F::ALL)) {
            return Err(AttachError::OverflowOfLanes { slot, overflow });
        }
        if self.policies.cuts_tags_off(&F::ALL) {
            return Err(AttachError::CutOffOfTags { slot });
        }
        Ok(())
    }

    /// Attaches the slot to `thread`, also while events flow: every event published after this returns is seen. `on_init` runs here, before
    /// the slot joins; returns after `on_start`.
    ///
    /// # Errors
    /// [`AttachError`]; the slot is then not attached, and the handler is dropped. After [`AttachError::StartTimedOut`] that happens as
    /// soon as `on_start` returns: until then the slot holds its place, but is quarantined ([`SlotView::quarantine`]): it gates nobody.
    pub fn attach<H: Handler>(self, thread: &SlotThread, handler: H) -> Result<SlotHandle<H>, AttachError> {
        if thread.is_own() {
            return Err(AttachError::OwnThread { thread: thread.name() });
        }
        let start_limit = self.start_limit;
        self.attach_later(thread, handler)?.wait(start_limit)
    }

    /// As [`Self::attach`], but does not wait for `on_start`, so that those of slots on several threads run at the same time. The slot has
    /// joined when this returns: every event published from here on is seen.
    ///
    /// # Errors
    /// [`AttachError`], but for those of [`Pending::wait`].
    pub fn attach_later<H: Handler>(self, thread: &SlotThread, handler: H) -> Result<Pending<H>, AttachError> {
        let (seed, handle) = self.prepare(handler)?;
        let hosting = thread.host(Box::new(move || seed.grow()));
        Ok(Pending { handle, thread: thread.name(), host: thread.kernel_id(), hosting })
    }

    /// Attaches the slot to the calling thread, which drives it with [`LocalSlot::turn`]. `on_init` and `on_start` run here.
    ///
    /// # Errors
    /// [`AttachError`]; the slot is then not attached, and the handler is dropped.
    pub fn attach_here<H: Handler>(self, handler: H) -> Result<LocalSlot<H>, AttachError> {
        let name = self.name;
        let (seed, handle) = self.prepare(handler)?;
        let mut slot = seed.grow();
        slot.start().map_err(|message| AttachError::StartPanicked { slot: name, message })?;
        Ok(LocalSlot { slot, around: Around::default(), handle, done: false })
    }

    /// Initialises the handler and joins the ring; the slot itself is made on the thread that will own it.
    fn prepare<H: Handler>(self, mut handler: H) -> Result<(Seed<F, H>, SlotHandle<H>), AttachError> {
        if !self.initialised {
            initialise(self.name, &mut handler)?;
        }
        self.refuse_policies()?;
        let inner = &self.bus.inner;
        let (ticket, reader, lower, control) = self.join()?;
        let lanes = self.lanes.as_ref().map_or(0, |lanes| lanes.lanes().len());
        let (rows, rows_reader) = self.is_managed().then(|| rows(&F::ALL, lanes)).unzip();
        let (meter, meter_reader) = Meter::new(self.measure, &self.tags, &F::ALL);
        let wants_tail = self.measure != Measure::Off && !self.tail.is_off();
        let tail = wants_tail.then(|| Arc::new(TailLog::new(self.tail, &inner.clock)));
        let (give_back, handler_back) = crossbeam_channel::bounded(1);
        let view = SlotView {
            name: self.name,
            place: reader.id(),
            shared: Arc::new(SlotShared::new(&self.tags, rows_reader)),
            beat: Arc::default(),
            meter: Arc::new(meter_reader),
            tail: tail.clone(),
            bell: Arc::clone(inner.ring.doorbell()),
            control,
        };
        catch_unwind(AssertUnwindSafe(|| handler.on_attach(&view)))
            .map_err(|panic| AttachError::InitFailed { slot: self.name, message: message(&*panic) })?;
        let letters = self.letters.as_ref().map(|keeper| keeper.connect(&view));
        let cradle = Cradle { shared: Arc::clone(&view.shared), beat: Arc::clone(&view.beat), born: false };
        let handle = SlotHandle { view, handler: handler_back };
        Ok((
            Seed { builder: self, ticket, reader, lower, handler, give_back, meter, tail, letters, rows, cradle },
            handle,
        ))
    }

    /// Takes a place on the bus, or one in each of its lanes.
    fn join(&self) -> Result<Joined<F>, AttachError> {
        let Some(lanes) = &self.lanes else {
            let (ticket, reader) = self.join_one(&self.bus, &self.after)?;
            return Ok((ticket, reader, SmallVec::new(), Arc::new(self.bus.clone())));
        };
        let (mut ticket, reader) = self.join_one(&self.bus, &lanes.after_in(0, &self.after))?;
        let mut lower = SmallVec::new();
        for (lane, bus) in lanes.lanes().iter().enumerate().skip(1) {
            let (other, reader) = self.join_one(bus, &lanes.after_in(lane, &self.after))?;
            ticket.lower.push(other);
            lower.push(reader);
        }
        let places: Places = core::iter::once(&reader).chain(&lower).map(Reader::id).collect();
        lanes.enter(places.clone());
        Ok((ticket, reader, lower, Arc::new(LaneControl { lanes: lanes.clone(), places })))
    }

    fn join_one(&self, bus: &Bus<F>, after: &[ReaderId]) -> Result<(Ticket<F>, Reader<F::Cell>), AttachError> {
        let (inner, slot) = (&bus.inner, self.name);
        if let Some(after) = after.iter().find(|after| inner.is_lossy(**after)) {
            return Err(AttachError::AfterLossy { slot, after: inner.names.get(*after) });
        }
        let exhausted = || AttachError::SlotsExhausted { bus: inner.name, slots: inner.slots };
        let ticket = Ticket::take(bus).ok_or_else(exhausted)?;
        let reader = inner.ring.attach_after(after).map_err(|cause| match cause {
            RingError::NotAttached { .. } => AttachError::AfterMissing { slot, cause },
            _ => exhausted(),
        })?;
        reader.set_wait_strategy(self.wait);
        inner.names.set(reader.id(), slot);
        inner.set_lossy(reader.id(), self.policies.is_evictable(&F::ALL));
        if self.policies.cuts_off(&F::ALL) {
            inner.ring.cut_off_when_full(reader.id());
        }
        Ok((ticket, reader))
    }
}

/// A slot's places: what gives them back, its readers, lane 0 first, and how they are reached from outside.
type Joined<F> = (Ticket<F>, Reader<<F as Family>::Cell>, LowerLanes<<F as Family>::Cell>, Arc<dyn BusControl>);
/// The readers of a slot below lane 0.
type LowerLanes<C> = SmallVec<[Reader<C>; 3]>;

/// Runs `on_init`, whose panic is an error like any other.
pub(crate) fn initialise(slot: Name, handler: &mut impl Handler) -> Result<(), AttachError> {
    let failed = |message| AttachError::InitFailed { slot, message };
    let init = || {
        crate::fault!(crate::faults::points::INIT, slot.as_str(); Error => return Err("refused, as scripted".into()));
        handler.on_init()
    };
    match catch_unwind(AssertUnwindSafe(init)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(panic) => Err(failed(message(&*panic))),
    }
}

/// One of the bus's slots, given back when dropped.
pub(super) struct Ticket<F: Family> {
    bus: Bus<F>,
    /// Those in the lanes below.
    lower: Vec<Self>,
}

impl<F: Family> Ticket<F> {
    fn take(bus: &Bus<F>) -> Option<Self> {
        let attached = &bus.inner.attached;
        let limit = bus.inner.slots as u32;
        let step = |count: u32| (count < limit).then_some(count + 1);
        attached
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .ok()
            .map(|_| Self { bus: bus.clone(), lower: Vec::new() })
    }
}

impl<F: Family> Drop for Ticket<F> {
    fn drop(&mut self) {
        self.bus.inner.attached.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A slot on its way to its thread. Dropped there, it says that the slot has ended once everything else of it is gone.
struct Seed<F: Family, H: Handler> {
    builder: SlotBuilder<F>,
    ticket: Ticket<F>,
    reader: Reader<F::Cell>,
    lower: LowerLanes<F::Cell>,
    handler: H,
    give_back: crossbeam_channel::Sender<H>,
    meter: Meter,
    tail: Option<Arc<TailLog>>,
    letters: Option<Box<dyn DeadLetterSink<F::Cell>>>,
    rows: Option<Rows>,
    cradle: Cradle,
}

/// Says that the slot has ended where it never came to life: its thread ended first or had no memory for it, or it was taken back.
struct Cradle {
    shared: Arc<SlotShared>,
    beat: Arc<Beat>,
    born: bool,
}

impl Drop for Cradle {
    fn drop(&mut self) {
        if !self.born {
            self.shared.end(SlotState::Stopped);
            self.beat.end();
        }
    }
}

impl<F: Family, H: Handler> Seed<F, H> {
    /// On the thread that will own the slot.
    fn grow(mut self) -> Box<dyn RunSlot> {
        let shared = Arc::clone(&self.cradle.shared);
        shared.set_thread(thread_id());
        match self.rows.take().map(Rc::new) {
            None => self.grow_with(|reader, _, _| {
                let reader = reader.bind();
                (reader.position(), reader, ())
            }),
            Some(rows) => self.grow_with(|reader, lower, builder| {
                let source = match &builder.lanes {
                    None => Managed::new(reader, &builder.policies, &F::ALL, &shared, &rows),
                    Some(lanes) => {
                        let readers = core::iter::once(reader).chain(lower);
                        Managed::of_lanes(readers, lanes.policy(), builder.turn_limit, &rows)
                    }
                };
                let books = ManagedBooks { rows, expires: builder.expires, admission: builder.admission.clone() };
                (source.position(), source, books)
            }),
        }
    }

    fn grow_with<S: Source<F::Cell> + 'static>(
        mut self,
        source: impl FnOnce(Reader<F::Cell>, LowerLanes<F::Cell>, &SlotBuilder<F>) -> (u64, S, S::Books),
    ) -> Box<dyn RunSlot>
    where
        S::Books: 'static,
    {
        let (shared, beat) = (Arc::clone(&self.cradle.shared), Arc::clone(&self.cradle.beat));
        let mut tags = TagSet::EMPTY;
        let tags_version = shared.tags.load_into(&mut tags);
        shared.apply(tags_version);
        let (position, source, books) = source(self.reader, self.lower, &self.builder);
        let SlotBuilder { bus, lanes, name, after, policy, turn_limit, scratch, seed, .. } = self.builder;
        let inner = &bus.inner;
        let mut ctx = Context::new(name, inner.clock.clone(), Arc::clone(&beat), inner.arena.clone(), scratch);
        if let Some(lanes) = lanes {
            ctx.set_arenas(lanes.arenas());
        }
        let slot = Box::new(Slot {
            bell: Arc::clone(inner.ring.doorbell()),
            ctx,
            tally: Tally::joined_at(position),
            source: Some(source),
            books,
            ticket: Some(self.ticket),
            handler: Some(self.handler),
            give_back: self.give_back,
            tags,
            tags_version,
            meter: self.meter,
            timeline: Timeline::new(self.tail, &inner.clock, !after.is_empty()),
            policy,
            shared,
            beat,
            limit: turn_limit,
            restarts: Restarts::new(if seed == 0 { own_seed(name, inner.clock.now().0) } else { seed }),
            letters: self.letters,
            ring_is_next: false,
        });
        self.cradle.born = true;
        slot
    }
}

/// A seed for a slot that was given none: slots of one bus that panic together must not come back together.
fn own_seed(name: Name, ticks: u64) -> u64 {
    name.as_str().bytes().fold(ticks, |seed, byte| SplitMix64::new(seed ^ u64::from(byte)).next())
}
