//! What a feed has seen, by kind of message.
use hashbrown::HashMap;

/// Names of other kinds that are counted one by one; a capture with more is not one of market data. All further ones
/// count under `(more kinds)`.
pub const OTHER_KINDS_MAX: usize = 64;
const MORE_KINDS: &str = "(more kinds)";

/// Messages by kind, levels, and what was odd about them.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Changes of price levels (`depthUpdate` of a diff stream).
    pub depth: u64,
    /// The exchange's best prices (`bookTicker`).
    pub ticker: u64,
    /// Trades (`trade`).
    pub trade: u64,
    /// Aggregated trades (`aggTrade`).
    pub agg_trade: u64,
    /// REST snapshots.
    pub snapshot: u64,
    /// Price levels in depth messages and snapshots.
    pub levels: u64,
    /// Depth messages without a level; they publish nothing.
    pub depth_without_levels: u64,
    /// Depth messages that do not continue the one before (`pu`, or `U`, is not the last `u`, or the one after it).
    pub gaps: u64,
    /// Lines left out, each for a named reason.
    pub skipped: u64,
    other: HashMap<Box<str>, u64, foldhash::fast::RandomState>,
}

impl Counts {
    /// Messages by kind, those that occurred: the kinds that books and tape are made of, then all others by name.
    pub fn messages(&self) -> impl Iterator<Item = (&str, u64)> {
        let known = [
            ("depth", self.depth),
            ("ticker", self.ticker),
            ("trade", self.trade),
            ("snapshot", self.snapshot),
            ("aggTrade", self.agg_trade),
        ];
        known.into_iter().filter(|(_, count)| *count > 0).chain(self.other())
    }

    /// Messages of kinds that are only counted, by name in alphabetical order.
    pub fn other(&self) -> impl Iterator<Item = (&str, u64)> {
        let mut other: Vec<_> = self.other.iter().map(|(name, count)| (&**name, *count)).collect();
        other.sort_unstable();
        other.into_iter()
    }

    /// All messages together.
    pub fn total(&self) -> u64 {
        self.messages().map(|(_, count)| count).sum()
    }

    pub(super) fn count_other(&mut self, name: &str) {
        if let Some(count) = self.other.get_mut(name) {
            *count += 1;
            return;
        }
        let name = if self.other.len() < OTHER_KINDS_MAX { name } else { MORE_KINDS };
        *self.other.entry(name.into()).or_insert(0) += 1;
    }
}
