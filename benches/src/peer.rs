//! What a queue has to do to be measured, so that each is driven by the same loops.

/// Sends to one reader.
pub trait Sender<T: Copy> {
    /// Sends one event if there is room now.
    fn try_send(&mut self, event: T) -> bool;

    /// Sends the first of these events, as many as there is room for now, as one batch where the queue knows batches. Returns how
    /// many went.
    fn try_send_batch(&mut self, events: &[T]) -> usize {
        events.iter().take_while(|&&event| self.try_send(event)).count()
    }

    /// Sends one event; waits for room.
    fn send(&mut self, event: T) {
        while !self.try_send(event) {}
    }

    /// Sends all events, as one batch where the queue knows batches; waits for room.
    fn send_batch(&mut self, events: &[T]) {
        events.iter().for_each(|&event| self.send(event));
    }
}

/// The sending end before it is on its thread.
pub trait Outlet<T: Copy>: Send + 'static {
    /// Settles on the calling thread.
    fn bind(self) -> impl Sender<T>;
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
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>);
}

/// A queue from many publishers to one reader.
pub trait ManyToOne<T: Copy> {
    /// A fresh queue with room for `capacity` events, a power of two, and as many publishers as asked.
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<T>>, impl Receiver<T>);
}

/// Who waits for whom between one publisher and three readers. Every reader sees every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nobody.
    Broadcast,
    /// The second reader sees an event after the first has handled it, the third after the second.
    Pipeline,
    /// The third reader sees an event after both others have handled it.
    Diamond,
}

impl Shape {
    /// How many readers there are.
    pub const READERS: usize = 3;
}

/// A structure between one publisher and three readers.
pub trait Graph<T: Copy> {
    /// A fresh structure with room for `capacity` events, a power of two, wherever it keeps any. `waiting` is what a reader does that
    /// has to wait inside of [`Polled::poll`]. Readers come in the order in which they may wait for each other.
    fn graph(shape: Shape, capacity: usize, waiting: Waiting) -> (impl Outlet<T>, Vec<impl Receiver<T>>);
}

/// What a thread does that finds nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Looks again: it has a core of its own.
    Spin,
    /// Lets others run first: it shares its core.
    Yield,
}

impl Waiting {
    /// Waits once.
    #[inline(always)]
    pub fn once(self) {
        if self == Self::Yield {
            std::thread::yield_now();
        }
    }
}
