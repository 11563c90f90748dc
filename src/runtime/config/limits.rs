//! Limits and choices of a runtime as a whole: what may exist, how it starts and stops, what it asks of the machine.

use super::bounds::{self, Bounds};
use super::choice::choices;

/// Limits and choices of the runtime as a whole: the table `[runtime]`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct RuntimeConfig {
    /// The runtime's name: it stands in thread names and reports.
    #[cfg_attr(feature = "config", schemars(length(min = bounds::NAME_BYTES.min, max = bounds::NAME_BYTES.max)))]
    #[cfg_attr(feature = "config", schemars(extend("pattern" = super::shape::NAME_PATTERN)))]
    pub name: String,
    /// Buses that may exist at a time.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::BUSES_MAX.min, max = bounds::BUSES_MAX.max)))]
    pub buses_max: u32,
    /// Slot, feed and service threads that may exist at a time.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::RUNTIME_THREADS_MAX.min, max = bounds::RUNTIME_THREADS_MAX.max)))]
    pub threads_max: u32,
    /// Bytes that all rings, arenas, histograms and dead letters may take together.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::MEMORY_MAX_BYTES.min, max = bounds::MEMORY_MAX_BYTES.max)))]
    pub memory_max_bytes: u64,
    /// Cores that may be used; empty: all that the process may use.
    #[cfg_attr(feature = "config", schemars(inner(range(min = bounds::CORE.min, max = bounds::CORE.max))))]
    pub cores: Vec<usize>,
    /// Where times come from.
    pub clock: ClockChoice,
    /// What to do when slots do not start.
    pub start: StartPolicy,
    /// What a shutdown may take in all, unless the call says otherwise.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::SHUTDOWN_TIMEOUT_MS.min, max = bounds::SHUTDOWN_TIMEOUT_MS.max)))]
    pub shutdown_timeout_ms: u64,
    /// Whether SIGINT and SIGTERM are taken over: the first stops gracefully, the second at once.
    pub signals: bool,
    /// How often the service thread looks after slots, dead letters and notices.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::CHECK_EVERY_MS.min, max = bounds::CHECK_EVERY_MS.max)))]
    pub check_every_ms: u64,
    /// Cells of the bus `system`, on which the runtime says what became of its parts; a power of two. 0: no such bus.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::SYSTEM_CELLS.min, max = bounds::SYSTEM_CELLS.max)))]
    pub system_cells: u64,
    /// Seed of the jitter in restart pauses; 0: another one at each start.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::SEED.min, max = bounds::SEED.max)))]
    pub seed: u64,
    /// What to do with what the preflight finds on this machine.
    pub preflight: PreflightChoice,
    /// Locks the process's memory, so that none is swapped out.
    pub lock_memory: Grant,
    /// Touches stacks and rings before the start, so that no page is met for the first time later.
    pub prefault: Grant,
    /// Asks for huge pages under rings.
    pub huge_pages: Grant,
    /// Whether threads with a `realtime_priority` get it.
    pub realtime: Grant,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            name: "tagring".into(),
            buses_max: 16,
            threads_max: 64,
            memory_max_bytes: 1 << 30,
            cores: Vec::new(),
            clock: ClockChoice::Auto,
            start: StartPolicy::All,
            shutdown_timeout_ms: 5_000,
            signals: false,
            check_every_ms: 10,
            system_cells: 1_024,
            seed: 0,
            preflight: PreflightChoice::Report,
            lock_memory: Grant::Off,
            prefault: Grant::Try,
            huge_pages: Grant::Off,
            realtime: Grant::Try,
        }
    }
}

impl RuntimeConfig {
    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 7] {
        [
            ("buses_max", self.buses_max.into(), bounds::BUSES_MAX),
            ("threads_max", self.threads_max.into(), bounds::RUNTIME_THREADS_MAX),
            ("memory_max_bytes", self.memory_max_bytes, bounds::MEMORY_MAX_BYTES),
            ("shutdown_timeout_ms", self.shutdown_timeout_ms, bounds::SHUTDOWN_TIMEOUT_MS),
            ("check_every_ms", self.check_every_ms, bounds::CHECK_EVERY_MS),
            ("system_cells", self.system_cells, bounds::SYSTEM_CELLS),
            ("seed", self.seed, bounds::SEED),
        ]
    }
}

/// Where times come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum ClockChoice {
    /// The TSC where it can be trusted, else the monotonic clock.
    #[default]
    Auto,
    /// The monotonic clock.
    Monotonic,
}

/// What to do when slots do not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum StartPolicy {
    /// All or nothing: one that fails ends the start, with all failures reported.
    #[default]
    All,
    /// Go on with those that started; the others are reported.
    Any,
}

/// What to do with what the preflight finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum PreflightChoice {
    /// Do not look.
    Off,
    /// Look and report.
    #[default]
    Report,
    /// Refuse to start on a finding.
    Refuse,
}

/// Whether something is asked of the operating system, and whether the start depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum Grant {
    /// Not asked for.
    #[default]
    Off,
    /// Asked for, verified and reported; the start goes on without.
    Try,
    /// Asked for and verified; the start fails without.
    Require,
}

choices! {
    /// where times come from.
    ClockChoice as "clock" { "auto" => Auto, "monotonic" => Monotonic, }
    /// what to do when slots do not start.
    StartPolicy as "start" { "all" => All, "any" => Any, }
    /// what to do with what the preflight finds.
    PreflightChoice as "preflight" { "off" => Off, "report" => Report, "refuse" => Refuse, }
    /// whether something is asked of the operating system.
    Grant as "grant" { "off" => Off, "try" => Try, "require" => Require, }
}
