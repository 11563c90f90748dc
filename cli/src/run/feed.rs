//! The feed: its code, which the runtime runs on a thread of its own, and what the main thread shows meanwhile.

use super::config::{FEED, MARKET};
use super::ending::Ending;
use super::pace::Pacer;
use super::sink::{BusSink, Progress};
use super::source::{Consumed, Source};
use crate::args::{Pace, RunArgs};
use crate::report;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use tagring::bus::Publisher;
use tagring::runtime::config::{OverflowChoice, PublisherConfig};
use tagring::runtime::{Feed, Running, Runtime, RuntimeError, Waited};
use tagring_market::events;

/// The rate of the synthetic session and of an overload, unless asked otherwise: what a busy feed brings, so that latencies mean something.
const STEADY_RATE: f64 = 1_000_000.0;
/// How often the main thread looks after the feed, and at what slots are behind.
const LOOK: Duration = Duration::from_millis(20);

/// How fast the feed is to go, asked for or not.
pub(super) fn pace_of(args: &RunArgs) -> Pace {
    let is_steady = args.input.is_none() || args.overload.is_some();
    let default = if is_steady { Pace::PerSecond(STEADY_RATE) } else { Pace::Max };
    args.pace.unwrap_or(default)
}

/// What the feed came to.
pub(super) struct Fed {
    pub(super) name: String,
    pub(super) format: &'static str,
    pub(super) consumed: Consumed,
    /// Events that came due, those that were not published included.
    pub(super) offered: u64,
    pub(super) published: u64,
    pub(super) by_tag: Vec<(&'static str, u64)>,
    pub(super) levels: u64,
    pub(super) waits: u64,
    /// Dropped for want of room.
    pub(super) dropped: u64,
    /// Larger than the bus can take.
    pub(super) oversized: u64,
    /// Waited for room when the feed was to end.
    pub(super) interrupted: u64,
    pub(super) start: Instant,
    pub(super) elapsed: Duration,
}

/// A feed that was given to its runtime, seen from the main thread.
pub(super) struct Given {
    fed: Receiver<Fed>,
    progress: Arc<Progress>,
    bar: ProgressBar,
    ending: Arc<Ending>,
    /// When a feed that waits for its input is to end.
    seconds: Option<f64>,
}

/// Gives the feed's code to the runtime.
///
/// # Errors
/// Those of the runtime.
pub(super) fn give(
    args: &RunArgs,
    runtime: &Runtime,
    source: Source,
    ending: &Arc<Ending>,
) -> Result<Given, RuntimeError> {
    let publisher = runtime.bus::<events::Events>(MARKET)?.publisher(FEED)?;
    let configured = runtime.config().buses.get(MARKET).and_then(|bus| bus.publishers.get(FEED));
    let progress = Arc::<Progress>::default();
    let (done, fed) = sync_channel(1);
    let bar = progress_bar(args, source.size);
    let input = Input {
        source,
        publisher,
        pace: pace_of(args),
        seconds: args.seconds,
        strict: args.strict,
        patience: configured.and_then(patience),
        ending: Arc::clone(ending),
        progress: Arc::clone(&progress),
    };
    runtime.feed(FEED, move |feed| {
        // An error in the input is part of the account: the feed itself has done what it was to do.
        let _ = done.try_send(input.feed(feed));
        Ok(())
    })?;
    let seconds = args.seconds.filter(|_| args.input.is_some());
    Ok(Given { fed, progress, bar, ending: Arc::clone(ending), seconds })
}

/// How long the feed waits for room; `None`: until there is some.
fn patience(publisher: &PublisherConfig) -> Option<Duration> {
    match publisher.overflow {
        OverflowChoice::Wait => None,
        OverflowChoice::Timeout => Some(Duration::from_millis(publisher.timeout_ms)),
        OverflowChoice::Fail | OverflowChoice::Shed => Some(Duration::ZERO),
    }
}

/// All that the feed needs.
struct Input {
    source: Source,
    publisher: Publisher<events::Events>,
    pace: Pace,
    seconds: Option<f64>,
    strict: bool,
    patience: Option<Duration>,
    ending: Arc<Ending>,
    progress: Arc<Progress>,
}

impl Input {
    fn feed(self, feed: &Feed) -> Fed {
        let (name, format) = (self.source.name.clone(), self.source.format);
        let start = *self.progress.start.get_or_init(Instant::now);
        let pacer = Pacer::new(feed.clock(), self.pace, self.seconds, self.ending, feed.shares_core());
        let mut sink = BusSink::new(self.publisher, feed.clock(), pacer, self.patience, self.strict, self.progress);
        let consumed = self.source.feed(&mut sink);
        let fed = Fed {
            name,
            format,
            consumed,
            offered: sink.offered(),
            published: sink.published(),
            by_tag: sink.by_tag(),
            levels: sink.levels(),
            waits: sink.waits(),
            dropped: sink.dropped(),
            oversized: sink.oversized().0,
            interrupted: sink.interrupted(),
            start: start + sink.paused(),
            elapsed: Duration::ZERO,
        };
        // The sink, and with it the bus's only publisher, ends here: slots finish and stop.
        drop(sink);
        Fed { elapsed: fed.start.elapsed(), ..fed }
    }
}

impl Given {
    /// Shows progress until the feed has ended, or is to end. `look` is called now and then, with the time since it began and what it has published.
    pub(super) fn watch(&self, running: &Running, mut look: impl FnMut(Duration, u64)) {
        while running.wait(Some(LOOK)) == Waited::TimedOut {
            let since = self.progress.start.get().map_or(Duration::ZERO, Instant::elapsed);
            let elapsed = since.as_secs_f64();
            // For a feed that waits for a pipe; all others look at the time themselves.
            if self.seconds.is_some_and(|seconds| elapsed >= seconds) {
                self.ending.set_overdue();
            }
            let events = self.progress.events.load(Ordering::Relaxed);
            self.bar.set_position(self.progress.done.load(Ordering::Relaxed));
            self.bar.set_message(report::rate_line(events, elapsed));
            look(since, events);
        }
    }

    /// What it came to, once it has ended.
    pub(super) fn take(self) -> Option<Fed> {
        self.bar.finish_and_clear();
        self.fed.try_recv().ok()
    }
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
