//! The command line.

use crate::load::LoadArgs;
pub(crate) use crate::overload::Overload;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;
use tagring_market::input::Format;

/// Tagring: a lock-free, low-latency event dispatcher, shown at work.
#[derive(Parser, Debug)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Feed market data through a bus into slots and report (the default command)
    Run(RunArgs),
    /// Run the main job and tell of its slow events alone: where their time went, and which were the slowest
    Tail(TailArgs),
    /// Check configuration files and name every mistake in them, one a line; exit code 2 if there is one
    Check(CheckArgs),
    /// Measure Tagring against its peers on this machine: tables, bars, JSON, plots
    Bench(crate::bench::BenchArgs),
    /// Load a configured graph, show percentiles over time, find the highest rate that holds one
    Load(Box<LoadArgs>),
}

/// What is run, and how much is told of its slow events.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct TailArgs {
    /// Slow events of each slot to tell of one by one, of the latest thousand
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(usize))]
    pub(crate) slowest: usize,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Which configurations are checked, and what is printed of them.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct CheckArgs {
    /// TOML files, each a configuration of its own
    #[arg(required_unless_present = "schema")]
    pub(crate) files: Vec<PathBuf>,
    /// Print the configuration with all defaults filled in and every key explained, as TOML; for one file
    #[arg(long, conflicts_with = "json")]
    pub(crate) effective: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Leave environment variables (`TAGRING__BUSES__MD__SLOTS_MAX=4` and the like) out of account
    #[arg(long)]
    pub(crate) no_env: bool,
    /// Print the JSON Schema of configurations, for editors, and check nothing
    #[arg(long, conflicts_with_all = ["effective", "json", "no_env", "files"])]
    pub(crate) schema: bool,
}

/// What the main job reads, how fast, where, and what it shows.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct RunArgs {
    /// Configuration to run from, in place of the one built in
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the configuration with everything filled in, environment and --cores included, and run nothing
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Capture to read, or `-`: NASDAQ ITCH 5.0 or Binance streams; plain, .gz or .zst. Default: a synthetic session
    #[arg(long, value_name = "FILE|-")]
    pub(crate) input: Option<String>,
    /// Format of the input, where its content does not tell
    #[arg(long, value_enum, requires = "input")]
    pub(crate) format: Option<InputFormat>,
    /// How fast: `max`, `recorded`, `Nx` (times recorded speed) or `N/s` (events a second). Default: max for files,
    /// 1000000/s for the synthetic session and with --overload
    #[arg(long, value_name = "max|recorded|Nx|N/s", allow_hyphen_values = true)]
    pub(crate) pace: Option<Pace>,
    /// Offer so many times more than slots can take: those that may lose events are made as slow as that; the others have to see all of it
    #[arg(long, value_name = "10x", allow_hyphen_values = true)]
    pub(crate) overload: Option<Overload>,
    /// Cores to use, the first for the feed, the others for the slots. Default: all the process may use, at most 5
    #[arg(long, value_delimiter = ',', value_name = "CORE,..", value_parser = core, allow_hyphen_values = true)]
    pub(crate) cores: Option<Vec<usize>>,
    /// Stop the feed after so many seconds
    #[arg(long, value_name = "S", value_parser = positive, allow_hyphen_values = true)]
    pub(crate) seconds: Option<f64>,
    /// Messages of the synthetic session, which is made in memory first, some 8 million at a time
    #[arg(long, value_name = "N", default_value_t = 5_000_000, conflicts_with = "input",
          value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) messages: u64,
    /// Seed of the synthetic session
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "input")]
    pub(crate) seed: u64,
    /// Where to write the plot [default: tagring-run.html, or tagring-tail.html; none with --quiet or --json]
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Where to write a log: how the run went and what the runtime noticed. `-` is standard error. A file is appended to
    #[arg(long, value_name = "FILE|-")]
    pub(crate) log: Option<String>,
    /// What is logged: off, error, warn, info, debug, trace, or by target as in `warn,tagring::runtime=debug` [default: info]
    #[arg(long, value_name = "LEVEL", requires = "log")]
    pub(crate) log_level: Option<String>,
    /// Make a bad line or message an error, rather than skip and count it
    #[arg(long)]
    pub(crate) strict: bool,
    /// Show neither progress nor report
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Tell more of the machine: who runs where and why, what was granted, all that was found
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputFormat {
    /// NASDAQ TotalView-ITCH 5.0, length-prefixed
    Itch,
    /// Binance streams, one line per message
    Binance,
}

impl From<InputFormat> for Format {
    fn from(format: InputFormat) -> Self {
        match format {
            InputFormat::Itch => Self::Itch,
            InputFormat::Binance => Self::Binance,
        }
    }
}

/// How fast the feed publishes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// As fast as the slots allow.
    Max,
    /// At so many times the recorded speed.
    Times(f64),
    /// So many events a second.
    PerSecond(f64),
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| digits.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0);
        match text {
            "max" => Some(Self::Max),
            "recorded" => Some(Self::Times(1.0)),
            _ => match (text.strip_suffix('x'), text.strip_suffix("/s")) {
                (Some(times), _) => number(times).map(Self::Times),
                (_, Some(rate)) => number(rate).map(Self::PerSecond),
                _ => None,
            },
        }
        .ok_or_else(|| {
            "TR-3001: give `max`, `recorded`, a factor above 0 such as `10x`, or a rate such as `1000000/s`".into()
        })
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(seconds),
        _ => Err("TR-3002: give seconds above 0 and up to 1e9, such as 2.5".into()),
    }
}

fn core(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "TR-3003: give core numbers from 0 with commas between, such as 0,1".into())
}
