//! [`Feed`]: decodes lines of a capture and puts their events into a sink. The program's feed thread owns it. The
//! invariant: a line is published whole or, if anything about it is wrong, not at all.
use super::counts::Counts;
use super::fault::{Fault, LineError, shortened};
use super::fields::{Fields, LevelFault, Name, Row, Rows, Value};
use super::instruments::{Instruments, Print, SYMBOL_BYTES};
use super::lines::{Line, split_time};
use crate::decimal;
use crate::events::{BestPrices, Instrument, LevelChanged, Traded};
use crate::sink::{Level, Sink, SinkStopped};
use std::fmt;

/// Skipped lines kept word by word; the rest is only counted.
const EXAMPLES_MAX: usize = 8;
/// Snapshots without a symbol that may wait for their symbol to appear.
const HOMELESS_MAX: usize = 4;

/// How a feed treats what it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedOptions {
    /// A bad line is an error, rather than skipped and counted.
    pub strict: bool,
    /// Symbols at most; lines of further ones are bad.
    pub symbols_max: usize,
}

impl Default for FeedOptions {
    /// Not strict, 8,192 symbols (all of Binance's products together have about 4,000).
    fn default() -> Self {
        Self { strict: false, symbols_max: 8_192 }
    }
}

/// Why a feed stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedError {
    /// A bad line, and the feed is strict.
    Line(LineError),
    /// The sink wants no more.
    Stopped,
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(error) => error.fmt(f),
            Self::Stopped => f.write_str("the bus is closed"),
        }
    }
}

impl std::error::Error for FeedError {}

impl From<SinkStopped> for FeedError {
    fn from(_: SinkStopped) -> Self {
        Self::Stopped
    }
}

/// What is wrong inside of a line, before it is known where the line is.
enum Wrong {
    Fault(Fault),
    Stopped,
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<SinkStopped> for Wrong {
    fn from(_: SinkStopped) -> Self {
        Self::Stopped
    }
}

/// A snapshot whose symbol is not known yet.
#[derive(Debug)]
struct Homeless {
    update_id: u64,
    time_ns: u64,
    bids: Vec<Level>,
    asks: Vec<Level>,
    line: u64,
    offset: u64,
}

/// Decodes a Binance capture line by line.
///
/// ```
/// use tagring_market::binance::{Feed, FeedOptions, Lines};
/// use tagring_market::input::Input;
/// use tagring_market::sink::{Level, Sink, SinkStopped};
///
/// struct Print;
/// impl Sink for Print {
///     fn event<P: tagring::event::Payload>(&mut self, key: u32, _: &P) -> Result<(), SinkStopped> {
///         Ok(println!("{key}: {}", P::NAME))
///     }
///     fn snapshot(&mut self, _: u32, _: u64, _: u64, _: &[Level], _: &[Level]) -> Result<(), SinkStopped> {
///         Ok(())
///     }
/// }
///
/// let capture = br#"1723161254087896568 {"e":"trade","s":"BTCUSDT","t":1,"p":"61837.63","q":"0.02","T":1723161255342,"m":true}"#;
/// let mut input = Input::from_reader("example", Box::new(&capture[..]))?;
/// let (mut lines, mut feed) = (Lines::new(), Feed::new(FeedOptions::default()));
/// while let Some(line) = lines.next(&mut input)? {
///     feed.line(&line, &mut Print)?;
/// }
/// feed.finish()?;
/// assert_eq!(feed.counts().trade, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Feed {
    options: FeedOptions,
    instruments: Instruments,
    rows: Rows,
    copy: Vec<u8>,
    homeless: Vec<Homeless>,
    counts: Counts,
    skips: Vec<(&'static str, u64)>,
    examples: Vec<LineError>,
}

impl Feed {
    /// A feed that has seen nothing.
    pub fn new(options: FeedOptions) -> Self {
        Self {
            options,
            instruments: Instruments::new(options.symbols_max),
            rows: Rows::default(),
            copy: Vec::new(),
            homeless: Vec::new(),
            counts: Counts::default(),
            skips: Vec::new(),
            examples: Vec::new(),
        }
    }

    /// Decodes one line and publishes its events.
    ///
    /// # Errors
    /// The sink stopped, or the line is bad and the feed is strict. Else a bad line is counted by its fault's name.
    #[inline]
    pub fn line<S: Sink>(&mut self, line: &Line<'_>, sink: &mut S) -> Result<(), FeedError> {
        match self.decode(line, sink) {
            Ok(()) => Ok(()),
            Err(Wrong::Stopped) => Err(FeedError::Stopped),
            Err(Wrong::Fault(fault)) => self.fault(line, fault),
        }
    }

    /// Tells what was still waiting for something when the input ended: snapshots whose symbol never appeared.
    ///
    /// # Errors
    /// There is one, and the feed is strict.
    pub fn finish(&mut self) -> Result<(), FeedError> {
        for snapshot in std::mem::take(&mut self.homeless) {
            let fault = Fault::SnapshotOfNoSymbol { update_id: snapshot.update_id };
            self.skip(LineError { line: snapshot.line, offset: snapshot.offset, fault })?;
        }
        Ok(())
    }

    /// Messages by kind, levels, gaps, skipped lines.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Skipped lines by the name of their fault.
    pub fn skips(&self) -> &[(&'static str, u64)] {
        &self.skips
    }

    /// The first skipped lines, word by word.
    pub fn examples(&self) -> &[LineError] {
        &self.examples
    }

    /// The symbols seen; the n-th is the one of key n.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.instruments.names()
    }

    #[cold]
    fn fault(&mut self, line: &Line<'_>, fault: Fault) -> Result<(), FeedError> {
        let cut = !line.terminated && matches!(fault, Fault::NotJson { .. } | Fault::NoTime { .. });
        let fault = if cut { Fault::Cut } else { fault };
        self.skip(LineError { line: line.number, offset: line.offset, fault })
    }

    fn skip(&mut self, error: LineError) -> Result<(), FeedError> {
        if self.options.strict {
            return Err(FeedError::Line(error));
        }
        self.counts.skipped += 1;
        let name = error.fault.name();
        match self.skips.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => self.skips.push((name, 1)),
        }
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(error);
        }
        Ok(())
    }

    #[inline]
    fn decode<S: Sink>(&mut self, line: &Line<'_>, sink: &mut S) -> Result<(), Wrong> {
        if line.is_too_long() {
            return Err(Fault::TooLong { bytes: line.length }.into());
        }
        let (local_ns, json) = split_time(line.bytes).ok_or_else(|| no_time(line.bytes))?;
        // The parser resolves escapes in place, so it works on a copy of the line.
        let mut copy = std::mem::take(&mut self.copy);
        copy.clear();
        copy.extend_from_slice(json);
        let before = line.bytes.len() - json.len();
        let result = match Fields::decode(&mut copy, &mut self.rows) {
            Ok(fields) => Message { feed: self, fields: &fields, sink, local_ns, line }.dispatch(),
            Err(Fault::NotJson { at, reason }) => Err(Fault::NotJson { at: at + before, reason }.into()),
            Err(fault) => Err(fault.into()),
        };
        self.copy = copy;
        result
    }
}

/// One message on its way from fields to events.
struct Message<'m, 'a, S> {
    feed: &'m mut Feed,
    fields: &'m Fields<'a>,
    sink: &'m mut S,
    local_ns: u64,
    line: &'m Line<'m>,
}

impl<'a, S: Sink> Message<'_, 'a, S> {
    #[inline]
    fn dispatch(&mut self) -> Result<(), Wrong> {
        match self.fields.text(Name::Event) {
            Some("depthUpdate") if self.is_partial() => self.other(),
            Some("depthUpdate") => self.depth(),
            Some("bookTicker") => self.ticker(),
            Some("trade") => self.trade(Print::Trade),
            Some("aggTrade") => self.trade(Print::Aggregated),
            Some(_) => self.other(),
            None => self.nameless(),
        }
    }

    /// Messages without `e`: snapshots, spot tickers, partial books, answers to subscriptions.
    fn nameless(&mut self) -> Result<(), Wrong> {
        if self.fields.get(Name::SnapshotId) != Value::Absent {
            return if self.is_partial() { self.other() } else { self.snapshot() };
        }
        let ticker = [Name::FinalId, Name::Bid, Name::BidSize, Name::Ask, Name::AskSize];
        let missing = ticker.into_iter().find(|&name| self.fields.get(name) == Value::Absent);
        let Some(missing) = missing else { return self.ticker() };
        // A stream of a known kind whose message is not one.
        let (kind, field) = match self.stream_kind() {
            Some("depth") => ("depth", Name::Event),
            Some("trade") => ("trade", Name::Event),
            Some("aggTrade") => ("aggTrade", Name::Event),
            Some("bookTicker") => ("bookTicker", missing),
            Some("snapshot") => ("snapshot", Name::SnapshotId),
            _ => return self.other(),
        };
        Err(Fault::NoField { kind, field: field.text() }.into())
    }

    /// What follows the symbol in the stream's name: `depth20` of `btcusdt@depth20@100ms`.
    fn stream_kind(&self) -> Option<&str> {
        let stream = self.fields.text(Name::Stream)?;
        let mut parts = stream.split('@');
        let all_symbols = parts.next().filter(|first| first.starts_with('!'));
        all_symbols.or_else(|| parts.next())
    }

    /// Whether the stream states the best few levels again and again.
    fn is_partial(&self) -> bool {
        self.stream_kind().is_some_and(|kind| kind.strip_prefix("depth").is_some_and(|levels| !levels.is_empty()))
    }

    /// Counts a kind that is not published: by its event name, except that a partial book goes by its stream.
    #[cold]
    fn other(&mut self) -> Result<(), Wrong> {
        let event = self.fields.text(Name::Event).filter(|_| !self.is_partial());
        let answer = [Name::Result, Name::Failure].iter().any(|&name| self.fields.get(name) != Value::Absent);
        let name = event.or_else(|| self.stream_kind()).or(answer.then_some("response"));
        let name = shortened(name.ok_or(Fault::UnknownMessage)?);
        self.feed.counts.count_other(&name);
        Ok(())
    }

    /// Exchange time in ns: of the matching (`T`), else of the message (`E`), else the local time.
    #[inline]
    fn time_ns(&self) -> u64 {
        let exchange_ms = self.fields.number(Name::Time).or_else(|| self.fields.number(Name::EventTime));
        exchange_ms.and_then(|ms| ms.checked_mul(1_000_000)).unwrap_or(self.local_ns)
    }

    #[inline]
    fn need(&self, kind: &'static str, name: Name) -> Result<u64, Fault> {
        self.fields.number(name).ok_or(Fault::NoField { kind, field: name.text() })
    }

    /// A price or size of at least 0.
    #[inline]
    fn units(&self, kind: &'static str, name: Name) -> Result<i64, Fault> {
        let field = name.text();
        let text = self.fields.text(name).ok_or(Fault::NoField { kind, field })?;
        match decimal::parse(text.as_bytes()) {
            Ok(units) if units >= 0 => Ok(units),
            Ok(_) => Err(Fault::NotPositive { kind, field, value: shortened(text) }),
            Err(why) => Err(Fault::BadNumber { kind, field, value: shortened(text), why }),
        }
    }

    /// The message's instrument, published if it is new. Called last before publishing, when all else is known to be good.
    #[inline]
    fn key(&mut self, kind: &'static str) -> Result<u32, Wrong> {
        let symbol = self.fields.text(Name::Symbol).or_else(|| self.fields.text(Name::SnapshotSymbol));
        let (key, is_new) = match symbol {
            Some(symbol) => self.feed.instruments.key(symbol)?,
            None => {
                let mut upper = [0; SYMBOL_BYTES];
                let field = Name::Symbol.text();
                let symbol = stream_symbol(self.fields.text(Name::Stream), &mut upper);
                self.feed.instruments.key(symbol.ok_or(Fault::NoField { kind, field })?)?
            }
        };
        if is_new {
            self.publish_instrument(key)?;
        }
        Ok(key)
    }

    #[cold]
    fn publish_instrument(&mut self, key: u32) -> Result<(), SinkStopped> {
        let event = Instrument {
            symbol: self.feed.instruments.get(key).symbol,
            time_ns: self.time_ns(),
            round_lot: 0,
            market_category: 0,
            financial_status: 0,
            issue_class: 0,
            authenticity: 0,
        };
        self.sink.event(key, &event)
    }

    fn ticker(&mut self) -> Result<(), Wrong> {
        const KIND: &str = "bookTicker";
        let event = BestPrices {
            bid: self.units(KIND, Name::Bid)?,
            bid_qty: self.units(KIND, Name::BidSize)?,
            ask: self.units(KIND, Name::Ask)?,
            ask_qty: self.units(KIND, Name::AskSize)?,
            update_id: self.need(KIND, Name::FinalId)?,
        };
        let key = self.key(KIND)?;
        let instrument = self.feed.instruments.get(key);
        instrument.seen_id = event.update_id;
        instrument.price = event.bid;
        self.feed.counts.ticker += 1;
        Ok(self.sink.event(key, &event)?)
    }

    fn trade(&mut self, print: Print) -> Result<(), Wrong> {
        let (kind, id) = match print {
            Print::Trade => ("trade", Name::Trade),
            Print::Aggregated => ("aggTrade", Name::Ask), // its `a` is the number of the aggregate
        };
        let Value::Bool(buyer_makes) = self.fields.get(Name::BuyerMakes) else {
            return Err(Fault::NoField { kind, field: Name::BuyerMakes.text() }.into());
        };
        let event = Traded {
            price: self.units(kind, Name::Price)?,
            qty: self.units(kind, Name::Size)?,
            time_ns: self.time_ns(),
            trade_id: self.need(kind, id)?,
            side: if buyer_makes { b'S' } else { b'B' },
            pad: [0; 7],
        };
        // With a size it would bend every average; without one it changes nothing.
        if event.price == 0 && event.qty > 0 {
            let field = Name::Price.text();
            let value = shortened(self.fields.text(Name::Price).unwrap_or_default());
            return Err(Fault::NotPositive { kind, field, value }.into());
        }
        let key = self.key(kind)?;
        let instrument = self.feed.instruments.get(key);
        instrument.price = event.price;
        let on_tape = *instrument.print.get_or_insert(print) == print;
        match print {
            Print::Trade => self.feed.counts.trade += 1,
            Print::Aggregated => self.feed.counts.agg_trade += 1,
        }
        if on_tape {
            self.sink.event(key, &event)?;
        }
        Ok(())
    }

    fn depth(&mut self) -> Result<(), Wrong> {
        const KIND: &str = "depthUpdate";
        let update_id = self.need(KIND, Name::FinalId)?;
        let first_id = self.need(KIND, Name::FirstId)?;
        check_row(KIND, Name::Bid, &self.feed.rows.bids)?;
        check_row(KIND, Name::Ask, &self.feed.rows.asks)?;
        let key = self.key(KIND)?;
        self.house_snapshots(key, update_id)?;
        let previous = self.fields.number(Name::PreviousId);
        let feed = &mut *self.feed;
        let (bids, asks) = (&feed.rows.bids.levels, &feed.rows.asks.levels);
        let instrument = feed.instruments.get(key);
        if instrument.price == 0 {
            instrument.guess_price(bids, asks);
        }
        let continues =
            previous.map_or(first_id.checked_sub(1) == Some(instrument.depth_id), |id| id == instrument.depth_id);
        feed.counts.gaps += u64::from(instrument.depth_id != 0 && !continues);
        instrument.depth_id = update_id;
        instrument.seen_id = update_id;
        let levels = bids.len() + asks.len();
        feed.counts.depth += 1;
        feed.counts.levels += levels as u64;
        feed.counts.depth_without_levels += u64::from(levels == 0);
        self.publish_levels(key, update_id, levels)
    }

    #[inline]
    fn publish_levels(&mut self, key: u32, update_id: u64, levels: usize) -> Result<(), Wrong> {
        let time_ns = self.time_ns();
        let mut left = levels;
        let rows = &self.feed.rows;
        for (side, levels) in [(b'B', &rows.bids.levels), (b'S', &rows.asks.levels)] {
            for level in levels {
                left -= 1;
                let last = u8::from(left == 0);
                let Level { price, qty } = *level;
                self.sink.event(key, &LevelChanged { price, qty, update_id, time_ns, side, last, pad: [0; 6] })?;
            }
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Result<(), Wrong> {
        const KIND: &str = "snapshot";
        let update_id = self.need(KIND, Name::SnapshotId)?;
        check_row(KIND, Name::Bids, &self.feed.rows.bids)?;
        check_row(KIND, Name::Asks, &self.feed.rows.asks)?;
        let key = match self.key(KIND) {
            Err(Wrong::Fault(Fault::NoField { .. })) => {
                let price = best_bid(&self.feed.rows.bids.levels);
                self.feed.instruments.of_snapshot(update_id, price)
            }
            key => Some(key?),
        };
        let time_ns = self.time_ns();
        match key {
            Some(key) => {
                let feed = &mut *self.feed;
                let (bids, asks) = (&feed.rows.bids.levels, &feed.rows.asks.levels);
                self.sink.snapshot(key, update_id, time_ns, bids, asks)?;
                feed.instruments.get(key).price = best_bid(bids);
            }
            None => self.keep_homeless(update_id, time_ns)?,
        }
        let feed = &mut *self.feed;
        feed.counts.snapshot += 1;
        feed.counts.levels += (feed.rows.bids.levels.len() + feed.rows.asks.levels.len()) as u64;
        Ok(())
    }

    #[cold]
    fn keep_homeless(&mut self, update_id: u64, time_ns: u64) -> Result<(), Fault> {
        let feed = &mut *self.feed;
        if feed.homeless.len() >= HOMELESS_MAX {
            return Err(Fault::SnapshotOfNoSymbol { update_id });
        }
        let (bids, asks) = (feed.rows.bids.levels.clone(), feed.rows.asks.levels.clone());
        let (line, offset) = (self.line.number, self.line.offset);
        feed.homeless.push(Homeless { update_id, time_ns, bids, asks, line, offset });
        Ok(())
    }

    /// Publishes snapshots that came before the first message of their symbol, which this may be.
    #[inline]
    fn house_snapshots(&mut self, key: u32, update_id: u64) -> Result<(), SinkStopped> {
        if self.feed.homeless.is_empty() { Ok(()) } else { self.house_snapshots_of(key, update_id) }
    }

    #[cold]
    fn house_snapshots_of(&mut self, key: u32, update_id: u64) -> Result<(), SinkStopped> {
        let feed = &mut *self.feed;
        let instrument = feed.instruments.get(key);
        instrument.seen_id = update_id;
        if instrument.price == 0 {
            instrument.guess_price(&feed.rows.bids.levels, &feed.rows.asks.levels);
        }
        let fits = |snapshot: &mut Homeless| instrument.fits(snapshot.update_id, best_bid(&snapshot.bids));
        for snapshot in feed.homeless.extract_if(.., fits) {
            self.sink.snapshot(key, snapshot.update_id, snapshot.time_ns, &snapshot.bids, &snapshot.asks)?;
        }
        Ok(())
    }
}

/// The symbol in front of the `@` of a stream's name, in capitals as events write it.
fn stream_symbol<'b>(stream: Option<&str>, upper: &'b mut [u8; SYMBOL_BYTES]) -> Option<&'b str> {
    let (symbol, _) = stream?.split_once('@')?;
    let into = upper.get_mut(..symbol.len()).filter(|into| !into.is_empty())?;
    into.copy_from_slice(symbol.as_bytes());
    into.make_ascii_uppercase();
    std::str::from_utf8(into).ok()
}

fn best_bid(bids: &[Level]) -> i64 {
    bids.iter().map(|level| level.price).max().unwrap_or(0)
}

#[inline]
fn check_row(kind: &'static str, name: Name, row: &Row) -> Result<(), Fault> {
    if row.present && row.fault.is_none() { Ok(()) } else { Err(row_fault(kind, name, row)) }
}

#[cold]
fn row_fault(kind: &'static str, name: Name, row: &Row) -> Fault {
    match row.fault.clone() {
        None | Some(LevelFault::Shape) => Fault::NoField { kind, field: name.text() },
        Some(LevelFault::Number { field, value, why }) => Fault::BadNumber { kind, field, value, why },
        Some(LevelFault::NotPositive { field, value }) => Fault::NotPositive { kind, field, value },
    }
}

#[cold]
fn no_time(line: &[u8]) -> Fault {
    // Enough for the text that is shown, wherever its characters end.
    let head = &line[..line.len().min(200)];
    Fault::NoTime { begins: shortened(&String::from_utf8_lossy(head)) }
}
