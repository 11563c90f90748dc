//! A set of tags: 1,024 bits, a plain value. Looking a tag up is a load and a shift.

use super::tag::{MAX_TAGS, Tag};
use core::fmt;

pub(super) const WORDS: usize = MAX_TAGS / 64;

/// A set of tags.
///
/// ```
/// use tagring::event::{Tag, TagSet};
///
/// let set = TagSet::of(&[Tag::new(1), Tag::new(900)]);
/// assert!(set.contains(Tag::new(900)) && !set.contains(Tag::new(2)));
/// assert_eq!(format!("{set:?}"), "{1, 900}");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TagSet {
    words: [u64; WORDS],
}

impl TagSet {
    /// No tag.
    pub const EMPTY: Self = Self { words: [0; WORDS] };
    /// Every tag.
    pub const ALL: Self = Self { words: [u64::MAX; WORDS] };

    /// The tags given.
    #[must_use]
    pub const fn of(tags: &[Tag]) -> Self {
        let mut set = Self::EMPTY;
        let mut i = 0;
        while i < tags.len() {
            set = set.with(tags[i]);
            i += 1;
        }
        set
    }

    /// The same and one more.
    #[must_use]
    pub const fn with(mut self, tag: Tag) -> Self {
        self.words[tag.get() as usize / 64] |= 1 << (tag.get() % 64);
        self
    }

    /// The same without one.
    #[must_use]
    pub const fn without(mut self, tag: Tag) -> Self {
        self.words[tag.get() as usize / 64] &= !(1 << (tag.get() % 64));
        self
    }

    /// Whether the tag is in the set.
    #[must_use]
    #[inline(always)]
    pub const fn contains(&self, tag: Tag) -> bool {
        // A tag is below MAX_TAGS by construction, so the index is in bounds; the remainder tells the compiler.
        self.words[tag.get() as usize / 64 % WORDS] >> (tag.get() % 64) & 1 != 0
    }

    /// Tags in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { words: core::array::from_fn(|i| self.words[i] | other.words[i]) }
    }

    /// Tags in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self { words: core::array::from_fn(|i| self.words[i] & other.words[i]) }
    }

    /// Tags in this and not in the other.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self { words: core::array::from_fn(|i| self.words[i] & !other.words[i]) }
    }

    /// Tags in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    /// The tags, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Tag> + '_ {
        (0..MAX_TAGS as u16).map(Tag::new).filter(|&tag| self.contains(tag))
    }

    pub(super) const fn words(&self) -> &[u64; WORDS] {
        &self.words
    }

    pub(super) const fn from_words(words: [u64; WORDS]) -> Self {
        Self { words }
    }
}

impl FromIterator<Tag> for TagSet {
    fn from_iter<I: IntoIterator<Item = Tag>>(tags: I) -> Self {
        tags.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// Runs of tags as ranges: `{1, 4..=9}`.
impl fmt::Debug for TagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        let mut tags = self.iter().map(Tag::get).peekable();
        while let Some(first) = tags.next() {
            let mut last = first;
            while tags.next_if_eq(&(last + 1)).is_some() {
                last += 1;
            }
            if first == last {
                set.entry(&first)
            } else {
                set.entry(&(first..=last))
            };
        }
        set.finish()
    }
}

/// The tag set of some payload types: `tags![Trade, BookDelta]`.
#[macro_export]
macro_rules! tags {
    ($($payload:ty),* $(,)?) => {
        const { $crate::event::TagSet::of(&[$(<$payload as $crate::event::Payload>::TAG),*]) }
    };
}
