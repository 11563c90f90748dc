//! The modes of one bus of a runtime: the word that its publishers and slots read, the hand that may hold it, and what was counted.

use super::config::DegradationConfig;
use super::error::RuntimeError;
use super::service::ServiceShared;
use super::shared::lock;
use crate::bus::Name;
use crate::clock::Clock;
use crate::event::{EventError, Family, TagSet};
use crate::guard::{Degradation, Mode, ModeCell, Rules, ShedCounts, ShedReason, Shedder, TagShed};
use core::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The modes of a bus: what its degradation is at, and by hand. See [`super::RuntimeBus::modes`].
pub struct BusModes {
    cell: Arc<ModeCell>,
    /// What others are made from; it counts nothing itself.
    shedder: Shedder,
    /// Who has one, slots and publishers. Looked at and added to now and then, never for an event.
    holders: Mutex<Vec<(Name, ShedCounts)>>,
    /// Written by the service thread alone.
    entered: [AtomicU64; 4],
    spent_ns: [AtomicU64; 4],
    service: Arc<ServiceShared>,
}

/// The modes of a bus at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModesSnapshot {
    /// The mode that counts.
    pub mode: Mode,
    /// The mode that an operator's hand holds, where it does.
    pub forced: Option<Mode>,
    /// How often each mode was entered.
    pub entered: [u64; 4],
    /// Time spent in each, as of the service thread's last look.
    pub spent_ns: [u64; 4],
    /// What each slot and publisher has left out, by tag and reason.
    pub shed: Vec<(Name, TagShed)>,
}

impl ModesSnapshot {
    /// Events left out for a reason, by all slots and publishers together.
    #[must_use]
    pub fn shed_for(&self, reason: ShedReason) -> u64 {
        self.shed.iter().filter(|(_, shed)| shed.reason == reason).map(|(_, shed)| shed.count).sum()
    }

    /// Its numbers by name.
    pub(super) fn series(&self, bus: Name, all: &mut Vec<(String, u64)>) {
        all.push((format!("buses.{bus}.mode"), self.mode as u64));
        for mode in Mode::ALL {
            all.push((format!("buses.{bus}.modes.{mode}.entered"), self.entered[mode as usize]));
            all.push((format!("buses.{bus}.modes.{mode}.spent_ns"), self.spent_ns[mode as usize]));
        }
        for reason in ShedReason::ALL {
            all.push((format!("buses.{bus}.shed_by_{}", reason.name()), self.shed_for(reason)));
        }
    }
}

impl fmt::Display for ModesSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mode)?;
        if self.forced.is_some() {
            f.write_str(" by hand")?;
        }
        let [by_mode, by_age] = ShedReason::ALL.map(|reason| self.shed_for(reason));
        if by_mode + by_age > 0 { write!(f, ", {by_mode} left out by mode, {by_age} by age") } else { Ok(()) }
    }
}

impl BusModes {
    /// The modes of a bus of family `F`, if it is configured to have any.
    pub(super) fn of<F: Family>(
        bus: Name,
        config: &DegradationConfig,
        clock: &Clock,
        service: &Arc<ServiceShared>,
    ) -> Result<Option<Arc<Self>>, RuntimeError> {
        if !config.is_on() {
            return Ok(None);
        }
        let rules = rules::<F>(bus, config)?;
        let cell = Arc::<ModeCell>::default();
        let shedder = Shedder::new::<F>(&cell, rules, clock);
        let (holders, service) = (Mutex::default(), Arc::clone(service));
        Ok(Some(Arc::new(Self { cell, shedder, holders, entered: zeroes(), spent_ns: zeroes(), service })))
    }

    /// The mode that counts.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.cell.mode()
    }

    /// Sets the mode by hand, for publishers and slots from here on, whatever the load is, until [`Self::release`].
    pub fn force(&self, mode: Mode) {
        self.cell.force(mode);
        self.service.wake();
    }

    /// Lets go: from here on the load decides again.
    pub fn release(&self) {
        self.cell.release();
        self.service.wake();
    }

    /// Leaves out, for one slot or publisher, what does not live in the bus's mode. What it counts stands under `holder` in snapshots.
    pub(super) fn shedder<F: Family>(&self, holder: Name) -> Shedder {
        let mut holders = lock(&self.holders);
        // A slot that is attached again goes on with the counts of the one before, so that they do not grow with each.
        for (_, counts) in holders.iter_mut().filter(|(name, _)| *name == holder) {
            if counts.is_left() {
                return self.shedder.counting_on(counts.clone());
            }
        }
        let shedder = self.shedder.another::<F>();
        holders.push((holder, shedder.counts().clone()));
        shedder
    }

    /// How it stands now.
    #[must_use]
    pub fn snapshot(&self) -> ModesSnapshot {
        let holders = lock(&self.holders).clone();
        let shed = holders.iter().flat_map(|(holder, counts)| counts.all().into_iter().map(|shed| (*holder, shed)));
        let load = |cells: &[AtomicU64; 4]| cells.each_ref().map(|cell| cell.load(Ordering::Relaxed));
        ModesSnapshot {
            mode: self.cell.mode(),
            forced: self.cell.forced(),
            entered: load(&self.entered),
            spent_ns: load(&self.spent_ns),
            shed: shed.collect(),
        }
    }

    /// The mode that an operator's hand holds.
    pub(super) fn forced(&self) -> Option<Mode> {
        self.cell.forced()
    }

    /// Shows what was judged. By the service thread alone.
    pub(super) fn judged(&self, degradation: &Degradation) {
        // Also while a hand holds the mode: when it lets go, the bus gets better from there.
        self.cell.judge(degradation.mode());
        let show = |cells: &[AtomicU64; 4], values: [u64; 4]| {
            cells.iter().zip(values).for_each(|(cell, value)| cell.store(value, Ordering::Relaxed));
        };
        show(&self.entered, degradation.entered());
        show(&self.spent_ns, degradation.spent_ns());
    }
}

fn zeroes() -> [AtomicU64; 4] {
    core::array::from_fn(|_| AtomicU64::new(0))
}

/// The configured rules, with ages in nanoseconds.
fn rules<F: Family>(bus: Name, config: &DegradationConfig) -> Result<Rules, RuntimeError> {
    let mut rules = Rules::all(F::ALL);
    for (mode, config) in config.modes() {
        if !config.keep.is_empty() {
            let tags: Result<TagSet, EventError> = config.keep.iter().map(|name| F::tag_by_name(name)).collect();
            let refused = |cause| RuntimeError::ModeTags { bus, mode, cause: Box::new(cause) };
            rules = rules.keep(mode, tags.map_err(refused)?);
        }
        if config.shed_age_ms > 0 {
            rules = rules.shed_older_than(mode, config.shed_age_ms.saturating_mul(1_000_000));
        }
    }
    Ok(rules)
}
