//! [`DepthBook`]: one instrument's book by price level, built from the exchange's level changes and snapshots. A book slot
//! owns one per instrument and feeds it in stream order; nothing here allocates once the sides and the memory of recent
//! changes have grown to their size.
//!
//! The exchange's procedure: a snapshot arrives while changes already flow, so it is older than some changes that were
//! seen before it. Recent changes are therefore kept (bounded). A snapshot at update id `s` replaces the book, kept changes
//! with an id above `s` are applied to it again, and those up to `s` count as contained in it, whether they came before or
//! come after it. For a message that ends at exactly `s` it makes no difference: sizes are absolute.
//!
//! Absent here: gaps in the exchange's numbering. They show in fields that an event does not carry; the feed counts them.
use crate::events::LevelChanged;
use crate::sink::Level;
use std::collections::VecDeque;

/// Levels compared one by one from the best on; most changes are that near to it, the rest goes by binary search.
const LINEAR_LEVELS: usize = 8;
/// Recent changes kept by default: some seconds of the busiest stream in the captures (about 70 levels a message, ten
/// messages a second), where a snapshot takes half a second to arrive. 40 bytes each.
pub const RECENT_CHANGES_MAX: usize = 16_384;
/// Levels of a side by default; the largest book in the captures has about 5,000.
pub const SIDE_LEVELS_MAX: usize = 65_536;

/// What became of the messages a book was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DepthCounts {
    /// Whole messages that changed the book.
    pub applied: u64,
    /// Messages contained in the snapshot, whether they came before or after it.
    pub already_in_snapshot: u64,
    /// Messages older than one that was applied before; dropped.
    pub stale: u64,
    /// Snapshots that became the book.
    pub snapshots: u64,
    /// Snapshots too old to be continued by the changes kept; ignored.
    pub stale_snapshots: u64,
    /// Snapshots after which some changes were missing, because more had come before them than are kept.
    pub replay_incomplete: u64,
    /// Level changes dropped because the side was full.
    pub levels_over_limit: u64,
}

/// A book by price level.
///
/// ```
/// use tagring_market::book::depth::DepthBook;
/// use tagring_market::events::LevelChanged;
/// use tagring_market::sink::Level;
/// let change = |update_id, price, qty| LevelChanged {
///     price, qty, update_id, time_ns: 0, side: b'B', last: 1, pad: [0; 6],
/// };
/// let mut book = DepthBook::new();
/// book.level(&change(7, 100, 5));
/// book.level(&change(8, 101, 6)); // came before the snapshot, but is newer
/// book.snapshot(7, &[Level { price: 100, qty: 5 }, Level { price: 99, qty: 1 }], &[]);
/// assert_eq!(book.best_bid(), Some(Level { price: 101, qty: 6 }));
/// assert_eq!(book.bid_levels(), 3);
/// assert_eq!(book.counts().already_in_snapshot, 1);
/// ```
#[derive(Clone, Debug)]
pub struct DepthBook {
    bids: Side,
    asks: Side,
    recent: VecDeque<LevelChanged>,
    recent_max: usize,
    /// Changes up to this id are no longer all in `recent`.
    forgotten_id: u64,
    snapshot_id: Option<u64>,
    last_id: u64,
    /// Messages seen before the first snapshot.
    early: u64,
    counts: DepthCounts,
}

impl Default for DepthBook {
    fn default() -> Self {
        Self::new()
    }
}

impl DepthBook {
    /// An empty book with the default limits.
    pub fn new() -> Self {
        Self::with_limits(SIDE_LEVELS_MAX, RECENT_CHANGES_MAX)
    }

    /// An empty book of at most `side_levels_max` levels a side, that keeps `recent_changes_max` changes for a snapshot to
    /// be continued with.
    pub fn with_limits(side_levels_max: usize, recent_changes_max: usize) -> Self {
        Self {
            bids: Side::new(0, side_levels_max),
            asks: Side::new(!0, side_levels_max),
            recent: VecDeque::new(),
            recent_max: recent_changes_max,
            forgotten_id: 0,
            snapshot_id: None,
            last_id: 0,
            early: 0,
            counts: DepthCounts::default(),
        }
    }

    /// Takes one level change, in stream order. Returns `true` when it was the last of a message that was applied: the
    /// book is whole and stands at [`DepthBook::update_id`].
    #[inline]
    pub fn level(&mut self, change: &LevelChanged) -> bool {
        let ends = change.last == 1;
        if change.update_id < self.last_id || self.snapshot_id.is_some_and(|id| change.update_id <= id) {
            self.drop_old(change.update_id, ends);
            return false;
        }
        self.last_id = change.update_id;
        self.remember(change);
        self.apply(change);
        self.counts.applied += u64::from(ends);
        self.early += u64::from(ends && self.snapshot_id.is_none());
        ends
    }

    /// Takes a snapshot that stands at `update_id`. Returns `false` where it is too old to be continued and was ignored.
    /// Levels may come in any order; those of size 0 are left out.
    pub fn snapshot(&mut self, update_id: u64, bids: &[Level], asks: &[Level]) -> bool {
        let too_old = |known: u64| update_id < known || update_id < self.forgotten_id;
        if self.snapshot_id.is_some_and(too_old) {
            self.counts.stale_snapshots += 1;
            return false;
        }
        self.counts.replay_incomplete += u64::from(update_id < self.forgotten_id);
        self.counts.levels_over_limit += self.bids.replace(bids) + self.asks.replace(asks);
        while self.recent.front().is_some_and(|change| change.update_id <= update_id) {
            self.recent.pop_front();
        }
        let mut replayed = 0;
        for at in 0..self.recent.len() {
            let change = self.recent[at];
            self.apply(&change);
            replayed += u64::from(change.last == 1);
        }
        if self.snapshot_id.is_none() {
            self.counts.already_in_snapshot += self.early.saturating_sub(replayed);
        }
        self.forgotten_id = self.forgotten_id.max(update_id);
        self.snapshot_id = Some(update_id);
        self.last_id = self.last_id.max(update_id);
        self.counts.snapshots += 1;
        true
    }

    /// Whether a snapshot was seen: before, the book holds only what changed since the capture began.
    pub fn is_synced(&self) -> bool {
        self.snapshot_id.is_some()
    }

    /// The exchange's update id that the book stands at.
    pub fn update_id(&self) -> u64 {
        self.last_id
    }

    /// The highest bid.
    #[inline]
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.best()
    }

    /// The lowest ask.
    #[inline]
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.best()
    }

    /// Bid levels, best first.
    pub fn bids(&self) -> impl Iterator<Item = Level> + '_ {
        self.bids.iter()
    }

    /// Ask levels, best first.
    pub fn asks(&self) -> impl Iterator<Item = Level> + '_ {
        self.asks.iter()
    }

    /// How many bid levels there are.
    pub fn bid_levels(&self) -> usize {
        self.bids.levels.len()
    }

    /// How many ask levels there are.
    pub fn ask_levels(&self) -> usize {
        self.asks.levels.len()
    }

    /// What became of the messages so far.
    pub fn counts(&self) -> DepthCounts {
        self.counts
    }

    #[cold]
    fn drop_old(&mut self, update_id: u64, ends: bool) {
        let contained = self.snapshot_id.is_some_and(|id| update_id <= id);
        let count = if contained { &mut self.counts.already_in_snapshot } else { &mut self.counts.stale };
        *count += u64::from(ends);
    }

    #[inline]
    fn apply(&mut self, change: &LevelChanged) {
        let side = if change.side == b'B' { &mut self.bids } else { &mut self.asks };
        self.counts.levels_over_limit += u64::from(!side.set(change.price, change.qty));
    }

    #[inline]
    fn remember(&mut self, change: &LevelChanged) {
        if self.recent.len() >= self.recent_max {
            self.forget_oldest();
        }
        if change.update_id > self.forgotten_id {
            self.recent.push_back(*change);
        }
    }

    /// Makes room by whole messages, so that what is kept begins with a whole one.
    fn forget_oldest(&mut self) {
        // An empty memory means that nothing is to be kept at all.
        let oldest = self.recent.front().map_or(self.last_id, |change| change.update_id);
        self.forgotten_id = oldest;
        while self.recent.front().is_some_and(|change| change.update_id == oldest) {
            self.recent.pop_front();
        }
    }
}

/// One side: levels in a row with the best at the end, so that changes near the best move little.
///
/// A level lies under `price ^ flip`: 0 for bids, all ones (bitwise not, which turns the order around) for asks. Both sides
/// are then ascending rows whose best is the greatest.
#[derive(Clone, Debug)]
struct Side {
    levels: Vec<Level>,
    flip: i64,
    levels_max: usize,
}

impl Side {
    fn new(flip: i64, levels_max: usize) -> Self {
        Self { levels: Vec::new(), flip, levels_max }
    }

    fn best(&self) -> Option<Level> {
        self.levels.last().map(|level| Level { price: level.price ^ self.flip, qty: level.qty })
    }

    fn iter(&self) -> impl Iterator<Item = Level> + '_ {
        self.levels.iter().rev().map(|level| Level { price: level.price ^ self.flip, qty: level.qty })
    }

    /// Where `key` is, or where it belongs.
    #[inline]
    fn find(&self, key: i64) -> Result<usize, usize> {
        let count = self.levels.len();
        let near = count.saturating_sub(LINEAR_LEVELS);
        for at in (near..count).rev() {
            let there = self.levels[at].price;
            if there <= key {
                return if there == key { Ok(at) } else { Err(at + 1) };
            }
        }
        self.levels[..near].binary_search_by_key(&key, |level| level.price)
    }

    /// Sets a level's size, 0 to remove it; `false` where there is no room for it.
    #[inline]
    fn set(&mut self, price: i64, qty: i64) -> bool {
        let key = price ^ self.flip;
        match self.find(key) {
            Ok(at) if qty == 0 => {
                self.levels.remove(at);
            }
            Ok(at) => self.levels[at].qty = qty,
            Err(_) if qty == 0 => {}
            Err(_) if self.levels.len() >= self.levels_max => return false,
            Err(at) => self.levels.insert(at, Level { price: key, qty }),
        }
        true
    }

    /// Becomes these levels; returns how many of them had no room.
    fn replace(&mut self, levels: &[Level]) -> u64 {
        self.levels.clear();
        let best_first = levels.is_sorted_by(|a, b| a.price ^ self.flip > b.price ^ self.flip);
        if !best_first {
            return levels.iter().map(|level| u64::from(!self.set(level.price, level.qty))).sum();
        }
        let kept = levels.len().min(self.levels_max);
        let present = levels[..kept].iter().rev().filter(|level| level.qty != 0);
        self.levels.extend(present.map(|level| Level { price: level.price ^ self.flip, qty: level.qty }));
        (levels.len() - kept) as u64
    }
}

#[cfg(test)]
mod laws {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn change(update_id: u64, side: u8, price: i64, qty: i64, last: bool) -> LevelChanged {
        LevelChanged { price, qty, update_id, time_ns: 0, side, last: last.into(), pad: [0; 6] }
    }

    /// A stream of messages (final id, changes), and where in it which snapshot arrives.
    type Message = Vec<(bool, i64, i64)>;

    fn play(book: &mut DepthBook, id: u64, message: &Message) {
        for (at, &(bid, price, qty)) in message.iter().enumerate() {
            book.level(&change(id, if bid { b'B' } else { b'S' }, price, qty, at + 1 == message.len()));
        }
    }

    fn oracle(messages: &[Message]) -> [BTreeMap<i64, i64>; 2] {
        let mut sides = [BTreeMap::new(), BTreeMap::new()];
        for &(bid, price, qty) in messages.iter().flatten() {
            let side = &mut sides[usize::from(!bid)];
            if qty == 0 {
                side.remove(&price)
            } else {
                side.insert(price, qty)
            };
        }
        sides
    }

    fn as_levels(side: &BTreeMap<i64, i64>) -> Vec<Level> {
        side.iter().map(|(&price, &qty)| Level { price, qty }).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// Changes from `seen` on are in the capture; a snapshot made after message `made` arrives after message `comes`.
        #[test]
        fn a_late_snapshot_makes_the_book_that_all_changes_make(
            messages in prop::collection::vec(prop::collection::vec((any::<bool>(), 1i64..60, 0i64..4), 1..12), 1..40),
            cuts in prop::array::uniform3(any::<prop::sample::Index>()),
        ) {
            let mut cuts = cuts.map(|cut| cut.index(messages.len() + 1));
            cuts.sort_unstable();
            let [seen, made, comes] = cuts;
            let mut book = DepthBook::new();
            for (at, message) in messages.iter().enumerate().take(comes).skip(seen) {
                play(&mut book, 10 + at as u64, message);
            }
            let [bids, asks] = oracle(&messages[..made]);
            prop_assert!(book.snapshot(9 + made as u64, &as_levels(&bids), &as_levels(&asks)));
            for (at, message) in messages.iter().enumerate().skip(comes) {
                play(&mut book, 10 + at as u64, message);
            }
            let [bids, asks] = oracle(&messages);
            prop_assert_eq!(book.bids().collect::<Vec<_>>(), as_levels(&bids).into_iter().rev().collect::<Vec<_>>());
            prop_assert_eq!(book.asks().collect::<Vec<_>>(), as_levels(&asks));
            prop_assert_eq!(book.counts().already_in_snapshot, (made - seen) as u64);
        }
    }

    #[test]
    fn messages_contained_in_the_snapshot_are_dropped_when_they_come_after_it() {
        let mut book = DepthBook::new();
        book.snapshot(10, &[Level { price: 5, qty: 5 }], &[]);
        assert!(!book.level(&change(9, b'B', 6, 1, true)));
        assert!(!book.level(&change(10, b'B', 7, 1, true)));
        assert!(book.level(&change(11, b'B', 8, 1, true)));
        assert!(!book.level(&change(10, b'B', 9, 1, true)));
        assert_eq!(book.counts().already_in_snapshot, 3);
        assert_eq!(book.best_bid(), Some(Level { price: 8, qty: 1 }));
    }

    #[test]
    fn what_is_kept_is_bounded_and_a_snapshot_that_needs_more_is_told() {
        let mut book = DepthBook::with_limits(100, 4);
        for id in 1..=10 {
            book.level(&change(id, b'S', id as i64, 1, true));
        }
        assert_eq!(book.recent.len(), 4);
        assert!(book.snapshot(3, &[], &[]), "the first snapshot is better than none");
        assert_eq!(book.counts().replay_incomplete, 1);
        assert_eq!(book.best_ask(), Some(Level { price: 7, qty: 1 }));
        for id in 11..=20 {
            book.level(&change(id, b'S', id as i64, 1, true));
        }
        assert!(!book.snapshot(12, &[], &[]), "changes 13 to 16 are forgotten");
        assert!(book.snapshot(17, &[], &[]));
        assert_eq!(book.best_ask(), Some(Level { price: 18, qty: 1 }));
        assert_eq!(book.counts().stale_snapshots, 1);
    }

    #[test]
    fn a_message_larger_than_what_is_kept_does_not_break_the_book() {
        let mut book = DepthBook::with_limits(100, 4);
        for price in 1..=9 {
            book.level(&change(1, b'B', price, 1, price == 9));
        }
        assert_eq!((book.bid_levels(), book.recent.len(), book.counts().applied), (9, 0, 1));
    }

    #[test]
    fn a_full_side_drops_and_counts() {
        let mut book = DepthBook::with_limits(2, 4);
        for price in [1, 2, 3] {
            book.level(&change(1, b'B', price, 1, price == 3));
        }
        assert_eq!((book.bid_levels(), book.counts().levels_over_limit), (2, 1));
    }
}
