//! What can go wrong with shards.

use crate::bus::error::PublishFailure;
use crate::bus::name::Name;
use crate::ring::RingError;
use core::fmt;
use core::time::Duration;

/// Why an event was not published to a shard, or a shard neither added nor removed. No event was written, none is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardError {
    /// The shard's bus refused the event.
    Publish(PublishFailure),
    /// There is no shard to publish to, or this would be the last one to go.
    NoShards {
        /// The shards' publisher.
        sharded: Name,
    },
    /// The key's partition moves, and the shard that had it has not yet handled all of it.
    Moving {
        /// The shards' publisher.
        sharded: Name,
        /// The bus that had it.
        from: Name,
        /// Sequences that its worker has still to pass.
        left: u64,
        /// How long was waited.
        waited: Duration,
    },
    /// The key's partition was a dead shard's, and what that one left is not yet published again.
    Recovering {
        /// The shards' publisher.
        sharded: Name,
        /// The dead shard's bus.
        from: Name,
        /// Sequences that are left.
        left: u64,
        /// How long was waited.
        waited: Duration,
    },
    /// No such number of partitions can be had.
    Partitions {
        /// The shards' publisher.
        sharded: Name,
        /// What was asked for.
        partitions: u32,
    },
    /// The worker is not attached to the bus that it is added with.
    NotAttached {
        /// The shards' publisher.
        sharded: Name,
        /// The bus.
        bus: Name,
    },
    /// The bus has no place for the publisher's own reader.
    NoPlace {
        /// The shards' publisher.
        sharded: Name,
        /// The bus.
        bus: Name,
        /// What the ring said.
        cause: RingError,
    },
    /// The bus has bytes of variable length, which events that are published again would come without.
    Bytes {
        /// The shards' publisher.
        sharded: Name,
        /// The bus.
        bus: Name,
    },
    /// The worker's slot may lose events when the ring is full: what it has passed says nothing then.
    Lossy {
        /// The shards' publisher.
        sharded: Name,
        /// The bus.
        bus: Name,
    },
    /// There is no shard on a bus of that name, or there is one already.
    Unknown {
        /// The shards' publisher.
        sharded: Name,
        /// The bus.
        bus: Name,
        /// The buses there are.
        known: Vec<Name>,
    },
}

impl ShardError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Publish(failure) => failure.code(),
            Self::NoShards { .. } => "TR-0955",
            Self::Moving { .. } => "TR-0956",
            Self::Recovering { .. } => "TR-0957",
            Self::Partitions { .. } => "TR-0958",
            Self::NotAttached { .. } => "TR-0959",
            Self::NoPlace { .. } => "TR-0960",
            Self::Bytes { .. } => "TR-0961",
            Self::Unknown { .. } => "TR-0962",
            Self::Lossy { .. } => "TR-0964",
        }
    }

    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Publish(failure) => failure.is_full(),
            Self::Moving { .. } | Self::Recovering { .. } => true,
            _ => false,
        }
    }
}

impl From<PublishFailure> for ShardError {
    fn from(failure: PublishFailure) -> Self {
        Self::Publish(failure)
    }
}

impl fmt::Display for ShardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish(failure) => return write!(f, "{failure}"),
            Self::NoShards { sharded } => {
                write!(f, "shards {sharded}: none is there, or would be left; add one first")?;
            }
            Self::Moving { sharded, from, left, waited } => write!(
                f,
                "shards {sharded}: the key's partition moves, and bus {from} has {left} sequences to go after {waited:?}; \
                 wait longer, or look what holds its worker"
            )?,
            Self::Recovering { sharded, from, left, waited } => write!(
                f,
                "shards {sharded}: the key's partition was that of bus {from}, whose worker has ended; {left} sequences of \
                 it are still to be published again after {waited:?}; wait longer, or look what holds the others"
            )?,
            Self::Partitions { sharded, partitions } => {
                write!(f, "shards {sharded}: {partitions} partitions; give a power of two from 2 to 1024")?;
            }
            Self::NotAttached { sharded, bus } => {
                write!(f, "shards {sharded}: the worker given is not attached to bus {bus}; attach it there first")?;
            }
            Self::NoPlace { sharded, bus, cause } => write!(
                f,
                "shards {sharded}: bus {bus} has no place for the publisher's own reader: {cause}; detach a slot"
            )?,
            Self::Bytes { sharded, bus } => write!(
                f,
                "shards {sharded}: bus {bus} has bytes of variable length, which shards do not hand on; put what they say \
                 into the payload"
            )?,
            Self::Lossy { sharded, bus } => {
                write!(
                    f,
                    "shards {sharded}: the worker of bus {bus} may lose events when the ring is full; let it gate"
                )?;
            }
            Self::Unknown { sharded, bus, known } => {
                let known: Vec<_> = known.iter().map(Name::as_str).collect();
                let known = known.join(", ");
                write!(f, "shards {sharded}: bus {bus} is no shard, or is one already; there are: {known}")?;
            }
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for ShardError {}
