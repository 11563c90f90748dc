//! What a bus keeps of its events for later questions: groups, each bounded by count and by age, and the slots that keep them.

use super::bounds::{self, Bounds};
use super::{BusConfig, DEFAULT_THREAD, MeasureChoice, SlotConfig, WaitChoice};

/// The slot that keeps a bus's history. Where its groups name several threads, there are `history-2`, `history-3` and so on for the others.
pub const HISTORY_SLOT: &str = "history";

/// A group of the history of a bus: a table `[buses.BUS.history.NAME]`. The runtime attaches the slots `history`, one for each thread that groups
/// name, by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct HistoryConfig {
    /// Names of the payloads it keeps; empty: all of the bus's family.
    pub tags: Vec<String>,
    /// Events it keeps at most. It takes the next power of two of cells, each a cache line larger than those of the bus.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::HISTORY_COUNT_MAX.min, max = bounds::HISTORY_COUNT_MAX.max)))]
    pub count_max: u64,
    /// Events older than this are not found; 0: whatever their age.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::HISTORY_AGE_MAX_MS.min, max = bounds::HISTORY_AGE_MAX_MS.max)))]
    pub age_max_ms: u64,
    /// The slot thread that keeps it.
    pub thread: String,
    /// How that thread waits on its account.
    pub wait: WaitChoice,
}

impl Default for HistoryConfig {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            count_max: 65_536,
            age_max_ms: 0,
            thread: DEFAULT_THREAD.into(),
            wait: WaitChoice::SpinThenYield,
        }
    }
}

impl HistoryConfig {
    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 2] {
        [
            ("count_max", self.count_max, bounds::HISTORY_COUNT_MAX),
            ("age_max_ms", self.age_max_ms, bounds::HISTORY_AGE_MAX_MS),
        ]
    }
}

impl BusConfig {
    /// The slots that keep its history, each with the names of its groups: one for each thread, in the order of the groups' names.
    #[must_use]
    pub fn history_slots(&self) -> Vec<(String, SlotConfig, Vec<&str>)> {
        let mut slots: Vec<(String, SlotConfig, Vec<&str>)> = Vec::new();
        for (group, HistoryConfig { thread, wait, .. }) in &self.history {
            if let Some((_, slot, groups)) = slots.iter_mut().find(|(_, slot, _)| slot.thread == *thread) {
                slot.wait = slot.wait.busier(*wait);
                groups.push(group);
                continue;
            }
            let name = match slots.len() {
                0 => HISTORY_SLOT.into(),
                others => format!("{HISTORY_SLOT}-{}", others + 1),
            };
            let measure = MeasureChoice::Off;
            let slot = SlotConfig { thread: thread.clone(), wait: *wait, measure, ..SlotConfig::default() };
            slots.push((name, slot, vec![group]));
        }
        slots
    }

    /// The threads of all its slots, those of its history included.
    pub(in crate::runtime) fn threads(&self) -> impl Iterator<Item = &str> {
        let slots = self.slots.values().map(|slot| slot.thread.as_str());
        slots.chain(self.history.values().map(|group| group.thread.as_str()))
    }
}

impl WaitChoice {
    /// The one of two that sleeps least.
    fn busier(self, other: Self) -> Self {
        let rank = |choice| match choice {
            Self::Spin => 0,
            Self::SpinThenYield => 1,
            Self::SpinThenPark => 2,
        };
        if rank(other) < rank(self) { other } else { self }
    }
}
