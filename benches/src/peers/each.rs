//! A queue for each publisher, read in turn by the one reader.

use crate::peer::{ManyToOne, Outlet, Peer, Polled, Receiver};
use core::marker::PhantomData;

/// Many queues `P` from one to one, as one from many.
pub struct Each<P>(PhantomData<P>);

struct InTurn<R>(Vec<R>);

impl<T: Copy + 'static, P: Peer<T>> ManyToOne<T> for Each<P> {
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<T>>, impl Receiver<T>) {
        let (senders, receivers) = (0..publishers).map(|_| P::pair(capacity)).unzip();
        (senders, InTurn(receivers))
    }
}

impl<T, R: Receiver<T>> Receiver<T> for InTurn<R> {
    fn bind(self) -> impl Polled<T> {
        InTurn(self.0.into_iter().map(Receiver::bind).collect())
    }
}

impl<T, R: Polled<T>> Polled<T> for InTurn<R> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        self.0.iter_mut().map(|queue| queue.poll(&mut handle)).sum()
    }
}
