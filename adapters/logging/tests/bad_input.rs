//! Each mistake in a builder is told with what, the value, the limit, the remedy and its code, and nothing is started.

use std::time::Duration;
use tagring_logging::{Builder, builder};

#[track_caller]
fn refused(builder: Builder, parts: &[&str]) {
    let text = builder.start_alone().unwrap_err().to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn issue_4583_mistakes_are_told_with_their_codes() {
    for cells in [0, 1, 8, 100, (1 << 24) + 1, usize::MAX] {
        refused(builder().capacity(cells), &[&format!("capacity {cells} "), "from 16 to 16777216; take ", "[TR-1101]"]);
    }
    refused(builder().capacity(100), &["take 128"]);
    refused(builder().filter("book=loud"), &["filter `book=loud`", "market::book=debug", "[TR-1102]"]);
    refused(builder().filter("inof"), &["`inof` is no level", "`inof=trace`", "[TR-1102]"]);
    refused(builder().filter("a=b=c\u{1b}"), &["\\u{1b}", "[TR-1102]"]);
    refused(builder().limit_per_second(0), &["0 records a second", "[TR-1107]"]);
    refused(builder().poll(Duration::ZERO), &["every 0 ns", "10 us to 1 s", "[TR-1108]"]);
    refused(builder().poll(Duration::from_secs(2)), &["[TR-1108]"]);
    refused(builder().core(100_000), &["100000", "[TR-1109]"]);
}

#[test]
fn issue_4583_files_that_cannot_be_opened_are_told_with_their_path() {
    let place = tempfile::TempDir::new().unwrap();
    let missing = place.path().join("no/such/folder/log");
    refused(builder().to_file(&missing), &["no/such/folder/log", "No such file", "[TR-1103]"]);
    refused(builder().to_file(place.path()), &["directory", "[TR-1103]"]);
    for (bytes, keep) in [(0, 3), (4_095, 3), (4_096, 0), (4_096, 1_000)] {
        let file = place.path().join("log");
        refused(
            builder().to_file(&file).rotate(bytes, keep),
            &[&format!("{bytes} bytes and {keep} kept"), "[TR-1104]"],
        );
        assert!(!file.exists(), "nothing was made");
    }
}

#[test]
fn a_variable_is_read_where_it_is_set() {
    // What cargo sets for each test, and what nobody sets.
    refused(builder().filter_env("CARGO_PKG_NAME"), &["variable CARGO_PKG_NAME `tagring-logging`", "[TR-1102]"]);
    let started = builder().to_writer(std::io::sink()).filter_env("TAGRING_LOGGING_IS_NOT_SET").start_alone();
    assert_eq!(started.unwrap().counts().recorded, 0);
}
