//! A slot thread: one pinned thread that hosts one or several slots and turns them in order.
//!
//! Control (attach, shut down) comes over a channel that the thread looks at between turns, one load when there is nothing. The
//! thread parks only when every slot it hosts allows it.

use super::affinity::{CoreError, allowed_cores, pin_current_thread};
use super::duty::{Duty, DutyCounts, DutyTimes};
use super::hosting::{Grow, Hosting, Sown};
use super::name::Name;
use super::slot::{RunSlot, Turned, message};
use super::tail::Around;
use crate::ring::{Doorbell, Idle, PARK_LIMIT, WaitStrategy};
use crate::sync::{AtomicU32, AtomicU64, Moment, Ordering, Spawned, is_simulated, nap, receive, spawn, thread_id};
use core::fmt;
use core::time::Duration;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use crossbeam_utils::CachePadded;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// How long a thread sleeps at most when its slots belong to rings with different doorbells: it can only listen at one.
const MIXED_BELLS_LIMIT: Duration = Duration::from_millis(1);

/// How long a simulated thread sleeps at most when there is nothing.
const SIMULATED_PAUSE_MAX: Duration = Duration::from_millis(1);

/// What the thread is told.
enum Order {
    /// Host a slot; the answer is what `on_start` came to.
    Host { seed: Sown, started: Sender<Result<(), String>> },
    /// Stop when all slots are done, or at once.
    Stop { now: bool },
}

/// Why a slot thread was not started.
#[derive(Debug)]
#[non_exhaustive]
pub enum ThreadError {
    /// The core could not be had.
    Core {
        /// The thread.
        thread: Name,
        /// Why.
        cause: CoreError,
    },
    /// The operating system refused a thread.
    Spawn {
        /// The thread.
        thread: Name,
        /// Why.
        cause: std::io::Error,
    },
    /// The hook that was to run on the new thread failed or panicked.
    Hook {
        /// The thread.
        thread: Name,
        /// What it said.
        message: String,
    },
}

impl ThreadError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Core { cause, .. } => cause.code(),
            Self::Spawn { .. } => "TR-0631",
            Self::Hook { .. } => "TR-0632",
        }
    }
}

impl fmt::Display for ThreadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core { thread, cause } => write!(f, "thread {thread}: {cause}"),
            Self::Hook { thread, message } => {
                write!(
                    f,
                    "thread {thread}: not started: its hook failed: {message}; mend the hook, or leave it out [{}]",
                    self.code()
                )
            }
            Self::Spawn { thread, cause } => {
                write!(f, "thread {thread}: not started: {cause}; raise the limit on threads [{}]", self.code())
            }
        }
    }
}

impl std::error::Error for ThreadError {}

/// What a shutdown came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadReport {
    /// The thread.
    pub thread: Name,
    /// Whether it has ended. If not, a handler holds it: it ends when that returns.
    pub ended: bool,
    /// How long it took.
    pub waited: Duration,
}

/// What a slot thread has done. Single counts, each of its own moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadStats {
    /// Rounds over all its slots.
    pub turns: u64,
    /// Those in which a slot had something to do.
    pub busy: u64,
    /// Those in which none had.
    pub idle_polls: u64,
    /// Times it went to sleep.
    pub parks: u64,
    /// What its time went into: useful spinning told from idle.
    pub times: DutyTimes,
    /// Its slots now, in the order of their turns.
    pub slots: Vec<Name>,
    /// Its kernel id.
    pub kernel_id: u32,
    /// The slot whose turn it is; `None` between rounds, or where it has no slot. A thread with a single slot names that one always.
    pub current: Option<Name>,
}

type Hook = Box<dyn FnOnce() -> Result<(), String> + Send>;

/// How to start a [`SlotThread`].
#[must_use = "a builder starts nothing until `start` is called"]
pub struct SlotThreadBuilder {
    name: Name,
    core: Option<usize>,
    hook: Option<Hook>,
}

impl SlotThreadBuilder {
    /// The core to pin the thread to. Default: not pinned.
    pub fn core(mut self, core: impl Into<Option<usize>>) -> Self {
        self.core = core.into();
        self
    }

    /// Runs on the new thread, once it is pinned and before it is ready: for its scheduling class, its stack, thread-local things.
    pub fn on_start(mut self, hook: impl FnOnce() -> Result<(), String> + Send + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// Starts the thread and waits until it is pinned and its hook has run.
    ///
    /// # Errors
    /// [`ThreadError`]; no thread is left then.
    pub fn start(self) -> Result<SlotThread, ThreadError> {
        let Self { name, core, hook } = self;
        if let Some(core) = core.filter(|_| !is_simulated()) {
            let allowed = allowed_cores();
            if !allowed.contains(&core) {
                return Err(ThreadError::Core { thread: name, cause: CoreError::NotAllowed { core, allowed } });
            }
        }
        let (orders, inbox) = unbounded();
        let (ready, is_ready) = bounded(1);
        let bell = Arc::<Doorbell>::default();
        let shared = Arc::new(ThreadShared {
            parked_at: Mutex::new(Arc::clone(&bell)),
            sent: AtomicU32::new(0),
            id: AtomicU32::new(0),
            slots: Mutex::default(),
            counts: CachePadded::default(),
            duty: CachePadded::default(),
            abandoned: AtomicU32::new(0),
        });
        let theirs = Arc::clone(&shared);
        let run = move || {
            theirs.id.store(thread_id(), Ordering::Relaxed);
            let result = prepare(name, core, hook);
            let go = result.is_ok();
            let _ = ready.send(result);
            if go {
                let host = Host::new(inbox, theirs, bell);
                if is_simulated() { host.run_simulated() } else { host.run() }
            }
        };
        let thread = spawn(name.as_str(), run).map_err(|cause| ThreadError::Spawn { thread: name, cause })?;
        if let Ok(Err(error)) = receive(&is_ready, Duration::MAX) {
            let _ = thread.join();
            return Err(error);
        }
        Ok(SlotThread { name, core, orders, shared, thread: Some(thread) })
    }
}

/// What a new thread does before it is ready.
fn prepare(thread: Name, core: Option<usize>, hook: Option<Hook>) -> Result<(), ThreadError> {
    core.map_or(Ok(()), pin_current_thread).map_err(|cause| ThreadError::Core { thread, cause })?;
    let Some(hook) = hook else { return Ok(()) };
    let result = catch_unwind(AssertUnwindSafe(hook)).unwrap_or_else(|panic| Err(message(&*panic)));
    result.map_err(|message| ThreadError::Hook { thread, message })
}

/// What the thread and those who look at it share.
pub(super) struct ThreadShared {
    /// The doorbell the thread listens at, for those who send orders.
    parked_at: Mutex<Arc<Doorbell>>,
    /// Orders sent so far: what the thread looks at between turns.
    sent: AtomicU32,
    id: AtomicU32,
    /// Serials and names of its slots, for those who ask.
    slots: Mutex<Vec<(u64, Name)>>,
    counts: CachePadded<Counts>,
    duty: CachePadded<DutyCounts>,
    /// Whether dropping the owner's value is not to wait for the thread.
    abandoned: AtomicU32,
}

impl ThreadShared {
    /// A slot starts, and may stick there.
    #[cold]
    fn show_start(&self, serial: u64, name: Name) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).push((serial, name));
        self.counts.current.store(serial, Ordering::Relaxed);
    }

    /// The slot whose turn it is.
    pub(super) fn current(&self) -> Option<Name> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        self.current_of(&slots)
    }

    fn current_of(&self, slots: &[(u64, Name)]) -> Option<Name> {
        let current = self.counts.current.load(Ordering::Relaxed);
        slots.iter().find(|(serial, _)| *serial == current).map(|&(_, name)| name)
    }
}

/// Written by the thread alone, in plain stores.
#[derive(Default)]
struct Counts {
    turns: AtomicU64,
    busy: AtomicU64,
    parks: AtomicU64,
    /// Rounds after which it slept or gave its core away.
    rests: AtomicU64,
    /// Serial of the slot whose turn it is; 0: none.
    current: AtomicU64,
}

/// Adds one by load and store: there is one writer.
#[inline(always)]
fn count(cell: &AtomicU64) {
    cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// A thread that hosts slots. Dropping it asks it to stop at once and waits a second at most.
pub struct SlotThread {
    name: Name,
    core: Option<usize>,
    orders: Sender<Order>,
    shared: Arc<ThreadShared>,
    thread: Option<Spawned>,
}

impl SlotThread {
    /// Starts to build a slot thread.
    pub fn builder(name: &str) -> SlotThreadBuilder {
        SlotThreadBuilder { name: Name::new(name), core: None, hook: None }
    }

    /// The thread's name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name
    }

    /// The core it is pinned to.
    #[must_use]
    pub fn core(&self) -> Option<usize> {
        self.core
    }

    /// Its kernel id.
    #[must_use]
    pub fn kernel_id(&self) -> u32 {
        self.shared.id.load(Ordering::Relaxed)
    }

    /// Whether the thread still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// What it has done, and what it is at.
    #[must_use]
    pub fn stats(&self) -> ThreadStats {
        let Counts { turns, busy, parks, rests, .. } = &*self.shared.counts;
        // Busy rounds and rests are a part of all rounds: the parts are read first.
        let (busy, rests) = (busy.load(Ordering::Relaxed), rests.load(Ordering::Relaxed));
        let turns = turns.load(Ordering::Relaxed);
        let slots = self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner);
        ThreadStats {
            turns,
            busy,
            idle_polls: turns.saturating_sub(busy),
            parks: parks.load(Ordering::Relaxed),
            times: self.shared.duty.times(turns.saturating_sub(busy).saturating_sub(rests)),
            current: self.shared.current_of(&slots),
            slots: slots.iter().map(|&(_, name)| name).collect(),
            kernel_id: self.kernel_id(),
        }
    }

    /// Which slot it is at, of all that the process ever had; 0: none.
    pub(crate) fn current_serial(&self) -> u64 {
        self.shared.counts.current.load(Ordering::Relaxed)
    }

    /// Rounds of turns so far.
    pub(crate) fn turns(&self) -> u64 {
        self.shared.counts.turns.load(Ordering::Relaxed)
    }

    /// Leaves the thread to itself: dropping this value will not wait for it. For one that a handler holds.
    pub(crate) fn abandon(&self) {
        self.shared.abandoned.store(1, Ordering::Relaxed);
    }

    /// Whether the caller is this thread.
    pub(super) fn is_own(&self) -> bool {
        self.kernel_id() == thread_id()
    }

    /// Hosts a slot, unless it is taken back before the thread comes to it.
    pub(super) fn host(&self, grow: Grow) -> Hosting {
        let (started, answer) = bounded(1);
        let (seed, hosting) = Hosting::new(grow, Arc::clone(&self.shared), answer);
        self.send(Order::Host { seed, started });
        hosting
    }

    /// Asks the thread to end once all its slots are done (their buses closed and read to the end). Does not wait.
    pub fn ask_to_finish(&self) {
        self.send(Order::Stop { now: false });
    }

    /// Asks the thread to stop its slots after the current turn and to end. Does not wait.
    pub fn ask_to_stop(&self) {
        self.send(Order::Stop { now: true });
    }

    /// Waits for the thread's end, for at most `limit`; returns whether it has ended. May be repeated.
    pub fn join_within(&mut self, limit: Duration) -> bool {
        self.ends_within(limit)
    }

    /// Leaves the thread to itself: dropping this value would wait for it. For one that a handler holds.
    pub fn leave_behind(mut self) {
        self.ask_to_stop();
        self.thread = None;
    }

    /// Lets the thread end once all its slots are done (their buses closed and read to the end), for at most `limit`; after
    /// that, slots stop where they are, for which they get 200 ms more. A handler that does not return cannot hold this call.
    #[must_use = "the report says whether the thread has ended"]
    pub fn shutdown(mut self, limit: Duration) -> ThreadReport {
        let since = Moment::now();
        self.ask_to_finish();
        let mut ended = self.ends_within(limit);
        if !ended {
            self.ask_to_stop();
            ended = self.ends_within(STOP_GRACE);
        }
        // One that has not ended is left behind: dropping this value must not wait for it again.
        self.thread = None;
        ThreadReport { thread: self.name, ended, waited: since.elapsed() }
    }

    fn send(&self, order: Order) {
        let _ = self.orders.send(order);
        self.shared.sent.fetch_add(1, Ordering::Release); // SYNC order-sent
        self.shared.parked_at.lock().unwrap_or_else(PoisonError::into_inner).ring();
    }

    /// Waits for the thread's end; a thread that does not end is left behind.
    fn ends_within(&mut self, limit: Duration) -> bool {
        let since = Moment::now();
        while self.is_running() {
            if since.elapsed() >= limit {
                return false;
            }
            nap(Duration::from_micros(200));
        }
        self.thread.take().is_none_or(Spawned::join)
    }
}

/// How long slots get to run `on_stop` once the limit has passed.
const STOP_GRACE: Duration = Duration::from_millis(200);

impl Drop for SlotThread {
    fn drop(&mut self) {
        if self.thread.is_some() && self.shared.abandoned.load(Ordering::Relaxed) == 0 {
            self.ask_to_stop();
            self.ends_within(Duration::from_secs(1));
        }
    }
}

/// The thread's own side.
struct Host {
    inbox: Receiver<Order>,
    shared: Arc<ThreadShared>,
    /// Orders taken so far.
    obeyed: u32,
    slots: Vec<Box<dyn RunSlot>>,
    /// Where it listens while it has no slots.
    own_bell: Arc<Doorbell>,
    /// The doorbell of the first slot, and whether others have another.
    bell: Arc<Doorbell>,
    mixed: bool,
    ending: bool,
    /// What its slots are told of each other.
    around: Around,
    duty: Duty,
}

impl Host {
    fn new(inbox: Receiver<Order>, shared: Arc<ThreadShared>, bell: Arc<Doorbell>) -> Self {
        let own_bell = Arc::clone(&bell);
        let (around, duty) = (Around::default(), Duty::new(&shared.duty));
        let slots = Vec::new();
        Self { inbox, shared, obeyed: 0, slots, own_bell, bell, mixed: false, ending: false, around, duty }
    }

    /// Not inlined, like [`Self::wait`]: a landmark in profiles.
    #[inline(never)]
    fn run(mut self) {
        let mut idle = Idle::new();
        while !self.is_over() {
            if self.turn() { idle.reset() } else { self.wait(&mut idle) }
        }
    }

    /// As [`Self::run`], where others run only while this thread sleeps: it does so after each round, the longer the longer there is nothing.
    fn run_simulated(mut self) {
        let mut pause = Duration::ZERO;
        while !self.is_over() {
            let longer = (pause * 2).clamp(Duration::from_micros(1), SIMULATED_PAUSE_MAX);
            pause = if self.turn() { Duration::ZERO } else { longer };
            nap(pause);
        }
    }

    /// Whether the thread is to end, once it has done what it was told.
    #[inline(always)]
    fn is_over(&mut self) -> bool {
        (self.has_orders() && self.obey_all()) || (self.ending && self.slots.is_empty())
    }

    #[inline(always)]
    fn has_orders(&self) -> bool {
        self.shared.sent.load(Ordering::Acquire) != self.obeyed // SYNC order-sent
    }

    /// True: end now.
    #[cold]
    fn obey_all(&mut self) -> bool {
        while let Ok(order) = self.inbox.try_recv() {
            self.obeyed = self.obeyed.wrapping_add(1);
            match order {
                Order::Host { seed, started } => {
                    if let Some(grow) = seed.take() {
                        self.host(grow, &started);
                    }
                }
                Order::Stop { now: false } => self.ending = true,
                Order::Stop { now: true } => {
                    for slot in &mut self.slots {
                        self.shared.counts.current.store(slot.serial(), Ordering::Relaxed);
                        slot.stop();
                    }
                    self.slots.clear();
                    self.listen();
                    return true;
                }
            }
        }
        false
    }

    fn host(&mut self, grow: Grow, started: &Sender<Result<(), String>>) {
        let grown = catch_unwind(AssertUnwindSafe(|| {
            let mut slot = grow();
            self.shared.show_start(slot.serial(), slot.name());
            slot.start().map(|()| slot)
        }));
        let result = grown.unwrap_or_else(|panic| Err(message(&*panic))).map(|slot| self.slots.push(slot));
        self.listen();
        let _ = started.send(result);
    }

    /// One turn of every slot; whether any was busy.
    #[inline]
    fn turn(&mut self) -> bool {
        let (mut busy, mut done) = (false, false);
        let counts = &*self.shared.counts;
        let many = self.slots.len() > 1;
        for slot in &mut self.slots {
            if many {
                counts.current.store(slot.serial(), Ordering::Relaxed);
            }
            match slot.turn(self.around) {
                Turned::Idle => continue,
                Turned::Busy => busy = true,
                Turned::Done => done = true,
            }
            self.around.busy = self.around.busy.wrapping_add(1);
        }
        if many {
            counts.current.store(0, Ordering::Relaxed);
        }
        count(&counts.turns);
        if done {
            self.slots.retain(|slot| !slot.is_done());
            self.listen();
        }
        if busy || done {
            count(&self.shared.counts.busy);
            self.duty.busy();
        } else {
            self.duty.idle(&self.shared.duty);
        }
        busy || done
    }

    #[inline(never)]
    fn wait(&mut self, idle: &mut Idle) {
        let least = self.slots.iter().map(|slot| slot.wait_strategy()).min_by_key(|strategy| *strategy as u32);
        let least = least.unwrap_or(WaitStrategy::SpinThenPark);
        let mut limit = if self.mixed { MIXED_BELLS_LIMIT } else { PARK_LIMIT };
        if least == WaitStrategy::SpinThenPark {
            limit = self.slots.iter().filter_map(|slot| slot.pause()).fold(limit, Duration::min);
        }
        let (slots, shared, obeyed) = (&mut self.slots, &self.shared, self.obeyed);
        let resting_since = (!idle.keeps_core(least)).then(|| self.duty.now());
        // The last look is made only by who is about to sleep.
        idle.step(least, &self.bell, limit, || {
            count(&shared.counts.parks);
            shared.sent.load(Ordering::Acquire) != obeyed || slots.iter_mut().any(|slot| slot.is_ready()) // SYNC order-sent
        });
        if let Some(since) = resting_since {
            self.around.rests = self.around.rests.wrapping_add(1);
            count(&self.shared.counts.rests);
            self.duty.rested(since, &self.shared.duty);
        }
    }

    /// The slots have changed: says which there are, and chooses the doorbell to listen at, the first slot's.
    fn listen(&mut self) {
        let slots: Vec<_> = self.slots.iter().map(|slot| (slot.serial(), slot.name())).collect();
        let only = if let [(serial, _)] = slots[..] { serial } else { 0 };
        self.shared.counts.current.store(only, Ordering::Relaxed);
        *self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner) = slots;
        // Without slots it goes back to its own: a sleeper at a bus's doorbell costs each publication a system call.
        self.bell = self.slots.first().map_or_else(|| Arc::clone(&self.own_bell), |slot| slot.bell());
        self.mixed = self.slots.iter().any(|slot| !Arc::ptr_eq(&slot.bell(), &self.bell));
        *self.shared.parked_at.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&self.bell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A handler that holds its thread is told to stop twice, by `shutdown`, and not a third time by the drop that follows, which would
    /// wait a second more.
    #[test]
    fn a_shutdown_that_gave_up_is_not_begun_again_by_the_drop() {
        let thread = SlotThread::builder("stuck").start().unwrap();
        let (release, held) = bounded::<()>(0);
        let grow: Grow = Box::new(move || {
            let _ = held.recv();
            panic!("nothing to host")
        });
        let hosting = thread.host(grow);
        let shared = Arc::clone(&thread.shared);
        let report = thread.shutdown(Duration::ZERO);
        assert_eq!((report.ended, shared.sent.load(Ordering::Relaxed)), (false, 3));
        drop(release);
        assert_eq!(hosting.started.recv().unwrap(), Err("nothing to host".into()));
    }
}
