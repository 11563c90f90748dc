//! Many cases, one round of each in turn, again and again; then medians and spreads, as Markdown and as JSON.
//!
//! Before and after each round of each case the distance of the two cores is probed: a hypervisor moves virtual cores about, and
//! what is measured while they stand near is not to be mixed with what is measured while they stand far apart.

use crate::bars::Sense;
use core::ops::ControlFlow;
use std::fmt::Write as _;

/// What one round of one case found: one figure for each column. What a row has no figure for is NaN: it is shown as `-`.
pub type Figures = Vec<f64>;

/// One round of one case.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// One figure for each column.
    pub figures: Figures,
    /// Of a latency: its [`curve`](crate::latency). Empty otherwise.
    pub curve: Vec<f64>,
}

impl From<Figures> for Sample {
    fn from(figures: Figures) -> Self {
        Self { figures, curve: Vec::new() }
    }
}

/// What a column holds.
#[derive(Clone, Debug)]
pub struct Column {
    name: String,
    better: Option<Sense>,
}

impl Column {
    /// Less is better. `name` with its unit.
    #[must_use]
    pub fn less(name: &str) -> Self {
        Self { name: name.into(), better: Some(Sense::AtMost) }
    }

    /// More is better. `name` with its unit.
    #[must_use]
    pub fn more(name: &str) -> Self {
        Self { name: name.into(), better: Some(Sense::AtLeast) }
    }

    /// Told, but not compared. `name` with its unit.
    #[must_use]
    pub fn plain(name: &str) -> Self {
        Self { name: name.into(), better: None }
    }

    /// The name, with its unit.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which way is good: at most what a peer has, or at least; `None` for what is only told.
    #[must_use]
    pub fn better(&self) -> Option<Sense> {
        self.better
    }
}

/// Whose row it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This project's.
    Ours,
    /// Somebody else's: ours has to explain itself where it is behind.
    Peer,
    /// What nothing can beat, or what the platform does by itself: it stands beside and is not compared.
    Limit,
}

/// Where a table under way stands.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The table's title.
    pub title: &'a str,
    /// The row that is measured next.
    pub row: &'a str,
    /// Rounds that are done.
    pub round: usize,
    /// Rounds to do.
    pub rounds: usize,
}

/// Told before each round of each row; `Break` ends the table after the rounds that are complete.
pub type Progress = dyn Fn(&Step<'_>) -> ControlFlow<()>;

/// How far apart the two cores are, by the round trip of bare atomics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// Below 110 ns: two hardware threads of one core.
    OneCore,
    /// Below 250 ns: two cores with a cache in common.
    Near,
    /// Two cores without.
    Far,
    /// It does not matter for what is measured.
    Any,
}

impl Apart {
    /// All, from near to far.
    pub const ALL: [Self; 4] = [Self::OneCore, Self::Near, Self::Far, Self::Any];

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
            Self::Any => "at any distance of the cores",
        }
    }
}

/// One row under construction: a name and how to run one round of it.
struct Case<'a> {
    name: String,
    whose: Whose,
    run: Box<dyn FnMut() -> Sample + 'a>,
    rounds: Vec<Round>,
}

/// One round of one case; `apart` where the cores did not move meanwhile.
#[derive(Clone, Debug)]
struct Round {
    sample: Sample,
    apart: Option<Apart>,
}

/// A table under construction: cases that are compared with each other, and so run interleaved.
pub struct Table<'a> {
    title: String,
    columns: Vec<Column>,
    cases: Vec<Case<'a>>,
    whys: Vec<Why>,
    probe: Box<dyn FnMut() -> Apart + 'a>,
}

/// Why a row of ours is behind in a column.
#[derive(Clone, Debug)]
struct Why {
    row: String,
    column: usize,
    sentence: String,
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
    /// An empty table. `probe` says how far apart the cores are now.
    #[must_use]
    pub fn new(title: &str, columns: &[Column], probe: impl FnMut() -> Apart + 'a) -> Self {
        let (cases, whys) = (Vec::new(), Vec::new());
        Self { title: title.into(), columns: columns.to_vec(), cases, whys, probe: Box::new(probe) }
    }

    /// Adds a row of this project.
    #[must_use]
    pub fn ours<S: Into<Sample>>(self, name: &str, run: impl FnMut() -> S + 'a) -> Self {
        self.case(Whose::Ours, name, run)
    }

    /// Adds a peer's row.
    #[must_use]
    pub fn peer<S: Into<Sample>>(self, name: &str, run: impl FnMut() -> S + 'a) -> Self {
        self.case(Whose::Peer, name, run)
    }

    /// Adds a limit or a baseline.
    #[must_use]
    pub fn limit<S: Into<Sample>>(self, name: &str, run: impl FnMut() -> S + 'a) -> Self {
        self.case(Whose::Limit, name, run)
    }

    fn case<S: Into<Sample>>(mut self, whose: Whose, name: &str, mut run: impl FnMut() -> S + 'a) -> Self {
        let run = Box::new(move || run().into());
        self.cases.push(Case { name: name.into(), whose, run, rounds: Vec::new() });
        self
    }

    /// Says why row `row` of ours is behind a peer in column `column`, for where it is: one sentence.
    #[must_use]
    pub fn why(mut self, row: &str, column: usize, sentence: &str) -> Self {
        debug_assert!(column < self.columns.len(), "{}: no column {column}", self.title);
        self.whys.push(Why { row: row.into(), column, sentence: sentence.into() });
        self
    }

    /// Runs `rounds` rounds: one of each case, in order, then the next.
    ///
    /// # Panics
    /// If a case has not one figure for each column.
    #[must_use]
    pub fn run(mut self, rounds: usize, progress: &Progress) -> Measured {
        let mut before = (self.probe)();
        for round in 0..rounds {
            if self.round(round, rounds, &mut before, progress).is_break() {
                self.cases.iter_mut().for_each(|case| case.rounds.truncate(round));
                break;
            }
        }
        let row = |case: Case<'_>| Row { name: case.name, whose: case.whose, rounds: case.rounds };
        let rows = self.cases.into_iter().map(row).collect();
        Measured { title: self.title, columns: self.columns, rows, whys: self.whys, asked: rounds }
    }

    fn round(&mut self, round: usize, rounds: usize, before: &mut Apart, progress: &Progress) -> ControlFlow<()> {
        for case in &mut self.cases {
            progress(&Step { title: &self.title, row: &case.name, round, rounds })?;
            let sample = (case.run)();
            assert_eq!(sample.figures.len(), self.columns.len(), "{}: one figure for each column", case.name);
            let after = (self.probe)();
            case.rounds.push(Round { sample, apart: (*before == after).then_some(after) });
            *before = after;
        }
        ControlFlow::Continue(())
    }
}

/// A finished table.
#[derive(Clone, Debug)]
pub struct Measured {
    title: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    whys: Vec<Why>,
    asked: usize,
}

/// A finished row.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    whose: Whose,
    rounds: Vec<Round>,
}

impl Row {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose it is.
    #[must_use]
    pub fn whose(&self) -> Whose {
        self.whose
    }

    /// The rounds at which the cores stood `apart`.
    fn at(&self, apart: Apart) -> impl Iterator<Item = &Sample> {
        self.rounds.iter().filter(move |round| round.apart == Some(apart)).map(|round| &round.sample)
    }

    /// All rounds: the figures, and how far apart the cores stood where they did not move.
    pub fn rounds(&self) -> impl Iterator<Item = (&[f64], Option<Apart>)> {
        self.rounds.iter().map(|round| (round.sample.figures.as_slice(), round.apart))
    }

    /// One column over the rounds at which the cores stood `apart`; `None` where there is no figure.
    #[must_use]
    pub fn spread(&self, column: usize, apart: Apart) -> Option<Spread> {
        Spread::of(self.at(apart).map(|sample| sample.figures[column]).filter(|figure| !figure.is_nan()).collect())
    }

    /// Of a latency: the median over the rounds of each point of the [`curve`](crate::latency); empty for what is none.
    #[must_use]
    pub fn curve(&self, apart: Apart) -> Vec<f64> {
        let points = self.at(apart).map(|sample| sample.curve.len()).min().unwrap_or(0);
        let median = |point: usize| Spread::of(self.at(apart).map(|sample| sample.curve[point]).collect());
        (0..points).filter_map(|point| Some(median(point)?.median)).collect()
    }
}

/// Where a row of ours is behind the best peer.
#[derive(Clone, Debug)]
pub struct Behind {
    /// The row of ours.
    pub ours: String,
    /// The peer it stands worst against.
    pub peer: String,
    /// The column.
    pub column: String,
    /// Ours over the peer's, round by round.
    pub ratio: Spread,
    /// The sentence of the part that measured it; `None` where none is known.
    pub why: Option<String>,
}

/// Nearer than this is not behind: the figures have three digits.
const ALIKE: f64 = 0.01;

impl Measured {
    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// # Panics
    /// If there is no such row.
    fn row(&self, name: &str) -> &Row {
        let found = self.rows.iter().find(|row| row.name == name);
        found.unwrap_or_else(|| panic!("no row {name:?} in {}", self.title))
    }

    fn whose(&self, whose: Whose) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.whose == whose)
    }

    /// The names of the peers' rows.
    #[must_use]
    pub fn peers(&self) -> Vec<&str> {
        self.whose(Whose::Peer).map(Row::name).collect()
    }

    /// How many rounds every row has at least, with the cores standing `apart`.
    #[must_use]
    pub fn rounds(&self, apart: Apart) -> usize {
        self.rows.iter().map(|row| row.at(apart).count()).min().unwrap_or(0)
    }

    /// The distances at which there are enough rounds to say something.
    pub fn enough(&self) -> impl Iterator<Item = Apart> {
        /// Fewer rounds than this say nothing, but where no more were asked for.
        const ROUNDS_MIN: usize = 5;
        let enough = ROUNDS_MIN.min(self.asked).max(1);
        Apart::ALL.into_iter().filter(move |&apart| self.rounds(apart) >= enough)
    }

    /// One row over another, round by round: the two stood next to each other in time, and the cores as far apart.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[must_use]
    pub fn ratio(&self, ours: &str, theirs: &str, column: usize, apart: Apart) -> Option<Spread> {
        let pairs = self.row(ours).rounds.iter().zip(&self.row(theirs).rounds);
        let alike = pairs.filter(|(ours, theirs)| ours.apart == Some(apart) && theirs.apart == Some(apart));
        let ratio = |(ours, theirs): (&Round, &Round)| ours.sample.figures[column] / theirs.sample.figures[column];
        Spread::of(alike.map(ratio).filter(|ratio| ratio.is_finite()).collect())
    }

    /// Each row of ours and column where a peer is better, with the best of them and the reason.
    #[must_use]
    pub fn behind(&self, apart: Apart) -> Vec<Behind> {
        let columns = || self.columns.iter().enumerate().filter_map(|(i, column)| Some((i, column, column.better?)));
        let found = self.whose(Whose::Ours).flat_map(|ours| {
            columns().filter_map(move |(i, column, better)| {
                let (peer, ratio) = self.worst(&ours.name, &self.peers(), i, better, apart)?;
                let is_behind = match better {
                    Sense::AtMost => ratio.median > 1.0 + ALIKE,
                    Sense::AtLeast => ratio.median < 1.0 - ALIKE,
                };
                let why = self.whys.iter().find(|why| why.row == ours.name && why.column == i);
                let why = why.map(|why| why.sentence.clone());
                let (ours, column) = (ours.name.clone(), column.name.clone());
                is_behind.then(|| Behind { ours, peer: peer.into(), column, ratio, why })
            })
        });
        found.collect()
    }

    /// The row of `theirs` that `ours` stands worst against, and how.
    pub(crate) fn worst<'a>(
        &self,
        ours: &str,
        theirs: &[&'a str],
        column: usize,
        better: Sense,
        apart: Apart,
    ) -> Option<(&'a str, Spread)> {
        let ratios = theirs.iter().filter_map(|&theirs| Some((theirs, self.ratio(ours, theirs, column, apart)?)));
        let by_median = |a: &(&str, Spread), b: &(&str, Spread)| a.1.median.total_cmp(&b.1.median);
        match better {
            Sense::AtMost => ratios.max_by(by_median),
            Sense::AtLeast => ratios.min_by(by_median),
        }
    }

    /// A Markdown table of the rounds at which the cores stood `apart`: median (lower quartile to upper quartile). Behind it, where ours is
    /// behind a peer, and why.
    #[must_use]
    pub fn markdown(&self, apart: Apart) -> String {
        let rounds = self.rounds(apart);
        let mut text = format!("**{}; {}** (at least {rounds} rounds)\n\n|", self.title, apart.name());
        for column in &self.columns {
            let _ = write!(text, " | {}", column.name);
        }
        text.push_str(" |\n|---");
        text.push_str(&"|---:".repeat(self.columns.len()));
        text.push_str("|\n");
        for row in &self.rows {
            let _ = write!(text, "| {}", row.name);
            for column in 0..self.columns.len() {
                let _ = match row.spread(column, apart) {
                    Some(s) => write!(text, " | {} ({}-{})", short(s.median), short(s.low), short(s.high)),
                    None => write!(text, " | -"),
                };
            }
            text.push_str(" |\n");
        }
        for Behind { ours, peer, column, ratio, why } in self.behind(apart) {
            let why = why.as_deref().unwrap_or("No reason is known.");
            let (median, low, high) = (ratio.median, ratio.low, ratio.high);
            let _ = write!(text, "\n- {ours}, {column}: {median:.2} x ({low:.2}-{high:.2}) {peer}. {why}");
        }
        text.push('\n');
        text
    }
}

/// A figure for people. Three significant digits are more than the machine can tell.
#[must_use]
pub fn short(figure: f64) -> String {
    let digits = match figure {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{figure:.digits$}")
}
