//! Which buses there are: an immutable table behind one atomic pointer. A look-up loads the pointer and searches; it takes no lock and waits
//! for nobody, least of all for a bus that is being built. Whoever adds or removes a bus replaces the table as a whole.

use super::hosted_bus::AnyBus;
use crate::bus::Name;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// The buses of one runtime, sorted by name.
pub(super) struct Registry(ArcSwap<Vec<Arc<dyn AnyBus>>>);

impl Registry {
    pub(super) fn new() -> Self {
        Self(ArcSwap::from_pointee(Vec::new()))
    }

    /// The bus of that name. Lock-free.
    pub(super) fn get(&self, name: Name) -> Option<Arc<dyn AnyBus>> {
        let table = self.0.load();
        let at = table.binary_search_by_key(&name, |bus| bus.name()).ok()?;
        Some(Arc::clone(&table[at]))
    }

    /// All buses at this moment.
    pub(super) fn all(&self) -> Arc<Vec<Arc<dyn AnyBus>>> {
        self.0.load_full()
    }

    /// Adds a bus. False where its name is taken.
    pub(super) fn insert(&self, bus: &Arc<dyn AnyBus>) -> bool {
        let mut inserted = false;
        self.0.rcu(|table| {
            let mut table = Vec::clone(table);
            let at = table.binary_search_by_key(&bus.name(), |known| known.name());
            inserted = at.is_err();
            if let Err(at) = at {
                table.insert(at, Arc::clone(bus));
            }
            table
        });
        inserted
    }

    /// Takes a bus out. False where it was not there, or is another by now.
    pub(super) fn remove(&self, bus: &Arc<dyn AnyBus>) -> bool {
        let mut removed = false;
        self.0.rcu(|table| {
            let mut table = Vec::clone(table);
            let before = table.len();
            table.retain(|known| !Arc::ptr_eq(known, bus));
            removed = table.len() != before;
            table
        });
        removed
    }
}
