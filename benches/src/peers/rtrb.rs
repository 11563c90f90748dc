//! rtrb: a ring from one to one, event by event and chunk by chunk.

use crate::peer::{Outlet, Peer, Polled, Receiver, Sender};
use tagring::ring::Plain;

/// rtrb, event by event.
pub struct RtrbPushPop;
/// rtrb, chunk by chunk.
pub struct RtrbChunks;

struct PushPop<E>(E);
struct Chunks<E>(E);

impl<T: Plain> Peer<T> for RtrbPushPop {
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>) {
        let (producer, consumer) = rtrb::RingBuffer::<T>::new(capacity);
        (PushPop(producer), PushPop(consumer))
    }
}

super::unbound!(T, Outlet for PushPop<rtrb::Producer<T>>);

impl<T: Plain> Sender<T> for PushPop<rtrb::Producer<T>> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.push(event).is_ok()
    }
}

super::unbound!(T, Receiver for PushPop<rtrb::Consumer<T>>);

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
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>) {
        let (producer, consumer) = rtrb::RingBuffer::<T>::new(capacity);
        (Chunks(producer), Chunks(consumer))
    }
}

super::unbound!(T, Outlet for Chunks<rtrb::Producer<T>>);

impl<T: Plain> Sender<T> for Chunks<rtrb::Producer<T>> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.push(event).is_ok()
    }
    #[inline(always)]
    fn try_send_batch(&mut self, events: &[T]) -> usize {
        self.0.push_entire_slice(events).map_or(0, |()| events.len())
    }
    #[inline(always)]
    fn send_batch(&mut self, events: &[T]) {
        while self.0.push_entire_slice(events).is_err() {}
    }
}

super::unbound!(T, Receiver for Chunks<rtrb::Consumer<T>>);

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
