//! The main job: a feed publishes market data to a bus; slots build books, look for signals and record; what they derive goes to a
//! second bus, where the tape is. Then the report.

mod accounts;
mod books;
mod config;
mod cores;
mod ending;
mod feed;
mod job;
mod kind;
mod notices;
mod outlet;
mod pace;
mod recorder;
mod results;
mod session;
mod signal;
mod sink;
mod slots;
mod slowed;
mod source;
mod tape;
mod worker;

use crate::args::RunArgs;
use crate::log;
use crate::report::{self, Shown};
use crate::say::{list, print, say};
pub(crate) use config::DERIVED;
pub(crate) use cores::Cores;
use ending::Ending;
use job::job;
pub(crate) use job::unclean;
pub(crate) use notices::Notices;
use source::Source;
use std::process::ExitCode;
use std::sync::Arc;
use tagring::runtime::Runtime;
use tagring::runtime::config::Config;

/// Exit code for bad input, bad arguments and bad configurations.
const BAD_INPUT: u8 = 2;
/// Exit code after Ctrl-C, as shells have it, and after a request to terminate.
const INTERRUPTED: u8 = 130;

/// Runs the main job and shows of it what is asked for; everything that can go wrong is said on standard error.
pub(crate) fn main(args: &RunArgs, shown: &Shown) -> ExitCode {
    let config = match config::effective(args) {
        Ok(config) => config,
        Err(lines) => {
            lines.iter().for_each(|line| list(&line.replace(char::is_control, "\u{fffd}")));
            return ExitCode::from(BAD_INPUT);
        }
    };
    let result = if args.print_config { print(&config.to_toml()).map(|()| 0) } else { run(args, config, shown) };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            message.lines().for_each(say);
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(args: &RunArgs, config: Config, shown: &Shown) -> Result<u8, String> {
    args.overload.map_or(Ok(()), |_| config::check_overload(feed::pace_of(args), &config))?;
    let runtime = Runtime::new(config).map_err(|mistakes| mistakes.to_string())?;
    // From here on, until the report is out.
    let _signals = runtime.take_signals().map_err(|error| error.to_string())?;
    let ending = Arc::new(Ending::new(runtime.stop_handle()));
    slots::buses(&runtime).map_err(|error| error.to_string())?;
    report::check_plot(args, shown)?;
    if !args.quiet && args.input.is_none() {
        let mb = session::bytes(args.messages).div_ceil(1_000_000);
        let count = report::thousands(args.messages);
        say(&format!("making a synthetic session of {count} messages ({mb} MB), seed {}", args.seed));
    }
    let log = log::start(args, runtime.clock())?;
    let source = Source::open(args, &ending).map_err(|error| error.to_string())?;
    let mut report = job(args, runtime, source, &ending)?;
    report.log = log.map(|logging| log::end(logging, &report));
    let showed = report::show(args, &report, shown);
    if let Some(error) = &report.error {
        say(error);
        report.shutdown.iter().for_each(|line| say(line));
        let messages = report.messages.iter().map(|(_, count)| count).sum();
        let (messages, events) = (report::thousands(messages), report::thousands(report.events));
        say(&format!("processed before it: {messages} messages, {events} events"));
    }
    showed?;
    Ok(match &report.error {
        Some(_) => BAD_INPUT,
        None if ending.is_interrupted() => INTERRUPTED,
        None => 0,
    })
}
