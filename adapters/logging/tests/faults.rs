//! A log at its fault points. Needs the feature `faults`: `./test` runs it.

mod support;

use std::path::Path;
use std::time::Duration;
use support::{LIMIT, under};
use tagring::faults::Fault;
use tagring::testkit::FaultScript;
use tagring_logging::fault_points::{SET_ASIDE, WRITE};
use tagring_logging::{Counts, builder};
use tempfile::TempDir;
use tracing::info;

const LINES: u64 = 40;

/// Logs that many lines one by one, each flushed; returns the account.
fn log(path: &Path, rotated: bool) -> Counts {
    let logging = builder().to_file(path);
    let logging = if rotated { logging.rotate(4_096, 9) } else { logging };
    let logging = logging.start_alone().unwrap();
    under(&logging, || {
        for at in 0..LINES {
            info!(at, "a line of which there are as many as make some files {}", "x".repeat(200));
            assert!(logging.flush(LIMIT));
        }
    });
    logging.shutdown(LIMIT).counts
}

/// All lines of all files of a folder, the oldest first.
fn lines(folder: &TempDir) -> Vec<String> {
    let names = (1..10).rev().map(|number| format!("log.{number}")).chain(["log".into()]);
    let texts = names.filter_map(|name| std::fs::read_to_string(folder.path().join(name)).ok());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Every line is there once, whole and in order.
fn assert_all(lines: &[String]) {
    let number = |line: &String| line.split_once(" at=")?.1.trim().parse::<u64>().ok();
    assert_eq!(lines.iter().map(number).collect::<Vec<_>>(), (0..LINES).map(Some).collect::<Vec<_>>());
}

#[test]
fn issue_4593_log_whose_disk_is_full_for_a_while_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let script = FaultScript::new().at(WRITE, 3..6, Fault::DiskFull).at(WRITE, 9, Fault::Error);
    let run = script.at(WRITE, 12, Fault::Panic).at(WRITE, 15, Fault::Delay(Duration::from_millis(3))).enter();
    let counts = log(&folder.path().join("log"), false);
    assert_eq!((counts.written, counts.write_errors, counts.lost.total()), (LINES, 5, 0), "{counts:?}");
    assert_all(&lines(&folder));
    assert!(run.unmet().is_empty(), "{:?}", run.unmet());
}

#[test]
fn issue_4593_log_whose_writes_are_torn_goes_on_within_the_line() {
    let folder = TempDir::new().unwrap();
    let script = FaultScript::seeded(7).chance(WRITE, 300_000, Fault::TornWrite { kept: 17 });
    let run = script.at(WRITE, 2, Fault::TornWrite { kept: 0 }).enter();
    let counts = log(&folder.path().join("log"), true);
    assert!(counts.write_errors == run.count() && run.count() > 5, "{counts:?}, {}", run.count());
    assert_eq!((counts.written, counts.lost.total()), (LINES, 0));
    assert_all(&lines(&folder));
}

#[test]
fn issue_4593_log_file_that_cannot_be_set_aside_is_tried_again() {
    let folder = TempDir::new().unwrap();
    let script = FaultScript::new().at(SET_ASIDE, 0..2, Fault::Error);
    let run = script.at(SET_ASIDE, 2, Fault::Delay(Duration::from_millis(3))).enter();
    let counts = log(&folder.path().join("log"), true);
    assert_eq!((counts.written, counts.write_errors, counts.lost.total()), (LINES, 2, 0));
    assert!(folder.path().join("log.1").exists() && run.unmet().is_empty());
    assert_all(&lines(&folder));
}
