//! A handler that logs asks the kernel for nothing and allocates nothing. The kernel itself watches: it kills the process at the first system call
//! of the slot's thread. So the work is done in a child, which is this program again.

use rustix::thread::enable_syscall_user_dispatch;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;
use tagring::bus::{Bus, Context, Handler, Measure, Outcome, SlotThread};
use tagring::event::Event;
use tagring::ring::WaitStrategy;
use tagring_logging::builder;

tagring::events! {
    /// Events of this program.
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
}
use market::{Events, Trade};

/// `SIGSYS`: what the kernel sends for a refused system call.
const SIGSYS: i32 = 31;
const UNSUPPORTED: &str = "this kernel cannot refuse system calls";
/// What tells the child what to do.
const WORK: &str = "TAGRING_LOGGING_WORK";
const WARM_UP: u64 = 500;
const EVENTS: u64 = 20_000;

thread_local! {
    /// Read by the kernel at each system call of this thread: 0 lets it pass, 1 kills the process.
    static SWITCH: AtomicU8 = const { AtomicU8::new(0) };
    static IS_COUNTED: Cell<bool> = const { Cell::new(false) };
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Counts what a thread that is watched asks for.
struct Counting;

fn count() {
    if IS_COUNTED.get() {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged; the counter touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps this method's contract, which is the system allocator's own.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: as above; the pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn watch() {
    static NO_CODE: [u8; 1] = [0];
    let watching = SWITCH.with(|switch| {
        // SAFETY: the switch outlives the thread's last system call but those of its end, and `NO_CODE` is not executed.
        unsafe { enable_syscall_user_dispatch(&NO_CODE, &*std::ptr::from_ref(switch)) }
    });
    if watching.is_err() {
        println!("{UNSUPPORTED}");
        std::process::exit(0);
    }
}

fn refuse(yes: bool) {
    IS_COUNTED.set(yes);
    SWITCH.with(|switch| switch.store(u8::from(yes), Ordering::SeqCst));
}

/// What the handler does with each event.
#[derive(Clone, Copy)]
enum Work {
    Log,
    Call,
}

struct Logs {
    work: Work,
    seen: u64,
}

impl Handler for Logs {
    fn on_start(&mut self, _: &mut Context) {
        watch();
    }

    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let trade = event.get::<Trade>().expect("a trade");
        self.seen += 1;
        if self.seen == WARM_UP {
            refuse(true);
        }
        match self.work {
            Work::Log => log_all(trade, self.seen),
            Work::Call => std::thread::yield_now(),
        }
        if self.seen == EVENTS {
            refuse(false);
        }
        Outcome::Done
    }
}

fn log_all(trade: &Trade, seen: u64) {
    tracing::info!(price = trade.price, qty = trade.qty, side = "buy", ratio = 0.5, "filled");
    tracing::info!(?trade, "a longer one, formatted here: {seen:>200}");
    tracing::debug!(seen, "off");
    log::warn!("from the other crate {seen}");
}

fn child(work: Work) {
    let logging = builder().capacity(1_024).to_writer(std::io::sink()).limit_per_second(1_000_000).start().unwrap();
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(1_024).single().expect("a power of two");
    let thread = SlotThread::builder("slots").start().expect("a thread");
    let slot = bus.slot("logs").wait(WaitStrategy::Spin).measure(Measure::Off);
    let slot = slot.attach(&thread, Logs { work, seen: 0 }).expect("a free place");
    for qty in 0..EVENTS {
        publisher.publish(7, &Trade { price: 100, qty }).expect("room");
    }
    drop(publisher);
    slot.join(Duration::from_secs(60)).expect("it stops");
    let counts = logging.shutdown(Duration::from_secs(60)).counts;
    assert_eq!(counts.recorded, 3 * EVENTS);
    assert_eq!(counts.recorded, counts.written + counts.lost.total());
    println!("allocations {}, {counts}", ALLOCATIONS.load(Ordering::Relaxed));
}

/// The work of a child, and nothing at all in the parent.
#[test]
fn the_work() {
    match std::env::var(WORK).as_deref() {
        Ok("log") => child(Work::Log),
        Ok("call") => child(Work::Call),
        _ => {}
    }
}

fn run(work: &str) -> (Output, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", "the_work", "--nocapture"]).env(WORK, work).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output, text)
}

/// Says that a test was not done, and why, also to the script that runs all of them.
fn skip(test: &str) {
    let line = format!("skipped: {test}: this kernel has no system call user dispatch");
    eprintln!("{line}");
    if let Some(skips) = std::env::var_os("TAGRING_SKIPS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(skips).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

#[test]
fn issue_4583_a_handler_that_logs_calls_no_kernel_and_allocates_nothing() {
    let (control, text) = run("call");
    if text.contains(UNSUPPORTED) {
        return skip("issue_4583_a_handler_that_logs_calls_no_kernel_and_allocates_nothing");
    }
    assert_eq!(control.status.signal(), Some(SIGSYS), "one call is noticed: {text}");
    let (output, text) = run("log");
    assert!(output.status.success(), "{:?} {text}", output.status);
    assert!(text.contains("allocations 0, "), "{text}");
}
