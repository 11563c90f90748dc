//! The queues that are measured. Each is used as its documentation recommends for speed: in place and in batches where it can.

use crate::peer::{Peer, Polled, Receiver, Sender, TwoToOne};
use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use disruptor::{BusySpin, EventPoller, MultiProducerBarrier, SingleProducerBarrier};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tagring::ring::{BoundReader, Plain, Publisher, Reader, Ring, SharedPublisher};

/// The limit of a round trip: one counter in a line of its own, no ring, no room to wait for, nothing carried.
pub struct BareAtomics;
/// The limit of a round trip over cells: one counter for each sequence, in a line of its own that nobody has touched for a lap.
pub struct BareLines;
/// This project's ring; one publisher, or many sharing it.
pub struct Tagring;
/// This project's ring, one for each publisher, read in turn.
pub struct TagringEach;
/// The `disruptor` crate with its event poller.
pub struct Disruptor;
/// rtrb, event by event.
pub struct RtrbPushPop;
/// rtrb, chunk by chunk.
pub struct RtrbChunks;
/// crossbeam's bounded queue.
pub struct CrossbeamQueue;
/// crossbeam's bounded channel.
pub struct CrossbeamChannel;

/// At most this many events are taken in one poll, so that room is handed back in time. An eighth of the capacity measured.
const TURN: usize = 128;

// --- bare atomics --------------------------------------------------------------------------------------------------------

struct Bell {
    line: Arc<CachePadded<AtomicU64>>,
    next: u64,
}

impl Peer<[u64; 4]> for BareAtomics {
    fn pair(_: usize) -> (impl Sender<[u64; 4]>, impl Receiver<[u64; 4]>) {
        let line = Arc::new(CachePadded::new(AtomicU64::new(0)));
        (Bell { line: Arc::clone(&line), next: 1 }, Bell { line, next: 1 })
    }
}

impl Sender<[u64; 4]> for Bell {
    #[inline(always)]
    fn try_send(&mut self, _: [u64; 4]) -> bool {
        self.line.store(self.next, Ordering::Release);
        self.next += 1;
        true
    }
}

impl Receiver<[u64; 4]> for Bell {
    fn bind(self) -> impl Polled<[u64; 4]> {
        self
    }
}

impl Polled<[u64; 4]> for Bell {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&[u64; 4])) -> usize {
        if self.line.load(Ordering::Acquire) != self.next {
            return 0;
        }
        self.next += 1;
        handle(&[0; 4]);
        1
    }
}

#[repr(align(64))]
struct Line(AtomicU64);

struct Lines {
    lines: Arc<[Line]>,
    next: u64,
}

impl Peer<[u64; 4]> for BareLines {
    fn pair(capacity: usize) -> (impl Sender<[u64; 4]>, impl Receiver<[u64; 4]>) {
        let lines: Arc<[Line]> = (0..capacity).map(|_| Line(AtomicU64::new(0))).collect();
        (Lines { lines: Arc::clone(&lines), next: 1 }, Lines { lines, next: 1 })
    }
}

impl Lines {
    #[inline(always)]
    fn line(&self) -> &AtomicU64 {
        &self.lines[self.next as usize & (self.lines.len() - 1)].0
    }
}

impl Sender<[u64; 4]> for Lines {
    #[inline(always)]
    fn try_send(&mut self, _: [u64; 4]) -> bool {
        self.line().store(self.next, Ordering::Release);
        self.next += 1;
        true
    }
}

impl Receiver<[u64; 4]> for Lines {
    fn bind(self) -> impl Polled<[u64; 4]> {
        self
    }
}

impl Polled<[u64; 4]> for Lines {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&[u64; 4])) -> usize {
        if self.line().load(Ordering::Acquire) != self.next {
            return 0;
        }
        self.next += 1;
        handle(&[0; 4]);
        1
    }
}

// --- tagring -------------------------------------------------------------------------------------------------------------

impl<T: Plain> Peer<T> for Tagring {
    fn pair(capacity: usize) -> (impl Sender<T>, impl Receiver<T>) {
        let (ring, publisher) = Ring::single(capacity).expect("a power of two");
        (publisher, ring.attach().expect("a free place"))
    }
}

impl<T: Plain> TwoToOne<T> for Tagring {
    fn pair(capacity: usize) -> ([impl Sender<T>; 2], impl Receiver<T>) {
        let (ring, publisher) = Ring::many(capacity).expect("a power of two");
        ([publisher.clone(), publisher], ring.attach().expect("a free place"))
    }
}

impl<T: Plain> TwoToOne<T> for TagringEach {
    fn pair(capacity: usize) -> ([impl Sender<T>; 2], impl Receiver<T>) {
        let (first_ring, first) = Ring::single(capacity).expect("a power of two");
        let (second_ring, second) = Ring::single(capacity).expect("a power of two");
        let readers = [first_ring, second_ring].map(|ring| ring.attach().expect("a free place"));
        ([first, second], readers)
    }
}

impl<T: Plain> Sender<T> for Publisher<T> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.try_publish(event).is_ok()
    }
    #[inline(always)]
    fn send(&mut self, event: T) {
        self.publish(event).expect("open");
    }
    #[inline(always)]
    fn send_batch(&mut self, events: &[T]) {
        self.publish_batch(events).expect("open");
    }
}

impl<T: Plain> Sender<T> for SharedPublisher<T> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.try_publish(event).is_ok()
    }
    #[inline(always)]
    fn send_batch(&mut self, events: &[T]) {
        self.publish_batch(events).expect("open");
    }
}

impl<T: Plain> Receiver<T> for Reader<T> {
    fn bind(self) -> impl Polled<T> {
        Reader::bind(self)
    }
}

impl<T: Plain> Polled<T> for BoundReader<T> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        BoundReader::poll(self, TURN, |event, _, _| handle(event))
    }
}

impl<T: Plain> Receiver<T> for [Reader<T>; 2] {
    fn bind(self) -> impl Polled<T> {
        self.map(Reader::bind)
    }
}

impl<T: Plain> Polled<T> for [BoundReader<T>; 2] {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        self.iter_mut().map(|reader| Polled::poll(reader, &mut handle)).sum()
    }
}

// --- disruptor -----------------------------------------------------------------------------------------------------------

struct DisruptorSender<P>(P);

impl<T: Plain> Peer<T> for Disruptor {
    fn pair(capacity: usize) -> (impl Sender<T>, impl Receiver<T>) {
        let builder = disruptor::build_single_producer(capacity, T::new_zeroed, BusySpin);
        let (poller, builder) = builder.new_event_poller();
        (DisruptorSender(builder.build()), poller)
    }
}

impl<T: Plain> TwoToOne<T> for Disruptor {
    fn pair(capacity: usize) -> ([impl Sender<T>; 2], impl Receiver<T>) {
        let builder = disruptor::build_multi_producer(capacity, T::new_zeroed, BusySpin);
        let (poller, builder) = builder.new_event_poller();
        let producer = builder.build();
        ([DisruptorSender(producer.clone()), DisruptorSender(producer)], poller)
    }
}

impl<T: Plain, P: disruptor::Producer<T> + Send + 'static> Sender<T> for DisruptorSender<P> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.try_publish(|cell| *cell = event).is_ok()
    }
    #[inline(always)]
    fn send(&mut self, event: T) {
        self.0.publish(|cell| *cell = event);
    }
    #[inline(always)]
    fn send_batch(&mut self, events: &[T]) {
        self.0.batch_publish(events.len(), |cells| cells.zip(events).for_each(|(cell, event)| *cell = *event));
    }
}

/// The crate does not export the trait that its two barriers have in common.
macro_rules! poller {
    ($barrier:ty) => {
        impl<T: Plain> Receiver<T> for EventPoller<T, $barrier> {
            fn bind(self) -> impl Polled<T> {
                self
            }
        }

        impl<T: Plain> Polled<T> for EventPoller<T, $barrier> {
            #[inline(always)]
            fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
                let Ok(mut events) = EventPoller::poll(self) else { return 0 };
                (&mut events).map(|event| handle(event)).count()
            }
        }
    };
}
poller!(SingleProducerBarrier);
poller!(MultiProducerBarrier);

// --- rtrb ----------------------------------------------------------------------------------------------------------------

struct PushPop<E>(E);
struct Chunks<E>(E);

impl<T: Plain> Peer<T> for RtrbPushPop {
    fn pair(capacity: usize) -> (impl Sender<T>, impl Receiver<T>) {
        let (producer, consumer) = rtrb::RingBuffer::<T>::new(capacity);
        (PushPop(producer), PushPop(consumer))
    }
}

impl<T: Plain> Sender<T> for PushPop<rtrb::Producer<T>> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.push(event).is_ok()
    }
}

impl<T: Plain> Receiver<T> for PushPop<rtrb::Consumer<T>> {
    fn bind(self) -> impl Polled<T> {
        self
    }
}

impl<T: Plain> Polled<T> for PushPop<rtrb::Consumer<T>> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        self.0.pop().map_or(0, |event| {
            handle(&event);
            1
        })
    }
}

impl<T: Plain> Peer<T> for RtrbChunks {
    fn pair(capacity: usize) -> (impl Sender<T>, impl Receiver<T>) {
        let (producer, consumer) = rtrb::RingBuffer::<T>::new(capacity);
        (Chunks(producer), Chunks(consumer))
    }
}

impl<T: Plain> Sender<T> for Chunks<rtrb::Producer<T>> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.push(event).is_ok()
    }
    #[inline(always)]
    fn send_batch(&mut self, events: &[T]) {
        while self.0.push_entire_slice(events).is_err() {}
    }
}

impl<T: Plain> Receiver<T> for Chunks<rtrb::Consumer<T>> {
    fn bind(self) -> impl Polled<T> {
        self
    }
}

impl<T: Plain> Polled<T> for Chunks<rtrb::Consumer<T>> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        let count = self.0.slots();
        if count == 0 {
            return 0;
        }
        let Ok(chunk) = self.0.read_chunk(count) else { return 0 };
        let (first, second) = chunk.as_slices();
        first.iter().chain(second).for_each(&mut handle);
        chunk.commit_all();
        count
    }
}

// --- crossbeam -----------------------------------------------------------------------------------------------------------

struct Queue<T>(Arc<ArrayQueue<T>>);
struct ChannelSender<T>(crossbeam_channel::Sender<T>);
struct ChannelReceiver<T>(crossbeam_channel::Receiver<T>);

impl<T: Plain> Peer<T> for CrossbeamQueue {
    fn pair(capacity: usize) -> (impl Sender<T>, impl Receiver<T>) {
        let queue = Arc::new(ArrayQueue::new(capacity));
        (Queue(Arc::clone(&queue)), Queue(queue))
    }
}

impl<T: Plain> TwoToOne<T> for CrossbeamQueue {
    fn pair(capacity: usize) -> ([impl Sender<T>; 2], impl Receiver<T>) {
        let queue = Arc::new(ArrayQueue::new(capacity));
        ([Queue(Arc::clone(&queue)), Queue(Arc::clone(&queue))], Queue(queue))
    }
}

impl<T: Plain> Sender<T> for Queue<T> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.push(event).is_ok()
    }
}

impl<T: Plain> Receiver<T> for Queue<T> {
    fn bind(self) -> impl Polled<T> {
        self
    }
}

impl<T: Plain> Polled<T> for Queue<T> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        self.0.pop().map_or(0, |event| {
            handle(&event);
            1
        })
    }
}

impl<T: Plain> Peer<T> for CrossbeamChannel {
    fn pair(capacity: usize) -> (impl Sender<T>, impl Receiver<T>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        (ChannelSender(sender), ChannelReceiver(receiver))
    }
}

impl<T: Plain> TwoToOne<T> for CrossbeamChannel {
    fn pair(capacity: usize) -> ([impl Sender<T>; 2], impl Receiver<T>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        ([ChannelSender(sender.clone()), ChannelSender(sender)], ChannelReceiver(receiver))
    }
}

impl<T: Plain> Sender<T> for ChannelSender<T> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.try_send(event).is_ok()
    }
}

impl<T: Plain> Receiver<T> for ChannelReceiver<T> {
    fn bind(self) -> impl Polled<T> {
        self
    }
}

impl<T: Plain> Polled<T> for ChannelReceiver<T> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        self.0.try_recv().map_or(0, |event| {
            handle(&event);
            1
        })
    }
}
