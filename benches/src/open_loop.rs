//! One way, open loop: events are due at a fixed rate, whatever became of those before them, and the latency of each counts from when
//! it was due. A publisher that falls behind publishes what is late at once, so that a stall shows in every event it delayed.
//!
//! Events are as users have them: a header with the intended time, the time of publishing and a key, and a payload. Arrival is
//! timed in the handler, behind the load that saw the event.

use crate::clock::{self, Scale};
use crate::cores::{Cores, pin};
use crate::peer::{Outlet, Peer, Polled, Receiver, Sender};
use core::time::Duration;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tagring::bus::{Bus, Context, Envelope, Handler, Measure, Outcome, SlotThread};
use tagring::clock::Ticks;
use tagring::event::Event as BusEvent;
use tagring::ring::WaitStrategy;

/// What travels over a queue: when it was due, when it was published, key and tag, a payload of four words.
pub type Event = [u64; 7];

tagring::events! {
    /// The events of this measurement.
    pub mod market;
    /// A quote; the payload is 40 bytes, with its header 56.
    pub struct Quote = 1, v1 { pub order: u64, pub price: i64, pub qty: u64, pub time: u64, pub venue: u64 }
}
use market::{Events, Quote};

/// Cells of each queue.
const CAPACITY: usize = 1_024;
/// From the end of the warm-up to the first event, in nanoseconds.
const LEAD_NS: f64 = 20_000.0;
const SOON: Duration = Duration::from_secs(10);

/// How many events, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Events a second.
    pub rate: f64,
    /// Events of one round.
    pub count: usize,
    /// Events before them, as fast as they are handled.
    pub warm_up: usize,
}

/// When events are due, in ticks.
#[derive(Clone, Copy)]
struct Schedule {
    start: u64,
    interval: f64,
}

impl Schedule {
    /// Starts in a moment.
    fn soon(load: Load, scale: Scale) -> Self {
        let tick_ns = scale.ns(1.0);
        Self { start: clock::stamp() + (LEAD_NS / tick_ns) as u64, interval: 1e9 / load.rate / tick_ns }
    }

    #[inline(always)]
    fn due(self, number: usize) -> u64 {
        self.start + (number as f64 * self.interval) as u64
    }

    /// Waits until the event is due. Returns the time, which is later where the publisher is behind.
    #[inline(always)]
    fn wait(self, number: usize) -> (u64, u64) {
        let due = self.due(number);
        loop {
            // No pause: it takes longer than the events of the fastest load are apart.
            let now = clock::stamp();
            if now >= due {
                return (due, now);
            }
        }
    }

    fn latencies(self, arrivals: &[u64]) -> Vec<u64> {
        arrivals.iter().enumerate().map(|(i, &at)| at.saturating_sub(self.due(i))).collect()
    }
}

/// Arrivals, in memory that was touched before: a page fault would be one of them.
struct Arrivals {
    at: Vec<u64>,
    /// Events still to come before the first one that counts.
    before: usize,
    seen: usize,
}

impl Arrivals {
    fn new(load: Load) -> Self {
        Self { at: vec![u64::MAX; load.count], before: load.warm_up, seen: 0 }
    }

    #[inline(always)]
    fn arrived(&mut self) {
        let now = clock::arrival();
        if self.before > 0 {
            self.before -= 1;
        } else if let Some(at) = self.at.get_mut(self.seen) {
            *at = now;
            self.seen += 1;
        }
    }
}

/// One round over a queue: the ticks of each event from when it was due. The caller runs on `cores.near`.
///
/// # Panics
/// If an event was lost.
#[must_use]
pub fn over_queue<P: Peer<Event>>(cores: Cores, scale: Scale, load: Load) -> Vec<u64> {
    let (sender, receiver) = P::pair(CAPACITY);
    let mut sender = sender.bind();
    let is_warm = Arc::new(AtomicBool::new(false));
    let warm = Arc::clone(&is_warm);
    let reader = std::thread::spawn(move || {
        pin(cores.far);
        let (mut receiver, mut arrivals) = (receiver.bind(), Arrivals::new(load));
        let mut read_until = |count: usize| {
            while arrivals.seen + load.warm_up - arrivals.before < count {
                receiver.poll(|event| {
                    black_box(event);
                    arrivals.arrived();
                });
            }
        };
        read_until(load.warm_up);
        warm.store(true, Ordering::Release);
        read_until(load.warm_up + load.count);
        arrivals.at
    });
    (0..load.warm_up).for_each(|i| sender.send(black_box([i as u64; 7])));
    while !is_warm.load(Ordering::Acquire) {
        core::hint::spin_loop();
    }
    let schedule = Schedule::soon(load, scale);
    for i in 0..load.count {
        let (due, now) = schedule.wait(i);
        sender.send(black_box([due, now, 1, i as u64, 100, 1, 7]));
    }
    schedule.latencies(&reader.join().expect("the reader ends"))
}

impl Handler for Arrivals {
    #[inline]
    fn on_event(&mut self, event: &BusEvent, _: &mut Context) -> Outcome {
        black_box(event.get::<Quote>());
        self.arrived();
        Outcome::Done
    }
}

/// As [`over_queue`], over a bus with one slot, as users have it: the publisher stamps every event by itself once more.
///
/// # Panics
/// If an event was lost, or anything hangs for ten seconds.
#[must_use]
pub fn over_bus(cores: Cores, scale: Scale, load: Load, measure: Measure) -> Vec<u64> {
    let built = Bus::<Events>::builder("hop").capacity(CAPACITY).single();
    let (bus, mut publisher) = built.expect("the capacity is a power of two");
    let thread = SlotThread::builder("hop").core(cores.far.id).start().expect("the core is allowed");
    let slot = bus
        .slot("hop")
        .wait(WaitStrategy::Spin)
        .measure(measure)
        .attach(&thread, Arrivals::new(load))
        .expect("a slot is free");
    let quote = |i: usize, time| Quote { order: i as u64, price: 100, qty: 1, time, venue: 7 };
    for i in 0..load.warm_up {
        publisher.publish(1, &quote(black_box(i), 0)).expect("the bus is open");
    }
    while publisher.lag() > 0 {
        core::hint::spin_loop();
    }
    let schedule = Schedule::soon(load, scale);
    for i in 0..load.count {
        let (due, now) = schedule.wait(i);
        // The bus's clock is this counter, or its own figure of the age is nobody's.
        let envelope = Envelope::key(1).intended(Ticks(due));
        publisher.publish(envelope, &quote(black_box(i), now)).expect("the bus is open");
    }
    drop(publisher);
    let arrivals = slot.join(SOON).expect("the slot ends with its bus");
    let _ = thread.shutdown(SOON);
    assert_eq!(arrivals.seen, load.count, "events were lost");
    schedule.latencies(&arrivals.at)
}

/// The limit: a counter in one line, nothing carried, no room to wait for.
pub struct BareCount;

struct Count {
    line: Arc<crossbeam_utils::CachePadded<AtomicU64>>,
    next: u64,
}

impl Peer<Event> for BareCount {
    fn pair(_: usize) -> (impl Outlet<Event>, impl Receiver<Event>) {
        let line = Arc::new(crossbeam_utils::CachePadded::new(AtomicU64::new(0)));
        (Count { line: Arc::clone(&line), next: 1 }, Count { line, next: 1 })
    }
}

impl Outlet<Event> for Count {
    fn bind(self) -> impl Sender<Event> {
        self
    }
}

impl Sender<Event> for Count {
    #[inline(always)]
    fn try_send(&mut self, _: Event) -> bool {
        self.line.store(self.next, Ordering::Release);
        self.next += 1;
        true
    }
}

impl Receiver<Event> for Count {
    fn bind(self) -> impl Polled<Event> {
        self
    }
}

impl Polled<Event> for Count {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&Event)) -> usize {
        let count = self.line.load(Ordering::Acquire);
        let fresh = (count + 1).saturating_sub(self.next) as usize;
        (0..fresh).for_each(|_| handle(&[0; 7]));
        self.next += fresh as u64;
        fresh
    }
}
