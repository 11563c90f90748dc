//! What a runtime refuses, and why. Whatever is refused leaves nothing behind.

use super::config::Mistakes;
use super::stage::Stage;
use crate::bus::{AttachError, GroupError, LanesError, Name};
use crate::event::EventError;
use crate::gate::RuleError;
use crate::guard::Mode;
use crate::retain::HistoryError;
use crate::ring::RingError;
use core::fmt;
use core::time::Duration;

/// A kind of thing that has names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bus.
    Bus,
    /// A slot.
    Slot,
    /// A publisher.
    Publisher,
    /// A slot thread.
    Thread,
    /// A feed.
    Feed,
    /// A group of a bus's history.
    History,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bus => "bus",
            Self::Slot => "slot",
            Self::Publisher => "publisher",
            Self::Thread => "thread",
            Self::Feed => "feed",
            Self::History => "history",
        })
    }
}

/// Why a runtime refused something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeError {
    /// Nothing of that name.
    Unknown {
        /// What was looked for.
        kind: Kind,
        /// Its name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// That name is taken: by one that exists, is being built, or was handed out before.
    Taken {
        /// What was asked for.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// The bus carries another family of events.
    Family {
        /// The bus.
        bus: Name,
        /// The family it carries.
        carries: &'static str,
        /// The family asked for.
        asked: &'static str,
    },
    /// One more than there may be at a time.
    Exhausted {
        /// What was asked for.
        kind: Kind,
        /// Its name.
        name: String,
        /// How many there may be.
        limit: u64,
        /// The key that says so.
        key: &'static str,
    },
    /// More memory than all buses may take together. Nothing was allocated.
    Memory {
        /// The bus.
        bus: Name,
        /// What it needs, in bytes.
        need_bytes: u64,
        /// What is taken, in bytes.
        used_bytes: u64,
        /// What may be taken, in bytes.
        limit_bytes: u64,
    },
    /// The runtime is shutting down, or has.
    ShuttingDown {
        /// What was asked for.
        kind: Kind,
        /// Its name.
        name: String,
        /// The stage reached.
        stage: Stage,
    },
    /// The runtime has not been started.
    NotStarted {
        /// What was asked for.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// The bus has one publisher and many were asked for, or the other way round.
    Publishers {
        /// The bus.
        bus: Name,
        /// The publisher asked for.
        publisher: String,
        /// Whether its ring is made for many.
        many: bool,
    },
    /// The bus was not removed: it is closed, and some of its slots have not read it to its end.
    Busy {
        /// The bus.
        bus: Name,
        /// Those slots, and how many events each is behind.
        slots: Vec<(Name, u64)>,
        /// How long was waited.
        waited: Duration,
    },
    /// A slot is to get events of a name that its bus's family does not have.
    Tags {
        /// The bus.
        bus: Name,
        /// The slot.
        slot: String,
        /// What the family said.
        cause: Box<EventError>,
    },
    /// A mode is to keep events of a name that its bus's family does not have.
    ModeTags {
        /// The bus.
        bus: Name,
        /// The mode.
        mode: Mode,
        /// What the family said.
        cause: Box<EventError>,
    },
    /// A publisher's gates do not fit its bus's events.
    Gate {
        /// The bus.
        bus: Name,
        /// The publisher.
        publisher: String,
        /// What is wrong.
        cause: Box<RuleError>,
    },
    /// A publisher that is configured with gates was asked for without them.
    Gated {
        /// The bus.
        bus: Name,
        /// The publisher.
        publisher: String,
        /// Whether the bus is made for many publishers.
        many: bool,
    },
    /// What is to be added is not configured as it may be: everything that is wrong with it.
    Mistaken(Mistakes),
    /// The slot was not attached.
    Attach(AttachError),
    /// The history of a bus was not built.
    History(Box<HistoryError>),
    /// The group was not built, or has no room for a member.
    Group(Box<GroupError>),
    /// The ring was not built.
    Ring {
        /// The bus.
        bus: Name,
        /// What the ring said.
        cause: RingError,
    },
    /// A bus's lanes were not built.
    Lanes(LanesError),
}

impl RuntimeError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "TR-0801",
            Self::Taken { .. } => "TR-0802",
            Self::Family { .. } => "TR-0803",
            Self::Exhausted { .. } => "TR-0804",
            Self::Memory { .. } => "TR-0805",
            Self::ShuttingDown { .. } => "TR-0806",
            Self::NotStarted { .. } => "TR-0807",
            Self::Publishers { .. } => "TR-0808",
            Self::Busy { .. } => "TR-0809",
            Self::Tags { cause, .. } | Self::ModeTags { cause, .. } => cause.code(),
            Self::Gate { cause, .. } => cause.code(),
            Self::Gated { .. } => "TR-0929",
            Self::Mistaken(Mistakes(mistakes)) => match mistakes.first() {
                Some(mistake) => mistake.code,
                None => "TR-0801",
            },
            Self::Attach(cause) => cause.code(),
            Self::History(cause) => cause.code(),
            Self::Group(cause) => cause.code(),
            Self::Ring { cause, .. } => cause.code(),
            Self::Lanes(cause) => cause.code(),
        }
    }
}

impl From<AttachError> for RuntimeError {
    fn from(error: AttachError) -> Self {
        Self::Attach(error)
    }
}

impl From<GroupError> for RuntimeError {
    fn from(error: GroupError) -> Self {
        Self::Group(Box::new(error))
    }
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { kind, name, known } => {
                write!(f, "no {kind} `{name}`")?;
                match known.as_slice() {
                    [] => write!(f, "; there is none")?,
                    known => write!(f, "; there are {}", known.join(", "))?,
                }
                write!(f, ": write it into the configuration, or use one of these")?;
            }
            Self::Taken { kind, name } => write!(f, "{kind} `{name}` is taken; choose another name")?,
            Self::Family { bus, carries, asked } => {
                write!(f, "bus {bus} carries events of family {carries}, not {asked}; ask for it with its own family")?;
            }
            Self::Exhausted { kind, name, limit, key } => {
                write!(
                    f,
                    "{kind} `{name}`: there are {limit} already, as many as `{key}` allows; raise it, or remove one"
                )?;
            }
            Self::Memory { bus, need_bytes, used_bytes, limit_bytes } => write!(
                f,
                "bus {bus} needs {need_bytes} bytes, {used_bytes} of `runtime.memory_max_bytes` = {limit_bytes} are taken; raise it, \
                 or take fewer cells"
            )?,
            Self::ShuttingDown { kind, name, stage } => {
                write!(f, "{kind} `{name}`: the runtime is {stage}; nothing is added any more")?;
            }
            Self::NotStarted { kind, name } => {
                write!(f, "{kind} `{name}`: the runtime is not started; call `start` first")?
            }
            Self::Publishers { bus, publisher, many: true } => {
                write!(f, "bus {bus} is made for many publishers; take `{publisher}` with `shared_publisher`")?
            }
            Self::Publishers { bus, publisher, many: false } => write!(
                f,
                "bus {bus} is made for one publisher; take `{publisher}` with `publisher`, or configure more than one"
            )?,
            Self::Busy { bus, slots, waited } => {
                write!(f, "bus {bus} is closed and still being read after {waited:?}:")?;
                for (at, (slot, behind)) in slots.iter().enumerate() {
                    write!(f, "{} slot {slot} is {behind} events behind", if at == 0 { "" } else { "," })?;
                }
                f.write_str("; look at those, and remove it again")?;
            }
            Self::Gate { bus, publisher, cause } => {
                return write!(f, "gate of publisher {publisher} of bus {bus}: {cause}");
            }
            Self::Gated { bus, publisher, many } => {
                let call = if *many { "gated_shared_publisher" } else { "gated_publisher" };
                write!(
                    f,
                    "publisher {publisher} of bus {bus} is configured with gates; take it with `{call}`, or leave the gates out"
                )?;
            }
            Self::Tags { bus, slot, cause } => return write!(f, "slot {slot} of bus {bus}: {cause}"),
            Self::ModeTags { bus, mode, cause } => return write!(f, "mode {mode} of bus {bus}: {cause}"),
            Self::Mistaken(mistakes) => return mistakes.fmt(f),
            Self::Attach(cause) => return cause.fmt(f),
            Self::History(cause) => return cause.fmt(f),
            Self::Group(cause) => return cause.fmt(f),
            Self::Ring { bus, cause } => return write!(f, "bus {bus}: {cause}"),
            Self::Lanes(cause) => return cause.fmt(f),
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for RuntimeError {}
