//! What is asked of a history: how many, and which. A plain value.

use crate::clock::Ticks;
use crate::event::TagSet;

/// A question to a history: the last or the first so many of the events that meet every condition. Conditions are joined by "and"; one that
/// nothing can meet, such as a time span that ends before it begins, has an empty answer.
///
/// ```
/// use tagring::retain::Query;
///
/// let query = Query::last(100).key(7).since(1_000); // the last 100 at most, of key 7, from sequence 1,000 on
/// assert_eq!(query.limit(), 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a query asks nothing until it is handed to `HistoryReader::read`"]
pub struct Query {
    pub(super) limit: usize,
    /// Whether the newest are wanted where more match.
    pub(super) newest: bool,
    pub(super) key: Option<u32>,
    pub(super) tags: TagSet,
    pub(super) since: u64,
    pub(super) before: u64,
    pub(super) from: u64,
    /// The first time that is too late.
    pub(super) to: Option<u64>,
}

impl Query {
    const fn new(limit: usize, newest: bool) -> Self {
        Self { limit, newest, key: None, tags: TagSet::ALL, since: 0, before: u64::MAX, from: 0, to: None }
    }

    /// At most `limit` events, the newest where more match.
    pub const fn last(limit: usize) -> Self {
        Self::new(limit, true)
    }

    /// At most `limit` events, the oldest where more match: for reading on from where the last answer ended
    /// ([`super::Coverage::next`]).
    pub const fn first(limit: usize) -> Self {
        Self::new(limit, false)
    }

    /// Those of this key alone.
    pub const fn key(mut self, key: u32) -> Self {
        self.key = Some(key);
        self
    }

    /// Those of these tags alone.
    pub const fn tags(mut self, tags: TagSet) -> Self {
        self.tags = tags;
        self
    }

    /// Those from this sequence of the bus on.
    pub const fn since(mut self, sequence: u64) -> Self {
        self.since = sequence;
        self
    }

    /// Those before this sequence of the bus.
    pub const fn before(mut self, sequence: u64) -> Self {
        self.before = sequence;
        self
    }

    /// Those published at `from` or later and before `to`, by the bus's clock.
    pub const fn between(mut self, from: Ticks, to: Ticks) -> Self {
        (self.from, self.to) = (from.0, Some(to.0));
        self
    }

    /// Events of an answer at most.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }
}
