//! `tagring tail`: slow events as tables, JSON and a drawing.

mod support;

use serde_json::{Value, json};
use support::Place;

/// Every event of the book is slow.
const ALL: (&str, &str) = ("TAGRING__BUSES__MD__SLOTS__BOOK__OUTLIER_OVER_NS", "1");
const SHORT: [&str; 4] = ["--messages", "20000", "--pace", "max"];

fn sum(parts: &Value) -> u64 {
    parts.as_object().unwrap().values().map(|part| part.as_u64().unwrap()).sum()
}

#[test]
fn slow_events_are_told_one_by_one_and_together() {
    let place = Place::new();
    let done = place.run_set(&[ALL], &[&["tail", "--slowest", "3"][..], &SHORT].concat());
    assert_eq!(done.code, Some(0), "{}", done.err);
    let wanted = [
        "md.book: ",
        "slow events recorded, of",
        "now those over 1 ns",
        "p99 ",
        "the slowest of the latest",
        "slot thread",
        "handling",
    ];
    wanted.iter().for_each(|text| assert!(done.out.contains(text), "{text} in {}", done.out));
    let (_, after) = done.out.split_once("the slowest of the latest\n").unwrap();
    let told = after.lines().take_while(|line| line.starts_with("      ") && line.contains("  ")).count();
    assert_eq!(told, 3, "{}", done.out);
    let page = place.read("tagring-tail.html");
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg") && page.contains("md.book"), "{page}");
    assert!(!page.contains("http"), "it needs nothing else");
}

#[test]
fn the_json_adds_up() {
    let place = Place::new();
    let done = place.run_set(&[ALL], &[&["tail", "--json"][..], &SHORT].concat());
    assert_eq!(done.code, Some(0), "{}", done.err);
    let report = done.json();
    let slots = report["slots"].as_array().unwrap();
    let names: Vec<_> = slots.iter().map(|slot| slot["slot"].as_str().unwrap()).collect();
    assert_eq!(names, ["tape", "book", "signal", "recorder"], "by bus");
    let book = &slots[1];
    let count = |name: &str| book[name].as_u64().unwrap();
    assert_eq!((book["bus"].as_str(), book["threshold_ns"].clone()), (Some("md"), json!(1)));
    assert!(count("outliers") > 0 && count("examined") + count("missed") <= count("outliers"), "{book}");
    let by_size: u64 = book["bands"].as_array().unwrap().iter().map(|band| band["events"].as_u64().unwrap()).sum();
    assert!(by_size >= count("examined"));
    for one in book["latest"].as_array().unwrap() {
        assert_eq!(one["total_ns"].as_u64().unwrap(), sum(&one["parts_ns"]), "{one}");
    }
    for thread in report["threads"].as_array().unwrap() {
        let ns = |name: &str| thread[name].as_u64().unwrap();
        assert!(ns("handling_ns") + ns("looking_ns") + ns("resting_ns") <= ns("alive_ns") + 3, "{thread}");
    }
    assert_eq!(place.read("tagring-tail.html"), "", "with --json there is no drawing unless it is asked for");
}

#[test]
fn a_run_tells_of_slow_events_in_a_few_lines_and_what_is_off_in_none() {
    let place = Place::new();
    let args = [&["run"][..], &SHORT].concat();
    let done = place.run_set(&[ALL], &args);
    assert!(done.out.contains("slow events: where their time went") && done.out.contains("md.book"), "{}", done.out);
    let off = [
        ("TAGRING__BUSES__MD__SLOTS__BOOK__OUTLIER_TIMES_P99", "0"),
        ("TAGRING__BUSES__MD__SLOTS__SIGNAL__OUTLIER_TIMES_P99", "0"),
        ("TAGRING__BUSES__MD__SLOTS__RECORDER__OUTLIER_TIMES_P99", "0"),
        ("TAGRING__BUSES__DERIVED__SLOTS__TAPE__OUTLIER_TIMES_P99", "0"),
    ];
    let done = place.run_set(&off, &[&args[..], &["--json"]].concat());
    assert_eq!(done.json()["tail"]["slots"], json!([]));
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let place = Place::new();
    for (args, why) in [
        (&["tail", "--slowest", "many"][..], "invalid value 'many'"),
        (&["tail", "--plot", "/nowhere/at/all.html", "--messages", "10"], "TR-3005"),
        (&["tail", "--config", "/nowhere.toml"], "TR-0"),
    ] {
        let done = place.run(args);
        assert_eq!(done.code, Some(2), "{args:?}");
        assert!(done.err.contains(why), "{args:?}: {}", done.err);
    }
}
