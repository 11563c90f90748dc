//! A slot on its way to its thread: [`Sown`] travels with the order that the thread takes up, [`Hosting`] stays with who attaches and can take
//! the slot back until then. Of the two, and of a thread that ends with the order in its box, exactly one gets it.

use super::name::Name;
use super::slot::RunSlot;
use super::thread::ThreadShared;
use crossbeam_channel::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

/// Makes the slot on its thread. Dropped instead, it gives the slot's place back and drops the handler.
pub(super) type Grow = Box<dyn FnOnce() -> Box<dyn RunSlot> + Send>;

type Seed = Arc<Mutex<Option<Grow>>>;

/// The lock is let go before the answer is looked at: growing and dropping run a handler's code.
fn take(seed: &Seed) -> Option<Grow> {
    seed.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The thread's end.
pub(super) struct Sown(Seed);

impl Sown {
    /// `None`: it was taken back.
    pub(super) fn take(&self) -> Option<Grow> {
        take(&self.0)
    }
}

impl Drop for Sown {
    /// The order is gone, and with it the slot, also where who attaches still waits.
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// The end of who attaches.
pub(super) struct Hosting {
    seed: Seed,
    thread: Arc<ThreadShared>,
    /// What `on_start` came to.
    pub(super) started: Receiver<Result<(), String>>,
}

impl Hosting {
    pub(super) fn new(grow: Grow, thread: Arc<ThreadShared>, started: Receiver<Result<(), String>>) -> (Sown, Self) {
        let seed = Arc::new(Mutex::new(Some(grow)));
        (Sown(Arc::clone(&seed)), Self { seed, thread, started })
    }

    /// Undoes what the thread has not begun. False: it has.
    pub(super) fn take_back(&self) -> bool {
        take(&self.seed).is_some()
    }

    /// The slot that the thread is at.
    pub(super) fn holder(&self) -> Option<Name> {
        self.thread.current()
    }
}
