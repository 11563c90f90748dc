//! Why a gate did not let an event in: one variant for each reason, with what, where, value and limit. All are plain values: a rejection
//! allocates nothing.

use super::number::Number;
use crate::bus::{Name, PublishFailure};
use core::fmt;

/// A few integers, for a message: the first four of a list, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Few {
    /// Their low 64 bits.
    first: [u64; 4],
    /// Whether the highest of those is a sign.
    signed: bool,
    len: u32,
}

impl Few {
    /// The first of these, which all are `i64` or all `u64`.
    pub(super) fn of(all: &[i128]) -> Self {
        let first = core::array::from_fn(|at| all.get(at).copied().unwrap_or_default() as u64);
        let signed = all.iter().any(|value| *value < 0);
        Self { first, signed, len: u32::try_from(all.len()).unwrap_or(u32::MAX) }
    }
}

impl fmt::Display for Few {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, value) in self.first.iter().take(self.len as usize).enumerate() {
            let number = if self.signed { Number::Int(*value as i64) } else { Number::from(*value) };
            write!(f, "{}{number}", if at == 0 { "" } else { ", " })?;
        }
        if self.len as usize > self.first.len() { f.write_str(", ..") } else { Ok(()) }
    }
}

/// Why an event was not let in. Nothing was published, and nothing spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// No payload of the family has this tag.
    UnknownTag {
        /// The family.
        family: &'static str,
        /// The tag, as it came.
        tag: u64,
    },
    /// A payload of more or fewer bytes than its schema says.
    Length {
        /// The payload.
        payload: &'static str,
        /// Bytes that came.
        len: usize,
        /// Bytes it has.
        expected: usize,
    },
    /// A field holds a value that is not declared for it.
    Undeclared {
        /// The payload.
        payload: &'static str,
        /// The field.
        field: &'static str,
        /// Its value, where it is a number.
        value: Option<Number>,
        /// What is allowed, as declared.
        allowed: &'static str,
    },
    /// A field is outside the range of a rule.
    OutOfRange {
        /// The payload.
        payload: &'static str,
        /// The field.
        field: &'static str,
        /// Its value.
        value: Number,
        /// The least that is allowed.
        min: Number,
        /// The greatest that is allowed.
        max: Number,
    },
    /// A field holds none of the values of a rule.
    NotListed {
        /// The payload.
        payload: &'static str,
        /// The field.
        field: &'static str,
        /// Its value.
        value: Number,
        /// What is allowed.
        allowed: Few,
    },
    /// The event's time is before that of the event before it.
    TimeBack {
        /// The payload.
        payload: &'static str,
        /// The key, where each has its own order.
        key: Option<u32>,
        /// How far it goes back.
        by_ns: u64,
    },
    /// More keys than there is room to keep the time of.
    TooManyKeys {
        /// The key.
        key: u32,
        /// Keys that there is room for.
        limit: usize,
    },
    /// More events than the publisher's rate allows.
    Rate {
        /// Events a second.
        per_s: u64,
        /// Events at once.
        burst: u64,
        /// When there will be room for one.
        retry_ns: u64,
    },
    /// More events than the rate of their tag group allows.
    GroupRate {
        /// The group.
        group: Name,
        /// Events a second.
        per_s: u64,
        /// Events at once.
        burst: u64,
        /// When there will be room for one.
        retry_ns: u64,
    },
    /// Too many of the publisher's own events are in the ring and not yet handled by every slot.
    Quota {
        /// Events of its own in the ring.
        in_flight: u64,
        /// Events it may have there.
        limit: u64,
    },
    /// The sender's number has been seen before.
    Duplicate {
        /// The sender.
        client: u32,
        /// Its number.
        sequence: u64,
    },
    /// The sender's number is behind the window: whether it has been seen before is not known any more.
    BehindWindow {
        /// The sender.
        client: u32,
        /// Its number.
        sequence: u64,
        /// The least number that can still be told.
        oldest: u64,
    },
    /// A sender that there is no window for.
    UnknownClient {
        /// The sender.
        client: u32,
        /// Senders there are, from 0.
        clients: u32,
    },
    /// The event came without its sender's number.
    Unnumbered {
        /// The payload.
        payload: &'static str,
    },
    /// The event is too old.
    TooOld {
        /// The payload.
        payload: &'static str,
        /// Its age.
        age_ns: u64,
        /// The greatest that is allowed.
        limit_ns: u64,
    },
    /// The event's deadline is over.
    Expired {
        /// The payload.
        payload: &'static str,
        /// For how long.
        late_ns: u64,
    },
    /// A gate of the program's own refuses the event.
    Refused {
        /// The payload.
        payload: &'static str,
        /// What is wrong.
        what: &'static str,
        /// The value.
        value: i64,
        /// The limit.
        limit: i64,
        /// What to do.
        remedy: &'static str,
    },
}

/// The reasons of rejections, without their data: what is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// [`Rejection::UnknownTag`].
    UnknownTag,
    /// [`Rejection::Length`].
    Length,
    /// [`Rejection::Undeclared`].
    Undeclared,
    /// [`Rejection::OutOfRange`].
    OutOfRange,
    /// [`Rejection::NotListed`].
    NotListed,
    /// [`Rejection::TimeBack`].
    TimeBack,
    /// [`Rejection::TooManyKeys`].
    TooManyKeys,
    /// [`Rejection::Rate`].
    Rate,
    /// [`Rejection::GroupRate`].
    GroupRate,
    /// [`Rejection::Quota`].
    Quota,
    /// [`Rejection::Duplicate`].
    Duplicate,
    /// [`Rejection::BehindWindow`].
    BehindWindow,
    /// [`Rejection::UnknownClient`].
    UnknownClient,
    /// [`Rejection::Unnumbered`].
    Unnumbered,
    /// [`Rejection::TooOld`].
    TooOld,
    /// [`Rejection::Expired`].
    Expired,
    /// [`Rejection::Refused`].
    Refused,
}

impl Reason {
    /// All there are.
    pub const ALL: [Self; 17] = [
        Self::UnknownTag,
        Self::Length,
        Self::Undeclared,
        Self::OutOfRange,
        Self::NotListed,
        Self::TimeBack,
        Self::TooManyKeys,
        Self::Rate,
        Self::GroupRate,
        Self::Quota,
        Self::Duplicate,
        Self::BehindWindow,
        Self::UnknownClient,
        Self::Unnumbered,
        Self::TooOld,
        Self::Expired,
        Self::Refused,
    ];

    /// Its name in snapshots.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownTag => "unknown_tag",
            Self::Length => "length",
            Self::Undeclared => "undeclared",
            Self::OutOfRange => "out_of_range",
            Self::NotListed => "not_listed",
            Self::TimeBack => "time_back",
            Self::TooManyKeys => "too_many_keys",
            Self::Rate => "rate",
            Self::GroupRate => "group_rate",
            Self::Quota => "quota",
            Self::Duplicate => "duplicate",
            Self::BehindWindow => "behind_window",
            Self::UnknownClient => "unknown_client",
            Self::Unnumbered => "unnumbered",
            Self::TooOld => "too_old",
            Self::Expired => "expired",
            Self::Refused => "refused",
        }
    }

    /// The gate that gives this reason.
    #[must_use]
    pub const fn gate(self) -> &'static str {
        match self {
            Self::UnknownTag | Self::Length | Self::Undeclared | Self::OutOfRange | Self::NotListed => "validate",
            Self::TimeBack | Self::TooManyKeys => "time_order",
            Self::Rate | Self::GroupRate => "rate",
            Self::Quota => "quota",
            Self::Duplicate | Self::BehindWindow | Self::UnknownClient | Self::Unnumbered => "dedup",
            Self::TooOld | Self::Expired => "not_after",
            Self::Refused => "own",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Rejection {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownTag { .. } => "TR-0901",
            Self::Length { .. } => "TR-0902",
            Self::Undeclared { .. } => "TR-0903",
            Self::OutOfRange { .. } => "TR-0904",
            Self::NotListed { .. } => "TR-0905",
            Self::TimeBack { .. } => "TR-0906",
            Self::TooManyKeys { .. } => "TR-0907",
            Self::Rate { .. } => "TR-0908",
            Self::GroupRate { .. } => "TR-0909",
            Self::Quota { .. } => "TR-0910",
            Self::Duplicate { .. } => "TR-0911",
            Self::BehindWindow { .. } => "TR-0912",
            Self::UnknownClient { .. } => "TR-0913",
            Self::Unnumbered { .. } => "TR-0914",
            Self::TooOld { .. } => "TR-0915",
            Self::Expired { .. } => "TR-0916",
            Self::Refused { .. } => "TR-0917",
        }
    }

    /// The reason alone.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::UnknownTag { .. } => Reason::UnknownTag,
            Self::Length { .. } => Reason::Length,
            Self::Undeclared { .. } => Reason::Undeclared,
            Self::OutOfRange { .. } => Reason::OutOfRange,
            Self::NotListed { .. } => Reason::NotListed,
            Self::TimeBack { .. } => Reason::TimeBack,
            Self::TooManyKeys { .. } => Reason::TooManyKeys,
            Self::Rate { .. } => Reason::Rate,
            Self::GroupRate { .. } => Reason::GroupRate,
            Self::Quota { .. } => Reason::Quota,
            Self::Duplicate { .. } => Reason::Duplicate,
            Self::BehindWindow { .. } => Reason::BehindWindow,
            Self::UnknownClient { .. } => Reason::UnknownClient,
            Self::Unnumbered { .. } => Reason::Unnumbered,
            Self::TooOld { .. } => Reason::TooOld,
            Self::Expired { .. } => Reason::Expired,
            Self::Refused { .. } => Reason::Refused,
        }
    }

    /// What is said of the payload's bytes.
    fn of_payload(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UnknownTag { family, tag } => {
                write!(f, "no event of family {family} has tag {tag}; send what the family declares")
            }
            Self::Length { payload, len, expected } => {
                write!(f, "{payload} has {expected} bytes, {len} came; send it whole, in this version of its schema")
            }
            Self::Undeclared { payload, field, value: Some(value), allowed } => {
                write!(f, "{payload}.{field} is {value}, declared is {allowed}; correct the value")
            }
            Self::Undeclared { payload, field, value: None, allowed } => {
                write!(f, "{payload}.{field} is not as declared, {allowed}; correct the value")
            }
            Self::OutOfRange { payload, field, value, min, max } => {
                write!(f, "{payload}.{field} is {value}, allowed is {min} to {max}; correct the value, or the rule")
            }
            Self::NotListed { payload, field, value, allowed } => {
                write!(f, "{payload}.{field} is {value}, allowed is {allowed}; correct the value, or the rule")
            }
            _ => Ok(()),
        }
    }

    /// What is said of when, how often and by whom.
    fn of_course(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TimeBack { payload, key, by_ns } => {
                write!(f, "{payload}: its time is {by_ns} ns before that of the event before it")?;
                if let Some(key) = key {
                    write!(f, " of key {key}")?;
                }
                f.write_str("; publish in order of time")
            }
            Self::TooManyKeys { key, limit } => {
                write!(f, "key {key} is one more than the {limit} that times are kept of; allow more keys")
            }
            Self::Rate { per_s, burst, retry_ns } => {
                write!(f, "more than {per_s} events a second, {burst} at once; try again in {retry_ns} ns")
            }
            Self::GroupRate { group, per_s, burst, retry_ns } => {
                write!(
                    f,
                    "group {group}: more than {per_s} events a second, {burst} at once; try again in {retry_ns} ns"
                )
            }
            Self::Quota { in_flight, limit } => write!(
                f,
                "{in_flight} events of this publisher are not yet handled, allowed are {limit}; wait for the slots, or raise the quota"
            ),
            Self::Duplicate { client, sequence } => {
                write!(f, "number {sequence} of client {client} has been published before; leave it out")
            }
            Self::BehindWindow { client, sequence, oldest } => write!(
                f,
                "number {sequence} of client {client} is behind the window, which begins at {oldest}; send nearer in order, or widen it"
            ),
            Self::UnknownClient { client, clients } => {
                write!(f, "client {client} is none of the {clients} there are, from 0; allow more clients")
            }
            Self::Unnumbered { payload } => {
                write!(f, "{payload} came without its sender's number; give it with `Entry::client`")
            }
            Self::TooOld { payload, age_ns, limit_ns } => write!(
                f,
                "{payload} is {age_ns} ns old, allowed are {limit_ns}; drop it, or look for what held its publisher up"
            ),
            Self::Expired { payload, late_ns } => {
                write!(f, "{payload}: its deadline is over for {late_ns} ns; drop it, or allow more time")
            }
            Self::Refused { payload, what, value, limit, remedy } => {
                write!(f, "{payload}: {what}: {value}, allowed is {limit}; {remedy}")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.reason().gate())?;
        self.of_payload(f)?;
        self.of_course(f)?;
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for Rejection {}

/// Why a gated publisher did not publish: a gate, or the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotPublished {
    /// A gate did not let the event in.
    Rejected {
        /// The bus.
        bus: Name,
        /// Why.
        rejection: Rejection,
    },
    /// All gates let it in, and the bus did not take it.
    Failed(PublishFailure),
}

impl NotPublished {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Rejected { rejection, .. } => rejection.code(),
            Self::Failed(failure) => failure.code(),
        }
    }

    /// What a gate said, where one did.
    #[must_use]
    pub const fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected { rejection, .. } => Some(rejection),
            Self::Failed(_) => None,
        }
    }

    /// What the bus said, where it did.
    #[must_use]
    pub const fn failure(&self) -> Option<&PublishFailure> {
        match self {
            Self::Rejected { .. } => None,
            Self::Failed(failure) => Some(failure),
        }
    }
}

impl From<PublishFailure> for NotPublished {
    fn from(failure: PublishFailure) -> Self {
        Self::Failed(failure)
    }
}

impl fmt::Display for NotPublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { bus, rejection } => write!(f, "bus {bus}: {rejection}"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for NotPublished {}
