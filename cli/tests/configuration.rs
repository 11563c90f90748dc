//! The main job's configuration: printed, changed, overridden, mistaken.

mod support;

use serde_json::{Value, json};
use std::process::Stdio;
use support::Place;

const JOB: [&str; 6] = ["--messages", "20000", "--pace", "max", "--json", "--quiet"];

/// Runs the job with a variable set, and gives its report.
fn with(variables: &[(&str, &str)]) -> Value {
    let done = Place::new().run_set(variables, &JOB);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{variables:?}");
    done.json()
}

fn slot<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["slots"].as_array().unwrap().iter().find(|slot| slot["name"] == name).unwrap()
}

#[test]
fn issue_4547_the_printed_configuration_loads_back_and_runs_the_same() {
    let place = Place::new();
    let printed = place.run(&["run", "--print-config"]);
    assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""));
    for line in
        ["[buses.md.slots.book]", "[buses.derived.publishers.signal]", "[feeds.feed]", "capacity_cells = 16384\n"]
    {
        assert!(printed.out.contains(line), "{line} in {}", printed.out);
    }
    let file = place.file("printed.toml", &printed.out);
    assert_eq!(place.run(&["--print-config", "--config", &file]).out, printed.out);
    assert_eq!(place.run(&["check", &file]).code, Some(0));
    let built_in = place.run(&JOB).json();
    let from_file = place.run(&[&JOB[..], &["--config", &file]].concat()).json();
    assert_eq!((&built_in["digest"], &built_in["books"]), (&from_file["digest"], &from_file["books"]));
    assert_eq!(built_in["delivered"], from_file["delivered"]);
}

#[test]
fn issue_4547_a_file_that_was_changed_changes_the_run() {
    let place = Place::new();
    let printed = place.run(&["--print-config"]).out;
    let changed = printed.replace("tags = [\"OrderAdded\", \"LevelChanged\"]", "tags = [\"CrossTrade\"]");
    assert_ne!(changed, printed);
    let file = place.file("changed.toml", changed);
    let report = place.run(&[&JOB[..], &["--config", &file]].concat()).json();
    assert_eq!(slot(&report, "signal")["events"], report["by_tag"]["CrossTrade"]);
    assert_eq!(report["signals"], 0);
}

#[test]
fn issue_4547_what_is_set_has_effect() {
    let plain = with(&[]);
    assert!(slot(&plain, "book")["service_ns"]["max"].as_u64().unwrap() > 0);
    assert_eq!((&slot(&plain, "tape")["state"], &plain["shutdown"]["clean"]), (&json!("stopped"), &json!(true)));

    let report = with(&[("TAGRING__BUSES__MD__SLOTS__BOOK__MEASURE", "off")]);
    assert_eq!(slot(&report, "book")["service_ns"]["max"], 0);
    assert_eq!(report["digest"], plain["digest"]);

    let small = with(&[("TAGRING__BUSES__MD__CAPACITY_CELLS", "64")]);
    assert!(small["waits"].as_u64() > plain["waits"].as_u64(), "a small ring is full more often");
    assert_eq!((&small["digest"], &small["dropped"]), (&plain["digest"], &json!(0)));

    let sheds = ("TAGRING__BUSES__MD__PUBLISHERS__FEED__OVERFLOW", "shed");
    let report = with(&[("TAGRING__BUSES__MD__CAPACITY_CELLS", "64"), sheds]);
    let (dropped, events) = (report["dropped"].as_u64().unwrap(), report["events"].as_u64().unwrap());
    assert!(dropped > 0 && dropped + events == plain["events"].as_u64().unwrap(), "{dropped} + {events}");

    let report =
        with(&[("TAGRING__BUSES__DERIVED__SLOTS__TAPE__THREAD", "tape"), ("TAGRING__THREADS__TAPE__CORES", "any")]);
    assert_eq!(slot(&report, "tape")["thread"], "tape");
    assert_eq!(slot(&report, "tape")["core"], Value::Null);
    let names: Vec<_> = report["threads"].as_array().unwrap().iter().map(|thread| &thread["name"]).collect();
    assert!(names.contains(&&json!("tape")) && names.contains(&&json!("slots")), "{names:?}");

    let report = with(&[("TAGRING__RUNTIME__PREFLIGHT", "off"), ("TAGRING__RUNTIME__CLOCK", "monotonic")]);
    assert_ne!(report["clock"], plain["clock"]);
    let report = with(&[("TAGRING__RUNTIME__LOCK_MEMORY", "try")]);
    assert!(
        report["machine"].to_string().contains("locked memory") || report["machine"].to_string().contains("lock"),
        "{report}"
    );
}

#[test]
fn issue_4555_without_signals_none_are_taken_over() {
    let place = Place::new();
    let args = ["--messages", "1000", "--pace", "100/s", "--quiet"];
    let mut running = place.start_with_variables(&[("TAGRING__RUNTIME__SIGNALS", "false")], &args);
    running.until("the feed runs", |running| running.has_thread("feed"));
    assert!(!running.catches(rustix::process::Signal::INT) && !running.catches(rustix::process::Signal::TERM));
}

#[test]
fn issue_4547_the_environment_and_the_cores_stand_in_what_is_printed() {
    let place = Place::new();
    let done = place.run_set(&[("TAGRING__BUSES__MD__CAPACITY_CELLS", "4096")], &["--print-config", "--cores", "0"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    for line in ["capacity_cells = 4096\n", "cores = [0]\n", "threads_max = 1\n"] {
        assert!(done.out.contains(line), "{line} in {}", done.out);
    }
    assert!(!done.out.contains("\ncores = \"auto\"\n"), "{}", done.out);
}

#[test]
fn issue_4544_mistakes_are_named_with_their_lines_and_nothing_runs() {
    let place = Place::new();
    let printed = place.run(&["--print-config"]).out;
    let bad = printed.replacen("capacity_cells = 16384", "capacity_cells = 1000\nsize = 3", 1);
    let line = 1 + bad.lines().position(|line| line == "capacity_cells = 1000").unwrap();
    let file = place.file("bad.toml", &bad);
    let done = place.run(&["--config", &file]);
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""));
    let lines: Vec<_> = done.err.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].starts_with(&format!("{file}:{line}: buses.derived.capacity_cells = 1000: ")), "{lines:#?}");
    assert!(lines[1].starts_with(&format!("{file}:{}: buses.derived.size = 3: ", line + 1)), "{lines:#?}");
    place.run(&["--config", "nowhere.toml"]).failed_with(2, &["nowhere.toml", "TR-0701"]);
    let done = place.run_set(&[("TAGRING__BUSES__MD__CAPACITY_CELLS", "7")], &["--print-config"]);
    done.failed_with(2, &["TAGRING__BUSES__MD__CAPACITY_CELLS: buses.md.capacity_cells = 7: not a power of two"]);
    assert_eq!(done.out, "");
}

/// The text without a table and what stands in it.
fn without(text: &str, header: &str) -> String {
    let mut inside = false;
    let keeps = |line: &&str| {
        if line.starts_with('[') {
            inside = *line == header;
        }
        !inside
    };
    text.lines().filter(keeps).collect::<Vec<_>>().join("\n")
}

#[test]
fn issue_4547_what_the_job_needs_and_what_it_has_no_code_for_is_said_before_anything_runs() {
    let place = Place::new();
    let printed = place.run(&["--print-config"]).out;
    let refused = |text: String, words: &[&str]| {
        let file = place.file("own.toml", text);
        let done = place.start(&["--config", &file, "--messages", "100000000"], Stdio::null()).wait();
        done.failed_with(2, words);
        assert!(done.err.starts_with(&format!("{file}:")), "{}", done.err);
        assert_eq!((done.err.lines().count(), done.out.as_str()), (1, ""), "{}", done.err);
    };
    let slot = without(&printed, "[buses.md.slots.recorder]");
    refused(slot, &["buses.md.slots.recorder", "TR-3007", "book, signal, recorder", "--print-config"]);
    refused(without(&printed, "[feeds.feed]"), &["feeds.feed", "TR-3007"]);
    refused(printed.clone() + "\n[buses.mine]\n", &["buses.mine", "no code", "TR-3008"]);
    refused(printed.clone() + "\n[buses.md.slots.mine]\n", &["buses.md.slots.mine", "no code", "TR-3008"]);
    let tags = printed.replace("[\"OrderAdded\", \"LevelChanged\"]", "[\"OrderAded\"]");
    let cores = printed.replace("# Which core. (default \"auto\")\ncores = \"auto\"", "cores = [4000]");
    refused(cores, &["feeds.feed.cores", "core 4000"]);
    refused(tags, &["buses.md.slots.signal.tags", "OrderAded", "OrderAdded"]);
}
