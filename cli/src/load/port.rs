//! A publisher of the load: a source that a generator feeds, or one that a slot forwards to. It does on a full ring what its configuration says,
//! and every event given to it ends in exactly one of its counts.

use super::events::{AnyPublisher, Body};
use super::random::Random;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tagring::bus::{BytesError, Envelope, PublishFailure};
use tagring::runtime::config::{OverflowChoice, PublisherConfig};

/// How long one attempt waits before it is looked whether all is to end.
const ATTEMPT: Duration = Duration::from_millis(20);
/// Tags drawn in advance.
const DRAWN: usize = 4_096;

/// What became of the events given to a port. One writer, the port's thread; all relaxed.
#[derive(Debug, Default)]
pub(super) struct PortCounts {
    published: AtomicU64,
    shed: AtomicU64,
    timed_out: AtomicU64,
    failed: AtomicU64,
    closed: AtomicU64,
    waits: AtomicU64,
}

/// The same as numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PortTally {
    pub(super) published: u64,
    /// Dropped, as `overflow = "shed"` asks.
    pub(super) shed: u64,
    /// No room within `timeout_ms`.
    pub(super) timed_out: u64,
    /// No room, as `overflow = "fail"` tells; or the slot in the way runs on the publisher's own thread.
    pub(super) failed: u64,
    /// The bus was closed, or the run ended during the wait.
    pub(super) closed: u64,
    /// Times that there was no room at once.
    pub(super) waits: u64,
}

impl PortTally {
    /// Events that were given and not published.
    pub(super) fn lost(&self) -> u64 {
        self.shed + self.timed_out + self.failed + self.closed
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.published += other.published;
        self.shed += other.shed;
        self.timed_out += other.timed_out;
        self.failed += other.failed;
        self.closed += other.closed;
        self.waits += other.waits;
    }

    pub(super) fn since(&self, earlier: &Self) -> Self {
        Self {
            published: self.published - earlier.published,
            shed: self.shed - earlier.shed,
            timed_out: self.timed_out - earlier.timed_out,
            failed: self.failed - earlier.failed,
            closed: self.closed - earlier.closed,
            waits: self.waits - earlier.waits,
        }
    }
}

impl PortCounts {
    pub(super) fn tally(&self) -> PortTally {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        PortTally {
            published: of(&self.published),
            shed: of(&self.shed),
            timed_out: of(&self.timed_out),
            failed: of(&self.failed),
            closed: of(&self.closed),
            waits: of(&self.waits),
        }
    }
}

#[inline]
fn count(cell: &AtomicU64) {
    cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Which tags a port publishes, each as often as its weight says, in a random order that is always the same.
#[derive(Clone)]
pub(super) struct Mix {
    tags: Arc<[u8]>,
    at: usize,
}

impl Mix {
    /// `weights`: tag and weight; at least one weight is above 0.
    pub(super) fn new(weights: &[(u8, f64)], seed: u64) -> Self {
        let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let mut tags = Vec::with_capacity(DRAWN);
        let mut due = 0.0;
        for (tag, weight) in weights {
            due += weight / sum * DRAWN as f64;
            tags.resize((due.round() as usize).min(DRAWN), *tag);
        }
        Random::new(seed, 1).shuffle(&mut tags);
        Self { tags: tags.into(), at: 0 }
    }

    #[inline]
    fn next(&mut self) -> u8 {
        let tag = self.tags[self.at];
        self.at += 1;
        if self.at == self.tags.len() {
            self.at = 0;
        }
        tag
    }
}

/// A publisher with its counts.
pub(super) struct Port {
    publisher: AnyPublisher,
    mix: Mix,
    overflow: OverflowChoice,
    timeout: Duration,
    counts: Arc<PortCounts>,
}

impl Port {
    pub(super) fn new(publisher: AnyPublisher, config: &PublisherConfig, mix: Mix, counts: Arc<PortCounts>) -> Self {
        let timeout = Duration::from_millis(config.timeout_ms);
        Self { publisher, mix, overflow: config.overflow, timeout, counts }
    }

    /// Publishes an event that was due at `to.intended`; `is_over` ends a wait for room. Whether there was room at once.
    #[inline]
    pub(super) fn publish(&mut self, to: Envelope, body: Body, is_over: impl Fn() -> bool) -> bool {
        let tag = self.mix.next();
        match self.publisher.publish(tag, to, body, None) {
            Ok(_) => {
                count(&self.counts.published);
                true
            }
            Err(failure) => {
                self.no_room(tag, to, body, failure, &is_over);
                false
            }
        }
    }

    #[cold]
    fn no_room(&mut self, tag: u8, to: Envelope, body: Body, first: PublishFailure, is_over: &dyn Fn() -> bool) {
        use tagring::ring::PublishError::SelfBlocked;
        let counts = Arc::clone(&self.counts);
        count(&counts.waits);
        let (mut failure, mut waited) = (first, Duration::ZERO);
        loop {
            let end = match (&failure.cause, self.overflow) {
                (_, _) if failure.is_closed() || is_over() => &counts.closed,
                // Waiting would be in vain: nobody but this thread can make room.
                (BytesError::Ring(SelfBlocked { .. }), _) => &counts.failed,
                (_, OverflowChoice::Shed) => &counts.shed,
                (_, OverflowChoice::Fail) => &counts.failed,
                (_, OverflowChoice::Timeout) if waited >= self.timeout => &counts.timed_out,
                (_, OverflowChoice::Timeout | OverflowChoice::Wait) => {
                    let left = if self.overflow == OverflowChoice::Wait { ATTEMPT } else { self.timeout - waited };
                    let limit = left.min(ATTEMPT);
                    match self.publisher.publish(tag, to, body, Some(limit)) {
                        Ok(_) => &counts.published,
                        Err(again) => {
                            failure = again;
                            waited += limit;
                            continue;
                        }
                    }
                }
            };
            return count(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::events::Load;
    use tagring::bus::{Bus, Context, Handler, Outcome, Publisher};
    use tagring::event::Event;

    struct Stuck;
    impl Handler for Stuck {
        fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
            Outcome::Done
        }
    }

    fn port(publisher: Publisher<Load>, overflow: OverflowChoice) -> (Port, Arc<PortCounts>) {
        let counts = Arc::<PortCounts>::default();
        let config = PublisherConfig { overflow, timeout_ms: 1, ..PublisherConfig::default() };
        let mix = Mix::new(&[(3, 1.0)], 1);
        (Port::new(AnyPublisher::Single(publisher), &config, mix, Arc::clone(&counts)), counts)
    }

    /// Two cells, and a slot that is never given a turn, on a thread of its own where `elsewhere` says so.
    fn given_to_a_full_bus(overflow: OverflowChoice, elsewhere: bool) -> PortTally {
        let (bus, publisher) = Bus::<Load>::builder("md").capacity(2).single().unwrap();
        let (mut port, counts) = port(publisher, overflow);
        let mut give = || {
            for number in 0..5 {
                // A wait for ever is ended from outside.
                port.publish(Envelope::key(0), [0, number, 0, 0, 0], || elsewhere && overflow == OverflowChoice::Wait);
            }
        };
        if elsewhere {
            let (attached, is_attached) = std::sync::mpsc::channel();
            let (done, is_done) = std::sync::mpsc::channel::<()>();
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    let _slot = bus.slot("stuck").attach_here(Stuck).unwrap();
                    attached.send(()).unwrap();
                    let _ = is_done.recv();
                });
                is_attached.recv().unwrap();
                give();
                drop(done);
            });
        } else {
            let _slot = bus.slot("stuck").attach_here(Stuck).unwrap();
            give();
        }
        counts.tally()
    }

    #[test]
    fn issue_4595_every_event_ends_in_one_count_whatever_the_overflow() {
        use OverflowChoice::{Fail, Shed, Timeout, Wait};
        let two = PortTally { published: 2, waits: 3, ..PortTally::default() };
        assert_eq!(given_to_a_full_bus(Shed, true), PortTally { shed: 3, ..two });
        assert_eq!(given_to_a_full_bus(Fail, true), PortTally { failed: 3, ..two });
        assert_eq!(given_to_a_full_bus(Wait, true), PortTally { closed: 3, ..two });
        assert_eq!(given_to_a_full_bus(Timeout, true), PortTally { timed_out: 3, ..two });
        // The slot in the way runs on this thread: waiting would be in vain.
        assert_eq!(given_to_a_full_bus(Wait, false), PortTally { failed: 3, ..two });
    }

    #[test]
    fn a_mix_holds_each_tag_as_often_as_its_weight_says() {
        let mut mix = Mix::new(&[(0, 1.0), (7, 3.0), (9, 0.0)], 1);
        let drawn: Vec<u8> = (0..DRAWN).map(|_| mix.next()).collect();
        let count = |tag| drawn.iter().filter(|drawn| **drawn == tag).count();
        assert_eq!((count(0), count(7), count(9)), (1_024, 3_072, 0));
        assert_ne!(drawn[..1_024], vec![0; 1_024], "in a random order");
    }
}
