//! SIGINT and SIGTERM to the running program, at every stage of its life: the first ends it with a report of what was done, a second at once.

mod support;

use rustix::process::Signal;
use serde_json::json;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Place, capture};

const BOTH: [Signal; 2] = [Signal::INT, Signal::TERM];

/// A ring that holds the whole session, with feed and slots on one core: slots that are slowed down are far behind when the feed has ended.
const BACKLOG: (&str, &str) = ("TAGRING__BUSES__MD__CAPACITY_CELLS", "1048576");
const SESSION: [&str; 8] = ["--messages", "400000", "--pace", "max", "--cores", "0", "--json", "--quiet"];

fn delivered(report: &serde_json::Value, slot: &str) -> u64 {
    let slots = report["slots"].as_array().unwrap();
    slots.iter().find(|known| known["name"] == slot).unwrap()["events"].as_u64().unwrap()
}

#[test]
fn issue_4555_a_signal_while_the_session_is_made_ends_it_before_any_thread_is_there() {
    for signal in BOTH {
        let place = Place::new();
        let mut running = place.start(&["--messages", "100000000", "--pace", "1000/s", "--json"], Stdio::null());
        running.until("it listens", |running| running.catches(signal));
        assert!(!running.has_thread("feed") && !running.has_thread("slots"), "nothing has been started");
        running.signal(signal);
        let done = running.wait();
        assert_eq!(done.code, Some(130), "{done:?}");
        let report = done.json();
        assert_eq!((&report["ended"], &report["shutdown"]["clean"]), (&json!("interrupted"), &json!(true)));
        assert_eq!(report["dropped"], 0);
    }
}

#[test]
fn issue_4555_a_signal_under_load_drains_what_was_published() {
    for signal in BOTH {
        let place = Place::new();
        let args = ["--messages", "200000", "--pace", "20000/s", "--json", "--quiet"];
        let mut running = place.start(&args, Stdio::null());
        running.until("the feed runs", |running| running.has_thread("feed"));
        running.signal(signal);
        let done = running.wait();
        assert_eq!((done.code, done.err.as_str()), (Some(130), ""));
        let report = done.json();
        assert_eq!((&report["ended"], &report["dropped"]), (&json!("interrupted"), &json!(0)));
        let events = report["events"].as_u64().unwrap();
        assert!(events < 200_000, "it was cut short");
        assert_eq!((delivered(&report, "book"), delivered(&report, "recorder")), (events, events));
    }
}

#[test]
fn issue_4555_a_signal_during_the_drain_loses_nothing() {
    for signal in BOTH {
        let place = Place::new();
        let mut running = place.start_with_variables(&[BACKLOG], &SESSION);
        running.until("the feed runs", |running| running.has_thread("feed"));
        running.slow_down("slots");
        running.until("the feed has ended", |running| !running.has_thread("feed"));
        running.signal(signal);
        let done = running.wait();
        assert_eq!((done.code, done.err.as_str()), (Some(130), ""));
        let report = done.json();
        assert_eq!((&report["ended"], &report["shutdown"]["clean"]), (&json!("input"), &json!(true)));
        let events = report["events"].as_u64().unwrap();
        assert!(events >= 400_000 && delivered(&report, "book") == events, "{report}");
    }
}

#[test]
fn issue_4555_a_drain_beyond_its_deadline_is_an_error_that_names_what_was_left() {
    let place = Place::new();
    let deadline = ("TAGRING__RUNTIME__SHUTDOWN_TIMEOUT_MS", "1");
    let mut running = place.start_with_variables(&[BACKLOG, deadline], &SESSION);
    running.until("the feed runs", |running| running.has_thread("feed"));
    running.slow_down("slots");
    let done = running.wait();
    done.failed_with(2, &["TR-3009", "bus md, slot book", "processed before it"]);
    let report = done.json();
    assert!(report["error"].as_str().unwrap().contains("TR-3009"));
    let shutdown = &report["shutdown"];
    assert_eq!(shutdown["clean"], false);
    assert!(shutdown["lines"].as_array().unwrap().iter().any(|line| line.as_str().unwrap().contains("slot book")));
    assert!(report["dropped"].as_u64().unwrap() > 0, "what was left is not passed over");
}

#[test]
fn issue_4555_a_second_signal_ends_it_at_once_also_where_the_report_finds_no_reader() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let place = Place::new();
        // A pipe that is full, and stays so.
        let (reader, mut writer) = std::io::pipe().unwrap();
        fill(&mut writer);
        let input = place.file("capture", capture(300));
        let args = ["--input", &input, "--pace", "recorded", "--json"];
        let mut running = place.start_with(&args, Stdio::null(), writer.into(), Stdio::null());
        running.until("the feed runs", |running| running.has_thread("feed"));
        running.until("all is over but the report", |running| running.waits_alone());
        let since = Instant::now();
        let mut sent = 0;
        let status = loop {
            if let Some(status) = running.status() {
                break status;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "it is still there after {sent} signals");
            running.signal(signal);
            sent += 1;
            // Those that come soon after the first are the same request.
            std::thread::sleep(Duration::from_millis(50));
        };
        assert_eq!((status.code(), sent > 1), (Some(code), true));
        drop(reader);
    }
}

/// Writes until the pipe takes no more.
fn fill(writer: &mut std::io::PipeWriter) {
    use std::os::fd::AsFd;
    let flags = rustix::fs::fcntl_getfl(writer.as_fd()).unwrap();
    rustix::fs::fcntl_setfl(writer.as_fd(), flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    while writer.write(&[b' '; 4096]).is_ok() {}
    while writer.write(b" ").is_ok() {}
    rustix::fs::fcntl_setfl(writer.as_fd(), flags).unwrap();
}

#[test]
fn issue_4555_a_silent_pipe_holds_no_signal() {
    for signal in BOTH {
        for bytes in ["", "1000 {\"e\"", &capture(3)] {
            let place = Place::new();
            let mut running = place.start(&["--input", "-", "--json"], Stdio::piped());
            running.stdin().write_all(bytes.as_bytes()).unwrap();
            running.until("it listens", |running| running.catches(signal));
            running.signal(signal);
            let done = running.wait();
            assert_eq!((done.code, &done.json()["ended"]), (Some(130), &json!("interrupted")), "{bytes}");
        }
    }
}
