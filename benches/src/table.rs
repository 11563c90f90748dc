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
    /// All rounds together, where none of the others has enough of them.
    Moved,
}

impl Apart {
    /// Those that a round can have, from near to far.
    const OF_ROUNDS: [Self; 4] = [Self::OneCore, Self::Near, Self::Far, Self::Any];

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
            Self::Moved => "while the cores moved",
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

impl Round {
    fn is_at(&self, apart: Apart) -> bool {
        apart == Apart::Moved || self.apart == Some(apart)
    }
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
        self.rounds.iter().filter(move |round| round.is_at(apart)).map(|round| &round.sample)
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

    /// How many rounds were measured, whatever the cores did meanwhile.
    #[must_use]
    pub fn rounds_done(&self) -> usize {
        self.rounds(Apart::Moved)
    }

    /// The distances at which there are enough rounds to say something; where there are none, [`Apart::Moved`] alone.
    #[must_use]
    pub fn enough(&self) -> Vec<Apart> {
        /// Fewer rounds than this say nothing, but where no more were asked for.
        const ROUNDS_MIN: usize = 5;
        let enough = ROUNDS_MIN.min(self.asked).max(1);
        let some: Vec<_> = Apart::OF_ROUNDS.into_iter().filter(|&apart| self.rounds(apart) >= enough).collect();
        if some.is_empty() { vec![Apart::Moved] } else { some }
    }

    /// One row over another, round by round: the two stood next to each other in time, and the cores as far apart.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[must_use]
    pub fn ratio(&self, ours: &str, theirs: &str, column: usize, apart: Apart) -> Option<Spread> {
        let pairs = self.row(ours).rounds.iter().zip(&self.row(theirs).rounds);
        let alike = pairs.filter(|(ours, theirs)| ours.is_at(apart) && theirs.is_at(apart));
        let ratio = |(ours, theirs): (&Round, &Round)| ours.sample.figures[column] / theirs.sample.figures[column];
        Spread::of(alike.map(ratio).filter(|ratio| ratio.is_finite()).collect())
    }

    /// Column `column` of row `ours` less that of row `theirs`, as in [`Self::ratio`].
    #[must_use]
    pub fn difference(&self, ours: &str, theirs: &str, column: usize, apart: Apart) -> Option<Spread> {
        let pairs = self.row(ours).rounds.iter().zip(&self.row(theirs).rounds);
        let alike = pairs.filter(|(ours, theirs)| ours.is_at(apart) && theirs.is_at(apart));
        let less = |(ours, theirs): (&Round, &Round)| ours.sample.figures[column] - theirs.sample.figures[column];
        Spread::of(alike.map(less).filter(|less| less.is_finite()).collect())
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
                let why = self.why_behind(&ours.name, i, ratio);
                let (ours, column) = (ours.name.clone(), column.name.clone());
                is_behind.then(|| Behind { ours, peer: peer.into(), column, ratio, why })
            })
        });
        found.collect()
    }

    /// The part's own sentence, or that there is nothing to explain yet.
    fn why_behind(&self, ours: &str, column: usize, ratio: Spread) -> Option<String> {
        let known =
            self.whys.iter().find(|why| why.row == ours && why.column == column).map(|why| why.sentence.clone());
        let is_told_apart = ratio.low > 1.0 || ratio.high < 1.0;
        known.or_else(|| (!is_told_apart).then(|| "The rounds do not tell the two apart.".into()))
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

#[cfg(test)]
mod tests {
    use super::{Apart, Column, Measured, Sample, Table};
    use core::cell::Cell;
    use core::ops::ControlFlow;
    use std::rc::Rc;

    /// A round of a row whose figures are given in advance.
    fn told(rounds: &'static [f64]) -> impl FnMut() -> Vec<f64> {
        let mut rounds = rounds.iter();
        move || vec![*rounds.next().expect("no more rounds than figures")]
    }

    fn run(table: Table<'_>, rounds: usize) -> Measured {
        table.run(rounds, &|_| ControlFlow::Continue(()))
    }

    #[test]
    fn rounds_are_kept_apart_by_the_distance_of_the_cores() {
        // Before the first round, then after each: the second one saw the cores move.
        let distances = [Apart::Near, Apart::Near, Apart::Far, Apart::Far, Apart::Far];
        let mut probes = distances.into_iter();
        let probe = move || probes.next().expect("one before, one after each round");
        let table = run(Table::new("t", &[Column::more("m")], probe).ours("a", told(&[1.0, 2.0, 3.0, 4.0])), 4);
        let spread = |apart| table.rows()[0].spread(0, apart).map(|s| (s.min, s.max));
        assert_eq!((spread(Apart::Near), spread(Apart::Far)), (Some((1.0, 1.0)), Some((3.0, 4.0))));
        assert_eq!(spread(Apart::OneCore), None);
        assert_eq!(table.enough(), [Apart::Moved], "four rounds were asked for, and no distance has them");
        assert_eq!(spread(Apart::Moved), Some((1.0, 4.0)));
    }

    #[test]
    fn rows_are_compared_round_by_round_and_explained_where_they_are_behind() {
        let columns = [Column::less("p50, ns"), Column::more("M/s"), Column::plain("max, ns")];
        let figures = |a: f64, b: f64, c: f64| move || vec![a, b, c];
        let table = Table::new("t", &columns, || Apart::Any)
            .limit("limit", figures(1.0, 99.0, 1.0))
            .ours("ours", figures(20.0, 10.0, 9.0))
            .peer("slow", figures(40.0, 5.0, 1.0))
            .peer("fast", figures(10.0, 8.0, 1.0))
            .why("ours", 0, "It does more.");
        let table = run(table, 2);
        let behind = table.behind(Apart::Any);
        assert_eq!(behind.len(), 1, "not on more M/s, not in a plain column, not against the limit: {behind:?}");
        assert_eq!((behind[0].peer.as_str(), behind[0].column.as_str()), ("fast", "p50, ns"));
        assert_eq!((behind[0].ratio.median, behind[0].why.as_deref()), (2.0, Some("It does more.")));
        assert!(table.markdown(Apart::Any).contains("- ours, p50, ns: 2.00 x (2.00-2.00) fast. It does more.\n"));
        assert_eq!(table.peers(), ["slow", "fast"]);
    }

    #[test]
    fn what_nobody_can_explain_is_said_so_unless_the_rounds_do_not_tell() {
        let table = |ours| {
            let table = Table::new("t", &[Column::more("M/s")], || Apart::Any);
            run(table.ours("ours", told(ours)).peer("peer", || vec![10.0]), 5)
        };
        let lost = table(&[8.0, 8.0, 9.0, 9.0, 9.5]);
        assert!(lost.behind(Apart::Any)[0].why.is_none());
        assert!(lost.markdown(Apart::Any).contains("No reason is known."));
        let open = table(&[7.0, 8.0, 9.0, 12.0, 13.0]);
        assert_eq!(open.behind(Apart::Any)[0].why.as_deref(), Some("The rounds do not tell the two apart."));
        assert!(table(&[9.95, 10.0, 9.95, 10.0, 9.95]).behind(Apart::Any).is_empty(), "three digits do not tell");
    }

    #[test]
    fn a_figure_that_a_row_does_not_have_is_a_dash() {
        let table = Table::new("t", &[Column::more("a"), Column::more("b")], || Apart::Any);
        let table = run(table.ours("ours", || vec![1.0, 2.0]).peer("peer", || vec![f64::NAN, 1.0]), 1);
        assert!(
            table.markdown(Apart::Any).contains("| peer | - | 1.00 (1.00-1.00) |"),
            "{}",
            table.markdown(Apart::Any)
        );
        assert!(table.behind(Apart::Any).is_empty());
    }

    #[test]
    fn a_table_that_is_ended_keeps_only_complete_rounds() {
        let steps = Rc::new(Cell::new(0));
        let table = Table::new("t", &[Column::more("a")], || Apart::Any);
        let table = table.ours("a", || vec![1.0]).peer("b", || vec![1.0]).run(9, &move |step| {
            assert_eq!((step.title, step.rounds, step.round), ("t", 9, steps.get() / 2));
            steps.set(steps.get() + 1);
            if steps.get() == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(table.rows().iter().map(|row| row.rounds().count()).collect::<Vec<_>>(), [1, 1]);
        assert_eq!(table.rounds_done(), 1);
    }

    #[test]
    fn a_curve_is_the_median_of_each_point() {
        let mut rounds = [1.0, 3.0, 2.0].into_iter();
        let mut round = move || rounds.next().expect("three rounds");
        let run_one = move || {
            let at = round();
            Sample { figures: vec![at], curve: vec![at, 10.0 * at] }
        };
        let table = run(Table::new("t", &[Column::less("ns")], || Apart::Any).ours("a", run_one), 3);
        assert_eq!(table.rows()[0].curve(Apart::Any), [2.0, 20.0]);
    }
}
