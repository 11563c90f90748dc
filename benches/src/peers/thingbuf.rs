//! thingbuf's queue, written and read in place. Its channels are this queue and the waking of who sleeps, which nobody does here.

use super::TURN;
use crate::peer::{ManyToOne, Outlet, Peer, Polled, Receiver, Sender};
use std::sync::Arc;
use tagring::ring::Plain;
use thingbuf::ThingBuf;
use thingbuf::recycling::Recycle;

/// thingbuf's queue.
pub struct Thingbuf;

struct Queue<T>(Arc<ThingBuf<T, Overwritten>>);

/// Cells are overwritten as they are.
struct Overwritten;

impl<T: Plain> Recycle<T> for Overwritten {
    fn new_element(&self) -> T {
        T::new_zeroed()
    }
    fn recycle(&self, _: &mut T) {}
}

impl<T: Plain> Peer<T> for Thingbuf {
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>) {
        let queue = Arc::new(ThingBuf::with_recycle(capacity, Overwritten));
        (Queue(Arc::clone(&queue)), Queue(queue))
    }
}

impl<T: Plain> ManyToOne<T> for Thingbuf {
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<T>>, impl Receiver<T>) {
        let queue = Arc::new(ThingBuf::with_recycle(capacity, Overwritten));
        ((0..publishers).map(|_| Queue(Arc::clone(&queue))).collect(), Queue(queue))
    }
}

super::unbound!(T, Outlet for Queue<T>);

impl<T: Plain> Sender<T> for Queue<T> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.push_ref().map(|mut cell| *cell = event).is_ok()
    }
}

super::unbound!(T, Receiver for Queue<T>);

impl<T: Plain> Polled<T> for Queue<T> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        let cells = core::iter::from_fn(|| self.0.pop_ref()).take(TURN);
        cells.map(|cell| handle(&cell)).count()
    }
}
