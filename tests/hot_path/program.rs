//! The hot path by itself, for tests that count what it costs: `hot-path WORK EVENTS [no-system-calls]`. With the last word, the kernel
//! kills the process at the first system call between warm-up and the last event. At the end each thread says what the kernel has counted for
//! it in between: context switches and page faults.

use rustix::thread::enable_syscall_user_dispatch;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;
use tagring::bus::{Bus, Context, Handler, Measure, Outcome, SlotThread, Stamping};
use tagring::counters::Histogram;
use tagring::event::Event;
use tagring::ring::{BoundReader, Ring, WaitStrategy};

tagring::events! {
    /// Events of this program.
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
}
use market::{Events, Trade};

/// Told on standard output where the kernel cannot watch for system calls.
const UNSUPPORTED: &str = "this kernel cannot refuse system calls";
const WARM_UP: u64 = 5_000;
const CAPACITY: usize = 1_024;
/// Events of a batch.
const BATCH: u64 = 64;

/// Asked to refuse system calls.
static REFUSE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Read by the kernel at each system call of this thread: 0 lets it pass, 1 kills the process.
    static SWITCH: AtomicU8 = const { AtomicU8::new(0) };
}

/// Has the kernel look at this thread's switch. To be called before [`refuse`].
fn watch() {
    static NO_CODE: [u8; 1] = [0];
    let watching = SWITCH.with(|switch| {
        // SAFETY: the switch outlives the thread's last system call but those of its end, and `NO_CODE` is not executed.
        unsafe { enable_syscall_user_dispatch(&NO_CODE, &*std::ptr::from_ref(switch)) }
    });
    if REFUSE.load(Ordering::Relaxed) && watching.is_err() {
        println!("{UNSUPPORTED}");
        std::process::exit(0);
    }
}

fn refuse(yes: bool) {
    if REFUSE.load(Ordering::Relaxed) {
        SWITCH.with(|switch| switch.store(u8::from(yes), Ordering::SeqCst));
    }
}

/// What the kernel has counted for one thread.
#[derive(Clone, Copy)]
struct Usage {
    voluntary: i64,
    involuntary: i64,
    minor: i64,
    major: i64,
}

impl Usage {
    fn of_this_thread() -> Self {
        // SAFETY: all zeroes are a `rusage`, which the call fills.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
            usage
        };
        let (voluntary, involuntary) = (usage.ru_nvcsw, usage.ru_nivcsw);
        Self { voluntary, involuntary, minor: usage.ru_minflt, major: usage.ru_majflt }
    }

    /// Says how much there was since.
    fn tell(self, thread: &str) {
        let now = Self::of_this_thread();
        println!(
            "{thread}: voluntary {} involuntary {} minor {} major {}",
            now.voluntary - self.voluntary,
            now.involuntary - self.involuntary,
            now.minor - self.minor,
            now.major - self.major
        );
    }
}

/// Runs `work` for some events to warm up, then for as many as asked, of which the kernel hears nothing.
fn measured(events: u64, mut work: impl FnMut(u64)) {
    watch();
    work(WARM_UP);
    let before = Usage::of_this_thread();
    refuse(true);
    work(events);
    refuse(false);
    before.tell("publisher");
}

fn take(reader: &mut BoundReader<[u64; 7]>) {
    reader.poll(CAPACITY, |event, _, _| _ = std::hint::black_box(event[0]));
}

fn ring_single(events: u64) {
    let (ring, mut publisher) = Ring::single(CAPACITY).expect("a power of two");
    let mut reader = ring.attach().expect("a free place").bind();
    measured(events, |events| {
        for i in 0..events {
            publisher.try_publish([i; 7]).expect("room");
            if i % BATCH == BATCH - 1 {
                take(&mut reader);
            }
        }
        take(&mut reader);
    });
}

fn ring_one_by_one(events: u64) {
    let (ring, mut publisher) = Ring::single(CAPACITY).expect("a power of two");
    let mut reader = ring.attach().expect("a free place").bind();
    measured(events, |events| {
        for i in 0..events {
            publisher.try_publish([i; 7]).expect("room");
            take(&mut reader);
        }
    });
}

fn ring_many(events: u64) {
    let (ring, mut publisher) = Ring::many(CAPACITY).expect("a power of two");
    let mut reader = ring.attach().expect("a free place").bind();
    measured(events, |events| {
        for i in 0..events {
            publisher.try_publish([i; 7]).expect("room");
            if i % BATCH == BATCH - 1 {
                take(&mut reader);
            }
        }
        take(&mut reader);
    });
}

fn ring_batches(events: u64) {
    let (ring, mut publisher) = Ring::single(CAPACITY).expect("a power of two");
    let mut reader = ring.attach().expect("a free place").bind();
    measured(events, |events| {
        for _ in 0..events / BATCH {
            let mut claim = publisher.try_claim(BATCH as usize).expect("room");
            (0..BATCH).for_each(|i| claim.push([i; 7]));
            claim.publish();
            take(&mut reader);
        }
    });
}

#[derive(Default)]
struct Sum {
    seen: u64,
    volume: u64,
    /// Events after which the kernel is to refuse this thread's system calls, and after which no more.
    quiet: Option<(u64, u64)>,
    before: Option<Usage>,
}

impl Handler for Sum {
    fn on_start(&mut self, _: &mut Context) {
        if self.quiet.is_some() {
            watch();
        }
    }

    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.volume += event.get::<Trade>().map_or(0, |trade| trade.qty);
        self.seen += 1;
        if let Some((from, to)) = self.quiet {
            if self.seen == from {
                self.before = Some(Usage::of_this_thread());
                refuse(true);
            } else if self.seen == to {
                refuse(false);
                self.before.take().inspect(|before| before.tell("slot"));
            }
        }
        Outcome::Done
    }
}

fn bus(events: u64) {
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(CAPACITY).single().expect("a power of two");
    let mut publisher = publisher.stamping(Stamping::EveryEvent);
    let slot = bus.slot("sum").turn_limit(CAPACITY).measure(Measure::Off).attach_here(Sum::default());
    let mut slot = slot.expect("a free place");
    measured(events, |events| {
        for i in 0..events {
            publisher.try_publish(7, &Trade { price: 100, qty: i }).expect("room");
            if i % BATCH == BATCH - 1 {
                while slot.turn() {}
            }
        }
        while slot.turn() {}
    });
}

/// No warm-up: the first lap of a large ring with bytes beside it, and values all over a slot's histograms. What it touches for the first time
/// is code and stack.
fn first_lap(_: u64) {
    const LAP: usize = 1 << 14;
    let bus = Bus::<Events>::builder("md").capacity(LAP).byte_limit(64 * LAP);
    let (bus, mut publisher) = bus.single().expect("a power of two");
    let (mut histogram, _reader) = Histogram::new();
    let before = Usage::of_this_thread();
    for qty in 0..LAP as u64 {
        publisher.try_publish_with_bytes(7, &Trade { price: 100, qty }, &[7; 64]).expect("room");
        histogram.record(1 << (qty % 40));
    }
    before.tell("publisher");
    drop(bus);
}

/// Publisher and slot each on its thread, the slot measured, both spinning.
fn bus_threads(events: u64) {
    const ALL: u64 = WARM_UP;
    let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(CAPACITY).single().expect("a power of two");
    let thread = SlotThread::builder("slots").start().expect("a thread");
    let handler = Sum { quiet: Some((ALL, ALL + events - CAPACITY as u64)), ..Sum::default() };
    let slot = bus.slot("sum").wait(WaitStrategy::Spin).attach(&thread, handler).expect("a free place");
    let capacity = CAPACITY as u64;
    measured(events, |events| {
        for qty in 0..events {
            // A publisher that waits for long sleeps, and one that finds the ring full asks whether its reader lives: both are calls.
            while publisher.lag() == capacity {
                std::hint::spin_loop();
            }
            publisher.try_publish(7, &Trade { price: 100, qty }).expect("room");
        }
    });
    drop(publisher);
    assert_eq!(slot.join(Duration::from_secs(60)).expect("it stops").seen, WARM_UP + events);
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, events, rest @ ..] = arguments.as_slice() else { return ExitCode::from(2) };
    REFUSE.store(rest == ["no-system-calls"], Ordering::Relaxed);
    let work: fn(u64) = match work.as_str() {
        "ring-single" => ring_single,
        "ring-one-by-one" => ring_one_by_one,
        "ring-many" => ring_many,
        "ring-batches" => ring_batches,
        "bus" => bus,
        "bus-threads" => bus_threads,
        "first-lap" => first_lap,
        "one-system-call" => |_| measured(1, |_| std::thread::yield_now()),
        "one-sleep" => |_| measured(1, |_| std::thread::sleep(Duration::from_micros(1))),
        "one-page" => |_| {
            measured(1, |_| {
                let mut page = vec![0_u8; 1 << 24];
                page[1 << 20] = std::hint::black_box(1);
                std::hint::black_box(page);
            });
        },
        _ => return ExitCode::from(2),
    };
    work(events.parse().unwrap_or(0));
    ExitCode::SUCCESS
}
