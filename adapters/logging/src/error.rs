//! Why a logging was not started: what, the value, the limit and the remedy, under a stable code. Nothing was started or installed then.

use core::fmt;
use core::ops::RangeInclusive;
use std::io;
use std::path::PathBuf;

/// Why a logging was not started.
#[derive(Debug)]
#[non_exhaustive]
pub enum LogError {
    /// `TR-1101`: the ring's capacity is not a power of two within its bounds.
    Capacity {
        /// What was asked for, in cells.
        cells: usize,
        /// What may be asked for.
        allowed: RangeInclusive<usize>,
    },
    /// `TR-1102`: a filter that cannot be read.
    Filter {
        /// Where it came from.
        origin: String,
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `TR-1103`: the log's file cannot be opened.
    File {
        /// The path as given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `TR-1104`: a file is to be rotated at no size, or no file is to be kept.
    Rotation {
        /// Bytes of a file.
        bytes_max: u64,
        /// Files beside the current one.
        keep: u32,
    },
    /// `TR-1105`: the system refused the writer's thread.
    Thread {
        /// What it said.
        source: io::Error,
    },
    /// `TR-1106`: the process has a logger of that kind already.
    Taken {
        /// Of which crate: `tracing` or `log`.
        of: &'static str,
    },
    /// `TR-1107`: no record at all of a callsite would pass in a second.
    Limit,
    /// `TR-1108`: the writer would look for records too seldom, or without a pause.
    Poll {
        /// Nanoseconds asked for.
        ns: u128,
    },
    /// `TR-1109`: the writer was not put on its core.
    Core {
        /// What came of it.
        reason: String,
    },
}

impl LogError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Capacity { .. } => "TR-1101",
            Self::Filter { .. } => "TR-1102",
            Self::File { .. } => "TR-1103",
            Self::Rotation { .. } => "TR-1104",
            Self::Thread { .. } => "TR-1105",
            Self::Taken { .. } => "TR-1106",
            Self::Limit => "TR-1107",
            Self::Poll { .. } => "TR-1108",
            Self::Core { .. } => "TR-1109",
        }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity { cells, allowed } => {
                let next = cells.checked_next_power_of_two().unwrap_or(usize::MAX);
                let take = next.clamp(*allowed.start(), *allowed.end());
                let (start, end) = (allowed.start(), allowed.end());
                write!(f, "logging: capacity {cells} is not a power of two from {start} to {end}; take {take}")
            }
            Self::Filter { origin, given, reason } => write!(
                f,
                "logging: {origin} `{given}`: {reason}; give a level (off, error, warn, info, debug, trace), or levels by target as in \
                 `info,market::book=debug`"
            ),
            Self::File { path, source } => {
                let path = path.display();
                write!(
                    f,
                    "logging: {path}: {source}; choose a file in a folder that exists and that this user may write"
                )
            }
            Self::Rotation { bytes_max, keep } => write!(
                f,
                "logging: a file of {bytes_max} bytes and {keep} kept beside it; give at least 4096 bytes and keep 1 to 999"
            ),
            Self::Thread { source } => {
                write!(f, "logging: the writer's thread was refused: {source}; raise the limit on threads")
            }
            Self::Taken { of } => write!(
                f,
                "logging: this process has a logger for `{of}` already; start one logging only, or use `start_alone` and its `layer`"
            ),
            Self::Limit => f.write_str("logging: a limit of 0 records a second; give at least 1, or leave it out"),
            Self::Poll { ns } => {
                write!(f, "logging: the writer looks for records every {ns} ns; give 10 us to 1 s")
            }
            Self::Core { reason } => write!(f, "logging: the writer's core: {reason}"),
        }?;
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } | Self::Thread { source } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_4583_a_refused_thread_has_its_code() {
        let error = LogError::Thread { source: io::Error::from_raw_os_error(11) };
        let text = error.to_string();
        assert!(text.contains("raise the limit") && text.ends_with(" [TR-1105]"), "{text}");
        assert!(std::error::Error::source(&error).is_some());
    }
}
