//! Many cases, one round of each in turn, again and again; then medians and spreads, as Markdown and as JSON.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// What one round of one case found: one figure for each column.
pub type Figures = Vec<f64>;

/// One row: a name and how to run one round of it.
pub struct Case<'a> {
    name: String,
    run: Box<dyn FnMut() -> Figures + 'a>,
    rounds: Vec<Figures>,
}

/// A table under construction: cases that are compared with each other, and so run interleaved.
pub struct Table<'a> {
    title: String,
    columns: Vec<String>,
    cases: Vec<Case<'a>>,
}

/// One column of one row, over all rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Lowest of all rounds.
    pub min: f64,
    /// A quarter of the rounds is below.
    pub low: f64,
    /// Half of the rounds is below.
    pub median: f64,
    /// A quarter of the rounds is above.
    pub high: f64,
    /// Highest of all rounds.
    pub max: f64,
}

impl Spread {
    /// Of unsorted figures.
    ///
    /// # Panics
    /// If there is none, or one is not a number.
    #[must_use]
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |quarter: usize| figures[(figures.len() - 1) * quarter / 4];
        Self { min: at(0), low: at(1), median: at(2), high: at(3), max: at(4) }
    }
}

impl<'a> Table<'a> {
    /// An empty table; `columns` name the figures of each row, unit included.
    #[must_use]
    pub fn new(title: &str, columns: &[&str]) -> Self {
        Self { title: title.into(), columns: columns.iter().map(|&c| c.into()).collect(), cases: Vec::new() }
    }

    /// Adds a row.
    #[must_use]
    pub fn case(mut self, name: &str, run: impl FnMut() -> Figures + 'a) -> Self {
        self.cases.push(Case { name: name.into(), run: Box::new(run), rounds: Vec::new() });
        self
    }

    /// Runs `rounds` rounds: one of each case, in order, then the next.
    #[must_use]
    pub fn run(mut self, rounds: usize) -> Measured {
        for round in 0..rounds {
            if std::io::stderr().is_terminal() {
                eprint!("\r{}: round {} of {rounds}\x1b[K", self.title, round + 1);
            }
            for case in &mut self.cases {
                let figures = (case.run)();
                assert_eq!(figures.len(), self.columns.len(), "{}: one figure for each column", case.name);
                case.rounds.push(figures);
            }
        }
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        let rows = self.cases.into_iter().map(|case| Row { name: case.name, rounds: case.rounds }).collect();
        Measured { title: self.title, columns: self.columns, rounds, rows }
    }
}

/// A finished table.
#[derive(Clone, Debug)]
pub struct Measured {
    title: String,
    columns: Vec<String>,
    rounds: usize,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    name: String,
    rounds: Vec<Figures>,
}

impl Row {
    fn spread(&self, column: usize) -> Spread {
        Spread::of(self.rounds.iter().map(|round| round[column]).collect())
    }
}

impl Measured {
    /// # Panics
    /// If there is no such row.
    fn row(&self, name: &str) -> &Row {
        let found = self.rows.iter().find(|row| row.name == name);
        found.unwrap_or_else(|| panic!("no row {name:?} in {}", self.title))
    }

    /// The names of the rows.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.name.as_str())
    }

    /// One row over another, round by round: the two stood next to each other in time, so what the machine did meanwhile cancels.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[must_use]
    pub fn ratio(&self, ours: &str, theirs: &str, column: usize) -> Spread {
        let pairs = self.row(ours).rounds.iter().zip(&self.row(theirs).rounds);
        Spread::of(pairs.map(|(ours, theirs)| ours[column] / theirs[column]).collect())
    }

    /// A Markdown table: median (lower quartile to upper quartile).
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text =
            format!("**{}** ({} rounds; median, and the middle half of the rounds)\n\n|", self.title, self.rounds);
        self.columns.iter().fold(&mut text, |text, column| {
            let _ = write!(text, " | {column}");
            text
        });
        text.push_str(" |\n|---");
        text.push_str(&"|---:".repeat(self.columns.len()));
        text.push_str("|\n");
        for row in &self.rows {
            let _ = write!(text, "| {}", row.name);
            for s in (0..self.columns.len()).map(|column| row.spread(column)) {
                let _ = write!(text, " | {} ({}-{})", short(s.median), short(s.low), short(s.high));
            }
            text.push_str(" |\n");
        }
        text
    }

    /// The same with all five figures of each spread, as one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let json = |row: &Row| {
            let columns = self.columns.iter().enumerate().map(|(i, c)| {
                let s = row.spread(i);
                format!(
                    "\"{c}\":{{\"min\":{:.3},\"low\":{:.3},\"median\":{:.3},\"high\":{:.3},\"max\":{:.3}}}",
                    s.min, s.low, s.median, s.high, s.max
                )
            });
            format!("{{\"name\":\"{}\",{}}}", row.name, columns.collect::<Vec<_>>().join(","))
        };
        let rows: Vec<String> = self.rows.iter().map(json).collect();
        format!("{{\"title\":\"{}\",\"rounds\":{},\"rows\":[{}]}}", self.title, self.rounds, rows.join(","))
    }
}

/// Three significant digits are more than the machine can tell.
fn short(figure: f64) -> String {
    if figure < 10.0 {
        format!("{figure:.2}")
    } else if figure < 100.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.0}")
    }
}

/// p50, p99 and p99.9 of one round, in the unit that `scale` makes of a tick.
///
/// # Panics
/// If `ticks` is empty.
#[must_use]
pub fn percentiles(mut ticks: Vec<u64>, scale: impl Fn(f64) -> f64) -> Figures {
    ticks.sort_unstable();
    [500, 990, 999].iter().map(|&per_mille| scale(ticks[(ticks.len() - 1) * per_mille / 1_000] as f64)).collect()
}
