//! How far the suite is, on standard error where that is a terminal.

use core::cell::Cell;
use core::ops::ControlFlow;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tagring_benches::table::Step;

/// Redrawn so often, and no more: drawing takes time on a core that is measured, between rounds.
const HZ: u8 = 4;

/// The line: part, table, rounds, time left for this table.
pub(crate) struct Shown {
    bar: ProgressBar,
    round: Cell<usize>,
}

impl Shown {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(HZ));
        let style = ProgressStyle::with_template("{prefix} {msg}  round {pos} of {len}, {eta} left in this table");
        bar.set_style(style.expect("the template is well-formed"));
        Self { bar, round: Cell::new(0) }
    }

    /// The next part begins.
    pub(crate) fn part(&self, name: &str, number: usize, count: usize) {
        self.bar.set_prefix(format!("[{number}/{count}] {name}:"));
    }

    /// The next round of the next row begins.
    pub(crate) fn step(&self, step: &Step<'_>) -> ControlFlow<()> {
        let is_new = self.bar.message() != step.title;
        if is_new {
            self.bar.set_message(step.title.to_owned());
            self.bar.set_length(step.rounds as u64);
            self.bar.set_position(0);
            self.bar.reset_eta();
        } else if self.round.get() != step.round {
            self.bar.set_position(step.round as u64);
        }
        self.round.set(step.round);
        ControlFlow::Continue(())
    }

    /// Makes room for results.
    pub(crate) fn clear(&self) {
        self.bar.suspend(|| {});
        self.bar.set_message("");
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
