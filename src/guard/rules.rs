//! Which events live in which mode. A pure function of mode, tag and age: publishers and slots ask the same one.
//!
//! A tag's priority is how far it lives. So each mode has tags that are the next to go: those that live in it, and not in the next worse one. They
//! go first, by their age: in their last mode they are still carried while they are fresh.

use super::mode::Mode;
use crate::clock::Clock;
use crate::event::{Tag, TagSet};
use core::fmt;

/// Why an event was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ShedReason {
    /// Its tag does not live in the mode.
    Mode = 0,
    /// Its tag is the next to go, and the event is older than the mode allows for those.
    Age = 1,
}

impl ShedReason {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Mode, Self::Age];

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Mode => "TR-0930",
            Self::Age => "TR-0931",
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Age => "age",
        }
    }
}

impl ShedReason {
    /// What is wrong, in words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Mode => "the event's tag does not live in the bus's mode",
            Self::Age => "the event is older than the bus's mode allows for tags that go next",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Mode => "wait, or add it to the mode's `keep`",
            Self::Age => "publish it sooner, or raise `shed_age_ms`",
        }
    }
}

impl fmt::Display for ShedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {} [{}]", self.what(), self.remedy(), self.code())
    }
}

impl std::error::Error for ShedReason {}

/// Which tags live in which mode, and how old events of those that go next may be.
///
/// ```
/// use tagring::guard::{Mode, Rules, ShedReason};
/// use tagring::tags;
///
/// tagring::events! {
///     pub mod market;
///     pub struct Quote = 1, v1 { pub price: i64 }
///     pub struct Trade = 2, v1 { pub price: i64 }
///     pub struct Halt = 3, v1 { pub reason: u64 }
/// }
/// use market::{Halt, Quote, Trade};
/// use tagring::event::Payload;
///
/// let rules = Rules::all(tags![Quote, Trade, Halt])
///     .keep(Mode::Shedding, tags![Trade, Halt])
///     .keep(Mode::Halted, tags![Halt])
///     .shed_older_than(Mode::Degraded, 1_000_000);
/// assert_eq!(rules.admits(Mode::Degraded, Quote::TAG, 900_000), Ok(()));
/// assert_eq!(rules.admits(Mode::Degraded, Quote::TAG, 1_100_000), Err(ShedReason::Age));
/// assert_eq!(rules.admits(Mode::Degraded, Trade::TAG, 1_100_000), Ok(()));
/// assert_eq!(rules.admits(Mode::Shedding, Quote::TAG, 0), Err(ShedReason::Mode));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// By mode; each within the one before it.
    live: [TagSet; 4],
    /// By mode, in the unit of the ages asked about; `u64::MAX`: any age.
    age_max: [u64; 4],
}

impl Rules {
    /// All tags live in every mode but [`Mode::Halted`], in which none does.
    #[must_use]
    pub const fn all(tags: TagSet) -> Self {
        Self { live: [tags, tags, tags, TagSet::EMPTY], age_max: [u64::MAX; 4] }
    }

    /// In this mode only these live, of those that live in the mode before it; in worse ones no others either.
    #[must_use]
    pub fn keep(mut self, mode: Mode, tags: TagSet) -> Self {
        self.live[mode as usize] = tags;
        for at in 1..self.live.len() {
            self.live[at] = self.live[at].intersect(&self.live[at - 1]);
        }
        self
    }

    /// In this mode events whose tags go next are left out when they are older than this.
    #[must_use]
    pub fn shed_older_than(mut self, mode: Mode, age: u64) -> Self {
        self.age_max[mode as usize] = age;
        self
    }

    /// The tags that live in a mode.
    #[must_use]
    pub const fn live(&self, mode: Mode) -> &TagSet {
        &self.live[mode as usize]
    }

    /// The same with ages in ticks of a clock, where they were given in nanoseconds.
    #[must_use]
    pub fn in_ticks(mut self, clock: &Clock) -> Self {
        self.age_max.iter_mut().for_each(|age| *age = if *age == u64::MAX { *age } else { clock.from_ns(*age) });
        self
    }

    /// Whether events may be too old for a mode.
    #[must_use]
    #[inline(always)]
    pub const fn has_age(&self, mode: Mode) -> bool {
        self.age_max[mode as usize] != u64::MAX
    }

    /// Whether an event is carried. `age` is now minus its time, in the unit that the rules were given.
    ///
    /// # Errors
    /// Why it is not.
    #[inline]
    pub fn admits(&self, mode: Mode, tag: Tag, age: u64) -> Result<(), ShedReason> {
        if !self.live(mode).contains(tag) {
            return Err(ShedReason::Mode);
        }
        if age > self.age_max[mode as usize] && !(mode < Mode::Halted && self.live(mode.worse()).contains(tag)) {
            return Err(ShedReason::Age);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(tags: &[u16]) -> TagSet {
        tags.iter().map(|tag| Tag::new(*tag)).collect()
    }

    #[test]
    fn issue_4588_what_lives_in_a_mode_lives_in_every_better_one() {
        let rules = Rules::all(set(&[1, 2, 3, 4])).keep(Mode::Halted, set(&[4])).keep(Mode::Degraded, set(&[3, 4]));
        assert_eq!(
            Mode::ALL.map(|mode| *rules.live(mode)),
            [set(&[1, 2, 3, 4]), set(&[3, 4]), set(&[3, 4]), set(&[4])]
        );
        let rules =
            Rules::all(set(&[1, 2, 3, 4])).keep(Mode::Degraded, set(&[3, 4, 9])).keep(Mode::Halted, set(&[4, 1]));
        assert_eq!(*rules.live(Mode::Degraded), set(&[3, 4]), "9 is none of the bus's");
        assert_eq!(*rules.live(Mode::Halted), set(&[4]), "what a better mode leaves out is not back");
        assert_eq!(*Rules::all(set(&[1])).live(Mode::Halted), set(&[]), "nothing, unless it is named");
    }

    #[test]
    fn issue_4588_age_sheds_the_tags_that_go_next_and_no_others() {
        let rules = Rules::all(set(&[1, 2, 3]))
            .keep(Mode::Shedding, set(&[2, 3]))
            .keep(Mode::Halted, set(&[3]))
            .shed_older_than(Mode::Degraded, 10)
            .shed_older_than(Mode::Shedding, 20);
        let ask = |mode, tag, age| rules.admits(mode, Tag::new(tag), age);
        assert_eq!(ask(Mode::Normal, 1, u64::MAX), Ok(()));
        assert_eq!([10, 11].map(|age| ask(Mode::Degraded, 1, age)), [Ok(()), Err(ShedReason::Age)]);
        assert_eq!(ask(Mode::Degraded, 2, u64::MAX), Ok(()));
        assert_eq!(ask(Mode::Shedding, 1, 0), Err(ShedReason::Mode));
        assert_eq!([20, 21].map(|age| ask(Mode::Shedding, 2, age)), [Ok(()), Err(ShedReason::Age)]);
        assert_eq!(ask(Mode::Shedding, 3, u64::MAX), Ok(()), "controls have no age");
        assert_eq!(ask(Mode::Halted, 3, u64::MAX), Ok(()));
    }
}
