//! flume, drained: whatever has queued up is taken under one taking of its lock.

use crate::peer::{ManyToOne, Outlet, Peer, Polled, Receiver, Sender};
use flume::{Receiver as Source, Sender as Sink, bounded};
use tagring::ring::Plain;

/// flume's bounded channel.
pub struct Flume;

struct Sending<T>(Sink<T>);
struct Draining<T>(Source<T>);

impl<T: Plain> Peer<T> for Flume {
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>) {
        let (sender, receiver) = bounded(capacity);
        (Sending(sender), Draining(receiver))
    }
}

impl<T: Plain> ManyToOne<T> for Flume {
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<T>>, impl Receiver<T>) {
        let (sender, receiver) = bounded(capacity);
        ((0..publishers).map(|_| Sending(sender.clone())).collect(), Draining(receiver))
    }
}

super::unbound!(T, Outlet for Sending<T>);

impl<T: Plain> Sender<T> for Sending<T> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.try_send(event).is_ok()
    }
}

super::unbound!(T, Receiver for Draining<T>);

impl<T: Plain> Polled<T> for Draining<T> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        self.0.drain().map(|event| handle(&event)).count()
    }
}
