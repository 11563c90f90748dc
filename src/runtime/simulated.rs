//! A runtime as the test kit's simulation has it: built under a clock of its own, and looked into for the account. All else of it is the
//! runtime that everybody has.

use super::config::{Config, Mistakes};
use super::machine::Topology;
use super::plan::Plan;
use super::runtime_value::Runtime;
use super::shared::Shared;
use crate::bus::{Name, SlotStats, SlotView};
use crate::clock::Clock;
use crate::retain::DeadLetterStats;
use std::sync::Arc;

/// The inside of a simulated runtime.
pub(crate) struct Inside(Arc<Shared>);

/// What a bus and its slots have come to.
pub(crate) struct BusAccount {
    pub(crate) bus: Name,
    pub(crate) published: u64,
    pub(crate) letters: Option<DeadLetterStats>,
    /// The slots that started, with their serials.
    pub(crate) slots: Vec<(Name, u64, SlotStats)>,
}

impl Inside {
    /// A runtime whose feeds let others run, and its inside.
    pub(crate) fn build(config: Config, topology: &Topology, clock: Clock) -> Result<(Runtime, Self), Mistakes> {
        let plan = Plan::of(&config, topology)?;
        let shared = Shared::with_clock(config, plan, clock);
        shared.stop.simulate();
        Ok((Runtime { shared: Arc::clone(&shared), hook: None }, Self(shared)))
    }

    /// The account of each bus.
    pub(crate) fn accounts(&self) -> Vec<BusAccount> {
        let account = |bus: &Arc<dyn super::hosted_bus::AnyBus>| BusAccount {
            bus: bus.name(),
            published: bus.published(),
            letters: bus.letter_stats(),
            slots: bus
                .slots()
                .iter()
                .filter_map(|slot| slot.view.get().map(|view| (slot.name, view.serial(), view.stats())))
                .collect(),
        };
        self.0.registry.all().iter().map(account).collect()
    }

    /// A slot that has started.
    pub(crate) fn view(&self, bus: &str, slot: &str) -> Option<SlotView> {
        let slots = self.0.registry.get(Name::new(bus))?.slots();
        slots.iter().find(|known| known.name == Name::new(slot))?.view.get().cloned()
    }

    /// Every slot that has started, the runtime's own excepted.
    pub(crate) fn views(&self) -> Vec<SlotView> {
        let buses = self.0.registry.all();
        let of = |bus: &Arc<dyn super::hosted_bus::AnyBus>| {
            bus.slots().iter().filter_map(|slot| slot.view.get().cloned()).collect::<Vec<_>>()
        };
        buses.iter().filter(|bus| bus.name().as_str() != super::SYSTEM_BUS).flat_map(of).collect()
    }

    /// Closes a bus under everybody.
    pub(crate) fn close(&self, bus: &str) {
        if let Some(bus) = self.0.registry.get(Name::new(bus)) {
            bus.close();
        }
    }
}
