//! Throughput: publishers on one core, one reader on the other, as fast as they go.

use crate::cores::{Cores, pin};
use crate::peer::{Peer, Polled, Receiver, Sender, TwoToOne};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Cells of each queue.
pub const CAPACITY: usize = 1_024;
/// Events of a batch.
pub const BATCH: usize = 64;
/// Events before the clock starts: two laps.
const WARM_UP: usize = 2 * CAPACITY;

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
/// If an event was lost or the sum is wrong.
#[must_use]
pub fn one_to_one<P: Peer<[u64; N]>, W: Work, const N: usize>(cores: Cores, how: Publishing, count: usize) -> f64 {
    let (mut sender, receiver) = P::pair(CAPACITY);
    let reader = Reading::start::<_, W, N>(cores, receiver, count);
    let mut publish = |events: core::ops::Range<usize>| match how {
        Publishing::Single => events.for_each(|i| sender.send(event(black_box(i)))),
        Publishing::Batches => {
            let batch: [[u64; N]; BATCH] = core::array::from_fn(event);
            events.step_by(BATCH).for_each(|_| sender.send_batch(black_box(&batch)));
        }
    };
    publish(0..WARM_UP);
    reader.wait_for_warm_up();
    let start = Instant::now();
    publish(0..count);
    count as f64 / reader.end().duration_since(start).as_secs_f64()
}

/// One round of two publishers on `cores.near`, where they yield to each other when the queue is full, to one reader: events a second.
///
/// # Panics
/// If an event was lost.
#[must_use]
pub fn two_to_one<P: TwoToOne<[u64; N]>, const N: usize>(cores: Cores, count: usize) -> f64 {
    let ([mut first, second], receiver) = P::pair(CAPACITY);
    let reader = Reading::start::<_, Light, N>(cores, receiver, count);
    (0..WARM_UP).for_each(|i| yielding(&mut first, event(i)));
    reader.wait_for_warm_up();
    let go = AtomicBool::new(false);
    let start = std::thread::scope(|scope| {
        let other = scope.spawn(|| publish_half(second, cores, &go, count));
        let start = Instant::now();
        go.store(true, Ordering::Release);
        publish_half(first, cores, &go, count);
        other.join().expect("the other publisher ends");
        start
    });
    count as f64 / reader.end().duration_since(start).as_secs_f64()
}

fn publish_half<const N: usize>(mut sender: impl Sender<[u64; N]>, cores: Cores, go: &AtomicBool, count: usize) {
    pin(cores.near);
    while !go.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    (0..count / 2).for_each(|i| yielding(&mut sender, event(black_box(i))));
}

#[inline(always)]
fn yielding<T: Copy>(sender: &mut impl Sender<T>, event: T) {
    while !sender.try_send(event) {
        std::thread::yield_now();
    }
}

/// The reader's thread.
struct Reading {
    thread: std::thread::JoinHandle<Instant>,
    warm: Arc<AtomicBool>,
}

impl Reading {
    fn start<R: Receiver<[u64; N]>, W: Work, const N: usize>(cores: Cores, receiver: R, count: usize) -> Self {
        let warm = Arc::new(AtomicBool::new(false));
        let is_warm = Arc::clone(&warm);
        let thread = std::thread::spawn(move || {
            pin(cores.far);
            let mut receiver = receiver.bind();
            let mut sum = 0;
            let mut read = |until: usize| {
                let mut got = 0;
                while got < until {
                    got += receiver.poll(|event| sum = W::handle(sum, event));
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

    fn wait_for_warm_up(&self) {
        while !self.warm.load(Ordering::Acquire) {
            core::hint::spin_loop();
        }
    }

    fn end(self) -> Instant {
        self.thread.join().expect("the reader ends")
    }
}
