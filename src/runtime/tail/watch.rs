//! The service thread's part: at each look, what the kernel counts of slot threads is written down, and new outliers are held against it.

use super::finding::{Absence, Explained, explain};
use super::kernel::KernelView;
use super::report::{SlotTailReport, TailReport};
use crate::bus::{Band, Parts, SlotView, TailCause};
use crate::clock::Ticks;
use crate::event::Tag;
use crate::runtime::groups::Groups;
use crate::runtime::hosted_bus::AnyBus;
use crate::runtime::shared::{Shared, lock};
use crate::sync::{Moment, is_simulated};
use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

/// How often files are read and thresholds follow what was measured; and how often at first.
const SLOWLY: Duration = Duration::from_secs(1);
const SLOWLY_AT_FIRST: Duration = Duration::from_millis(100);
const FIRST: u32 = 10;
/// Explained outliers that are kept of each slot.
const KEPT: usize = 1_024;

/// What became of the outliers of each slot, by its serial.
#[derive(Default)]
pub(in crate::runtime) struct TailBook(Mutex<HashMap<u64, SlotBook>>);

/// One slot's.
#[derive(Clone, Default)]
pub(super) struct SlotBook {
    /// Outliers looked at, and those that were overwritten before.
    pub(super) examined: u64,
    pub(super) missed: u64,
    /// How many, and for how many nanoseconds of which cause, by why the thread was not at its work.
    pub(super) absences: BTreeMap<Absence, (u64, u64)>,
    /// Outliers for the most part of their handler's making, and nanoseconds in the handler, by tag.
    pub(super) handlers: BTreeMap<Tag, (u64, u64)>,
    /// All examined ones, by the power of two of their nanoseconds.
    sizes: BTreeMap<u32, (u64, Parts)>,
    pub(super) latest: VecDeque<Explained>,
}

impl TailBook {
    fn of(&self, slot: u64) -> SlotBook {
        lock(&self.0).get(&slot).cloned().unwrap_or_default()
    }
}

impl TailReport {
    pub(in crate::runtime) fn of(shared: &Shared) -> Self {
        let mut slots = Vec::new();
        for bus in shared.registry.all().iter() {
            for slot in bus.slots().iter() {
                if let Some(view) = slot.view.get().filter(|view| view.records_tail()) {
                    slots.push(SlotTailReport::of(bus.as_ref(), slot.name, view, shared.tail.of(view.serial())));
                }
            }
        }
        Self { slots }
    }
}

/// The service thread's memory of slot threads.
#[derive(Default)]
pub(in crate::runtime) struct TailWatch {
    threads: HashMap<u32, KernelView>,
    /// Outliers of each slot looked at so far, by its serial.
    seen: HashMap<u64, u64>,
    slowly: Option<Moment>,
    rounds: u32,
}

impl TailWatch {
    /// One look at all of it.
    pub(in crate::runtime) fn look(&mut self, shared: &Shared, buses: &[Arc<dyn AnyBus>]) {
        let every = if self.rounds < FIRST { SLOWLY_AT_FIRST } else { SLOWLY };
        let is_due = self.slowly.as_ref().is_none_or(|since| since.elapsed() >= every);
        if is_due {
            self.slowly = Some(Moment::now());
            self.rounds = self.rounds.saturating_add(1);
        }
        self.look_at_threads(shared, is_due);
        let mut present = Vec::new();
        for bus in buses {
            for slot in bus.slots().iter() {
                let Some(view) = slot.view.get() else { continue };
                present.push(view.serial());
                if is_due {
                    view.refresh_tail();
                }
                self.look_at(shared, view);
            }
        }
        self.seen.retain(|serial, _| present.contains(serial));
        if is_due {
            lock(&shared.tail.0).retain(|serial, _| present.contains(serial));
        }
    }

    fn look_at_threads(&mut self, shared: &Shared, is_due: bool) {
        // A simulated thread's time is not the kernel's.
        if is_simulated() {
            return;
        }
        for thread in shared.groups.get().into_iter().flat_map(Groups::all) {
            let id = thread.kernel_id();
            let is_new = !self.threads.contains_key(&id);
            let view = self.threads.entry(id).or_insert_with(|| KernelView::of(id));
            let now = shared.clock.now();
            view.begin(now);
            if is_due || is_new {
                view.read(now);
            }
        }
    }

    fn look_at(&mut self, shared: &Shared, view: &SlotView) {
        let seen = self.seen.entry(view.serial()).or_default();
        let count = view.outliers();
        if count == *seen {
            return;
        }
        let new = view.outliers_since(*seen);
        // More may have come since they were counted.
        let count = new.last().map_or(count, |last| (last.number + 1).max(count));
        let missed = (count - *seen).saturating_sub(new.len() as u64);
        *seen = count;
        let kernel = self.threads.get_mut(&view.thread_id());
        let counted = kernel.map(|kernel| {
            let now: Ticks = shared.clock.now();
            // They ended before this.
            kernel.look(now);
            kernel.read_once(now);
            &*kernel
        });
        let explained = new.into_iter().map(|outlier| {
            let (from, to) = (outlier.published, outlier.ended);
            explain(outlier, counted.and_then(|kernel| kernel.between(from, to, &shared.clock)))
        });
        let mut books = lock(&shared.tail.0);
        let book = books.entry(view.serial()).or_default();
        book.missed += missed;
        explained.for_each(|one| book.enter(one));
    }
}

impl SlotBook {
    fn enter(&mut self, explained: Explained) {
        let Explained { outlier, absence } = &explained;
        self.examined += 1;
        let (count, parts) = self.sizes.entry(outlier.total_ns().max(1).ilog2()).or_default();
        (*count, *parts) = (*count + outlier.events, parts.plus(&outlier.parts));
        if let Some(absence) = absence {
            let (count, time) = self.absences.entry(*absence).or_default();
            *count += 1;
            *time += outlier.parts.largest().1;
        }
        let (count, time) = self.handlers.entry(outlier.tag).or_default();
        *count += u64::from(outlier.cause() == TailCause::Handler);
        *time += outlier.parts[TailCause::Handler];
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        self.latest.push_back(explained);
    }

    pub(super) fn bands(&self) -> Vec<Band> {
        let band = |(&power, &(events, parts)): (&u32, &(u64, Parts))| Band { from_ns: 1 << power, events, parts };
        self.sizes.iter().map(band).collect()
    }
}
