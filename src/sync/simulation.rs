//! The door to threads and time that are not real. A simulation that is entered on a thread of the system stands for the operating
//! system there: it starts threads, lets them sleep and tells the time, all of them on that one thread and in an order of its choice.
//!
//! Whoever waits, sleeps, or starts a thread outside the hot path does it through these functions; where no simulation is entered they
//! are those of the standard library, behind one load of a thread's own flag. Nothing on the hot path asks.

use super::faults;
use super::thread::thread_id;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};
use std::rc::Rc;
use std::thread::{JoinHandle, Thread};
use std::time::Instant;

/// Ids of simulated threads begin here: the kernel's end far below.
pub const SIMULATED_IDS: u32 = 1 << 31;
/// How often a simulated wait looks whether there is something.
const LOOK: Duration = Duration::from_micros(50);

/// What stands for the operating system.
pub trait Simulation {
    /// The time since the simulation began. It never goes back.
    fn now(&self) -> Duration;
    /// The calling thread sleeps for `time`, or until it is woken; others run meanwhile.
    fn sleep(&self, time: Duration);
    /// Starts a thread. Returns its id, [`SIMULATED_IDS`] or more.
    fn spawn(&self, name: &str, body: Box<dyn FnOnce()>) -> u32;
    /// Whether that thread has not ended.
    fn is_alive(&self, thread: u32) -> bool;
    /// Ends a sleep of that thread.
    fn wake(&self, thread: u32);
    /// The process would abort: nothing runs any more. Does not return.
    fn abort(&self, why: &str);
}

thread_local! {
    static ENTERED: Cell<bool> = const { Cell::new(false) };
    static SIMULATION: RefCell<Option<Rc<dyn Simulation>>> = const { RefCell::new(None) };
}

/// From here on the calling thread of the system is simulated, or real again.
#[cfg(feature = "sim")]
pub fn enter_simulation(simulation: Option<Rc<dyn Simulation>>) {
    ENTERED.set(simulation.is_some());
    SIMULATION.set(simulation);
}

/// Whether threads and time are not real here.
#[must_use]
pub fn is_simulated() -> bool {
    cfg!(feature = "sim") && ENTERED.get()
}

/// Asks the simulation, if there is one. It is not borrowed meanwhile: others run, and ask too.
fn ask<R>(question: impl FnOnce(&dyn Simulation) -> R) -> Option<R> {
    if !is_simulated() {
        return None;
    }
    let simulation = SIMULATION.with_borrow(Clone::clone)?;
    Some(question(&*simulation))
}

/// A moment, for time-outs.
#[derive(Clone, Copy, Debug)]
pub struct Moment(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    Real(Instant),
    Simulated(Duration),
}

impl Moment {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self(ask(|simulation| simulation.now()).map_or_else(|| Source::Real(Instant::now()), Source::Simulated))
    }

    /// The time since then.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        match self.0 {
            Source::Real(since) => since.elapsed(),
            Source::Simulated(since) => ask(|simulation| simulation.now()).unwrap_or(since).saturating_sub(since),
        }
    }
}

/// Sleeps.
pub fn nap(time: Duration) {
    if ask(|simulation| simulation.sleep(time)).is_none() {
        std::thread::sleep(time);
    }
}

/// Sleeps until it is woken through a [`Waker`], for at most `limit`.
pub fn park(limit: Duration) {
    if ask(|simulation| simulation.sleep(limit)).is_none() {
        std::thread::park_timeout(limit);
    }
}

/// Gives the rest of this thread's time slice away.
pub fn yield_now() {
    if ask(|simulation| simulation.sleep(Duration::ZERO)).is_none() {
        std::thread::yield_now();
    }
}

/// Waits for a message, for at most `limit`.
///
/// # Errors
/// As `Receiver::recv_timeout`.
pub fn receive<T>(from: &Receiver<T>, limit: Duration) -> Result<T, RecvTimeoutError> {
    if !is_simulated() {
        return from.recv_timeout(limit);
    }
    let since = Moment::now();
    loop {
        match from.try_recv() {
            Ok(message) => return Ok(message),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) if since.elapsed() >= limit => return Err(RecvTimeoutError::Timeout),
            Err(TryRecvError::Empty) => nap(LOOK.min(limit)),
        }
    }
}

/// Ends the process, with a word why.
#[cold]
pub fn abort(why: &str) -> ! {
    // A simulated thread does not come back from there.
    ask(|simulation| simulation.abort(why));
    eprintln!("{why}");
    std::process::abort();
}

/// Whether a simulated thread has not ended.
pub(super) fn simulated_is_alive(thread: u32) -> bool {
    ask(|simulation| simulation.is_alive(thread)).unwrap_or(false)
}

/// A thread that was started.
#[derive(Debug)]
pub enum Spawned {
    /// One of the system.
    Real(JoinHandle<()>),
    /// One of a simulation, by its id.
    Simulated(u32),
}

/// Wakes a thread that sleeps in [`park`].
#[derive(Clone, Debug)]
pub enum Waker {
    /// One of the system.
    Real(Thread),
    /// One of a simulation, by its id.
    Simulated(u32),
}

/// Starts a thread.
///
/// # Errors
/// Those of the operating system.
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<Spawned> {
    crate::fault!(faults::points::THREAD_START, name; Error => return Err(std::io::ErrorKind::WouldBlock.into()));
    if is_simulated() {
        let thread = ask(|simulation| simulation.spawn(name, Box::new(body)));
        return thread.map(Spawned::Simulated).ok_or_else(|| std::io::Error::other("the simulation has ended"));
    }
    std::thread::Builder::new().name(name.to_owned()).spawn(faults::carry(body)).map(Spawned::Real)
}

impl Spawned {
    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match self {
            Self::Real(thread) => thread.is_finished(),
            Self::Simulated(thread) => !simulated_is_alive(*thread),
        }
    }

    /// Waits for its end; false where it panicked.
    #[must_use]
    pub fn join(self) -> bool {
        match self {
            Self::Real(thread) => thread.join().is_ok(),
            Self::Simulated(thread) => {
                debug_assert_ne!(thread, thread_id(), "a thread cannot wait for its own end");
                while simulated_is_alive(thread) {
                    nap(LOOK);
                }
                true
            }
        }
    }

    /// The way to wake it.
    #[must_use]
    pub fn waker(&self) -> Waker {
        match self {
            Self::Real(thread) => Waker::Real(thread.thread().clone()),
            Self::Simulated(thread) => Waker::Simulated(*thread),
        }
    }
}

impl Waker {
    /// Wakes it.
    pub fn wake(&self) {
        match self {
            Self::Real(thread) => thread.unpark(),
            Self::Simulated(thread) => drop(ask(|simulation| simulation.wake(*thread))),
        }
    }
}
