//! Overload: a handler of known service time, a while of calm, ten times what it can take for a while, and calm again, until what has
//! piled up is drained. Open loop: events are due whatever the queue does, and age counts from when one was due.
//!
//! The reader keeps, every few events, which one it was and when it came. Lag and age follow: what was due by then is known from
//! the schedule.

use crate::clock::{self, Scale};
use crate::cores::{Cores, pin};
use crate::peer::{Outlet, Peer, Polled, Receiver, Sender};
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tagring::bus::{Bus, Context, Envelope, Handler, Measure, Outcome, Overflow, SlotThread};
use tagring::clock::Ticks;
use tagring::event::Event as BusEvent;

tagring::events! {
    /// The events of this measurement.
    pub mod market;
    /// An order by its number; the payload is 40 bytes, with its header 56.
    pub struct Order = 1, v1 { pub number: u64, pub price: i64, pub qty: u64, pub time: u64, pub venue: u64 }
}
use market::{Events, Order};

/// What travels over a queue: number, when it was due, when it was published, and what else there is.
pub type Event = [u64; 7];

/// Samples kept of a round, about.
const SAMPLES: usize = 1 << 16;
const SOON: Duration = Duration::from_secs(10);
/// Drained: fewer events than this are due and not yet done.
const CALM: u64 = 8;

/// How much, how long.
#[derive(Clone, Copy, Debug)]
pub struct Overload {
    /// Cells of the queue.
    pub capacity: usize,
    /// What the handler takes for an event.
    pub service: Duration,
    /// How long ten times as many events come.
    pub burst: Duration,
}

/// Load before and after the burst, as a share of what the handler can take.
const CALM_SHARE: f64 = 0.2;
/// Load in the burst.
const BURST_SHARE: f64 = 10.0;
/// The longest recovery, as a share of the burst's length: 10 x 1 to handle, 0.2 more on the way, is 12 of them.
const LENGTHS_MAX: f64 = 30.0;
/// Calm before the burst, and after all is drained, as a share of the burst's length.
const CALM_LENGTH: f64 = 0.25;

/// When events are due: three stretches of their own intervals, in ticks from the start.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    start: u64,
    calm: f64,
    burst: f64,
    /// Where the burst begins and ends.
    from: f64,
    to: f64,
}

impl Schedule {
    fn soon(load: Overload, scale: Scale) -> Self {
        let tick_ns = scale.ns(1.0);
        let (service, length) = (load.service.as_nanos() as f64 / tick_ns, load.burst.as_nanos() as f64 / tick_ns);
        let from = length * CALM_LENGTH;
        let start = clock::stamp() + (100_000.0 / tick_ns) as u64;
        Self { start, calm: service / CALM_SHARE, burst: service / BURST_SHARE, from, to: from + length }
    }

    /// Events due before the burst begins and ends.
    fn marks(self) -> (f64, f64) {
        let before = self.from / self.calm;
        (before, before + (self.to - self.from) / self.burst)
    }

    /// When event `number` is due.
    fn due(self, number: u64) -> u64 {
        let (number, (before, burst)) = (number as f64, self.marks());
        let since = if number < before {
            number * self.calm
        } else if number < burst {
            self.from + (number - before) * self.burst
        } else {
            self.to + (number - burst) * self.calm
        };
        self.start + since as u64
    }

    /// Events due by `now`.
    fn due_by(self, now: u64) -> u64 {
        let (since, (before, burst)) = (now.saturating_sub(self.start) as f64, self.marks());
        let count = if since < self.from {
            since / self.calm
        } else if since < self.to {
            before + (since - self.from) / self.burst
        } else {
            burst + (since - self.to) / self.calm
        };
        count as u64
    }
}

/// The handler: takes its time, keeps a trail.
struct Slow {
    service: u64,
    stride: u64,
    handled: u64,
    /// Number of the event, and when it came.
    trail: Vec<(u64, u64)>,
    /// The number of the event after the last one handled: what the publisher looks at.
    done: Arc<AtomicU64>,
}

impl Slow {
    fn new(load: Overload, scale: Scale, done: &Arc<AtomicU64>) -> Self {
        let events = load.burst.as_secs_f64() / load.service.as_secs_f64() * (BURST_SHARE + 4.0);
        let stride = (events as u64 / SAMPLES as u64).max(1);
        let service = (load.service.as_nanos() as f64 / scale.ns(1.0)) as u64;
        Self { service, stride, handled: 0, trail: Vec::with_capacity(2 * SAMPLES), done: Arc::clone(done) }
    }

    fn handle(&mut self, number: u64) {
        let came = clock::arrival();
        if self.handled.is_multiple_of(self.stride) && self.trail.len() < self.trail.capacity() {
            self.trail.push((number, came));
        }
        self.handled += 1;
        while clock::stamp() - came < self.service {}
        self.done.store(number + 1, Ordering::Relaxed);
    }
}

impl Handler for Slow {
    fn on_event(&mut self, event: &BusEvent, _: &mut Context) -> Outcome {
        if let Some(order) = event.get::<Order>() {
            self.handle(order.number);
        }
        Outcome::Done
    }
}

/// What one round came to.
#[derive(Clone, Debug, Default)]
pub struct Aftermath {
    /// From the end of the burst until nothing was left over, in ms; NaN where it never came to that.
    pub drained_ms: f64,
    /// Most events that had become due since the one that came to the handler, dropped ones included.
    pub lag_max: f64,
    /// The oldest event when it came to the handler, in ms.
    pub age_max_ms: f64,
    /// Half of the events that were due in the burst, and were not dropped, were older when they came, in ms.
    pub age_p50_burst_ms: f64,
    /// One of a hundred of the events that were due after the burst was older, in ms.
    pub age_p99_after_ms: f64,
    /// Share of the events that were dropped, in percent.
    pub dropped_percent: f64,
    /// Age over time: seconds from the start of the burst, microseconds.
    pub ages: Vec<(f64, f64)>,
    /// Lag over time: seconds from the start of the burst, events.
    pub lags: Vec<(f64, f64)>,
}

/// What a publisher does when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Waits for it.
    Wait,
    /// Drops the event.
    Drop,
}

/// Publishes by the schedule until all that piled up is done, and for a while of calm after it. Gives the number of events that were due.
fn drive(schedule: Schedule, done: &AtomicU64, mut publish: impl FnMut(u64, u64, u64)) -> u64 {
    let (_, burst) = schedule.marks();
    let length = schedule.to - schedule.from;
    // A reader that has the processor drains in less than half of this.
    let most = (burst + LENGTHS_MAX * length / schedule.calm) as u64;
    let mut end = most;
    let mut number = 0;
    while number < end {
        let due = schedule.due(number);
        let mut now = clock::stamp();
        while now < due {
            now = clock::stamp();
        }
        publish(number, due, now);
        number += 1;
        let is_after = end == most && number as f64 > burst;
        if is_after && schedule.due_by(now).saturating_sub(done.load(Ordering::Relaxed)) < CALM {
            end = most.min(number + (CALM_LENGTH * length / schedule.calm) as u64);
        }
    }
    number
}

/// One round over a queue. The caller runs on `cores.near`.
///
/// # Panics
/// If the reader panics.
#[must_use]
pub fn over_queue<P: Peer<Event>>(cores: Cores, scale: Scale, load: Overload, full: Full) -> Aftermath {
    let (sender, receiver) = P::pair(load.capacity);
    let mut sender = sender.bind();
    let (done, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (mut slow, over) = (Slow::new(load, scale, &done), Arc::clone(&is_over));
    let (ready, is_ready) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        pin(cores.far);
        let mut receiver = receiver.bind();
        let _ = ready.send(());
        // What was published before the end is seen by the poll after it.
        while receiver.poll(|event| slow.handle(event[0])) > 0 || !over.load(Ordering::Acquire) {}
        while receiver.poll(|event| slow.handle(event[0])) > 0 {}
        slow
    });
    let _ = is_ready.recv();
    let schedule = Schedule::soon(load, scale);
    let due = drive(schedule, &done, |number, due, now| {
        let event = [number, due, now, 1, 100, 1, 7];
        match full {
            Full::Wait => sender.send(event),
            Full::Drop => _ = sender.try_send(event),
        }
    });
    is_over.store(true, Ordering::Release);
    aftermath(schedule, scale, due, &reader.join().expect("the reader ends"))
}

/// One round over a bus with one slot. The caller runs on `cores.near`.
///
/// # Panics
/// If anything hangs for ten seconds.
#[must_use]
pub fn over_bus(cores: Cores, scale: Scale, load: Overload, overflow: Overflow) -> Aftermath {
    let built = Bus::<Events>::builder("burst").capacity(load.capacity).single();
    let (bus, publisher) = built.expect("the capacity is a power of two");
    let mut publisher = publisher.overflow(overflow);
    let thread = SlotThread::builder("burst").core(cores.far.id).start().expect("the core is allowed");
    let done = Arc::new(AtomicU64::new(0));
    let slot = bus.slot("burst").measure(Measure::Off).attach(&thread, Slow::new(load, scale, &done));
    let slot = slot.expect("a slot is free");
    let schedule = Schedule::soon(load, scale);
    let due = drive(schedule, &done, |number, due, now| {
        let order = Order { number, price: 100, qty: 1, time: now, venue: 7 };
        // Under `Fail` the error is the answer: the event is dropped.
        let _ = publisher.send(Envelope::key(1).intended(Ticks(due)), &order);
    });
    drop(publisher);
    let slow = slot.join(SOON).expect("the slot ends with its bus");
    let _ = thread.shutdown(SOON);
    aftermath(schedule, scale, due, &slow)
}

fn aftermath(schedule: Schedule, scale: Scale, due: u64, slow: &Slow) -> Aftermath {
    let (before, burst) = schedule.marks();
    let ms = |ticks: u64| scale.ns(ticks as f64) / 1e6;
    let (burst_from, burst_to) = (schedule.start + schedule.from as u64, schedule.start + schedule.to as u64);
    let age = |&(number, came): &(u64, u64)| ms(came.saturating_sub(schedule.due(number)));
    let lag = |&(number, came): &(u64, u64)| schedule.due_by(came).saturating_sub(number);
    let ages = |from: f64, to: f64| -> Vec<f64> {
        let of = |sample: &&(u64, u64)| (from..to).contains(&(sample.0 as f64));
        let mut ages: Vec<f64> = slow.trail.iter().filter(of).map(age).collect();
        ages.sort_by(f64::total_cmp);
        ages
    };
    let at =
        |sorted: &[f64], share: f64| sorted.get(((sorted.len() as f64 - 1.0) * share) as usize).copied().unwrap_or(0.0);
    let calm = slow.trail.iter().find(|sample| sample.1 > burst_to && lag(sample) < CALM);
    let seconds = |came: u64| scale.ns(came as f64 - burst_from as f64) / 1e9;
    Aftermath {
        drained_ms: calm.map_or(f64::NAN, |&(_, came)| ms(came - burst_to)),
        lag_max: slow.trail.iter().map(lag).max().unwrap_or(0) as f64,
        age_max_ms: slow.trail.iter().map(age).fold(0.0, f64::max),
        age_p50_burst_ms: at(&ages(before, burst), 0.5),
        age_p99_after_ms: at(&ages(burst, f64::INFINITY), 0.99),
        dropped_percent: 100.0 * (due - slow.handled) as f64 / due as f64,
        ages: thin(slow.trail.iter().map(|sample| (seconds(sample.1), age(sample) * 1e3))),
        lags: thin(slow.trail.iter().map(|sample| (seconds(sample.1), lag(sample) as f64))),
    }
}

/// A line of some hundred points: of as many stretches of time the highest.
fn thin(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    const POINTS: usize = 400;
    let points: Vec<_> = points.collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let stretch = ((last.0 - first.0) / POINTS as f64).max(f64::MIN_POSITIVE);
    let mut line: Vec<(f64, f64)> = Vec::new();
    let mut current = usize::MAX;
    for &(x, y) in &points {
        let place = ((x - first.0) / stretch) as usize;
        match line.last_mut() {
            Some(highest) if place == current => *highest = if y > highest.1 { (x, y) } else { *highest },
            _ => line.push((x, y)),
        }
        current = place;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn what_is_due_by_a_moment_is_what_was_due_before_it() {
        let schedule = Schedule { start: 1_000, calm: 50.0, burst: 1.0, from: 1_000.0, to: 5_000.0 };
        assert_eq!(schedule.marks(), (20.0, 4_020.0));
        for (number, due) in
            [(0, 1_000), (19, 1_950), (20, 2_000), (21, 2_001), (4_019, 5_999), (4_020, 6_000), (4_021, 6_050)]
        {
            assert_eq!((schedule.due(number), schedule.due_by(due)), (due, number));
        }
    }
}
