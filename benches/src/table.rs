//! Many cases, one round of each in turn, again and again; then medians and spreads, as Markdown and as JSON.
//!
//! Before and after each round of each case the distance of the two cores is probed: a hypervisor moves virtual cores about, and
//! what is measured while they stand near is not to be mixed with what is measured while they stand far apart.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// What one round of one case found: one figure for each column.
pub type Figures = Vec<f64>;

/// How far apart the two cores are, by the round trip of bare atomics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// Below 110 ns: two hardware threads of one core.
    OneCore,
    /// Below 250 ns: two cores with a cache in common.
    Near,
    /// Two cores without.
    Far,
}

impl Apart {
    /// All, from near to far.
    pub const ALL: [Self; 3] = [Self::OneCore, Self::Near, Self::Far];

    /// By the median round trip of bare atomics.
    #[must_use]
    pub fn of_ns(round_trip_ns: f64) -> Self {
        match round_trip_ns {
            ..110.0 => Self::OneCore,
            ..250.0 => Self::Near,
            _ => Self::Far,
        }
    }

    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OneCore => "two threads of one core",
            Self::Near => "cores near",
            Self::Far => "cores far apart",
        }
    }
}

/// One row under construction: a name and how to run one round of it.
struct Case<'a> {
    name: String,
    run: Box<dyn FnMut() -> Figures + 'a>,
    rounds: Vec<Round>,
}

/// One round of one case; `apart` where the cores did not move meanwhile.
#[derive(Clone, Debug)]
struct Round {
    figures: Figures,
    apart: Option<Apart>,
}

/// A table under construction: cases that are compared with each other, and so run interleaved.
pub struct Table<'a> {
    title: String,
    columns: Vec<String>,
    cases: Vec<Case<'a>>,
    probe: Box<dyn FnMut() -> Apart + 'a>,
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
    /// Of unsorted figures; `None` where there are none.
    #[must_use]
    pub fn of(mut figures: Vec<f64>) -> Option<Self> {
        if figures.is_empty() {
            return None;
        }
        figures.sort_by(f64::total_cmp);
        let at = |quarter: usize| figures[(figures.len() - 1) * quarter / 4];
        Some(Self { min: at(0), low: at(1), median: at(2), high: at(3), max: at(4) })
    }
}

impl<'a> Table<'a> {
    /// An empty table; `columns` name the figures of each row, unit included.
    #[must_use]
    pub fn new(title: &str, columns: &[&str], probe: impl FnMut() -> Apart + 'a) -> Self {
        let columns = columns.iter().map(|&c| c.into()).collect();
        Self { title: title.into(), columns, cases: Vec::new(), probe: Box::new(probe) }
    }

    /// Adds a row.
    #[must_use]
    pub fn case(mut self, name: &str, run: impl FnMut() -> Figures + 'a) -> Self {
        self.cases.push(Case { name: name.into(), run: Box::new(run), rounds: Vec::new() });
        self
    }

    /// Runs `rounds` rounds: one of each case, in order, then the next.
    ///
    /// # Panics
    /// If a case has not one figure for each column.
    #[must_use]
    pub fn run(mut self, rounds: usize) -> Measured {
        let mut before = (self.probe)();
        for round in 0..rounds {
            if std::io::stderr().is_terminal() {
                eprint!("\r{}: round {} of {rounds}\x1b[K", self.title, round + 1);
            }
            for case in &mut self.cases {
                let figures = (case.run)();
                assert_eq!(figures.len(), self.columns.len(), "{}: one figure for each column", case.name);
                let after = (self.probe)();
                case.rounds.push(Round { figures, apart: (before == after).then_some(after) });
                before = after;
            }
        }
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        let rows = self.cases.into_iter().map(|case| Row { name: case.name, rounds: case.rounds }).collect();
        Measured { title: self.title, columns: self.columns, rows }
    }
}

/// A finished table.
#[derive(Clone, Debug)]
pub struct Measured {
    title: String,
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    name: String,
    rounds: Vec<Round>,
}

impl Row {
    fn at(&self, apart: Apart) -> impl Iterator<Item = &Figures> {
        self.rounds.iter().filter(move |round| round.apart == Some(apart)).map(|round| &round.figures)
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

    /// How many rounds every row has at least, with the cores standing `apart`.
    #[must_use]
    pub fn rounds(&self, apart: Apart) -> usize {
        self.rows.iter().map(|row| row.at(apart).count()).min().unwrap_or(0)
    }

    /// One row over another, round by round: the two stood next to each other in time, and the cores as far apart.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[must_use]
    pub fn ratio(&self, ours: &str, theirs: &str, column: usize, apart: Apart) -> Option<Spread> {
        let pairs = self.row(ours).rounds.iter().zip(&self.row(theirs).rounds);
        let alike = pairs.filter(|(ours, theirs)| ours.apart == Some(apart) && theirs.apart == Some(apart));
        Spread::of(alike.map(|(ours, theirs)| ours.figures[column] / theirs.figures[column]).collect())
    }

    /// A Markdown table of the rounds at which the cores stood `apart`: median (lower quartile to upper quartile).
    #[must_use]
    pub fn markdown(&self, apart: Apart) -> String {
        let rounds = self.rounds(apart);
        let mut text = format!("**{}; {}** (at least {rounds} rounds)\n\n|", self.title, apart.name());
        for column in &self.columns {
            let _ = write!(text, " | {column}");
        }
        text.push_str(" |\n|---");
        text.push_str(&"|---:".repeat(self.columns.len()));
        text.push_str("|\n");
        for row in &self.rows {
            let _ = write!(text, "| {}", row.name);
            for column in 0..self.columns.len() {
                let _ = match Spread::of(row.at(apart).map(|figures| figures[column]).collect()) {
                    Some(s) => write!(text, " | {} ({}-{})", short(s.median), short(s.low), short(s.high)),
                    None => write!(text, " | -"),
                };
            }
            text.push_str(" |\n");
        }
        text
    }

    /// All rounds, as one JSON object: of each row the figures of each round and how far apart the cores stood.
    #[must_use]
    pub fn json(&self) -> String {
        let round = |round: &Round| {
            let apart = round.apart.map_or("null".into(), |apart| format!("\"{}\"", apart.name()));
            format!("{{\"apart\":{apart},\"figures\":{:?}}}", round.figures)
        };
        let row = |row: &Row| {
            let rounds: Vec<String> = row.rounds.iter().map(round).collect();
            format!("{{\"name\":\"{}\",\"rounds\":[{}]}}", row.name, rounds.join(","))
        };
        let rows: Vec<String> = self.rows.iter().map(row).collect();
        format!("{{\"title\":\"{}\",\"columns\":{:?},\"rows\":[{}]}}", self.title, self.columns, rows.join(","))
    }
}

/// Three significant digits are more than the machine can tell.
fn short(figure: f64) -> String {
    let digits = match figure {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{figure:.digits$}")
}

/// p50, p99 and p99.9 of one round, in the unit that `scale` makes of a tick.
///
/// Some counters move in steps of 10 ns. Each reading stands for the whole step around it, and the readings of one step are spread
/// over it evenly: otherwise a median of 150 ns could only change by 7 %.
///
/// # Panics
/// If `ticks` is empty.
#[must_use]
pub fn percentiles(mut ticks: Vec<u64>, scale: impl Fn(f64) -> f64) -> Figures {
    ticks.sort_unstable();
    let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).filter(|&gap| gap > 0).min().unwrap_or(0) as f64;
    let at = |per_mille: usize| {
        let rank = (ticks.len() - 1) * per_mille / 1_000;
        let tick = ticks[rank];
        let (first, end) = (ticks.partition_point(|&t| t < tick), ticks.partition_point(|&t| t <= tick));
        let share = ((rank - first) as f64 + 0.5) / (end - first) as f64;
        scale((tick as f64 + step * (share - 0.5)).max(0.0))
    };
    vec![at(500), at(990), at(999)]
}
