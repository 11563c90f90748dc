//! Reads a TOML text into a tree, with everything in it that is not TOML. One bad line does not hide the others: the parser goes on
//! behind it, and where it cannot, such lines are blanked and the text parsed again.

use super::mistake::{Mistake, Origin, key_path};
use super::node::Node;
use std::collections::BTreeSet;
use toml::de::{DeTable, Error};

/// What the parser says of a line without `=`, behind which it reads nothing.
const ENDS_READING: &str = "key with no value";
const DUPLICATE: &str = "duplicate key";

/// A text as it was read.
pub(super) struct Document {
    pub(super) node: Node,
    pub(super) mistakes: Vec<Mistake>,
    /// Lines that are not TOML. Whatever was made of them is not to be believed.
    pub(super) broken: BTreeSet<usize>,
}

/// Reads the text; `name` stands in its origins.
pub(super) fn read(name: &str, text: &str) -> Document {
    let lines = Lines::new(name, text);
    let mut source = text.to_owned();
    let (_, mut errors) = DeTable::parse_recoverable(text);
    errors.retain(|error| error.message().starts_with(ENDS_READING));
    errors.iter().for_each(|error| blank(&mut source, lines.number(start(error)), &lines));
    let (table, found) = DeTable::parse_recoverable(&source);
    errors.extend(found);
    errors.sort_by_key(start);
    let mut node = Node::parsed_table(table.get_ref(), &source, lines.origin(0), &|at| lines.origin(at));
    let (mut mistakes, mut broken) = (Vec::new(), BTreeSet::new());
    let (duplicates, errors): (Vec<_>, Vec<_>) = errors.into_iter().partition(|error| error.message() == DUPLICATE);
    for error in errors {
        if broken.insert(lines.number(start(&error))) {
            mistakes.push(not_toml(&lines, &error));
        }
    }
    broken.extend(without_header(&lines, &broken));
    for error in duplicates.iter().filter(|error| !broken.contains(&lines.number(start(error)))) {
        mistakes.push(duplicate(&lines, error, &node));
    }
    node.forget(&|origin| matches!(origin, Origin::File { line, .. } if broken.contains(line)));
    Document { node, mistakes, broken }
}

/// The lines that stand under a broken header: nobody knows what table they are of.
fn without_header(lines: &Lines<'_>, broken: &BTreeSet<usize>) -> Vec<usize> {
    let is_header = |line: &usize| lines.header_of(*line).is_some_and(|(at, _)| at == *line);
    let under = |header: &usize| (header + 1..=lines.starts.len()).take_while(|line| !is_header(line));
    broken.iter().filter(|line| is_header(line)).flat_map(under).collect()
}

fn start(error: &Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

fn blank(source: &mut String, line: usize, lines: &Lines<'_>) {
    let (from, length) = (lines.starts[line - 1], lines.text_of(line).trim_end_matches('\n').len());
    source.replace_range(from..from + length, &" ".repeat(length));
}

#[cold]
fn not_toml(lines: &Lines<'_>, error: &Error) -> Mistake {
    let at = start(error);
    let (what, allowed) = match error.message().split_once(", expected ") {
        // The parser can only guess that a string was meant.
        Some(("string values must be quoted", _)) => {
            ("not a value", "a number, true, false, a list, or a string in quotes")
        }
        Some((what, expected)) => (what, expected),
        None => (error.message(), "TOML"),
    };
    let mistake =
        Mistake::new("TR-0711", "", lines.text_at(at).trim_start_matches('\u{feff}').trim(), what).allowed(allowed);
    mistake.remedy("correct the line").at(lines.origin(at))
}

#[cold]
fn duplicate(lines: &Lines<'_>, error: &Error, node: &Node) -> Mistake {
    let at = start(error);
    let path = path_of(lines, error);
    let first = node.find(&path);
    let what = match &first.0.origin {
        Origin::File { line, .. } if first.1 && *line != lines.number(at) => {
            format!("a second time; first in line {line}")
        }
        _ => "a second time".to_owned(),
    };
    Mistake::new("TR-0710", path, "", what).allowed("each key once").remedy("leave one out").at(lines.origin(at))
}

/// The key path of a duplicate: its table's header and the key.
fn path_of(lines: &Lines<'_>, error: &Error) -> String {
    let span = error.span().unwrap_or(0..0);
    let number = lines.number(span.start);
    let header = lines.header_of(number);
    if let Some((at, table)) = header
        && at == number
    {
        return table.to_owned();
    }
    let key = lines.text.get(lines.starts[number - 1]..span.end).unwrap_or_default().trim();
    let is_whole = !key.contains(['=', '{']);
    let own = lines.text.get(span).unwrap_or_default();
    match header {
        Some((_, table)) if is_whole => format!("{table}.{key}"),
        None if is_whole => key.to_owned(),
        _ => key_path(&[own]),
    }
}

/// The table that a line is the header of.
fn header(line: &str) -> Option<&str> {
    let inside = line.trim().strip_prefix('[')?;
    inside.trim_start_matches(['[', ' ']).split(']').next().map(str::trim)
}

/// Finds lines and characters by bytes.
struct Lines<'a> {
    name: &'a str,
    text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
    /// The lines that begin tables, and these.
    headers: Vec<(usize, &'a str)>,
}

impl<'a> Lines<'a> {
    fn new(name: &'a str, text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let headers = text.split('\n').enumerate().filter_map(|(at, line)| Some((at + 1, header(line)?))).collect();
        Self { name, text, starts, headers }
    }

    /// The number of the line at a byte, from 1.
    fn number(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).max(1)
    }

    /// The header of a line and where it is.
    fn header_of(&self, number: usize) -> Option<(usize, &'a str)> {
        let before = self.headers.partition_point(|(line, _)| *line <= number);
        before.checked_sub(1).map(|at| self.headers[at])
    }

    fn text_of(&self, number: usize) -> &'a str {
        let end = self.starts.get(number).copied().unwrap_or(self.text.len());
        self.text.get(self.starts[number - 1]..end).unwrap_or_default()
    }

    fn text_at(&self, at: usize) -> &'a str {
        self.text_of(self.number(at))
    }

    fn origin(&self, at: usize) -> Origin {
        let line = self.number(at);
        let before = self.text.get(self.starts[line - 1]..at).unwrap_or_default();
        let column = before.trim_start_matches('\u{feff}').chars().count() + 1;
        Origin::File { file: self.name.to_owned(), line, column }
    }
}
