//! The wiring: buses, slots, threads; what runs between the opened source and the report.

use super::books::Books;
use super::cores::Cores;
use super::ending::Ending;
use super::feed::{feed, pace_of};
use super::outlet::Outlet;
use super::recorder::Recorder;
use super::results;
use super::signal::Signals;
use super::source::{INSTRUMENTS_MAX, Source};
use super::tape::Tapes;
use crate::args::RunArgs;
use crate::derived;
use crate::jitter;
use crate::report::{Report, SlotReport};
use std::sync::Arc;
use std::time::Duration;
use tagring::bus::{Bus, Handler, PanicPolicy, SlotHandle, SlotThread};
use tagring::clock::Clock;
use tagring::event::TagSet;
use tagring_market::events;

/// Cells of the market-data ring: a millisecond of backlog at 16 M events/s, 1 MiB, in the second-level cache.
const MARKET_CELLS: usize = 1 << 14;
/// Cells of the derived ring.
const DERIVED_CELLS: usize = 1 << 14;
/// Bytes that snapshots in flight may take: some twenty of 5,000 levels a side.
const SNAPSHOT_BYTES: usize = 4 << 20;
/// Live orders of all instruments. NASDAQ has some 2 M at a time on a busy day.
const ORDERS_MAX: usize = 1 << 21;
/// How long each half of the jitter baseline lasts; a debug build is for tests, and not for its figures.
const JITTER_MS: u64 = if cfg!(debug_assertions) { 10 } else { 100 };
/// How long slots may take to finish what is in the rings once the feed has ended.
const DRAIN: Duration = Duration::from_secs(60);

/// What the signal slot wants to see.
const SIGNAL_TAGS: TagSet = tagring::tags![events::OrderAdded, events::LevelChanged];

/// Everything between the opened source and the report.
pub(super) fn job(args: &RunArgs, source: Source, cores: &Cores, ending: &Arc<Ending>) -> Result<Report, String> {
    let words = |error: &dyn std::error::Error| error.to_string();
    let clock = Clock::system();
    let before = cores.on_slots(|| jitter::measure(&clock, JITTER_MS));
    let bell = Arc::default();
    let (market, publisher) = Bus::<events::Events>::builder("md")
        .capacity(MARKET_CELLS)
        .byte_limit(SNAPSHOT_BYTES)
        .clock(clock.clone())
        .doorbell(&bell)
        .single()
        .map_err(|error| words(&error))?;
    let (derived, derive) = Bus::<derived::Events>::builder("derived")
        .capacity(DERIVED_CELLS)
        .clock(clock.clone())
        .doorbell(&bell)
        .many()
        .map_err(|error| words(&error))?;
    let threads = cores.start_slot_threads().map_err(|error| words(&error))?;
    let host = |index: usize| &threads[index % threads.len()];

    let books = Books::new(Outlet::new(derive.clone()), ORDERS_MAX, INSTRUMENTS_MAX);
    let policy = PanicPolicy::Quarantine;
    let tape = derived.slot("tape").policy(policy).attach(host(3), Tapes::new(INSTRUMENTS_MAX));
    let tape = tape.map_err(|error| words(&error))?;
    let book = market.slot("book").policy(policy).attach(host(0), books).map_err(|error| words(&error))?;
    let signals = Signals::new(Outlet::new(derive), INSTRUMENTS_MAX);
    let signal = market.slot("signal").tags(SIGNAL_TAGS).after(book.id()).policy(policy).attach(host(1), signals);
    let signal = signal.map_err(|error| words(&error))?;
    let recorder = market.slot("recorder").policy(policy).attach(host(2), Recorder::new());
    let recorder = recorder.map_err(|error| words(&error))?;

    let fed = feed(args, source, &clock, publisher, cores, ending)?;

    let slots = vec![
        slot_report(&book, host(0)),
        slot_report(&signal, host(1)),
        slot_report(&recorder, host(2)),
        slot_report(&tape, host(3)),
    ];
    let mut finished = Finished { errors: Vec::new() };
    let book = finished.join(&book);
    let signal = finished.join(&signal);
    let recorder = finished.join(&recorder);
    let tape = finished.join(&tape);
    let slots = slots.into_iter().map(|complete| complete()).collect();
    let elapsed = fed.start.elapsed();
    for thread in threads {
        let report = thread.shutdown(Duration::from_secs(1));
        if !report.ended {
            finished.errors.push(format!("thread {} did not end: a handler holds it", report.thread));
        }
    }
    let after = cores.on_slots(|| jitter::measure(&clock, JITTER_MS));
    let mut report = Report {
        input: fed.name,
        format: fed.format,
        synthetic: args.input.is_none(),
        pace: pace_of(args),
        clock: clock.report().to_string(),
        cores: cores.to_string(),
        messages: fed.consumed.messages,
        skips: fed.consumed.skips,
        examples: fed.consumed.examples,
        error: fed.consumed.error,
        ended: fed.consumed.ended,
        oddities: fed.consumed.oddities,
        decode_share: fed.consumed.decode_share,
        bytes: fed.consumed.bytes,
        levels: fed.levels,
        events: fed.published,
        waits: fed.waits,
        elapsed,
        feed_elapsed: fed.elapsed,
        slots,
        jitter: before.merge(&after),
        ..Report::default()
    };
    report.error = report.error.or_else(|| finished.errors.first().cloned());
    results::fill_in(&mut report, book.as_ref(), signal.as_ref(), recorder.as_ref(), tape.as_ref());
    Ok(report)
}

/// Waits for slots to end by themselves, and keeps what went wrong.
struct Finished {
    errors: Vec<String>,
}

impl Finished {
    fn join<H: Handler>(&mut self, slot: &SlotHandle<H>) -> Option<H> {
        let handler = slot.join(DRAIN);
        if let Some(panic) = slot.stats().last_panic {
            self.errors.push(format!("slot {} panicked: {panic}", slot.name()));
        }
        match handler {
            Ok(handler) => Some(handler),
            Err(error) => {
                self.errors.push(error.to_string());
                None
            }
        }
    }
}

/// What is read of a slot once it has ended.
fn slot_report<'a, H: Handler>(slot: &'a SlotHandle<H>, thread: &SlotThread) -> Box<dyn FnOnce() -> SlotReport + 'a> {
    let core = thread.core();
    Box::new(move || SlotReport {
        name: slot.name().to_string(),
        core,
        stats: slot.stats(),
        latencies: slot.latencies(),
    })
}
