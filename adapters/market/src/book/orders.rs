//! [`OrderBooks`]: the books of all instruments, order by order, as ITCH tells them. One bounded table of live orders for
//! all; what does not add up is counted by name and changes nothing else.
use super::levels::Side;
use crate::decimal::ONE;
use crate::events::*;
use crate::sink::Level;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

/// Orders that the table has room for at first: a quarter of a megabyte, which stays in the second-level cache. A table that is made
/// for a whole market's orders misses the cache at every order, also of a small one. It doubles as orders come; each time costs
/// some 20 ns per order in it, once.
const ORDERS_AT_FIRST: usize = 7_000;
/// Order numbers are unique integers handed out by the exchange: a multiplication spreads them well enough, and costs less
/// than a hash made for hostile keys. (Fibonacci hashing, Knuth, TAOCP 6.4.)
#[derive(Default)]
struct OrderIdHasher(u64);

impl Hasher for OrderIdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(self.0 ^ u64::from(byte)));
    }
    #[inline]
    fn write_u64(&mut self, id: u64) {
        let product = u128::from(id) * 0x9e37_79b9_7f4a_7c15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// With its number 32 bytes, so that none lies across two cache lines.
#[derive(Clone, Copy, Debug)]
struct Order {
    price: i64,
    qty: i64,
    place: Place,
}

/// Instrument and side in one word.
#[derive(Clone, Copy, Debug)]
struct Place(u32);

impl Place {
    #[inline]
    fn new(key: u32, side: u8) -> Self {
        Self(key << 1 | u32::from(side == b'B'))
    }

    #[inline]
    fn key(self) -> usize {
        (self.0 >> 1) as usize
    }

    #[inline]
    fn side(self) -> u8 {
        if self.0 & 1 == 1 { b'B' } else { b'S' }
    }
}

const _: () = assert!(size_of::<(u64, Order)>() == 32);

/// One instrument's book.
#[derive(Clone, Debug)]
pub struct OrderBook {
    bids: Side,
    asks: Side,
}

impl OrderBook {
    fn new() -> Self {
        Self { bids: Side::new(1), asks: Side::new(-1) }
    }

    #[inline]
    fn side(&mut self, side: u8) -> &mut Side {
        if side == b'B' { &mut self.bids } else { &mut self.asks }
    }

    /// The highest bid.
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.best()
    }

    /// The lowest ask.
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.best()
    }

    /// Price levels on the bid.
    pub fn bid_levels(&self) -> usize {
        self.bids.len()
    }

    /// Price levels on the ask.
    pub fn ask_levels(&self) -> usize {
        self.asks.len()
    }

    /// The bids, best first.
    pub fn bids(&self) -> impl Iterator<Item = Level> + '_ {
        self.bids.iter()
    }

    /// The asks, best first.
    pub fn asks(&self) -> impl Iterator<Item = Level> + '_ {
        self.asks.iter()
    }
}

/// What did not add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inconsistencies {
    /// Messages about an order that is not known.
    pub unknown_order: u64,
    /// Additions of an order number that is in use.
    pub duplicate_order: u64,
    /// More taken away than was left; the order is taken as gone.
    pub over_executed: u64,
    /// Orders dropped because the table was full.
    pub orders_over_limit: u64,
    /// Orders dropped because their price level would have held more than 92 billion shares, the most that a size can say.
    pub sizes_over_limit: u64,
}

/// A fill: what a resting order traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Price.
    pub price: i64,
    /// Size.
    pub qty: i64,
    /// Side of the order that rested.
    pub side: u8,
}

/// The books of all instruments.
///
/// ```
/// use tagring_market::book::orders::OrderBooks;
/// use tagring_market::events::{OrderAdded, OrderExecuted};
///
/// let mut books = OrderBooks::new(1_000);
/// books.added(7, &OrderAdded { order_id: 1, price: 100, qty: 5, time_ns: 0, mpid: [0; 4], side: b'B', pad: [0; 3] });
/// let fill = books.executed(&OrderExecuted { order_id: 1, qty: 2, match_id: 1, time_ns: 0 }).ok_or("an order")?;
/// assert_eq!((fill.price, fill.qty), (100, 2));
/// assert_eq!(books.book(7).and_then(|book| book.best_bid()).map(|best| best.qty), Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OrderBooks {
    orders: HashMap<u64, Order, BuildHasherDefault<OrderIdHasher>>,
    orders_max: usize,
    books: Vec<Option<OrderBook>>,
    counts: Inconsistencies,
}

impl OrderBooks {
    /// Books for at most `orders_max` live orders together.
    pub fn new(orders_max: usize) -> Self {
        let orders = HashMap::with_capacity_and_hasher(orders_max.min(ORDERS_AT_FIRST), BuildHasherDefault::default());
        Self { orders, orders_max, books: Vec::new(), counts: Inconsistencies::default() }
    }

    /// An instrument's book, if any order was ever added to it.
    pub fn book(&self, key: u32) -> Option<&OrderBook> {
        self.books.get(key as usize).and_then(Option::as_ref)
    }

    /// Live orders.
    pub fn orders(&self) -> usize {
        self.orders.len()
    }

    /// What did not add up so far.
    pub fn inconsistencies(&self) -> Inconsistencies {
        self.counts
    }

    /// An order is added. Locate codes are 16 bits, so the table of books is bounded by 65,536.
    #[inline]
    pub fn added(&mut self, key: u32, order: &OrderAdded) {
        self.insert(order.order_id, Order { price: order.price, qty: order.qty, place: Place::new(key, order.side) });
    }

    /// An order trades at its own price.
    #[inline]
    pub fn executed(&mut self, event: &OrderExecuted) -> Option<Fill> {
        self.reduce(event.order_id, event.qty)
    }

    /// An order trades at another price.
    #[inline]
    pub fn executed_at(&mut self, event: &OrderExecutedAt) -> Option<Fill> {
        let fill = self.reduce(event.order_id, i64::from(event.shares) * ONE)?;
        Some(Fill { price: event.price, ..fill })
    }

    /// Part of an order is cancelled.
    #[inline]
    pub fn cancelled(&mut self, event: &OrderCancelled) {
        self.reduce(event.order_id, event.qty);
    }

    /// An order is gone.
    #[inline]
    pub fn deleted(&mut self, event: &OrderDeleted) {
        if let Some(order) = self.remove(event.order_id) {
            self.side(&order).take(order.price, order.qty, true);
        }
    }

    /// An order is replaced by another on the same side.
    #[inline]
    pub fn replaced(&mut self, event: &OrderReplaced) {
        if let Some(order) = self.remove(event.order_id) {
            self.side(&order).take(order.price, order.qty, true);
            let qty = i64::from(event.shares) * ONE;
            self.insert(event.new_order_id, Order { price: event.price, qty, ..order });
        }
    }

    #[inline]
    fn insert(&mut self, order_id: u64, order: Order) {
        if self.orders.len() == self.orders_max {
            self.counts.orders_over_limit += 1;
            return;
        }
        match self.orders.entry(order_id) {
            Entry::Occupied(_) => self.counts.duplicate_order += 1,
            Entry::Vacant(place) => {
                let index = order.place.key();
                if index >= self.books.len() {
                    self.books.resize(index + 1, None);
                }
                let side = self.books[index].get_or_insert_with(OrderBook::new).side(order.place.side());
                if side.add(order.price, order.qty) {
                    place.insert(order);
                } else {
                    self.counts.sizes_over_limit += 1;
                }
            }
        }
    }

    #[inline]
    fn remove(&mut self, order_id: u64) -> Option<Order> {
        let order = self.orders.remove(&order_id);
        self.counts.unknown_order += u64::from(order.is_none());
        order
    }

    /// Takes part of an order, or all of it.
    #[inline]
    fn reduce(&mut self, order_id: u64, qty: i64) -> Option<Fill> {
        let Some(order) = self.orders.get_mut(&order_id) else {
            self.counts.unknown_order += 1;
            return None;
        };
        self.counts.over_executed += u64::from(qty > order.qty);
        let taken = qty.min(order.qty);
        order.qty -= taken;
        let order = *order;
        let gone = order.qty == 0;
        if gone {
            self.orders.remove(&order_id);
        }
        self.side(&order).take(order.price, taken, gone);
        Some(Fill { price: order.price, qty: taken, side: order.place.side() })
    }

    #[inline]
    fn side(&mut self, order: &Order) -> &mut Side {
        self.books[order.place.key()].get_or_insert_with(OrderBook::new).side(order.place.side())
    }
}
