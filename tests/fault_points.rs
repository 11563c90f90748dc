//! Fault points as the sources declare them: each is passed somewhere, stands in the guide's table, and is used by a test for every fault that it
//! takes. `TAGRING_BLESS=1 cargo test --test fault_points` writes the table. And in this build, which has none, a point is nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where points are declared and passed, and where they are tested.
const SOURCES: [&str; 4] = ["src", "cli/src", "adapters/logging/src", "adapters/market/src"];
const TESTS: [&str; 3] = ["tests/faults", "adapters/logging/tests/faults.rs", "adapters/market/tests/faults.rs"];
const PAGE: &str = "docs/guide/faults.md";
const MARKS: [&str; 2] = ["<!-- points -->\n", "<!-- /points -->"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of all Rust files below a folder, or of one file.
fn text_of(place: &str) -> String {
    let mut open = vec![root().join(place)];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// A point as its source declares it.
#[derive(Debug)]
struct Point {
    constant: String,
    name: String,
    what: String,
    who: String,
    takes: Vec<String>,
}

/// The points that a source declares. (An example in a comment declares none.)
fn points_of(source: &str) -> Vec<Point> {
    let lines =
        source.lines().filter(|line| !line.trim_start().starts_with("//") || line.trim_start().starts_with("/// "));
    let mut points = Vec::new();
    let (mut inside, mut what) = (false, Vec::new());
    for line in lines.map(str::trim) {
        match line {
            _ if line.ends_with("fault_points! {") && !line.starts_with("//") => inside = true,
            "}" => inside = false,
            _ if !inside => {}
            _ if line.starts_with("/// ") => what.push(line[4..].to_owned()),
            _ => points.push(point(line, std::mem::take(&mut what).join(" "))),
        }
    }
    points
}

fn point(line: &str, what: String) -> Point {
    let parts: Vec<&str> = line.split('"').collect();
    let [constant, name, _, who, takes] = parts[..] else { panic!("no declaration of a point: {line}") };
    let takes = takes.split_once('[').unwrap().1.split_once(']').unwrap().0.split(", ");
    Point {
        constant: constant.trim().trim_end_matches(" =").to_owned(),
        name: name.to_owned(),
        what,
        who: who.to_owned(),
        takes: takes.map(str::to_owned).collect(),
    }
}

fn all_points() -> Vec<Point> {
    SOURCES.iter().flat_map(|place| points_of(&text_of(place))).collect()
}

/// `TornWrite` as `torn write`.
fn in_words(kind: &str) -> String {
    let letter = |(at, c): (usize, char)| {
        let space = if at > 0 && c.is_uppercase() { " " } else { "" };
        format!("{space}{}", c.to_lowercase())
    };
    kind.chars().enumerate().map(letter).collect()
}

fn table() -> String {
    let row = |point: &Point| {
        let takes: Vec<_> = point.takes.iter().map(|kind| in_words(kind)).collect();
        format!("| `{}` | {} | {} | {} |\n", point.name, point.what, point.who, takes.join(", "))
    };
    "| point | passed when | by | faults |\n|---|---|---|---|\n".to_owned()
        + &all_points().iter().map(row).collect::<String>()
}

#[test]
fn issue_4593_every_point_is_in_the_guide() {
    let path = root().join(PAGE);
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(MARKS[0]).unwrap();
    let (found, after) = rest.split_once(MARKS[1]).unwrap();
    if std::env::var_os("TAGRING_BLESS").is_some() {
        std::fs::write(&path, [before, MARKS[0], &table(), MARKS[1], after].concat()).unwrap();
        return;
    }
    assert_eq!(found, table(), "TAGRING_BLESS=1 cargo test --test fault_points");
}

#[test]
fn issue_4593_every_point_is_passed_once_named_and_tested_with_every_fault_it_takes() {
    let points = all_points();
    assert!(points.len() >= 12, "{points:?}");
    let names: BTreeSet<_> = points.iter().map(|point| &point.name).collect();
    assert_eq!(names.len(), points.len(), "two points of one name");
    let sources: String = SOURCES.iter().map(|place| text_of(place)).collect();
    let tests: String = TESTS.iter().map(|place| text_of(place)).collect();
    for Point { constant, takes, .. } in &points {
        let passes = ["fault!(", "FaultyIo::new(", "source.at("].iter().flat_map(|call| sources.split(call).skip(1));
        let passed = passes.filter_map(|rest| rest.split([',', ';']).next()).any(|place| names_point(place, constant));
        assert!(passed, "{constant} is declared, and passed nowhere");
        for kind in takes {
            let fault = format!("Fault::{kind}");
            let scripted = tests.split(';').any(|statement| {
                let line = |rest: &str| names_point(rest, constant) && rest.contains(&fault);
                statement.split(".at(").chain(statement.split(".chance(")).skip(1).any(line)
            });
            assert!(scripted, "{constant} takes {kind}, and no script of a test says so");
        }
    }
}

/// Whether a place in the code begins with the name of that point.
fn names_point(place: &str, constant: &str) -> bool {
    let words = place.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.take(4).any(|word| word == constant)
}

#[test]
#[cfg(not(feature = "faults"))]
fn issue_4593_without_the_feature_a_point_is_nothing() {
    // None of this exists: had the macro any code, it would not compile.
    #[allow(unused_mut, reason = "the macro is empty")]
    let mut passed = 0;
    tagring::fault!(no::such::POINT, { passed += 1; nobody() }; Nonsense => return it_does_not_exist());
    assert_eq!(passed, 0);
    assert_eq!(size_of::<tagring::faults::FaultyIo<std::fs::File>>(), size_of::<std::fs::File>());
    assert_eq!(size_of_val(&tagring::faults::carry(|| ())), 0);
}
