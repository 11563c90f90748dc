//! Threads of slots and feeds, and the cores they run on.

use super::bounds::{self, Bounds};

/// A slot thread, or several that share their slots: a table `[threads.NAME]`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct ThreadConfig {
    /// Threads at most. As many are started as there are slots for them and cores to give each one of its own, at least one; slots
    /// are dealt to them in the order of their names.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::THREADS_MAX.min, max = bounds::THREADS_MAX.max)))]
    pub threads_max: u32,
    /// Which cores.
    pub cores: Cores,
    /// Priority under SCHED_FIFO, 1 to 99; 0: scheduled as usual.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::REALTIME_PRIORITY.min, max = bounds::REALTIME_PRIORITY.max)))]
    pub realtime_priority: u8,
}

impl Default for ThreadConfig {
    fn default() -> Self {
        Self { threads_max: 1, cores: Cores::Auto, realtime_priority: 0 }
    }
}

impl ThreadConfig {
    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 2] {
        [
            ("threads_max", self.threads_max.into(), bounds::THREADS_MAX),
            ("realtime_priority", self.realtime_priority.into(), bounds::REALTIME_PRIORITY),
        ]
    }
}

/// A feed's thread: a table `[feeds.NAME]`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct FeedConfig {
    /// Which core.
    pub cores: Cores,
    /// Whether the feed keeps its core busy also when it has nothing to do: it then wants one of its own.
    pub spins: bool,
    /// Priority under SCHED_FIFO, 1 to 99; 0: scheduled as usual.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::REALTIME_PRIORITY.min, max = bounds::REALTIME_PRIORITY.max)))]
    pub realtime_priority: u8,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self { cores: Cores::Auto, spins: true, realtime_priority: 0 }
    }
}

impl FeedConfig {
    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 1] {
        [("realtime_priority", self.realtime_priority.into(), bounds::REALTIME_PRIORITY)]
    }
}

/// The cores a thread is pinned to: `"auto"`, `"any"`, or a list of core numbers, one for each thread in turn.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Cores {
    /// Chosen by the runtime: one to itself where it spins, on the node of its neighbours, isolated ones first.
    #[default]
    Auto,
    /// Not pinned.
    Any,
    /// These, in this order.
    List(Vec<usize>),
}

#[cfg(feature = "config")]
impl serde::Serialize for Cores {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => to.serialize_str("auto"),
            Self::Any => to.serialize_str("any"),
            Self::List(cores) => cores.serialize(to),
        }
    }
}

#[cfg(feature = "config")]
impl<'de> serde::Deserialize<'de> for Cores {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match CoresText::deserialize(from)? {
            CoresText::Named(CoresName::Auto) => Self::Auto,
            CoresText::Named(CoresName::Any) => Self::Any,
            CoresText::List(cores) => Self::List(cores),
        })
    }
}

#[cfg(feature = "config")]
impl schemars::JsonSchema for Cores {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cores".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        CoresText::json_schema(generator)
    }
}

/// Cores as they are written: `"auto"`, `"any"`, or a list of core numbers, one for each thread.
#[cfg(feature = "config")]
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
enum CoresText {
    /// `"auto"` or `"any"`.
    Named(CoresName),
    /// Core numbers, one for each thread.
    List(#[schemars(length(min = 1), inner(range(min = bounds::CORE.min, max = bounds::CORE.max)))] Vec<usize>),
}

#[cfg(feature = "config")]
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum CoresName {
    /// Chosen by the runtime.
    Auto,
    /// Not pinned.
    Any,
}
