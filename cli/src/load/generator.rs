//! The generator: a feed's code. It publishes each event at the time the schedule says, at once where that has passed, and keeps account of how late
//! it was and through whom. It takes orders, a stage each, from the main thread and sleeps between them.

use super::port::Port;
use super::schedule::Schedule;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;
use tagring::bus::Envelope;
use tagring::clock::Ticks;
use tagring::counters::{Histogram, HistogramReader, HistogramSnapshot, HistogramWriter};
use tagring::runtime::Feed;

/// How often it looks for an order or the end while it has nothing to do.
const LOOK: Duration = Duration::from_millis(20);
/// Waits longer than this sleep for part of the time.
const SLEEP_NS: u64 = 2_000_000;
/// A stage that is not over after twice its time and this is cut.
const CUT_AFTER: Duration = Duration::from_secs(1);
/// Events published without a wait between two looks whether all is to end.
const CHECK_EVERY: u64 = 64;

/// A stage to run.
pub(super) struct Order {
    pub(super) schedule: Schedule,
    /// When time begins.
    pub(super) start: Ticks,
    /// Nothing is due from then on.
    pub(super) span: Duration,
    pub(super) ended: SyncSender<StageEnd>,
}

/// Why events were late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The generator's own doing, or that of whoever took its core.
    Generator,
    /// A full ring had held it up, and it had not caught up since.
    Bus,
}

/// What a stage came to.
#[derive(Clone, Debug)]
pub(super) struct StageEnd {
    /// From the beginning of time to the last event.
    pub(super) took: Duration,
    /// How late the last event was, and through whom.
    pub(super) behind: (Blame, Duration),
    /// It was far from done when its time was over twice, and the rest was left out.
    pub(super) is_cut: bool,
    /// Asked to end before its time.
    pub(super) is_interrupted: bool,
}

/// What the main thread sees of a generator.
#[derive(Clone)]
pub(super) struct Gauge {
    /// Events that came due and were given to the bus.
    pub(super) generated: Arc<AtomicU64>,
    /// How late they were given, by whom: in ticks.
    own: HistogramReader,
    bus: HistogramReader,
}

impl Gauge {
    /// How late events were through the generator, and behind a full ring; in ticks.
    pub(super) fn late(&self) -> (HistogramSnapshot, HistogramSnapshot) {
        (self.own.snapshot(), self.bus.snapshot())
    }
}

pub(super) struct Generator {
    ports: Vec<Port>,
    orders: Receiver<Order>,
    generated: Arc<AtomicU64>,
    own: HistogramWriter,
    bus: HistogramWriter,
    count: u64,
}

impl Generator {
    pub(super) fn new(ports: Vec<Port>, orders: Receiver<Order>) -> (Self, Gauge) {
        let ((own, own_reader), (bus, bus_reader)) = (Histogram::new(), Histogram::new());
        let generated = Arc::<AtomicU64>::default();
        let gauge = Gauge { generated: Arc::clone(&generated), own: own_reader, bus: bus_reader };
        (Self { ports, orders, generated, own, bus, count: 0 }, gauge)
    }

    /// Runs stages until nobody orders any more or the runtime is to stop.
    pub(super) fn run(mut self, feed: &Feed) {
        while !feed.is_stopping() {
            match self.orders.recv_timeout(LOOK) {
                Ok(order) => {
                    let end = self.stage(order.schedule, order.start, order.span, feed);
                    // Nobody may wait for it any more.
                    let _ = order.ended.try_send(end);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn stage(&mut self, mut schedule: Schedule, start: Ticks, span: Duration, feed: &Feed) -> StageEnd {
        let clock = feed.clock();
        let ticks_per_ns = clock.from_ns(1_000_000_000) as f64 / 1e9;
        let (span_ns, latest) = (span.as_nanos() as f64, span * 2 + CUT_AFTER);
        let latest = Ticks(start.0 + clock.from_ns(latest.as_nanos() as u64));
        let (mut last, mut late, mut blame) = (start, 0, Blame::Generator);
        let (mut is_cut, mut is_interrupted) = (false, false);
        loop {
            let due_ns = schedule.next_ns();
            if due_ns >= span_ns {
                break;
            }
            let due = Ticks(start.0 + (due_ns * ticks_per_ns) as u64);
            let (now, had_time) = wait_until(due, feed);
            if (had_time || self.count.is_multiple_of(CHECK_EVERY)) && feed.is_stopping() {
                is_interrupted = true;
                break;
            }
            if now > latest {
                is_cut = true;
                break;
            }
            // Who was in time again has made up for what the bus held up.
            blame = if had_time { Blame::Generator } else { blame };
            late = now.since(due);
            match blame {
                Blame::Generator => self.own.record(late),
                Blame::Bus => self.bus.record(late),
            }
            if !self.give(due, feed) {
                blame = Blame::Bus;
            }
            last = now;
        }
        let time = |ticks| Duration::from_nanos(clock.to_ns(ticks));
        StageEnd { took: time(last.since(start)), behind: (blame, time(late)), is_cut, is_interrupted }
    }

    /// Gives the next event to the next source. Whether there was room at once.
    #[inline]
    fn give(&mut self, due: Ticks, feed: &Feed) -> bool {
        let at = (self.count % self.ports.len() as u64) as usize;
        let body = [due.0, self.count, 0, 0, 0];
        let to = Envelope::key(self.count as u32).intended(due);
        self.count += 1;
        let had_room = self.ports[at].publish(to, body, || feed.is_stopping());
        // Behind what became of it, so that who reads both never finds more generated than accounted for at rest.
        self.generated.store(self.count, Ordering::Relaxed);
        had_room
    }
}

/// Waits until an event is due; returns the time, and whether there was time to wait at all.
#[inline]
fn wait_until(due: Ticks, feed: &Feed) -> (Ticks, bool) {
    let clock = feed.clock();
    let mut now = clock.now();
    if now >= due {
        return (now, false);
    }
    loop {
        let left = clock.to_ns(due.since(now));
        if left > SLEEP_NS {
            std::thread::sleep(Duration::from_nanos((left / 2).min(50_000_000)));
            if feed.is_stopping() {
                return (now, true);
            }
        } else if feed.shares_core() {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
        now = clock.now();
        if now >= due {
            return (now, true);
        }
    }
}
