//! The lanes of a bus: how many there are, and how its slots share their turns between them.

use super::bounds::{self, Bounds};
use super::choice::choices;
use crate::bus::LanePolicy;

/// The lanes of a bus: a table `[buses.NAME.lanes]`. Lane 0 is the most urgent. Each is a ring of `capacity_cells`, with publishers of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct LanesConfig {
    /// How many there are; 1: the bus is a single ring.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::LANES.min, max = bounds::LANES.max)))]
    pub count: u32,
    /// How slots share their turns between the lanes.
    pub policy: LanePolicyChoice,
    /// Under `strict`: a lane that has something gets a turn after so many events of more urgent lanes.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::STARVATION_EVENTS.min, max = bounds::STARVATION_EVENTS.max)))]
    pub starvation_events: u64,
    /// Under `weighted`: a weight for each lane.
    #[cfg_attr(feature = "config", schemars(inner(range(min = bounds::WEIGHT.min, max = bounds::WEIGHT.max))))]
    pub weights: Vec<u32>,
}

impl Default for LanesConfig {
    fn default() -> Self {
        Self { count: 1, policy: LanePolicyChoice::Strict, starvation_events: 4_096, weights: Vec::new() }
    }
}

impl LanesConfig {
    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 2] {
        [
            ("count", self.count.into(), bounds::LANES),
            ("starvation_events", self.starvation_events, bounds::STARVATION_EVENTS),
        ]
    }

    /// The same for a bus.
    pub(in crate::runtime) fn policy(&self) -> LanePolicy {
        match self.policy {
            LanePolicyChoice::Strict => LanePolicy::Strict { starvation: self.starvation_events },
            LanePolicyChoice::Weighted => LanePolicy::Weighted(self.weights.clone()),
        }
    }
}

/// How slots share their turns between the lanes of their bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum LanePolicyChoice {
    /// The most urgent lane that has something goes first; `starvation_events` bounds how long others wait.
    #[default]
    Strict,
    /// Each gets events in the proportion of its weight, to within one turn.
    Weighted,
}

choices! {
    /// how slots share their turns between the lanes of their bus.
    LanePolicyChoice as "policy" { "strict" => Strict, "weighted" => Weighted, }
}
