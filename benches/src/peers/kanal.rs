//! kanal, in its two ways. Blocking: a receiver that waits lends the sender the place to write to, spins for a moment, then parks. Polled:
//! whatever has queued up is drained under one taking of its lock.

use super::TURN;
use crate::peer::{ManyToOne, Outlet, Peer, Polled, Receiver, Sender};
use kanal::{Receiver as Source, Sender as Sink, bounded};
use tagring::ring::Plain;

/// kanal, blocking at both ends.
pub struct KanalBlocking;
/// kanal, polled at both ends.
pub struct KanalPolled;

/// Hands the event over or waits.
struct Blocking<E>(E);
/// Never waits.
struct Polling<E>(E);
/// Drains into a buffer.
struct Draining<T>(Source<T>, Vec<T>);

impl<T: Plain> Peer<T> for KanalBlocking {
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>) {
        let (sender, receiver) = bounded(capacity);
        (Blocking(sender), Blocking(receiver))
    }
}

impl<T: Plain> ManyToOne<T> for KanalBlocking {
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<T>>, impl Receiver<T>) {
        let (sender, receiver) = bounded(capacity);
        ((0..publishers).map(|_| Blocking(sender.clone())).collect(), Blocking(receiver))
    }
}

impl<T: Plain> Peer<T> for KanalPolled {
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>) {
        let (sender, receiver) = bounded(capacity);
        (Polling(sender), Draining(receiver, Vec::with_capacity(capacity)))
    }
}

impl<T: Plain> ManyToOne<T> for KanalPolled {
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<T>>, impl Receiver<T>) {
        let (sender, receiver) = bounded(capacity);
        let senders = (0..publishers).map(|_| Polling(sender.clone())).collect();
        (senders, Draining(receiver, Vec::with_capacity(capacity)))
    }
}

super::unbound!(T, Outlet for Blocking<Sink<T>>);
super::unbound!(T, Outlet for Polling<Sink<T>>);

impl<T: Plain> Sender<T> for Blocking<Sink<T>> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.send(event).expect("the receiver is there");
        true
    }
}

impl<T: Plain> Sender<T> for Polling<Sink<T>> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.try_send(event).expect("the receiver is there")
    }
}

super::unbound!(T, Receiver for Blocking<Source<T>>);
super::unbound!(T, Receiver for Draining<T>);

impl<T: Plain> Polled<T> for Blocking<Source<T>> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        handle(&self.0.recv().expect("a sender is there"));
        // What has come meanwhile needs no waiting.
        let more = core::iter::from_fn(|| self.0.try_recv().ok().flatten()).take(TURN - 1);
        1 + more.map(|event| handle(&event)).count()
    }
}

impl<T: Plain> Polled<T> for Draining<T> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        let Self(receiver, events) = self;
        let count = receiver.drain_into(events).unwrap_or(0);
        events.drain(..).for_each(|event| handle(&event));
        count
    }
}
