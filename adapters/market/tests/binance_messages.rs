//! Captures other than the shared ones: all products and wrappings, several symbols, no snapshot or a misplaced one, and
//! every kind of bad line, each skipped under its name or, when strict, reported with line and byte.
mod books;
use books::{End, Run, run, run_with};
use tagring_market::binance::{Fault, FeedError, FeedOptions, Lines};
use tagring_market::decimal::{DecimalError, text};
use tagring_market::input::Input;
use tagring_market::sink::Level;

const DEPTH: &str =
    r#"3 {"e":"depthUpdate","E":9,"s":"BTCUSDT","U":11,"u":12,"b":[["100.5","2"],["99","0"]],"a":[["101","3.25"]]}"#;
const TICKER: &str =
    r#"4 {"stream":"btcusdt@bookTicker","data":{"u":12,"s":"BTCUSDT","b":"100.5","B":"2","a":"101","A":"3.25"}}"#;
const TRADE: &str = r#"5 {"e":"trade","E":8,"s":"BTCUSDT","t":77,"p":"100.5","q":"0.125","T":7,"m":true,"M":true}"#;
const SNAPSHOT: &str = r#"6 {"lastUpdateId":12,"bids":[["100.5","2"],["98","7"]],"asks":[["101","3.25"]]}"#;

fn of(lines: &[&str]) -> Vec<u8> {
    lines.join("\n").into_bytes()
}

fn level(price: i64, hundredths: i64) -> Option<Level> {
    Some(Level { price: price * 10_000_000, qty: hundredths * 1_000_000 })
}

/// Runs good lines around a bad one: everything good is processed, the bad one is told.
fn fault_of(bad: &str) -> Fault {
    let capture = of(&[DEPTH, TICKER, bad, TRADE, SNAPSHOT]);
    let lenient = run(&capture, false);
    assert!(lenient.end.is_ok());
    let counts = lenient.feed.counts();
    assert_eq!((counts.depth, counts.ticker, counts.trade, counts.snapshot), (1, 1, 1, 1), "{bad}");
    assert_eq!((counts.skipped, counts.levels), (1, 6), "{bad}");
    let error = lenient.feed.examples()[0].clone();
    let offset = (DEPTH.len() + TICKER.len() + 2) as u64;
    assert_eq!((error.line, error.offset), (3, offset));
    assert_eq!(lenient.feed.skips(), [(error.fault.name(), 1)]);
    let shown = error.to_string();
    assert!(shown.starts_with(error.fault.code()) && shown.contains("line 3"), "{shown}");
    let strict = run(&capture, true);
    match strict.end {
        Err(End::Feed(FeedError::Line(told))) => assert_eq!(told, error),
        end => panic!("strict should stop: {end:?}"),
    }
    assert_eq!(strict.feed.counts().total(), 2, "what came before is processed");
    error.fault
}

fn sound(lines: &[&str]) -> Run {
    let run = run(&of(lines), true);
    assert!(run.end.is_ok(), "{:?}", run.end);
    run
}

#[test]
fn all_products_and_wrappings_are_understood() {
    let cases: [(&str, [u64; 4]); 8] = [
        (DEPTH, [1, 0, 0, 0]),
        (TICKER, [0, 1, 0, 0]),
        (TRADE, [0, 0, 1, 0]),
        (
            r#"1 {"stream":"x@depth@0ms","data":{"e":"depthUpdate","E":2,"T":1,"s":"X","U":3,"u":4,"pu":2,"b":[],"a":[["1","1"]]}}"#,
            [1, 0, 0, 0],
        ),
        (
            r#"1 {"stream":"x_perp@bookTicker","data":{"u":4,"e":"bookTicker","s":"X_PERP","ps":"X","b":"1","B":"35","a":"2","A":"1","T":1,"E":2}}"#,
            [0, 1, 0, 0],
        ),
        (
            r#"1 {"stream":"x@trade","data":{"e":"trade","E":2,"T":1,"s":"X","t":5,"p":"1","q":"0.006","X":"MARKET","m":false}}"#,
            [0, 0, 1, 0],
        ),
        (r#"1 {"stream":"x@depth","data":{"lastUpdateId":5,"bids":[["1","2",[]]],"asks":[]}}"#, [0, 0, 0, 1]),
        (
            r#"1 { "lastUpdateId" : 5 , "E":1,"T":1,"symbol":"X_PERP","pair":"X","bids":[ [ "1" , "2" ] ],"asks":[] } "#,
            [0, 0, 0, 1],
        ),
    ];
    for (line, expected) in cases {
        let run = sound(&[line]);
        let counts = run.feed.counts();
        assert_eq!([counts.depth, counts.ticker, counts.trade, counts.snapshot], expected, "{line}");
        assert_eq!(run.books.symbols.len(), 1, "{line}");
    }
}

#[test]
fn events_carry_the_exact_values() {
    let run = sound(&[DEPTH, TICKER, TRADE, SNAPSHOT]);
    let symbol = run.books.named("BTCUSDT");
    assert_eq!(symbol.book.best_bid(), level(1005, 200));
    assert_eq!(symbol.book.best_ask(), level(1010, 325));
    assert_eq!(symbol.book.bid_levels(), 2);
    let trade = symbol.trades[0];
    assert_eq!((trade.price, trade.qty, trade.side), (10_050_000_000, 12_500_000, b'S'));
    assert_eq!((trade.time_ns, trade.trade_id), (7_000_000, 77));
}

#[test]
fn old_spot_trades_with_order_numbers_in_b_and_a_are_trades() {
    let run = sound(&[r#"1 {"e":"trade","E":2,"s":"X","t":5,"p":"1","q":"2","b":88,"a":50,"T":1,"m":false,"M":true}"#]);
    assert_eq!((run.feed.counts().trade, run.books.symbols[0].trades[0].side), (1, b'B'));
}

#[test]
fn other_kinds_are_counted_by_name_and_are_no_error() {
    let run = sound(&[
        r#"1 {"stream":"x@markPrice","data":{"e":"markPriceUpdate","E":1,"s":"X","p":"1","P":"2","i":"3","r":"-0.01","T":5}}"#,
        r#"1 {"e":"forceOrder","E":1,"o":{"s":"X","S":"SELL","p":"1"}}"#,
        r#"1 {"e":"kline","E":1,"s":"X","k":{"t":1,"b":[{"deep":[1,2]}],"a":null}}"#,
        r#"1 {"e":"24hrTicker","s":"X","p":"-1","b":"1","B":"1","a":"1","A":"1","u":5}"#,
        r#"1 {"stream":"!ticker@arr","data":[{"e":"24hrTicker"}]}"#,
        r#"1 {"stream":"x@depth20@100ms","data":{"lastUpdateId":5,"bids":[["1","2"]],"asks":[]}}"#,
        r#"1 {"stream":"x@depth5","data":{"e":"depthUpdate","E":1,"T":1,"s":"X","U":3,"u":4,"pu":2,"b":[["1","2"]],"a":[]}}"#,
        r#"1 {"result":null,"id":1}"#,
        r#"1 {"e":"kline","E":1,"s":"X","k":{}}"#,
    ]);
    let other: Vec<_> = run.feed.counts().other().collect();
    let expected = [
        ("!ticker", 1),
        ("24hrTicker", 1),
        ("depth20", 1),
        ("depth5", 1),
        ("forceOrder", 1),
        ("kline", 2),
        ("markPriceUpdate", 1),
        ("response", 1),
    ];
    assert_eq!(other, expected);
    assert_eq!((run.books.events, run.feed.counts().total()), (0, 9));
}

#[test]
fn an_instruments_tape_is_made_of_one_kind_of_print() {
    let aggregated = r#"1 {"e":"aggTrade","E":2,"s":"X","a":9,"p":"1","q":"2","f":1,"l":2,"T":1,"m":true}"#;
    let single = r#"1 {"e":"trade","E":2,"s":"X","t":5,"p":"1","q":"2","T":1,"m":true}"#;
    let run = sound(&[aggregated, aggregated]);
    assert_eq!((run.feed.counts().agg_trade, run.books.symbols[0].trades.len()), (2, 2));
    assert_eq!(run.books.symbols[0].trades[0].trade_id, 9);
    let run = sound(&[single, aggregated, single]);
    assert_eq!((run.feed.counts().agg_trade, run.feed.counts().trade), (1, 2));
    assert_eq!(run.books.symbols[0].trades.len(), 2);
}

#[test]
fn messages_without_levels_publish_nothing_and_are_counted() {
    let run = sound(&[r#"1 {"e":"depthUpdate","E":1,"s":"X","U":3,"u":4,"b":[],"a":[]}"#]);
    assert_eq!((run.feed.counts().depth, run.feed.counts().depth_without_levels, run.books.levels), (1, 1, 0));
}

#[test]
fn gaps_are_counted_for_spot_and_futures() {
    let spot =
        |first: u64, last: u64| format!(r#"1 {{"e":"depthUpdate","s":"S","U":{first},"u":{last},"b":[],"a":[]}}"#);
    let future =
        |prev: u64, last: u64| format!(r#"1 {{"e":"depthUpdate","s":"F","U":1,"u":{last},"pu":{prev},"b":[],"a":[]}}"#);
    let lines = [spot(1, 5), future(3, 9), spot(6, 7), future(9, 12), spot(9, 10), future(11, 15)];
    let run = sound(&lines.each_ref().map(String::as_str));
    assert_eq!(run.feed.counts().gaps, 2);
}

#[test]
fn a_capture_without_a_snapshot_has_the_book_of_what_changed() {
    let run = sound(&[DEPTH, TICKER, TRADE]);
    let symbol = run.books.named("BTCUSDT");
    assert!(!symbol.book.is_synced());
    assert_eq!(symbol.book.best_bid(), level(1005, 200));
    assert_eq!(symbol.check.agreement().compared, 0);
}

#[test]
fn a_snapshot_without_symbol_finds_its_own() {
    let other = r#"2 {"e":"depthUpdate","E":1,"s":"ETHUSDT","U":11,"u":12,"b":[["7","1"]],"a":[["8","1"]]}"#;
    let twin =
        r#"2 {"e":"depthUpdate","E":1,"s":"BTCUSDC","U":5000011,"u":5000012,"b":[["100","1"]],"a":[["101","1"]]}"#;
    // Its symbol is the only one, comes later, is one of two far apart in price, or of two near in price but far in ids.
    for lines in [
        &[DEPTH, SNAPSHOT][..],
        &[SNAPSHOT, DEPTH],
        &[SNAPSHOT, other, DEPTH],
        &[other, SNAPSHOT, DEPTH],
        &[DEPTH, other, SNAPSHOT],
        &[twin, DEPTH, SNAPSHOT],
        &[DEPTH, twin, SNAPSHOT],
    ] {
        let run = sound(lines);
        let symbol = run.books.named("BTCUSDT");
        assert_eq!((symbol.snapshots, symbol.book.bid_levels()), (1, 2), "{lines:?}");
        assert!(run.books.symbols.iter().all(|s| s.snapshots == u64::from(s.name == "BTCUSDT")), "{lines:?}");
    }
}

#[test]
fn a_snapshot_whose_symbol_never_comes_is_named() {
    let run = run(SNAPSHOT.as_bytes(), false);
    assert_eq!(run.feed.skips(), [("snapshot of no symbol", 1)]);
    assert_eq!(run.feed.examples()[0].fault.code(), "TR-2111");
    assert_eq!(run.feed.counts().snapshot, 1);
}

#[test]
fn escaped_and_foreign_symbols_are_one_symbol() {
    let escaped = DEPTH.replace("BTCUSDT", r"\u5e01\u5b89USDT");
    let plain = TRADE.replace("BTCUSDT", "币安USDT");
    let run = sound(&[&escaped, &plain]);
    assert_eq!(run.feed.symbols().collect::<Vec<_>>(), ["币安USDT"]);
}

#[test]
fn bad_lines_are_named() {
    let number = |why| move |f: &Fault| matches!(f, Fault::BadNumber { why: w, .. } if *w == why);
    let field = |name| move |f: &Fault| matches!(f, Fault::NoField { field, .. } if *field == name);
    type Check<'a> = &'a dyn Fn(&Fault) -> bool;
    let cases: [(String, Check<'_>); 19] = [
        ("garbage".into(), &|f| matches!(f, Fault::NoTime { .. })),
        (r#"{"e":"trade"}"#.into(), &|f| matches!(f, Fault::NoTime { .. })),
        (r#"99999999999999999999999 {"e":"trade"}"#.into(), &|f| matches!(f, Fault::NoTime { .. })),
        (DEPTH[..70].into(), &|f| matches!(f, Fault::NotJson { .. })),
        ("5 {}{}".into(), &|f| matches!(f, Fault::NotJson { .. })),
        ("5 [1,2]".into(), &|f| matches!(f, Fault::NotJson { .. })),
        ("5 ".into(), &|f| matches!(f, Fault::NotJson { .. })),
        ("5 {}".into(), &|f| *f == Fault::UnknownMessage),
        (DEPTH.replace("100.5", "92233720369"), &number(DecimalError::OutOfRange)),
        (DEPTH.replace("3.25", "0.123456789"), &number(DecimalError::TooFine)),
        (TICKER.replace("100.5", "1e3"), &number(DecimalError::NotANumber)),
        (TRADE.replace("0.125", ""), &number(DecimalError::Empty)),
        (DEPTH.replace("100.5", "0"), &|f| matches!(f, Fault::NotPositive { .. })),
        (DEPTH.replace("3.25", "-1"), &|f| matches!(f, Fault::NotPositive { .. })),
        (DEPTH.replace(r#""u":12,"#, ""), &field("u")),
        (DEPTH.replace(r#"["99","0"]"#, r#"[99,0]"#), &field("b")),
        (SNAPSHOT.replace("asks", "ska"), &field("asks")),
        (TRADE.replace("BTCUSDT", "A_SYMBOL_OF_25_CHARACTERS"), &|f| matches!(f, Fault::SymbolTooLong { .. })),
        (TRADE.replace(r#""s":"BTCUSDT","#, ""), &field("s")),
    ];
    for (bad, expected) in &cases {
        let fault = fault_of(bad);
        assert!(expected(&fault), "{bad}: {fault:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let capture = [DEPTH.as_bytes(), b"\n7 {\"e\":\"\xff\"}\n", TRADE.as_bytes()].concat();
    let run = run(&capture, false);
    assert_eq!((run.feed.counts().total(), run.feed.skips()), (2, &[("not JSON", 1)][..]));
}

#[test]
fn a_full_symbol_table_is_named() {
    let input = Input::from_reader(
        "memory",
        Box::new(std::io::Cursor::new(of(&[DEPTH, &TRADE.replace("BTC", "ETH"), TICKER]))),
    )
    .unwrap();
    let run = run_with(input, FeedOptions { strict: false, symbols_max: 1 }, Lines::new(), |_, _| {});
    assert_eq!(run.feed.skips(), [("symbol table full", 1)]);
    assert_eq!(run.feed.counts().total(), 2);
}

#[test]
fn a_line_over_the_limit_is_named_and_the_next_one_is_read() {
    let long = format!("1 {{\"e\":\"{}\"}}", "x".repeat(1000));
    for block_bytes in [1 << 20, 64, 7] {
        let capture = of(&[DEPTH, &long, TRADE]);
        let input =
            Input::with_block_bytes("memory", Box::new(std::io::Cursor::new(capture)), block_bytes, false).unwrap();
        let run = run_with(input, FeedOptions::default(), Lines::with_limit(200), |_, _| {});
        assert_eq!(run.feed.skips(), [("line too long", 1)]);
        let fault = &run.feed.examples()[0].fault;
        assert_eq!((fault.code(), fault), ("TR-2103", &Fault::TooLong { bytes: long.len() as u64 }));
        assert_eq!(run.feed.counts().total(), 2);
    }
}

#[test]
fn a_last_line_without_line_feed_counts_and_one_that_is_cut_is_named() {
    assert_eq!(sound(&[DEPTH, TRADE]).feed.counts().total(), 2);
    let run = run(&of(&[DEPTH, &TRADE[..50]]), false);
    assert_eq!(run.feed.skips(), [("cut off", 1)]);
}

#[test]
fn a_pipe_that_closes_in_the_middle_of_a_line_is_no_error() {
    let capture = of(&[DEPTH, &TRADE[..50]]);
    let input = Input::from_pipe("-", Box::new(std::io::Cursor::new(capture))).unwrap();
    let run = run_with(input, FeedOptions { strict: true, ..FeedOptions::default() }, Lines::new(), |_, _| {});
    assert!(run.end.is_ok());
    assert_eq!((run.feed.counts().total(), run.cut_bytes), (1, 50));
}

#[test]
fn carriage_returns_and_empty_lines_do_not_matter() {
    let capture = format!("{DEPTH}\r\n\r\n\n{TRADE}\r\n");
    for block_bytes in [1, 2, 3, 50, 1 << 20] {
        let reader = Box::new(std::io::Cursor::new(capture.clone().into_bytes()));
        let input = Input::with_block_bytes("memory", reader, block_bytes, false).unwrap();
        let run = run_with(input, FeedOptions { strict: true, ..FeedOptions::default() }, Lines::new(), |_, _| {});
        assert!(run.end.is_ok(), "{:?}", run.end);
        assert_eq!((run.feed.counts().total(), text(run.books.symbols[0].volume).to_string()), (2, "0.125".into()));
    }
}

#[test]
fn a_sink_that_stops_ends_the_feed() {
    let (mut feed, mut input) = (
        tagring_market::binance::Feed::new(FeedOptions::default()),
        Input::from_reader("memory", Box::new(std::io::Cursor::new(of(&[DEPTH])))).unwrap(),
    );
    let mut books = books::Books { stop_after: Some(2), ..Default::default() };
    let (mut lines, mut last) = (Lines::new(), Ok(()));
    while let Some(line) = lines.next(&mut input).unwrap() {
        last = feed.line(&line, &mut books);
    }
    assert_eq!(last, Err(FeedError::Stopped));
}
