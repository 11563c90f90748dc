//! The main job: a feed publishes market data to a bus; slots build books, look for signals and record; what they derive goes to a
//! second bus, where the tape is. Then the report.

mod books;
mod cores;
mod ending;
mod feed;
mod job;
mod outlet;
mod pace;
mod recorder;
mod results;
mod session;
mod signal;
mod sink;
mod source;
mod tape;

use crate::args::RunArgs;
use crate::report;
use crate::say::say;
use cores::Cores;
use ending::Ending;
use job::job;
use source::Source;
use std::process::ExitCode;
use std::sync::Arc;

/// Exit code for bad input and bad arguments.
const BAD_INPUT: u8 = 2;
/// Exit code after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

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
