//! All around the threads of a simulation: the faults that befall no thread, and the account of every slot and dead letter, which is
//! checked while it runs.

use super::faults::WorldFault;
use super::threads::Threads;
use crate::bus::{Name, SlotState, SlotStats, SlotView};
use crate::runtime::simulated::{BusAccount, Inside};
use crate::runtime::{Accounts, LetterAccount, SlotAccount};
use core::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The account is checked every so many steps.
const CHECK_EVERY: u64 = 16;

/// The world of one simulation.
pub(super) struct World {
    pub(super) inside: Inside,
    /// Events that handlers were given, by bus and slot.
    handed: RefCell<BTreeMap<(Name, Name), Arc<AtomicU64>>>,
    /// Positions of slots as of the last check, by serial.
    positions: RefCell<BTreeMap<u64, u64>>,
    /// Serials of slots that faults have detached.
    detached: RefCell<BTreeSet<u64>>,
    /// Configured slots that conflate.
    conflating: BTreeSet<(Name, Name)>,
    /// A script stands between slots and their handlers.
    is_scripted: bool,
}

/// The account as everybody has it.
fn whole(account: &BusAccount) -> Accounts {
    let slot = |(slot, _, stats): &(Name, u64, SlotStats)| SlotAccount::of(slot.as_str(), stats, account.published);
    let bus = crate::runtime::BusAccount {
        bus: account.bus.to_string(),
        published: account.published,
        slots: account.slots.iter().map(slot).collect(),
        dead_letters: account.letters.as_ref().map(LetterAccount::of),
        ..crate::runtime::BusAccount::default()
    };
    Accounts { buses: vec![bus] }
}

impl World {
    pub(super) fn new(inside: Inside, conflating: BTreeSet<(Name, Name)>, is_scripted: bool) -> Self {
        Self {
            inside,
            conflating,
            is_scripted,
            handed: RefCell::default(),
            positions: RefCell::default(),
            detached: RefCell::default(),
        }
    }

    /// Whether a configured slot may get events in another order than that of their sequences.
    pub(super) fn conflates(&self, bus: &str, slot: &str) -> bool {
        self.conflating.contains(&(Name::new(bus), Name::new(slot)))
    }

    /// Attaches a slot whose handler counts what it is given. Where that is refused, the slot of that name is the one before.
    pub(super) fn attach<T, E>(
        &self,
        bus: Name,
        slot: &str,
        attach: impl FnOnce(Arc<AtomicU64>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (place, count) = ((bus, Name::new(slot)), Arc::<AtomicU64>::default());
        let before = self.handed.borrow_mut().insert(place, Arc::clone(&count));
        attach(count).inspect_err(|_| {
            let mut handed = self.handed.borrow_mut();
            match before {
                Some(before) => drop(handed.insert(place, before)),
                None => drop(handed.remove(&place)),
            }
        })
    }

    /// After a step.
    pub(super) fn look(&self, threads: &Threads) {
        let fault = threads.with_faults(|faults, random, now| faults.in_step(random, now));
        if let Some(fault) = fault {
            self.befall(fault, threads);
        }
        if threads.steps().is_multiple_of(CHECK_EVERY)
            && let Err(wrong) = self.check()
        {
            threads.wrong(wrong);
        }
    }

    fn befall(&self, fault: WorldFault, threads: &Threads) {
        match fault {
            WorldFault::Jump(by_ns) => threads.jump_clock(by_ns),
            WorldFault::Close(bus) => self.inside.close(&bus),
            WorldFault::Detach(slot) => self.detach(self.view(&slot)),
            WorldFault::DetachAny(lot) => self.detach(self.any(lot)),
            WorldFault::Quarantine(slot) => drop(self.view(&slot).map(|view| view.quarantine())),
            WorldFault::QuarantineAny(lot) => drop(self.any(lot).map(|view| view.quarantine())),
        }
    }

    fn detach(&self, view: Option<SlotView>) {
        if let Some(view) = view {
            view.ask_to_stop();
            self.detached.borrow_mut().insert(view.serial());
        }
    }

    /// Whether the slot of that name has been detached by a fault. It may not have come to that yet.
    pub(super) fn is_detached(&self, bus: &str, slot: &str) -> bool {
        self.inside.view(bus, slot).is_some_and(|view| self.detached.borrow().contains(&view.serial()))
    }

    fn view(&self, slot: &str) -> Option<SlotView> {
        let (bus, slot) = slot.split_once('.')?;
        self.inside.view(bus, slot)
    }

    fn any(&self, lot: u64) -> Option<SlotView> {
        let mut views = self.inside.views();
        (!views.is_empty()).then(|| views.swap_remove(lot as usize % views.len()))
    }

    /// Checks the account of everything. An error says what does not add up.
    pub(super) fn check(&self) -> Result<(), String> {
        self.inside.accounts().iter().try_for_each(|bus| self.check_bus(bus))
    }

    fn check_bus(&self, account: &BusAccount) -> Result<(), String> {
        let BusAccount { bus, published, letters, slots } = account;
        let whole = whole(account).check_at_rest();
        whole.map_err(|wrong| format!("{wrong}: {slots:?}"))?;
        for (slot, serial, stats) in slots {
            let wrong = |what: &str| Err(format!("slot {bus}.{slot}: {what}: {stats:?}, {published} published"));
            if stats.position > *published {
                return wrong("it is ahead of what was published");
            }
            let before = self.positions.borrow_mut().insert(*serial, stats.position);
            if before.is_some_and(|before| before > stats.position) {
                return wrong("its position went back");
            }
            if !self.agrees(*bus, *slot, stats) {
                return wrong("its handler was given another number of events than it says");
            }
        }
        let Some(letters) = letters else { return Ok(()) };
        let dead: u64 = slots.iter().map(|(.., stats)| stats.dead + stats.redelivered_dead).sum();
        if dead > letters.refused + letters.panicked {
            return Err(format!("slots of bus {bus} count {dead} dead, its dead letters fewer: {letters:?}"));
        }
        Ok(())
    }

    /// Whether a slot's counts are those of its handler. A slot shows them once per turn; one that was ended from outside may do that before
    /// its handler returns.
    fn agrees(&self, bus: Name, slot: Name, stats: &SlotStats) -> bool {
        if self.is_scripted {
            return true;
        }
        let handed = self.handed.borrow();
        let Some(handed) = handed.get(&(bus, slot)).map(|count| count.load(Ordering::Relaxed)) else { return true };
        match stats.state {
            SlotState::Stopped | SlotState::Failed => stats.delivered + stats.dead == handed,
            _ => stats.delivered + stats.dead <= handed,
        }
    }

    /// The account as numbers, for the trace.
    pub(super) fn sum(&self) -> Vec<u64> {
        let mut words = Vec::new();
        for bus in self.inside.accounts() {
            words.push(bus.published);
            for (_, _, stats) in &bus.slots {
                words.extend([stats.position, stats.delivered, stats.dead, stats.panics, stats.restarts]);
                words.extend([stats.holes, stats.state as u64]);
            }
        }
        words
    }
}
