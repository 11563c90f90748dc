//! One side of an order-by-order book: price levels sorted so that the best is last. Most changes happen near the best, where a search
//! from the end is short and an insertion moves little.
use crate::sink::Level;

/// Levels compared one by one from the best on; beyond that the search is binary.
const LINEAR: usize = 8;

/// A price level and how many orders rest at it.
#[derive(Clone, Copy, Debug)]
struct Resting {
    /// The price, negated on the ask side: greater is better on both.
    rank: i64,
    qty: i64,
    orders: u32,
}

/// One side. `sign` is 1 for bids, -1 for asks.
#[derive(Clone, Debug)]
pub(super) struct Side {
    levels: Vec<Resting>,
    sign: i64,
}

impl Side {
    pub(super) fn new(sign: i64) -> Self {
        Self { levels: Vec::with_capacity(256), sign }
    }

    /// The level's place, or where it would be.
    #[inline]
    fn find(&self, rank: i64) -> Result<usize, usize> {
        let near = self.levels.len().saturating_sub(LINEAR);
        for at in (near..self.levels.len()).rev() {
            let here = self.levels[at].rank;
            if here == rank {
                return Ok(at);
            }
            if here < rank {
                return Err(at + 1);
            }
        }
        self.levels[..near].binary_search_by_key(&rank, |level| level.rank)
    }

    /// Adds an order; false, and nothing changed, where the level would hold more than a size can say.
    #[inline]
    #[must_use]
    pub(super) fn add(&mut self, price: i64, qty: i64) -> bool {
        let rank = price * self.sign;
        match self.find(rank) {
            Ok(at) => {
                let Some(sum) = self.levels[at].qty.checked_add(qty) else { return false };
                self.levels[at].qty = sum;
                self.levels[at].orders += 1;
            }
            Err(at) => self.levels.insert(at, Resting { rank, qty, orders: 1 }),
        }
        true
    }

    /// Takes `qty` away at a price, and an order with it if it is gone.
    #[inline]
    pub(super) fn take(&mut self, price: i64, qty: i64, order_gone: bool) {
        let Ok(at) = self.find(price * self.sign) else { return };
        let level = &mut self.levels[at];
        level.qty -= qty;
        level.orders -= u32::from(order_gone);
        if level.orders == 0 {
            self.levels.remove(at);
        }
    }

    pub(super) fn best(&self) -> Option<Level> {
        self.levels.last().map(|level| Level { price: level.rank * self.sign, qty: level.qty })
    }

    pub(super) fn len(&self) -> usize {
        self.levels.len()
    }

    /// Best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Level> + '_ {
        self.levels.iter().rev().map(|level| Level { price: level.rank * self.sign, qty: level.qty })
    }
}
