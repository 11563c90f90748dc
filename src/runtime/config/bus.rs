//! A bus: its ring, its slots, and who publishes to it.

use super::SlotConfig;
use std::collections::BTreeMap;

/// A bus: a table `[buses.NAME]`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct BusConfig {
    /// Cells of the ring: a power of two.
    #[cfg_attr(feature = "config", schemars(range(min = 2, max = 4_294_967_296_u64)))]
    pub capacity_cells: u64,
    /// Slots that may be attached at a time.
    #[cfg_attr(feature = "config", schemars(range(min = 1, max = 64)))]
    pub slots_max: u32,
    /// Bytes of variable length that events in flight may own together; 0: none. Only a bus with one publisher has them.
    #[cfg_attr(feature = "config", schemars(range(min = 0, max = 1_099_511_627_776_u64)))]
    pub arena_bytes: u64,
    /// Dead letters that are kept; what comes beyond is counted and dropped. 0: none are kept.
    #[cfg_attr(feature = "config", schemars(range(min = 0, max = 16_777_216)))]
    pub dead_letters_max: u64,
    /// Dead letters older than this are purged; 0: never.
    pub dead_letter_age_max_ms: u64,
    /// Who publishes, by name. More than one, or one with `clones`: the ring is made for many publishers.
    pub publishers: BTreeMap<String, PublisherConfig>,
    /// The slots, by name.
    pub slots: BTreeMap<String, SlotConfig>,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            capacity_cells: 65_536,
            slots_max: 64,
            arena_bytes: 0,
            dead_letters_max: 1_024,
            dead_letter_age_max_ms: 0,
            publishers: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
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
    /// What it does when the ring is full.
    pub overflow: OverflowChoice,
    /// How long it waits under `timeout`.
    #[cfg_attr(feature = "config", schemars(range(min = 0, max = 3_600_000)))]
    pub timeout_ms: u64,
    /// When it reads the clock.
    pub stamping: StampingChoice,
}

impl Default for PublisherConfig {
    fn default() -> Self {
        Self {
            slot: String::new(),
            clones: false,
            overflow: OverflowChoice::Wait,
            timeout_ms: 1_000,
            stamping: StampingChoice::EveryEvent,
        }
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
