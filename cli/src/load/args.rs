//! The command line of `tagring load`.

use super::graph::{MixText, Share};
use super::named::Named;
use super::objective::Objective;
use super::quantity;
use super::schedule::{Arrivals, Bursts};
use super::service::{Service, Stall};
use std::path::PathBuf;
use std::time::Duration;

/// What belongs to a load at one rate. (Without this a conflict with `--search` would also lift what requires it.)
const FIXED: [&str; 4] = ["rate", "time", "speed", "assert"];

/// What is loaded, how, for how long, and what is asked of it.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct LoadArgs {
    /// Configuration of the graph to load, in place of the one built in: any that `tagring check` accepts
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print the configuration with everything filled in, environment included, and load nothing
    #[arg(long)]
    pub(super) print_config: bool,
    /// Events a second, over all sources together [default: 100k; with --recorded: as recorded]
    #[arg(long, value_name = "N", value_parser = quantity::rate, allow_hyphen_values = true, conflicts_with_all = ["search", "speed"])]
    pub(super) rate: Option<f64>,
    /// How arrivals follow each other
    #[arg(long, value_enum, default_value_t, conflicts_with = "recorded")]
    pub(super) arrivals: Arrivals,
    /// A higher rate now and then: so many times the rate, for how long, every how long
    #[arg(long, value_name = "10x/100ms/1s", conflicts_with = "recorded", allow_hyphen_values = true)]
    pub(super) bursts: Option<Bursts>,
    /// Arrival times of a capture: NASDAQ ITCH 5.0 or Binance streams; plain, .gz or .zst
    #[arg(long, value_name = "FILE")]
    pub(super) recorded: Option<String>,
    /// So many times as fast as recorded
    #[arg(long, value_name = "2x", value_parser = quantity::factor, requires = "recorded", conflicts_with = "search", allow_hyphen_values = true)]
    pub(super) speed: Option<f64>,
    /// How long events are due [default: 10s; with --recorded: as long as the capture]
    #[arg(long, value_name = "TIME", value_parser = quantity::span, conflicts_with = "search", allow_hyphen_values = true)]
    pub(super) time: Option<Duration>,
    /// How long the load runs before anything is counted
    #[arg(long, value_name = "TIME", value_parser = quantity::time, default_value = "1s", allow_hyphen_values = true)]
    pub(super) warm_up: Duration,
    /// How often percentiles are taken
    #[arg(long, value_name = "TIME", value_parser = interval, default_value = "1s", allow_hyphen_values = true)]
    pub(super) interval: Duration,
    /// Seed of arrivals, service times and the mix of events
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// How long handlers take: 200ns, exponential(MEAN), lognormal(MEDIAN,P99); for slots by name or for all [default: 200ns]
    #[arg(long, value_name = "[SLOT=]TIME", allow_hyphen_values = true)]
    pub(super) service: Vec<Named<Service>>,
    /// Handlers take so much longer every so many events
    #[arg(long, value_name = "[SLOT=]TIME/N", allow_hyphen_values = true)]
    pub(super) stall: Vec<Named<Stall>>,
    /// How many of its events a slot forwards to the publishers it holds, by bus or publisher [default: 1/10]
    #[arg(long, value_name = "[BUS=]N/M", allow_hyphen_values = true)]
    pub(super) forward: Vec<Named<Share>>,
    /// Which events a bus gets, by name and weight [default: those that its slots name, and another]
    #[arg(long, value_name = "BUS=NAME:N,..", allow_hyphen_values = true)]
    pub(super) mix: Vec<Named<MixText>>,
    /// Find the highest rate that holds this, such as 'p99.9 < 50us' or 'book:p99 < 1ms'; several: all of them
    #[arg(long, value_name = "[SLOT:]PN < TIME", conflicts_with = "assert", allow_hyphen_values = true)]
    pub(super) search: Vec<Objective>,
    /// Exit code 1 unless this holds at the rate asked for; several: all of them
    #[arg(long, value_name = "[SLOT:]PN < TIME", allow_hyphen_values = true)]
    pub(super) assert: Vec<Objective>,
    /// How long one trial of a search lasts, after its warm-up of a quarter of that
    #[arg(long, value_name = "TIME", value_parser = quantity::span, default_value = "3s", requires = "search", conflicts_with_all = FIXED, allow_hyphen_values = true)]
    pub(super) step: Duration,
    /// Trials of a rate; it holds if more than half of them do
    #[arg(long, value_name = "N", default_value_t = 3, requires = "search", conflicts_with_all = FIXED, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(super) trials: u32,
    /// The rate that a search begins with [default: what the percentile needs to rest on enough events, at least 10k]
    #[arg(long, value_name = "N", value_parser = quantity::rate, requires = "search", conflicts_with_all = FIXED, allow_hyphen_values = true)]
    pub(super) from: Option<f64>,
    /// The highest rate that a search tries
    #[arg(long, value_name = "N", value_parser = quantity::rate, default_value = "100M", requires = "search", conflicts_with_all = FIXED, allow_hyphen_values = true)]
    pub(super) up_to: f64,
    /// How near the highest rate that holds and the lowest that does not are to come
    #[arg(long, value_name = "N%", value_parser = quantity::share, default_value = "5%", requires = "search", conflicts_with_all = FIXED, allow_hyphen_values = true)]
    pub(super) resolution: f64,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// Where to write the plot
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
    /// Show neither progress nor report
    #[arg(long)]
    pub(super) quiet: bool,
}

/// Looking more often would be most of the load.
const INTERVAL_LEAST: Duration = Duration::from_millis(10);

fn interval(text: &str) -> Result<Duration, String> {
    let interval = quantity::span(text)?;
    if interval < INTERVAL_LEAST {
        return Err(format!("TR-3020: `{text}` is too short an interval; give 10ms or more"));
    }
    Ok(interval)
}
