//! The gates of a publisher: what it may publish, and how much of it.

use super::bounds::{self, Bounds};
use super::choice::choices;
use std::collections::BTreeMap;

/// The gates of a publisher: a table `[buses.BUS.publishers.NAME.gate]`. Such a publisher is taken with `gated_publisher`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct GateConfig {
    /// Events a second; what comes beyond is rejected. 0: any number.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::RATE_PER_S.min, max = bounds::RATE_PER_S.max)))]
    pub rate_per_s: u64,
    /// Events at once, after a pause.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::RATE_BURST.min, max = bounds::RATE_BURST.max)))]
    pub rate_burst: u64,
    /// Events of its own that may be in the ring and not yet handled by every slot; 0: any number.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::QUOTA_IN_FLIGHT.min, max = bounds::QUOTA_IN_FLIGHT.max)))]
    pub quota_in_flight: u64,
    /// Numbers of each sender by which its events are told apart, so that none is published twice: a power of two from 64. 0: they are not.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::DEDUP_WINDOW.min, max = bounds::DEDUP_WINDOW.max)))]
    pub dedup_window: u64,
    /// Those senders, from 0.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::DEDUP_CLIENTS.min, max = bounds::DEDUP_CLIENTS.max)))]
    pub dedup_clients: u32,
    /// Whether an event's time may be before that of the one before it.
    pub time_order: TimeOrderChoice,
    /// Keys that times are kept of under `key`.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::TIME_KEYS_MAX.min, max = bounds::TIME_KEYS_MAX.max)))]
    pub time_keys_max: u64,
    /// An event that is older than this when it is published is rejected; 0: none is.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::AGE_MAX_NS.min, max = bounds::AGE_MAX_NS.max)))]
    pub age_max_ns: u64,
    /// Rejects events whose deadline is over.
    pub deadlines: bool,
    /// Rejects events with values that their payloads do not declare.
    pub validate: bool,
    /// Rules for fields: `Trade.price in 1..=1000000`, `Trade.side in 'B', 'S'`.
    pub ranges: Vec<String>,
    /// Rates of groups of tags, by name; they count for the publisher's own rate too.
    #[cfg_attr(feature = "config", schemars(extend("propertyNames" = super::shape::name())))]
    pub rates: BTreeMap<String, RateConfig>,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            rate_per_s: 0,
            rate_burst: 64,
            quota_in_flight: 0,
            dedup_window: 0,
            dedup_clients: 1,
            time_order: TimeOrderChoice::Any,
            time_keys_max: 65_536,
            age_max_ns: 0,
            deadlines: false,
            validate: false,
            ranges: Vec::new(),
            rates: BTreeMap::new(),
        }
    }
}

impl GateConfig {
    /// Whether it asks for any gate.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let Self { rate_per_s, quota_in_flight, dedup_window, time_order, age_max_ns, .. } = self;
        *rate_per_s == 0
            && *quota_in_flight == 0
            && *dedup_window == 0
            && *time_order == TimeOrderChoice::Any
            && *age_max_ns == 0
            && !self.deadlines
            && !self.validate
            && self.ranges.is_empty()
            && self.rates.is_empty()
    }

    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 7] {
        [
            ("rate_per_s", self.rate_per_s, bounds::RATE_PER_S),
            ("rate_burst", self.rate_burst, bounds::RATE_BURST),
            ("quota_in_flight", self.quota_in_flight, bounds::QUOTA_IN_FLIGHT),
            ("dedup_window", self.dedup_window, bounds::DEDUP_WINDOW),
            ("dedup_clients", self.dedup_clients.into(), bounds::DEDUP_CLIENTS),
            ("time_keys_max", self.time_keys_max, bounds::TIME_KEYS_MAX),
            ("age_max_ns", self.age_max_ns, bounds::AGE_MAX_NS),
        ]
    }
}

/// The rate of a group of tags: a table `[buses.BUS.publishers.NAME.gate.rates.GROUP]`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct RateConfig {
    /// Names of its payloads.
    pub tags: Vec<String>,
    /// Events a second; what comes beyond is rejected.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::GROUP_PER_S.min, max = bounds::GROUP_PER_S.max)))]
    pub per_s: u64,
    /// Events at once, after a pause.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::RATE_BURST.min, max = bounds::RATE_BURST.max)))]
    pub burst: u64,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self { tags: Vec::new(), per_s: 1_000, burst: 64 }
    }
}

impl RateConfig {
    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 2] {
        [("per_s", self.per_s, bounds::GROUP_PER_S), ("burst", self.burst, bounds::RATE_BURST)]
    }
}

/// Whether an event's time may go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum TimeOrderChoice {
    /// It may.
    #[default]
    Any,
    /// Not behind that of the publisher's event before.
    Publisher,
    /// Not behind that of the event before with the same key.
    Key,
}

choices! {
    /// whether an event's time may go back.
    TimeOrderChoice as "time_order" { "any" => Any, "publisher" => Publisher, "key" => Key, }
}
