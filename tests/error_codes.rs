//! Every error code in the sources stands in `docs/errors.md`, every one there in the sources, and every one is looked at by a test that
//! provokes its error.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Codes that no test can bring about, and why. Whoever finds a way takes the code out.
const OUT_OF_REACH: &[(&str, &str)] = &[
    ("TR-0602", "the kernel would have to accept a core and then not use it: a cpuset that changes at that moment"),
    (
        "TR-0623",
        "a thread would have to end without unwinding: Linux ends whole processes, and a panic hands the handler back",
    ),
];

/// Where sources are.
const SOURCES: [&str; 5] = ["src", "cli/src", "adapters/logging/src", "adapters/market/src", "perf/flame/src"];
/// Where scripts are that have codes of their own.
const SCRIPTS: [&str; 2] = ["perf", "perf/parts"];
/// Where tests are, beside those within sources.
const TESTS: [&str; 6] =
    ["tests", "cli/tests", "adapters/logging/tests", "adapters/market/tests", "loom-tests/tests", "perf/flame/tests"];

fn codes(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("TR-").map(|(at, _)| &text[at..]);
    starts
        .filter_map(|rest| rest.get(..7))
        .filter(|code| code[3..].bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

/// The Rust files below the folders, with their text.
fn files(folders: &[&str]) -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut found = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.insert(path.clone(), std::fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// The codes of the sources, without those that only their tests name.
fn codes_of_sources() -> BTreeSet<String> {
    let scripts = SCRIPTS.iter().flat_map(|folder| scripts_in(folder));
    let sources = files(&SOURCES).into_values().map(|text| before_tests(&text).to_owned());
    sources.chain(scripts).flat_map(|text| codes(&text)).collect()
}

/// The text of all scripts right in a folder.
fn scripts_in(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let texts = entries.filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok());
    texts.filter(|text| text.starts_with("#!") || text.starts_with("# shellcheck shell=bash")).collect()
}

/// Where a source's own tests begin.
fn split_at_tests(text: &str) -> (&str, &str) {
    text.split_at(text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len()))
}

fn before_tests(text: &str) -> &str {
    split_at_tests(text).0
}

/// The codes in string literals of tests: in what is asserted, not in what is remarked.
fn codes_looked_at() -> BTreeSet<String> {
    let this = Path::new(env!("CARGO_MANIFEST_DIR")).join(file!());
    let tests = files(&TESTS).into_iter().filter(|(path, _)| *path != this).map(|(_, text)| text);
    let within = files(&SOURCES).into_values().map(|text| split_at_tests(&text).1.to_owned());
    let code =
        |text: String| text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    tests.chain(within).flat_map(|text| codes(&code(text))).collect()
}

fn without<'a>(all: &'a BTreeSet<String>, these: &'a BTreeSet<String>) -> Vec<&'a String> {
    all.difference(these).collect()
}

#[test]
fn issue_4597_the_page_of_error_codes_is_complete() {
    let sources = codes_of_sources();
    let page = codes(include_str!("../docs/errors.md"));
    assert!(sources.len() > 40);
    assert_eq!(without(&sources, &page), Vec::<&String>::new(), "missing on the page");
    assert_eq!(without(&page, &sources), Vec::<&String>::new(), "in no source");
}

#[test]
fn every_error_code_is_looked_at_by_a_test_that_provokes_it() {
    let out_of_reach: BTreeSet<String> = OUT_OF_REACH.iter().map(|(code, _)| (*code).to_owned()).collect();
    let unseen = codes_of_sources().difference(&codes_looked_at()).cloned().collect();
    assert_eq!(
        without(&unseen, &out_of_reach),
        Vec::<&String>::new(),
        "write a test that provokes it and looks at its code"
    );
    assert_eq!(without(&out_of_reach, &unseen), Vec::<&String>::new(), "a test reaches it: take it off the list");
}
