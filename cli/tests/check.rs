//! `tagring check`: what it says of good and bad configurations, in each of its forms.

mod support;

use serde_json::{Value, json};
use std::process::Command;
use support::{Done, Place};

const GOOD: &str = "[buses.md]\ncapacity_cells = 4096\n[buses.md.slots.book]\n[buses.md.slots.vwap]\nafter = [\"book\"]\n\
                    [buses.orders.slots.risk]\nthread = \"fast\"\n[threads.fast]\n[feeds.md]\n";
const BAD: &str = "[buses.md]\ncapacity_cells = 1000\nslots = 5\nwait = \"spin\"\n";

#[test]
fn a_good_file_is_one_line_and_a_bad_one_a_line_for_each_mistake() {
    let place = Place::new();
    place.file("good.toml", GOOD);
    place.file("bad.toml", BAD);
    let done = place.run(&["check", "good.toml"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert_eq!(done.out, "good.toml: 2 buses, 3 slots, 1 thread, 1 feed; ok\n");

    let done = place.run(&["check", "bad.toml", "good.toml", "none.toml"]);
    assert_eq!(done.code, Some(2));
    assert_eq!(done.out, "good.toml: 2 buses, 3 slots, 1 thread, 1 feed; ok\n");
    let lines: Vec<_> = done.err.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert_eq!(
        lines[0],
        "bad.toml:2: buses.md.capacity_cells = 1000: not a power of two; allowed: a power of two from 2 to 4294967296; take 1024 \
         [TR-0705]"
    );
    assert!(lines[1].starts_with("bad.toml:3: buses.md.slots = 5: of the wrong type, an integer"), "{lines:#?}");
    assert!(lines[2].starts_with("bad.toml:4: buses.md.wait = \"spin\": no such key"), "{lines:#?}");
    assert_eq!(lines[3], "none.toml: no such file; check the path [TR-0701]");
}

#[test]
fn what_this_machine_cannot_give_is_a_mistake_at_its_line() {
    let place = Place::new();
    place.file("far.toml", "[feeds.itch]\ncores = [4095]\n\n[threads.slots]\ncores = [4094]\n[buses.md.slots.book]\n");
    let done = place.run(&["check", "far.toml"]);
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""));
    let lines: Vec<_> = done.err.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let starts =
        ["far.toml:2: feeds.itch.cores: core 4095 is not among", "far.toml:5: threads.slots.cores: core 4094 is not"];
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start) && line.ends_with("[TR-0751]"), "{line}");
    }
}

#[test]
fn json_is_one_object_with_every_mistake_in_its_parts() {
    let place = Place::new();
    place.file("good.toml", GOOD);
    place.file("bad.toml", BAD);
    let done = place.run(&["check", "--json", "bad.toml", "good.toml"]);
    assert_eq!((done.code, done.err.as_str()), (Some(2), ""));
    let report = done.json();
    assert_eq!(
        (&report["ok"], &report["files"][0]["ok"], &report["files"][1]["ok"]),
        (&json!(false), &json!(false), &json!(true))
    );
    assert_eq!(report["files"][1]["summary"], "2 buses, 3 slots, 1 thread, 1 feed");
    let mistakes = report["files"][0]["mistakes"].as_array().unwrap();
    assert_eq!(mistakes.len(), 3);
    let expected = json!({
        "code": "TR-0705", "path": "buses.md.capacity_cells", "file": "bad.toml", "line": 2, "column": 1, "variable": null,
        "value": "1000", "what": "not a power of two", "allowed": "a power of two from 2 to 4294967296", "remedy": "take 1024",
        "message": "bad.toml:2: buses.md.capacity_cells = 1000: not a power of two; allowed: a power of two from 2 to \
                    4294967296; take 1024 [TR-0705]",
    });
    assert_eq!(mistakes[0], expected);
    assert_eq!(place.run(&["check", "--json", "good.toml"]).json()["files"][0]["mistakes"], json!([]));
}

#[test]
fn what_is_effective_is_a_configuration_again() {
    let place = Place::new();
    place.file("good.toml", GOOD);
    let first = place.run(&["check", "--effective", "good.toml"]);
    assert_eq!((first.code, first.err.as_str()), (Some(0), ""));
    for words in [
        "capacity_cells = 4096",
        "wait = \"spin-then-yield\"",
        "# Buses that may exist at a time. (1 to 1024; default 16)",
    ] {
        assert!(first.out.contains(words), "{words}: {}", first.out);
    }
    place.file("again.toml", &first.out);
    assert_eq!(place.run(&["check", "--effective", "again.toml"]).out, first.out);
    // A bad one has no effect.
    place.file("bad.toml", BAD);
    let bad = place.run(&["check", "--effective", "bad.toml"]);
    assert_eq!((bad.code, bad.out.as_str(), bad.err.lines().count()), (Some(2), "", 3));
}

#[test]
fn the_schema_is_the_one_in_the_repository() {
    let done = Place::new().run(&["check", "--schema"]);
    assert_eq!(done.code, Some(0));
    assert!(done.out == include_str!("../../docs/config.schema.json"));
    assert_eq!(done.json()["title"], Value::from("Tagring configuration"));
}

/// Runs with one more environment variable.
fn run_with(place: &Place, variable: (&str, &str), args: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagring"));
    let output =
        command.args(args).current_dir(place.path()).env(variable.0, variable.1).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn the_environment_counts_unless_it_is_left_out() {
    let place = Place::new();
    place.file("good.toml", GOOD);
    let variable = ("TAGRING__BUSES__MD__CAPACITY_CELLS", "1000");
    let done = run_with(&place, variable, &["check", "good.toml"]);
    done.failed_with(2, &["TAGRING__BUSES__MD__CAPACITY_CELLS: buses.md.capacity_cells = 1000: not a power of two"]);
    let done = run_with(&place, variable, &["check", "--json", "good.toml"]);
    let mistake = done.json()["files"][0]["mistakes"][0].clone();
    assert_eq!((&mistake["variable"], &mistake["file"]), (&json!("TAGRING__BUSES__MD__CAPACITY_CELLS"), &Value::Null));
    assert_eq!(run_with(&place, variable, &["check", "--no-env", "good.toml"]).code, Some(0));
    let done = run_with(&place, ("TAGRING__BUSES__MD__CAPACITY_CELLS", "64"), &["check", "--effective", "good.toml"]);
    assert!(done.out.contains("capacity_cells = 64\n"), "{}", done.out);
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let place = Place::new();
    place.file("good.toml", GOOD);
    let table: [&[&str]; 4] = [
        &["check"],
        &["check", "--effective", "good.toml", "good.toml"],
        &["check", "--schema", "good.toml"],
        &["check", "--effective", "--json", "good.toml"],
    ];
    for args in table {
        let done = place.run(args);
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(!done.err.is_empty(), "{args:?}");
    }
}
