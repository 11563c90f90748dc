//! The main job: a feed publishes market data to a bus; slots build books, look for signals and record; what they derive goes to a
//! second bus, where the tape is. Then the report.

mod books;
mod cores;
mod derived;
mod ending;
mod outlet;
mod pace;
mod recorder;
mod session;
mod signal;
mod sink;
mod source;
mod tape;

use crate::args::{Pace, RunArgs};
use crate::jitter;
use crate::report::{self, Report, SlotReport};
use books::Books;
use cores::Cores;
pub(crate) use ending::Ended;
use ending::Ending;
use indicatif::{ProgressBar, ProgressStyle};
use outlet::Outlet;
use pace::Pacer;
use recorder::Recorder;
use signal::Signals;
use sink::{BusSink, Progress};
use source::{Consumed, INSTRUMENTS_MAX, Source};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tagring::bus::{Bus, Handler, PanicPolicy, Publisher, SlotHandle, SlotThread};
use tagring::clock::Clock;
use tagring::event::{Family, TagSet};
use tagring_market::events;
use tape::Tapes;

/// Cells of the market-data ring: a millisecond of backlog at 16 M events/s, 1 MiB, in the second-level cache.
const MARKET_CELLS: usize = 1 << 14;
/// Cells of the derived ring.
const DERIVED_CELLS: usize = 1 << 14;
/// Bytes that snapshots in flight may take: some twenty of 5,000 levels a side.
const SNAPSHOT_BYTES: usize = 4 << 20;
/// Live orders of all instruments. NASDAQ has some 2 M at a time on a busy day.
const ORDERS_MAX: usize = 1 << 21;
/// The synthetic session's rate, unless asked otherwise: what a busy feed brings, so that latencies mean something.
const SYNTHETIC_RATE: f64 = 1_000_000.0;
/// How long each half of the jitter baseline lasts; a debug build is for tests, and not for its figures.
const JITTER_MS: u64 = if cfg!(debug_assertions) { 10 } else { 100 };
/// How often the main thread looks after the feed.
const LOOK: Duration = Duration::from_millis(50);
/// How long slots may take to finish what is in the rings once the feed has ended.
const DRAIN: Duration = Duration::from_secs(60);
/// Exit code for bad input and bad arguments.
const BAD_INPUT: u8 = 2;
/// Exit code after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

/// What the signal slot wants to see.
const SIGNAL_TAGS: TagSet = tagring::tags![events::OrderAdded, events::LevelChanged];

/// Says something on standard error, which may be closed.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "tagring: {text}");
}

/// Runs the main job; everything that can go wrong is said on standard error.
pub(crate) fn main(args: &RunArgs) -> ExitCode {
    match run(args) {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            say(&message);
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(args: &RunArgs) -> Result<u8, String> {
    let ending = Arc::new(Ending::listening(INTERRUPTED)?);
    let cores = Cores::choose(args.cores.as_deref())?;
    report::check_plot(args)?;
    if !args.quiet && args.input.is_none() {
        let mb = session::bytes(args.messages).div_ceil(1_000_000);
        let count = report::thousands(args.messages);
        say(&format!("making a synthetic session of {count} messages ({mb} MB), seed {}", args.seed));
    }
    let source = Source::open(args, &ending).map_err(|error| error.to_string())?;
    let report = job(args, source, &cores, &ending)?;
    let shown = report::show(args, &report);
    if let Some(error) = &report.error {
        say(error);
        let messages = report.messages.iter().map(|(_, count)| count).sum();
        let (messages, events) = (report::thousands(messages), report::thousands(report.events));
        say(&format!("processed before it: {messages} messages, {events} events"));
    }
    shown?;
    Ok(match &report.error {
        Some(_) => BAD_INPUT,
        None if ending.is_interrupted() => INTERRUPTED,
        None => 0,
    })
}

/// Everything between the opened source and the report.
fn job(args: &RunArgs, source: Source, cores: &Cores, ending: &Arc<Ending>) -> Result<Report, String> {
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
    fill_in(&mut report, book.as_ref(), signal.as_ref(), recorder.as_ref(), tape.as_ref());
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

/// The layout behind a tag of the second bus.
pub(crate) fn derived_schema(tag: tagring::event::Tag) -> Option<&'static tagring::event::Schema> {
    derived::Events::schema_of(tag)
}

fn pace_of(args: &RunArgs) -> Pace {
    let default = if args.input.is_some() { Pace::Max } else { Pace::PerSecond(SYNTHETIC_RATE) };
    args.pace.unwrap_or(default)
}

/// What the feed came to.
struct Fed {
    name: String,
    format: &'static str,
    consumed: Consumed,
    published: u64,
    levels: u64,
    waits: u64,
    start: Instant,
    elapsed: Duration,
}

/// Runs the feed on a thread of its own, shows progress meanwhile, and returns when it has ended and its publisher is gone.
fn feed(
    args: &RunArgs,
    source: Source,
    clock: &Clock,
    publisher: Publisher<events::Events>,
    cores: &Cores,
    ending: &Arc<Ending>,
) -> Result<Fed, String> {
    let progress = Arc::<Progress>::default();
    let (name, format, size) = (source.name.clone(), source.format, source.size);
    let (pace, strict) = (pace_of(args), args.strict);
    let (core, shares_core) = (cores.feed(), cores.is_shared());
    let (clock, seconds, is_input) = (clock.clone(), args.seconds, args.input.is_some());
    let (theirs, counters) = (Arc::clone(ending), Arc::clone(&progress));
    let bar = progress_bar(args, size);
    let started = Instant::now();
    let (done, main) = (Arc::new(AtomicBool::new(false)), std::thread::current());
    let is_done = Arc::clone(&done);
    let thread = std::thread::Builder::new().name("feed".into()).spawn(move || {
        tagring::bus::pin_current_thread(core).map_err(|error| error.to_string())?;
        let start = Instant::now();
        let pacer = Pacer::new(&clock, pace, seconds, theirs, shares_core);
        let mut sink = BusSink::new(publisher, &clock, pacer, pace != Pace::Max, strict, counters);
        let consumed = source.feed(&mut sink);
        let (published, levels, waits) = (sink.published(), sink.levels(), sink.waits());
        let start = start + sink.paused();
        // The sink, and with it the bus's only publisher, ends here: slots finish and stop.
        drop(sink);
        let elapsed = start.elapsed();
        is_done.store(true, Ordering::Release);
        main.unpark();
        Ok::<_, String>(Fed { name, format, consumed, published, levels, waits, start, elapsed })
    });
    let thread = thread.map_err(|error| format!("the feed's thread cannot be started: {error}"))?;
    while !done.load(Ordering::Acquire) && !thread.is_finished() {
        let elapsed = started.elapsed().as_secs_f64();
        // For a feed that waits for a pipe; all others look at the time themselves.
        if is_input && seconds.is_some_and(|seconds| elapsed >= seconds) {
            ending.set_overdue();
        }
        let events = progress.events.load(Ordering::Relaxed);
        bar.set_position(progress.done.load(Ordering::Relaxed));
        bar.set_message(report::rate_line(events, elapsed));
        std::thread::park_timeout(LOOK);
    }
    bar.finish_and_clear();
    thread.join().map_err(|_| "the feed panicked".to_owned())?
}

/// Shown where standard error is a terminal: how much is done, where that can be known, and how fast it goes.
fn progress_bar(args: &RunArgs, size: u64) -> ProgressBar {
    if args.quiet {
        return ProgressBar::hidden();
    }
    let (bar, style) = match size {
        0 => (ProgressBar::new_spinner(), "{spinner} {elapsed}  {msg}"),
        _ => (ProgressBar::new(size), "{percent:>3} % {bar:30} {elapsed}, {eta} left  {msg}"),
    };
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
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

/// What only the handlers know.
fn fill_in(
    report: &mut Report,
    book: Option<&Books>,
    signal: Option<&Signals>,
    recorder: Option<&Recorder>,
    tape: Option<&Tapes>,
) {
    let slots = &report.slots;
    report.delivered = slots.iter().map(|slot| slot.stats.delivered).sum();
    report.dropped = slots.iter().map(|slot| slot.stats.dead).sum();
    if let Some(recorder) = recorder {
        report.by_tag = events::Events::SCHEMAS
            .iter()
            .map(|schema| (schema.name, recorder.of_tag(schema.tag.get())))
            .filter(|&(_, count)| count > 0)
            .collect();
        report.digest = recorder.digest();
        report.dropped += report.events - recorder.count().min(report.events);
    }
    if let Some(signal) = signal {
        report.signals = signal.given();
        report.dropped += signal.dropped();
    }
    let Some(books) = book else { return };
    report.prints = books.prints();
    report.dropped += books.dropped();
    report.agreement = books.agreement();
    report.disagreements = books.disagreements();
    report.depth_counts = books.depth_counts().into_iter().map(|(key, counts)| (books.symbol(key), counts)).collect();
    report.books = books.tops().into_iter().map(|(key, top)| (books.symbol(key), top.into())).collect();
    let unsound = books.inconsistencies();
    let more = [
        ("messages about unknown orders", unsound.unknown_order),
        ("order numbers used twice", unsound.duplicate_order),
        ("executions of more than was left", unsound.over_executed),
        ("orders beyond the table's limit", unsound.orders_over_limit),
    ]
    .into_iter()
    .chain(books.oddities());
    report.oddities.extend(more.filter(|&(_, count)| count > 0));
    if let Some(tape) = tape {
        report.signals = tape.signals();
        report.trades = tape
            .tapes()
            .map(|(key, tape)| report::Trades {
                symbol: books.symbol(key),
                count: tape.count,
                volume: tape.volume,
                notional: tape.notional,
                vwap: tape.vwap(),
            })
            .collect();
    }
}

impl From<books::Top> for report::BookTop {
    fn from(top: books::Top) -> Self {
        let pair = |level: tagring_market::sink::Level| (level.price, level.qty);
        Self { bid: top.bid.map(pair), ask: top.ask.map(pair), bid_levels: top.bid_levels, ask_levels: top.ask_levels }
    }
}
