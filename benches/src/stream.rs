//! Throughput: publishers and readers as fast as they go. Threads that share a core yield when they have nothing to do.

use crate::cores::{Cores, Seats, pin};
use crate::peer::{Graph, ManyToOne, Outlet, Peer, Polled, Receiver, Sender, Shape, Waiting};
use core_affinity::CoreId;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Cells of each queue.
pub const CAPACITY: usize = 1_024;
/// Events of a batch.
pub const BATCH: usize = 64;
/// Events before the clock starts: two laps.
pub(crate) const WARM_UP: usize = 2 * CAPACITY;

/// How the publisher publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publishing {
    /// One event a call.
    Single,
    /// [`BATCH`] events a call.
    Batches,
}

/// What the reader does with an event.
pub trait Work {
    /// The name in the table.
    const NAME: &'static str;
    /// Whether it takes longer than any queue.
    const IS_HEAVY: bool;
    /// Handles one event.
    fn handle<const N: usize>(sum: u64, event: &[u64; N]) -> u64;
}

/// Adds one word up.
pub struct Light;
/// Reads all words, then about 20 ns of arithmetic that cannot overlap with the next event.
pub struct Heavy;

impl Work for Light {
    const NAME: &'static str = "light";
    const IS_HEAVY: bool = false;
    #[inline(always)]
    fn handle<const N: usize>(sum: u64, event: &[u64; N]) -> u64 {
        sum.wrapping_add(event[0])
    }
}

impl Work for Heavy {
    const NAME: &'static str = "heavy";
    const IS_HEAVY: bool = true;
    #[inline(always)]
    fn handle<const N: usize>(sum: u64, event: &[u64; N]) -> u64 {
        let mut mix = event.iter().fold(sum, |mix, word| mix ^ word);
        for _ in 0..16 {
            mix = (mix ^ (mix >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        mix
    }
}

/// An event, made in registers. Made in memory by wide stores and read back by narrower loads right away, it would measure something
/// else: such a load waits for the store, the store for all before it, and those for lines of the other core.
#[inline(always)]
fn event<const N: usize>(number: usize) -> [u64; N] {
    [number as u64; N]
}

/// One round of one publisher to one reader, `count` events (a multiple of [`BATCH`]): events a second. The caller runs on
/// `cores.near`.
///
/// # Panics
/// If an event was lost.
#[must_use]
pub fn one_to_one<P: Peer<[u64; N]>, W: Work, const N: usize>(cores: Cores, how: Publishing, count: usize) -> f64 {
    let (sender, receiver) = P::pair(CAPACITY);
    let mut sender = sender.bind();
    let reader = Reading::start::<_, W, N>(cores.far, Waiting::Spin, receiver, count);
    let mut publish = |events: core::ops::Range<usize>| match how {
        Publishing::Single => events.for_each(|i| sender.send(event(black_box(i)))),
        Publishing::Batches => {
            let batch: [[u64; N]; BATCH] = core::array::from_fn(event);
            events.step_by(BATCH).for_each(|_| sender.send_batch(black_box(&batch)));
        }
    };
    publish(0..WARM_UP);
    reader.wait_for_warm_up(Waiting::Spin);
    let start = Instant::now();
    publish(0..count);
    count as f64 / reader.end().duration_since(start).as_secs_f64()
}

/// One round of one publisher to three readers in some [`Shape`], `count` events (a multiple of [`BATCH`]): events a second, until
/// the last reader is done. The caller runs on `cores.near`.
///
/// # Panics
/// If an event was lost.
#[must_use]
pub fn one_to_three<G: Graph<[u64; N]>, const N: usize>(
    cores: Cores,
    shape: Shape,
    how: Publishing,
    count: usize,
) -> f64 {
    let seats = cores.seats(1, Shape::READERS);
    let (waiting, readers_wait) = (seats.publishers_wait(), seats.readers_wait());
    let (sender, receivers) = G::graph(shape, CAPACITY, readers_wait);
    let mut sender = sender.bind();
    let start_reader = |(i, receiver)| Reading::start::<_, Light, N>(seats.reader(i), readers_wait, receiver, count);
    let readers: Vec<Reading> = receivers.into_iter().enumerate().map(start_reader).collect();
    publish(&mut sender, how, waiting, WARM_UP);
    readers.iter().for_each(|reader| reader.wait_for_warm_up(waiting));
    let start = Instant::now();
    publish(&mut sender, how, waiting, count);
    let end = readers.into_iter().map(Reading::end).max().expect("three readers");
    count as f64 / end.duration_since(start).as_secs_f64()
}

/// One round of many publishers to one reader, `count` events together (a multiple of [`BATCH`] for each): events a second. The
/// caller runs on `cores.near`.
///
/// # Panics
/// If an event was lost.
#[must_use]
pub fn many_to_one<P: ManyToOne<[u64; N]>, const N: usize>(
    cores: Cores,
    publishers: usize,
    how: Publishing,
    count: usize,
) -> f64 {
    let seats = cores.seats(publishers, 1);
    let (senders, receiver) = P::many(publishers, CAPACITY);
    let reader = Reading::start::<_, Light, N>(seats.reader(0), seats.readers_wait(), receiver, count);
    let (ready, go) = (AtomicUsize::new(0), AtomicBool::new(false));
    let start = std::thread::scope(|scope| {
        for (i, sender) in senders.into_iter().enumerate() {
            let (ready, go) = (&ready, &go);
            scope.spawn(move || publish_share(seats, i, sender, how, (ready, go), count));
        }
        while ready.load(Ordering::Acquire) < publishers {
            std::thread::yield_now();
        }
        reader.wait_for_warm_up(Waiting::Yield);
        let start = Instant::now();
        go.store(true, Ordering::Release);
        start
    });
    count as f64 / reader.end().duration_since(start).as_secs_f64()
}

/// The thread of one of many publishers: its share of the warm-up, then, on `go`, of the events.
fn publish_share<const N: usize>(
    seats: Seats,
    index: usize,
    sender: impl Outlet<[u64; N]>,
    how: Publishing,
    (ready, go): (&AtomicUsize, &AtomicBool),
    count: usize,
) {
    pin(seats.publisher(index));
    let mut sender = sender.bind();
    let share = |count: usize| count / seats.publishers();
    publish(&mut sender, how, seats.publishers_wait(), share(WARM_UP));
    ready.fetch_add(1, Ordering::Release);
    while !go.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    publish(&mut sender, how, seats.publishers_wait(), share(count));
}

#[inline(always)]
fn publish<const N: usize>(sender: &mut impl Sender<[u64; N]>, how: Publishing, waiting: Waiting, count: usize) {
    match how {
        Publishing::Single => {
            for i in 0..count {
                while !sender.try_send(event(black_box(i))) {
                    waiting.once();
                }
            }
        }
        Publishing::Batches => {
            let batch: [[u64; N]; BATCH] = core::array::from_fn(event);
            for _ in 0..count / BATCH {
                send_all(sender, waiting, black_box(&batch));
            }
        }
    }
}

#[inline(always)]
fn send_all<T: Copy>(sender: &mut impl Sender<T>, waiting: Waiting, mut events: &[T]) {
    while !events.is_empty() {
        let went = sender.try_send_batch(events);
        if went == 0 {
            waiting.once();
        }
        events = &events[went..];
    }
}

/// The reader's thread.
struct Reading {
    thread: std::thread::JoinHandle<Instant>,
    warm: Arc<AtomicBool>,
}

impl Reading {
    fn start<R: Receiver<[u64; N]>, W: Work, const N: usize>(
        core: CoreId,
        waiting: Waiting,
        receiver: R,
        count: usize,
    ) -> Self {
        let warm = Arc::new(AtomicBool::new(false));
        let is_warm = Arc::clone(&warm);
        let thread = std::thread::spawn(move || {
            pin(core);
            let mut receiver = receiver.bind();
            let mut sum = 0;
            let mut read = |until: usize| {
                let mut got = 0;
                while got < until {
                    let now = receiver.poll(|event| sum = W::handle(sum, event));
                    if now == 0 {
                        waiting.once();
                    }
                    got += now;
                }
                assert_eq!(got, until, "events arrived twice");
            };
            read(WARM_UP);
            is_warm.store(true, Ordering::Release);
            read(count);
            let end = Instant::now();
            black_box(sum);
            end
        });
        Self { thread, warm }
    }

    fn wait_for_warm_up(&self, waiting: Waiting) {
        while !self.warm.load(Ordering::Acquire) {
            core::hint::spin_loop();
            waiting.once();
        }
    }

    fn end(self) -> Instant {
        self.thread.join().expect("the reader ends")
    }
}
