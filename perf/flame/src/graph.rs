//! Folded stacks (`thread;outer;inner count`, a line each) and the flame graphs drawn from them. The drawing is `inferno`'s.

use crate::failure::Failure;
use inferno::flamegraph::{self, Direction, Options, color};
use std::collections::BTreeMap;
use std::path::Path;

/// Folded stacks with what each counts.
#[derive(Default)]
pub(crate) struct Folded(BTreeMap<String, u64>);

/// How a graph is labelled.
pub(crate) struct Labels {
    pub(crate) title: String,
    /// What a count is: samples, microseconds.
    pub(crate) unit: &'static str,
}

impl Folded {
    pub(crate) fn add(&mut self, thread: &str, stack: &[String], count: u64) {
        let frames = std::iter::once(thread).chain(stack.iter().map(String::as_str));
        let line = frames.collect::<Vec<_>>().join(";");
        *self.0.entry(line).or_default() += count;
    }

    pub(crate) fn text(&self) -> String {
        self.0.iter().filter(|(_, count)| **count > 0).map(|(stack, count)| format!("{stack} {count}\n")).collect()
    }

    /// Reads folded stacks; lines that are none are left out.
    pub(crate) fn parse(text: &str) -> Self {
        let line = |line: &str| line.rsplit_once(' ').and_then(|(stack, n)| Some((stack.to_owned(), n.parse().ok()?)));
        Self(text.lines().filter_map(line).collect())
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    pub(crate) fn stacks(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(stack, count)| (stack.as_str(), *count))
    }
}

/// Draws folded lines into a file: with one count a line a flame graph, with two the difference.
pub(crate) fn draw(folded: &str, labels: &Labels, path: &Path) -> Result<(), Failure> {
    let mut options = Options::default();
    options.title.clone_from(&labels.title);
    options.count_name = labels.unit.into();
    options.colors = color::Palette::Multi(color::MultiPalette::Rust);
    options.direction = Direction::Inverted;
    // Narrower frames cannot be read and make the picture large.
    options.min_width = 0.1;
    options.deterministic = true;
    let mut svg = Vec::new();
    let drawn = flamegraph::from_lines(&mut options, folded.lines(), &mut svg);
    drawn.and_then(|()| std::fs::write(path, svg)).map_err(Failure::at(path))
}
