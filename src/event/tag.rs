//! The integer that says what an event is.
/// An integer tag, 0 to 1,023: what kind of event this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Tag(u16);
impl Tag {
    /// A tag known at compile time.
    pub const fn new(value: u16) -> Self {
        assert!(value < 1024);
        Self(value)
    }
    /// The integer.
    pub const fn get(self) -> u16 {
        self.0
    }
}
