//! What a runtime is made of, as one typed value: buses, slots, threads, feeds, limits. It comes from code, from a TOML file, from
//! environment variables, or from all three; each key has a unit in its name, a range and a default.
//!
//! The types are plain data and hold no rule that spans keys: [`Config::mistakes`] checks those, all at once.

mod bounds;
mod bus;
mod choice;
mod degradation;
#[cfg(feature = "config")]
mod document;
mod gate;
mod history;
mod lanes;
mod limits;
#[cfg(feature = "config")]
mod loader;
mod mistake;
#[cfg(feature = "config")]
mod node;
#[cfg(feature = "config")]
mod print;
mod rules;
#[cfg(feature = "config")]
mod setting;
#[cfg(feature = "config")]
mod shape;
mod slot;
#[cfg(feature = "config")]
mod structure;
mod thread;

pub use bus::{BusConfig, OverflowChoice, PublisherConfig, StampingChoice};
pub use degradation::{DegradationConfig, ModeConfig};
pub use gate::{GateConfig, RateConfig, TimeOrderChoice};
pub use history::{HISTORY_SLOT, HistoryConfig};
pub use lanes::{LanePolicyChoice, LanesConfig};
pub use limits::{ClockChoice, Grant, PreflightChoice, RuntimeConfig, StartPolicy};
#[cfg(feature = "config")]
pub use loader::Loader;
pub use mistake::{Mistake, Mistakes, Origin};
pub use slot::{AccountsChoice, MeasureChoice, PanicChoice, SlotConfig, SlotOverflowChoice, StuckChoice, WaitChoice};
pub use thread::{Cores, FeedConfig, ThreadConfig};

use std::collections::BTreeMap;

/// Everything a runtime is made of. Names of buses, slots, threads, feeds and publishers are 1 to 31 bytes:
/// letters and digits, with single `-` or `_` between them.
///
/// ```
/// use tagring::runtime::config::{BusConfig, Config, SlotConfig};
///
/// let mut config = Config::default();
/// let mut md = BusConfig { capacity_cells: 4096, ..BusConfig::default() };
/// md.slots.insert("vwap".into(), SlotConfig { tags: vec!["Trade".into()], ..SlotConfig::default() });
/// config.buses.insert("md".into(), md);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Limits and choices of the runtime as a whole.
    pub runtime: RuntimeConfig,
    /// Slot threads, by name. A slot that names none runs on `slots`, which need not be written down.
    #[cfg_attr(feature = "config", schemars(extend("propertyNames" = shape::name())))]
    pub threads: BTreeMap<String, ThreadConfig>,
    /// Feed threads, by name.
    #[cfg_attr(feature = "config", schemars(extend("propertyNames" = shape::name())))]
    pub feeds: BTreeMap<String, FeedConfig>,
    /// Buses, by name.
    #[cfg_attr(feature = "config", schemars(extend("propertyNames" = shape::name())))]
    pub buses: BTreeMap<String, BusConfig>,
}

/// The thread that slots run on unless they name another.
pub const DEFAULT_THREAD: &str = "slots";

/// The bus on which the runtime says what became of its parts.
pub const SYSTEM_BUS: &str = "system";
