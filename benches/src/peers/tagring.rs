//! This project's ring: read through bound readers, published event by event or as slices.

use super::TURN;
use crate::peer::{Graph, ManyToOne, Outlet, Peer, Polled, Receiver, Sender, Shape, Waiting};
use tagring::ring::{BoundReader, Plain, Publisher, Reader, ReaderId, Ring, SharedPublisher};

/// This project's ring; one publisher, or many sharing it; readers after each other by dependencies.
pub struct Tagring;

impl<T: Plain> Peer<T> for Tagring {
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>) {
        let (ring, publisher) = Ring::single(capacity).expect("a power of two");
        (publisher, ring.attach().expect("a free place"))
    }
}

impl<T: Plain> ManyToOne<T> for Tagring {
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<T>>, impl Receiver<T>) {
        let (ring, publisher) = Ring::many(capacity).expect("a power of two");
        (vec![publisher; publishers], ring.attach().expect("a free place"))
    }
}

impl<T: Plain> Graph<T> for Tagring {
    fn graph(shape: Shape, capacity: usize, _: Waiting) -> (impl Outlet<T>, Vec<impl Receiver<T>>) {
        let (ring, publisher) = Ring::single(capacity).expect("a power of two");
        let after = |others: &[ReaderId]| ring.attach_after(others).expect("a free place");
        let first = after(&[]);
        let second = if shape == Shape::Pipeline { after(&[first.id()]) } else { after(&[]) };
        let third = match shape {
            Shape::Broadcast => after(&[]),
            Shape::Pipeline => after(&[second.id()]),
            Shape::Diamond => after(&[first.id(), second.id()]),
        };
        (publisher, vec![first, second, third])
    }
}

super::unbound!(T, Outlet for Publisher<T>);
super::unbound!(T, Outlet for SharedPublisher<T>);

impl<T: Plain> Sender<T> for Publisher<T> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.try_publish(event).is_ok()
    }
    #[inline(always)]
    fn try_send_batch(&mut self, events: &[T]) -> usize {
        self.try_publish_batch(events).map_or(0, |_| events.len())
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
    fn try_send_batch(&mut self, events: &[T]) -> usize {
        self.try_publish_batch(events).map_or(0, |_| events.len())
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
