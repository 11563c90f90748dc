//! What has changed from one run to another: shares of functions by thread for recorded folders, percentiles for reports.

use crate::failure::Failure;
use crate::graph::{Folded, Labels, draw};
use crate::reports;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Lines told.
const ROWS: usize = 24;

/// Compares two folders or two reports.
///
/// # Errors
/// [`Failure`].
pub(crate) fn main(before: &Path, after: &Path, svg: &Path) -> Result<String, Failure> {
    match (before.is_dir(), after.is_dir()) {
        (true, true) => folders(before, after, svg),
        (false, false) => reports::compare(before, after),
        _ => Err(Failure::NotComparable { path: after.into(), why: "one is a folder, the other a file".into() }),
    }
}

fn folders(before: &Path, after: &Path, svg: &Path) -> Result<String, Failure> {
    let (first, second) = (folded(before)?, folded(after)?);
    let mut lines = Vec::new();
    // Runs are seldom equally long: the first is stretched to the second's length.
    let options = inferno::differential::Options { normalize: true, ..Default::default() };
    inferno::differential::from_readers(options, first.text().as_bytes(), second.text().as_bytes(), &mut lines)
        .map_err(Failure::at(svg))?;
    let labels = Labels { title: "Second run; red: more than in the first, blue: less".into(), unit: "samples" };
    draw(&String::from_utf8_lossy(&lines), &labels, svg)?;
    Ok(table(&first, &second))
}

fn folded(folder: &Path) -> Result<Folded, Failure> {
    let not = |why: &str| Failure::NotComparable { path: folder.into(), why: why.into() };
    let text = std::fs::read_to_string(folder.join("folded.txt")).map_err(|_| not("has no folded.txt"))?;
    let folded = Folded::parse(&text);
    if folded.total() == 0 { Err(not("its folded.txt has no stacks")) } else { Ok(folded) }
}

/// Shares of a thread's own time, by its innermost function.
fn shares(folded: &Folded) -> BTreeMap<(String, String), f64> {
    let (mut own, mut all) = (BTreeMap::<(String, String), u64>::new(), BTreeMap::<String, u64>::new());
    for (stack, count) in folded.stacks() {
        let thread = stack.split(';').next().unwrap_or_default();
        let innermost = stack.rsplit(';').next().unwrap_or_default();
        *own.entry((thread.into(), innermost.into())).or_default() += count;
        *all.entry(thread.into()).or_default() += count;
    }
    own.into_iter()
        .map(|(key, count)| {
            let thread = all[&key.0];
            (key, count as f64 * 100.0 / thread.max(1) as f64)
        })
        .collect()
}

/// What a share is off by, by chance alone, twice: two standard deviations of a binomial share, in points.
fn chance(share: f64, all: u64) -> f64 {
    let p = (share / 100.0).clamp(0.0, 1.0);
    200.0 * (p * (1.0 - p) / all.max(1) as f64).sqrt()
}

fn table(first: &Folded, second: &Folded) -> String {
    let (a, b) = (shares(first), shares(second));
    let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let of = |shares: &BTreeMap<_, f64>, key: &(String, String)| shares.get(key).copied().unwrap_or(0.0);
    let row = |key| {
        let (x, y) = (of(&a, key), of(&b, key));
        let noise = chance(x, of_thread(first, &key.0)).hypot(chance(y, of_thread(second, &key.0)));
        (key, x, y, noise)
    };
    let mut rows: Vec<_> = keys.into_iter().map(row).collect();
    // What exceeds chance by most comes first.
    let beyond = |row: &(_, f64, f64, f64)| (row.2 - row.1).abs() - row.3;
    rows.sort_by(|one, other| beyond(other).total_cmp(&beyond(one)));
    let mut out =
        format!("{:<16} {:>8} {:>8} {:>8} {:>8}  function\n", "thread", "first", "second", "change", "chance");
    for ((thread, function), x, y, noise) in rows.into_iter().take(ROWS) {
        let mark = if (y - x).abs() > noise { '*' } else { ' ' };
        let _ = writeln!(out, "{thread:<16} {x:>6.1} % {y:>6.1} % {:>+8.1} {noise:>7.1}{mark}  {function}", y - x);
    }
    let _ = writeln!(
        out,
        "Shares of the thread's own time; `*` where the change, in points, is more than chance explains (samples: {} and {}).\n\
         Two runs of the same program differ too: compare two of the same first, and believe what is larger.",
        first.total(),
        second.total()
    );
    out
}

fn of_thread(folded: &Folded, thread: &str) -> u64 {
    let own = |stack: &str| stack.split(';').next() == Some(thread);
    folded.stacks().filter(|(stack, _)| own(stack)).map(|(_, count)| count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_most_comes_first_and_chance_is_told() {
        let first = Folded::parse("slots;run;book 900\nslots;run;idle 100\nfeed;decode 500\n");
        let second = Folded::parse("slots;run;book 600\nslots;run;idle 400\nfeed;decode 480\nfeed;wait 2\n");
        let table = table(&first, &second);
        let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["slots", "90.0", "%", "60.0", "%", "-30.0", "3.6*", "book"]);
        assert_eq!(rows[1], ["slots", "10.0", "%", "40.0", "%", "+30.0", "3.6*", "idle"]);
        let decode = rows.iter().find(|row| row.last() == Some(&"decode")).unwrap();
        assert_eq!(decode[..], ["feed", "100.0", "%", "99.6", "%", "-0.4", "0.6", "decode"]);
    }
}
