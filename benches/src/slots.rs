//! Throughput of a whole bus: one publisher, three slots in some shape, measuring switched off. What it does more than a ring: a header with tag,
//! key and time, a look at the tag for each event and slot, and slots that can be attached, detached and restarted.

use crate::cores::Cores;
use crate::peer::Shape;
use crate::stream::{BATCH, CAPACITY, Publishing, WARM_UP};
use core::time::Duration;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tagring::bus::{Bus, Context, Handler, Measure, Outcome, Publisher, SlotHandle, SlotThread, Stamping};
use tagring::event::{Event, Family, Payload};

/// Events that fill a cache line with their header and the cell's stamp: 56 bytes.
pub mod line {
    tagring::events! {
        /// The events of this measurement.
        pub mod wide;
        /// An event of five words.
        pub struct Wide = 1, v1 { pub first: u64, pub second: u64, pub third: u64, pub fourth: u64, pub fifth: u64 }
    }
}

/// Events of 32 bytes, header included.
pub mod half {
    tagring::events! {
        /// The events of this measurement.
        pub mod narrow;
        /// An event of two words.
        pub struct Narrow = 1, v1 { pub first: u64, pub second: u64 }
    }
}

pub use half::narrow::Narrow;
pub use line::wide::Wide;

/// A payload that is measured.
pub trait Measured: Payload {
    /// Its family.
    type Events: Family;
    /// One with this number.
    fn numbered(number: u64) -> Self;
    /// The number.
    fn number(&self) -> u64;
}

impl Measured for Wide {
    type Events = line::wide::Events;
    #[inline(always)]
    fn numbered(number: u64) -> Self {
        Self { first: number, second: number, third: number, fourth: number, fifth: number }
    }
    #[inline(always)]
    fn number(&self) -> u64 {
        self.first
    }
}

impl Measured for Narrow {
    type Events = half::narrow::Events;
    #[inline(always)]
    fn numbered(number: u64) -> Self {
        Self { first: number, second: number }
    }
    #[inline(always)]
    fn number(&self) -> u64 {
        self.first
    }
}

/// Who runs the slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosting {
    /// One slot thread all three: what a machine with two cores asks for.
    OneThread,
    /// A slot thread each.
    ThreadEach,
}

const SOON: Duration = Duration::from_secs(30);

/// Adds up, and notes when the warm-up and when all is done.
struct Sum<P> {
    seen: usize,
    next_mark: usize,
    all: usize,
    sum: u64,
    end: Option<Instant>,
    warm: Arc<AtomicUsize>,
    _payload: core::marker::PhantomData<P>,
}

impl<P: Measured> Handler for Sum<P> {
    #[inline(always)]
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        if let Some(payload) = event.get::<P>() {
            self.sum = self.sum.wrapping_add(payload.number());
        }
        self.seen += 1;
        if self.seen == self.next_mark {
            self.mark();
        }
        Outcome::Done
    }
}

impl<P> Sum<P> {
    #[cold]
    fn mark(&mut self) {
        self.next_mark = self.all;
        self.warm.fetch_add(1, Ordering::Release);
        if self.seen == self.all {
            self.end = Some(Instant::now());
        }
    }
}

/// One round of `count` events (a multiple of [`BATCH`]) to three slots, until the last of them is done: events a second. The
/// caller runs on `cores.near`.
///
/// # Panics
/// If an event was lost, or anything hangs.
#[must_use]
pub fn one_to_three<P: Measured>(cores: Cores, shape: Shape, hosting: Hosting, how: Publishing, count: usize) -> f64 {
    let (bus, publisher) = Bus::<P::Events>::builder("graph").capacity(CAPACITY).single().expect("a power of two");
    let mut publisher = publisher.stamping(Stamping::OnTick);
    let warm = Arc::new(AtomicUsize::new(0));
    let threads = threads(cores, hosting);
    let slots = attach::<P>(&bus, &threads, shape, &warm, WARM_UP + count);
    publish::<P>(&mut publisher, how, WARM_UP);
    while warm.load(Ordering::Acquire) < Shape::READERS {
        core::hint::spin_loop();
    }
    let start = Instant::now();
    publish::<P>(&mut publisher, how, count);
    drop(publisher);
    let ends = slots.iter().map(|slot| {
        let sum = slot.join(SOON).expect("a slot ends with its bus");
        black_box(sum.sum);
        assert_eq!(sum.seen, WARM_UP + count, "events were lost");
        sum.end.expect("all were seen")
    });
    let end = ends.max().expect("three slots");
    for thread in threads {
        let _ = thread.shutdown(SOON);
    }
    count as f64 / end.duration_since(start).as_secs_f64()
}

fn threads(cores: Cores, hosting: Hosting) -> Vec<SlotThread> {
    let seats = cores.seats(1, if hosting == Hosting::OneThread { 1 } else { Shape::READERS });
    let start = |i| SlotThread::builder("slots").core(seats.reader(i).id).start().expect("the core is allowed");
    match hosting {
        Hosting::OneThread => vec![start(0)],
        Hosting::ThreadEach => (0..Shape::READERS).map(start).collect(),
    }
}

fn attach<P: Measured>(
    bus: &Bus<P::Events>,
    threads: &[SlotThread],
    shape: Shape,
    warm: &Arc<AtomicUsize>,
    all: usize,
) -> Vec<SlotHandle<Sum<P>>> {
    let mut slots: Vec<SlotHandle<Sum<P>>> = Vec::new();
    for (i, name) in ["first", "second", "third"].into_iter().enumerate() {
        let after = match (shape, i) {
            (Shape::Broadcast, _) | (_, 0) | (Shape::Diamond, 1) => 0..0,
            (Shape::Pipeline, _) => i - 1..i,
            (Shape::Diamond, _) => 0..2,
        };
        let sum = Sum {
            seen: 0,
            next_mark: WARM_UP,
            all,
            sum: 0,
            end: None,
            warm: Arc::clone(warm),
            _payload: core::marker::PhantomData,
        };
        let slot = bus.slot(name).measure(Measure::Off);
        let slot = slots[after].iter().fold(slot, |slot, before| slot.after(before.id()));
        slots.push(slot.attach(&threads[i % threads.len()], sum).expect("a free slot"));
    }
    slots
}

fn publish<P: Measured>(publisher: &mut Publisher<P::Events>, how: Publishing, count: usize) {
    match how {
        Publishing::Single => {
            for i in 0..count as u64 {
                publisher.publish(0, &P::numbered(black_box(i))).expect("the bus is open");
            }
        }
        Publishing::Batches => {
            for i in 0..(count / BATCH) as u64 {
                let mut batch = loop {
                    if let Ok(batch) = publisher.batch(BATCH) {
                        break batch;
                    }
                };
                (0..BATCH).for_each(|_| batch.push(0, &P::numbered(black_box(i))));
                batch.publish();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hosting, Measured, Narrow, Wide, one_to_three};
    use crate::cores::{Cores, pin};
    use crate::peer::Shape;
    use crate::stream::Publishing;
    use tagring::event::Family;

    #[test]
    fn events_are_as_large_as_those_of_the_peers() {
        // A cell without its stamp: both fit into one line, as the ring's own.
        assert_eq!(size_of::<<<Wide as Measured>::Events as Family>::Cell>(), 56);
        assert!(size_of::<<<Narrow as Measured>::Events as Family>::Cell>() <= 56);
    }

    #[test]
    fn issue_4598_every_slot_gets_every_event() {
        let Some(cores) = Cores::choose() else { return };
        // A thread of its own, for it is pinned.
        let run = std::thread::spawn(move || {
            pin(cores.near);
            for shape in [Shape::Broadcast, Shape::Pipeline, Shape::Diamond] {
                for hosting in [Hosting::OneThread, Hosting::ThreadEach] {
                    assert!(one_to_three::<Wide>(cores, shape, hosting, Publishing::Single, 1 << 10) > 0.0);
                    assert!(one_to_three::<Narrow>(cores, shape, hosting, Publishing::Batches, 1 << 10) > 0.0);
                }
            }
        });
        run.join().expect("no event is lost");
    }
}
