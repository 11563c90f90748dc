//! What can be wrong with a message, and where.
use std::fmt;

/// What is wrong with one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The input ended inside the message.
    Cut {
        /// Bytes it should have, length prefix included, as far as known.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// No such type.
    UnknownType {
        /// The type byte.
        kind: u8,
    },
    /// The length does not fit the type.
    Length {
        /// The type byte.
        kind: u8,
        /// The length before the message.
        len: usize,
        /// What the type has.
        expected: usize,
    },
    /// A side that is neither `B` nor `S`.
    Side {
        /// The byte.
        side: u8,
    },
    /// A price or size too large for fixed point.
    OutOfRange {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// The greatest that fits.
        limit: u64,
    },
}

impl Fault {
    /// A short name to count by.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cut { .. } => "cut message",
            Self::UnknownType { .. } => "unknown message type",
            Self::Length { .. } => "wrong message length",
            Self::Side { .. } => "unknown side",
            Self::OutOfRange { .. } => "out of range",
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cut { .. } => "TR-2201",
            Self::UnknownType { .. } => "TR-2202",
            Self::Length { .. } => "TR-2203",
            Self::Side { .. } => "TR-2204",
            Self::OutOfRange { .. } => "TR-2205",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { expected, found } => {
                write!(f, "the input ends inside a message: {found} of {expected} bytes; fetch the file again")
            }
            Self::UnknownType { kind } => write!(
                f,
                "unknown message type {:?} (0x{kind:02x}); ITCH 5.0 has S R H Y L V W K J h A F E C X D U P Q B I N O",
                char::from(*kind)
            ),
            Self::Length { kind, len, expected } => {
                write!(f, "a message of type {:?} has {len} bytes, not {expected}; is it ITCH 5.0?", char::from(*kind))
            }
            Self::Side { side } => write!(f, "side is {:?}, allowed are 'B' and 'S'", char::from(*side)),
            Self::OutOfRange { field, value, limit } => write!(f, "{field} is {value}, at most {limit} is possible"),
        }
    }
}

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// Message, from 1.
    pub message: u64,
    /// Byte at which its length stands in the decompressed input.
    pub offset: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: message {} (byte {}): {}", self.fault.code(), self.message, self.offset, self.fault)
    }
}

impl std::error::Error for FrameError {}
