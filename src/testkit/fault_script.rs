//! What goes wrong at which fault point, and when: written down pass by pass, or drawn from a seed. A test enters a script on its own
//! thread; other tests know nothing of it.

use crate::bus::SplitMix64;
use crate::event::checks::fnv;
use crate::sync::faults::{self, Entered, Fault, FaultKind, FaultPlace, FaultPoint, FaultSource};
use core::fmt;
use core::ops::{Range, RangeFrom};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What chances are parts of.
const MILLION: u32 = 1_000_000;
/// Faults that are kept to be looked at; those beyond are counted.
const BEFELL_MAX: usize = 10_000;

/// Which passes of a point are meant, counted from 0: `2`, `2..5` or `2..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passes(Range<u64>);

impl From<u64> for Passes {
    fn from(nth: u64) -> Self {
        Self(nth..nth.saturating_add(1))
    }
}

impl From<Range<u64>> for Passes {
    fn from(passes: Range<u64>) -> Self {
        Self(passes)
    }
}

impl From<RangeFrom<u64>> for Passes {
    fn from(passes: RangeFrom<u64>) -> Self {
        Self(passes.start..u64::MAX)
    }
}

/// A line that a [`FaultScript`] does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultScriptError {
    /// A fault that means nothing at that point.
    Meaningless {
        /// The point.
        point: FaultPoint,
        /// The fault.
        fault: FaultKind,
    },
    /// Passes that never come.
    NoPasses {
        /// The point.
        point: FaultPoint,
        /// The first pass meant.
        from: u64,
        /// The one behind the last.
        to: u64,
    },
    /// More than always.
    Chance {
        /// The point.
        point: FaultPoint,
        /// How often in a million passes.
        per_million: u32,
    },
}

impl FaultScriptError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Meaningless { .. } => "TR-0980",
            Self::NoPasses { .. } => "TR-0981",
            Self::Chance { .. } => "TR-0982",
        }
    }
}

impl fmt::Display for FaultScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meaningless { point, fault } => {
                let takes: Vec<_> = point.takes().iter().map(ToString::to_string).collect();
                write!(f, "fault point {point}: {fault} means nothing there; it takes {}", takes.join(", "))?;
            }
            Self::NoPasses { point, from, to } => {
                write!(f, "fault point {point}: no pass is in {from}..{to}; passes count from 0, the end is not one")?;
            }
            Self::Chance { point, per_million } => write!(
                f,
                "fault point {point}: a chance of {per_million} in a million passes; {MILLION} is always, take no more"
            )?,
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for FaultScriptError {}

#[derive(Clone, Debug)]
struct Line {
    place: FaultPlace,
    passes: Range<u64>,
    fault: Fault,
    met: u64,
}

#[derive(Clone, Debug)]
struct Chance {
    place: FaultPlace,
    per_million: u32,
    fault: Fault,
}

/// A script of faults. [`Self::enter`] puts it in force on the calling thread and on those that it starts through Tagring (slot threads,
/// feeds, the service thread); a simulation takes one too ([`super::Faults::script`]).
///
/// Passes are counted from 0: of a point alone whoever passes it, of a point `of` somebody his alone. What is said pass by pass comes before
/// chance, and a line before those behind it. Chance is drawn from the seed, the place and the number of the pass, so that a seed gives
/// each slot, bus or thread the same faults whatever the others do meanwhile.
///
/// ```
/// use core::time::Duration;
/// use tagring::bus::Bus;
/// use tagring::faults::{Fault, points};
/// use tagring::testkit::FaultScript;
///
/// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
///
/// let script = FaultScript::new()
///     .at(points::PUBLISH, 2, Fault::Delay(Duration::from_millis(2))) // the third time
///     .at(points::PUBLISH.of("md"), 3.., Fault::Error) // from the fourth on, and of this bus alone
///     .enter();
/// let (_bus, mut publisher) = Bus::<market::Events>::builder("md").capacity(64).single()?;
/// let published = (0..5).filter(|&qty| publisher.try_publish(0, &market::Trade { qty }).is_ok()).count();
/// assert_eq!((published, script.befell().len()), (3, 3));
/// assert_eq!(script.unmet(), [] as [String; 0], "every line has come true");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a script does nothing until it is entered"]
pub struct FaultScript {
    seed: u64,
    lines: Vec<Line>,
    chances: Vec<Chance>,
}

impl FaultScript {
    /// Nothing goes wrong.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing goes wrong yet; chance is drawn from `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// At those passes of that point, counted from 0, this goes wrong.
    ///
    /// # Panics
    /// With what [`Self::try_at`] says.
    pub fn at(self, place: impl Into<FaultPlace>, passes: impl Into<Passes>, fault: Fault) -> Self {
        self.try_at(place, passes, fault).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`Self::at`].
    ///
    /// # Errors
    /// [`FaultScriptError`]: the fault means nothing there, or there are no such passes.
    pub fn try_at(
        mut self,
        place: impl Into<FaultPlace>,
        passes: impl Into<Passes>,
        fault: Fault,
    ) -> Result<Self, FaultScriptError> {
        let (place, Passes(passes)) = (place.into(), passes.into());
        let point = meaningful(&place, fault)?;
        if passes.is_empty() {
            return Err(FaultScriptError::NoPasses { point, from: passes.start, to: passes.end });
        }
        self.lines.push(Line { place, passes, fault, met: 0 });
        Ok(self)
    }

    /// In so many of a million passes, by chance, this goes wrong.
    ///
    /// # Panics
    /// With what [`Self::try_chance`] says.
    pub fn chance(self, place: impl Into<FaultPlace>, per_million: u32, fault: Fault) -> Self {
        self.try_chance(place, per_million, fault).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`Self::chance`].
    ///
    /// # Errors
    /// [`FaultScriptError`]: the fault means nothing there, or the chance is above a million.
    pub fn try_chance(
        mut self,
        place: impl Into<FaultPlace>,
        per_million: u32,
        fault: Fault,
    ) -> Result<Self, FaultScriptError> {
        let place = place.into();
        let point = meaningful(&place, fault)?;
        if per_million > MILLION {
            return Err(FaultScriptError::Chance { point, per_million });
        }
        self.chances.push(Chance { place, per_million, fault });
        Ok(self)
    }

    /// Whether anything is said of that point.
    #[cfg(feature = "sim")]
    pub(super) fn strikes(&self, point: FaultPoint) -> bool {
        let places = self.lines.iter().map(|line| &line.place).chain(self.chances.iter().map(|chance| &chance.place));
        places.into_iter().any(|place| place.point == point)
    }

    /// Puts the script in force on the calling thread, and on those that it starts from here on, until what is returned is dropped. (Threads
    /// that run then keep it.) One that was in force before waits meanwhile.
    pub fn enter(self) -> FaultRun {
        let running = Arc::new(Running { seed: self.seed, chances: self.chances, state: Mutex::default() });
        running.state().lines = self.lines;
        let entered = faults::enter(Arc::<Running>::clone(&running));
        FaultRun { running, entered }
    }
}

fn meaningful(place: &FaultPlace, fault: Fault) -> Result<FaultPoint, FaultScriptError> {
    let (point, fault) = (place.point, fault.kind());
    if point.takes().contains(&fault) { Ok(point) } else { Err(FaultScriptError::Meaningless { point, fault }) }
}

/// A fault that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Befallen {
    /// Where.
    pub point: FaultPoint,
    /// Who passed.
    pub who: String,
    /// The number of that pass, of all that this one made there.
    pub nth: u64,
    /// What went wrong.
    pub fault: Fault,
}

/// A script in force. Dropping it ends that on this thread.
#[must_use = "dropping it ends the faults"]
pub struct FaultRun {
    running: Arc<Running>,
    #[expect(dead_code, reason = "ends the faults when it is dropped")]
    entered: Entered,
}

impl FaultRun {
    /// How often a point was passed so far, by anyone or by one.
    #[must_use]
    pub fn passed(&self, place: impl Into<FaultPlace>) -> u64 {
        let FaultPlace { point, who } = place.into();
        let state = self.running.state();
        match who {
            None => state.passed.get(point.name()).copied().unwrap_or(0),
            Some(who) => state.passed_by.get(point.name()).and_then(|by| by.get(&who)).copied().unwrap_or(0),
        }
    }

    /// What went wrong so far, in that order; ten thousand are kept.
    #[must_use]
    pub fn befell(&self) -> Vec<Befallen> {
        self.running.state().befell.clone()
    }

    /// How often something went wrong so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.running.state().count
    }

    /// The lines of the script that have not come true: a test that leaves some tests something else than it says.
    #[must_use]
    pub fn unmet(&self) -> Vec<String> {
        let state = self.running.state();
        let line = |line: &Line| format!("{} at pass {:?}: {}", line.place, line.passes, line.fault.kind());
        state.lines.iter().filter(|line| line.met == 0).map(line).collect()
    }
}

/// What threads under one script share.
struct Running {
    seed: u64,
    chances: Vec<Chance>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lines: Vec<Line>,
    /// Passes, by point; and of each who passes it.
    passed: HashMap<&'static str, u64>,
    passed_by: HashMap<&'static str, HashMap<String, u64>>,
    befell: Vec<Befallen>,
    count: u64,
    clock_off_ns: i64,
}

impl State {
    /// The numbers of this pass: of all, and of his alone.
    fn count_pass(&mut self, point: FaultPoint, who: &str) -> (u64, u64) {
        let all = self.passed.entry(point.name()).or_default();
        let by = self.passed_by.entry(point.name()).or_default();
        let own = match by.get_mut(who) {
            Some(own) => own,
            None => by.entry(who.to_owned()).or_default(),
        };
        let numbers = (*all, *own);
        (*all, *own) = (*all + 1, *own + 1);
        numbers
    }

    fn scripted(&mut self, point: FaultPoint, who: &str, (all, own): (u64, u64)) -> Option<Fault> {
        let meant = |line: &&mut Line| {
            let nth = if line.place.who.is_some() { own } else { all };
            is_at(&line.place, point, who) && line.passes.contains(&nth)
        };
        let line = self.lines.iter_mut().find(meant)?;
        line.met += 1;
        Some(line.fault)
    }
}

fn is_at(place: &FaultPlace, point: FaultPoint, who: &str) -> bool {
    place.point == point && place.who.as_ref().is_none_or(|meant| meant == who)
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether chance strikes at that pass. A number of its own for each line, place and pass: nobody's passes disturb another's.
    fn drawn(&self, point: FaultPoint, who: &str, own: u64) -> Option<Fault> {
        let place = fnv(fnv(self.seed, point.name().as_bytes()), who.as_bytes());
        let mut numbers = SplitMix64::new(place ^ own.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.chances.iter().find_map(|chance| {
            let lot = numbers.up_to(u64::from(MILLION) - 1);
            (is_at(&chance.place, point, who) && lot < u64::from(chance.per_million)).then_some(chance.fault)
        })
    }
}

impl FaultSource for Running {
    fn at(&self, point: FaultPoint, who: &str) -> Option<Fault> {
        let mut state = self.state();
        let numbers = state.count_pass(point, who);
        let fault = state.scripted(point, who, numbers).or_else(|| self.drawn(point, who, numbers.1))?;
        state.count += 1;
        if let Fault::ClockJump { by_ns } = fault {
            state.clock_off_ns = state.clock_off_ns.saturating_add(by_ns);
        }
        if state.befell.len() < BEFELL_MAX {
            state.befell.push(Befallen { point, who: who.to_owned(), nth: numbers.1, fault });
        }
        Some(fault)
    }

    fn clock_off_ns(&self) -> i64 {
        self.state().clock_off_ns
    }
}
