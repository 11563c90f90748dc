//! What can go wrong here: each with what, where, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) enum Failure {
    /// The words on the command line are none of ours.
    Usage,
    /// A file could not be read or written.
    File { path: PathBuf, cause: io::Error },
    /// perf's text holds no sample and no switch.
    Empty { path: PathBuf },
    /// Neither a recorded folder nor a report, or one of each.
    NotComparable { path: PathBuf, why: String },
}

impl Failure {
    /// For `map_err`.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self::File { path, cause }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Usage => "TR-3040",
            Self::File { .. } => "TR-3047",
            Self::Empty { .. } => "TR-3045",
            Self::NotComparable { .. } => "TR-3046",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage => write!(f, "{}", crate::USAGE)?,
            Self::File { path, cause } => {
                write!(f, "{}: {cause}; choose a folder that can be written", path.display())?
            }
            Self::Empty { path } => write!(
                f,
                "{}: perf has recorded nothing; measure longer, or a process that does something",
                path.display()
            )?,
            Self::NotComparable { path, why } => write!(
                f,
                "{}: {why}; give two folders of perf/record, two of perf/offcpu, or two files of `tagring run --json`",
                path.display()
            )?,
        }
        write!(f, " [{}]", self.code())
    }
}
