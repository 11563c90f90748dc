//! The simulated threads and their time: stackful coroutines, of which a seeded choice lets one run at a time. Each runs until it sleeps.
//! Stands for the operating system behind `crate::sync`.

use super::faults::{FaultPlan, ThreadFault};
use super::trace::Trace;
use crate::bus::SplitMix64;
use crate::clock::ManualHand;
use crate::sync::{SIMULATED_IDS, Simulation, set_thread_id};
use core::cell::{OnceCell, RefCell};
use core::time::Duration;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A thread that could run is passed over for at most so many steps per thread that there is.
const PASSED_OVER_MAX: u64 = 16;
/// What a step takes at most, in nanoseconds: a turn with some events.
const STEP_NS_MAX: u64 = 2_000;
/// Resumptions that a thread gets to end when the simulation does.
const LAST_STEPS_MAX: usize = 10_000;
/// What a sleep takes at least once the simulation is over: somebody waits for its end, in vain.
const LAST_SLEEP_MIN: Duration = Duration::from_millis(100);
/// A thread cannot let others run while it unwinds. After so many attempts it never will go on.
const UNWINDING_SLEEPS_MAX: u32 = 1_000_000;

/// What a thread is woken for.
#[derive(Clone, Copy, PartialEq)]
enum Wake {
    /// To go on.
    Go,
    /// To unwind: the simulation is over.
    End,
}

/// Unwinds a thread when the simulation is over.
struct Over;

type Look = Box<dyn Fn(&Threads)>;
type Task = Coroutine<Wake, (), (), DefaultStack>;

struct Thread {
    name: String,
    /// While it sleeps.
    task: Option<Task>,
    /// The way to suspend it, once it has run.
    yielder: *const Yielder<Wake, ()>,
    /// It sleeps until then.
    wakes_at: Duration,
    /// The step in which it ran last.
    ran_at: u64,
    /// Steps since then, or since it began to run, in which it could have run.
    passed_over: u64,
    ended: bool,
    sleeps: u64,
}

struct State {
    random: SplitMix64,
    now: Duration,
    threads: Vec<Thread>,
    /// Threads that have not ended, by index, in the order of their starts.
    alive: Vec<usize>,
    running: Option<usize>,
    steps: u64,
    steps_max: u64,
    faults: FaultPlan,
    trace: Trace,
    aborted: Option<String>,
    /// What was found to be wrong while a thread ran: said in the next step.
    wrong: Option<String>,
    over: bool,
    unwinding_sleeps: u32,
}

/// All threads of a simulation.
pub(super) struct Threads {
    state: RefCell<State>,
    hand: ManualHand,
    /// Looks around after each step, as nobody's thread.
    world: OnceCell<Look>,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stepped {
    /// A thread ran, or time passed.
    On,
    /// Nothing will ever run again.
    Over,
}

thread_local!(static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) });

/// A stack, used before or new.
fn stack() -> DefaultStack {
    STACKS.with_borrow_mut(Vec::pop).unwrap_or_default()
}

impl Threads {
    pub(super) fn new(seed: u64, hand: ManualHand, faults: FaultPlan) -> Self {
        let state = State {
            random: SplitMix64::new(seed),
            now: Duration::ZERO,
            threads: Vec::new(),
            alive: Vec::new(),
            running: None,
            steps: 0,
            steps_max: 2_000_000,
            faults,
            trace: Trace::new(),
            aborted: None,
            wrong: None,
            over: false,
            unwinding_sleeps: 0,
        };
        Self { state: RefCell::new(state), hand, world: OnceCell::new() }
    }

    pub(super) fn steps(&self) -> u64 {
        self.state.borrow().steps
    }

    pub(super) fn now(&self) -> Duration {
        self.state.borrow().now
    }

    pub(super) fn set_steps_max(&self, steps: u64) {
        self.state.borrow_mut().steps_max = steps;
    }

    pub(super) fn aborted(&self) -> Option<String> {
        self.state.borrow().aborted.clone()
    }

    /// Writes something into the trace.
    pub(super) fn note(&self, words: &[u64]) {
        self.state.borrow_mut().trace.note(words);
    }

    pub(super) fn digest(&self) -> u64 {
        self.state.borrow().trace.digest()
    }

    /// Asks the plan of faults, with the time and the dice.
    pub(super) fn with_faults<R>(&self, ask: impl FnOnce(&mut FaultPlan, &mut SplitMix64, Duration) -> R) -> R {
        let State { faults, random, now, .. } = &mut *self.state.borrow_mut();
        ask(faults, random, *now)
    }

    /// The clock of the buses jumps; the time does not.
    pub(super) fn jump_clock(&self, by_ns: i64) {
        self.hand.jump_ns(by_ns);
    }

    /// Who there is and what they wait for, for somebody who looks for a hang.
    pub(super) fn describe(&self) -> String {
        let state = self.state.borrow();
        let one = |&at: &usize| {
            let Thread { name, wakes_at, ran_at, .. } = &state.threads[at];
            format!("\n  thread {name}: ran last in step {ran_at}, sleeps until {wakes_at:?}")
        };
        let threads: String = state.alive.iter().map(one).collect();
        let names: Vec<&str> = state.trace.recent().map(|at| state.threads[at].name.as_str()).collect();
        format!("at {:?}, step {}{threads}\n  ran last: {}", state.now, state.steps, names.join(" "))
    }

    /// One thread runs until it sleeps, or time passes up to `until` at most.
    pub(super) fn step(&self, until: Duration) -> Stepped {
        let mut state = self.state.borrow_mut();
        assert!(state.running.is_none(), "a simulated thread sleeps; it does not drive the simulation");
        if state.over || state.aborted.is_some() {
            return Stepped::Over;
        }
        state.steps += 1;
        if state.steps > state.steps_max {
            let most = state.steps_max;
            state.over = true;
            drop(state);
            panic!("the simulation takes more than {most} steps, it hangs: {}", self.describe());
        }
        let took = Duration::from_nanos(state.random.up_to(STEP_NS_MAX));
        self.pass(&mut state, took);
        match state.choose() {
            Some(at) => {
                drop(state);
                self.resume(at, Wake::Go);
            }
            None => {
                let next = state.alive.iter().map(|&at| state.threads[at].wakes_at).min().unwrap_or(until);
                let ahead = next.min(until).saturating_sub(state.now);
                self.pass(&mut state, ahead);
                drop(state);
            }
        }
        if let Some(world) = self.world.get() {
            world(self);
        }
        let wrong = self.state.borrow_mut().wrong.take();
        if let Some(wrong) = wrong {
            self.state.borrow_mut().over = true;
            panic!("{wrong}; {}", self.describe());
        }
        Stepped::On
    }

    /// Looks around after each step from here on.
    pub(super) fn set_world(&self, world: impl Fn(&Self) + 'static) {
        assert!(self.world.set(Box::new(world)).is_ok(), "a simulation has one world");
    }

    /// Something is wrong: the step that is under way ends the simulation with it.
    pub(super) fn wrong(&self, what: String) {
        self.state.borrow_mut().wrong.get_or_insert(what);
    }

    fn pass(&self, state: &mut State, time: Duration) {
        state.now += time;
        self.hand.advance_ns(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Lets one thread run until it sleeps or ends.
    fn resume(&self, at: usize, wake: Wake) {
        let task = {
            let mut state = self.state.borrow_mut();
            state.running = Some(at);
            state.threads[at].task.take()
        };
        let Some(mut task) = task else { unreachable!("a thread that runs is not resumed") };
        set_thread_id(SIMULATED_IDS + at as u32);
        let result = task.resume(wake);
        set_thread_id(0);
        let mut state = self.state.borrow_mut();
        state.running = None;
        match result {
            CoroutineResult::Yield(()) => state.threads[at].task = Some(task),
            CoroutineResult::Return(()) => {
                state.threads[at].ended = true;
                state.alive.retain(|&other| other != at);
                drop(state);
                STACKS.with_borrow_mut(|stacks| stacks.push(task.into_stack()));
            }
        }
    }

    /// The calling simulated thread lets others run. Returns when it is its turn again.
    fn suspend(&self, at: usize) {
        let yielder = self.state.borrow().threads[at].yielder;
        // SAFETY: the yielder lives on the coroutine's stack as long as its body runs, and it is that body which calls this.
        let wake = unsafe { (*yielder).suspend(()) };
        if wake == Wake::End {
            resume_unwind(Box::new(Over));
        }
    }

    /// Ends all threads: each unwinds from where it sleeps. Where the test has failed, it unwinds itself, and they are left behind.
    pub(super) fn end(&self) {
        let mut state = self.state.borrow_mut();
        state.over = true;
        if std::thread::panicking() {
            state.alive.clear();
            state.threads.drain(..).for_each(|thread| core::mem::forget(thread.task));
            return;
        }
        drop(state);
        loop {
            let Some(at) = self.state.borrow().alive.first().copied() else { return };
            for _ in 0..LAST_STEPS_MAX {
                if self.state.borrow().threads[at].ended {
                    break;
                }
                self.resume(at, Wake::End);
            }
            let mut state = self.state.borrow_mut();
            if !state.threads[at].ended {
                // It catches every unwinding and goes on for ever. Its stack is left behind.
                state.threads[at].ended = true;
                state.alive.retain(|&other| other != at);
                core::mem::forget(state.threads[at].task.take());
            }
        }
    }
}

impl State {
    /// Which thread runs next: any that does not sleep, by chance; but none is passed over for ever.
    fn choose(&mut self) -> Option<usize> {
        let Self { threads, alive, now, steps, random, trace, .. } = self;
        let ready = |&&at: &&usize| threads[at].wakes_at <= *now;
        let count = alive.iter().filter(ready).count() as u64;
        let patient = *alive.iter().filter(ready).max_by_key(|&&at| threads[at].passed_over)?;
        let lot = *alive.iter().filter(ready).nth(random.up_to(count - 1) as usize)?;
        let at = if threads[patient].passed_over > PASSED_OVER_MAX * count { patient } else { lot };
        for &other in alive.iter() {
            let ready = threads[other].wakes_at <= *now;
            threads[other].passed_over += u64::from(ready);
        }
        (threads[at].passed_over, threads[at].ran_at) = (0, *steps);
        trace.ran(at, *now);
        Some(at)
    }
}

impl Simulation for Threads {
    fn now(&self) -> Duration {
        Self::now(self)
    }

    fn sleep(&self, time: Duration) {
        let mut state = self.state.borrow_mut();
        let until = state.now.saturating_add(time);
        if state.over && state.running.is_none() {
            return self.pass(&mut state, time.max(LAST_SLEEP_MIN));
        }
        if std::thread::panicking() {
            // Others cannot run now: only time passes.
            state.unwinding_sleeps += 1;
            if state.unwinding_sleeps > UNWINDING_SLEEPS_MAX {
                eprintln!(
                    "tagring: a wait for others, begun by a destructor while a panic unwinds, never ends under a simulation"
                );
                std::process::abort();
            }
            return self.pass(&mut state, time);
        }
        let Some(at) = state.running else {
            drop(state);
            while self.step(until) == Stepped::On && self.now() < until {}
            let mut state = self.state.borrow_mut();
            let left = until.saturating_sub(state.now);
            return self.pass(&mut state, left);
        };
        let State { threads, faults, random, over, .. } = &mut *state;
        let thread = &mut threads[at];
        thread.wakes_at = until;
        thread.sleeps += 1;
        let fault = if *over { None } else { faults.at_sleep(&thread.name, thread.sleeps - 1, random) };
        if let Some(ThreadFault::Stall(stall)) = fault {
            thread.wakes_at = until.saturating_add(stall);
        }
        drop(state);
        self.suspend(at);
        if let Some(ThreadFault::Panic(message)) = fault {
            // Without the panic hook: it is expected.
            resume_unwind(Box::new(message));
        }
    }

    fn spawn(&self, name: &str, body: Box<dyn FnOnce()>) -> u32 {
        let mut state = self.state.borrow_mut();
        let at = state.threads.len();
        let run = move |yielder: &Yielder<Wake, ()>, wake| {
            if wake == Wake::End {
                return;
            }
            super::with_threads(|threads| threads.state.borrow_mut().threads[at].yielder = yielder);
            // A panic ends the thread, as it does a real one; where the simulation is over it is how a thread ends.
            drop(catch_unwind(AssertUnwindSafe(body)));
        };
        let (wakes_at, ran_at) = (state.now, state.steps);
        state.threads.push(Thread {
            name: name.to_owned(),
            task: Some(Coroutine::with_stack(stack(), run)),
            yielder: core::ptr::null(),
            wakes_at,
            ran_at,
            passed_over: 0,
            ended: false,
            sleeps: 0,
        });
        state.alive.push(at);
        SIMULATED_IDS + at as u32
    }

    fn is_alive(&self, thread: u32) -> bool {
        let at = (thread - SIMULATED_IDS) as usize;
        self.state.borrow().threads.get(at).is_some_and(|thread| !thread.ended)
    }

    fn wake(&self, thread: u32) {
        let mut state = self.state.borrow_mut();
        let now = state.now;
        if let Some(thread) = state.threads.get_mut((thread - SIMULATED_IDS) as usize) {
            thread.wakes_at = thread.wakes_at.min(now);
        }
    }

    fn abort(&self, why: &str) {
        let mut state = self.state.borrow_mut();
        let Some(at) = state.running else { return };
        if !state.over {
            state.aborted.get_or_insert_with(|| why.to_owned());
        }
        drop(state);
        self.suspend(at);
        unreachable!("after an abort nothing runs but the end");
    }
}
