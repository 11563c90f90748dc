//! What `tagring bench` is asked on the command line.

use std::path::PathBuf;

/// Which parts are measured, how long, and where the results go.
#[derive(clap::Args, Debug, Clone)]
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "nothing is measured by this build"))]
pub(crate) struct BenchArgs {
    /// Parts to measure, in this order; `--list` names them. Default: all
    #[arg(value_name = "PART")]
    pub(crate) parts: Vec<String>,
    /// Rounds of each row. Default: 101, or 9 with --quick
    #[arg(long, value_name = "N", value_parser = rounds, allow_hyphen_values = true)]
    pub(crate) rounds: Option<usize>,
    /// Few rounds and short ones: to look around, not to quote
    #[arg(long)]
    pub(crate) quick: bool,
    /// The core of the publishers and that of the readers. Default: the last two that the process may use
    #[arg(long, value_name = "NEAR,FAR", value_parser = cores, allow_hyphen_values = true)]
    pub(crate) cores: Option<[usize; 2]>,
    /// Write everything, each round included, as one JSON object
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draw each table, and each latency's curve, as SVG files in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) svg: Option<PathBuf>,
    /// Name the parts, and measure nothing
    #[arg(long)]
    pub(crate) list: bool,
}

/// More rounds than this are a mistake: a day and more.
const ROUNDS_MAX: usize = 100_000;

fn rounds(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(rounds) if (1..=ROUNDS_MAX).contains(&rounds) => Ok(rounds),
        _ => Err(format!("TR-3012: give a number of rounds from 1 to {ROUNDS_MAX}, such as 101")),
    }
}

fn cores(text: &str) -> Result<[usize; 2], String> {
    let mistake = || "TR-3013: give two core numbers with a comma between, such as 2,3".to_owned();
    let (near, far) = text.split_once(',').ok_or_else(mistake)?;
    Ok([near.parse().map_err(|_| mistake())?, far.parse().map_err(|_| mistake())?])
}
