//! What these tests share: events with a key and a number, a handler that writes down what it was given, and the judge of what it wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tagring::bus::{Context, Group, Handler, Outcome, SlotView};
use tagring::event::Event;

tagring::events! {
    /// Events of these tests.
    pub mod market;
    /// The key's `number`-th.
    pub struct Trade = 1, v1 { pub number: u64, pub fatal: u64 }
    /// Not for groups that take trades alone.
    pub struct Quote = 2, v1 { pub bid: u64 }
}
pub(crate) use market::{Events, Quote, Trade};

pub(crate) const SOON: Duration = Duration::from_secs(20);
/// What a trade does to its handler.
pub(crate) const HARMLESS: u64 = 0;
pub(crate) const PANICS: u64 = 1;
pub(crate) const REFUSED: u64 = 2;
/// It is quarantined, and its partitions given to others, while its handler is in the event; then it goes on with its turn.
pub(crate) const STUCK: u64 = 3;

/// What all handlers of a test were given: key, number, and who it was, in the order of their beginning.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(u32, u64, u64)>>>);

impl Log {
    pub(crate) fn push(&self, key: u32, number: u64, who: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((key, number, who));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(crate) fn all(&self) -> Vec<(u32, u64, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Each key's numbers grow, so none came twice or before an earlier one; those of `published` that never came.
    pub(crate) fn judge(&self, published: &BTreeMap<u32, u64>) -> Result<BTreeSet<(u32, u64)>, String> {
        let mut last: BTreeMap<u32, u64> = BTreeMap::new();
        let mut missing: BTreeSet<(u32, u64)> =
            published.iter().flat_map(|(&key, &count)| (0..count).map(move |number| (key, number))).collect();
        for (key, number, who) in self.all() {
            if let Some(before) = last.insert(key, number)
                && before >= number
            {
                return Err(format!("key {key}: {number} after {before}, by {who}"));
            }
            if !missing.remove(&(key, number)) {
                return Err(format!("key {key}: {number} was never published, or came twice, by {who}"));
            }
        }
        Ok(missing)
    }
}

/// Writes down each trade when it begins with it.
pub(crate) struct Worker {
    pub(crate) log: Log,
    pub(crate) who: u64,
    pub(crate) group: Option<Group<Events>>,
    pub(crate) slot: Option<SlotView>,
}

impl Worker {
    pub(crate) fn new(log: &Log, who: u64) -> Self {
        Self { log: log.clone(), who, group: None, slot: None }
    }
}

impl Handler for Worker {
    fn on_attach(&mut self, slot: &SlotView) {
        self.slot = Some(slot.clone());
    }

    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let Some(trade) = event.get::<Trade>() else { return Outcome::Done };
        self.log.push(event.key(), trade.number, self.who);
        match trade.fatal {
            PANICS => std::panic::resume_unwind(Box::new("as asked")),
            REFUSED => Outcome::Dead,
            STUCK => {
                if let (Some(group), Some(slot)) = (&self.group, &self.slot) {
                    assert!(group.quarantine(slot));
                }
                Outcome::Done
            }
            _ => Outcome::Done,
        }
    }
}
