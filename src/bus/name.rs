//! Short names for buses, slots and threads: copied, never allocated, so that an error on the hot path can carry one.

use core::fmt;

/// A name of at most 31 bytes. Longer ones are cut at a character; zeroes become question marks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    bytes: [u8; 31],
    len: u8,
}

impl Name {
    /// Takes the first 31 bytes of `text`, whole characters.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut len = text.len().min(31);
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        let mut bytes = [0; 31];
        bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
        // The system's names of threads end at a zero.
        bytes[..len].iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b'?');
        Self { bytes, len: len as u8 }
    }

    /// The text in 32 bytes, zeroes behind it.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..usize::from(self.len)].copy_from_slice(self.as_str().as_bytes());
        bytes
    }

    /// What [`Self::to_bytes`] gave; a question mark for anything else.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let len = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        Self::new(core::str::from_utf8(&bytes[..len]).unwrap_or("?"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("?")
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
