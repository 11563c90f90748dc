//! The watchdog of one slot: a pure state machine that is shown where the slot stands, at intervals, and says when its health changes.
//! The service thread feeds it, and the testkit does the same with made-up time.
//!
//! It judges progress, not time alone: each look without progress, while there is something to do, adds one interval and no more,
//! however long ago the look before was. So a process that was stopped, debugged or suspended is not taken for a stuck handler, and an idle
//! slot never is.

use core::fmt;

/// How a slot does, apart from its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Health {
    /// Handling what comes, or idle.
    #[default]
    Well = 0,
    /// More events behind than allowed, and making progress.
    Lagging = 1,
    /// No progress for longer than allowed, with something to do.
    Stuck = 2,
    /// No longer watched: it has stopped, failed or been quarantined.
    Over = 3,
    /// No turn for longer than allowed, with something to do: another slot of its thread is stuck.
    Held = 4,
}

impl Health {
    /// The health that a system event carries as a number; `None`: no such.
    #[must_use]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Well),
            1 => Some(Self::Lagging),
            2 => Some(Self::Stuck),
            3 => Some(Self::Over),
            4 => Some(Self::Held),
            _ => None,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Well => "well",
            Self::Lagging => "lagging",
            Self::Stuck => "stuck",
            Self::Over => "over",
            Self::Held => "held",
        })
    }
}

/// Where a slot stands at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// All below is done.
    pub position: u64,
    /// The sequence last handed to the handler.
    pub at: u64,
    /// How far the slot could go: what is published, and done by those it runs after.
    pub available: u64,
    /// Whether the slot is where its thread is now. One that waits for its turn behind another slot of the thread is not stuck itself.
    pub has_turn: bool,
    /// How long its thread has been where it is, without progress of the slot it is at, in nanoseconds of looks.
    pub thread_still_ns: u64,
    /// Whether its thread is in a callback of it that is no event's: the start, the restart, the end.
    pub in_callback: bool,
    /// Whether it runs: neither starting, nor pausing after a panic.
    pub runs: bool,
    /// Whether it is over for good.
    pub over: bool,
}

/// What is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Time without progress, in nanoseconds; 0: never too much.
    pub stuck_after_ns: u64,
    /// Events behind; 0: never too many.
    pub lag_max: u64,
    /// Time between two looks, in nanoseconds: what one look without progress counts for.
    pub interval_ns: u64,
}

/// A change of health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// From.
    pub from: Health,
    /// To.
    pub to: Health,
    /// How long there has been no progress, in nanoseconds of looks.
    pub stalled_ns: u64,
    /// Events behind.
    pub lag: u64,
}

/// The watchdog of one slot.
///
/// ```
/// use tagring::runtime::watchdog::{Bounds, Health, Standing, Watchdog};
///
/// let mut watchdog = Watchdog::new(Bounds { stuck_after_ns: 30, lag_max: 0, interval_ns: 10 });
/// let busy = Standing { position: 4, at: 4, available: 9, has_turn: true, thread_still_ns: 0, in_callback: false, runs: true, over: false };
/// assert_eq!(watchdog.look(busy), None);
/// assert_eq!((watchdog.look(busy), watchdog.look(busy)), (None, None));
/// assert_eq!(watchdog.look(busy).map(|change| change.to), Some(Health::Stuck));
/// ```
#[derive(Clone, Debug)]
pub struct Watchdog {
    bounds: Bounds,
    last: Option<(u64, u64)>,
    stalled_ns: u64,
    health: Health,
}

impl Watchdog {
    /// A watchdog that has seen nothing yet.
    #[must_use]
    pub const fn new(bounds: Bounds) -> Self {
        Self { bounds, last: None, stalled_ns: 0, health: Health::Well }
    }

    /// How the slot does, as of the last look.
    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// How long there has been no progress, in nanoseconds of looks.
    #[must_use]
    pub const fn stalled_ns(&self) -> u64 {
        self.stalled_ns
    }

    /// One look; says whether the slot's health has changed.
    pub fn look(&mut self, now: Standing) -> Option<Change> {
        let place = (now.position, now.at);
        let moved = self.last.replace(place) != Some(place);
        let has_work = now.available > now.position && now.runs;
        self.stalled_ns = match now.has_turn {
            true if now.in_callback => now.thread_still_ns,
            true if moved || !has_work => 0,
            true => self.stalled_ns.saturating_add(self.bounds.interval_ns),
            false if has_work => now.thread_still_ns,
            false => 0,
        };
        let lag = now.available.saturating_sub(now.position);
        let to = self.judge(&now, lag);
        let from = core::mem::replace(&mut self.health, to);
        (from != to).then_some(Change { from, to, stalled_ns: self.stalled_ns, lag })
    }

    fn judge(&self, now: &Standing, lag: u64) -> Health {
        let Bounds { stuck_after_ns, lag_max, .. } = self.bounds;
        if now.over {
            Health::Over
        } else if stuck_after_ns > 0 && self.stalled_ns >= stuck_after_ns {
            if now.has_turn { Health::Stuck } else { Health::Held }
        } else if lag_max > 0 && lag > self.left_below(lag_max) {
            Health::Lagging
        } else {
            Health::Well
        }
    }

    /// A lagging slot is well again at half the bound, so that one that hovers there does not flap.
    fn left_below(&self, lag_max: u64) -> u64 {
        if self.health == Health::Lagging { lag_max / 2 } else { lag_max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { stuck_after_ns: 100, lag_max: 50, interval_ns: 10 };

    fn standing(position: u64, available: u64) -> Standing {
        Standing {
            position,
            at: position,
            available,
            has_turn: true,
            thread_still_ns: 0,
            in_callback: false,
            runs: true,
            over: false,
        }
    }

    #[test]
    fn issue_4574_a_stuck_handler_is_found_within_its_bound_and_one_look() {
        let mut watchdog = Watchdog::new(BOUNDS);
        let looks = (1..).find(|_| watchdog.look(standing(7, 9)).is_some());
        assert_eq!(looks, Some(11), "the first look has nothing to compare with; ten more make 100");
        assert_eq!((watchdog.health(), watchdog.stalled_ns()), (Health::Stuck, 100));
        let back = watchdog.look(standing(8, 9)).unwrap();
        assert_eq!((back.from, back.to), (Health::Stuck, Health::Well), "one event more, and it is well again");
    }

    #[test]
    fn issue_4574_no_false_alarm_when_idle_paused_or_behind_another_slot() {
        let mut watchdog = Watchdog::new(BOUNDS);
        let quiet = [
            standing(7, 7),
            Standing { has_turn: false, ..standing(7, 9) },
            Standing { runs: false, ..standing(7, 9) },
        ];
        for standing in quiet {
            assert!((0..1_000).all(|_| watchdog.look(standing).is_none()), "{standing:?}");
        }
        // Slow, and moving inside its turn: the position stands, the sequence at hand does not.
        assert!((0..1_000).all(|at| watchdog.look(Standing { at, ..standing(7, 9) }).is_none()));
    }

    #[test]
    fn issue_4574_a_slot_whose_thread_another_one_holds_is_held_and_not_stuck() {
        let mut watchdog = Watchdog::new(BOUNDS);
        let held = |thread_still_ns| Standing { has_turn: false, thread_still_ns, ..standing(7, 9) };
        assert_eq!(watchdog.look(held(90)), None);
        assert_eq!(watchdog.look(held(100)).map(|change| change.to), Some(Health::Held));
        assert_eq!(watchdog.look(standing(8, 9)).map(|change| change.to), Some(Health::Well));
    }

    #[test]
    fn issue_4574_a_callback_that_does_not_return_is_stuck_though_nothing_is_to_be_handled() {
        let mut watchdog = Watchdog::new(BOUNDS);
        let starting = |thread_still_ns| Standing { in_callback: true, runs: false, thread_still_ns, ..standing(7, 7) };
        assert_eq!((watchdog.look(starting(0)), watchdog.look(starting(99))), (None, None));
        assert_eq!(watchdog.look(starting(100)).map(|change| change.to), Some(Health::Stuck));
    }

    #[test]
    fn lag_has_hysteresis_and_stuck_is_the_graver() {
        let mut watchdog = Watchdog::new(BOUNDS);
        let mut to = |position, available| watchdog.look(standing(position, available)).map(|change| change.to);
        assert_eq!(to(0, 51), Some(Health::Lagging));
        assert_eq!(to(10, 40), None, "30 behind: not yet below half of 50");
        assert_eq!(to(20, 45), Some(Health::Well));
        assert_eq!(to(21, 100), Some(Health::Lagging));
        assert_eq!((0..10).find_map(|_| to(21, 100)), Some(Health::Stuck));
        assert_eq!(to(22, 101), Some(Health::Lagging));
        let over = watchdog.look(Standing { over: true, ..standing(22, 101) });
        assert_eq!(over.map(|change| change.to), Some(Health::Over));
    }
}
