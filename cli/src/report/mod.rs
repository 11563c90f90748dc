//! What a run came to, and three ways to show it: text, JSON, a plot.

pub(crate) mod accounting;
pub(crate) mod axes;
mod ended;
mod json;
pub(crate) mod panels;
mod plot;
pub(crate) mod tail;
mod text;

use crate::args::{Pace, RunArgs};
use crate::say::{print, say};
use accounting::Accounting;
pub(crate) use ended::Ended;
pub(crate) use plot::tag_name;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tagring::bus::{Fate, SlotLatencies, SlotStats};
use tagring::counters::HistogramSnapshot;
use tagring::event::Tag;
use tagring::runtime::watchdog::Health;
use tagring_logging::Counts;
use tagring_market::book::depth::DepthCounts;
use tagring_market::book::ticker::Agreement;
use tail::Tail;
pub(crate) use text::{rate_line, thousands, time};

/// What is shown of a run.
pub(crate) struct Shown {
    /// Where the plot goes unless asked otherwise.
    pub(crate) plot: &'static str,
    pub(crate) text: Box<dyn Fn(&Report) -> String>,
    pub(crate) json: Box<dyn Fn(&Report) -> String>,
    pub(crate) page: fn(&Report) -> Result<String, String>,
}

impl Shown {
    /// All that is known.
    pub(crate) fn whole() -> Self {
        Self { plot: "tagring-run.html", text: Box::new(text::text), json: Box::new(json::text), page: plot::page }
    }

    /// Slow events alone, the `slowest` so many of each slot one by one.
    pub(crate) fn tail(slowest: usize) -> Self {
        Self {
            plot: "tagring-tail.html",
            text: Box::new(move |report| tail::text(&report.tail, slowest)),
            json: Box::new(move |report| json::tail_text(report, slowest)),
            page: plot::tail_page,
        }
    }
}

/// Everything that is told of a run.
pub(crate) struct Report {
    pub(crate) input: String,
    pub(crate) format: &'static str,
    pub(crate) synthetic: bool,
    pub(crate) pace: Pace,
    pub(crate) clock: String,
    pub(crate) cores: String,
    /// Who runs where.
    pub(crate) threads: Vec<PlaceReport>,
    /// What was asked of the operating system and became of it, and what the preflight found.
    pub(crate) machine: Vec<String>,
    /// What the runtime noticed of its parts.
    pub(crate) notices: Vec<String>,
    /// What became of the log's records, where there is a log.
    pub(crate) log: Option<Counts>,
    /// Whether all of that is told in the text.
    pub(crate) verbose: bool,
    /// By bus.
    pub(crate) dead_letters: Vec<(String, u64)>,
    /// What was not drained or did not end, and why.
    pub(crate) shutdown: Vec<String>,
    pub(crate) messages: Vec<(String, u64)>,
    pub(crate) skips: Vec<(String, u64)>,
    pub(crate) examples: Vec<String>,
    pub(crate) error: Option<String>,
    pub(crate) ended: Ended,
    pub(crate) decode_share: Option<f64>,
    pub(crate) bytes: u64,
    pub(crate) levels: u64,
    /// Published on the market-data bus.
    pub(crate) events: u64,
    pub(crate) by_tag: Vec<(&'static str, u64)>,
    /// Prints and signals published on the second bus.
    pub(crate) prints: u64,
    pub(crate) signals: u64,
    /// Handled, all slots together.
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    /// Times the feed found the bus full and waited.
    pub(crate) waits: u64,
    pub(crate) elapsed: Duration,
    pub(crate) feed_elapsed: Duration,
    pub(crate) slots: Vec<SlotReport>,
    pub(crate) tail: Tail,
    /// Where every event went.
    pub(crate) accounting: Accounting,
    pub(crate) jitter: HistogramSnapshot,
    pub(crate) trades: Vec<Trades>,
    pub(crate) books: Vec<(String, BookTop)>,
    pub(crate) agreement: Agreement,
    pub(crate) disagreements: Vec<String>,
    pub(crate) depth_counts: Vec<(String, DepthCounts)>,
    pub(crate) oddities: Vec<(&'static str, u64)>,
    pub(crate) digest: u64,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            input: String::new(),
            format: "",
            synthetic: false,
            pace: Pace::Max,
            clock: String::new(),
            cores: String::new(),
            threads: Vec::new(),
            machine: Vec::new(),
            notices: Vec::new(),
            log: None,
            verbose: false,
            dead_letters: Vec::new(),
            shutdown: Vec::new(),
            messages: Vec::new(),
            skips: Vec::new(),
            examples: Vec::new(),
            error: None,
            ended: Ended::Input,
            decode_share: None,
            bytes: 0,
            levels: 0,
            events: 0,
            by_tag: Vec::new(),
            prints: 0,
            signals: 0,
            delivered: 0,
            dropped: 0,
            waits: 0,
            elapsed: Duration::ZERO,
            feed_elapsed: Duration::ZERO,
            slots: Vec::new(),
            tail: Tail::default(),
            accounting: Accounting::default(),
            jitter: HistogramSnapshot::default(),
            trades: Vec::new(),
            books: Vec::new(),
            agreement: Agreement::default(),
            disagreements: Vec::new(),
            depth_counts: Vec::new(),
            oddities: Vec::new(),
            digest: 0,
        }
    }
}

/// One slot.
pub(crate) struct SlotReport {
    pub(crate) bus: &'static str,
    pub(crate) name: String,
    pub(crate) core: Option<usize>,
    pub(crate) thread: Option<String>,
    /// As the watchdog saw it when the feed had ended.
    pub(crate) health: Health,
    pub(crate) stats: SlotStats,
    /// What became of events by tag, in the order of [`Fate::ALL`], where the slot keeps that.
    pub(crate) fates: Vec<(Tag, [u64; Fate::ALL.len()])>,
    pub(crate) latencies: SlotLatencies,
}

/// One thread and its core.
pub(crate) struct PlaceReport {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// Which of those of that name, from 0.
    pub(crate) number: usize,
    pub(crate) core: Option<usize>,
    pub(crate) waits: &'static str,
    pub(crate) why: String,
}

/// What one instrument traded.
pub(crate) struct Trades {
    pub(crate) symbol: String,
    pub(crate) count: u64,
    pub(crate) volume: i128,
    pub(crate) notional: i128,
    pub(crate) vwap: Option<i64>,
}

/// One instrument's final book.
pub(crate) struct BookTop {
    pub(crate) bid: Option<(i64, i64)>,
    pub(crate) ask: Option<(i64, i64)>,
    pub(crate) bid_levels: usize,
    pub(crate) ask_levels: usize,
}

/// Quantiles as they are told.
pub(crate) const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)];

/// The file that is read, where it is one.
pub(crate) fn input_file(args: &RunArgs) -> Option<Metadata> {
    match args.input.as_deref() {
        Some("-") => io::stdin().as_fd().try_clone_to_owned().and_then(|file| File::from(file).metadata()).ok(),
        Some(input) => std::fs::metadata(input).ok(),
        None => None,
    }
}

/// Looks whether the plot asked for can be written, before hours go by.
///
/// # Errors
/// It cannot, or it would replace the input.
pub(crate) fn check_plot(args: &RunArgs, shown: &Shown) -> Result<(), String> {
    let plain = !args.json && !args.quiet;
    let Some(path) = args.plot.as_deref().or(plain.then_some(Path::new(shown.plot))) else { return Ok(()) };
    let input = input_file(args);
    let same = |input: &Metadata, plot: &Metadata| (input.dev(), input.ino()) == (plot.dev(), plot.ino());
    if path.metadata().is_ok_and(|plot| input.is_some_and(|input| same(&input, &plot))) {
        return Err(format!("TR-3005: --plot {}: that is the input; choose another place", path.display()));
    }
    if args.plot.is_none() {
        return Ok(());
    }
    let is_new = !path.exists();
    OpenOptions::new().append(true).create(true).open(path).map_err(|error| unwritable(path, &error))?;
    if is_new {
        // Best effort: what is left behind would be empty, and is replaced at the end.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("TR-3005: --plot {}: {error}; choose another place", path.display())
}

/// Shows the report as the arguments say.
///
/// # Errors
/// The report, or the plot asked for, cannot be written.
pub(crate) fn show(args: &RunArgs, report: &Report, shown: &Shown) -> Result<(), String> {
    let mut out = match (args.json, args.quiet) {
        (true, _) => (shown.json)(report),
        // Names come from the input: what a terminal would obey is shown as a mark.
        (false, false) => (shown.text)(report).replace(|c: char| c.is_control() && c != '\n', "\u{fffd}"),
        (false, true) => String::new(),
    };
    let plain = !args.json && !args.quiet;
    let plot = match (&args.plot, plain) {
        (Some(path), _) => write_plot(path, report, shown).map(|()| Some(path.clone())),
        // Nobody asked for this one: a read-only folder spoils nothing.
        (None, true) => Ok(write_plot(Path::new(shown.plot), report, shown).map_or_else(
            |error| {
                say(&error);
                None
            },
            |()| Some(PathBuf::from(shown.plot)),
        )),
        (None, false) => Ok(None),
    };
    if let (true, Ok(Some(path))) = (plain, &plot) {
        let full = path.canonicalize().unwrap_or_else(|_| path.clone());
        out.push_str(&format!("\nplot      {}\n", full.display()));
    }
    print(&out)?;
    plot.map(|_| ())
}

fn write_plot(path: &Path, report: &Report, shown: &Shown) -> Result<(), String> {
    std::fs::write(path, (shown.page)(report)?).map_err(|error| unwritable(path, &error))
}
