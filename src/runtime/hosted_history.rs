//! The history of a bus as its runtime keeps it: readers by name, and the handlers that keep it until they are attached.

use super::config::{BusConfig, HistoryConfig, SlotConfig};
use super::error::RuntimeError;
use super::shared::lock;
use crate::bus::Bus;
use crate::event::{Family, TagSet};
use crate::retain::{History, HistoryKeeper, HistoryReader, Keep};
use core::time::Duration;
use std::sync::Mutex;

/// The groups of a bus's history, those of each slot that keeps some.
pub(super) struct HostedHistory<F: Family> {
    slots: Vec<History<F>>,
    keepers: Mutex<Vec<Keeping<F>>>,
}

/// A slot that keeps groups of a bus's history, to be attached.
pub(super) struct Keeping<F: Family> {
    pub(super) slot: String,
    pub(super) config: SlotConfig,
    pub(super) keeper: HistoryKeeper<F>,
}

impl<F: Family> HostedHistory<F> {
    /// Takes the memory of all groups.
    pub(super) fn build(bus: &Bus<F>, config: &BusConfig) -> Result<Self, RuntimeError> {
        let (mut slots, mut keepers) = (Vec::new(), Vec::new());
        for (slot, mut slot_config, groups) in config.history_slots() {
            let mut builder = History::builder(bus);
            for name in groups {
                let group = &config.history[name];
                builder = builder.group(name, group.keep().tags(tags_of(bus, name, group)?));
            }
            let (history, keeper) = builder.build().map_err(|error| RuntimeError::History(Box::new(error)))?;
            let kept = keeper.tags();
            let names =
                F::SCHEMAS.iter().filter(|schema| kept.contains(schema.tag)).map(|schema| schema.name.to_owned());
            slot_config.tags = names.collect();
            slots.push(history);
            keepers.push(Keeping { slot, config: slot_config, keeper });
        }
        Ok(Self { slots, keepers: Mutex::new(keepers) })
    }

    /// A reader of a group.
    pub(super) fn reader(&self, group: &str) -> Option<HistoryReader<F>> {
        self.slots.iter().find_map(|history| history.reader(group).ok())
    }

    /// A reader of each group.
    pub(super) fn readers(&self) -> impl Iterator<Item = HistoryReader<F>> + '_ {
        self.slots.iter().flat_map(History::readers)
    }

    /// Takes the keepers; nothing the second time.
    pub(super) fn take_keepers(&self) -> Vec<Keeping<F>> {
        std::mem::take(&mut lock(&self.keepers))
    }
}

impl HistoryConfig {
    /// What the group keeps, whatever the tags.
    fn keep(&self) -> Keep {
        let keep = Keep::last(usize::try_from(self.count_max).unwrap_or(usize::MAX));
        match self.age_max_ms {
            0 => keep,
            age => keep.within(Duration::from_millis(age)),
        }
    }
}

fn tags_of<F: Family>(bus: &Bus<F>, name: &str, group: &HistoryConfig) -> Result<TagSet, RuntimeError> {
    if group.tags.is_empty() {
        return Ok(F::ALL);
    }
    let tags: Result<TagSet, _> = group.tags.iter().map(|tag| F::tag_by_name(tag)).collect();
    tags.map_err(|cause| RuntimeError::Tags {
        bus: bus.name(),
        slot: format!("history.{name}"),
        cause: Box::new(cause),
    })
}

/// Bytes that the history of a bus takes.
pub(super) fn history_bytes<F: Family>(config: &BusConfig) -> u64 {
    config.history.values().fold(0, |sum: u64, group| sum.saturating_add(group.keep().memory_bytes::<F>()))
}
