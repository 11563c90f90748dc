//! One instrument's matching engine: price, then time. Prices are ticks inside of a fixed window, each with a queue of orders.
use super::random::Random;
use std::collections::VecDeque;

/// Ticks of the price window.
pub(super) const TICKS: usize = 4_096;

/// An order that rests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resting {
    pub(super) id: u64,
    pub(super) shares: u32,
    pub(super) tick: u32,
    pub(super) is_bid: bool,
    /// Where it stands in `live`.
    live_at: u32,
}

/// A price and the shares that rest at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BestPrice {
    /// The price, in units of 1e-4.
    pub price: u32,
    /// Shares at it.
    pub shares: u64,
}

/// What an incoming order did to a resting one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) id: u64,
    pub(super) tick: u32,
    pub(super) shares: u32,
}

#[derive(Debug)]
pub(super) struct Engine {
    /// All orders ever placed in a slot of their own; slots are reused.
    slots: Vec<Resting>,
    free: Vec<u32>,
    live: Vec<u32>,
    /// By tick: slots in order of arrival. A slot whose order has gone or moved is skipped when met.
    queues: Vec<VecDeque<(u32, u64)>>,
    shares: Vec<u64>,
    orders: Vec<u32>,
    best_bid: Option<usize>,
    best_ask: Option<usize>,
}

impl Engine {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            live: Vec::new(),
            queues: (0..TICKS).map(|_| VecDeque::new()).collect(),
            shares: vec![0; TICKS],
            orders: vec![0; TICKS],
            best_bid: None,
            best_ask: None,
        }
    }

    pub(super) fn live(&self) -> usize {
        self.live.len()
    }

    pub(super) fn best_bid(&self) -> Option<usize> {
        self.best_bid
    }

    pub(super) fn best_ask(&self) -> Option<usize> {
        self.best_ask
    }

    pub(super) fn shares_at(&self, tick: usize) -> u64 {
        self.shares[tick]
    }

    /// Ticks with orders on either side.
    pub(super) fn depth(&self) -> (usize, usize) {
        let count = |range: std::ops::Range<usize>| range.filter(|&tick| self.orders[tick] > 0).count();
        (self.best_bid.map_or(0, |best| count(0..best + 1)), self.best_ask.map_or(0, |best| count(best..TICKS)))
    }

    /// Rests an order. The caller has made sure that it does not cross.
    pub(super) fn rest(&mut self, id: u64, is_bid: bool, tick: usize, shares: u32) {
        let order = Resting { id, shares, tick: tick as u32, is_bid, live_at: self.live.len() as u32 };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = order;
                slot
            }
            None => {
                self.slots.push(order);
                self.slots.len() as u32 - 1
            }
        };
        self.live.push(slot);
        self.queues[tick].push_back((slot, id));
        self.shares[tick] += u64::from(shares);
        self.orders[tick] += 1;
        let best = if is_bid { &mut self.best_bid } else { &mut self.best_ask };
        *best = Some(best.map_or(tick, |best| if is_bid { best.max(tick) } else { best.min(tick) }));
    }

    /// Any live order.
    pub(super) fn pick(&self, random: &mut Random) -> Option<(u32, Resting)> {
        (!self.live.is_empty()).then(|| {
            let slot = self.live[random.below(self.live.len() as u64) as usize];
            (slot, self.slots[slot as usize])
        })
    }

    /// Takes shares from an order; the order goes when none is left.
    pub(super) fn take(&mut self, slot: u32, shares: u32) {
        let order = &mut self.slots[slot as usize];
        order.shares -= shares;
        let order = *order;
        let tick = order.tick as usize;
        self.shares[tick] -= u64::from(shares);
        if order.shares > 0 {
            return;
        }
        self.live.swap_remove(order.live_at as usize);
        if let Some(&moved) = self.live.get(order.live_at as usize) {
            self.slots[moved as usize].live_at = order.live_at;
        }
        self.free.push(slot);
        self.orders[tick] -= 1;
        if self.orders[tick] == 0 {
            self.queues[tick].clear();
            self.best_moved(tick, order.is_bid);
        }
    }

    /// The best price after the level at `tick` has gone.
    fn best_moved(&mut self, tick: usize, was_bid: bool) {
        if was_bid && self.best_bid == Some(tick) {
            self.best_bid = (0..tick).rev().find(|&t| self.orders[t] > 0);
        } else if !was_bid && self.best_ask == Some(tick) {
            self.best_ask = (tick + 1..TICKS).find(|&t| self.orders[t] > 0);
        }
    }

    /// Matches an incoming order against the first one at the best opposite price, for at most `shares`.
    pub(super) fn hit(&mut self, buys: bool, shares: u32) -> Option<Hit> {
        let tick = if buys { self.best_ask? } else { self.best_bid? };
        loop {
            let &(slot, id) = self.queues[tick].front()?;
            let order = self.slots[slot as usize];
            if order.id != id || order.shares == 0 || order.tick as usize != tick {
                self.queues[tick].pop_front();
                continue;
            }
            let shares = shares.min(order.shares);
            if shares == order.shares {
                self.queues[tick].pop_front();
            }
            self.take(slot, shares);
            return Some(Hit { id, tick: tick as u32, shares });
        }
    }
}
