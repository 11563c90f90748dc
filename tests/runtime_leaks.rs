//! Nothing is left behind: no thread, mapping, open file or byte, whatever state slots were in and however they ended; and memory stays flat over
//! many cycles. Each scenario runs in a process of its own, which counts its own `/proc`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tagring::bus::{Bus, Context, Handler, Outcome, SlotState, SlotThread};
use tagring::event::Event;
use tagring::runtime::config::{
    BusConfig, Config, Cores, FeedConfig, MeasureChoice, PanicChoice, PreflightChoice, SlotConfig, StuckChoice,
    WaitChoice,
};
use tagring::runtime::{Deadline, Runtime, Waited};

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub qty: u64 }
}
use market::{Events, Trade};

/// Counts the bytes that are allocated and not yet freed.
struct Counting;

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

// SAFETY: passes every call on to the system's allocator unchanged; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SOON: Duration = Duration::from_secs(60);

fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < SOON, "not within {SOON:?}: {what}");
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    threads: usize,
    files: usize,
    mappings: usize,
    live_bytes: i64,
}

fn held() -> Held {
    let entries = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    // Named files alone: the heap and stacks of ended threads are the allocator's, which keeps some.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mappings = maps.lines().filter(|line| line.contains('/')).count();
    let (threads, files) = (entries("/proc/self/task"), entries("/proc/self/fd"));
    Held { threads, files, mappings, live_bytes: LIVE_BYTES.load(Ordering::Relaxed) }
}

/// Held by a closed gate, which the scenario opens in the end.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

#[derive(Default)]
struct Count(u64);

impl Handler for Count {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        self.0 += 1;
        Outcome::Done
    }
}

/// The state a slot is in when its runtime is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Running,
    Restarting,
    Quarantined,
    QuarantinedStuck,
    Failed,
    Stopped,
    Stuck,
}

/// Does what brings its slot into a state.
struct Actor {
    state: State,
    gate: Gate,
}

impl Handler for Actor {
    fn on_start(&mut self, _: &mut Context) {
        if self.state == State::Starting {
            self.gate.wait();
        }
    }
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        match self.state {
            State::Restarting | State::Quarantined | State::Failed => panic!("as scripted"),
            State::Stuck | State::QuarantinedStuck => self.gate.wait(),
            State::Stopped => return Outcome::Stop,
            State::Starting | State::Running => {}
        }
        Outcome::Done
    }
}

/// How a runtime ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    ShutDown,
    Dropped,
    LetGoFirst,
}

fn slot() -> SlotConfig {
    SlotConfig { wait: WaitChoice::SpinThenPark, measure: MeasureChoice::Off, ..SlotConfig::default() }
}

fn config(slots: &[(&str, SlotConfig)]) -> Config {
    let mut config = Config::default();
    config.runtime.preflight = PreflightChoice::Off;
    config.runtime.check_every_ms = 1;
    config.runtime.shutdown_timeout_ms = 20;
    let slots = slots.iter().map(|(name, slot)| ((*name).to_owned(), slot.clone()));
    let bus = BusConfig { capacity_cells: 64, slots: slots.collect(), dead_letters_max: 16, ..BusConfig::default() };
    config.buses.insert("md".into(), bus);
    for thread in ["slots", "acting"] {
        config.threads.entry(thread.into()).or_default().cores = Cores::Any;
    }
    config.feeds.insert("feed".into(), FeedConfig { spins: false, cores: Cores::Any, ..FeedConfig::default() });
    config
}

/// Brings a slot into a state, ends the runtime, lets go of what was held.
fn scenario(state: State, end: End) {
    let acting = SlotConfig {
        thread: "acting".into(),
        start_timeout_ms: 20,
        panic: match state {
            State::Restarting | State::Failed => PanicChoice::Restart,
            _ => PanicChoice::Quarantine,
        },
        restarts_max: if state == State::Failed { 0 } else { 1_000 },
        restart_pause_ms: 1_000_000,
        restart_pause_max_ms: 1_000_000,
        stuck: if state == State::QuarantinedStuck { StuckChoice::Quarantine } else { StuckChoice::Report },
        stuck_after_ms: 10,
        ..slot()
    };
    let runtime = Runtime::new(config(&[("actor", acting), ("beside", slot())])).unwrap();
    let md = runtime.bus::<Events>("md").unwrap();
    runtime.system().unwrap().attach_as("ops", slot(), Count::default()).unwrap();
    let gate = Gate::default();
    let actor = md.attach("actor", Actor { state, gate: gate.clone() }).unwrap();
    md.attach("beside", Count::default()).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let ready = Arc::new(AtomicBool::new(false));
    let go = Arc::clone(&ready);
    runtime
        .feed("feed", move |feed| {
            eventually("told to go on", || feed.is_stopping() || go.load(Ordering::Relaxed));
            for qty in 0..10 {
                publisher.send(0, &Trade { qty })?;
            }
            eventually("told to stop", || feed.is_stopping());
            Ok(())
        })
        .unwrap();
    let running = match runtime.start() {
        Ok(running) => running,
        Err(failure) => {
            assert!(state == State::Starting, "{failure}");
            gate.open();
            return eventually("the thread that was left ends", || no_thread("acting"));
        }
    };
    ready.store(true, Ordering::Relaxed);
    let wanted = match state {
        State::Starting => unreachable!("it does not start"),
        State::Running | State::Stuck => SlotState::Running,
        State::Restarting => SlotState::Restarting,
        State::Quarantined | State::QuarantinedStuck => SlotState::Quarantined,
        State::Failed => SlotState::Failed,
        State::Stopped => SlotState::Stopped,
    };
    eventually("the state is reached", || {
        let handle = actor.handle().unwrap();
        handle.state() == wanted && (state != State::Stuck || handle.handling().is_some())
    });
    if end == End::LetGoFirst {
        gate.open();
    }
    match end {
        End::Dropped => drop(running),
        End::ShutDown | End::LetGoFirst => drop(running.shutdown(Deadline::after_ms(20))),
    }
    gate.open();
    eventually("threads that were left end", || no_thread("acting") && no_thread("slots"));
}

fn no_thread(name: &str) -> bool {
    let mut tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks.all(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() != name))
}

const STATES: [State; 8] = [
    State::Starting,
    State::Running,
    State::Restarting,
    State::Quarantined,
    State::QuarantinedStuck,
    State::Failed,
    State::Stopped,
    State::Stuck,
];

fn every_state_and_end() {
    for state in STATES {
        for end in [End::ShutDown, End::Dropped, End::LetGoFirst] {
            scenario(state, end);
        }
    }
}

/// Cycles of a long scenario: few here, many where `TAGRING_CYCLES` says so.
fn cycles(few: u64) -> u64 {
    std::env::var("TAGRING_CYCLES").ok().and_then(|cycles| cycles.parse().ok()).unwrap_or(few)
}

fn attach_and_detach(cycles: u64) {
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let thread = SlotThread::builder("slots").start().unwrap();
    for qty in 0..cycles {
        let slot = bus.slot("s").measure(tagring::bus::Measure::Off).attach(&thread, Count::default()).unwrap();
        publisher.publish(0, &Trade { qty }).unwrap();
        slot.detach(SOON).unwrap();
    }
    drop(publisher);
    assert!(thread.shutdown(SOON).ended);
}

fn create_and_remove(cycles: u64) {
    let mut config = config(&[]);
    config.feeds.clear();
    let runtime = Runtime::new(config).unwrap();
    runtime.bus::<Events>("md").unwrap();
    let running = runtime.start().unwrap();
    let slots = [("s".to_owned(), slot())].into();
    let extra = BusConfig { capacity_cells: 16, dead_letters_max: 4, slots, ..BusConfig::default() };
    for qty in 0..cycles {
        let bus = running.add_bus::<Events>("extra", extra.clone()).unwrap();
        let slot = bus.attach("s", Count::default()).unwrap();
        let mut publisher = bus.publisher("p").unwrap();
        publisher.publish(0, &Trade { qty }).unwrap();
        drop(publisher);
        running.remove_bus("extra", SOON).unwrap();
        assert_eq!(slot.join(SOON).unwrap().0, 1);
    }
    assert_eq!(running.wait(Some(Duration::ZERO)), Waited::TimedOut);
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}

/// Set in the child, to the scenario that it is to run.
const SCENARIO: &str = "TAGRING_LEAK_SCENARIO";

/// Runs a scenario twice as often as before and holds what is left against what was left then.
fn measure(few: u64, run: impl Fn(u64)) {
    // Once for what is made once: thread locals, tables of the allocator, the clock.
    run(few);
    let before = held();
    run(2 * few);
    let after = held();
    println!("{before:?} {after:?}");
    let now = |held: Held| (held.threads, held.files, held.mappings);
    assert_eq!(now(after), now(before));
    let grown = after.live_bytes - before.live_bytes;
    assert!(grown <= 4_096, "{grown} bytes more after twice as many cycles: {before:?} {after:?}");
}

#[test]
fn scenario_in_a_child() {
    let Ok(scenario) = std::env::var(SCENARIO) else { return };
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"as scripted") {
            others(panic);
        }
    }));
    match scenario.as_str() {
        "states" => measure(1, |_| every_state_and_end()),
        "attach" => measure(cycles(4_000) / 2, attach_and_detach),
        "create" => measure(cycles(1_000) / 2, create_and_remove),
        other => panic!("no scenario {other}"),
    }
}

fn in_a_child(scenario: &str) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "scenario_in_a_child", "--nocapture", "--test-threads=1"])
        .env(SCENARIO, scenario)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    assert!(said.contains("live_bytes"), "it was measured: {said}");
}

#[test]
fn issue_4542_every_state_and_every_end_leave_nothing_behind() {
    in_a_child("states");
}

#[test]
fn issue_4533_memory_stays_flat_over_attach_and_detach() {
    in_a_child("attach");
}

#[test]
fn issue_4547_memory_stays_flat_over_buses_created_and_removed() {
    in_a_child("create");
}
