//! What is wrong with a gate itself: found when it is built or put up, never at an event.

use super::number::Number;
use crate::bus::Name;
use crate::event::EventError;
use core::fmt;

/// Why a gate was not built or put up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// A rule names a payload that the family does not have.
    Payload(Box<EventError>),
    /// A rule names a field that its payload does not have.
    UnknownField {
        /// The payload.
        payload: &'static str,
        /// The field.
        field: String,
        /// Those there are.
        known: Vec<&'static str>,
        /// The one most like it.
        nearest: Option<&'static str>,
    },
    /// A rule names a field that is no number.
    FieldType {
        /// The payload.
        payload: &'static str,
        /// The field.
        field: &'static str,
        /// Its type.
        type_name: &'static str,
    },
    /// A list of values for a field that is a float.
    FloatList {
        /// The payload.
        payload: &'static str,
        /// The field.
        field: &'static str,
        /// Its type.
        type_name: &'static str,
    },
    /// A rule's value is one that its field cannot hold.
    Bound {
        /// The payload.
        payload: &'static str,
        /// The field.
        field: &'static str,
        /// Its type.
        type_name: &'static str,
        /// The value.
        value: Number,
    },
    /// A rule that no value keeps: a range from a greater to a lesser one, or an empty list.
    Empty {
        /// The payload.
        payload: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The text of a rule cannot be read.
    Syntax {
        /// The text.
        text: String,
    },
    /// A number of a gate is outside what it may be.
    Setting {
        /// The gate.
        gate: &'static str,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: u64,
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A window that is no power of two, or outside its bounds.
    Window {
        /// Its numbers.
        value: u64,
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A tag is in two groups.
    GroupTwice {
        /// The tag.
        tag: u16,
        /// The first of them.
        first: Name,
        /// The second.
        second: Name,
    },
}

impl RuleError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Payload(cause) => cause.code(),
            Self::UnknownField { .. } => "TR-0920",
            Self::FieldType { .. } => "TR-0921",
            Self::Bound { .. } => "TR-0922",
            Self::Empty { .. } => "TR-0923",
            Self::Syntax { .. } => "TR-0924",
            Self::Setting { .. } => "TR-0925",
            Self::GroupTwice { .. } => "TR-0926",
            Self::FloatList { .. } => "TR-0927",
            Self::Window { .. } => "TR-0928",
        }
    }

    /// Refuses a number outside its bounds.
    pub(super) fn within(gate: &'static str, what: &'static str, value: u64, min: u64, max: u64) -> Result<(), Self> {
        if (min..=max).contains(&value) { Ok(()) } else { Err(Self::Setting { gate, what, value, min, max }) }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(cause) => return write!(f, "rule: {cause}"),
            Self::UnknownField { payload, field, known, nearest } => {
                write!(f, "rule: {payload} has no field `{field}`")?;
                let known = known.join(", ");
                match nearest {
                    Some(nearest) => write!(f, "; did you mean `{nearest}`? There are {known}")?,
                    None => write!(f, "; take one of {known}")?,
                }
            }
            Self::FieldType { payload, field, type_name } => write!(
                f,
                "rule: {payload}.{field} is `{type_name}`, rules are for integers and floats written as such; \
                 take another field, or write its type out"
            )?,
            Self::FloatList { payload, field, type_name } => {
                write!(f, "rule: {payload}.{field} is `{type_name}`, lists are for integers; give it a range")?;
            }
            Self::Bound { payload, field, type_name, value } => write!(
                f,
                "rule: {payload}.{field} is `{type_name}`, which does not hold {value}; take a value that it holds"
            )?,
            Self::Empty { payload, field } => write!(
                f,
                "rule: no value of {payload}.{field} keeps it; write the lesser bound first, or at least one value"
            )?,
            Self::Syntax { text } => write!(
                f,
                "rule `{}`: not understood; write `Trade.price in 1..=1000`, or `Trade.side in 66, 83`",
                text.escape_debug()
            )?,
            Self::Setting { gate, what, value, min, max } => {
                write!(f, "{gate}: {what} is {value}, allowed is {min} to {max}; take a value in that range")?;
            }
            Self::Window { value, min, max } => write!(
                f,
                "dedup: window is {value}, allowed is a power of two from {min} to {max}; take {}",
                (*value).clamp(*min, *max).next_power_of_two()
            )?,
            Self::GroupTwice { tag, first, second } => {
                write!(f, "rate: tag {tag} is in group {first} and in group {second}; take it out of one")?;
            }
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for RuleError {}
