//! `--json`: what it says of real captures equals an independent count, and the same input gives the same report however it comes.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{Place, capture, capture_messages, data, gzip, without_timings, zst};

/// One row of the table that came with the captures: a slow, separate count with decimal arithmetic.
struct Expected {
    file: &'static str,
    symbol: &'static str,
    /// Depth, ticker, trade, snapshot.
    messages: [u64; 4],
    levels: u64,
    volume: &'static str,
    bid: [&'static str; 2],
    ask: [&'static str; 2],
    book_levels: [u64; 2],
    already_in_snapshot: u64,
}

const COIN_M: Expected = Expected {
    file: "binance-cm-btcusd_perp_20240808.gz",
    symbol: "BTCUSD_PERP",
    messages: [26_847, 19_136, 2_286, 1],
    levels: 298_013,
    volume: "83241",
    bid: ["61668.6", "1380"],
    ask: ["61668.7", "871"],
    book_levels: [1110, 1123],
    already_in_snapshot: 23,
};
const SPOT_BTC: Expected = Expected {
    file: "binance-spot-btcusdt_20240808.gz",
    symbol: "BTCUSDT",
    messages: [3_451, 28_040, 9_757, 1],
    levels: 126_090,
    volume: "212.03315",
    bid: ["61685.99", "1.0087"],
    ask: ["61686", "2.29327"],
    book_levels: [1209, 2196],
    already_in_snapshot: 2,
};
const SPOT_ETH: Expected = Expected {
    file: "binance-spot-ethusdt_20240808.gz",
    symbol: "ETHUSDT",
    messages: [3_434, 24_077, 6_106, 1],
    levels: 108_814,
    volume: "2261.3149",
    bid: ["2682.5", "3.3168"],
    ask: ["2682.51", "48.9739"],
    book_levels: [1195, 1158],
    already_in_snapshot: 2,
};
const USD_M: Expected = Expected {
    file: "binance-usdm-btcusdt_20240808.gz",
    symbol: "BTCUSDT",
    messages: [6_551, 66_089, 21_313, 1],
    levels: 445_521,
    volume: "2429.366",
    bid: ["61659.7", "1.486"],
    ask: ["61659.8", "0.981"],
    book_levels: [5018, 4578],
    already_in_snapshot: 4,
};

fn equals_the_independent_count(expected: &Expected, test: &str) {
    let Some(folder) = data("binance", test) else { return };
    let path = folder.join(expected.file);
    let place = Place::new();
    let done = place.run(&["--input", path.to_str().unwrap(), "--json", "--pace", "max", "--quiet"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let report = done.json();
    assert_has_the_documented_fields(&report);

    let [depth, ticker, trade, snapshot] = expected.messages;
    let messages = json!({"depth": depth, "ticker": ticker, "trade": trade, "snapshot": snapshot});
    assert_eq!(report["input"]["name"], path.to_str().unwrap());
    assert_eq!((&report["input"]["format"], &report["input"]["messages"]), (&json!("binance"), &messages));
    assert_eq!((&report["input"]["skipped"], &report["error"]), (&json!({}), &Value::Null));
    assert_eq!(report["levels"], expected.levels);
    assert_eq!((&report["dropped"], &report["ended"]), (&json!(0), &json!("input")));

    let trades = &report["trades"][expected.symbol];
    assert_eq!((&trades["count"], &trades["volume"]), (&json!(trade), &json!(expected.volume)));
    let [bid_levels, ask_levels] = expected.book_levels;
    let book = json!({expected.symbol: {"bid": expected.bid, "ask": expected.ask,
                      "bid_levels": bid_levels, "ask_levels": ask_levels}});
    assert_eq!(report["books"], book);
    assert_eq!(report["depth"][expected.symbol]["already_in_snapshot"], expected.already_in_snapshot);

    // Each book that can be held against the exchange's own ticker agrees with it, and nearly all can.
    let (compared, agreed) = (report["ticker"]["compared"].as_u64(), report["ticker"]["agreed"].as_u64());
    assert!(compared == agreed && compared.unwrap() > depth * 99 / 100, "{}", report["ticker"]);

    // Levels of the snapshot travel in one event, all others in one each; and every event is in the tags.
    let tags = &report["by_tag"];
    assert_eq!((&tags["BestPrices"], &tags["Traded"]), (&json!(ticker), &json!(trade)));
    let sum: u64 = tags.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(report["events"], sum);
    let handled: u64 = report["slots"].as_array().unwrap().iter().map(|slot| slot["events"].as_u64().unwrap()).sum();
    assert_eq!(report["delivered"], handled);
    let derived = report["prints"].as_u64().unwrap() + report["signals"].as_u64().unwrap();
    assert_eq!(report["published"], sum + derived);
}

#[test]
fn coin_m_equals_the_independent_count() {
    equals_the_independent_count(&COIN_M, "coin_m_equals_the_independent_count");
}

#[test]
fn spot_btc_equals_the_independent_count() {
    equals_the_independent_count(&SPOT_BTC, "spot_btc_equals_the_independent_count");
}

#[test]
fn spot_eth_equals_the_independent_count() {
    equals_the_independent_count(&SPOT_ETH, "spot_eth_equals_the_independent_count");
}

#[test]
fn usd_m_equals_the_independent_count() {
    equals_the_independent_count(&USD_M, "usd_m_equals_the_independent_count");
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value} is no object")).keys().map(String::as_str).collect()
}

/// A decimal number as a string: no exponent, no plus sign, no trailing zeros after a point, no lone point.
fn is_exact_decimal(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let (whole, fine) = text.split_once('.').map_or((text, None), |(whole, fine)| (whole, Some(fine)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole.strip_prefix('-').unwrap_or(whole)) && fine.is_none_or(|fine| digits(fine) && !fine.ends_with('0'))
}

/// Every field that the documentation names, with its type. More may be there.
fn assert_has_the_documented_fields(report: &Value) {
    let documented = [
        "input",
        "levels",
        "events",
        "by_tag",
        "published",
        "delivered",
        "dropped",
        "elapsed_s",
        "slots",
        "jitter_ns",
        "trades",
        "books",
    ];
    assert!(keys(report).is_superset(&documented.into()), "{:?}", keys(report));
    assert!(keys(&report["input"]).is_superset(&["name", "format", "messages"].into()));
    for count in ["levels", "events", "published", "delivered", "dropped"] {
        assert!(report[count].is_u64(), "{count}");
    }
    assert!(report["elapsed_s"].as_f64().unwrap() > 0.0);
    for counts in [&report["by_tag"], &report["input"]["messages"]] {
        assert!(counts.as_object().unwrap().values().all(Value::is_u64), "{counts}");
    }
    let quantiles: BTreeSet<_> = ["p50", "p99", "p999", "max"].into();
    let rises = |times: &Value| {
        assert_eq!(keys(times), quantiles);
        let of = |name: &str| times[name].as_u64().expect("nanoseconds");
        assert!(of("p50") <= of("p99") && of("p99") <= of("p999") && of("p999") <= of("max"), "{times}");
    };
    rises(&report["jitter_ns"]);
    let slots = report["slots"].as_array().unwrap();
    let names: Vec<_> = slots.iter().map(|slot| slot["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["book", "signal", "recorder", "tape"]);
    for slot in slots {
        assert!(slot["core"].is_u64() && slot["events"].is_u64(), "{slot}");
        rises(&slot["hop_ns"]);
        rises(&slot["service_ns"]);
    }
    for trades in report["trades"].as_object().unwrap().values() {
        assert!(trades["count"].is_u64(), "{trades}");
        assert!(is_exact_decimal(&trades["volume"]) && is_exact_decimal(&trades["notional"]), "{trades}");
    }
    for book in report["books"].as_object().unwrap().values() {
        assert!(book["bid_levels"].is_u64() && book["ask_levels"].is_u64(), "{book}");
        for side in [&book["bid"], &book["ask"]] {
            let exact = side.as_array().is_some_and(|side| side.len() == 2 && side.iter().all(is_exact_decimal));
            assert!(exact || side.is_null(), "{book}");
        }
    }
}

#[test]
fn the_itch_sample_is_read_up_to_its_cut() {
    let Some(folder) = data("itch", "the_itch_sample_is_read_up_to_its_cut") else { return };
    let path = folder.join("sample.itch");
    let path = path.to_str().unwrap();
    let place = Place::new();
    let done = place.run(&["--input", path, "--json", "--quiet"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let report = done.json();
    assert_has_the_documented_fields(&report);
    assert_eq!(report["input"]["format"], "itch");
    assert_eq!(report["input"]["messages"], json!({"H": 1, "R": 98, "S": 1, "Y": 1}));
    assert_eq!(report["input"]["skipped"], json!({"cut message": 1}));
    let example = report["input"]["skipped_examples"][0].as_str().unwrap();
    assert!(example.starts_with("TR-2201: message 102 (byte 4081)"), "{example}");

    let strict = place.run(&["--input", path, "--json", "--quiet", "--strict"]);
    strict.failed_with(2, &["TR-2201", "message 102 (byte 4081)", path, "processed before it: 101 messages"]);
    let strict = strict.json();
    assert_eq!(strict["input"]["messages"], report["input"]["messages"], "what came before is told");
    assert!(strict["error"].as_str().unwrap().contains("TR-2201"));
}

#[test]
fn the_synthetic_session_is_the_same_every_time_and_another_with_another_seed() {
    let place = Place::new();
    let run = |seed: &str| {
        let done = place.run(&["--messages", "50000", "--seed", seed, "--pace", "max", "--json", "--quiet"]);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
        done.json()
    };
    let (one, again, other) = (run("1"), run("1"), run("2"));
    assert_has_the_documented_fields(&one);
    assert_eq!(one["input"]["synthetic"], true);
    assert!(one["input"]["messages"]["A"].as_u64().unwrap() > 10_000);
    assert_eq!(one["dropped"], 0);
    assert_eq!((one["books"].as_object().unwrap().len(), one["trades"].as_object().unwrap().len()), (8, 8));
    assert_ne!(one["digest"], other["digest"]);
    assert_ne!(one["books"], other["books"]);
    assert_eq!(without_timings(one), without_timings(again));
}

#[test]
fn a_capture_reads_the_same_plain_compressed_or_piped() {
    let place = Place::new();
    // Longer than one block of the reader.
    let text = capture(4_000);
    assert!(text.len() > 1 << 20);
    let plain = place.file("plain.txt", &text);
    let json = |args: &[&str]| {
        let done = place.run(&[args, &["--json", "--quiet"]].concat());
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
        let mut report = without_timings(done.json());
        report["input"]["name"].take();
        report
    };
    let expected = json(&["--input", &plain]);
    assert_eq!(expected["input"]["skipped"], json!({}));
    let total: u64 = expected["input"]["messages"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(total, capture_messages(4_000));
    assert_eq!(expected["books"]["TESTUSDT"]["bid"], json!(["139", "3"]));
    assert_eq!(expected["trades"]["TESTUSDT"]["volume"], "1000");
    assert_eq!(expected["trades"]["TESTUSDT"]["notional"], "100500");
    assert_eq!(expected["ticker"], json!({"compared": 3_999, "agreed": 3_999, "not_comparable": 1}));

    for (name, bytes) in [("capture.gz", gzip(text.as_bytes())), ("capture.zst", zst(text.as_bytes()))] {
        let path = place.file(name, &bytes);
        assert_eq!(json(&["--input", &path]), expected, "{name}");
        let done = place.run_fed(&["--input", "-", "--json", "--quiet"], &bytes);
        let mut report = without_timings(done.json());
        assert_eq!(report["input"]["name"].take(), "standard input");
        assert_eq!(report, expected, "{name} piped");
    }
    let mut piped = without_timings(place.run_fed(&["--input", "-", "--json", "--quiet"], text.as_bytes()).json());
    piped["input"]["name"].take();
    assert_eq!(piped, expected, "piped");
}
