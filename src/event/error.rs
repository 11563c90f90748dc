//! What can be wrong with an event: its tag, its name, a field's value.

use super::nearest::nearest;
use super::tag::Tag;
use core::fmt;

/// What is wrong with an event or its description.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventError {
    /// A tag outside 0 to 1,023.
    Tag {
        /// The value.
        value: u64,
    },
    /// A field holds a value that is not declared for it.
    Value {
        /// The payload.
        payload: &'static str,
        /// The field.
        field: &'static str,
        /// Its value, as text.
        value: String,
        /// What is allowed, as declared.
        allowed: &'static str,
    },
    /// A tag that no payload of the family has.
    ForeignTag {
        /// The family.
        family: &'static str,
        /// The tag.
        tag: Tag,
    },
    /// A payload was written by another version of its schema.
    Version {
        /// The payload.
        payload: &'static str,
        /// The version it was written by.
        version: u16,
        /// The version of this program.
        expected: u16,
    },
    /// A payload has another size.
    Size {
        /// The payload.
        payload: &'static str,
        /// Bytes found.
        size: usize,
        /// Bytes it has.
        expected: usize,
    },
    /// No payload of the family has this name.
    UnknownName {
        /// The family.
        family: &'static str,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
        /// The one most like it.
        nearest: Option<&'static str>,
    },
}

impl EventError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Tag { .. } => "TR-0501",
            Self::Value { .. } => "TR-0502",
            Self::UnknownName { .. } => "TR-0503",
            Self::ForeignTag { .. } => "TR-0504",
            Self::Version { .. } => "TR-0505",
            Self::Size { .. } => "TR-0506",
        }
    }

    #[cold]
    pub(super) fn unknown_name(family: &'static str, name: &str, known: impl Iterator<Item = &'static str>) -> Self {
        let known: Vec<_> = known.collect();
        let nearest = nearest(name, known.iter().copied());
        Self::UnknownName { family, name: name.to_owned(), known, nearest }
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag { value } => write!(f, "tag {value} is outside 0 to 1023; choose a free one in that range")?,
            Self::Value { payload, field, value, allowed } => {
                write!(
                    f,
                    "{payload}.{field} is {value}, allowed is {allowed}; correct the value, or refuse the event"
                )?;
            }
            Self::ForeignTag { family, tag } => {
                write!(f, "no event of family {family} has tag {tag}; read it with the family that wrote it")?;
            }
            Self::Version { payload, version, expected } => {
                write!(
                    f,
                    "{payload} is of version {version}, known is {expected}; read it with the program that wrote it"
                )?;
            }
            Self::Size { payload, size, expected } => {
                write!(
                    f,
                    "{payload} has {expected} bytes, found are {size}; the input is cut off or of another version"
                )?;
            }
            Self::UnknownName { family, name, known, nearest } => {
                write!(f, "no event `{name}` in family {family}")?;
                if let Some(nearest) = nearest {
                    write!(f, "; did you mean `{nearest}`?")?;
                }
                write!(f, " There are {}", known.join(", "))?;
            }
        }
        write!(f, " [{}]", self.code())
    }
}

impl core::error::Error for EventError {}
