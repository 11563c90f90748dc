//! The service thread's part in degradation: at each look it measures the load of every bus that has modes, lets the state machine judge, and shows
//! what was judged to publishers and slots.

use super::bus_modes::BusModes;
use super::hosted_bus::AnyBus;
use super::machine::resident_bytes;
use crate::bus::Name;
use crate::clock::Clock;
use crate::guard::{Degradation, Load, ModeChange};
use crate::sync::is_simulated;
use std::collections::HashMap;
use std::sync::Arc;

/// The state machines of all buses that have modes.
#[derive(Default)]
pub(super) struct ModeWatch {
    buses: HashMap<Name, (Arc<BusModes>, Degradation)>,
}

impl ModeWatch {
    /// One look at all buses: the changes, at most two each.
    pub(super) fn look(&mut self, buses: &[Arc<dyn AnyBus>], clock: &Clock) -> Vec<(Name, ModeChange)> {
        let mut changes = Vec::new();
        // A simulated process has no memory of its own.
        let wants_memory = buses.iter().any(|bus| bus.modes().is_some() && bus.degradation().looks_at_memory());
        let memory_bytes = if wants_memory && !is_simulated() { resident_bytes().unwrap_or(0) } else { 0 };
        for (bus, modes) in buses.iter().filter_map(|bus| Some((bus, bus.modes()?))) {
            let now_ns = clock.to_ns(clock.now().0);
            let new = || (Arc::clone(modes), Degradation::new(bus.degradation().thresholds(), now_ns));
            let entry = self.buses.entry(bus.name()).or_insert_with(new);
            if !Arc::ptr_eq(&entry.0, modes) {
                // Another bus of the name of one that was removed.
                *entry = new();
            }
            let degradation = &mut entry.1;
            let by_hand = match modes.forced() {
                Some(mode) => degradation.force(mode, now_ns),
                None => {
                    degradation.release(now_ns);
                    None
                }
            };
            let judged = degradation.look(Load { memory_bytes, ..load(bus.as_ref(), clock) }, now_ns);
            modes.judged(degradation);
            changes.extend(by_hand.into_iter().chain(judged).map(|change| (bus.name(), change)));
        }
        self.buses.retain(|name, _| buses.iter().any(|bus| bus.name() == *name));
        changes
    }
}

/// How far the slots of a bus are behind, in events and in time.
fn load(bus: &dyn AnyBus, clock: &Clock) -> Load {
    let mut load = Load::default();
    for view in bus.slots().iter().filter_map(|slot| slot.view.get()) {
        let progress = view.progress();
        if view.is_done() || progress.state.is_final() || progress.position >= progress.published {
            continue;
        }
        load.lag_events = load.lag_events.max(progress.published - progress.position);
        if let Some(time) = bus.time_of_next(view, progress.position) {
            load.age_ns = load.age_ns.max(clock.to_ns(clock.now().since(time)));
        }
    }
    load
}
