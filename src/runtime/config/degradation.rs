//! The degradation of a bus: what brings its modes about, and what still lives in each.

use super::bounds::{self, Bounds};
use crate::guard::{Mode, Threshold, Thresholds};

/// What a bus does when there is more than it can do: a table `[buses.BUS.degradation]`. Without any threshold and any `keep` the bus has no modes.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct DegradationConfig {
    /// A mode is left when the load is below this share of what brings it about.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::LEAVE_PERCENT.min, max = bounds::LEAVE_PERCENT.max)))]
    pub leave_percent: u64,
    /// A mode lasts at least so long before a better one follows.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::STAY_MS.min, max = bounds::STAY_MS.max)))]
    pub stay_ms: u64,
    /// The first mode.
    pub degraded: ModeConfig,
    /// The second mode.
    pub shedding: ModeConfig,
    /// The third mode: only controls pass.
    pub halted: ModeConfig,
}

/// One mode: a table `[buses.BUS.degradation.MODE]`.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct ModeConfig {
    /// Comes about when a slot is so many events behind; 0: not by that.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::LAG_MAX_EVENTS.min, max = bounds::LAG_MAX_EVENTS.max)))]
    pub lag_events: u64,
    /// Comes about when the oldest event that a slot has not handled is so old; 0: not by that.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::MODE_AGE_MS.min, max = bounds::MODE_AGE_MS.max)))]
    pub age_ms: u64,
    /// Comes about when the process has so much memory (resident, as the kernel counts it); 0: not by that.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::MODE_MEMORY_BYTES.min, max = bounds::MODE_MEMORY_BYTES.max)))]
    pub memory_bytes: u64,
    /// Names of the payloads that live in it, of those that live in the mode before it. Empty: all of those; in `halted`: none.
    pub keep: Vec<String>,
    /// Events whose tag does not live in the next mode are left out when they are older than this; 0: at no age.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::SHED_AGE_MS.min, max = bounds::SHED_AGE_MS.max)))]
    pub shed_age_ms: u64,
}

impl Default for DegradationConfig {
    fn default() -> Self {
        let mode = ModeConfig::default;
        Self { leave_percent: 50, stay_ms: 1_000, degraded: mode(), shedding: mode(), halted: mode() }
    }
}

impl DegradationConfig {
    /// The modes with their names, in order.
    #[must_use]
    pub const fn modes(&self) -> [(Mode, &ModeConfig); 3] {
        [(Mode::Degraded, &self.degraded), (Mode::Shedding, &self.shedding), (Mode::Halted, &self.halted)]
    }

    /// Whether the bus has modes at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.modes().into_iter().any(|(_, mode)| *mode != ModeConfig::default())
    }

    /// Whether the memory of the process matters.
    pub(in crate::runtime) fn looks_at_memory(&self) -> bool {
        self.modes().into_iter().any(|(_, mode)| mode.memory_bytes > 0)
    }

    /// When its modes are entered and left.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        let ns = |ms: u64| ms.saturating_mul(1_000_000);
        let enter = self.modes().map(|(_, mode)| Threshold {
            lag_events: mode.lag_events,
            age_ns: ns(mode.age_ms),
            memory_bytes: mode.memory_bytes,
        });
        Thresholds { enter, leave_percent: self.leave_percent, stay_ns: ns(self.stay_ms) }
    }

    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 2] {
        [("leave_percent", self.leave_percent, bounds::LEAVE_PERCENT), ("stay_ms", self.stay_ms, bounds::STAY_MS)]
    }
}

impl ModeConfig {
    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 4] {
        [
            ("lag_events", self.lag_events, bounds::LAG_MAX_EVENTS),
            ("age_ms", self.age_ms, bounds::MODE_AGE_MS),
            ("memory_bytes", self.memory_bytes, bounds::MODE_MEMORY_BYTES),
            ("shed_age_ms", self.shed_age_ms, bounds::SHED_AGE_MS),
        ]
    }
}
