//! What a logging is made of, and its start. All is checked before anything is started or installed.

use crate::error::LogError;
use crate::file::{LogFile, Rotation};
use crate::filter;
use crate::format::Format;
use crate::hot::Hot;
use crate::limiter::Limiter;
use crate::logging::Logging;
use crate::pens::Pens;
use crate::writer::{Control, Writer};
use core::ops::RangeInclusive;
use core::time::Duration;
use crossbeam_channel::{Receiver, bounded};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use tagring::bus::CoreError;
use tagring::clock::Clock;
use tagring::ring::Ring;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

/// Capacities, in cells of 128 bytes: the longest record takes 8.
const CELLS: RangeInclusive<usize> = 16..=1 << 24;
/// 1 MiB.
const CELLS_DEFAULT: usize = 8_192;
/// How often an idle writer may look, at most and at least.
const POLL: RangeInclusive<Duration> = Duration::from_micros(10)..=Duration::from_secs(1);
const POLL_DEFAULT: Duration = Duration::from_millis(10);
/// How long the drop of a logging waits.
const DROP_LIMIT: Duration = Duration::from_secs(2);

/// Where lines go.
enum Target {
    Stderr,
    File(PathBuf),
    Writer(Box<dyn Write + Send>),
}

/// A logging to be: see [`crate::builder`].
#[must_use = "nothing is started yet"]
pub struct Builder {
    cells: usize,
    target: Target,
    rotation: Option<Rotation>,
    filter: Targets,
    mistake: Option<LogError>,
    format: Format,
    clock: Option<Clock>,
    limit_per_second: Option<u32>,
    poll: Duration,
    core: Option<usize>,
    drop_limit: Duration,
    panic_flush: Option<Duration>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            cells: CELLS_DEFAULT,
            target: Target::Stderr,
            rotation: None,
            filter: Targets::new().with_default(LevelFilter::INFO),
            mistake: None,
            format: Format::Text,
            clock: None,
            limit_per_second: None,
            poll: POLL_DEFAULT,
            core: None,
            drop_limit: DROP_LIMIT,
            panic_flush: None,
        }
    }

    /// The ring's size in cells of 128 bytes: a power of two from 16 to 2^24. Most records take one cell, none more than eight. Default 8,192:
    /// 1 MiB, all of it touched at the start.
    pub fn capacity(mut self, cells: usize) -> Self {
        self.cells = cells;
        self
    }

    /// Lines go to standard error, which is the default.
    pub fn to_stderr(mut self) -> Self {
        self.target = Target::Stderr;
        self
    }

    /// Lines are appended to a file.
    pub fn to_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.target = Target::File(path.into());
        self
    }

    /// A file that comes to `bytes_max` bytes is set aside: `log` becomes `log.1`, that one `log.2`, up to `keep`. Lines stay whole. For
    /// [`Self::to_file`].
    pub fn rotate(mut self, bytes_max: u64, keep: u32) -> Self {
        self.rotation = Some(Rotation { bytes_max, keep });
        self
    }

    /// Lines go to any writer, one `write` for all that is there. It may fail, take less than it is given, block or panic. What it logs
    /// itself is not heard.
    pub fn to_writer(mut self, writer: impl Write + Send + 'static) -> Self {
        self.target = Target::Writer(Box::new(writer));
        self
    }

    /// What is recorded, by level. Default: `INFO` and above.
    pub fn level(mut self, level: impl Into<LevelFilter>) -> Self {
        self.filter = Targets::new().with_default(level);
        self
    }

    /// What is recorded, by target: `info,market::book=debug`. A mistake in it is told by [`Self::start`].
    pub fn filter(self, directives: &str) -> Self {
        self.filter_from("filter", directives)
    }

    /// As [`Self::filter`], from an environment variable. Where it is not set or empty, nothing changes.
    pub fn filter_env(self, variable: &str) -> Self {
        match std::env::var_os(variable) {
            Some(value) if !value.is_empty() => {
                self.filter_from(&format!("variable {variable}"), &value.to_string_lossy())
            }
            _ => self,
        }
    }

    fn filter_from(mut self, origin: &str, given: &str) -> Self {
        match filter::parse(given) {
            Ok(filter) => self.filter = filter,
            Err(reason) => {
                let (origin, given) = (origin.to_owned(), given.escape_default().to_string());
                self.mistake = self.mistake.or(Some(LogError::Filter { origin, given, reason }));
            }
        }
        self
    }

    /// What lines look like.
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// The clock of time stamps: a runtime's, so that logs and events can be compared, or a manual one in tests. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// At most so many records of one callsite in a second. The next one that passes tells how many did not. Default: no limit.
    pub fn limit_per_second(mut self, records: u32) -> Self {
        self.limit_per_second = Some(records);
        self
    }

    /// The longest pause of a writer that finds nothing, from 10 us to 1 s. Default 10 ms. A ring must hold what is logged meanwhile: of short
    /// records at a million a second, 8,192 cells hold 8 ms.
    pub fn poll(mut self, pause: Duration) -> Self {
        self.poll = pause;
        self
    }

    /// The core of the writer's thread. Default: where the starting thread may run; so start logging before that one is pinned.
    pub fn core(mut self, core: impl Into<Option<usize>>) -> Self {
        self.core = core.into();
        self
    }

    /// How long the drop of the [`Logging`] waits for the target. Default 2 s.
    pub fn drop_limit(mut self, limit: Duration) -> Self {
        self.drop_limit = limit;
        self
    }

    /// On a panic, after the hook that is there now, the panicking thread waits until all that was recorded is written, for at most `limit`. For
    /// processes that end at a panic. Default: no wait; what was recorded before a panic that is caught is written in any case.
    pub fn flush_on_panic(mut self, limit: Duration) -> Self {
        self.panic_flush = Some(limit);
        self
    }

    /// Starts the writer and makes this the logger of the process, for `tracing` and for `log`.
    ///
    /// # Errors
    /// [`LogError`]; nothing was started or installed.
    pub fn start(mut self) -> Result<Logging, LogError> {
        if tracing::dispatcher::has_been_set() {
            return Err(LogError::Taken { of: "tracing" });
        }
        let panic_flush = self.panic_flush.take();
        let filter = self.filter.clone();
        let logging = self.start_alone()?;
        log::set_boxed_logger(Box::new(logging.bridge())).map_err(|_| LogError::Taken { of: "log" })?;
        log::set_max_level(filter::max_level(&filter));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(logging.layer()))
            .map_err(|_| LogError::Taken { of: "tracing" })?;
        if let Some(limit) = panic_flush {
            logging.flush_on_panic(limit);
        }
        Ok(logging)
    }

    /// Starts the writer and installs nothing: [`Logging::layer`] and [`Logging::bridge`] are for a subscriber and a logger of one's own.
    ///
    /// # Errors
    /// [`LogError`]; nothing was started.
    pub fn start_alone(mut self) -> Result<Logging, LogError> {
        self.check()?;
        let target: Box<dyn Write + Send> = match self.target {
            Target::Stderr => Box::new(std::io::stderr()),
            Target::File(path) => Box::new(LogFile::open(&path, self.rotation)?),
            Target::Writer(writer) => writer,
        };
        let refused = |_| LogError::Capacity { cells: self.cells, allowed: CELLS };
        let (ring, publisher) = Ring::many(self.cells).map_err(refused)?;
        let reader = ring.attach().map_err(refused)?;
        let clock = self.clock.unwrap_or_else(Clock::system);
        let limiter = self.limit_per_second.map(|limit| Limiter::new(limit, &clock));
        let zero = Default::default;
        let hot = Hot {
            clock,
            pens: Pens::new(publisher),
            limiter,
            written: zero(),
            unwritten: zero(),
            write_errors: zero(),
        };
        let (hot, control) = (Arc::new(hot), Arc::new(Control::default()));
        let kind = (self.format, self.poll);
        let writer = Writer::new(Arc::clone(&hot), Arc::clone(&control), reader, self.cells, kind, target);
        let (thread, ended) = spawn(writer, self.core)?;
        let logging = Logging::new(hot, control, ring, self.filter, (thread, ended), self.drop_limit);
        if let Some(limit) = self.panic_flush {
            logging.flush_on_panic(limit);
        }
        Ok(logging)
    }

    fn check(&mut self) -> Result<(), LogError> {
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake);
        }
        if !CELLS.contains(&self.cells) || !self.cells.is_power_of_two() {
            return Err(LogError::Capacity { cells: self.cells, allowed: CELLS });
        }
        if self.limit_per_second == Some(0) {
            return Err(LogError::Limit);
        }
        let allowed = tagring::bus::allowed_cores();
        if let Some(core) = self.core.filter(|core| !allowed.contains(core)) {
            return Err(LogError::Core { reason: CoreError::NotAllowed { core, allowed }.to_string() });
        }
        if !POLL.contains(&self.poll) {
            return Err(LogError::Poll { ns: self.poll.as_nanos() });
        }
        Ok(())
    }
}

/// The writer's thread, and what tells that it has ended.
pub(crate) type Service = (std::thread::JoinHandle<()>, Receiver<()>);

fn spawn(writer: Writer, core: Option<usize>) -> Result<Service, LogError> {
    let (running, ended) = bounded::<()>(0);
    let (say, placed) = bounded(1);
    let body = move || {
        let _running = running;
        let result =
            core.map_or(Ok(()), |core| tagring::bus::pin_current_thread(core).map_err(|error| error.to_string()));
        let is_placed = result.is_ok();
        let _ = say.send(result);
        if is_placed {
            writer.run();
        }
    };
    let thread = std::thread::Builder::new().name("tagring-log".into()).spawn(tagring::faults::carry(body));
    let thread = thread.map_err(|source| LogError::Thread { source })?;
    match placed.recv() {
        Ok(Err(reason)) => {
            let _ = thread.join();
            Err(LogError::Core { reason })
        }
        _ => Ok((thread, ended)),
    }
}
