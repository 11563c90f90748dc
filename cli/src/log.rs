//! The program's log, where `--log` asks for one: how the run began and ended, and what the runtime noticed meanwhile. Records go through
//! `tagring-logging`, so that whoever logs from a slot's thread, too, never calls the kernel for it.

use crate::args::RunArgs;
use crate::report::{Report, input_file};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;
use tagring::bus::SlotState;
use tagring::clock::Clock;
use tagring::runtime::Notice;
use tagring::runtime::watchdog::Health;
use tagring_logging::{Counts, Logging};

/// How long the end of a run waits for the log's target.
const END_LIMIT: Duration = Duration::from_secs(2);

/// Starts the log that the arguments ask for.
///
/// # Errors
/// Its file or level is none; the file is one that the run reads or writes itself.
pub(crate) fn start(args: &RunArgs, clock: &Clock) -> Result<Option<Logging>, String> {
    let Some(target) = args.log.as_deref() else { return Ok(None) };
    let builder = tagring_logging::builder().clock(clock.clone()).drop_limit(END_LIMIT);
    let builder = match &args.log_level {
        Some(level) => builder.filter(level),
        None => builder,
    };
    let builder = if target == "-" {
        builder.to_stderr()
    } else {
        check(args, Path::new(target))?;
        builder.to_file(target)
    };
    let logging = builder.start().map_err(|error| error.to_string())?;
    let input = args.input.as_deref().unwrap_or("synthetic");
    tracing::info!(input, seed = args.seed, messages = args.messages, clock = %clock.report(), "the run begins");
    Ok(Some(logging))
}

/// Nobody wants the log in these.
fn check(args: &RunArgs, log: &Path) -> Result<(), String> {
    let of = |path: Option<&Path>| path.and_then(|path| path.metadata().ok());
    let others = [
        ("input", input_file(args)),
        ("configuration", of(args.config.as_deref())),
        ("plot", of(args.plot.as_deref())),
    ];
    let id = |file: &Metadata| (file.dev(), file.ino());
    let is_log = |file: &Metadata| of(Some(log)).is_some_and(|log| file.is_file() && id(&log) == id(file));
    let found = others.iter().find(|(_, file)| file.as_ref().is_some_and(is_log)).map(|(what, _)| *what);
    let found = found.or_else(|| (args.plot.as_deref() == Some(log)).then_some("plot"));
    match found {
        Some(what) => Err(format!("TR-3050: --log {}: that is the {what}; choose another place", log.display())),
        None => Ok(()),
    }
}

/// One record of what the runtime noticed.
pub(crate) fn notice(notice: &Notice) {
    let is_bad = match notice {
        Notice::SlotHealth { change, .. } => !matches!(change.to, Health::Well | Health::Over),
        Notice::SlotChanged { to, panics, .. } => {
            *panics > 0 || matches!(to, SlotState::Quarantined | SlotState::Failed)
        }
        Notice::CoreContended { .. } => true,
        Notice::ModeChanged { change, .. } => change.to > change.from,
        _ => false,
    };
    if is_bad {
        tracing::warn!(target: "tagring::runtime", "{notice}");
    } else {
        tracing::info!(target: "tagring::runtime", "{notice}");
    }
}

/// The last records, and the end of the log: what became of all of them.
pub(crate) fn end(logging: Logging, report: &Report) -> Counts {
    let seconds = report.elapsed.as_secs_f64();
    match &report.error {
        None => tracing::info!(events = report.events, seconds, ended = report.ended.name(), "the run is over"),
        Some(error) => tracing::error!(events = report.events, seconds, %error, "the run failed"),
    }
    logging.shutdown(END_LIMIT).counts
}
