//! What can go wrong with a group.

use super::partition;
use crate::bus::name::Name;
use crate::ring::RingError;
use core::fmt;

/// Why there is no group, or no further member of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// No such number of partitions can be had.
    Partitions {
        /// The group.
        group: Name,
        /// What was asked for.
        partitions: u32,
    },
    /// The bus has no place for the group's own reader.
    NoPlace {
        /// The group.
        group: Name,
        /// The bus.
        bus: Name,
        /// What the ring said.
        cause: RingError,
    },
    /// The bus has bytes of variable length, which events that are read again would come without.
    Bytes {
        /// The group.
        group: Name,
        /// The bus.
        bus: Name,
    },
    /// The group has as many members as it has partitions.
    MembersExhausted {
        /// The group.
        group: Name,
        /// Its members.
        members: usize,
    },
    /// A member's slot may lose events when the ring is full: the group holds the ring for what it may have to read again.
    Lossy {
        /// The group.
        group: Name,
        /// The member's slot.
        slot: Name,
    },
    /// A member was attached to another bus than its group's.
    OtherBus {
        /// The group.
        group: Name,
        /// Its bus.
        bus: Name,
        /// The member's slot and that one's bus.
        slot: Box<(Name, Name)>,
    },
}

impl GroupError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Partitions { .. } => "TR-0950",
            Self::NoPlace { .. } => "TR-0951",
            Self::MembersExhausted { .. } => "TR-0952",
            Self::OtherBus { .. } => "TR-0953",
            Self::Bytes { .. } => "TR-0954",
            Self::Lossy { .. } => "TR-0963",
        }
    }
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partitions { group, partitions } => {
                write!(f, "group {group}: {partitions} partitions; give a power of two from 2 to {}", partition::MAX)?
            }
            Self::NoPlace { group, bus, cause } => {
                write!(
                    f,
                    "group {group}: bus {bus} has no place for the group's own reader: {cause}; detach a slot, or let \
                     handlers share one as a tuple"
                )?;
            }
            Self::Bytes { group, bus } => write!(
                f,
                "group {group}: bus {bus} has bytes of variable length, which a group does not hand on; put what they \
                 say into the payload, or give the group a bus of its own"
            )?,
            Self::Lossy { group, slot } => write!(
                f,
                "group {group}: its member {slot} may lose events when the ring is full; let it gate, and give the group a \
                 bus of its own if others must not wait for it"
            )?,
            Self::MembersExhausted { group, members } => write!(
                f,
                "group {group}: it has {members} members, one for each partition; detach one, or give the group more \
                 partitions"
            )?,
            Self::OtherBus { group, bus, slot } => write!(
                f,
                "group {group}: its member {} was attached to bus {}, the group is on {bus}; attach it there",
                slot.0, slot.1
            )?,
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for GroupError {}
