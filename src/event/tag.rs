//! The integer that says what an event is. Names become tags once, when configuration is read; nothing compares strings later.

use super::error::EventError;
use core::fmt;

/// Tags a family may use: 0 to 1,023.
pub const MAX_TAGS: usize = crate::sync::TAGS_MAX;

/// What kind of event this is: an integer from 0 to 1,023.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Tag(u16);

impl Tag {
    /// A tag known at compile time.
    ///
    /// # Panics
    /// If `value` is 1,024 or more; in a constant that is a compile error.
    #[must_use]
    pub const fn new(value: u16) -> Self {
        assert!((value as usize) < MAX_TAGS, "a tag is an integer from 0 to 1023");
        Self(value)
    }

    /// A tag from outside.
    ///
    /// # Errors
    /// [`EventError::Tag`] if it is 1,024 or more.
    pub const fn try_new(value: u64) -> Result<Self, EventError> {
        if value < MAX_TAGS as u64 { Ok(Self(value as u16)) } else { Err(EventError::Tag { value }) }
    }

    /// The integer.
    #[must_use]
    #[inline(always)]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// From a header's bits; what does not fit is cut off, so that a tag always indexes a tag set.
    #[inline(always)]
    pub(super) const fn from_bits(bits: u16) -> Self {
        Self(bits % MAX_TAGS as u16)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.0)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
