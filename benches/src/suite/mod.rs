//! The suite: one file for each part, one line for each in [`PARTS`]. `benches/tail.rs` and `tagring bench` run it.
//!
//! A part is a function from a [`Setup`] to what it [`Found`]: tables, bars, courses. It runs on `setup.cores.near`, where the
//! caller is pinned. To add one, write `suite/<name>.rs` with a `pub(super) const PART: Part` and put it into the list:
//!
//! ```
//! use tagring_benches::suite::{Found, Part, Setup};
//! use tagring_benches::table::Column;
//!
//! const PART: Part = Part { name: "sum", about: "adding up", measure };
//!
//! fn measure(setup: &Setup) -> Found {
//!     let columns = [Column::more("M/s"), Column::plain("allocations")];
//!     let table = setup
//!         .table("Sums", &columns)
//!         .ours("tagring", || vec![1.9, 0.0])
//!         .peer("a peer", || vec![2.0, 1.0])
//!         .why("tagring", 0, "It adds twice.");
//!     let mut found = Found::default();
//!     let table = setup.run(table);
//!     // found.bar("sums", (&table, 0), "tagring", &table.peers(), (Sense::AtLeast, 0.9));
//!     found.tables.push(table);
//!     found
//! }
//! # let _ = PART;
//! ```

mod attribution;
mod burst;
mod clock;
mod dispatch;
mod flood;
mod hop;
mod lanes;
mod lmax;
mod machine;
mod many;
pub mod names;
mod overflow;
mod report;
mod setup;
mod shapes;
mod stream;
#[cfg(test)]
mod tests;
mod trip;

use crate::bars::{Bar, Sense};
use crate::table::Measured;
pub use machine::{machine, machine_line};
pub use report::report;
pub use setup::{Setup, Size};

/// All parts, in the order they run.
pub const PARTS: &[Part] = &[
    clock::PART,
    trip::PART,
    hop::PART,
    stream::LIGHT,
    stream::HEAVY,
    many::PART,
    shapes::BROADCAST,
    shapes::PIPELINE,
    shapes::DIAMOND,
    dispatch::LIGHT,
    dispatch::HEAVY,
    attribution::PART,
    burst::PART,
    overflow::PART,
    lanes::PART,
    flood::PART,
];

/// One part of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it measures, in a line.
    pub about: &'static str,
    /// Measures it.
    pub measure: fn(&Setup) -> Found,
}

/// What a part has found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Tables, in the order they are shown.
    pub tables: Vec<Measured>,
    /// Bars, met or missed.
    pub bars: Vec<Bar>,
    /// Courses over time.
    pub courses: Vec<Course>,
}

/// How something went over time: one plot.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// The title.
    pub title: String,
    /// What the height of a line means, unit included.
    pub height: String,
    /// Lines: a name, and pairs of a time in seconds and a height.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Found {
    /// Holds a column of row `ours` against the best of the rows `theirs`, for each distance with enough rounds.
    pub fn bar(
        &mut self,
        what: &str,
        (table, column): (&Measured, usize),
        ours: &str,
        theirs: &[&str],
        rule: (Sense, f64),
    ) {
        let bar = |apart| Bar::new(what, (table, column), ours, theirs, rule, apart);
        self.bars.extend(table.enough().into_iter().filter_map(bar));
    }
}
