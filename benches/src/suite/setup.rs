//! What a part is given: cores, clock, how much to measure, and whom to tell how far it is.

use crate::clock::Scale;
use crate::cores::Cores;
use crate::round_trip;
use crate::table::{Apart, Column, Measured, Progress, Table};
use core::fmt;
use core::ops::ControlFlow;

/// How long rounds are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Long enough to be believed.
    Full,
    /// To look around.
    Quick,
    /// To see that everything runs: the figures mean nothing.
    Tiny,
}

/// What a part is given.
pub struct Setup {
    /// Where publishers and readers run. The caller is pinned to the near one.
    pub cores: Cores,
    /// Nanoseconds of a tick.
    pub scale: Scale,
    /// Rounds of each row.
    pub rounds: usize,
    /// How long rounds are.
    pub size: Size,
    /// Told before each round of each row; `Break` ends the table.
    pub progress: Box<Progress>,
}

impl Setup {
    /// Calibrates the clock. The caller has pinned itself to `cores.near`.
    #[must_use]
    pub fn new(cores: Cores, size: Size) -> Self {
        let rounds = match size {
            Size::Full => 101,
            Size::Quick => 9,
            Size::Tiny => 1,
        };
        Self { cores, scale: Scale::calibrate(), rounds, size, progress: Box::new(|_| ControlFlow::Continue(())) }
    }

    /// One of three, by size.
    #[must_use]
    pub fn pick<T>(&self, full: T, quick: T, tiny: T) -> T {
        match self.size {
            Size::Full => full,
            Size::Quick => quick,
            Size::Tiny => tiny,
        }
    }

    /// Events of one round of a throughput, a multiple of a batch.
    #[must_use]
    pub fn events(&self) -> usize {
        self.pick(1 << 16, 1 << 15, 1 << 10)
    }

    /// How far apart the cores are now: a round trip of bare atomics, in nanoseconds. A hypervisor may move them at any time.
    #[must_use]
    pub fn round_trip_ns(&self) -> f64 {
        round_trip::median_ns(self.cores, self.scale, self.pick(1_000, 1_000, 50))
    }

    /// An empty table whose rounds are sorted by how far apart the cores stand.
    #[must_use]
    pub fn table<'a>(&self, title: &str, columns: &[Column]) -> Table<'a> {
        let (cores, scale, trips) = (self.cores, self.scale, self.pick(1_000, 1_000, 50));
        Table::new(title, columns, move || round_trip::distance(cores, scale, trips))
    }

    /// An empty table of what does not depend on how far apart the cores stand.
    #[must_use]
    pub fn table_anywhere<'a>(&self, title: &str, columns: &[Column]) -> Table<'a> {
        Table::new(title, columns, || Apart::Any)
    }

    /// Runs all rounds of a table.
    #[must_use]
    pub fn run(&self, table: Table<'_>) -> Measured {
        table.run(self.rounds, &*self.progress)
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, scale, rounds, size, progress: _ } = self;
        f.debug_struct("Setup")
            .field("cores", cores)
            .field("scale", scale)
            .field("rounds", rounds)
            .field("size", size)
            .finish_non_exhaustive()
    }
}
