//! A sink that builds what the program's slots build: books, ticker checks and a plain tape, by symbol.
#![allow(dead_code, unreachable_pub)]
use tagring::event::Payload;
use tagring_market::binance::{Feed, FeedError, FeedOptions, Lines};
use tagring_market::book::depth::DepthBook;
use tagring_market::book::ticker::TickerCheck;
use tagring_market::events::{BestPrices, Instrument, LevelChanged, Traded};
use tagring_market::input::{Input, InputError};
use tagring_market::sink::{Level, Sink, SinkStopped};

/// One symbol's state.
#[derive(Default)]
pub struct Symbol {
    pub name: String,
    pub book: DepthBook,
    pub check: TickerCheck,
    pub trades: Vec<Traded>,
    pub volume: i128,
    pub snapshots: u64,
}

/// All symbols, by key, and the number of events by name.
#[derive(Default)]
pub struct Books {
    pub symbols: Vec<Symbol>,
    pub events: u64,
    pub levels: u64,
    pub open_message: bool,
    /// Stops after so many events.
    pub stop_after: Option<u64>,
}

fn read<P: Payload, T: Payload>(payload: &P) -> Option<T> {
    (P::TAG == T::TAG).then(|| T::read_from_bytes(payload.as_bytes()).ok()).flatten()
}

impl Books {
    pub fn of(&mut self, key: u32) -> &mut Symbol {
        &mut self.symbols[key as usize]
    }

    pub fn named(&self, name: &str) -> &Symbol {
        self.symbols.iter().find(|symbol| symbol.name == name).unwrap_or_else(|| panic!("no symbol {name}"))
    }
}

impl Sink for Books {
    fn event<P: Payload>(&mut self, key: u32, payload: &P) -> Result<(), SinkStopped> {
        if self.stop_after.is_some_and(|limit| self.events >= limit) {
            return Err(SinkStopped);
        }
        self.events += 1;
        if let Some(instrument) = read::<P, Instrument>(payload) {
            assert_eq!(key as usize, self.symbols.len(), "keys are dense and each symbol comes once");
            let name = String::from_utf8(instrument.symbol.to_vec()).expect("text");
            self.symbols.push(Symbol { name: name.trim_end_matches('\0').to_owned(), ..Symbol::default() });
        } else if let Some(change) = read::<P, LevelChanged>(payload) {
            self.levels += 1;
            self.open_message = change.last == 0;
            let symbol = self.of(key);
            if symbol.book.level(&change) && symbol.book.is_synced() {
                let (bid, ask) = (symbol.book.best_bid(), symbol.book.best_ask());
                symbol.check.book(change.update_id, bid, ask);
            }
        } else if let Some(best) = read::<P, BestPrices>(payload) {
            self.of(key).check.ticker(&best);
        } else if let Some(trade) = read::<P, Traded>(payload) {
            self.of(key).volume += i128::from(trade.qty);
            self.of(key).trades.push(trade);
        } else {
            panic!("an event of an unexpected type: {}", P::NAME);
        }
        Ok(())
    }

    fn snapshot(
        &mut self,
        key: u32,
        update_id: u64,
        _: u64,
        bids: &[Level],
        asks: &[Level],
    ) -> Result<(), SinkStopped> {
        assert!(!self.open_message, "a snapshot in the middle of a message");
        self.of(key).snapshots += 1;
        self.of(key).book.snapshot(update_id, bids, asks);
        Ok(())
    }
}

/// What a whole run came to.
pub struct Run {
    pub feed: Feed,
    pub books: Books,
    pub end: Result<(), End>,
    pub cut_bytes: u64,
}

/// Why a run ended early.
#[derive(Debug)]
pub enum End {
    Input(InputError),
    Feed(FeedError),
}

/// Runs a capture through feed and books; `after` sees the state after every line.
pub fn run_with(mut input: Input, options: FeedOptions, mut lines: Lines, mut after: impl FnMut(u64, &Books)) -> Run {
    let (mut feed, mut books) = (Feed::new(options), Books::default());
    let end = loop {
        match lines.next(&mut input) {
            Err(error) => break Err(End::Input(error)),
            Ok(None) => break feed.finish().map_err(End::Feed),
            Ok(Some(line)) => {
                if let Err(error) = feed.line(&line, &mut books) {
                    break Err(End::Feed(error));
                }
                after(line.number, &books);
            }
        }
    };
    Run { feed, books, end, cut_bytes: lines.cut_bytes() }
}

/// Runs a capture in memory.
pub fn run(capture: &[u8], strict: bool) -> Run {
    let input = Input::from_reader("memory", Box::new(std::io::Cursor::new(capture.to_vec()))).expect("opens");
    run_with(input, FeedOptions { strict, ..FeedOptions::default() }, Lines::new(), |_, _| {})
}
