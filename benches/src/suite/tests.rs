//! Every part at tiny size: it runs, and its tables are sane. The figures mean nothing.

use super::{PARTS, Setup, Size};
use crate::cores::{Cores, pin};
use std::collections::HashSet;
use std::io::Write as _;

/// Says that a test was skipped, and why: `./test` lists it at its end.
fn skip(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
    if let Some(path) = std::env::var_os("TAGRING_SKIPS")
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path)
    {
        let _ = writeln!(file, "{test}: {why}");
    }
}

#[test]
fn issue_4598_every_part_runs_and_gives_sane_tables() {
    let Some(cores) = Cores::choose() else { return skip("the suite of benches", "it needs two cores") };
    // A thread of its own, for it is pinned.
    let run = std::thread::spawn(move || {
        pin(cores.near);
        let setup = Setup::new(cores, Size::Tiny);
        for part in PARTS {
            let found = (part.measure)(&setup);
            assert!(!found.tables.is_empty(), "{}: no table", part.name);
            for table in &found.tables {
                assert!(!table.rows().is_empty(), "{}: no rows", table.title());
                let mut names = HashSet::new();
                for row in table.rows() {
                    assert!(names.insert(row.name()), "{}: two rows {}", table.title(), row.name());
                    assert_eq!(row.rounds().count(), 1, "{}: {}", table.title(), row.name());
                    let what = format!("{}: {}", table.title(), row.name());
                    let figures: Vec<f64> = row.rounds().flat_map(|(figures, _)| figures.to_vec()).collect();
                    // A row of what is not there says why, and has no figures.
                    let absent = row.name().starts_with(super::names::LMAX);
                    assert!(absent || figures.iter().any(|f| !f.is_nan()), "{what}: no figure");
                    assert!(figures.iter().all(|f| f.is_nan() || (f.is_finite() && *f >= 0.0)), "{what}: {figures:?}");
                }
            }
        }
    });
    run.join().expect("every part runs");
}

#[test]
fn parts_have_names_of_their_own() {
    let names: HashSet<_> = PARTS.iter().map(|part| part.name).collect();
    assert_eq!(names.len(), PARTS.len());
    assert!(
        names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')),
        "typed on a command line"
    );
}

#[test]
fn the_guide_names_every_part() {
    let guide = include_str!("../../../docs/guide/benchmarks.md");
    let table: Vec<_> = guide.lines().filter(|line| line.starts_with("| `")).collect();
    for part in PARTS {
        let name = format!("`{}`", part.name);
        assert!(
            table.iter().any(|row| row.contains(&name)),
            "docs/guide/benchmarks.md does not say what {name} measures"
        );
    }
}
