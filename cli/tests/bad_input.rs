//! Everything that can be wrong: a clear sentence with a stable code, what was done before it, the right exit code, never a panic.

mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::process::Stdio;
use support::{Done, Place, capture, capture_messages, data, gzip, zst};

const QUIET: [&str; 2] = ["--json", "--quiet"];

fn run(place: &Place, path: &str, args: &[&str]) -> Done {
    place.run(&[&["--input", path], args, &QUIET].concat())
}

fn messages(report: &Value) -> u64 {
    report["input"]["messages"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn inputs_that_are_none_say_what_they_look_like() {
    let place = Place::new();
    let folder = place.path().to_str().unwrap().to_owned();
    let png = place.file("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01");
    let text = place.file("text", "To be, or not to be, that is the question\n");
    let csv = place.file("csv", "time,price,qty\n1,2,3\n");
    let noise: Vec<u8> = (0..5_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    let noise = place.file("noise", noise);
    let empty = place.file("empty", "");
    let empty_gz = place.file("empty.gz", gzip(b""));
    let cut_header = place.file("header.gz", &gzip(b"x")[..5]);
    let table: [(&str, &[&str]); 9] = [
        ("nowhere.gz", &["TR-2001", "nowhere.gz", "no such file", "check the path"]),
        (&folder, &["TR-2003", "is a directory", "name one file"]),
        (&png, &["TR-2006", "PNG image", "byte 0", "--format"]),
        (&text, &["TR-2006", "begins `To be"]),
        (&csv, &["TR-2006", "comma-separated"]),
        (&noise, &["TR-2006", "binary data that begins"]),
        (&empty, &["TR-2005", "empty", "0 bytes"]),
        (&empty_gz, &["TR-2005", "gzip", "0 bytes"]),
        (&cut_header, &["TR-2007", "gzip", "byte 5 of the file"]),
    ];
    for (path, words) in table {
        let done = run(&place, path, &[]);
        done.failed_with(2, words);
        done.failed_with(2, &[path]);
        assert_eq!((done.err.lines().count(), done.out.as_str()), (1, ""), "{}", done.err);
    }
}

#[test]
fn truncated_and_corrupt_compression_tell_how_far_it_went() {
    let place = Place::new();
    let text = capture(3_000);
    for (name, whole) in [("gzip", gzip(text.as_bytes())), ("zstd", zst(text.as_bytes()))] {
        let cut = place.file("cut", &whole[..whole.len() * 2 / 3]);
        let done = run(&place, &cut, &[]);
        let place_of = format!("byte {} of the file", whole.len() * 2 / 3);
        done.failed_with(
            2,
            &["TR-2007", name, &place_of, "decompressed", "processed before it", "fetch the file again"],
        );
        let report = done.json();
        assert!((1_000..capture_messages(3_000)).contains(&messages(&report)), "{name}: {}", report["input"]);
        assert_eq!(report["dropped"], 0);
        assert!(report["error"].as_str().unwrap().starts_with("TR-2007"));
    }
    let mut flipped = gzip(text.as_bytes());
    // The checksum at the end: everything has come by then.
    let at = flipped.len() - 6;
    flipped[at] ^= 0x10;
    let done = run(&place, &place.file("flipped.gz", &flipped), &[]);
    done.failed_with(2, &["TR-2008", "corrupt gzip", "byte", "processed before it: 9,001 messages"]);
    assert_eq!(messages(&done.json()), capture_messages(3_000));

    let mut torn = gzip(text.as_bytes());
    let middle = torn.len() / 2;
    torn[middle..middle + 64].fill(0xff);
    let done = run(&place, &place.file("torn.gz", &torn), &[]);
    assert!(done.err.contains("TR-2007") || done.err.contains("TR-2008"), "{}", done.err);
    done.failed_with(2, &["gzip", "processed before it"]);
}

/// A good capture with one more line after its first `before` lines.
fn with_line(line: &str, before: usize) -> String {
    let text = capture(4);
    let mut lines: Vec<_> = text.lines().collect();
    lines.insert(before, line);
    lines.join("\n") + "\n"
}

#[test]
fn a_bad_line_is_skipped_by_name_or_ends_a_strict_run() {
    let place = Place::new();
    let trade = |price: &str, qty: &str| {
        format!(r#"1 {{"e":"trade","E":1,"s":"TESTUSDT","t":1,"p":"{price}","q":"{qty}","T":1,"m":true}}"#)
    };
    let table = [
        ("rubbish".to_owned(), "no local time", "TR-2101"),
        ("5 {\"e\":\"trade\"".to_owned(), "not JSON", "TR-2102"),
        ("5 {\"price\":\"1\"}".to_owned(), "unknown message", "TR-2105"),
        ("5 {\"e\":\"trade\",\"s\":\"TESTUSDT\"}".to_owned(), "missing field", "TR-2106"),
        (trade("99999999999999", "1"), "bad number", "TR-2107"),
        (trade("1.123456789", "1"), "bad number", "TR-2107"),
        (trade("-1", "1"), "not positive", "TR-2108"),
        (trade("1", "abc"), "bad number", "TR-2107"),
        (trade("1", "1").replace("TESTUSDT", &"LONG".repeat(20)), "symbol too long", "TR-2109"),
    ];
    for (line, name, code) in table {
        let text = with_line(&line, 5);
        let path = place.file("capture", &text);
        let done = run(&place, &path, &[]);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{line}");
        let report = done.json();
        assert_eq!(report["input"]["skipped"], json!({name: 1}));
        assert_eq!(messages(&report), capture_messages(4), "{line}: all others count");
        // Where the line begins: the sixth, behind five.
        let offset: usize = text.lines().take(5).map(|line| line.len() + 1).sum();
        let example = report["input"]["skipped_examples"][0].as_str().unwrap();
        assert!(example.starts_with(&format!("{code}: line 6 (byte {offset}): ")), "{example}");

        let done = run(&place, &path, &["--strict"]);
        done.failed_with(2, &[code, "line 6", "processed before it: 5 messages", &path]);
        let report = done.json();
        assert_eq!(messages(&report), 5, "what came before is told");
        assert!(report["error"].as_str().unwrap().contains(code));
    }
}

#[test]
fn the_value_and_the_limit_stand_in_the_sentence() {
    let place = Place::new();
    let line = r#"1 {"e":"trade","E":1,"s":"TESTUSDT","t":1,"p":"92233720368.54775808","q":"1","T":1,"m":true}"#;
    let done = run(&place, &place.file("capture", with_line(line, 2)), &["--strict"]);
    done.failed_with(2, &["trade", "`p`", "92233720368.54775808", "beyond ±92233720368.54775807"]);
}

#[test]
fn a_line_without_a_time_is_shown_by_its_beginning() {
    let place = Place::new();
    let line = format!("\u{1b}[2J{}", "é".repeat(300));
    let done = run(&place, &place.file("capture", with_line(&line, 1)), &["--strict"]);
    done.failed_with(2, &["TR-2101", "line 2", "begins \"\\u{1b}[2Jééé", "…\"", "repair or remove it"]);
    assert!(done.err.len() < 500 && !done.err.contains('\u{1b}'), "nothing of it reaches the terminal raw");
}

#[test]
fn a_capture_cut_in_a_line_skips_that_line() {
    let place = Place::new();
    let text = capture(4);
    let path = place.file("capture", &text[..text.len() - 20]);
    let done = run(&place, &path, &[]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert_eq!(done.json()["input"]["skipped"], json!({"cut off": 1}));
    run(&place, &path, &["--strict"]).failed_with(2, &["TR-2104", "line 13", "ends in the middle"]);
    // The same on a pipe is how pipes end.
    let done = place.run_fed(&["--input", "-", "--strict", "--json"], &text.as_bytes()[..text.len() - 20]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(messages(&done.json()), capture_messages(4) - 1);
}

#[test]
fn a_full_symbol_table_names_the_symbol_and_the_limit() {
    let place = Place::new();
    let mut text = String::new();
    for symbol in 0..65_538 {
        text.push_str(&format!(
            "{} {{\"e\":\"trade\",\"E\":1,\"s\":\"S{symbol}\",\"t\":1,\"p\":\"1\",\"q\":\"1\",\"T\":1,\"m\":true}}\n",
            1 + symbol
        ));
    }
    let path = place.file("symbols", text);
    let report = run(&place, &path, &[]).json();
    assert_eq!(report["input"]["skipped"], json!({"symbol table full": 2}));
    assert_eq!(report["trades"].as_object().unwrap().len(), 65_536);
    assert_eq!(report["dropped"], 0);
    run(&place, &path, &["--strict"])
        .failed_with(2, &["TR-2110", "line 65537", "`S65536`", "65536", "split the capture"]);
}

#[test]
fn a_snapshot_that_no_bus_can_take_does_not_hold_it() {
    let place = Place::new();
    let levels: Vec<_> = (1..300_000).map(|price| format!("[\"{price}\",\"1\"]")).collect();
    let text = format!("1 {{\"lastUpdateId\":5,\"bids\":[{}],\"asks\":[],\"symbol\":\"WIDE\"}}\n", levels.join(","));
    let path = place.file("wide", text + &capture(2));
    let done = run(&place, &path, &[]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let report = done.json();
    assert_eq!(report["input"]["skipped"], json!({"snapshot too large": 1}));
    assert_eq!(report["books"]["TESTUSDT"]["bid"], json!(["99.02", "3"]));
    run(&place, &path, &["--strict"]).failed_with(2, &["TR-0421", "4799984 bytes", "arena of 4194304"]);
}

/// ITCH: a length, a type, zeros.
fn itch(kind: u8, length: usize) -> Vec<u8> {
    let mut message = vec![0; 2 + length];
    message[..2].copy_from_slice(&(length as u16).to_be_bytes());
    message[2] = kind;
    message
}

#[test]
fn itch_faults_are_skipped_by_name_or_end_a_strict_run() {
    let place = Place::new();
    let mut bad_side = itch(b'A', 36);
    bad_side[2 + 19] = b'?';
    let mut cross = itch(b'Q', 40);
    cross[2 + 11..2 + 19].fill(0x7f);
    let table = [
        (itch(b'z', 20), "unknown message type", "TR-2202"),
        (itch(b'D', 20), "wrong message length", "TR-2203"),
        (bad_side, "unknown side", "TR-2204"),
        (cross, "out of range", "TR-2205"),
    ];
    let good: Vec<u8> = (0..5).flat_map(|_| itch(b'S', 12)).collect();
    for (bad, name, code) in table {
        let path = place.file("day.itch", [&good[..], &bad, &good].concat());
        let done = run(&place, &path, &[]);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{name}");
        let report = done.json();
        assert_eq!(report["input"]["skipped"], json!({name: 1}));
        assert_eq!(report["input"]["messages"], json!({"S": 10}));
        run(&place, &path, &["--strict"])
            .failed_with(2, &[code, "message 6 (byte 70)", "processed before it: 5 messages", &path]);
    }
}

#[test]
fn a_format_forced_wrongly_is_an_error_and_not_a_long_list_of_skips() {
    let place = Place::new();
    let path = place.file("capture", capture(50));
    run(&place, &path, &["--format", "itch"]).failed_with(2, &["TR-3004", "as itch", &path]);
    let day: Vec<u8> = (0..50).flat_map(|_| itch(b'S', 12)).collect();
    let path = place.file("day.itch", day);
    run(&place, &path, &["--format", "binance"]).failed_with(2, &["TR-3004", "as binance", &path]);
    assert_eq!(run(&place, &path, &["--format", "itch"]).code, Some(0));
    let Some(folder) = data("itch", "a_format_forced_wrongly_is_an_error_and_not_a_long_list_of_skips") else { return };
    run(&place, folder.join("sample.itch").to_str().unwrap(), &["--format", "binance"]).failed_with(2, &["TR-3004"]);
}

#[test]
fn arguments_that_make_no_sense_say_what_would() {
    let place = Place::new();
    let path = place.file("capture", capture(1));
    let plot = place.path().join("no/such/folder/plot.html");
    let folder = place.path().to_str().unwrap().to_owned();
    let table: [(&[&str], &[&str]); 18] = [
        (&["--pace", "0"], &["'0'", "TR-3001", "1000000/s"]),
        (&["--pace", "-1/s"], &["'-1/s'", "TR-3001"]),
        (&["--pace", "0x"], &["'0x'", "TR-3001"]),
        (&["--pace", "abcx"], &["'abcx'", "TR-3001"]),
        (&["--pace", "inf/s"], &["'inf/s'", "TR-3001"]),
        (&["--pace", "NaNx"], &["'NaNx'", "TR-3001"]),
        (&["--cores", "99"], &["TR-0601", "core 99", "may use, [0"]),
        (&["--cores", "-1"], &["'-1'", "TR-3003"]),
        (&["--cores", "0,x"], &["'x'", "TR-3003"]),
        (&["--seconds", "0"], &["'0'", "TR-3002", "above 0"]),
        (&["--seconds", "-3"], &["'-3'", "TR-3002"]),
        (&["--seconds", "NaN"], &["'NaN'", "TR-3002"]),
        (&["--seconds", "soon"], &["'soon'", "TR-3002"]),
        (&["--format", "csv"], &["csv", "itch", "binance"]),
        (&["--plot", plot.to_str().unwrap()], &["TR-3005", "plot.html", "choose another place"]),
        (&["--plot", &folder], &["TR-3005", "choose another place"]),
        (&["--plot", &path], &["TR-3005", "that is the input"]),
        (&["--sedes", "1"], &["--sedes"]),
    ];
    for (args, words) in table {
        let done = run(&place, &path, args);
        done.failed_with(2, words);
        assert_eq!(done.out, "", "{args:?}");
    }
    place.run(&["--format", "itch"]).failed_with(2, &["--input"]);
    place.run(&["--messages", "0"]).failed_with(2, &["--messages", "0 is not in 1..=100000000"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), capture(1), "the input is untouched");
}

#[test]
fn one_core_named_twice_is_one_core() {
    let place = Place::new();
    let done = run(&place, &place.file("capture", capture(10)), &["--cores", "0,0"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.json()["cores"], "core 0 for feed and slots together");
}

#[test]
fn standard_input_that_closes_early_is_no_error() {
    let place = Place::new();
    let text = capture(1_000);
    for (bytes, least) in [
        (&b""[..], 0),
        (&text.as_bytes()[..100_000], 1_000),
        (&gzip(text.as_bytes())[..], capture_messages(1_000)),
        (&gzip(text.as_bytes())[..10_000], 100),
    ] {
        let done = place.run_fed(&["--input", "-", "--json", "--quiet"], bytes);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
        let report = done.json();
        assert!(messages(&report) >= least, "{}", report["input"]);
        assert_eq!(report["error"], Value::Null);
    }
    place.run_fed(&["--input", "-"], b"no capture at all").failed_with(2, &["TR-2006", "standard input", "no capture"]);
}

#[test]
fn outputs_that_nobody_reads_are_no_error_and_full_disks_are() {
    let place = Place::new();
    let path = place.file("capture", capture(10));
    for args in [&["--input", &path][..], &["--input", &path, "--json"], &["--input", &path, "--quiet"]] {
        // Pipes whose reading ends are gone before the program starts.
        let pipe = || Stdio::from(std::io::pipe().expect("a pipe").1);
        let running = place.start_with(args, Stdio::null(), pipe(), pipe());
        assert_eq!(running.wait().code, Some(0), "{args:?}");
    }
    // And an error that cannot be told still has its code.
    let closed = Stdio::from(std::io::pipe().expect("a pipe").1);
    assert_eq!(place.start_with(&["--input", "nowhere"], Stdio::null(), Stdio::null(), closed).wait().code, Some(2));

    let full = || Stdio::from(File::options().write(true).open("/dev/full").expect("a full device"));
    let stderr = File::create(place.path().join("stderr")).unwrap();
    let done = place.start_with(&["--input", &path, "--json"], Stdio::null(), full(), stderr.into()).wait();
    done.failed_with(2, &["TR-3006", "standard output"]);
    let done = run(&place, &path, &["--plot", "/dev/full"]);
    done.failed_with(2, &["TR-3005", "/dev/full"]);
    assert_eq!(messages(&done.json()), capture_messages(10), "the report is told all the same");
}

#[test]
fn ctrl_c_tells_what_was_done() {
    let place = Place::new();
    let path = place.file("capture", capture(1_000));
    let file: &[&str] = &["--input", &path, "--pace", "200/s"];
    for (what, args) in [("a paced file", file), ("a session", &["--messages", "100000", "--pace", "200/s"])] {
        let mut running = place.start(&[args, &QUIET].concat(), Stdio::null());
        running.until("the feed runs", |running| running.has_thread("feed"));
        running.signal(Signal::INT);
        let done = running.wait();
        assert_eq!((done.code, done.err.as_str()), (Some(130), ""), "{what}");
        let report = done.json();
        assert_eq!((&report["ended"], &report["dropped"]), (&json!("interrupted"), &json!(0)));
        assert!(messages(&report) < capture_messages(1_000), "{what}: {}", report["input"]);
    }
}

#[test]
fn ctrl_c_ends_a_pipe_that_says_nothing() {
    let place = Place::new();
    let args = ["--input", "-", "--json", "--quiet"];
    let mut silent = place.start(&args, Stdio::piped());
    silent.until("it listens", |silent| silent.catches(Signal::INT));
    silent.signal(Signal::INT);
    let done = silent.wait();
    assert_eq!((done.code, done.err.as_str(), messages(&done.json())), (Some(130), "", 0));

    let mut running = place.start(&args, Stdio::piped());
    running.stdin().write_all(capture(10).as_bytes()).unwrap();
    running.until("the feed runs", |running| running.has_thread("feed"));
    // It takes what comes next only after all lines before it.
    running.stdin().write_all(b"2000000000 {").unwrap();
    running.until("the pipe is empty", |running| rustix::io::ioctl_fionread(running.stdin()).unwrap() == 0);
    running.signal(Signal::INT);
    let done = running.wait();
    assert_eq!((done.code, done.err.as_str()), (Some(130), ""));
    let report = done.json();
    assert_eq!((&report["ended"], messages(&report)), (&json!("interrupted"), capture_messages(10)));
    assert_eq!(report["books"]["TESTUSDT"]["bid"], json!(["99.1", "3"]));
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let place = Place::new();
    // Many seconds of work before the feed: what the first one cannot end in a moment, the second one ends.
    let mut running = place.start(&["--messages", "100000000", "--pace", "max"], Stdio::null());
    running.until("it listens", |running| running.catches(Signal::INT));
    running.signal(Signal::INT);
    running.signal(Signal::INT);
    let done = running.wait();
    assert_eq!(done.code, Some(130));
}
