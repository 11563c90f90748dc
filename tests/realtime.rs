//! Publishers and slots of every kind on two threads, for the RealtimeSanitizer: under `--cfg tagring_rtsan` publishing and the slot's turn are
//! marked as nonblocking, and it ends the process with code 43 at an allocation, a lock or a system call inside. `./test --sanitize` builds
//! it so; without, this is a run over the same paths that nobody watches.
//!
//! A program of its own (no test harness). With an argument it is its own control: it does in the hot path what must be caught.

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use tagring::bus::{Bus, Context, Envelope, Handler, LocalSlot, Measure, Outcome};
use tagring::event::Event;
use tagring::retain::DeadLetters;
use tagring::ring::{Ring, WaitStrategy};
use tagring::tags;

tagring::events! {
    /// Events of this program.
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
    pub struct Quote = 2, v1 { pub bid: i64, pub ask: i64 }
}
use market::{Events, Quote, Trade};

const CAPACITY: u64 = 256;
const EVENTS: u64 = 200_000;
/// What the sanitizer ends a process with.
const CAUGHT: i32 = 43;

/// What a control does where it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sin {
    AllocatesInHandler,
    YieldsInHandler,
    AllocatesInPublish,
    AllocatesInBatch,
    AllocatesInTurnOfRing,
}

const SINS: [Sin; 5] = [
    Sin::AllocatesInHandler,
    Sin::YieldsInHandler,
    Sin::AllocatesInPublish,
    Sin::AllocatesInBatch,
    Sin::AllocatesInTurnOfRing,
];

fn allocate() {
    drop(std::hint::black_box(Box::new(7_u64)));
}

/// An envelope that is made inside of publish.
struct Sealed(bool);

impl From<Sealed> for Envelope {
    fn from(sealed: Sealed) -> Self {
        if sealed.0 {
            allocate();
        }
        Self::key(7)
    }
}

/// Uses what a handler may use; every 100th event is refused.
struct Busy {
    seen: u64,
    bytes: u64,
    sin: Option<Sin>,
}

impl Handler for Busy {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        self.seen += u64::from(event.get::<Trade>().is_some());
        self.bytes += ctx.scratch().alloc_slice_copy(ctx.bytes()).len() as u64;
        match self.sin {
            Some(Sin::AllocatesInHandler) => allocate(),
            Some(Sin::YieldsInHandler) => std::thread::yield_now(),
            _ => {}
        }
        if self.seen.is_multiple_of(100) { Outcome::Dead } else { Outcome::Done }
    }
}

/// Turns until told to stop. The slot ends outside of its turn.
fn turns(slots: &mut [LocalSlot<Busy>], stop: &AtomicBool) {
    loop {
        let last = stop.load(Ordering::Acquire);
        let busy = slots.iter_mut().filter_map(|slot| slot.turn().then_some(())).count() > 0;
        if last && !busy {
            return;
        }
        if !busy {
            std::thread::yield_now();
        }
    }
}

/// One by one, in batches and with bytes, to slots that measure and slots that do not, one of them after another.
fn bus(sin: Option<Sin>) {
    let bus = Bus::<Events>::builder("md").capacity(CAPACITY as usize).byte_limit(CAPACITY as usize * 16);
    let (bus, mut publisher) = bus.single().expect("a power of two");
    let (stop, letters) = (AtomicBool::new(false), DeadLetters::new(&bus, 16).expect("room"));
    // Attached before the first event, and on the thread that runs them.
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let slots = scope.spawn(|| {
            let busy = || Busy { seen: 0, bytes: 0, sin };
            let slot = |name: &str| bus.slot(name).scratch_bytes(1 << 14).wait(WaitStrategy::Spin);
            let first = slot("first").measure(Measure::SlotAndTags).dead_letters(&letters).attach_here(busy()).unwrap();
            let second = slot("second").measure(Measure::Slot).after(first.handle().id()).attach_here(busy()).unwrap();
            let third = slot("third").measure(Measure::Off).tags(tags![Trade]).attach_here(busy()).unwrap();
            let mut slots = [first, second, third];
            ready.send(()).unwrap();
            turns(&mut slots, &stop);
            slots.map(|slot| slot.detach().unwrap().seen)
        });
        is_ready.recv().unwrap();
        let bytes = [7; 16];
        for i in 0..EVENTS / 8 {
            // Off the path of a full ring, which asks the kernel whether its reader lives.
            while publisher.lag() + 8 > CAPACITY {
                std::thread::yield_now();
            }
            let sealed = || Sealed(sin == Some(Sin::AllocatesInPublish));
            publisher.try_publish(sealed(), &Trade { price: 1, qty: i }).expect("room");
            publisher.try_publish_with_bytes(7, &Trade { price: 1, qty: i }, &bytes).expect("room");
            let mut batch = publisher.batch(6).expect("room");
            let sealed = || Sealed(sin == Some(Sin::AllocatesInBatch));
            (0..5).for_each(|qty| batch.push(sealed(), &Trade { price: 1, qty }));
            batch.push(7, &Quote { bid: 1, ask: 2 });
        }
        stop.store(true, Ordering::Release);
        assert_eq!(slots.join().unwrap(), [EVENTS / 8 * 7; 3]);
    });
}

/// Both kinds of publishers of a bare ring, in all ways that do not wait.
fn ring(sin: Option<Sin>) {
    let (single_ring, mut single) = Ring::<u64>::single(CAPACITY as usize).expect("a power of two");
    let (many_ring, mut many) = Ring::<u64>::many(CAPACITY as usize).expect("a power of two");
    let mut readers = [&single_ring, &many_ring].map(|ring| ring.attach().expect("a place").bind());
    for i in 0..EVENTS / 10 {
        single.try_publish(i).expect("room");
        single.try_publish_with(|sequence| sequence).expect("room");
        single.try_publish_batch(&[i; 4]).expect("room");
        let mut claim = single.try_claim(4).expect("room");
        (0..4).for_each(|i| claim.push(i));
        claim.publish();
        many.try_publish(i).expect("room");
        many.try_publish_with(|| i).expect("room");
        many.try_publish_batch(&[i; 4]).expect("room");
        let mut claim = many.try_claim(4).expect("room");
        (0..3).for_each(|i| claim.push(i));
        claim.publish();
        for reader in &mut readers {
            let mut covered = 0;
            while covered < 10 {
                covered += reader.poll(CAPACITY as usize, |_, _, _| {
                    if sin == Some(Sin::AllocatesInTurnOfRing) {
                        allocate();
                    }
                });
            }
        }
    }
}

fn main() -> ExitCode {
    let asked = std::env::args().nth(1);
    if let Some(sin) = SINS.into_iter().find(|sin| asked == Some(format!("{sin:?}"))) {
        bus(Some(sin));
        ring(Some(sin));
        return ExitCode::SUCCESS;
    }
    bus(None);
    ring(None);
    if !cfg!(tagring_rtsan) {
        println!("publishing and slots run; nobody watched: ./test --sanitize has them watched");
        return ExitCode::SUCCESS;
    }
    for sin in SINS {
        let own = std::env::current_exe().expect("a program");
        let output = Command::new(own).arg(format!("{sin:?}")).output().expect("it starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(CAUGHT), "{sin:?} is caught: {told}");
        assert!(told.contains("RealtimeSanitizer"), "{told}");
        println!("{sin:?}: caught");
    }
    ExitCode::SUCCESS
}
