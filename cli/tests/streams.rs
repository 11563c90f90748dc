//! Inputs that are no plain files, and runs that are cut short: pipes, named pipes, standard input, signals, silence.

mod support;

use rustix::process::Signal;
use serde_json::json;
use std::fs::File;
use std::process::{Command, Stdio};
use support::{Place, capture, capture_messages, gzip, zst};

fn messages(report: &serde_json::Value) -> u64 {
    report["input"]["messages"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn a_pipe_that_closes_in_the_middle_is_no_error_and_is_told() {
    let text = capture(100);
    let cut_line = &text.as_bytes()[..text.len() - 20];
    let compressed = gzip(capture(5_000).as_bytes());
    let cases = [
        (cut_line, json!({"cut off": 1}), "TR-2104"),
        (&compressed[..2_000], json!({"cut gzip data": 1}), "TR-2007"),
        // Before the first whole message.
        (&cut_line[..40], json!({"cut off": 1}), "TR-2104"),
        (&compressed[..30], json!({"cut gzip data": 1}), "TR-2007"),
    ];
    for (bytes, skipped, code) in cases {
        let done = Place::new().run_fed(&["--input", "-", "--strict", "--json"], bytes);
        assert_eq!(done.code, Some(0), "{done:?}");
        let input = &done.json()["input"];
        let told = input["skipped"].as_object().unwrap();
        assert!(skipped.as_object().unwrap().iter().all(|(name, count)| told.get(name) == Some(count)), "{input}");
        assert!(input["skipped_examples"].to_string().contains(code), "{input}");
    }
}

#[test]
fn a_file_on_standard_input_is_read_as_a_file() {
    let place = Place::new();
    let whole = gzip(capture(1_000).as_bytes());
    let cut = place.file("cut.gz", &whole[..whole.len() / 2]);
    let done = place.start(&["--input", "-", "--json"], File::open(&cut).unwrap().into()).wait();
    done.failed_with(2, &["TR-2007", "standard input", "processed before it"]);
    let whole = place.file("whole.gz", &whole);
    let done = place.start(&["--input", "-", "--json"], File::open(&whole).unwrap().into()).wait();
    assert_eq!((done.code, messages(&done.json())), (Some(0), capture_messages(1_000)));
}

#[test]
fn neither_a_silent_pipe_nor_a_pipe_without_a_writer_holds_the_seconds() {
    let place = Place::new();
    let fifo = place.path().join("fifo").to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let done = place.run(&["--input", &fifo, "--seconds", "0.2", "--json"]);
    assert_eq!((done.code, &done.json()["ended"]), (Some(0), &json!("seconds")));
    let mut running = place.start(&["--input", "-", "--seconds", "0.2", "--json"], Stdio::piped());
    std::io::Write::write_all(running.stdin(), b"1 {").unwrap();
    // The pipe stays open, and nothing more comes.
    running.until("it listens", |running| running.catches(Signal::INT));
    let done = running.wait();
    assert_eq!(done.json()["ended"], "seconds", "{done:?}");
}

#[test]
fn two_signals_at_once_are_one_request_and_the_report_comes() {
    let place = Place::new();
    let mut running = place.start(&["--pace", "1000/s", "--messages", "100000", "--json"], Stdio::null());
    running.until("the feed runs", |running| running.has_thread("feed"));
    running.signal(Signal::TERM);
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    let done = running.wait();
    assert_eq!((done.code, &done.json()["ended"]), (Some(130), &json!("interrupted")));
}

#[test]
fn the_plot_never_takes_the_place_of_the_input() {
    let place = Place::new();
    let text = capture(5);
    let input = place.file("tagring-run.html", &text);
    let link = place.path().join("link").to_str().unwrap().to_owned();
    std::fs::hard_link(&input, &link).unwrap();
    for args in
        [vec!["--input", &input], vec!["--input", &input, "--plot", &link], vec!["--input", "-", "--plot", &link]]
    {
        let done = place.start(&args, File::open(&input).unwrap().into()).wait();
        done.failed_with(2, &["TR-3005", "that is the input"]);
        assert_eq!(place.read("tagring-run.html"), text);
    }
}

#[test]
fn what_a_terminal_would_obey_is_not_printed() {
    let place = Place::new();
    let line = r#"5 {"e":"\u001b[31mred\"\n","s":"\u001b[2J","E":1}"#;
    let input = place.file("names", format!("{}{line}\n", capture(2)));
    let done = place.run(&["--input", &input]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(!done.out.contains('\u{1b}') && done.out.contains("[31mred"), "{}", done.out);
}

#[test]
fn a_fault_at_the_end_of_zstd_data_loses_nothing_that_came_before() {
    let place = Place::new();
    let text = capture(5_000);
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    let mut bytes = encoder.finish().unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let input = place.file("flipped.zst", &bytes);
    let done = place.run(&["--input", &input, "--json"]);
    done.failed_with(2, &["TR-2008", "corrupt zstd"]);
    let processed = messages(&done.json());
    assert!(processed > capture_messages(5_000) * 9 / 10, "{processed} of {}", capture_messages(5_000));
    assert_eq!(zst(b"x")[..4], [0x28, 0xb5, 0x2f, 0xfd]);
}

#[test]
fn a_message_of_a_known_stream_without_its_fields_is_named() {
    let place = Place::new();
    let bad = [
        (r#"5 {"stream":"testusdt@trade","data":{"s":"TESTUSDT"}}"#, "trade without a valid field `e`"),
        (r#"5 {"stream":"testusdt@bookTicker","data":{"u":1,"s":"TESTUSDT","b":"1","B":"1","a":"2"}}"#, "`A`"),
        (r#"5 {"stream":"testusdt@depth","data":{}}"#, "depth without a valid field `e`"),
    ];
    for (line, words) in bad {
        let input = place.file("bad", format!("{}{line}\n", capture(2)));
        let report = place.run(&["--input", &input, "--json"]).json();
        assert_eq!(
            (messages(&report), &report["input"]["skipped"]),
            (capture_messages(2), &json!({"missing field": 1}))
        );
        assert!(report["input"]["skipped_examples"][0].as_str().unwrap().contains(words), "{report}");
        place.run(&["--input", &input, "--strict", "--json"]).failed_with(2, &["TR-2106"]);
    }
}
