//! The degradation of one bus: a pure state machine that is shown the load at intervals and says when the mode changes. The service thread of a
//! runtime feeds it; tests feed it made-up loads under made-up time.
//!
//! It gets worse at once, as far as the load demands, and better one mode at a time: only when the load is well below what brought the mode about,
//! and not before the mode has lasted. So a load that hovers about a threshold changes the mode once, and one that swings changes it at most twice
//! in the time that a mode lasts.

use super::mode::Mode;
use core::fmt;

/// What a bus is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Load {
    /// Events that the slowest slot is behind.
    pub lag_events: u64,
    /// Age of the oldest event that a slot has not handled.
    pub age_ns: u64,
    /// Memory of the process.
    pub memory_bytes: u64,
}

/// What brings a mode about: any of these reached. 0: that one never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Threshold {
    /// Events that the slowest slot is behind.
    pub lag_events: u64,
    /// Age of the oldest event that a slot has not handled.
    pub age_ns: u64,
    /// Memory of the process.
    pub memory_bytes: u64,
}

/// When modes are entered and left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// What brings about [`Mode::Degraded`], [`Mode::Shedding`] and [`Mode::Halted`].
    pub enter: [Threshold; 3],
    /// A mode is left when the load is below this share of what brings it about.
    pub leave_percent: u64,
    /// A mode lasts at least so long before a better one follows.
    pub stay_ns: u64,
}

impl Default for Thresholds {
    /// No mode comes about by itself; left at half, after a second.
    fn default() -> Self {
        Self { enter: [Threshold::default(); 3], leave_percent: 50, stay_ns: 1_000_000_000 }
    }
}

/// Why a mode changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum ModeCause {
    /// The load is gone.
    #[default]
    Recovered = 0,
    /// A slot is too many events behind.
    Lag = 1,
    /// An event waits for too long.
    Age = 2,
    /// The process takes too much memory.
    Memory = 3,
    /// An operator's hand.
    Hand = 4,
}

impl ModeCause {
    /// The cause that a system event carries as a number; `None`: no such.
    #[must_use]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Recovered),
            1 => Some(Self::Lag),
            2 => Some(Self::Age),
            3 => Some(Self::Memory),
            4 => Some(Self::Hand),
            _ => None,
        }
    }
}

impl fmt::Display for ModeCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Recovered => "the load is gone",
            Self::Lag => "events behind",
            Self::Age => "ns that the oldest event waits",
            Self::Memory => "bytes of memory",
            Self::Hand => "by hand",
        })
    }
}

/// A change of mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeChange {
    /// From.
    pub from: Mode,
    /// To.
    pub to: Mode,
    /// Why.
    pub cause: ModeCause,
    /// What was measured; 0 where nothing was.
    pub value: u64,
    /// What is too much; 0 where nothing was measured.
    pub limit: u64,
}

impl fmt::Display for ModeChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, cause, value, limit } = self;
        write!(f, "{to}, was {from}: ")?;
        match cause {
            ModeCause::Recovered | ModeCause::Hand => cause.fmt(f),
            _ => write!(f, "{value} {cause}, {limit} is too much"),
        }
    }
}

/// The degradation of one bus.
///
/// ```
/// use tagring::guard::{Degradation, Load, Mode, Threshold, Thresholds};
///
/// let at = |lag_events| Threshold { lag_events, ..Threshold::default() };
/// let thresholds = Thresholds { enter: [at(100), at(1_000), at(0)], leave_percent: 50, stay_ns: 10 };
/// let mut bus = Degradation::new(thresholds, 0);
/// let behind = |lag_events| Load { lag_events, ..Load::default() };
/// assert_eq!(bus.look(behind(2_000), 1).map(|change| change.to), Some(Mode::Shedding));
/// assert_eq!(bus.look(behind(600), 20), None, "not below half of 1,000");
/// assert_eq!(bus.look(behind(40), 30).map(|change| change.to), Some(Mode::Degraded));
/// assert_eq!(bus.look(behind(0), 35), None, "it has not lasted yet");
/// assert_eq!(bus.look(behind(0), 40).map(|change| change.to), Some(Mode::Normal));
/// ```
#[derive(Clone, Debug)]
pub struct Degradation {
    thresholds: Thresholds,
    mode: Mode,
    forced: bool,
    /// When the mode came about, and when it was last looked at.
    since_ns: u64,
    seen_ns: u64,
    entered: [u64; 4],
    spent_ns: [u64; 4],
}

impl Degradation {
    /// A bus in its normal mode at `now_ns`, by a clock that the caller keeps to.
    #[must_use]
    pub const fn new(thresholds: Thresholds, now_ns: u64) -> Self {
        let (entered, spent_ns) = ([0; 4], [0; 4]);
        Self { thresholds, mode: Mode::Normal, forced: false, since_ns: now_ns, seen_ns: now_ns, entered, spent_ns }
    }

    /// The mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether an operator's hand holds the mode.
    #[must_use]
    pub const fn is_forced(&self) -> bool {
        self.forced
    }

    /// How often each mode was entered.
    #[must_use]
    pub const fn entered(&self) -> [u64; 4] {
        self.entered
    }

    /// Time spent in each mode as of the last look.
    #[must_use]
    pub const fn spent_ns(&self) -> [u64; 4] {
        self.spent_ns
    }

    /// Sets the mode by hand: it stays until [`Self::release`].
    pub fn force(&mut self, mode: Mode, now_ns: u64) -> Option<ModeChange> {
        self.forced = true;
        self.change(mode, (ModeCause::Hand, 0, 0), now_ns)
    }

    /// Takes the hand away: from here on the load decides again, as if the mode had come about now.
    pub fn release(&mut self, now_ns: u64) {
        if core::mem::take(&mut self.forced) {
            self.since_ns = now_ns;
        }
    }

    /// One look; says whether the mode has changed.
    pub fn look(&mut self, load: Load, now_ns: u64) -> Option<ModeChange> {
        self.account(now_ns);
        if self.forced {
            return None;
        }
        let demanded = [Mode::Halted, Mode::Shedding, Mode::Degraded].into_iter().find_map(|mode| {
            let enter = self.thresholds.enter[mode as usize - 1];
            enter.reached(&load).map(|why| (mode, why))
        });
        match demanded {
            Some((mode, why)) if mode > self.mode => self.change(mode, why, now_ns),
            Some((mode, _)) if mode == self.mode => None,
            _ if self.may_leave(&load, now_ns) => self.change(self.mode.better(), (ModeCause::Recovered, 0, 0), now_ns),
            _ => None,
        }
    }

    /// Whether the load is well below what brings the mode about, and the mode has lasted.
    fn may_leave(&self, load: &Load, now_ns: u64) -> bool {
        let Some(at) = (self.mode as usize).checked_sub(1) else { return false };
        let leave = self.thresholds.enter[at].scaled(self.thresholds.leave_percent);
        now_ns.saturating_sub(self.since_ns) >= self.thresholds.stay_ns && leave.reached(load).is_none()
    }

    fn account(&mut self, now_ns: u64) {
        self.spent_ns[self.mode as usize] += now_ns.saturating_sub(self.seen_ns);
        // A clock that goes back gives no time back.
        self.seen_ns = self.seen_ns.max(now_ns);
    }

    fn change(&mut self, to: Mode, (cause, value, limit): (ModeCause, u64, u64), now_ns: u64) -> Option<ModeChange> {
        self.account(now_ns);
        let from = core::mem::replace(&mut self.mode, to);
        if from == to {
            return None;
        }
        self.since_ns = now_ns;
        self.entered[to as usize] += 1;
        Some(ModeChange { from, to, cause, value, limit })
    }
}

impl Threshold {
    /// What of it the load has reached, with what was measured and the limit.
    fn reached(&self, load: &Load) -> Option<(ModeCause, u64, u64)> {
        let all = [
            (ModeCause::Lag, load.lag_events, self.lag_events),
            (ModeCause::Age, load.age_ns, self.age_ns),
            (ModeCause::Memory, load.memory_bytes, self.memory_bytes),
        ];
        all.into_iter().find(|(_, value, limit)| *limit > 0 && value >= limit)
    }

    /// A share of it. What is not 0 does not become 0, which would mean never.
    fn scaled(&self, percent: u64) -> Self {
        let share = |limit: u64| {
            let share = u128::from(limit) * u128::from(percent) / 100;
            u64::try_from(share).unwrap_or(u64::MAX).max(u64::from(limit > 0))
        };
        Self { lag_events: share(self.lag_events), age_ns: share(self.age_ns), memory_bytes: share(self.memory_bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(lag_events: u64) -> Threshold {
        Threshold { lag_events, age_ns: 0, memory_bytes: 0 }
    }
    const THRESHOLDS: Thresholds =
        Thresholds { enter: [at(100), at(1_000), at(10_000)], leave_percent: 50, stay_ns: 50 };

    fn behind(lag_events: u64) -> Load {
        Load { lag_events, ..Load::default() }
    }

    #[test]
    fn issue_4587_it_gets_worse_at_once_and_better_one_mode_at_a_time() {
        let mut bus = Degradation::new(THRESHOLDS, 0);
        let mut visited = Vec::new();
        for now_ns in (0..400).step_by(10) {
            let load = if now_ns == 10 { behind(20_000) } else { behind(0) };
            visited.extend(bus.look(load, now_ns).map(|change| (now_ns, change.to)));
        }
        let expected = [(10, Mode::Halted), (60, Mode::Shedding), (110, Mode::Degraded), (160, Mode::Normal)];
        assert_eq!(visited, expected);
        assert_eq!((bus.entered(), bus.spent_ns()), ([1, 1, 1, 1], [10 + 230, 50, 50, 50]));
    }

    #[test]
    fn issue_4587_a_load_that_hovers_about_a_threshold_changes_the_mode_once() {
        let mut bus = Degradation::new(THRESHOLDS, 0);
        let swings = (0..10_000).map(|look| if look % 2 == 0 { 101 } else { 51 });
        let changes = swings.zip((0..).step_by(10)).filter(|(lag, now)| bus.look(behind(*lag), *now).is_some()).count();
        assert_eq!((changes, bus.mode()), (1, Mode::Degraded));
        // And one that swings from end to end, at most twice in the time that a mode lasts.
        let mut bus = Degradation::new(THRESHOLDS, 0);
        let swings = (0..10_000).map(|look| if look % 2 == 0 { 101 } else { 0 });
        let changes = swings.zip((0..).step_by(10)).filter(|(lag, now)| bus.look(behind(*lag), *now).is_some()).count();
        assert!(changes <= 2 * 10_000 * 10 / 50, "{changes}");
    }

    #[test]
    fn issue_4587_each_measure_brings_a_mode_about_and_is_named() {
        let enter = Threshold { lag_events: 5, age_ns: 6, memory_bytes: 7 };
        let thresholds = Thresholds { enter: [Threshold::default(), enter, Threshold::default()], ..THRESHOLDS };
        for (load, cause, value, limit) in [
            (behind(5), ModeCause::Lag, 5, 5),
            (Load { age_ns: 8, ..Load::default() }, ModeCause::Age, 8, 6),
            (Load { memory_bytes: 7, ..Load::default() }, ModeCause::Memory, 7, 7),
        ] {
            let change = Degradation::new(thresholds, 0).look(load, 1).unwrap();
            assert_eq!(change, ModeChange { from: Mode::Normal, to: Mode::Shedding, cause, value, limit });
            assert_eq!(change.to_string(), format!("shedding, was normal: {value} {cause}, {limit} is too much"));
        }
        assert_eq!(Degradation::new(thresholds, 0).look(Load { lag_events: 4, age_ns: 5, memory_bytes: 6 }, 1), None);
    }

    #[test]
    fn issue_4587_a_hand_holds_the_mode_until_it_lets_go() {
        let mut bus = Degradation::new(THRESHOLDS, 0);
        let forced = bus.force(Mode::Halted, 0).unwrap();
        assert_eq!((forced.cause, forced.to_string().as_str()), (ModeCause::Hand, "halted, was normal: by hand"));
        assert_eq!((bus.force(Mode::Halted, 1), bus.look(behind(0), 1_000)), (None, None));
        assert_eq!(bus.force(Mode::Normal, 1_000).map(|change| change.to), Some(Mode::Normal));
        assert_eq!(bus.look(behind(20_000), 2_000), None, "whatever the load");
        bus.release(2_000);
        assert_eq!(bus.look(behind(1_000), 2_001).map(|change| change.to), Some(Mode::Shedding));
        bus.force(Mode::Halted, 2_010);
        bus.release(2_020);
        assert_eq!(bus.look(behind(0), 2_069), None, "it lasts from when the hand let go");
        assert_eq!(bus.look(behind(0), 2_070).map(|change| change.to), Some(Mode::Shedding));
        assert_eq!(bus.spent_ns().iter().sum::<u64>(), 2_070, "every moment is in one mode");
    }
}
