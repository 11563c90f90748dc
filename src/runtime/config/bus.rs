//! A bus: its ring, its slots, and who publishes to it.

use super::bounds::{self, Bounds};
use super::choice::choices;
use super::{DegradationConfig, GateConfig, HistoryConfig, LanesConfig, SlotConfig};
use crate::bus::{LANES_MAX, Stamping};
use std::collections::BTreeMap;

/// A bus: a table `[buses.NAME]`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct BusConfig {
    /// Cells of the ring: a power of two.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::CAPACITY_CELLS.min, max = bounds::CAPACITY_CELLS.max)))]
    pub capacity_cells: u64,
    /// Slots that may be attached at a time.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::SLOTS_MAX.min, max = bounds::SLOTS_MAX.max)))]
    pub slots_max: u32,
    /// Bytes of variable length that events in flight may own together; 0: none. Only a bus, or a lane of it, with one publisher has them.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::ARENA_BYTES.min, max = bounds::ARENA_BYTES.max)))]
    pub arena_bytes: u64,
    /// Dead letters that are kept; what comes beyond is counted and dropped. 0: none are kept.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::DEAD_LETTERS_MAX.min, max = bounds::DEAD_LETTERS_MAX.max)))]
    pub dead_letters_max: u64,
    /// Dead letters older than this are purged; 0: never.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::DEAD_LETTER_AGE_MAX_MS.min, max = bounds::DEAD_LETTER_AGE_MAX_MS.max)))]
    pub dead_letter_age_max_ms: u64,
    /// Its lanes.
    pub lanes: LanesConfig,
    /// Who publishes, by name. More than one in a lane, or one with `clones`: that ring is made for many publishers.
    #[cfg_attr(feature = "config", schemars(extend("propertyNames" = super::shape::name())))]
    pub publishers: BTreeMap<String, PublisherConfig>,
    /// What it does when there is more than it can do.
    pub degradation: DegradationConfig,
    /// The slots, by name.
    #[cfg_attr(feature = "config", schemars(extend("propertyNames" = super::shape::name())))]
    pub slots: BTreeMap<String, SlotConfig>,
    /// What is kept of its events for later questions: groups by name.
    #[cfg_attr(feature = "config", schemars(extend("propertyNames" = super::shape::name())))]
    pub history: BTreeMap<String, HistoryConfig>,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            capacity_cells: 65_536,
            slots_max: 64,
            arena_bytes: 0,
            dead_letters_max: 1_024,
            dead_letter_age_max_ms: 0,
            lanes: LanesConfig::default(),
            publishers: BTreeMap::new(),
            degradation: DegradationConfig::default(),
            slots: BTreeMap::new(),
            history: BTreeMap::new(),
        }
    }
}

impl BusConfig {
    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 5] {
        [
            ("capacity_cells", self.capacity_cells, bounds::CAPACITY_CELLS),
            ("slots_max", self.slots_max.into(), bounds::SLOTS_MAX),
            ("arena_bytes", self.arena_bytes, bounds::ARENA_BYTES),
            ("dead_letters_max", self.dead_letters_max, bounds::DEAD_LETTERS_MAX),
            ("dead_letter_age_max_ms", self.dead_letter_age_max_ms, bounds::DEAD_LETTER_AGE_MAX_MS),
        ]
    }

    /// Whether a ring of it is made for many publishers.
    #[must_use]
    pub fn has_many_publishers(&self) -> bool {
        self.lanes().any(|lane| self.has_many_publishers_in(lane))
    }

    /// Whether the ring of that lane is.
    #[must_use]
    pub fn has_many_publishers_in(&self, lane: u32) -> bool {
        let mut publishers = self.publishers.values().filter(|publisher| publisher.lane == lane);
        publishers.clone().count() > 1 || publishers.any(|publisher| publisher.clones)
    }

    /// The lanes there are, also of a configuration that asks for too many.
    fn lanes(&self) -> core::ops::Range<u32> {
        0..self.lanes.count.min(LANES_MAX as u32)
    }

    /// Lanes that have bytes where the bus has: those with one publisher.
    pub(in crate::runtime) fn lanes_with_bytes(&self) -> u64 {
        self.lanes().filter(|lane| !self.has_many_publishers_in(*lane)).count() as u64
    }
}

/// A publisher: a table `[buses.BUS.publishers.NAME]`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct PublisherConfig {
    /// The slot it is held by, as `BUS.SLOT`; empty: a feed or another thread.
    pub slot: String,
    /// Whether it may be cloned, for several threads.
    pub clones: bool,
    /// The lane it publishes to, where the bus has several; 0 is the most urgent.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::LANE.min, max = bounds::LANE.max)))]
    pub lane: u32,
    /// What it does when the ring is full.
    pub overflow: OverflowChoice,
    /// How long it waits under `timeout`.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::TIMEOUT_MS.min, max = bounds::TIMEOUT_MS.max)))]
    pub timeout_ms: u64,
    /// When it reads the clock.
    pub stamping: StampingChoice,
    /// What it lets in. With any gate it is taken with `gated_publisher`.
    pub gate: GateConfig,
}

impl Default for PublisherConfig {
    fn default() -> Self {
        Self {
            slot: String::new(),
            clones: false,
            lane: 0,
            overflow: OverflowChoice::Wait,
            timeout_ms: 1_000,
            stamping: StampingChoice::EveryEvent,
            gate: GateConfig::default(),
        }
    }
}

impl PublisherConfig {
    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 2] {
        [("lane", self.lane.into(), bounds::LANE), ("timeout_ms", self.timeout_ms, bounds::TIMEOUT_MS)]
    }
}

/// What a publisher does when the ring is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum OverflowChoice {
    /// Waits for room, as long as it takes.
    #[default]
    Wait,
    /// Waits for `timeout_ms`, then fails.
    Timeout,
    /// Fails at once.
    Fail,
    /// Drops the event and counts it.
    Shed,
}

/// When a publisher reads the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum StampingChoice {
    /// At each event.
    #[default]
    EveryEvent,
    /// At `tick` only.
    OnTick,
}

impl From<StampingChoice> for Stamping {
    fn from(choice: StampingChoice) -> Self {
        match choice {
            StampingChoice::EveryEvent => Self::EveryEvent,
            StampingChoice::OnTick => Self::OnTick,
        }
    }
}

choices! {
    /// what a publisher does when the ring is full.
    OverflowChoice as "overflow" { "wait" => Wait, "timeout" => Timeout, "fail" => Fail, "shed" => Shed, }
    /// when a publisher reads the clock.
    StampingChoice as "stamping" { "every-event" => EveryEvent, "on-tick" => OnTick, }
}
