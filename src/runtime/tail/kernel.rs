//! What the kernel counts of one slot thread, kept for a while, so that what an outlier met can be looked up afterwards.
//!
//! At each look one system call reads for how long the thread has run: what is missing is found to the length of a look. The files that tell
//! why cost twenty times as much; they are read once a second, and when there is an outlier to explain.

use super::finding::Counted;
use crate::clock::{Clock, Ticks};
use crate::runtime::machine::{CpuTimes, ThreadClock, ThreadTimes};
use std::collections::VecDeque;

/// Looks that are remembered: ten seconds of the default interval.
const LOOKS: usize = 1_024;
/// Readings of files that are remembered.
const READINGS: usize = 64;

/// One slot thread.
pub(super) struct KernelView {
    clock: ThreadClock,
    /// How long it had run at which moment.
    runs: VecDeque<(Ticks, u64)>,
    readings: VecDeque<Reading>,
    /// Whether files were read for an outlier since the last look.
    is_read: bool,
}

struct Reading {
    at: Ticks,
    times: ThreadTimes,
    cores: CpuTimes,
}

impl KernelView {
    pub(super) fn of(thread: u32) -> Self {
        let (runs, readings) = (VecDeque::with_capacity(LOOKS), VecDeque::with_capacity(READINGS));
        Self { clock: ThreadClock::of(thread), runs, readings, is_read: false }
    }

    /// The service thread looks around.
    pub(super) fn begin(&mut self, now: Ticks) {
        self.is_read = false;
        self.look(now);
    }

    /// Writes down for how long the thread has run.
    pub(super) fn look(&mut self, now: Ticks) {
        if let Some(run_ns) = self.clock.run_ns() {
            keep(&mut self.runs, LOOKS, (now, run_ns));
        }
    }

    /// Reads the files for an outlier, unless that was done for another one since the last look.
    pub(super) fn read_once(&mut self, now: Ticks) {
        if !core::mem::replace(&mut self.is_read, true) {
            self.read(now);
        }
    }

    /// Reads the files.
    pub(super) fn read(&mut self, now: Ticks) {
        let Ok(times) = self.clock.read() else { return };
        let cores = std::fs::read_to_string("/proc/stat").map(|text| CpuTimes::parse(&text)).unwrap_or_default();
        keep(&mut self.readings, READINGS, Reading { at: now, times, cores });
    }

    /// What was counted from before `from` to after `to`, both in ticks of `clock`; `None` where that is too long ago, or not over yet.
    pub(super) fn between(&self, from: Ticks, to: Ticks, clock: &Clock) -> Option<Counted> {
        let (began, run_before) = *self.runs.iter().rev().find(|(at, _)| *at <= from)?;
        let (ended, run_after) = *self.runs.iter().find(|(at, _)| *at >= to)?;
        let elapsed_ns = clock.to_ns(ended.since(began));
        let missing_ns = elapsed_ns.saturating_sub(run_after.saturating_sub(run_before));
        let after = self.readings.back()?;
        let before = self.readings.iter().rev().find(|reading| reading.at <= from)?;
        let core = after.times.core.unwrap_or(usize::MAX);
        let around_ns = elapsed_ns.saturating_sub(clock.to_ns(to.since(from)));
        Some(Counted {
            missing_ns,
            around_ns,
            waited_ns: after.times.wait_ns.saturating_sub(before.times.wait_ns).min(missing_ns),
            switched: after.times.turns != before.times.turns,
            minor_faults: after.times.minor_faults.saturating_sub(before.times.minor_faults),
            major_faults: after.times.major_faults.saturating_sub(before.times.major_faults),
            stolen: after.cores.stolen_since(&before.cores, core) > 0,
        })
    }
}

fn keep<T>(all: &mut VecDeque<T>, most: usize, one: T) {
    if all.len() == most {
        all.pop_front();
    }
    all.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_missed_is_found_between_two_looks() {
        let clock = Clock::manual(0).0;
        let mut view = KernelView::of(0);
        let times = ThreadClock::of_this_thread().read().unwrap();
        let reading = |at, wait_ns, turns| Reading {
            at: Ticks(at),
            times: ThreadTimes { wait_ns, turns, ..times },
            cores: CpuTimes::default(),
        };
        view.runs.extend([(Ticks(100), 50), (Ticks(200), 150), (Ticks(300), 180), (Ticks(400), 280)]);
        view.readings.extend([reading(90, 7, 1), reading(410, 57, 2)]);
        let unknown = KernelView::of(0).between(Ticks(1), Ticks(2), &clock);
        assert_eq!(unknown, None, "nothing was read before");
        let between = |from, to| view.between(Ticks(from), Ticks(to), &clock);
        let counted = Counted { missing_ns: 70, around_ns: 20, waited_ns: 50, switched: true, ..Counted::default() };
        assert_eq!(between(210, 290), Some(counted));
        assert_eq!(between(110, 190).unwrap().missing_ns, 0);
        assert_eq!((between(50, 190), between(210, 500)), (None, None));
    }

    #[test]
    fn this_thread_is_seen_running_and_readings_are_bounded() {
        let clock = Clock::monotonic();
        let mut view = KernelView::of(ThreadClock::of_this_thread().thread());
        (0..2 * READINGS).for_each(|_| {
            view.look(clock.now());
            view.read(clock.now());
        });
        view.look(clock.now());
        assert_eq!((view.readings.len(), view.runs.len()), (READINGS, 2 * READINGS + 1));
        let (from, to) = (view.runs[2 * READINGS - 2].0, view.runs[2 * READINGS].0);
        assert!(view.between(from, to, &clock).is_some());
    }
}
