//! One slow event, as it is written down and as it is read.

use super::cause::{Parts, TailCause};
use crate::clock::Ticks;
use crate::event::Tag;

/// Words of a record: its number, sequence, tag and events, three times, and the parts.
pub(super) const WORDS: usize = 6 + TailCause::COUNT;
/// Events of a record lie above the tag.
const TAG_BITS: u32 = 16;

/// An event that took long, and where its time went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlier {
    /// Which of the slot's outliers it is, counted from 0.
    pub number: u64,
    /// Its sequence; where several were timed as one, the last one's.
    pub sequence: u64,
    /// Events that were timed as one: 1, or up to 63 inside a long batch. What is said here is then of all of them together, and the tag is
    /// that of the event before them.
    pub events: u64,
    /// What it was.
    pub tag: Tag,
    /// When it was published, in ticks of the bus's clock.
    pub published: Ticks,
    /// When its handling began.
    pub started: Ticks,
    /// When it ended.
    pub ended: Ticks,
    /// Where the time from its intended time to its end went, in nanoseconds.
    pub parts: Parts,
}

impl Outlier {
    /// From its intended time to the end of its handling, in nanoseconds.
    #[must_use]
    pub fn total_ns(&self) -> u64 {
        self.parts.total()
    }

    /// What took most of it.
    #[must_use]
    pub fn cause(&self) -> TailCause {
        self.parts.largest().0
    }

    /// As words; the first is set by whoever keeps it.
    pub(super) fn to_words(&self) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        words[1] = self.sequence;
        words[2] = u64::from(self.tag.get()) | self.events << TAG_BITS;
        (words[3], words[4], words[5]) = (self.published.0, self.started.0, self.ended.0);
        words[6..].copy_from_slice(&self.parts.0);
        words
    }

    /// Back from words, with the parts converted from ticks.
    pub(super) fn from_words(words: &[u64; WORDS], to_ns: impl Fn(u64) -> u64) -> Option<Self> {
        let parts = Parts(core::array::from_fn(|i| words[6 + i])).map(to_ns);
        Some(Self {
            number: words[0].checked_sub(1)?,
            sequence: words[1],
            events: words[2] >> TAG_BITS,
            tag: Tag::try_new(words[2] & ((1 << TAG_BITS) - 1)).ok()?,
            published: Ticks(words[3]),
            started: Ticks(words[4]),
            ended: Ticks(words[5]),
            parts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_being_words() {
        let mut parts = Parts::default();
        TailCause::ALL.into_iter().for_each(|cause| parts[cause] = 100 + cause as u64);
        let (published, started, ended) = (Ticks(5), Ticks(7), Ticks(9));
        let one = Outlier {
            number: 41,
            sequence: u64::MAX,
            events: 31,
            tag: Tag::new(1_023),
            published,
            started,
            ended,
            parts,
        };
        let mut words = one.to_words();
        assert_eq!(Outlier::from_words(&words, |ticks| ticks), None, "no number yet");
        words[0] = 42;
        assert_eq!(Outlier::from_words(&words, |ticks| ticks), Some(one));
    }
}
