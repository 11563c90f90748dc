//! `tagring bench`: the suite of `benches/`, measured on the user's machine: tables, bars, JSON, plots.
//!
//! Everything that can be refused is refused before anything is measured: unknown parts, cores, files.

mod args;
#[cfg(feature = "bench")]
mod bars_plot;
#[cfg(feature = "bench")]
mod curves_plot;
#[cfg(feature = "bench")]
mod outputs;
#[cfg(feature = "bench")]
mod progress;
#[cfg(feature = "bench")]
mod suite;

pub(crate) use args::BenchArgs;
#[cfg(feature = "bench")]
pub(crate) use suite::main;

/// Says how to get a build that measures.
#[cfg(not(feature = "bench"))]
pub(crate) fn main(_: &BenchArgs) -> std::process::ExitCode {
    crate::say::say(
        "TR-3010: this build has no bench, and no peers to measure against; build it with `--features bench`: \
         cargo run --release -p tagring-cli --features bench -- bench",
    );
    std::process::ExitCode::from(2)
}
