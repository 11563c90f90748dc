//! What a slot's thread did lately, as far as one has to know to say why an event came late.
//!
//! The slot reads the clock around its events, and while it finds nothing at every eighth poll. Two readings that are further apart than
//! usual, and than [`GAP_NS`], leave a stretch in which the slot did not look at its ring; what happened around it tells why. The latest
//! stretches are kept. An
//! event's wait is then cut along them, and along the moment when the slot last found nothing: before it, the event was not there to be seen;
//! after it, the slot was at earlier events.

use super::cause::{Parts, TailCause};
use super::log::TailLog;
use super::outlier::Outlier;
use crate::clock::{Clock, Ticks};
use crate::event::Header;
use std::sync::Arc;

/// Two looks at the clock less apart than this are no stretch worth remembering. Eight polls of a thread with one slot take a tenth of it.
const GAP_NS: u64 = 1_000;
/// Nor are they when they are less apart than so many usual ones: polls of a thread with many slots are rare.
const USUALS: u64 = 8;
/// A usual distance rises by this part of it.
const USUAL_RISE: u64 = 64;
/// Stretches that are remembered. The wait of one event rarely has more than two.
const STRETCHES: usize = 16;
/// An idle slot reads the clock once in so many polls (a power of two).
const LOOK_EVERY: u64 = 8;

/// What a thread has done beside a slot: counts that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::bus) struct Around {
    /// Turns of its slots with something in them.
    pub(in crate::bus) busy: u32,
    /// Times it slept or gave its core away.
    pub(in crate::bus) rests: u32,
}

/// For so long the slot did not look at its ring, for this reason.
#[derive(Clone, Copy)]
struct Stretch {
    from: Ticks,
    to: Ticks,
    cause: TailCause,
}

/// The slot thread's side. Without a log it does nothing.
pub(in crate::bus) struct Timeline {
    log: Option<Arc<TailLog>>,
    /// In ticks, as of the turn's start; `u64::MAX`: no event is an outlier.
    threshold: u64,
    /// In ticks; `u64::MAX`: no stretch is looked for.
    gap: u64,
    gap_min: u64,
    /// Ticks between two looks of an idle slot: falls to a smaller one at once, and rises by a 64th at a time.
    usual: u64,
    /// Whether the slot runs after others.
    runs_after: bool,
    /// When it last found nothing.
    idle_at: Ticks,
    /// Whether its last poll found nothing.
    was_idle: bool,
    /// Whether the clock was read last by an idle slot: the next such reading is a usual distance away.
    idle_look: bool,
    turn_start: Ticks,
    /// As of the last reading of the clock.
    around: Around,
    stretches: [Stretch; STRETCHES],
    next: usize,
}

impl Timeline {
    pub(in crate::bus) fn new(log: Option<Arc<TailLog>>, clock: &Clock, runs_after: bool) -> Self {
        let gap = if log.is_some() { clock.from_ns(GAP_NS) } else { u64::MAX };
        let nothing = Stretch { from: Ticks(0), to: Ticks(0), cause: TailCause::Platform };
        Self {
            log,
            threshold: u64::MAX,
            gap,
            gap_min: gap,
            usual: gap / USUALS,
            runs_after,
            idle_at: Ticks(0),
            was_idle: false,
            idle_look: false,
            turn_start: Ticks(0),
            around: Around::default(),
            stretches: [nothing; STRETCHES],
            next: 0,
        }
    }

    /// A turn with events begins: the clock says `now`, and said `before` when it was read last.
    #[inline(always)]
    pub(in crate::bus) fn begin(&mut self, before: Ticks, now: Ticks, around: Around) {
        if let Some(log) = &self.log {
            self.threshold = log.threshold();
        }
        if now.since(before) > self.gap {
            self.was_away(before, now, around);
        }
        self.turn_start = now;
        self.idle_look = false;
    }

    /// The turn is over.
    #[inline(always)]
    pub(in crate::bus) fn end(&mut self, around: Around) {
        self.was_idle = false;
        // This turn is no other slot's.
        self.around = Around { busy: around.busy.wrapping_add(1), ..around };
    }

    /// The slot goes on after a pause; nothing that its thread did meanwhile counts as a neighbour's or a rest.
    pub(in crate::bus) fn goes_on(&mut self, around: Around) {
        self.around = around;
    }

    /// Whether an idle slot is to read the clock now, at its `polls`-th empty poll, for [`Self::idle`].
    #[inline(always)]
    pub(in crate::bus) fn is_to_look(&mut self, polls: u64, around: Around) -> bool {
        self.was_idle = true;
        // After a rest too: polls are then rare.
        self.log.is_some() && (polls.is_multiple_of(LOOK_EVERY) || around.rests != self.around.rests)
    }

    /// The slot has found nothing.
    #[inline(always)]
    pub(in crate::bus) fn idle(&mut self, before: Ticks, now: Ticks, around: Around) {
        let took = now.since(before);
        if took > self.gap {
            self.was_away(before, now, around);
        }
        if core::mem::replace(&mut self.idle_look, true) {
            self.usual = if took < self.usual { took } else { self.usual + self.usual / USUAL_RISE + 1 };
            self.gap = self.gap_min.max(self.usual.saturating_mul(USUALS));
        }
        self.idle_at = now;
        self.around = around;
    }

    /// Code of the slot that handles no event ran until `now`.
    #[inline(always)]
    pub(in crate::bus) fn ran(&mut self, before: Ticks, now: Ticks, cause: TailCause) {
        if now.since(before) > self.gap {
            self.remember(before, now, cause);
        }
    }

    /// Whether anything is watched.
    #[inline(always)]
    pub(in crate::bus) fn is_on(&self) -> bool {
        self.log.is_some()
    }

    /// An event was handled; `total` is its time from intended to handled, in ticks.
    #[inline(always)]
    pub(in crate::bus) fn check(&mut self, total: u64, header: &Header, sequence: u64, times: (Ticks, Ticks)) {
        if total > self.threshold {
            self.outlier(header, sequence, times);
        }
    }

    /// `events` were handled one after the other from `started` to `ended`, behind one with this header, which was `age` old when it was begun;
    /// the last one's sequence. They are judged by the last of them.
    #[inline(always)]
    pub(in crate::bus) fn check_group(
        &mut self,
        (header, age): (&Header, u64),
        (sequence, events): (u64, u64),
        (started, ended): (Ticks, Ticks),
    ) {
        if age + ended.since(started) > self.threshold {
            self.group(header, (sequence, events), (started, ended));
        }
    }

    #[cold]
    #[inline(never)]
    fn was_away(&mut self, from: Ticks, to: Ticks, around: Around) {
        let cause = match around {
            Around { rests, .. } if rests != self.around.rests => TailCause::Asleep,
            Around { busy, .. } if busy != self.around.busy => TailCause::Neighbour,
            _ => TailCause::Platform,
        };
        self.remember(from, to, cause);
    }

    #[cold]
    #[inline(never)]
    fn remember(&mut self, from: Ticks, to: Ticks, cause: TailCause) {
        self.stretches[self.next % STRETCHES] = Stretch { from, to, cause };
        self.next = self.next.wrapping_add(1);
    }

    /// Writes down where the event's time went.
    #[cold]
    #[inline(never)]
    fn outlier(&mut self, header: &Header, sequence: u64, (started, ended): (Ticks, Ticks)) {
        let published = header.publish_ticks();
        let mut parts = Parts::default();
        parts[TailCause::Publisher] = header.delay_ticks();
        parts[TailCause::Handler] = ended.since(started);
        self.cut(published, started, &mut parts);
        self.write(&Outlier { number: 0, sequence, events: 1, tag: header.tag(), published, started, ended, parts });
    }

    /// Events that only their common time is known of.
    #[cold]
    #[inline(never)]
    fn group(&mut self, header: &Header, (sequence, events): (u64, u64), (started, ended): (Ticks, Ticks)) {
        let published = header.publish_ticks();
        let mut parts = Parts::default();
        parts[TailCause::Publisher] = header.delay_ticks();
        parts[TailCause::Handler] = ended.since(started);
        self.cut(published, started, &mut parts);
        self.write(&Outlier { number: 0, sequence, events, tag: header.tag(), published, started, ended, parts });
    }

    fn write(&self, outlier: &Outlier) {
        if let Some(log) = &self.log {
            log.write(outlier);
        }
    }

    /// Cuts the wait from `published` to `started`.
    fn cut(&self, published: Ticks, started: Ticks, parts: &mut Parts) {
        let mut rest = started.since(published);
        let mut before_idle = self.idle_at.min(started).since(published);
        for stretch in &self.stretches {
            let (from, to) = (stretch.from.max(published), stretch.to.min(started));
            let within = to.since(from).min(rest);
            parts[stretch.cause] += within;
            rest -= within;
            before_idle = before_idle.saturating_sub(self.idle_at.min(to).since(from));
        }
        // Until the slot last found nothing, the event was not to be seen: not stored yet, or another slot's to handle first.
        let unseen = before_idle.min(rest);
        parts[if self.runs_after { TailCause::Upstream } else { TailCause::Publisher }] += unseen;
        rest -= unseen;
        // From then on the slot was at earlier events, unless there were none.
        let is_first = self.was_idle && started == self.turn_start;
        parts[if is_first { TailCause::Hop } else { TailCause::Queue }] += rest;
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Tail;
    use super::*;
    use crate::event::Tag;
    use TailCause::{Asleep, Callback, Handler, Hop, Neighbour, Platform, Publisher, Queue, Upstream};
    use core::time::Duration;

    const US: u64 = 1_000;

    /// A timeline over a clock of nanoseconds, and what its thread has done.
    struct Bench {
        timeline: Timeline,
        log: Arc<TailLog>,
        clock: Clock,
        around: Around,
        now: Ticks,
        at: u64,
    }

    impl Bench {
        fn new(runs_after: bool) -> Self {
            let clock = Clock::manual(0).0;
            let log = Arc::new(TailLog::new(Tail::over(Duration::from_micros(5)), &clock));
            let timeline = Timeline::new(Some(Arc::clone(&log)), &clock, runs_after);
            Self { timeline, log, clock, around: Around::default(), now: Ticks(0), at: 0 }
        }

        /// Polls that find nothing, one at this time.
        fn idle(&mut self, us: u64) {
            let now = Ticks(us * US);
            assert!(self.timeline.is_to_look(0, self.around));
            self.timeline.idle(self.now, now, self.around);
            self.now = now;
        }

        /// A turn from `start` on, of events published late by so much at such a time, each handled until then.
        fn turn(&mut self, start: u64, events: &[(u64, u64, u64)]) {
            let mut start = Ticks(start * US);
            self.timeline.begin(self.now, start, self.around);
            for &(late, published, end) in events {
                let header = Header::new(Tag::new(3), 0, Ticks(published * US), late * US);
                let end = Ticks(end * US);
                let total = end.since(header.publish_ticks()) + header.delay_ticks();
                self.timeline.check(total, &header, self.at, (start, end));
                (start, self.at) = (end, self.at + 1);
            }
            self.now = start;
            self.timeline.end(self.around);
            self.around.busy += 1;
        }

        /// The parts of the latest outlier, in microseconds.
        fn latest(&self) -> Vec<(TailCause, u64)> {
            let tail = self.log.snapshot(&self.clock);
            let Some(last) = tail.latest.last() else { return Vec::new() };
            assert!(tail.bands.iter().map(|band| band.events).sum::<u64>() >= tail.count);
            TailCause::ALL.into_iter().filter_map(|c| (last.parts[c] > 0).then_some((c, last.parts[c] / US))).collect()
        }
    }

    #[test]
    fn a_quick_event_is_no_outlier_and_a_slow_handler_is_named() {
        let mut bench = Bench::new(false);
        bench.idle(1);
        bench.turn(2, &[(0, 1, 4)]);
        assert_eq!((bench.latest(), bench.log.count()), (vec![], 0));
        bench.turn(5, &[(0, 4, 20)]);
        assert_eq!(bench.latest(), [(Queue, 1), (Handler, 15)]);
    }

    #[test]
    fn a_late_publisher_is_told_from_a_slow_one_of_several() {
        let mut bench = Bench::new(false);
        bench.idle(90);
        bench.idle(91);
        bench.turn(92, &[(64, 91, 93)]);
        assert_eq!(bench.latest(), [(Publisher, 64), (Hop, 1), (Handler, 1)]);
        // Stamped at 100, and not there when the slot looked at 120.
        (94..=120).for_each(|us| bench.idle(us));
        bench.turn(121, &[(0, 100, 122)]);
        assert_eq!(bench.latest(), [(Publisher, 20), (Hop, 1), (Handler, 1)]);
    }

    #[test]
    fn who_runs_after_others_waits_for_them() {
        let mut bench = Bench::new(true);
        (1..=50).for_each(|us| bench.idle(us));
        bench.turn(51, &[(0, 10, 52)]);
        assert_eq!(bench.latest(), [(Upstream, 40), (Hop, 1), (Handler, 1)]);
    }

    #[test]
    fn events_behind_a_slow_one_were_in_the_queue() {
        let mut bench = Bench::new(false);
        bench.idle(1);
        bench.turn(2, &[(0, 1, 30), (0, 3, 31), (0, 29, 32)]);
        assert_eq!(bench.log.count(), 2, "the third took 3 us");
        assert_eq!(bench.latest(), [(Queue, 27), (Handler, 1)]);
    }

    #[test]
    fn a_gap_in_the_spinning_is_the_platform_and_so_is_its_backlog() {
        let mut bench = Bench::new(false);
        (1..=10).for_each(|us| bench.idle(us));
        // The thread was not there from 10 to 50; three events came meanwhile.
        bench.turn(50, &[(0, 12, 51), (0, 20, 53), (0, 48, 54)]);
        let tail = bench.log.snapshot(&bench.clock);
        let parts: Vec<_> = tail.latest.iter().map(|one| (one.parts[Platform] / US, one.parts[Queue] / US)).collect();
        assert_eq!(parts, [(38, 0), (30, 1), (2, 3)]);
        // A gap that ends with an empty poll counts as well.
        bench.idle(55);
        bench.idle(90);
        bench.turn(91, &[(0, 60, 92)]);
        assert_eq!(bench.latest(), [(Platform, 30), (Hop, 1), (Handler, 1)]);
    }

    #[test]
    fn neighbours_rests_and_callbacks_are_told_apart() {
        let mut bench = Bench::new(false);
        bench.idle(1);
        bench.around.busy += 1;
        bench.turn(40, &[(0, 10, 41)]);
        assert_eq!(bench.latest(), [(Neighbour, 30), (Handler, 1)]);
        bench.idle(42);
        bench.around.rests += 1;
        bench.turn(90, &[(0, 50, 91)]);
        assert_eq!(bench.latest(), [(Asleep, 40), (Handler, 1)]);
        bench.timeline.ran(Ticks(91 * US), Ticks(130 * US), Callback);
        bench.now = Ticks(130 * US);
        bench.turn(131, &[(0, 100, 132)]);
        assert_eq!(bench.latest(), [(Queue, 1), (Callback, 30), (Handler, 1)]);
    }

    #[test]
    fn a_slow_group_is_one_record() {
        let mut bench = Bench::new(false);
        bench.turn(1, &[(0, 1, 2)]);
        let header = Header::new(Tag::new(3), 0, Ticks(US), 0);
        bench.timeline.check_group((&header, 0), (9, 31), (Ticks(2 * US), Ticks(4 * US)));
        assert_eq!(bench.log.count(), 0);
        bench.timeline.check_group((&header, 0), (9, 31), (Ticks(2 * US), Ticks(40 * US)));
        let tail = bench.log.snapshot(&bench.clock);
        let told = (tail.latest[0].events, tail.latest[0].sequence, tail.bands[0].events);
        assert_eq!((told, bench.latest()), ((31, 9, 31), vec![(Queue, 1), (Handler, 38)]));
        // Quick, but long in the queue.
        bench.timeline.check_group((&header, 5 * US), (40, 31), (Ticks(40 * US), Ticks(41 * US)));
        assert_eq!((bench.log.count(), bench.latest()), (2, vec![(Queue, 39), (Handler, 1)]));
    }

    #[test]
    fn more_outliers_than_are_kept_are_counted_and_added_up() {
        let mut bench = Bench::new(false);
        for at in 0..1_000 {
            bench.turn(at * 20, &[(0, at * 20, at * 20 + 10)]);
        }
        let tail = bench.log.snapshot(&bench.clock);
        assert_eq!((tail.count, tail.latest.len(), tail.latest[0].number), (1_000, 256, 744));
        assert_eq!(tail.parts_from(0).total(), 10_000 * US);
        assert_eq!(tail.parts_from(1 << 40), Parts::default());
    }

    #[test]
    fn a_threshold_of_the_running_p99_waits_for_enough_values() {
        let clock = Clock::manual(0).0;
        let log = TailLog::new(Tail::times_p99(4.0), &clock);
        log.refresh(999, 100);
        assert_eq!(log.threshold(), u64::MAX);
        log.refresh(1_000, 100);
        assert_eq!(log.threshold(), 400);
        log.refresh(2_000, 10);
        assert_eq!(log.threshold(), 40);
        let fixed = TailLog::new(Tail::over(Duration::from_nanos(7)), &clock);
        fixed.refresh(1_000, 100);
        assert_eq!((fixed.threshold(), TailLog::new(Tail::off(), &clock).threshold()), (7, u64::MAX));
    }
}
