//! How far the suite is, on standard error where that is a terminal; and Ctrl-C, which ends it after the round under way.

use core::cell::Cell;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicBool, Ordering};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::sync::Arc;
use tagring_benches::table::Step;

/// Redrawn so often, and no more: drawing takes time on a core that is measured, between rounds.
const HZ: u8 = 4;

/// Takes Ctrl-C and requests to terminate over: the first one raises the flag, the second ends the process.
///
/// # Errors
/// The system refuses.
pub(crate) fn interruption() -> std::io::Result<Arc<AtomicBool>> {
    let flag = Arc::<AtomicBool>::default();
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED.into(), Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Exit code after Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// The line: part, table, rounds, time left for this table.
pub(crate) struct Shown {
    bar: ProgressBar,
    round: Cell<usize>,
    is_interrupted: Arc<AtomicBool>,
}

impl Shown {
    /// `is_interrupted` comes from [`interruption`].
    pub(crate) fn new(is_interrupted: Arc<AtomicBool>) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(HZ));
        let style = ProgressStyle::with_template("{prefix} {msg}  round {pos} of {len}, {eta} left in this table");
        bar.set_style(style.expect("the template is well-formed"));
        Self { bar, round: Cell::new(0), is_interrupted }
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
        if self.is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Whether what was measured so far is to be told, and no more measured.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::Relaxed)
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
