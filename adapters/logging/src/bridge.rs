//! The `log` side: records of the `log` crate go into the same ring, straight from the macro. They know no spans.

use crate::cell::{Draft, Head, Kind, number_of};
use crate::hot::Hot;
use core::fmt::Write as _;
use std::sync::Arc;
use tracing_subscriber::filter::Targets;

/// Field number of a message of the `log` crate, which has no callsite to number its fields.
pub(crate) const MESSAGE: usize = 0;

/// A logger for the `log` crate.
pub struct Bridge {
    hot: Arc<Hot>,
    filter: Targets,
}

impl Bridge {
    pub(crate) fn new(hot: Arc<Hot>, filter: Targets) -> Self {
        Self { hot, filter }
    }
}

fn level_of(level: log::Level) -> tracing::Level {
    match level {
        log::Level::Error => tracing::Level::ERROR,
        log::Level::Warn => tracing::Level::WARN,
        log::Level::Info => tracing::Level::INFO,
        log::Level::Debug => tracing::Level::DEBUG,
        log::Level::Trace => tracing::Level::TRACE,
    }
}

/// What the limit per second goes by: file and line, where both are known.
fn place_of(record: &log::Record<'_>) -> u64 {
    let file = record.file().map_or(record.target().as_ptr(), str::as_ptr).addr() as u64;
    (file ^ (u64::from(record.line().unwrap_or(0)) << 40)).max(1)
}

impl log::Log for Bridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        self.filter.would_enable(metadata.target(), &level_of(metadata.level()))
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let (level, line) = (number_of(level_of(record.level())), record.line().unwrap_or(0));
        self.hot.record(place_of(record), Head { level, line, ..Head::default() }, |draft| fill(draft, record));
    }

    fn flush(&self) {}
}

fn fill(draft: &mut Draft, record: &log::Record<'_>) {
    match record.module_path_static() {
        Some(path) if path == record.target() => draft.static_text(Kind::StaticTarget, path),
        _ => draft.text(Kind::Target, 0, |text| _ = text.write_str(record.target())),
    }
    if let Some(file) = record.file_static() {
        draft.static_text(Kind::StaticFile, file);
    }
    draft.text(Kind::Text, MESSAGE, |text| _ = text.write_fmt(*record.args()));
}
