//! What can be wrong with demands on a machine. Placement returns all of it at once.

use super::core_list::{CoreList, named};
use super::demand::Waits;
use core::fmt;

/// Who made a demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The demand's name.
    pub name: String,
    /// Its key path, where it has one.
    pub key: Option<String>,
    /// Which of its threads, where there are several and one is meant.
    pub thread: Option<usize>,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(thread) = self.thread {
            write!(f, ", thread {thread}")?;
        }
        self.key.as_ref().map_or(Ok(()), |key| write!(f, " ({key})"))
    }
}

/// A demand for cores that are too few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Who wants them.
    pub who: Who,
    /// What its threads do while idle.
    pub waits: Waits,
    /// Its threads, at least.
    pub threads: usize,
}

/// Why threads were not placed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlacementError {
    /// Cores that the process may not use.
    NotAllowed {
        /// Who asked for them.
        who: Who,
        /// The cores.
        cores: Vec<usize>,
        /// Those that may be used.
        allowed: Vec<usize>,
    },
    /// A list of no cores.
    EmptyList {
        /// Whose.
        who: Who,
    },
    /// A list of fewer cores than there are threads that spin.
    ListTooShort {
        /// Whose.
        who: Who,
        /// The cores on the list.
        cores: Vec<usize>,
        /// The threads.
        threads: usize,
    },
    /// A thread that never gives its core away was put on one with another.
    SharedCore {
        /// The core.
        core: usize,
        /// The one that spins.
        spinning: Who,
        /// The other one.
        other: Who,
    },
    /// More threads keep a core busy than there are cores, even with one thread for each demand.
    TooFewCores {
        /// Who wants cores.
        wanted: Vec<Wanted>,
        /// Cores that would do.
        needed: usize,
        /// Those that may be used.
        allowed: Vec<usize>,
    },
}

impl PlacementError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed { .. } => "TR-0751",
            Self::EmptyList { .. } => "TR-0752",
            Self::ListTooShort { .. } => "TR-0753",
            Self::SharedCore { .. } => "TR-0754",
            Self::TooFewCores { .. } => "TR-0755",
        }
    }
}

impl fmt::Display for PlacementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed { who, cores, allowed } => {
                let (cores, verb) = (named(cores), if cores.len() == 1 { "is" } else { "are" });
                write!(f, "{who}: {cores} {verb} not among those that may be used, {}; ", CoreList(allowed))?;
                write!(f, "choose among them, or allow more (`runtime.cores`, taskset, the container's cpuset)")?;
            }
            Self::EmptyList { who } => {
                write!(f, "{who}: the list of cores is empty; name at least one, or say `auto` or `any`")?;
            }
            Self::ListTooShort { who, cores, threads } => {
                write!(f, "{who}: {} for {threads} threads that spin; ", named(cores))?;
                write!(f, "name {threads} different ones, lower `threads_max`, or let the slots yield or park")?;
            }
            Self::SharedCore { core, spinning, other } => {
                write!(
                    f,
                    "core {core}: {spinning} spins there and never gives it away, and {other} is to run there too; "
                )?;
                write!(f, "give them different cores, or let the first one yield (`wait = \"spin-then-yield\"`)")?;
            }
            Self::TooFewCores { wanted, needed, allowed } => {
                for (at, Wanted { who, waits, threads }) in wanted.iter().enumerate() {
                    let (comma, plural) = (if at > 0 { ", " } else { "" }, if *threads == 1 { "" } else { "s" });
                    write!(f, "{comma}{who} {} with {threads} thread{plural}", waits.name())?;
                }
                write!(f, ": that takes {needed} cores, and those that may be used are {}; ", CoreList(allowed))?;
                write!(f, "let some park (`wait = \"spin-then-park\"`) or yield, put their slots on fewer threads, ")?;
                write!(f, "or allow more cores (`runtime.cores`, taskset, the container's cpuset)")?;
            }
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for PlacementError {}
