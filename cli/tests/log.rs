//! `--log`: what is in it, what the report says of it, and what is refused.

mod support;

use serde_json::json;
use support::{Place, capture};

const RUN: [&str; 6] = ["--messages", "20000", "--pace", "max", "--cores", "0"];

fn run(place: &Place, more: &[&str]) -> support::Done {
    place.run(&[&RUN[..], more].concat())
}

#[test]
fn issue_4583_the_log_tells_the_run_and_the_report_tells_the_log() {
    let place = Place::new();
    let done = run(&place, &["--log", "run.log", "--json", "--quiet"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let text = place.read("run.log");
    let lines: Vec<_> = text.lines().collect();
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    assert!(
        first.contains(" INFO main tagring::log: the run begins input=\"synthetic\" seed=1 messages=20000"),
        "{text}"
    );
    assert!(last.contains(" INFO main tagring::log: the run is over events="), "{text}");
    assert!(text.contains(" tagring::runtime: the runtime is running"), "{text}");
    let count = lines.len();
    let expected = json!({"recorded": count, "written": count, "lost": 0, "cut": 0, "write_errors": 0});
    assert_eq!(done.json()["log"], expected);

    let done = run(&place, &["--log", "run.log", "--log-level", "warn,tagring::log=info", "--plot", "plot.html"]);
    assert_eq!(done.code, Some(0));
    let more = place.read("run.log");
    assert!(more.starts_with(&text), "a log is appended to");
    assert!(!more[text.len()..].contains("the runtime is"), "{more}");
    let count = more.lines().count() - count;
    assert!(done.out.lines().any(|line| line == format!("log       {count} written, 0 lost")), "{}", done.out);
}

#[test]
fn without_a_log_nothing_is_said_of_it_and_a_log_may_be_empty_or_on_standard_error() {
    let place = Place::new();
    let done = run(&place, &["--json", "--quiet"]);
    assert_eq!((done.code, &done.json()["log"]), (Some(0), &json!(null)));
    let done = run(&place, &["--log", "off.log", "--log-level", "off", "--json", "--quiet"]);
    assert_eq!(
        (done.code, place.read("off.log"), &done.json()["log"]["recorded"]),
        (Some(0), String::new(), &json!(0))
    );
    let done = run(&place, &["--log", "-", "--json", "--quiet"]);
    assert_eq!(done.code, Some(0));
    assert!(done.err.contains("the run begins") && done.err.ends_with(" ended=\"input\"\n"), "{}", done.err);
    assert!(done.json()["log"]["written"].as_u64().unwrap() > 2);
}

#[test]
fn a_run_that_fails_is_in_its_log() {
    let place = Place::new();
    let input = place.file("capture", capture(50).replacen('\n', "\nrubbish\n", 1));
    let done = place.run(&["--input", &input, "--pace", "max", "--strict", "--log", "run.log", "--json", "--quiet"]);
    assert_eq!(done.code, Some(2));
    assert!(
        place.read("run.log").contains("ERROR main tagring::log: the run failed events="),
        "{}",
        place.read("run.log")
    );
}

#[test]
fn issue_4583_a_log_that_cannot_be_is_refused_before_the_run() {
    let place = Place::new();
    let input = place.file("capture", capture(50));
    let config = place.file("run.toml", place.run(&["--print-config"]).out);
    let before = (place.read("capture"), place.read("run.toml"));
    let table: [(&[&str], &str, &str); 8] = [
        (&["--log", "x.log", "--log-level", "loud"], "`loud`", "[TR-1102]"),
        (&["--log", "no/such/x.log"], "no/such/x.log", "[TR-1103]"),
        (&["--log", "."], "directory", "[TR-1103]"),
        (&["--log", &input, "--input", &input], "that is the input", "TR-3050"),
        (&["--log", "run.toml", "--config", &config], "that is the configuration", "TR-3050"),
        (&["--log", "plot.html", "--plot", "plot.html"], "that is the plot", "TR-3050"),
        (&["--log-level", "info"], "--log", ""),
        (&["--log"], "--log", ""),
    ];
    for (args, part, code) in table {
        let done = place.run(&[args, &["--seconds", "5", "--json", "--quiet"]].concat());
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{args:?}: {}", done.err);
        assert!(done.err.contains(part) && done.err.contains(code), "{args:?}: {}", done.err);
    }
    assert_eq!((place.read("capture"), place.read("run.toml")), before);
    assert_eq!((place.read("x.log"), place.read("plot.html")), (String::new(), String::new()));
}
