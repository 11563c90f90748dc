//! The captures in the shared data: counts, volumes, books and ticker agreement against their README's independent
//! figures, and whole books against an oracle that shares no code with the feed.
mod books;
mod data;

use books::{Books, Run, run, run_with};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tagring_market::binance::{FeedOptions, Lines};
use tagring_market::decimal::text;
use tagring_market::input::{Format, Input};
use tagring_market::sink::Level;

/// One row of the README's table.
struct Expected {
    file: &'static str,
    symbol: &'static str,
    lines: u64,
    /// depth, ticker, trade, snapshot
    messages: [u64; 4],
    levels: u64,
    volume: &'static str,
    bid: [&'static str; 2],
    ask: [&'static str; 2],
    book_levels: [usize; 2],
    already_in_snapshot: u64,
}

const TABLE: [Expected; 4] = [
    Expected {
        file: "binance-cm-btcusd_perp_20240808.gz",
        symbol: "BTCUSD_PERP",
        lines: 48_270,
        messages: [26_847, 19_136, 2_286, 1],
        levels: 298_013,
        volume: "83241",
        bid: ["61668.6", "1380"],
        ask: ["61668.7", "871"],
        book_levels: [1110, 1123],
        already_in_snapshot: 23,
    },
    Expected {
        file: "binance-spot-btcusdt_20240808.gz",
        symbol: "BTCUSDT",
        lines: 41_249,
        messages: [3_451, 28_040, 9_757, 1],
        levels: 126_090,
        volume: "212.03315",
        bid: ["61685.99", "1.0087"],
        ask: ["61686", "2.29327"],
        book_levels: [1209, 2196],
        already_in_snapshot: 2,
    },
    Expected {
        file: "binance-spot-ethusdt_20240808.gz",
        symbol: "ETHUSDT",
        lines: 33_618,
        messages: [3_434, 24_077, 6_106, 1],
        levels: 108_814,
        volume: "2261.3149",
        bid: ["2682.5", "3.3168"],
        ask: ["2682.51", "48.9739"],
        book_levels: [1195, 1158],
        already_in_snapshot: 2,
    },
    Expected {
        file: "binance-usdm-btcusdt_20240808.gz",
        symbol: "BTCUSDT",
        lines: 93_954,
        messages: [6_551, 66_089, 21_313, 1],
        levels: 445_521,
        volume: "2429.366",
        bid: ["61659.7", "1.486"],
        ask: ["61659.8", "0.981"],
        book_levels: [5018, 4578],
        already_in_snapshot: 4,
    },
];

/// A capture's path, or `None` (reported) where there is no data beside the project.
fn capture(test: &str, file: &str) -> Option<PathBuf> {
    data::folder("binance", test).map(|folder| folder.join(file))
}

fn open(path: &std::path::Path) -> Input {
    let input = Input::open(path.to_str().expect("a path in UTF-8")).expect("opens");
    assert_eq!(input.format().expect("a known format"), Some(Format::Binance));
    input
}

fn pair(level: Option<Level>) -> [String; 2] {
    let level = level.expect("a level");
    [text(level.price).to_string(), text(level.qty).to_string()]
}

fn check(expected: &Expected, run: &Run) {
    let counts = run.feed.counts();
    let [depth, ticker, trade, snapshot] = expected.messages;
    let messages = [("depth", depth), ("ticker", ticker), ("trade", trade), ("snapshot", snapshot)];
    assert_eq!(counts.messages().collect::<Vec<_>>(), messages);
    assert_eq!((counts.total(), counts.skipped, counts.gaps), (expected.lines, 0, 0));
    assert_eq!(counts.levels, expected.levels);
    assert_eq!(run.feed.symbols().collect::<Vec<_>>(), [expected.symbol]);
    let symbol = run.books.named(expected.symbol);
    assert_eq!((symbol.trades.len() as u64, text(symbol.volume).to_string()), (trade, expected.volume.to_owned()));
    assert_eq!(pair(symbol.book.best_bid()), expected.bid);
    assert_eq!(pair(symbol.book.best_ask()), expected.ask);
    assert_eq!([symbol.book.bid_levels(), symbol.book.ask_levels()], expected.book_levels);
    let outcome = symbol.book.counts();
    assert_eq!(outcome.already_in_snapshot, expected.already_in_snapshot);
    assert_eq!((outcome.stale, outcome.levels_over_limit, outcome.replay_incomplete), (0, 0, 0));
}

#[test]
fn counts_volumes_and_final_books_equal_the_readme() {
    for expected in &TABLE {
        let Some(path) = capture("counts_volumes_and_final_books_equal_the_readme", expected.file) else { continue };
        let run =
            run_with(open(&path), FeedOptions { strict: true, ..FeedOptions::default() }, Lines::new(), |_, _| {});
        assert!(run.end.is_ok(), "{:?}", run.end);
        check(expected, &run);
        let agreement = run.books.symbols[0].check.agreement();
        println!("{}: {agreement:?}", expected.file);
        assert_eq!(agreement.disagreed(), 0, "{:?}", run.books.symbols[0].check.examples());
        let depth = expected.messages[0];
        assert!(agreement.compared > depth * 99 / 100, "{agreement:?} of {depth}");
    }
}

#[test]
fn a_book_that_misses_messages_disagrees_with_the_ticker_and_shows_gaps() {
    // The check has teeth: with every hundredth depth message gone, ticker and book part.
    let name = "a_book_that_misses_messages_disagrees_with_the_ticker_and_shows_gaps";
    for expected in &TABLE {
        let Some(path) = capture(name, expected.file) else { continue };
        let (mut lines, mut input, mut kept, mut depth) = (Lines::new(), open(&path), Vec::new(), 0);
        while let Some(line) = lines.next(&mut input).expect("reads") {
            depth += u64::from(memchr::memmem::find(line.bytes, b"depthUpdate").is_some());
            if depth % 100 != 99 {
                kept.extend_from_slice(&[line.bytes, b"\n"].concat());
            }
        }
        let run = run(&kept, false);
        assert_eq!(run.feed.counts().gaps, (depth + 1) / 100, "{}", expected.file);
        assert!(run.books.symbols[0].check.agreement().disagreed() > 0, "{}", expected.file);
    }
}

#[test]
fn two_captures_merged_by_time_give_both_books() {
    let name = "two_captures_merged_by_time_give_both_books";
    for (one, two) in [(1, 2), (0, 3)] {
        let (one, two) = (&TABLE[one], &TABLE[two]);
        let (Some(first), Some(second)) = (capture(name, one.file), capture(name, two.file)) else { return };
        let mut merged: Vec<Vec<u8>> = Vec::new();
        for path in [first, second] {
            let (mut lines, mut input) = (Lines::new(), open(&path));
            while let Some(line) = lines.next(&mut input).expect("reads") {
                merged.push([line.bytes, b"\n"].concat());
            }
        }
        merged.sort();
        let run = run(&merged.concat(), true);
        assert!(run.end.is_ok(), "{:?}", run.end);
        for expected in [one, two] {
            let symbol = run.books.named(expected.symbol);
            assert_eq!(symbol.snapshots, 1, "{}", expected.symbol);
            assert_eq!(pair(symbol.book.best_bid()), expected.bid);
            assert_eq!([symbol.book.bid_levels(), symbol.book.ask_levels()], expected.book_levels);
            assert_eq!(symbol.check.agreement().disagreed(), 0);
        }
    }
}

/// A book of decimal texts: prices padded so that they sort as texts do.
#[derive(Default)]
struct Oracle {
    sides: [BTreeMap<String, String>; 2],
    snapshot_id: u64,
    early: Vec<(u64, [String; 2])>,
}

/// `61804.7` as `000000061804.70000000`.
fn padded(number: &str) -> String {
    let (whole, fine) = number.split_once('.').unwrap_or((number, ""));
    format!("{whole:0>12}.{fine:0<8}")
}

/// The text between `"name":` and what ends it.
fn raw<'a>(line: &'a str, name: &str, end: &str) -> Option<&'a str> {
    let at = line.find(&format!("\"{name}\":"))? + name.len() + 3;
    let rest = &line[at..];
    Some(&rest[..rest.find(end)?])
}

impl Oracle {
    fn set(&mut self, side: usize, row: &str) {
        for level in row.split("],[") {
            let mut parts = level.split('"').skip(1).step_by(2);
            let (Some(price), Some(size)) = (parts.next(), parts.next()) else { continue };
            let size = padded(size);
            if size.contains(|digit: char| ('1'..='9').contains(&digit)) {
                self.sides[side].insert(padded(price), size);
            } else {
                self.sides[side].remove(&padded(price));
            }
        }
    }

    fn line(&mut self, line: &str) {
        if line.contains("\"depthUpdate\"") {
            let id = raw(line, "u", ",").expect("an id").parse().expect("a number");
            let rows = ["b", "a"].map(|name| raw(line, name, "]]").unwrap_or("").to_owned());
            // An empty row has no `]]` of its own: cut it at its end.
            let rows = rows.map(|row| if row.starts_with("[]") { String::new() } else { row });
            if id > self.snapshot_id {
                self.set(0, &rows[0]);
                self.set(1, &rows[1]);
            }
            if self.snapshot_id == 0 {
                self.early.push((id, rows));
            }
        } else if let Some(id) = raw(line, "lastUpdateId", ",") {
            self.snapshot_id = id.parse().expect("a number");
            self.sides = Default::default();
            self.set(0, raw(line, "bids", "]]").expect("bids"));
            self.set(1, raw(line, "asks", "]]").expect("asks"));
            for (id, rows) in std::mem::take(&mut self.early) {
                if id > self.snapshot_id {
                    self.set(0, &rows[0]);
                    self.set(1, &rows[1]);
                }
            }
        }
    }

    fn equals(&self, books: &Books, line: u64) {
        let Some(symbol) = books.symbols.first() else { return };
        let written = |level: Level| (padded(&text(level.price).to_string()), padded(&text(level.qty).to_string()));
        let own =
            |side: &BTreeMap<String, String>| side.iter().map(|(p, q)| (p.clone(), q.clone())).collect::<Vec<_>>();
        let mut bids: Vec<_> = symbol.book.bids().map(written).collect();
        bids.reverse();
        assert_eq!(bids, own(&self.sides[0]), "bids after line {line}");
        assert_eq!(symbol.book.asks().map(written).collect::<Vec<_>>(), own(&self.sides[1]), "asks after line {line}");
    }
}

#[test]
fn whole_books_equal_a_slow_oracle_all_along_the_way() {
    for expected in &TABLE {
        let Some(path) = capture("whole_books_equal_a_slow_oracle_all_along_the_way", expected.file) else { continue };
        let mut oracle = Oracle::default();
        let (mut text, mut lines) = (open(&path), Lines::new());
        run_with(open(&path), FeedOptions::default(), Lines::new(), |number, books| {
            let line = lines.next(&mut text).expect("reads").expect("as many lines");
            oracle.line(std::str::from_utf8(line.bytes).expect("text"));
            if number % 997 == 0 || number < 100 || number == expected.lines {
                oracle.equals(books, number);
            }
        });
    }
}
