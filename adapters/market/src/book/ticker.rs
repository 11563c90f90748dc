//! [`TickerCheck`]: holds a book's best prices against the exchange's own ticker, all along the stream. It runs in the book's
//! slot, in stream order and constant memory.
//!
//! When the two can be compared. A depth message that ends at update id `u` makes the book stand at `u`, exactly. A ticker
//! with id `t` states the best prices at `t`, and the exchange sends one whenever they change; so they hold from `t` on until
//! the next ticker's id. The best prices at `u` are therefore stated by the ticker with the largest id at or below `u`, as
//! soon as a ticker above `u` was seen, which shows that no other at or below `u` is still on its way (a stream's ids never
//! go back). Prices and sizes must be equal then. Not compared: a book before its snapshot, a book with no ticker at or
//! below it, and the last books of a capture, above which no ticker comes any more.
use crate::events::BestPrices;
use crate::sink::Level;
use std::collections::VecDeque;

/// Tickers kept: those since the last book compared. Between two depth messages (at most 250 ms) come some hundreds.
const TICKERS_MAX: usize = 4_096;
/// Books kept that wait for a ticker above them.
const PENDING_MAX: usize = 1_024;
/// Disagreements kept word by word.
const EXAMPLES_MAX: usize = 8;

/// A book's best prices at an update id; a side without levels is a level of zeros, as the exchange writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookBest {
    /// The id that the book stands at.
    pub update_id: u64,
    /// The highest bid.
    pub bid: Level,
    /// The lowest ask.
    pub ask: Level,
}

/// A book and a ticker that should say the same and do not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disagreement {
    /// What the book said.
    pub book: BookBest,
    /// What the exchange said.
    pub ticker: BestPrices,
}

/// How well books and ticker agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Books that could be compared.
    pub compared: u64,
    /// Of these, the ones with the ticker's prices and sizes.
    pub agreed: u64,
    /// Books (whole and after their snapshot) that could not be compared.
    pub not_comparable: u64,
}

impl Agreement {
    /// Adds another instrument's figures.
    pub fn add(&mut self, other: Self) {
        self.compared += other.compared;
        self.agreed += other.agreed;
        self.not_comparable += other.not_comparable;
    }

    /// Compared, and not equal.
    pub fn disagreed(&self) -> u64 {
        self.compared - self.agreed
    }
}

/// Compares one instrument's book with its ticker.
///
/// ```
/// use tagring_market::book::ticker::TickerCheck;
/// use tagring_market::events::BestPrices;
/// use tagring_market::sink::Level;
/// let ticker = |update_id, bid| BestPrices { bid, bid_qty: 1, ask: 102, ask_qty: 1, update_id };
/// let mut check = TickerCheck::new();
/// check.ticker(&ticker(5, 100));
/// check.book(7, Some(Level { price: 100, qty: 1 }), Some(Level { price: 102, qty: 1 }));
/// assert_eq!(check.agreement().compared, 0); // a ticker at 6 or 7 may still come
/// check.ticker(&ticker(9, 101));
/// assert_eq!(check.agreement().agreed, 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct TickerCheck {
    tickers: VecDeque<BestPrices>,
    pending: VecDeque<BookBest>,
    agreement: Agreement,
    examples: Vec<Disagreement>,
}

impl TickerCheck {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The exchange stated the best prices. A ticker that goes back is left out.
    pub fn ticker(&mut self, ticker: &BestPrices) {
        if self.tickers.back().is_some_and(|last| ticker.update_id < last.update_id) {
            return;
        }
        while let Some(&book) = self.pending.front()
            && book.update_id < ticker.update_id
        {
            self.pending.pop_front();
            self.compare(&book);
        }
        if self.tickers.len() >= TICKERS_MAX {
            self.tickers.pop_front();
        }
        self.tickers.push_back(*ticker);
    }

    /// A whole book (after its snapshot) stands at `update_id` with these best levels.
    pub fn book(&mut self, update_id: u64, bid: Option<Level>, ask: Option<Level>) {
        let book = BookBest { update_id, bid: bid.unwrap_or_default(), ask: ask.unwrap_or_default() };
        if self.tickers.back().is_some_and(|last| last.update_id > update_id) {
            self.compare(&book);
            return;
        }
        if self.pending.len() >= PENDING_MAX {
            self.pending.pop_front();
            self.agreement.not_comparable += 1;
        }
        self.pending.push_back(book);
    }

    /// How well they agreed so far; books that still wait for a ticker above them are not comparable.
    pub fn agreement(&self) -> Agreement {
        let waiting = self.pending.len() as u64;
        Agreement { not_comparable: self.agreement.not_comparable + waiting, ..self.agreement }
    }

    /// The first disagreements.
    pub fn examples(&self) -> &[Disagreement] {
        &self.examples
    }

    /// Compares a book with the last ticker at or below it; tickers before that one are not needed any more.
    fn compare(&mut self, book: &BookBest) {
        while self.tickers.get(1).is_some_and(|next| next.update_id <= book.update_id) {
            self.tickers.pop_front();
        }
        let Some(&ticker) = self.tickers.front().filter(|ticker| ticker.update_id <= book.update_id) else {
            self.agreement.not_comparable += 1;
            return;
        };
        self.agreement.compared += 1;
        let bid = Level { price: ticker.bid, qty: ticker.bid_qty };
        let ask = Level { price: ticker.ask, qty: ticker.ask_qty };
        if book.bid == bid && book.ask == ask {
            self.agreement.agreed += 1;
        } else if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(Disagreement { book: *book, ticker });
        }
    }
}

#[cfg(test)]
mod laws {
    use super::*;

    fn ticker(update_id: u64, bid: i64) -> BestPrices {
        BestPrices { bid, bid_qty: 1, ask: 900, ask_qty: 1, update_id }
    }

    fn book(check: &mut TickerCheck, update_id: u64, bid: i64) {
        check.book(update_id, Some(Level { price: bid, qty: 1 }), Some(Level { price: 900, qty: 1 }));
    }

    #[test]
    fn the_last_ticker_at_or_below_the_book_counts_in_whichever_order_they_come() {
        let mut check = TickerCheck::new();
        book(&mut check, 4, 1); // no ticker at or below it
        for (id, bid) in [(5, 10), (7, 11), (7, 12), (12, 13)] {
            check.ticker(&ticker(id, bid));
        }
        book(&mut check, 8, 12);
        book(&mut check, 12, 13); // waits
        book(&mut check, 15, 99); // waits, and is wrong
        assert_eq!(check.agreement(), Agreement { compared: 1, agreed: 1, not_comparable: 3 });
        check.ticker(&ticker(16, 50));
        assert_eq!(check.agreement(), Agreement { compared: 3, agreed: 2, not_comparable: 1 });
        assert_eq!(check.agreement().disagreed(), 1);
        assert_eq!((check.examples()[0].book.update_id, check.examples()[0].ticker.update_id), (15, 12));
    }

    #[test]
    fn memory_is_bounded() {
        let mut check = TickerCheck::new();
        for id in 0..10_000 {
            check.ticker(&ticker(id, 1));
        }
        assert_eq!(check.tickers.len(), TICKERS_MAX);
        for id in 10_000..20_000 {
            book(&mut check, id, 1);
        }
        assert_eq!(check.pending.len(), PENDING_MAX);
        assert_eq!(check.agreement().not_comparable, 10_000);
    }
}
