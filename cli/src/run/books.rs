//! The book slot: a book for every instrument, by order (ITCH) or by level (Binance), and the only place that knows the price of an
//! execution. So it also sends each trade, priced, to the second bus.

use super::outlet::Outlet;
use crate::derived::Print;
use tagring::bus::{Context, Handler, Outcome};
use tagring::event::Event;
use tagring_market::book::depth::{DepthBook, DepthCounts};
use tagring_market::book::orders::{Fill, Inconsistencies, OrderBooks};
use tagring_market::book::ticker::{Agreement, Disagreement, TickerCheck};
use tagring_market::decimal;
use tagring_market::decimal::ONE;
use tagring_market::events::{BestPrices, BookSnapshot, LevelChanged, View};
use tagring_market::sink::Level;
use zerocopy::FromBytes;

/// One instrument by level, and its check against the exchange's ticker.
struct Depth {
    book: DepthBook,
    check: TickerCheck,
}

pub(crate) struct Books {
    orders: OrderBooks,
    depths: Vec<Option<Box<Depth>>>,
    symbols: Vec<Option<Box<str>>>,
    outlet: Outlet,
    /// Snapshots whose bytes were not what their event said.
    bad_snapshots: u64,
    /// Executions of orders that are not known, which cannot be priced.
    unpriced: u64,
}

/// The top of a book and how deep it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Top {
    pub(crate) bid: Option<Level>,
    pub(crate) ask: Option<Level>,
    pub(crate) bid_levels: usize,
    pub(crate) ask_levels: usize,
}

impl Books {
    pub(crate) fn new(outlet: Outlet, orders_max: usize, instruments_max: usize) -> Self {
        Self {
            orders: OrderBooks::new(orders_max),
            depths: (0..instruments_max).map(|_| None).collect(),
            symbols: vec![None; instruments_max],
            outlet,
            bad_snapshots: 0,
            unpriced: 0,
        }
    }

    pub(crate) fn symbol(&self, key: u32) -> String {
        match self.symbols.get(key as usize).and_then(Option::as_deref) {
            Some(symbol) => symbol.to_owned(),
            None => format!("#{key}"),
        }
    }

    /// Every instrument with a book.
    pub(crate) fn tops(&self) -> Vec<(u32, Top)> {
        (0..self.symbols.len() as u32).filter_map(|key| Some((key, self.top(key)?))).collect()
    }

    fn top(&self, key: u32) -> Option<Top> {
        if let Some(depth) = self.depths.get(key as usize).and_then(Option::as_deref) {
            let book = &depth.book;
            let (bid, ask) = (book.best_bid(), book.best_ask());
            return Some(Top { bid, ask, bid_levels: book.bid_levels(), ask_levels: book.ask_levels() });
        }
        let book = self.orders.book(key)?;
        let (bid, ask) = (book.best_bid(), book.best_ask());
        Some(Top { bid, ask, bid_levels: book.bid_levels(), ask_levels: book.ask_levels() })
    }

    pub(crate) fn agreement(&self) -> Agreement {
        let mut all = Agreement::default();
        self.depths.iter().flatten().for_each(|depth| all.add(depth.check.agreement()));
        all
    }

    /// The first books that the exchange's ticker contradicts, in words.
    pub(crate) fn disagreements(&self) -> Vec<String> {
        let with_key = self.depths.iter().zip(0..).filter_map(|(depth, key)| Some((key, depth.as_ref()?)));
        with_key.flat_map(|(key, depth)| depth.check.examples().iter().map(move |one| self.words(key, one))).collect()
    }

    fn words(&self, key: u32, one: &Disagreement) -> String {
        let side = |price, qty| format!("{} x {}", decimal::text(price), decimal::text(qty));
        let (book, ticker) = (&one.book, &one.ticker);
        format!(
            "{} at update {}: book {} / {}, ticker {} / {}",
            self.symbol(key),
            book.update_id,
            side(book.bid.price, book.bid.qty),
            side(book.ask.price, book.ask.qty),
            side(ticker.bid, ticker.bid_qty),
            side(ticker.ask, ticker.ask_qty),
        )
    }

    pub(crate) fn depth_counts(&self) -> Vec<(u32, DepthCounts)> {
        let with_key = self.depths.iter().zip(0..);
        with_key.filter_map(|(depth, key)| Some((key, depth.as_ref()?.book.counts()))).collect()
    }

    pub(crate) fn inconsistencies(&self) -> Inconsistencies {
        self.orders.inconsistencies()
    }

    pub(crate) fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.outlet.dropped()
    }

    pub(crate) fn prints(&self) -> u64 {
        self.outlet.published()
    }

    /// What else did not add up, by name.
    pub(crate) fn oddities(&self) -> [(&'static str, u64); 6] {
        let sum = |pick: fn(&DepthCounts) -> u64| self.depths.iter().flatten().map(|d| pick(&d.book.counts())).sum();
        [
            ("snapshots without their levels", self.bad_snapshots),
            ("executions of unknown orders", self.unpriced),
            ("depth messages older than the book", sum(|counts| counts.stale)),
            ("snapshots older than what is kept to replay", sum(|counts| counts.stale_snapshots)),
            ("snapshots with a gap to the messages after them", sum(|counts| counts.replay_incomplete)),
            ("levels beyond a book's limit", sum(|counts| counts.levels_over_limit)),
        ]
    }

    fn depth(&mut self, key: u32) -> Option<&mut Depth> {
        let place = self.depths.get_mut(key as usize)?;
        Some(place.get_or_insert_with(|| Box::new(Depth { book: DepthBook::new(), check: TickerCheck::new() })))
    }

    fn level(&mut self, key: u32, change: &LevelChanged) {
        let Some(Depth { book, check }) = self.depth(key) else { return };
        if book.level(change) && book.is_synced() {
            check.book(change.update_id, book.best_bid(), book.best_ask());
        }
    }

    fn ticker(&mut self, key: u32, ticker: &BestPrices) {
        if let Some(depth) = self.depth(key) {
            depth.check.ticker(ticker);
        }
    }

    fn snapshot(&mut self, key: u32, snapshot: &BookSnapshot, bytes: &[u8]) {
        let (bids, asks) = (snapshot.bids as usize, snapshot.asks as usize);
        let levels = <[Level]>::ref_from_bytes_with_elems(bytes, bids + asks);
        match (levels, self.depth(key)) {
            (Ok(levels), Some(depth)) => {
                let (bids, asks) = levels.split_at(bids);
                depth.book.snapshot(snapshot.update_id, bids, asks);
            }
            _ => self.bad_snapshots += 1,
        }
    }

    #[inline]
    fn print(&mut self, cause: &Event, price: i64, qty: i64, time_ns: u64) {
        self.outlet.publish(cause, &Print { price, qty, time_ns });
    }

    #[inline]
    fn fill(&mut self, cause: &Event, fill: Option<Fill>, time_ns: u64) {
        match fill {
            Some(fill) => self.print(cause, fill.price, fill.qty, time_ns),
            None => self.unpriced += 1,
        }
    }
}

impl Handler for Books {
    #[inline]
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let key = event.key();
        match View::of(event) {
            Some(View::OrderAdded(order)) => self.orders.added(key, order),
            Some(View::OrderDeleted(order)) => self.orders.deleted(order),
            Some(View::OrderExecuted(order)) => {
                let fill = self.orders.executed(order);
                self.fill(event, fill, order.time_ns);
            }
            Some(View::OrderExecutedAt(order)) => {
                let fill = self.orders.executed_at(order);
                if order.printable == b'Y' {
                    self.fill(event, fill, order.time_ns);
                }
            }
            Some(View::OrderCancelled(order)) => self.orders.cancelled(order),
            Some(View::OrderReplaced(order)) => self.orders.replaced(order),
            Some(View::LevelChanged(change)) => self.level(key, change),
            Some(View::BestPrices(ticker)) => self.ticker(key, ticker),
            Some(View::BookSnapshot(snapshot)) => self.snapshot(key, snapshot, ctx.bytes()),
            Some(View::Traded(trade)) => self.print(event, trade.price, trade.qty, trade.time_ns),
            Some(View::HiddenTrade(trade)) => {
                self.print(event, trade.price, i64::from(trade.shares) * ONE, trade.time_ns);
            }
            Some(View::CrossTrade(cross)) if cross.qty > 0 => self.print(event, cross.price, cross.qty, cross.time_ns),
            Some(View::Instrument(instrument)) => self.name(key, &instrument.symbol),
            Some(_) | None => {}
        }
        Outcome::Done
    }

    fn on_stop(&mut self, _: &mut Context) {
        self.outlet.close();
    }

    fn on_failed(&mut self, ctx: &mut Context) {
        self.on_stop(ctx);
    }
}

impl Books {
    #[cold]
    fn name(&mut self, key: u32, symbol: &[u8]) {
        let end = symbol.iter().position(|&byte| byte == 0).unwrap_or(symbol.len());
        if let Some(place) = self.symbols.get_mut(key as usize) {
            *place = Some(String::from_utf8_lossy(&symbol[..end]).into());
        }
    }
}
