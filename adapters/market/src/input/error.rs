//! What can be wrong with an input: each error says what, where, the value, the limit and the remedy, under a stable code.
use super::Compression;
use std::{fmt, io};

/// An input that cannot be opened, recognised or read to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum InputError {
    /// `TR-2001`: no such file.
    Missing {
        /// The path as given.
        path: String,
    },
    /// `TR-2002`: the file may not be read by this user.
    Forbidden {
        /// The path as given.
        path: String,
    },
    /// `TR-2003`: a directory, where a file is needed.
    Directory {
        /// The path as given.
        path: String,
    },
    /// `TR-2004`: opening failed for another reason.
    Unopened {
        /// The path as given.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// `TR-2005`: nothing is in it.
    Empty {
        /// The input's name.
        name: String,
        /// How it is compressed; the file itself may hold a few bytes then.
        compression: Compression,
    },
    /// `TR-2006`: the content is in no known format.
    Foreign {
        /// The input's name.
        name: String,
        /// What it looks like instead.
        looks_like: String,
    },
    /// `TR-2007`: compressed data ends in the middle.
    Truncated {
        /// The input's name.
        name: String,
        /// How it is compressed.
        compression: Compression,
        /// Bytes of the file that were read.
        compressed_offset: u64,
        /// Decompressed bytes that came out before, all of them handed on.
        offset: u64,
    },
    /// `TR-2008`: compressed data that does not decompress.
    Corrupt {
        /// The input's name.
        name: String,
        /// How it is compressed.
        compression: Compression,
        /// Bytes of the file that were read.
        compressed_offset: u64,
        /// Decompressed bytes that came out before, all of them handed on.
        offset: u64,
        /// What the decompressor said.
        reason: String,
    },
    /// `TR-2009`: the system failed to read on.
    Unread {
        /// The input's name.
        name: String,
        /// Decompressed bytes that came before.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// `TR-2011`: a zstd frame that asks for more memory than is given to it.
    WindowTooLarge {
        /// The input's name.
        name: String,
    },
    /// `TR-2010`: `--format` names none of the formats.
    UnknownFormat {
        /// The name as given.
        given: String,
    },
}

impl InputError {
    /// The stable code, `TR-2001` to `TR-2011`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "TR-2001",
            Self::Forbidden { .. } => "TR-2002",
            Self::Directory { .. } => "TR-2003",
            Self::Unopened { .. } => "TR-2004",
            Self::Empty { .. } => "TR-2005",
            Self::Foreign { .. } => "TR-2006",
            Self::Truncated { .. } => "TR-2007",
            Self::Corrupt { .. } => "TR-2008",
            Self::Unread { .. } => "TR-2009",
            Self::UnknownFormat { .. } => "TR-2010",
            Self::WindowTooLarge { .. } => "TR-2011",
        }
    }

    pub(super) fn opening(path: &str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::Forbidden { path },
            io::ErrorKind::IsADirectory => Self::Directory { path },
            _ => Self::Unopened { path, source },
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.code())?;
        match self {
            Self::Missing { path } => {
                write!(f, "{path}: no such file; check the path, or give `-` to read standard input")
            }
            Self::Forbidden { path } => {
                write!(f, "{path}: permission denied; make it readable for this user (chmod +r)")
            }
            Self::Directory { path } => write!(f, "{path}: is a directory; name one file in it"),
            Self::Unopened { path, source } => write!(f, "{path}: cannot be opened: {source}; check the path"),
            Self::Empty { name, compression: Compression::None } => {
                write!(f, "{name}: is empty (0 bytes); a capture holds at least one message, fetch it again")
            }
            Self::Empty { name, compression } => {
                write!(f, "{name}: the {compression} data in it decompresses to 0 bytes; fetch the capture again")
            }
            Self::Foreign { name, looks_like } => write!(
                f,
                "{name}: neither NASDAQ ITCH 5.0 nor a Binance capture at byte 0; it looks like {looks_like}; convert it, \
                 or name its format with --format itch|binance"
            ),
            Self::Truncated { name, compression, compressed_offset, offset } => write!(
                f,
                "{name}: the {compression} data ends in the middle, at byte {compressed_offset} of the file (byte {offset} \
                 decompressed); what came before is processed; fetch the file again"
            ),
            Self::Corrupt { name, compression, compressed_offset, offset, reason } => write!(
                f,
                "{name}: corrupt {compression} data at or before byte {compressed_offset} of the file (byte {offset} \
                 decompressed): {reason}; what came before is processed; fetch the file again"
            ),
            Self::Unread { name, offset, source } => {
                write!(
                    f,
                    "{name}: reading failed after byte {offset}: {source}; what came before is processed; try again"
                )
            }
            Self::WindowTooLarge { name } => write!(
                f,
                "{name}: a zstd frame in it asks for a window of more than 128 MiB, the limit; what came before is processed; \
                 compress it again with `zstd --long=27` or less"
            ),
            Self::UnknownFormat { given } => write!(f, "format `{given}` is not known; give `itch` or `binance`"),
        }
    }
}

impl std::error::Error for InputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unopened { source, .. } | Self::Unread { source, .. } => Some(source),
            _ => None,
        }
    }
}
