//! What a queue has to do to be measured, so that each is driven by the same loops.

/// Sends to one reader.
pub trait Sender<T: Copy>: Send + 'static {
    /// Sends one event if there is room now.
    fn try_send(&mut self, event: T) -> bool;

    /// Sends one event; waits for room.
    fn send(&mut self, event: T) {
        while !self.try_send(event) {}
    }

    /// Sends all events, as one batch where the queue knows batches; waits for room.
    fn send_batch(&mut self, events: &[T]) {
        events.iter().for_each(|&event| self.send(event));
    }
}

/// The receiving end before it is on its thread.
pub trait Receiver<T>: Send + 'static {
    /// Settles on the calling thread.
    fn bind(self) -> impl Polled<T>;
}

/// The receiving end on its thread.
pub trait Polled<T> {
    /// Gives what is there to `handle`, in place where the queue can. Returns how many events that were.
    fn poll(&mut self, handle: impl FnMut(&T)) -> usize;
}

/// A queue from one publisher to one reader.
pub trait Peer<T: Copy> {
    /// A fresh queue with room for `capacity` events, a power of two.
    fn pair(capacity: usize) -> (impl Sender<T>, impl Receiver<T>);
}

/// A queue from two publishers to one reader.
pub trait TwoToOne<T: Copy> {
    /// A fresh queue with room for `capacity` events, a power of two.
    fn pair(capacity: usize) -> ([impl Sender<T>; 2], impl Receiver<T>);
}
