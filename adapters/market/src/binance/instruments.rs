//! The symbols of a capture: a bounded table from symbol to dense index (the events' key), with what the feed must know of
//! each to find gaps, and the symbol of a snapshot that names none.
use super::fault::{Fault, shortened};
use crate::sink::Level;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Longest symbol; it must fit an `Instrument` event.
pub const SYMBOL_BYTES: usize = 24;
/// A snapshot fits a symbol whose last known price is within a fifth of its own: far more than a book moves in a capture
/// before its snapshot, far less than lies between most symbols.
const PRICE_TOLERANCE: i64 = 5;
/// And its update id is within a hundredth of the last one seen, plus this much for symbols that have just begun: an hour
/// of the busiest symbol moves its ids by less.
const ID_TOLERANCE: u64 = 10_000;

/// Which of the two kinds of print an instrument's tape is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Print {
    Trade,
    Aggregated,
}

/// One symbol.
#[derive(Debug)]
pub(super) struct Instrument {
    pub(super) symbol: [u8; SYMBOL_BYTES],
    /// Final id of the last depth message; 0 before the first.
    pub(super) depth_id: u64,
    /// The last id seen in a depth message or ticker.
    pub(super) seen_id: u64,
    /// A recent price, to tell snapshots by; 0 when unknown.
    pub(super) price: i64,
    /// Kind of the first print seen: the tape's.
    pub(super) print: Option<Print>,
}

impl Instrument {
    fn name(&self) -> &[u8] {
        let length = self.symbol.iter().position(|&byte| byte == 0).unwrap_or(SYMBOL_BYTES);
        &self.symbol[..length]
    }

    /// Whether a snapshot with this id and best bid may be of this symbol.
    pub(super) fn fits(&self, update_id: u64, price: i64) -> bool {
        let by_price = self.price == 0 || price == 0 || (self.price - price).abs() <= self.price / PRICE_TOLERANCE;
        let by_id = self.seen_id == 0 || self.seen_id.abs_diff(update_id) <= self.seen_id / 100 + ID_TOLERANCE;
        by_price && by_id
    }

    /// Learns a rough price from a depth message, as long as no better one is known.
    pub(super) fn guess_price(&mut self, bids: &[Level], asks: &[Level]) {
        let bid = bids.iter().map(|level| level.price).max();
        let ask = asks.iter().map(|level| level.price).min();
        self.price = bid.or(ask).unwrap_or(0);
    }
}

/// All symbols seen.
#[derive(Debug)]
pub(super) struct Instruments {
    rows: Vec<Instrument>,
    by_symbol: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    /// Most lines are of the symbol of the line before.
    last: usize,
    limit: usize,
}

impl Instruments {
    pub(super) fn new(limit: usize) -> Self {
        let hasher = foldhash::fast::FixedState::default();
        Self { rows: Vec::new(), by_symbol: HashTable::new(), hasher, last: 0, limit }
    }

    pub(super) fn get(&mut self, key: u32) -> &mut Instrument {
        &mut self.rows[key as usize]
    }

    /// The symbol's key, and whether it is new.
    #[inline]
    pub(super) fn key(&mut self, symbol: &str) -> Result<(u32, bool), Fault> {
        if self.rows.get(self.last).is_some_and(|row| row.name() == symbol.as_bytes()) {
            return Ok((self.last as u32, false));
        }
        let hash = self.hasher.hash_one(symbol.as_bytes());
        let same = |&at: &u32| self.rows[at as usize].name() == symbol.as_bytes();
        if let Some(&at) = self.by_symbol.find(hash, same) {
            self.last = at as usize;
            return Ok((at, false));
        }
        self.add(symbol, hash).map(|key| (key, true))
    }

    #[cold]
    fn add(&mut self, symbol: &str, hash: u64) -> Result<u32, Fault> {
        let bytes = symbol.as_bytes();
        if bytes.len() > SYMBOL_BYTES || bytes.contains(&0) {
            return Err(Fault::SymbolTooLong { symbol: shortened(symbol) });
        }
        if self.rows.len() >= self.limit {
            return Err(Fault::SymbolTableFull { symbol: symbol.to_owned(), limit: self.limit });
        }
        let mut padded = [0; SYMBOL_BYTES];
        padded[..bytes.len()].copy_from_slice(bytes);
        let key = self.rows.len();
        self.rows.push(Instrument { symbol: padded, depth_id: 0, seen_id: 0, price: 0, print: None });
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.by_symbol.insert_unique(hash, key as u32, |&at| hasher.hash_one(rows[at as usize].name()));
        self.last = key;
        Ok(key as u32)
    }

    /// The symbol that a snapshot without one belongs to: of those that fit, the one whose ids are nearest.
    pub(super) fn of_snapshot(&self, update_id: u64, price: i64) -> Option<u32> {
        let fitting = self.rows.iter().enumerate().filter(|(_, row)| row.fits(update_id, price));
        fitting.min_by_key(|(_, row)| row.seen_id.abs_diff(update_id)).map(|(key, _)| key as u32)
    }

    /// Names in the order of their keys.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| std::str::from_utf8(row.name()).unwrap_or_default())
    }
}
