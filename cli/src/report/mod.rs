//! What a run came to, and three ways to show it: text, JSON, a plot.

mod json;
mod plot;
mod text;

use crate::args::{Pace, RunArgs};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tagring::bus::{SlotLatencies, SlotStats};
use tagring::counters::HistogramSnapshot;
use tagring_market::book::depth::DepthCounts;
use tagring_market::book::ticker::Agreement;

/// Where the plot goes unless asked otherwise.
const PLOT: &str = "tagring-run.html";

/// Everything that is told of a run.
pub(crate) struct Report {
    pub(crate) input: String,
    pub(crate) format: &'static str,
    pub(crate) synthetic: bool,
    pub(crate) pace: Pace,
    pub(crate) clock: String,
    pub(crate) cores: String,
    pub(crate) messages: Vec<(String, u64)>,
    pub(crate) skips: Vec<(String, u64)>,
    pub(crate) examples: Vec<String>,
    pub(crate) error: Option<String>,
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
            messages: Vec::new(),
            skips: Vec::new(),
            examples: Vec::new(),
            error: None,
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
    pub(crate) name: String,
    pub(crate) core: Option<usize>,
    pub(crate) stats: SlotStats,
    pub(crate) latencies: SlotLatencies,
}

/// What one instrument traded.
pub(crate) struct Trades {
    pub(crate) symbol: String,
    pub(crate) count: u64,
    pub(crate) volume: i128,
    pub(crate) notional: i128,
    pub(crate) vwap: Option<i64>,
    pub(crate) bars: usize,
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

/// Shows the report as the arguments say.
///
/// # Errors
/// The plot cannot be written; the report was shown before.
pub(crate) fn show(args: &RunArgs, report: &Report) -> Result<(), String> {
    let plot = args.plot.clone().or_else(|| (!args.quiet && !args.json).then(|| PathBuf::from(PLOT)));
    if args.json {
        json::print(report);
    } else if !args.quiet {
        text::print(report);
    }
    let Some(path) = plot else { return Ok(()) };
    write_plot(&path, report)?;
    if !args.quiet && !args.json {
        let full = path.canonicalize().unwrap_or(path);
        println!("\nLatency distributions, by slot and by tag: {}", full.display());
    }
    Ok(())
}

fn write_plot(path: &Path, report: &Report) -> Result<(), String> {
    let page = plot::page(report)?;
    std::fs::write(path, page)
        .map_err(|error| format!("plot {}: {error}; choose another place with --plot FILE", path.display()))
}
