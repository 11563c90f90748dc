//! What `--overload` does to a slot that may lose: its handler is made so slow that it takes one event in so many of those that its bus is offered.
//! It spins on the clock, as a handler does that has too much to do. The main thread says how long an event takes, from the rate at which events
//! are offered; slots that gate are left as they are.

use super::config::DERIVED;
use super::worker::Worker;
use crate::args::Overload;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tagring::bus::{Context, Gap, Handler, Outcome};
use tagring::clock::{Clock, Ticks};
use tagring::event::Event;

/// Events that a slot may be quicker with after its thread did something else: a turn of the default length. Several slots on one thread
/// each come to their share so.
const SPARE_EVENTS: u64 = 256;

/// How slow the slots of each bus are.
pub(super) struct Slowdown {
    market: Arc<Slowness>,
    derived: Arc<Slowness>,
}

impl Slowdown {
    pub(super) fn new(overload: Overload, clock: &Clock, yields: bool) -> Self {
        let slowness = || Arc::new(Slowness::new(overload, clock, yields));
        Self { market: slowness(), derived: slowness() }
    }

    pub(super) fn of(&self, bus: &str) -> &Arc<Slowness> {
        if bus == DERIVED { &self.derived } else { &self.market }
    }

    /// Nothing more is offered to any of them.
    pub(super) fn end(&self) {
        self.market.end();
        self.derived.end();
    }
}

/// How slow the slots of a bus are, told by the main thread and read by theirs.
pub(super) struct Slowness {
    overload: Overload,
    clock: Clock,
    /// Ticks that an event takes; 0: as many as it takes.
    ticks: AtomicU64,
    /// Feed and slots have one core together: spinning would keep the feed from offering anything.
    yields: bool,
    /// The feed has ended: what is left is done quickly.
    is_over: AtomicBool,
}

impl Slowness {
    fn new(overload: Overload, clock: &Clock, yields: bool) -> Self {
        Self { overload, clock: clock.clone(), ticks: AtomicU64::new(0), yields, is_over: AtomicBool::new(false) }
    }

    /// So many events a second are offered. Slots never become slower again: where a slow one holds those up that offer, the rate that it has
    /// brought down itself would make it slower yet, for ever.
    pub(super) fn set_offered(&self, per_second: f64) {
        let second = self.clock.from_ns(1_000_000_000) as f64;
        let ticks = if per_second > 0.0 { second * self.overload.factor() / per_second } else { 0.0 };
        let (ticks, before) = (ticks as u64, self.ticks.load(Ordering::Relaxed));
        if ticks > 0 {
            // By the main thread alone.
            self.ticks.store(if before == 0 { ticks } else { before.min(ticks) }, Ordering::Relaxed);
        }
    }

    /// Nothing more is offered.
    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// When the next event is done at the earliest, after one that was done at `last`.
    fn next(&self, last: Ticks, now: Ticks) -> Ticks {
        let ticks = self.ticks.load(Ordering::Relaxed);
        let spare = ticks.saturating_mul(SPARE_EVENTS);
        Ticks(last.0.max(now.0.saturating_sub(spare)).saturating_add(ticks))
    }
}

/// A handler that takes its time.
pub(super) struct Slowed {
    pub(super) worker: Worker,
    pub(super) slowness: Arc<Slowness>,
    /// When the event before was done, by the schedule.
    pub(super) last: Ticks,
}

impl Handler for Slowed {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let outcome = self.worker.on_event(event, ctx);
        let slowness = &*self.slowness;
        self.last = slowness.next(self.last, ctx.clock().now());
        while ctx.clock().now() < self.last && !slowness.is_over.load(Ordering::Relaxed) {
            if slowness.yields {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
        outcome
    }

    fn on_gap(&mut self, gap: &Gap<'_>, ctx: &mut Context) {
        self.worker.on_gap(gap, ctx);
    }

    fn on_stop(&mut self, ctx: &mut Context) {
        self.worker.on_stop(ctx);
    }

    fn on_failed(&mut self, ctx: &mut Context) {
        self.worker.on_failed(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slowed_slot_takes_one_event_in_so_many_and_makes_good_for_no_more_than_a_turn() {
        let (clock, _) = Clock::manual(0);
        let slowness = Slowness::new("10x".parse().unwrap(), &clock, false);
        assert_eq!(slowness.next(Ticks(0), Ticks(5)), Ticks(5), "quick before anything is offered");
        slowness.set_offered(1_000_000.0);
        assert_eq!(slowness.next(Ticks(50_000), Ticks(50_000)), Ticks(60_000), "10 us for an event each us");
        assert_eq!(slowness.next(Ticks(50_000), Ticks(90_000)), Ticks(60_000), "the thread was elsewhere for 4 events");
        let hour = 3_600_000_000_000;
        assert_eq!(slowness.next(Ticks(0), Ticks(hour)), Ticks(hour - 256 * 10_000 + 10_000));
    }
}
