//! tokio's bounded channel between plain threads: sent with `try_send`, a batch with permits reserved at once, and polled many at a
//! time with a waker that does nothing. Its `try_recv` may park the thread, `poll_recv_many` never does. Tasks that send to each
//! other are another measurement.

use super::TURN;
use crate::peer::{ManyToOne, Outlet, Peer, Polled, Receiver, Sender};
use core::task::{Context, Poll, Waker};
use tagring::ring::Plain;
use tokio::sync::mpsc::{Receiver as Source, Sender as Sink, channel};

/// tokio's bounded channel.
pub struct TokioMpsc;

struct Sending<T>(Sink<T>);
struct Draining<T>(Source<T>, Vec<T>);

impl<T: Plain> Peer<T> for TokioMpsc {
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>) {
        let (sender, receiver) = channel(capacity);
        (Sending(sender), Draining(receiver, Vec::with_capacity(TURN)))
    }
}

impl<T: Plain> ManyToOne<T> for TokioMpsc {
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<T>>, impl Receiver<T>) {
        let (sender, receiver) = channel(capacity);
        let senders = (0..publishers).map(|_| Sending(sender.clone())).collect();
        (senders, Draining(receiver, Vec::with_capacity(TURN)))
    }
}

super::unbound!(T, Outlet for Sending<T>);

impl<T: Plain> Sender<T> for Sending<T> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.try_send(event).is_ok()
    }

    #[inline(always)]
    fn try_send_batch(&mut self, events: &[T]) -> usize {
        let Ok(permits) = self.0.try_reserve_many(events.len()) else { return 0 };
        permits.zip(events).map(|(permit, event)| permit.send(*event)).count()
    }

    #[inline(always)]
    fn send_batch(&mut self, events: &[T]) {
        while self.try_send_batch(events) == 0 {}
    }
}

super::unbound!(T, Receiver for Draining<T>);

impl<T: Plain> Polled<T> for Draining<T> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        let Self(receiver, events) = self;
        let Poll::Ready(count) = receiver.poll_recv_many(&mut Context::from_waker(Waker::noop()), events, TURN) else {
            return 0;
        };
        events.drain(..).for_each(|event| handle(&event));
        count
    }
}
