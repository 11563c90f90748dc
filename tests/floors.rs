//! The floors of `src/`: a file uses only the floors above its own. This test reads the sources and says where one reaches down.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors, from the top. Folders on one line are one floor and may not use each other.
const FLOORS: [&[&str]; 11] = [
    &["sync"],
    &["clock"],
    &["counters"],
    &["ring"],
    &["event"],
    &["bus"],
    &["gate", "retain", "journal"],
    &["guard"],
    &["runtime"],
    &["engine", "patterns"],
    &["testkit"],
];
/// Names that say nothing about what a file is.
const VAGUE: [&str; 5] = ["utils", "common", "helpers", "misc", "manager"];
/// `src/ring` is to be read in one sitting: its lines, without comments, blank lines and tests. (1,500 until readers could be revoked, which took
/// some 290: ADR 3; keeping away from publishers of a shared ring some 50: ADR 5; readers that nobody waits for some 320: ADR 7.)
const RING_LINES_MAX: usize = 2_200;

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The source without comments, string contents and what follows `#[cfg(test)]`; line breaks stay.
fn code_of(source: &str) -> String {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let strip = |line: &str| {
        let mut parts = line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
        parts.truncate(parts.find("//").unwrap_or(parts.len()));
        parts
    };
    source.lines().map(strip).collect::<Vec<_>>().join("\n")
}

/// The rooms that a piece of code names by `crate::room` or in `use crate::{room::.., ..}`.
fn rooms_used(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for at in code.match_indices("crate::").map(|(at, found)| at + found.len()) {
        let rest = &code[at..];
        if let Some(group) = rest.strip_prefix('{') {
            rooms.extend(first_names(group));
        } else {
            rooms.push(name_at(rest));
        }
    }
    rooms
}

fn name_at(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first names of a group's members, up to its closing brace.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut member) = (0, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name_at(&std::mem::take(&mut member))),
            _ => {}
        }
        if depth == 0 && c != ',' {
            member.push(c);
        }
    }
    names.push(name_at(&member));
    names.retain(|name| !name.is_empty());
    names
}

/// What a file reaches that it may not: the floors below its own, and its neighbours on it.
fn reaches(room: &str, source: &str) -> Vec<String> {
    let Some(own) = floor_of(room) else { return vec![format!("`{room}` stands on no floor: put it on the map")] };
    let mut wrong = rooms_used(&code_of(source));
    wrong.retain(|used| used != room && floor_of(used).is_some_and(|floor| floor >= own));
    wrong
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.sort();
    assert!(found.len() > 20, "the sources are there");
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn room_of(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = inside.components().next()?.as_os_str().to_str()?;
    (first != "lib.rs").then(|| first.trim_end_matches(".rs").to_owned())
}

#[test]
fn no_file_reaches_to_a_floor_below_its_own() {
    let mut wrong = Vec::new();
    for (path, source) in sources() {
        let Some(room) = room_of(&path) else { continue };
        wrong.extend(reaches(&room, &source).into_iter().map(|used| format!("{} uses {used}", path.display())));
    }
    assert!(wrong.is_empty(), "move the code to the floor it belongs to, or change the map:\n{}", wrong.join("\n"));
}

#[test]
fn the_check_sees_what_it_is_for() {
    assert_eq!(reaches("ring", "use crate::bus::Bus;"), ["bus"]);
    assert_eq!(reaches("ring", "use crate::{sync::Words, event::{Tag, Event}};"), ["event"]);
    assert_eq!(reaches("clock", "fn f() { crate::counters::Histogram::new(); }"), ["counters"]);
    assert_eq!(reaches("gate", "use crate::journal::Journal;"), ["journal"]);
    assert!(reaches("testkit", "use crate::{bus::Bus, clock::Clock, event::Event};").is_empty(), "it may use all");
    for room in FLOORS.concat().into_iter().filter(|&room| room != "testkit") {
        assert_eq!(reaches(room, "use crate::testkit::Drive;"), ["testkit"], "nothing uses the test kit");
    }
    assert!(
        reaches("bus", "use crate::{ring::Ring, event::Tag};\n// crate::runtime\nlet s = \"crate::runtime\";")
            .is_empty()
    );
    assert!(reaches("ring", "use crate::sync::Words;\n#[cfg(test)]\nmod tests { use crate::event::Tag; }").is_empty());
    assert_eq!(reaches("attic", "").len(), 1);
}

#[test]
fn every_file_has_a_telling_name_and_opens_by_saying_what_it_is() {
    for (path, source) in sources() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(!VAGUE.contains(&stem), "{}: give it the name of its one concept", path.display());
        assert!(source.starts_with("//! "), "{}: open with a `//!` paragraph", path.display());
    }
}

#[test]
fn the_ring_knows_no_tags_and_reads_in_one_sitting() {
    let mut lines = 0;
    for (path, source) in sources().into_iter().filter(|(path, _)| room_of(path).as_deref() == Some("ring")) {
        let code = code_of(&source);
        assert!(!code.contains("Tag") && !code.contains("Header"), "{} knows of tags", path.display());
        // What only the RealtimeSanitizer sees is nothing to read.
        let is_code = |line: &&str| !line.trim().is_empty() && !line.contains("cfg_attr(tagring_rtsan");
        lines += code.lines().filter(is_code).count();
    }
    assert!(lines < RING_LINES_MAX, "src/ring has {lines} lines of code");
}
