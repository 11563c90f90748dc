//! The feed on a thread of its own, and its progress meanwhile.

use super::cores::Cores;
use super::ending::Ending;
use super::pace::Pacer;
use super::sink::{BusSink, Progress};
use super::source::{Consumed, Source};
use crate::args::{Pace, RunArgs};
use crate::report;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tagring::bus::Publisher;
use tagring::clock::Clock;
use tagring_market::events;

/// The synthetic session's rate, unless asked otherwise: what a busy feed brings, so that latencies mean something.
const SYNTHETIC_RATE: f64 = 1_000_000.0;
/// How often the main thread looks after the feed.
const LOOK: Duration = Duration::from_millis(50);

/// How fast the feed is to go, asked for or not.
pub(super) fn pace_of(args: &RunArgs) -> Pace {
    let default = if args.input.is_some() { Pace::Max } else { Pace::PerSecond(SYNTHETIC_RATE) };
    args.pace.unwrap_or(default)
}

/// What the feed came to.
pub(super) struct Fed {
    pub(super) name: String,
    pub(super) format: &'static str,
    pub(super) consumed: Consumed,
    pub(super) published: u64,
    pub(super) levels: u64,
    pub(super) waits: u64,
    pub(super) start: Instant,
    pub(super) elapsed: Duration,
}

/// Runs the feed on a thread of its own, shows progress meanwhile, and returns when it has ended and its publisher is gone.
pub(super) fn feed(
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
