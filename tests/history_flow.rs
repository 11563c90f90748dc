//! A history while events flow: memory stays flat and nobody allocates, the writer waits for nobody, and readers that ask all the time get whole
//! events and exactly those that their answers say they cover. A process of its own: it counts everybody's allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tagring::bus::Bus;
use tagring::clock::Ticks;
use tagring::event::TagSet;
use tagring::retain::{Coverage, History, HistoryReader, Keep, Kept, Query};
use tagring::tags;

tagring::events! {
    /// Events of this test: each says three times which one it is.
    pub mod market;
    pub struct Even = 1, v1 { pub number: u64, pub inverse: u64, pub mixed: u64 }
    pub struct Odd = 2, v1 { pub number: u64, pub inverse: u64, pub mixed: u64, pub more: u64 }
}
use market::{Even, Events, Odd};

/// Counts all allocations, and the bytes that are allocated and not yet freed.
struct Counting;

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: passes every call on to the system's allocator unchanged; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
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

/// Events here; 100 M in `./test --history`.
const EVENTS: u64 = 600_000;
const KEYS: u64 = 97;
/// Most events of an answer.
const LIMIT: usize = 500;

fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31)
}

fn key_of(number: u64) -> u32 {
    (mixed(number) % KEYS) as u32
}

/// What readers have come to, all together.
#[derive(Default)]
struct Seen {
    answers: AtomicU64,
    events: AtomicU64,
    /// Answers that the writer overtook.
    overtaken: AtomicU64,
    over: AtomicBool,
}

/// Each event is whole, and the answer holds exactly those that it covers.
fn check(found: &[Kept<Events>], coverage: Coverage, wanted: impl Fn(u64) -> bool) {
    for kept in found {
        let number = kept.sequence();
        let words = match (kept.event().get::<Even>(), kept.event().get::<Odd>()) {
            (Some(even), None) if number % 2 == 0 => [even.number, even.inverse, even.mixed],
            (None, Some(odd)) if number % 2 == 1 && odd.more == number => [odd.number, odd.inverse, odd.mixed],
            _ => panic!("{number} is of the wrong kind"),
        };
        assert_eq!(words, [number, !number, mixed(number)], "a torn event");
        assert_eq!(kept.event().key(), key_of(number));
    }
    let covered = (coverage.from..coverage.next).filter(|number| wanted(*number));
    assert!(covered.eq(found.iter().map(Kept::sequence)), "{coverage:?} and {found:?}");
}

/// Asks until all is over.
fn ask(history: &History<Events>, number: u64, seen: &Seen) {
    // One that fails must not leave the others waiting for it.
    let _over = OverAtLast(&seen.over);
    let [all, small, odd, young] = ["all", "small", "odd", "young"].map(|name| history.reader(name).unwrap());
    let mut found = Vec::with_capacity(LIMIT);
    let mut since = 0;
    let mut at = number;
    while !seen.over.load(Ordering::Relaxed) {
        at = at.wrapping_add(0x1234_5677);
        let limit = 1 + at as usize % LIMIT;
        let key = (at / 8 % KEYS) as u32;
        let mut follow = Coverage::default();
        let mut one = |reader: &HistoryReader<Events>, query: Query, wanted: &dyn Fn(u64) -> bool| {
            found.clear();
            let coverage = reader.read(&query, &mut found);
            check(&found, coverage, wanted);
            seen.answers.fetch_add(1, Ordering::Relaxed);
            seen.events.fetch_add(found.len() as u64, Ordering::Relaxed);
            seen.overtaken.fetch_add(u64::from(coverage.overwritten > 0), Ordering::Relaxed);
            follow = coverage;
        };
        let every = |_: u64| true;
        let is_odd = |number: u64| number % 2 == 1;
        one(&all, Query::last(limit), &every);
        one(&small, Query::last(LIMIT), &every);
        one(&small, Query::first(LIMIT), &every);
        one(&odd, Query::last(limit), &is_odd);
        one(&all, Query::last(limit).tags(tags![Odd]).since(since), &|number| number >= since && is_odd(number));
        for reader in [&all, &small] {
            one(reader, Query::last(limit).key(key), &|number| key_of(number) == key);
            one(reader, Query::first(limit).key(key), &|number| key_of(number) == key);
        }
        one(&odd, Query::last(limit).key(key), &|number| is_odd(number) && key_of(number) == key);
        one(&young, Query::last(limit), &every);
        // Read on from where the last one ended: without a gap, unless it says so.
        let before = since;
        one(&all, Query::first(limit).since(before), &|number| number >= before);
        assert!(follow.from >= before && (!follow.is_complete() || follow.from == before), "{follow:?}");
        since = follow.next;
        between(&all, &mut found);
        std::thread::yield_now();
    }
}

/// The times of one publisher do not go back: a span of time is a run of events.
fn between(reader: &HistoryReader<Events>, found: &mut Vec<Kept<Events>>) {
    found.clear();
    let _ = reader.read(&Query::last(1), found);
    let Some(to) = found.first().map(Kept::time) else { return };
    let from = Ticks(to.0.saturating_sub(reader.clock().from_ns(20_000)));
    found.clear();
    let coverage = reader.read(&Query::first(LIMIT).between(from, to), found);
    assert!(found.iter().all(|kept| (from..to).contains(&kept.time())), "outside of the span");
    assert!(found.is_sorted_by(|a, b| a.sequence() + 1 == b.sequence()), "{coverage:?}");
}

#[test]
fn issue_4537_memory_is_flat_and_no_event_is_torn_while_events_pass() {
    let events = std::env::var("TAGRING_HISTORY_EVENTS").ok().map_or(EVENTS, |count| count.parse().unwrap());
    let (bus, mut feed) = Bus::<Events>::builder("md").capacity(1_024).single().unwrap();
    let (history, keeper) = History::builder(&bus)
        .group("all", Keep::last(60_000))
        .group("small", Keep::last(64))
        .group("odd", Keep::last(10_000).tags(tags![Odd]))
        .group("young", Keep::last(30_000).within(Duration::from_micros(500)))
        .build()
        .unwrap();
    assert_eq!(keeper.tags(), tags![Even, Odd].intersect(&TagSet::ALL));
    let mut slot = bus.slot("history").tags(keeper.tags()).attach_here(keeper).unwrap();
    let seen = Seen::default();
    let taken = || (LIVE_BYTES.load(Ordering::Relaxed), ALLOCATIONS.load(Ordering::Relaxed));
    std::thread::scope(|scope| {
        let (history, seen) = (&history, &seen);
        (0..2).for_each(|number| drop(scope.spawn(move || ask(history, number, seen))));
        let _over = OverAtLast(&seen.over);
        let mut warm = None;
        for number in 0..events {
            let (inverse, mixed) = (!number, mixed(number));
            let published = match number % 2 {
                0 => feed.try_publish(key_of(number), &Even { number, inverse, mixed }),
                _ => feed.try_publish(key_of(number), &Odd { number, inverse, mixed, more: number }),
            };
            assert_eq!(published.ok(), Some(number), "no reader holds the writer up");
            if number % 256 == 255 {
                while slot.turn() {}
            }
            // Both readers have their memory by then.
            if warm.is_none() && number > events / 10 && seen.answers.load(Ordering::Relaxed) > 1_000 {
                warm = Some(taken());
            }
            if number % 65_536 == 0 {
                // With few cores readers would come to nothing otherwise.
                let answers = seen.answers.load(Ordering::Relaxed);
                while seen.answers.load(Ordering::Relaxed) < answers + 20 && !seen.over.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            }
        }
        while slot.turn() {}
        assert_eq!(taken(), warm.expect("readers have asked"), "bytes and allocations of everybody");
    });
    let kept: Vec<_> = history.readers().map(|reader| reader.stats().kept).collect();
    assert_eq!(kept, [events, events, events / 2, events]);
    for stats in history.readers().map(|reader| reader.stats()) {
        assert_eq!(stats.kept, stats.held + stats.overwritten + stats.aged);
    }
    let Seen { answers, events: copied, overtaken, .. } = &seen;
    println!("{events} events; {answers:?} answers of {copied:?} events in all, {overtaken:?} of them overtaken");
    assert_eq!((bus.shed(), bus.waits()), (0, 0));
}

/// Ends all of it, also where somebody fails.
struct OverAtLast<'a>(&'a AtomicBool);

impl Drop for OverAtLast<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
