//! The bars: what the ring has to do better than what is there, each the median of the ratios of rounds that stood
//! next to each other.

use crate::table::{Apart, Measured, Spread};
use core::fmt;

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// The ratio may be this much at most.
    AtMost,
    /// The ratio must be this much at least.
    AtLeast,
}

/// One bar and where this run stands.
#[derive(Clone, Debug)]
pub struct Bar {
    what: String,
    against: String,
    ratio: Spread,
    sense: Sense,
    bar: f64,
    form: Form,
}

/// What is held against the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Ours over theirs.
    Ratio,
    /// Ours less theirs, in the column's unit.
    Difference,
}

impl Bar {
    /// Column `column` of `table`: row `ours` over the best of the rows `theirs`, held against `bar`, with the cores standing `apart`.
    /// The best is the one that `ours` stands worst against; `None` where there were no such rounds.
    #[must_use]
    pub fn new(
        what: &str,
        (table, column): (&Measured, usize),
        ours: &str,
        theirs: &[&str],
        rule: (Sense, f64),
        apart: Apart,
    ) -> Option<Self> {
        let (sense, bar) = rule;
        let (against, ratio) = table.worst(ours, theirs, column, sense, apart)?;
        Some(Self {
            what: format!("{what}; {}", apart.name()),
            against: against.into(),
            ratio,
            sense,
            bar,
            form: Form::Ratio,
        })
    }

    /// Column `column` of `table`: row `ours` may be `most` more than row `theirs`, in the column's unit.
    #[must_use]
    pub fn difference(
        what: &str,
        (table, column): (&Measured, usize),
        (ours, theirs): (&str, &str),
        most: f64,
        apart: Apart,
    ) -> Option<Self> {
        let difference = table.difference(ours, theirs, column, apart)?;
        let what = format!("{what}; {}", apart.name());
        let (sense, form) = (Sense::AtMost, Form::Difference);
        Some(Self { what, against: theirs.into(), ratio: difference, sense, bar: most, form })
    }

    /// Whether it is a ratio that is held against the bar, or a difference.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// What is held against what, and how far apart the cores stood.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The row of the best peer, or of the limit.
    #[must_use]
    pub fn against(&self) -> &str {
        &self.against
    }

    /// Ours over theirs, or less theirs, round by round.
    #[must_use]
    pub fn ratio(&self) -> Spread {
        self.ratio
    }

    /// What is asked of the median of the ratios.
    #[must_use]
    pub fn asked(&self) -> (Sense, f64) {
        (self.sense, self.bar)
    }

    /// Whether this run passes it.
    #[must_use]
    pub fn is_met(&self) -> bool {
        match self.sense {
            Sense::AtMost => self.ratio.median <= self.bar,
            Sense::AtLeast => self.ratio.median >= self.bar,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.sense == Sense::AtMost { "<=" } else { ">=" };
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        let Self { what, against, ratio, bar, .. } = self;
        if self.form == Form::Difference {
            let Spread { median, low, high, .. } = ratio;
            return write!(
                f,
                "| {what} | {sign} {against} + {bar:.2} | + {median:.2} ({low:.2}-{high:.2}) | {verdict} |"
            );
        }
        write!(
            f,
            "| {what} | {sign} {bar:.2} x {against} | {:.2} x ({:.2}-{:.2}) | {verdict} |",
            ratio.median, ratio.low, ratio.high
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Bar, Sense};
    use crate::table::{Apart, Column, Measured, Table};
    use core::ops::ControlFlow;

    fn table() -> Measured {
        let mut ours = [10.0, 12.0, 50.0].into_iter();
        let mut near = [10.0, 10.0, 40.0].into_iter();
        Table::new("t", &[Column::less("ns")], || Apart::Any)
            .ours("ours", move || vec![ours.next().expect("three rounds")])
            .peer("near", move || vec![near.next().expect("three rounds")])
            .peer("far off", || vec![100.0])
            .run(3, &|_| ControlFlow::Continue(()))
    }

    #[test]
    fn a_bar_is_held_against_the_peer_that_ours_stands_worst_against() {
        let (table, peers) = (table(), ["near", "far off"]);
        // Ratios to the row beside it: 1, 1.2, 1.25; not 12 / 10, the ratio of the medians, by luck alike.
        let most = |bar| Bar::new("b", (&table, 0), "ours", &peers, (Sense::AtMost, bar), Apart::Any).expect("rounds");
        assert_eq!((most(1.2).against(), most(1.2).ratio().median), ("near", 1.2));
        assert!(most(1.2).is_met() && !most(1.19).is_met());
        let least =
            |bar| Bar::new("b", (&table, 0), "ours", &peers, (Sense::AtLeast, bar), Apart::Any).expect("rounds");
        assert_eq!((least(0.1).against(), least(0.1).ratio().median), ("far off", 0.12));
        assert!(least(0.12).is_met() && !least(0.13).is_met());
        assert_eq!(
            least(0.13).to_string(),
            "| b; at any distance of the cores | >= 0.13 x far off | 0.12 x (0.10-0.12) | MISSED |"
        );
        assert!(most(1.2).to_string().ends_with("| met |"));
    }

    #[test]
    fn a_difference_is_that_of_rounds_that_stood_next_to_each_other() {
        let most = |most| Bar::difference("b", (&table(), 0), ("ours", "near"), most, Apart::Any).expect("rounds");
        assert!(most(2.0).is_met() && !most(1.9).is_met(), "0, 2, 10");
        let text = "| b; at any distance of the cores | <= near + 1.90 | + 2.00 (0.00-2.00) | MISSED |";
        assert_eq!(most(1.9).to_string(), text);
    }

    #[test]
    fn without_rounds_there_is_no_bar() {
        assert!(Bar::new("b", (&table(), 0), "ours", &["near"], (Sense::AtMost, 1.0), Apart::Far).is_none());
    }
}
