//! Why a history was not built, or a group not found.

use super::builder::COUNT_MAX;
use crate::bus::Name;
use core::fmt;

/// Why a history was not built, or has no such group. Nothing was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistoryError {
    /// A group is to keep nothing, or more than there can be.
    Count {
        /// The bus.
        bus: Name,
        /// The group.
        group: Name,
        /// The count asked for.
        count: usize,
    },
    /// Two groups of one name.
    Taken {
        /// The bus.
        bus: Name,
        /// The group.
        group: Name,
    },
    /// No such group.
    Unknown {
        /// The bus.
        bus: Name,
        /// The name asked for.
        group: String,
        /// The groups there are.
        known: Vec<Name>,
    },
    /// A group whose tags are none of the bus's family.
    NoTag {
        /// The bus.
        bus: Name,
        /// The group.
        group: Name,
        /// The family.
        family: &'static str,
    },
    /// A group whose events would be too old at once.
    Age {
        /// The bus.
        bus: Name,
        /// The group.
        group: Name,
    },
    /// A history without a group.
    NoGroup {
        /// The bus.
        bus: Name,
    },
}

impl HistoryError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Count { .. } => "TR-0970",
            Self::Taken { .. } => "TR-0971",
            Self::Unknown { .. } => "TR-0972",
            Self::NoTag { .. } => "TR-0973",
            Self::Age { .. } => "TR-0974",
            Self::NoGroup { .. } => "TR-0975",
        }
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { bus, group, count } => {
                write!(
                    f,
                    "history {group} of bus {bus}: {count} events; 1 to {COUNT_MAX} can be kept, choose within that"
                )?;
            }
            Self::Taken { bus, group } => {
                write!(f, "history {group} of bus {bus}: a group of that name is there; choose another")?;
            }
            Self::Unknown { bus, group, known } => {
                write!(f, "no history `{group}` of bus {bus}; there are")?;
                for (at, name) in known.iter().enumerate() {
                    write!(f, "{} {name}", if at == 0 { "" } else { "," })?;
                }
                f.write_str(": use one of these, or add it where the history is built")?;
            }
            Self::NoTag { bus, group, family } => {
                write!(f, "history {group} of bus {bus}: none of its tags is of family {family}; name some that are")?;
            }
            Self::Age { bus, group } => {
                write!(
                    f,
                    "history {group} of bus {bus}: an age of 0 keeps nothing; take a longer one, or leave it out"
                )?;
            }
            Self::NoGroup { bus } => {
                write!(f, "history of bus {bus}: it has no group; add one with `group`")?;
            }
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for HistoryError {}
