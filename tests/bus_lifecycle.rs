//! A slot's life as a runtime drives and watches it: initialising, starting side by side, progress, restarts by the bus's clock,
//! counts, threads, full rings.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tagring::bus::{
    AttachError, Bus, Context, Handler, InitError, LocalSlot, Measure, Outcome, Overflow, PanicPolicy, Phase,
    SlotState, SlotStats, SlotThread, SlotView, ThreadError,
};
use tagring::clock::Clock;
use tagring::event::{Event, Payload};
use tagring::retain::DeadLetters;
use tagring::ring::{PublishError, WaitStrategy};
use tagring::tags;
use tagring::testkit::{Faulty, Recorder};

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
    pub struct Quote = 2, v1 { pub bid: i64, pub ask: i64 }
}
use market::{Events, Quote, Trade};

const SOON: Duration = Duration::from_secs(60);

thread_local! {
    /// Bytes that this thread has allocated and not freed.
    static HELD: Cell<i64> = const { Cell::new(0) };
}

fn own_held() -> i64 {
    HELD.get()
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting neither allocates nor panics, the thread-local
// being constant-initialised and without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get() + layout.size() as i64);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as i64);
        // SAFETY: as above; `old` came from `System`, as all of ours do.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn trade(qty: u64) -> Trade {
    Trade { price: 100, qty }
}

fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < SOON, "not within {SOON:?}: {what}");
        std::thread::yield_now();
    }
}

fn check(stats: &SlotStats) {
    let covered = stats.joined + stats.delivered + stats.filtered + stats.dead + stats.holes;
    assert_eq!(covered, stats.position, "{stats:?}");
}

/// Counts.
#[derive(Default)]
struct Count(u64);

impl Handler for Count {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        self.0 += 1;
        Outcome::Done
    }
}

/// Cannot be initialised.
struct Unready(bool);

impl Handler for Unready {
    fn on_init(&mut self) -> Result<(), InitError> {
        assert!(!self.0, "no table at all");
        Err("no such table".into())
    }
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        Outcome::Done
    }
}

#[test]
fn issue_4573_on_init_runs_once_before_the_slot_joins_and_its_failure_attaches_nothing() {
    let (bus, _publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let failures = [(false, "no such table"), (true, "no table at all")].map(|(panics, said)| {
        let here = bus.slot("s").attach_here(Unready(panics)).map(|_| ()).unwrap_err();
        let there = bus.slot("s").attach(&thread, (Count::default(), Unready(panics))).map(|_| ()).unwrap_err();
        assert_eq!(here, there);
        assert_eq!(here, AttachError::InitFailed { slot: "s".into(), message: said.into() });
        here
    });
    assert!(failures[0].to_string().contains("no such table") && failures[0].to_string().contains("[TR-0617]"));
    assert_eq!((bus.attached(), bus.lags().len()), (0, 0));
    let (recorder, records) = Recorder::new(1);
    let slot = bus.slot("s").attach(&thread, (Faulty::new(recorder), Count::default())).unwrap();
    assert_eq!(records.inits(), 1);
    slot.detach(SOON).unwrap();
    // A runtime that has done it already says so.
    assert!(bus.slot("s").initialised().attach(&thread, Unready(false)).is_ok());
}

/// Starts only once the other one does.
struct Together(Arc<std::sync::Barrier>);

impl Handler for Together {
    fn on_start(&mut self, _: &mut Context) {
        self.0.wait();
    }
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        Outcome::Done
    }
}

#[test]
fn issue_4573_slots_of_several_threads_start_side_by_side() {
    let (bus, _publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let threads = ["a", "b"].map(|name| SlotThread::builder(name).start().unwrap());
    let meet = Arc::new(std::sync::Barrier::new(2));
    let first = bus.slot("first").attach_later(&threads[0], Together(Arc::clone(&meet))).unwrap();
    let id = first.view().id();
    let second = bus.slot("second").after(id).attach_later(&threads[1], Together(meet)).unwrap();
    let slots = [first, second].map(|pending| pending.wait(SOON).unwrap());
    assert!(slots.iter().all(|slot| slot.state() == SlotState::Running));
    slots.iter().for_each(|slot| drop(slot.detach(SOON).unwrap()));
}

/// Holds its thread until it is let go, where it is told to.
#[derive(Clone)]
struct Gate(Arc<AtomicU64>);

const SHUT: u64 = 0;
const HELD_BY_HANDLER: u64 = 1;
const OPEN: u64 = 2;

impl Gate {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(SHUT)))
    }
    fn pass(&self) {
        if self.0.compare_exchange(SHUT, HELD_BY_HANDLER, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return;
        }
        eventually("the test opens the gate", || self.0.load(Ordering::Acquire) == OPEN);
    }
    fn is_held(&self) -> bool {
        self.0.load(Ordering::Acquire) == HELD_BY_HANDLER
    }
    fn open(&self) {
        self.0.store(OPEN, Ordering::Release);
    }
}

/// Stops at a gate: in `on_start`, or at the trade of a quantity.
struct Stops {
    gate: Gate,
    in_start: bool,
    at: Option<u64>,
    failed: Arc<AtomicU64>,
    stopped: Arc<AtomicU64>,
}

impl Stops {
    fn at(gate: &Gate, qty: u64) -> Self {
        Self { gate: gate.clone(), in_start: false, at: Some(qty), failed: Arc::default(), stopped: Arc::default() }
    }
    fn in_start(gate: &Gate) -> Self {
        Self { in_start: true, at: None, ..Self::at(gate, 0) }
    }
}

impl Handler for Stops {
    fn on_start(&mut self, _: &mut Context) {
        if self.in_start {
            self.gate.pass();
        }
    }
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        if self.at.is_some() && event.get::<Trade>().map(|trade| trade.qty) == self.at {
            self.gate.pass();
        }
        Outcome::Done
    }
    fn on_stop(&mut self, _: &mut Context) {
        self.stopped.fetch_add(1, Ordering::Release);
    }
    fn on_failed(&mut self, _: &mut Context) {
        self.failed.fetch_add(1, Ordering::Release);
    }
}

#[test]
fn issue_4573_a_start_that_takes_too_long_gates_nobody_and_is_undone_when_it_returns() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let gate = Gate::new();
    let handler = Stops::in_start(&gate);
    let failed = Arc::clone(&handler.failed);
    let pending = bus.slot("slow").attach_later(&thread, handler).unwrap();
    let view = pending.view().clone();
    eventually("on_start runs", || gate.is_held());
    assert_eq!(
        (view.state(), view.progress().phase, thread.stats().current),
        (SlotState::Starting, Phase::Starting, Some("slow".into()))
    );
    let error = pending.wait(Duration::ZERO).map(|_| ()).unwrap_err();
    assert_eq!(error, AttachError::StartTimedOut { slot: "slow".into(), waited: Duration::ZERO });
    assert_eq!((view.state(), view.is_done(), bus.attached()), (SlotState::Quarantined, false, 1));
    publish_laps(&mut publisher);
    gate.open();
    eventually("it is gone", || view.is_done() && bus.attached() == 0);
    assert_eq!((view.state(), failed.load(Ordering::Acquire)), (SlotState::Quarantined, 1));
}

/// Fills a ring of 16 several times over, without waiting for anybody.
fn publish_laps(publisher: &mut tagring::bus::Publisher<Events>) {
    (0..80).for_each(|qty| assert!(publisher.try_publish(0, &trade(qty)).is_ok()));
}

#[test]
fn issue_4573_a_slot_that_its_thread_does_not_come_to_is_taken_back() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let (other, mut feed) = Bus::<Events>::builder("other").capacity(16).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let gate = Gate::new();
    let holder = other.slot("holder").attach(&thread, Stops::at(&gate, 7)).unwrap();
    feed.publish(0, &trade(7)).unwrap();
    eventually("the thread is held", || gate.is_held());
    let handler = Stops::in_start(&Gate::new());
    let kept = Arc::downgrade(&handler.failed);
    let pending = bus.slot("late").attach_later(&thread, handler).unwrap();
    let view = pending.view().clone();
    assert_eq!((bus.attached(), view.state(), view.is_done()), (1, SlotState::Starting, false));
    let error = pending.wait(Duration::ZERO).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "slot late: thread slots has not come to it within 0ns: the thread is at slot holder; mend that one, or attach to another \
         thread [TR-0618]"
    );
    assert_eq!((view.state(), view.is_done(), view.thread_id()), (SlotState::Stopped, true, 0));
    assert_eq!((bus.attached(), bus.lags().len(), kept.strong_count()), (0, 0, 0), "nothing is left of it");
    publish_laps(&mut publisher);
    gate.open();
    // The order is still on its way, and means nothing; the next one is obeyed.
    assert!(bus.slot("next").attach(&thread, Count::default()).unwrap().detach(SOON).is_ok());
    drop(holder.detach(SOON).unwrap());
    assert!(thread.shutdown(SOON).ended);
}

#[test]
fn issue_4542_a_slot_that_is_quarantined_before_its_thread_comes_to_it_does_not_start() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let (other, mut feed) = Bus::<Events>::builder("other").capacity(16).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let [held, never, next] = [Gate::new(), Gate::new(), Gate::new()];
    let holder = other.slot("holder").attach(&thread, Stops::at(&held, 7)).unwrap();
    feed.publish(0, &trade(7)).unwrap();
    eventually("the thread is held", || held.is_held());
    let handler = Stops::in_start(&never);
    let failed = Arc::clone(&handler.failed);
    let late = bus.slot("late").attach_later(&thread, handler).unwrap();
    let follows = other.slot("follows").attach_later(&thread, Stops::in_start(&next)).unwrap();
    assert!(!late.view().quarantine(), "no thread has taken it over");
    held.open();
    eventually("the next one sticks in its start", || next.is_held());
    assert_eq!((late.view().state(), failed.load(Ordering::Acquire)), (SlotState::Quarantined, 1));
    assert!(!never.is_held(), "it was not begun");
    publish_laps(&mut publisher);
    next.open();
    let (late, follows) = (late.wait(SOON).unwrap(), follows.wait(SOON).unwrap());
    drop((late.join(SOON).unwrap(), follows.detach(SOON).unwrap(), holder.detach(SOON).unwrap()));
}

#[test]
fn issue_4573_whenever_a_start_is_given_up_the_slot_gates_nobody() {
    const ROUNDS: u64 = if cfg!(debug_assertions) { 2_000 } else { 10_000 };
    let thread = SlotThread::builder("slots").start().unwrap();
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    for round in 0..ROUNDS {
        let gate = Gate::new();
        let pending = bus.slot("late").attach_later(&thread, Stops::in_start(&gate)).unwrap();
        let view = pending.view().clone();
        // It never starts before the gate opens; how far its thread has come differs from round to round.
        (0..round % 64).for_each(|_| core::hint::spin_loop());
        let error = pending.wait(Duration::ZERO).map(|_| ()).unwrap_err();
        let taken_back = match error.code() {
            "TR-0615" => false,
            "TR-0618" => true,
            _ => panic!("{error}"),
        };
        // Where it was just being made, it is not begun: that takes a moment more.
        (0..40).for_each(|qty| eventually("there is room", || publisher.try_publish(0, &trade(qty)).is_ok()));
        gate.open();
        eventually("it is gone", || view.is_done() && bus.attached() == 0);
        assert_eq!(view.state(), if taken_back { SlotState::Stopped } else { SlotState::Quarantined });
    }
}

#[test]
fn issue_4573_a_slot_is_done_once_its_handler_is_gone() {
    struct SlowToGo(Gate);
    impl Handler for SlowToGo {
        fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
            Outcome::Done
        }
    }
    impl Drop for SlowToGo {
        fn drop(&mut self) {
            self.0.pass();
        }
    }
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let gate = Gate::new();
    let slot = bus.slot("s").attach(&thread, SlowToGo(gate.clone())).unwrap();
    let view = slot.view().clone();
    drop(slot);
    view.ask_to_stop();
    eventually("its destructor runs", || gate.is_held());
    assert_eq!((view.state(), view.is_done(), view.progress().phase), (SlotState::Stopped, false, Phase::Stopping));
    publish_laps(&mut publisher);
    gate.open();
    eventually("it is done", || view.is_done());
    assert_eq!(view.progress().phase, Phase::Ended);
}

/// Notes the slot's phase in each of its calls; panics at the trade of quantity 1, refuses that of 2 at first.
struct NotesPhases {
    view: Arc<std::sync::OnceLock<SlotView>>,
    seen: std::sync::mpsc::Sender<(&'static str, Phase)>,
}

impl NotesPhases {
    fn note(&self, call: &'static str) {
        if let Some(view) = self.view.get() {
            let _ = self.seen.send((call, view.progress().phase));
        }
    }
}

impl Handler for NotesPhases {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        self.note("on_event");
        let qty = event.get::<Trade>().map_or(0, |trade| trade.qty);
        assert_ne!(qty, 1, "falls");
        if qty == 2 && ctx.attempt() == 1 { Outcome::Dead } else { Outcome::Done }
    }
    fn on_batch_end(&mut self, _: &mut Context) {
        self.note("on_batch_end");
    }
    fn on_idle(&mut self, _: &mut Context) {
        self.note("on_idle");
    }
    fn on_restart(&mut self, _: &mut Context) {
        self.note("on_restart");
    }
    fn on_stop(&mut self, _: &mut Context) {
        self.note("on_stop");
    }
    fn on_failed(&mut self, _: &mut Context) {
        self.note("on_failed");
    }
}

impl Drop for NotesPhases {
    fn drop(&mut self) {
        self.note("drop");
    }
}

#[test]
fn issue_4574_every_call_of_a_handler_has_its_phase() {
    let (clock, hand) = Clock::manual(1_000);
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).clock(clock).single().unwrap();
    let letters = DeadLetters::new(&bus, 4).unwrap();
    let second = Duration::from_secs(1);
    let policy = PanicPolicy::Restart { max: 1, window: second, pause: second, pause_max: second };
    let (seen, sees) = std::sync::mpsc::channel();
    let calls = || sees.try_iter().collect::<Vec<_>>();
    let attach = || {
        let view = Arc::default();
        let handler = NotesPhases { view: Arc::clone(&view), seen: seen.clone() };
        let slot = bus.slot("s").policy(policy).seed(3).dead_letters(&letters).attach_here(handler).unwrap();
        assert!(view.set(slot.handle().view().clone()).is_ok());
        slot
    };
    let mut slot = attach();
    let phase = |slot: &LocalSlot<NotesPhases>| slot.handle().progress().phase;
    publisher.try_publish(0, &trade(2)).unwrap();
    slot.turn();
    slot.turn();
    let batch = [("on_event", Phase::Handling), ("on_batch_end", Phase::BatchEnd)];
    assert_eq!(calls(), [batch[0], batch[1], ("on_idle", Phase::Idle)]);
    letters.redeliver(slot.handle(), 4, Duration::ZERO, |_| true).unwrap();
    slot.turn();
    assert_eq!(calls(), [("on_event", Phase::Redelivering), ("on_batch_end", Phase::Redelivering)]);
    publisher.try_publish(0, &trade(1)).unwrap();
    slot.turn();
    slot.turn();
    assert_eq!((calls(), phase(&slot)), (vec![batch[0]], Phase::Pausing));
    assert_eq!((slot.handle().panics(), slot.handle().restarts()), (1, 1));
    hand.advance_ns(1_000_000_000);
    slot.turn();
    assert_eq!(calls(), [("on_restart", Phase::Restarting), ("on_idle", Phase::Idle)]);
    slot.handle().quarantine();
    slot.turn();
    assert_eq!((calls(), phase(&slot)), (vec![("on_failed", Phase::Stopping)], Phase::Ended));
    drop(slot.detach());
    assert_eq!(calls(), [("drop", Phase::Ended)], "handed back");
    drop(attach());
    assert_eq!(calls(), [("drop", Phase::Stopping)]);
    drop(attach().detach());
    assert_eq!(calls(), [("on_stop", Phase::Stopping), ("drop", Phase::Ended)]);
}

/// Attaches a slot to its own thread and waits for it, which that thread cannot.
struct WaitsForItself {
    bus: Bus<Events>,
    thread: Arc<SlotThread>,
    say: std::sync::mpsc::Sender<AttachError>,
}

impl Handler for WaitsForItself {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        let refused = self.bus.slot("own").attach(&self.thread, Count::default()).map(|_| ()).unwrap_err();
        let _ = self.say.send(refused);
        Outcome::Done
    }
}

#[test]
fn what_can_never_start_is_refused() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let thread = Arc::new(SlotThread::builder("slots").start().unwrap());
    let gone = bus.slot("gone").attach(&thread, Count::default()).unwrap();
    let id = gone.id();
    gone.detach(SOON).unwrap();
    let missing = bus.slot("behind").after(id).attach(&thread, Count::default()).map(|_| ()).unwrap_err();
    assert!(missing.code() == "TR-0612" && missing.to_string().starts_with("slot behind: "), "{missing}");
    assert!(missing.to_string().ends_with(" [TR-0612]"), "{missing}");
    let (say, said) = std::sync::mpsc::channel();
    let waits = WaitsForItself { bus: bus.clone(), thread: Arc::clone(&thread), say };
    let slot = bus.slot("waits").attach(&thread, waits).unwrap();
    publisher.publish(0, &trade(1)).unwrap();
    let refused = said.recv_timeout(SOON).unwrap();
    assert_eq!((refused.code(), &refused), ("TR-0616", &AttachError::OwnThread { thread: "slots".into() }));
    assert_eq!(bus.attached(), 1, "nothing is left of it");
    drop(slot.detach(SOON).unwrap());
}

#[test]
fn issue_4574_what_a_slot_is_at_can_be_seen_from_outside() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let gate = Gate::new();
    let neighbour = bus.slot("neighbour").attach(&thread, Count::default()).unwrap();
    let slot = bus.slot("stops").attach(&thread, Stops::at(&gate, 7)).unwrap();
    let view = slot.view().clone();
    assert_eq!((view.name().as_str(), view.bus_name().as_str(), view.handling()), ("stops", "md", None));
    assert_eq!(view.thread_id(), thread.kernel_id());
    let mut batch = publisher.batch(10).unwrap();
    (0..10).for_each(|qty| batch.push(0, &trade(qty)));
    batch.publish();
    eventually("the handler is in the eighth event", || gate.is_held());
    let progress = view.progress();
    assert_eq!((progress.position, progress.at, progress.published), (0, 7, 10));
    assert_eq!((progress.state, progress.phase, progress.is_behind()), (SlotState::Running, Phase::Handling, true));
    assert_eq!(view.handling(), Some((7, Trade::TAG)));
    assert_eq!(thread.stats().current, Some("stops".into()));
    gate.open();
    eventually("it is through", || view.progress().position == 10);
    eventually("it is idle", || view.progress().phase == Phase::Idle && view.stats().idle_polls > 0);
    let stats = view.stats();
    assert_eq!((stats.delivered, stats.joined, stats.position, view.handling()), (10, 0, 10, None));
    check(&stats);
    drop(publisher);
    drop((slot.join(SOON).unwrap(), neighbour.join(SOON).unwrap()));
    assert!(view.is_done() && view.progress().phase == Phase::Ended);
    assert!(thread.shutdown(SOON).ended);
}

#[test]
fn issue_4576_counts_of_a_running_slot_are_those_of_one_moment() {
    const EVENTS: u64 = if cfg!(debug_assertions) { 40_000 } else { 4_000_000 };
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(256).many().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let mut publisher = publisher;
    (0..5).for_each(|qty| assert_eq!(publisher.publish(0, &trade(qty)), Ok(qty)));
    let faults = (0..EVENTS).step_by(50).fold(Faulty::new(Count::default()), |faulty, nth| match nth < 1_000 {
        true => faulty.at(nth, tagring::testkit::Fault::Dead),
        false => faulty,
    });
    let slot = bus.slot("s").tags(tags![Trade]).measure(Measure::Off).attach(&thread, faults).unwrap();
    let view = slot.view().clone();
    let over = Arc::new(AtomicU64::new(0));
    let watching = std::thread::spawn({
        let over = Arc::clone(&over);
        move || {
            let mut looks = 0_u64;
            while over.load(Ordering::Acquire) == 0 {
                check(&view.stats());
                looks += 1;
            }
            looks
        }
    });
    for i in 0..EVENTS / 4 {
        publisher.publish(0, &trade(i)).unwrap();
        publisher.publish(0, &Quote { bid: 1, ask: 2 }).unwrap();
        // Claimed and not filled: two holes.
        while publisher.batch(2).is_err() {
            std::thread::yield_now();
        }
    }
    drop(publisher);
    slot.join(SOON).unwrap();
    over.store(1, Ordering::Release);
    assert!(watching.join().unwrap() > 10);
    let stats = slot.stats();
    check(&stats);
    let quarter = EVENTS / 4;
    assert_eq!((stats.joined, stats.position), (5, 5 + EVENTS));
    assert_eq!((stats.delivered, stats.dead, stats.filtered, stats.holes), (quarter - 20, 20, quarter, 2 * quarter));
}

/// Panics at each trade.
#[derive(Default)]
struct Falls {
    restarts: u64,
}

impl Handler for Falls {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        assert!(event.get::<Trade>().is_none(), "falls");
        Outcome::Done
    }
    fn on_restart(&mut self, _: &mut Context) {
        self.restarts += 1;
    }
}

fn falling(
    seed: u64,
    max: u32,
) -> (Bus<Events>, tagring::bus::Publisher<Events>, LocalSlot<Falls>, tagring::clock::ManualHand) {
    let (clock, hand) = Clock::manual(1_000);
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(64).clock(clock).single().unwrap();
    let policy = PanicPolicy::Restart {
        max,
        window: Duration::from_secs(3_600),
        pause: Duration::from_millis(10),
        pause_max: Duration::from_millis(80),
    };
    let slot = bus.slot("falls").policy(policy).seed(seed).attach_here(Falls::default()).unwrap();
    (bus, publisher, slot, hand)
}

#[test]
fn issue_4611_a_slot_restarts_as_often_as_it_may_and_then_fails() {
    let (bus, mut publisher, mut slot, hand) = falling(1, 5);
    for round in 0..6 {
        publisher.try_publish(0, &trade(round)).unwrap();
        slot.turn();
        let stats = slot.handle().stats();
        assert_eq!((stats.panics, stats.dead, stats.restarts), (round + 1, round + 1, (round + 1).min(5)));
        check(&stats);
        let expected = if round < 5 { SlotState::Restarting } else { SlotState::Failed };
        assert_eq!((stats.state, slot.is_done()), (expected, round == 5));
        // No pause is longer than its bound.
        hand.advance_ns(80_000_000);
        slot.turn();
    }
    assert_eq!((slot.handle().state(), bus.attached(), slot.detach().unwrap().restarts), (SlotState::Failed, 0, 5));
}

/// How long, in steps of a tenth of a millisecond of the bus's clock, a slot pauses after each of five panics.
fn pauses(seed: u64) -> Vec<u64> {
    let (_bus, mut publisher, mut slot, hand) = falling(seed, 5);
    let mut pause = || {
        publisher.try_publish(0, &trade(1)).unwrap();
        slot.turn();
        let mut steps = 0;
        while slot.handle().state() == SlotState::Restarting {
            hand.advance_ns(100_000);
            slot.turn();
            steps += 1;
            assert!(steps <= 800, "longer than the longest");
        }
        steps
    };
    (0..5).map(|_| pause()).collect()
}

#[test]
fn issue_4611_pauses_follow_the_bus_s_clock_and_the_seed() {
    assert_eq!(pauses(7), pauses(7));
    assert_ne!(pauses(7), pauses(8));
    for seed in 1..50 {
        let bounds = [100, 200, 400, 800, 800];
        assert!(pauses(seed).iter().zip(bounds).all(|(steps, bound)| *steps <= bound), "{seed}");
    }
}

#[test]
fn issue_4611_a_pause_on_a_thread_ends_by_a_clock_that_is_moved_by_hand() {
    let (clock, hand) = Clock::manual(1_000);
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).clock(clock).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    let policy = PanicPolicy::Restart { max: 1, window: day, pause: day, pause_max: day };
    let slot = bus.slot("falls").policy(policy).seed(3).wait(WaitStrategy::SpinThenPark);
    let slot = slot.attach(&thread, Falls::default()).unwrap();
    publisher.publish(0, &trade(1)).unwrap();
    publisher.publish(0, &Quote { bid: 1, ask: 2 }).unwrap();
    eventually("it pauses", || slot.state() == SlotState::Restarting);
    assert_eq!(slot.progress().phase, Phase::Pausing);
    hand.advance_ns(day.as_nanos() as u64);
    eventually("it goes on", || slot.stats().delivered == 1);
    assert_eq!(slot.detach(SOON).unwrap().restarts, 1);
}

#[test]
fn issue_4535_a_publisher_does_with_a_full_ring_what_its_policy_says() {
    let full = |overflow| {
        let (bus, publisher) = Bus::<Events>::builder("md").capacity(2).single().unwrap();
        let mut publisher = publisher.overflow(overflow);
        let gate = Gate::new();
        let thread = SlotThread::builder("slots").start().unwrap();
        let slot = bus.slot("stops").attach(&thread, Stops::at(&gate, 0)).unwrap();
        publisher.send(0, &trade(0)).unwrap();
        eventually("the slot holds the ring", || gate.is_held());
        publisher.send(0, &trade(1)).unwrap();
        (bus, publisher, slot, gate, thread)
    };
    let (bus, mut publisher, slot, gate, _thread) = full(Overflow::Fail);
    let failure = publisher.send(0, &trade(2)).unwrap_err();
    assert!(failure.is_full() && failure.slot == Some("stops".into()), "{failure}");
    gate.open();
    assert_eq!((bus.shed(), bus.waits(), publisher.waits()), (0, 0, 0));
    drop(publisher);
    slot.join(SOON).unwrap();

    let (bus, mut publisher, slot, gate, _thread) = full(Overflow::Shed);
    assert_eq!([(); 3].map(|()| publisher.send(0, &trade(2))), [Ok(None); 3]);
    assert_eq!((publisher.shed(), bus.shed(), publisher.waits()), (3, 3, 0));
    gate.open();
    eventually("there is room", || publisher.lag() < 2);
    assert_eq!(publisher.send(0, &trade(2)), Ok(Some(2)));
    drop(publisher);
    slot.join(SOON).unwrap();

    let (bus, mut publisher, slot, gate, _thread) = full(Overflow::Timeout(Duration::from_millis(2)));
    let failure = publisher.send(0, &trade(2)).unwrap_err();
    assert!(matches!(failure.cause, tagring::bus::BytesError::Ring(PublishError::TimedOut { .. })), "{failure}");
    assert_eq!((bus.waits(), publisher.waits()), (1, 1));
    gate.open();
    drop(publisher);
    slot.join(SOON).unwrap();

    let (_bus, mut publisher, slot, gate, _thread) = full(Overflow::Wait);
    let opens = std::thread::spawn(move || gate.open());
    assert_eq!(publisher.send(0, &trade(2)), Ok(Some(2)));
    opens.join().unwrap();
    drop(publisher);
    slot.join(SOON).unwrap();
}

#[test]
fn issue_4549_a_publisher_that_waits_returns_when_the_bus_closes() {
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(2).many().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let gate = Gate::new();
    let slot = bus.slot("stops").attach(&thread, Stops::at(&gate, 0)).unwrap();
    let blocked = [Overflow::Wait, Overflow::Timeout(SOON)].map(|overflow| {
        let mut publisher = publisher.clone().overflow(overflow);
        std::thread::spawn(move || {
            loop {
                if let Err(failure) = publisher.send(0, &trade(0)) {
                    return (failure, publisher.waits());
                }
            }
        })
    });
    eventually("both wait", || bus.waits() >= 2 && gate.is_held());
    bus.close();
    for (failure, waits) in blocked.map(|blocked| blocked.join().unwrap()) {
        assert!(failure.is_closed() && waits >= 1, "{failure}");
    }
    gate.open();
    slot.join(SOON).unwrap();
}

#[test]
fn a_hook_runs_on_the_new_thread_before_it_is_ready_and_may_refuse() {
    let seen = Arc::new(AtomicU64::new(0));
    let hook = {
        let seen = Arc::clone(&seen);
        move || {
            assert_eq!(std::thread::current().name(), Some("slots"));
            seen.store(u64::from(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()), Ordering::Release);
            Ok(())
        }
    };
    let thread = SlotThread::builder("slots").on_start(hook).start().unwrap();
    assert_eq!(seen.load(Ordering::Acquire), u64::from(thread.kernel_id()));
    assert!(thread.shutdown(SOON).ended);
    let refuses = || SlotThread::builder("slots").on_start(|| Err("not permitted".into())).start();
    let panics = || SlotThread::builder("slots").on_start(|| panic!("not at all")).start();
    for (error, said) in [(refuses().map(|_| ()), "not permitted"), (panics().map(|_| ()), "not at all")] {
        let error = error.unwrap_err();
        assert!(matches!(&error, ThreadError::Hook { message, .. } if message == said), "{error}");
        assert!(error.to_string().ends_with("[TR-0632]"), "{error}");
    }
}

#[test]
fn a_thread_tells_its_duty_cycle_and_ends_when_asked() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let mut thread = SlotThread::builder("slots").start().unwrap();
    let a = bus.slot("a").wait(WaitStrategy::SpinThenPark).attach(&thread, Count::default()).unwrap();
    assert_eq!(thread.stats().current, Some("a".into()), "the only one");
    let b = bus.slot("b").wait(WaitStrategy::SpinThenPark).attach(&thread, Count::default()).unwrap();
    (0..100).for_each(|qty| assert_eq!(publisher.publish(0, &trade(qty)), Ok(qty)));
    eventually("it has worked and slept", || {
        let stats = thread.stats();
        stats.busy > 0 && stats.parks > 0 && stats.idle_polls > 0
    });
    let stats = thread.stats();
    assert_eq!((stats.slots, stats.turns), (vec!["a".into(), "b".into()], stats.busy + stats.idle_polls));
    thread.ask_to_finish();
    assert!(!thread.join_within(Duration::ZERO) && thread.is_running(), "its slots are not done");
    drop(publisher);
    assert!(thread.join_within(SOON) && !thread.is_running());
    assert_eq!((a.join(SOON).unwrap().0, b.join(SOON).unwrap().0), (100, 100));
    assert!(thread.stats().slots.is_empty());

    let (bus, _publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let mut thread = SlotThread::builder("slots").start().unwrap();
    let slot = bus.slot("a").attach(&thread, Count::default()).unwrap();
    thread.ask_to_stop();
    assert!(thread.join_within(SOON));
    assert_eq!((slot.join(SOON).unwrap().0, slot.state()), (0, SlotState::Stopped));
    let error = bus.slot("late").attach(&thread, Count::default()).map(|_| ()).unwrap_err();
    assert_eq!((error.code(), &error), ("TR-0613", &AttachError::ThreadStopped { thread: "slots".into() }));
    let pending = bus.slot("late").attach_later(&thread, Count::default()).unwrap();
    assert!(pending.view().is_done() && pending.view().state() == SlotState::Stopped, "it never came to life");
    assert_eq!(bus.attached(), 0);
}

#[test]
fn issue_4609_a_stuck_slot_is_quarantined_and_the_others_go_on() {
    const CAPACITY: u64 = 64;
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(CAPACITY as usize).single().unwrap();
    let threads = ["stuck", "well"].map(|name| SlotThread::builder(name).start().unwrap());
    let gate = Gate::new();
    let handler = Stops::at(&gate, 3);
    let (failed, stopped) = (Arc::clone(&handler.failed), Arc::clone(&handler.stopped));
    let stuck = bus.slot("stuck").attach(&threads[0], handler).unwrap();
    let well = bus.slot("well").after(stuck.id()).measure(Measure::Off).attach(&threads[1], Count::default()).unwrap();
    let mut batch = publisher.batch(8).unwrap();
    (0..8).for_each(|qty| batch.push(0, &trade(qty)));
    batch.publish();
    eventually("the handler sticks", || gate.is_held());
    (8..CAPACITY).for_each(|qty| assert_eq!(publisher.try_publish(0, &trade(qty)), Ok(qty)));
    assert_eq!(publisher.try_publish(0, &trade(0)).unwrap_err().slot, Some("stuck".into()));
    // A publisher that waits already is let go too.
    let waits = std::thread::spawn(move || {
        publisher.publish(0, &trade(0)).unwrap();
        publisher
    });
    let view = stuck.view().clone();
    assert!(view.quarantine());
    assert_eq!((view.state(), view.is_done(), view.handling()), (SlotState::Quarantined, false, Some((3, Trade::TAG))));
    let mut publisher = waits.join().unwrap();
    (0..20 * CAPACITY).for_each(|qty| assert!(publisher.publish(0, &trade(qty)).is_ok()));
    assert_eq!((view.handling(), bus.lags().len()), (Some((3, Trade::TAG)), 1), "what it sticks in is known for ever");
    assert_eq!(stuck.detach(Duration::ZERO).map(|_| ()).unwrap_err().code(), "TR-0621");
    gate.open();
    drop(stuck.join(SOON).unwrap());
    assert_eq!((failed.load(Ordering::Acquire), stopped.load(Ordering::Acquire)), (1, 0));
    eventually("its place is free", || bus.attached() == 1);
    let last = publisher.publish(0, &trade(0)).unwrap();
    drop(publisher);
    let seen = well.join(SOON).unwrap().0;
    let (stats, well) = (view.stats(), well.stats());
    check(&stats);
    check(&well);
    assert_eq!((stats.state, view.is_done()), (SlotState::Quarantined, true));
    // What it had begun it may finish, but for what the publishers have stepped over.
    assert!((4..=8).contains(&stats.delivered) && stats.position == 8, "{stats:?}");
    assert_eq!((seen, well.position, well.filtered), (well.delivered, last + 1, 0));
    assert_eq!(well.delivered, CAPACITY + 1 + 20 * CAPACITY + 1, "the others miss nothing");
    assert!(well.holes > 0, "the pinned cells");
}

#[test]
fn issue_4609_a_slot_between_turns_is_quarantined_as_well() {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let handler = Stops { at: None, ..Stops::at(&Gate::new(), 0) };
    let (failed, stopped) = (Arc::clone(&handler.failed), Arc::clone(&handler.stopped));
    let mut slot = bus.slot("s").attach_here(handler).unwrap();
    publisher.try_publish(0, &trade(1)).unwrap();
    assert!(slot.turn());
    publisher.try_publish(0, &trade(1)).unwrap();
    assert!(slot.handle().quarantine() && slot.handle().quarantine());
    assert_eq!((slot.handle().state(), bus.attached(), slot.is_done()), (SlotState::Quarantined, 1, false));
    (0..40).for_each(|qty| assert!(publisher.try_publish(0, &trade(qty)).is_ok(), "nobody gates"));
    assert!(!slot.turn() && slot.is_done());
    assert_eq!((failed.load(Ordering::Acquire), stopped.load(Ordering::Acquire), bus.attached()), (1, 0, 0));
    let stats = slot.handle().stats();
    check(&stats);
    assert_eq!((stats.delivered, stats.state), (1, SlotState::Quarantined));
    assert!(slot.handle().quarantine(), "it gates nobody anyway");
}

#[test]
fn issue_4609_a_slot_that_sticks_while_it_stops_holds_nobody_and_remains_stopped() {
    struct SticksAtEnd(Gate);
    impl Handler for SticksAtEnd {
        fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
            Outcome::Done
        }
        fn on_stop(&mut self, _: &mut Context) {
            self.0.pass();
        }
    }
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(4).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let gate = Gate::new();
    let slot = bus.slot("s").attach(&thread, SticksAtEnd(gate.clone())).unwrap();
    slot.ask_to_stop();
    eventually("on_stop sticks", || gate.is_held());
    assert_eq!(slot.progress().phase, Phase::Stopping);
    (0..4).for_each(|qty| assert!(publisher.try_publish(0, &trade(qty)).is_ok()));
    assert!(publisher.try_publish(0, &trade(4)).unwrap_err().is_full());
    assert!(slot.quarantine());
    (0..40).for_each(|qty| assert!(publisher.try_publish(0, &trade(qty)).is_ok()));
    gate.open();
    drop(slot.join(SOON).unwrap());
    assert_eq!(slot.state(), SlotState::Stopped);
}

#[test]
fn issue_4542_quarantine_races_with_every_other_end_and_one_of_them_wins() {
    const ROUNDS: u64 = if cfg!(debug_assertions) { 300 } else { 3_000 };
    let thread = SlotThread::builder("slots").start().unwrap();
    for round in 0..ROUNDS {
        let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
        let handler = Stops { at: None, ..Stops::at(&Gate::new(), 0) };
        let (failed, stopped) = (Arc::clone(&handler.failed), Arc::clone(&handler.stopped));
        let slot = bus.slot("s").measure(Measure::Off).policy(PanicPolicy::Quarantine);
        let slot = slot.attach(&thread, (handler, Falls::default())).unwrap();
        let view = slot.view().clone();
        let ends = std::thread::spawn(move || view.quarantine());
        for i in 0..8 {
            let _ = match round % 4 == 1 && i == 4 {
                true => publisher.publish(0, &trade(0)),
                false => publisher.publish(0, &Quote { bid: 1, ask: 2 }),
            };
        }
        match round % 4 {
            2 => drop(publisher),
            3 => slot.ask_to_stop(),
            _ => {}
        }
        ends.join().unwrap();
        drop(slot.join(SOON).unwrap());
        let (stats, failed) = (slot.stats(), failed.load(Ordering::Acquire));
        check(&stats);
        assert_eq!(failed + stopped.load(Ordering::Acquire), 1, "told once");
        let expected = if failed == 1 { SlotState::Quarantined } else { SlotState::Stopped };
        assert_eq!(stats.state, expected);
        eventually("its place is free", || bus.attached() == 0);
    }
    assert!(thread.shutdown(SOON).ended);
}

#[test]
fn issue_4533_attaching_and_detaching_for_ever_keeps_memory_flat() {
    const CYCLES: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let letters = DeadLetters::new(&bus, 4).unwrap();
    let cycle = || {
        let slot = bus.slot("s").measure(Measure::Off).dead_letters(&letters).attach_here(Count::default()).unwrap();
        assert!(slot.detach().is_some());
    };
    (0..100).for_each(|_| cycle());
    let held = own_held();
    (0..CYCLES).for_each(|_| cycle());
    assert_eq!(own_held(), held);
    assert_eq!((bus.attached(), bus.lags().len()), (0, 0));
    assert_eq!(publisher.try_publish(0, &trade(1)), Ok(0));
}

#[test]
fn issue_4542_a_slot_that_is_quarantined_while_it_starts_stays_so() {
    let (bus, _publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let gates = [Gate::new(), Gate::new()];
    let first = bus.slot("first").attach_later(&thread, Stops::in_start(&gates[0])).unwrap();
    // Its start follows the first one's at once, and holds the thread there.
    let second = bus.slot("second").attach_later(&thread, Stops::in_start(&gates[1])).unwrap();
    eventually("the first starts", || gates[0].is_held());
    assert!(first.view().quarantine());
    gates[0].open();
    eventually("the second starts", || gates[1].is_held());
    assert_eq!((first.view().state(), first.view().is_done()), (SlotState::Quarantined, false));
    gates[1].open();
    let (first, second) = (first.wait(SOON).unwrap(), second.wait(SOON).unwrap());
    let handler = first.join(SOON).unwrap();
    assert_eq!((handler.failed.load(Ordering::Acquire), handler.stopped.load(Ordering::Acquire)), (1, 0));
    assert_eq!((first.state(), second.state()), (SlotState::Quarantined, SlotState::Running));
    drop(second.detach(SOON).unwrap());
}

#[test]
fn issue_4574_a_slot_that_sticks_at_the_end_of_a_batch_says_so() {
    struct SticksAtEnd(Gate);
    impl Handler for SticksAtEnd {
        fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
            Outcome::Done
        }
        fn on_batch_end(&mut self, _: &mut Context) {
            self.0.pass();
        }
    }
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(16).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let gate = Gate::new();
    let slot = bus.slot("s").attach(&thread, SticksAtEnd(gate.clone())).unwrap();
    publisher.publish(0, &trade(1)).unwrap();
    eventually("the batch ends", || gate.is_held());
    assert_eq!((slot.progress().phase, slot.handling(), slot.progress().is_behind()), (Phase::BatchEnd, None, true));
    gate.open();
    drop(slot.detach(SOON).unwrap());
}

#[test]
fn issue_4536_a_thread_without_slots_does_not_sleep_at_a_bus_that_it_served() {
    let bell = Arc::default();
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).doorbell(&bell).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    let slot = bus.slot("s").wait(WaitStrategy::SpinThenPark).attach(&thread, Count::default()).unwrap();
    eventually("it sleeps at the bus", || bell.sleepers() == 1);
    slot.detach(SOON).unwrap();
    let parks = thread.stats().parks;
    // Two more, so that one began after the slot had gone: a publication now must not have to wake anybody.
    eventually("it sleeps elsewhere", || thread.stats().parks >= parks + 2);
    assert_eq!(bell.sleepers(), 0);
    publisher.publish(0, &trade(1)).unwrap();
}
