//! What wants to run: a group of slot threads, a feed, the service thread. The runtime makes these from its configuration; placement
//! turns them into threads and cores.

use crate::runtime::config::{Cores, WaitChoice};

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemandKind {
    /// Runs slots: the only kind of which several threads may be made.
    Slots,
    /// Brings events in.
    Feed,
    /// Looks after the others.
    Service,
}

/// What a thread does with its core while it has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waits {
    /// Keeps it: it wants a core that nobody else is on.
    Spins,
    /// Keeps it, but lets others run between two looks: it wants a core of its own, and shares one where there is no other way.
    Yields,
    /// Gives it back.
    Parks,
}

impl Waits {
    /// Whether it keeps a core busy at all times.
    #[must_use]
    pub const fn is_busy(self) -> bool {
        !matches!(self, Self::Parks)
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spins => "spins",
            Self::Yields => "yields",
            Self::Parks => "parks",
        }
    }
}

impl From<WaitChoice> for Waits {
    fn from(choice: WaitChoice) -> Self {
        match choice {
            WaitChoice::Spin => Self::Spins,
            WaitChoice::SpinThenYield => Self::Yields,
            WaitChoice::SpinThenPark => Self::Parks,
        }
    }
}

/// A thread, or a group of threads that share their slots, that is to be placed.
///
/// ```
/// use tagring::runtime::machine::{Demand, Waits};
///
/// let feed = Demand::feed("itch", Waits::Spins);
/// let slots = Demand { near: Some(0), ..Demand::slots("slots", Waits::Yields, 2, 5) };
/// assert_eq!((feed.threads_wanted(), slots.threads_wanted()), (1, 2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Its name, as findings and mistakes say it.
    pub name: String,
    /// The key path of its cores in the configuration, for mistakes.
    pub key: Option<String>,
    /// What it does.
    pub kind: DemandKind,
    /// Which cores.
    pub cores: Cores,
    /// What it does with its core while idle.
    pub waits: Waits,
    /// Threads at most; counts for slots alone.
    pub threads_max: usize,
    /// Slots that its threads share; counts for slots alone.
    pub slots: usize,
    /// The demand it exchanges events with, by its place in the list: it should be on the same node. One that is not there is none.
    pub near: Option<usize>,
}

impl Demand {
    fn one(name: &str, kind: DemandKind, waits: Waits) -> Self {
        let (key, near) = (None, None);
        Self { name: name.into(), key, kind, cores: Cores::Auto, waits, threads_max: 1, slots: 1, near }
    }

    /// At most `threads_max` threads that share `slots` slots, on cores that are chosen.
    #[must_use]
    pub fn slots(name: &str, waits: Waits, threads_max: usize, slots: usize) -> Self {
        Self { threads_max, slots, ..Self::one(name, DemandKind::Slots, waits) }
    }

    /// The thread of a feed, on a core that is chosen.
    #[must_use]
    pub fn feed(name: &str, waits: Waits) -> Self {
        Self::one(name, DemandKind::Feed, waits)
    }

    /// The service thread, which parks, on a core that is left.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self::one(name, DemandKind::Service, Waits::Parks)
    }

    /// Threads it would have on a machine with cores for all: no more than slots, at least one.
    #[must_use]
    pub fn threads_wanted(&self) -> usize {
        match self.kind {
            DemandKind::Slots => self.threads_max.min(self.slots).max(1),
            DemandKind::Feed | DemandKind::Service => 1,
        }
    }
}
