//! A slot: what it is given, where it runs, how it is watched, what happens when its handler fails.

use super::DEFAULT_THREAD;
use super::bounds::{self, Bounds};
use super::choice::choices;
use crate::bus::{Measure, SlotOverflow};
use crate::ring::WaitStrategy;
use std::collections::BTreeMap;

/// A slot: a table `[buses.BUS.slots.NAME]`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
pub struct SlotConfig {
    /// Names of the payloads it is given; empty: all of the bus's family.
    pub tags: Vec<String>,
    /// The slot thread it runs on.
    pub thread: String,
    /// Slots of the same bus that handle each event before this one does.
    pub after: Vec<String>,
    /// How its thread waits. Of several slots on a thread the one that sleeps least decides.
    pub wait: WaitChoice,
    /// What happens when the slot is too slow for its bus.
    pub overflow: SlotOverflowChoice,
    /// The same for some payloads, by name: `{ Quote = "conflate" }`.
    pub overflow_tags: BTreeMap<String, SlotOverflowChoice>,
    /// Most events that wait beside the ring where the slot drops the newest.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::BACKLOG_MAX_EVENTS.min, max = bounds::BACKLOG_MAX_EVENTS.max)))]
    pub backlog_max_events: u64,
    /// Most keys, each with its payload's name, that may wait where the slot conflates; events of more keys are dropped.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::CONFLATE_KEYS_MAX.min, max = bounds::CONFLATE_KEYS_MAX.max)))]
    pub conflate_keys_max: u64,
    /// Where the slot is cut off: when it is more events behind than this; 0: when it fills the ring.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::CUT_OFF_LAG_EVENTS.min, max = bounds::CUT_OFF_LAG_EVENTS.max)))]
    pub cut_off_lag_events: u64,
    /// Where the slot is cut off: when it has not come to what was published so long ago; 0: however long.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::CUT_OFF_AFTER_MS.min, max = bounds::CUT_OFF_AFTER_MS.max)))]
    pub cut_off_after_ms: u64,
    /// Whether events whose deadline is over are left out, and counted.
    pub expires: bool,
    /// How closely it is counted what becomes of events. A slot that may leave some out counts by tag anyway.
    pub accounts: AccountsChoice,
    /// What is measured.
    pub measure: MeasureChoice,
    /// An event that takes longer from its intended time to the end of its handling is recorded, with where its time went; 0:
    /// `outlier_times_p99` decides. Where nothing is measured, nothing is recorded.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::OUTLIER_OVER_NS.min, max = bounds::OUTLIER_OVER_NS.max)))]
    pub outlier_over_ns: u64,
    /// The same, as a multiple of the running p99; 0: nothing is recorded unless `outlier_over_ns` says so.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::OUTLIER_TIMES_P99.min, max = bounds::OUTLIER_TIMES_P99.max)))]
    pub outlier_times_p99: u64,
    /// Records of such events that are kept, 272 bytes each; all are counted.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::OUTLIERS_MAX.min, max = bounds::OUTLIERS_MAX.max)))]
    pub outliers_max: u64,
    /// Most events of one turn.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::TURN_LIMIT_EVENTS.min, max = bounds::TURN_LIMIT_EVENTS.max)))]
    pub turn_limit_events: u32,
    /// Scratch memory taken at the start.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::SCRATCH_BYTES.min, max = bounds::SCRATCH_BYTES.max)))]
    pub scratch_bytes: u64,
    /// How long `on_init`, and then `on_start`, may take.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::START_TIMEOUT_MS.min, max = bounds::START_TIMEOUT_MS.max)))]
    pub start_timeout_ms: u64,
    /// What to do when the handler panics.
    pub panic: PanicChoice,
    /// Restarts allowed within the window.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::RESTARTS_MAX.min, max = bounds::RESTARTS_MAX.max)))]
    pub restarts_max: u32,
    /// That window.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::RESTART_WINDOW_MS.min, max = bounds::RESTART_WINDOW_MS.max)))]
    pub restart_window_ms: u64,
    /// Upper bound of the first pause; it doubles with each restart in the window, and the pause is drawn evenly from 0 to it.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::RESTART_PAUSE_MS.min, max = bounds::RESTART_PAUSE_MS.max)))]
    pub restart_pause_ms: u64,
    /// The bound does not grow beyond this.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::RESTART_PAUSE_MAX_MS.min, max = bounds::RESTART_PAUSE_MAX_MS.max)))]
    pub restart_pause_max_ms: u64,
    /// A handler that makes no progress for so long while there is something to do is stuck; 0: never.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::STUCK_AFTER_MS.min, max = bounds::STUCK_AFTER_MS.max)))]
    pub stuck_after_ms: u64,
    /// A slot more events behind than this is lagging; 0: never.
    #[cfg_attr(feature = "config", schemars(range(min = bounds::LAG_MAX_EVENTS.min, max = bounds::LAG_MAX_EVENTS.max)))]
    pub lag_max_events: u64,
    /// What to do when the handler is stuck, or another slot of its thread is and holds this one up.
    pub stuck: StuckChoice,
}

impl Default for SlotConfig {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            thread: DEFAULT_THREAD.into(),
            after: Vec::new(),
            wait: WaitChoice::SpinThenYield,
            overflow: SlotOverflowChoice::Gate,
            overflow_tags: BTreeMap::new(),
            backlog_max_events: 1_024,
            conflate_keys_max: 4_096,
            cut_off_lag_events: 0,
            cut_off_after_ms: 0,
            expires: false,
            accounts: AccountsChoice::Totals,
            measure: MeasureChoice::SlotAndTags,
            outlier_over_ns: 0,
            outlier_times_p99: 4,
            outliers_max: 256,
            turn_limit_events: 256,
            scratch_bytes: 0,
            start_timeout_ms: 5_000,
            panic: PanicChoice::Quarantine,
            restarts_max: 5,
            restart_window_ms: 60_000,
            restart_pause_ms: 10,
            restart_pause_max_ms: 5_000,
            stuck_after_ms: 1_000,
            lag_max_events: 0,
            stuck: StuckChoice::Report,
        }
    }
}

impl SlotConfig {
    /// Whether it may lose events.
    pub(super) fn may_lose(&self) -> bool {
        let loses =
            |choice: &SlotOverflowChoice| !matches!(choice, SlotOverflowChoice::Gate | SlotOverflowChoice::CutOff);
        loses(&self.overflow) || self.overflow_tags.values().any(loses)
    }

    /// Its numbers and their bounds.
    pub(super) fn numbers(&self) -> [(&'static str, u64, Bounds); 16] {
        [
            ("backlog_max_events", self.backlog_max_events, bounds::BACKLOG_MAX_EVENTS),
            ("conflate_keys_max", self.conflate_keys_max, bounds::CONFLATE_KEYS_MAX),
            ("cut_off_lag_events", self.cut_off_lag_events, bounds::CUT_OFF_LAG_EVENTS),
            ("cut_off_after_ms", self.cut_off_after_ms, bounds::CUT_OFF_AFTER_MS),
            ("outlier_over_ns", self.outlier_over_ns, bounds::OUTLIER_OVER_NS),
            ("outlier_times_p99", self.outlier_times_p99, bounds::OUTLIER_TIMES_P99),
            ("outliers_max", self.outliers_max, bounds::OUTLIERS_MAX),
            ("turn_limit_events", self.turn_limit_events.into(), bounds::TURN_LIMIT_EVENTS),
            ("scratch_bytes", self.scratch_bytes, bounds::SCRATCH_BYTES),
            ("start_timeout_ms", self.start_timeout_ms, bounds::START_TIMEOUT_MS),
            ("restarts_max", self.restarts_max.into(), bounds::RESTARTS_MAX),
            ("restart_window_ms", self.restart_window_ms, bounds::RESTART_WINDOW_MS),
            ("restart_pause_ms", self.restart_pause_ms, bounds::RESTART_PAUSE_MS),
            ("restart_pause_max_ms", self.restart_pause_max_ms, bounds::RESTART_PAUSE_MAX_MS),
            ("stuck_after_ms", self.stuck_after_ms, bounds::STUCK_AFTER_MS),
            ("lag_max_events", self.lag_max_events, bounds::LAG_MAX_EVENTS),
        ]
    }
}

/// How a slot's thread waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum WaitChoice {
    /// Spins and never gives the core away: it wants one of its own.
    Spin,
    /// Spins for a few microseconds, then yields between polls.
    #[default]
    SpinThenYield,
    /// Spins, yields a few times, then sleeps until a publication.
    SpinThenPark,
}

/// What happens when a slot is too slow for its bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum SlotOverflowChoice {
    /// Publishers wait for it, or do what their own `overflow` says.
    #[default]
    Gate,
    /// It keeps its backlog, and what comes beyond is dropped.
    DropNewest,
    /// It skips ahead: what it would have handled next is dropped.
    DropOldest,
    /// It gets the newest event of each key.
    Conflate,
    /// It is quarantined.
    CutOff,
}

/// How closely it is counted what becomes of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum AccountsChoice {
    /// In all.
    #[default]
    Totals,
    /// In all and by tag: a nanosecond or two for each event.
    ByTag,
}

/// How much a slot measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum MeasureChoice {
    /// Nothing: no clock is read.
    Off,
    /// Hop, service time and age of the slot.
    Slot,
    /// The same, and for each tag.
    #[default]
    SlotAndTags,
}

/// What a slot does when its handler panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum PanicChoice {
    /// The event is a dead letter; go on with the next one.
    Skip,
    /// The event is a dead letter; pause, tell the handler, go on; too often: fail.
    Restart,
    /// The event is a dead letter; stop the slot, which gates nobody from then on.
    #[default]
    Quarantine,
    /// Abort the process.
    Abort,
}

/// What to do when a handler is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "kebab-case"))]
pub enum StuckChoice {
    /// Its health changes, and the system event says so.
    #[default]
    Report,
    /// The same, and the slot gates nobody from then on; it stops when its handler returns.
    Quarantine,
    /// Abort the process, for a supervisor to start it anew.
    Abort,
}

impl From<WaitChoice> for WaitStrategy {
    fn from(choice: WaitChoice) -> Self {
        match choice {
            WaitChoice::Spin => Self::Spin,
            WaitChoice::SpinThenYield => Self::SpinThenYield,
            WaitChoice::SpinThenPark => Self::SpinThenPark,
        }
    }
}

impl From<SlotOverflowChoice> for SlotOverflow {
    fn from(choice: SlotOverflowChoice) -> Self {
        match choice {
            SlotOverflowChoice::Gate => Self::Gate,
            SlotOverflowChoice::DropNewest => Self::DropNewest,
            SlotOverflowChoice::DropOldest => Self::DropOldest,
            SlotOverflowChoice::Conflate => Self::Conflate,
            SlotOverflowChoice::CutOff => Self::CutOff,
        }
    }
}

impl From<MeasureChoice> for Measure {
    fn from(choice: MeasureChoice) -> Self {
        match choice {
            MeasureChoice::Off => Self::Off,
            MeasureChoice::Slot => Self::Slot,
            MeasureChoice::SlotAndTags => Self::SlotAndTags,
        }
    }
}

choices! {
    /// how a slot's thread waits.
    WaitChoice as "wait" { "spin" => Spin, "spin-then-yield" => SpinThenYield, "spin-then-park" => SpinThenPark, }
    /// what happens when a slot is too slow for its bus.
    SlotOverflowChoice as "overflow" { "gate" => Gate, "drop-newest" => DropNewest, "drop-oldest" => DropOldest, "conflate" => Conflate, "cut-off" => CutOff, }
    /// how closely it is counted what becomes of events.
    AccountsChoice as "accounts" { "totals" => Totals, "by-tag" => ByTag, }
    /// how much a slot measures.
    MeasureChoice as "measure" { "off" => Off, "slot" => Slot, "slot-and-tags" => SlotAndTags, }
    /// what a slot does when its handler panics.
    PanicChoice as "panic" { "skip" => Skip, "restart" => Restart, "quarantine" => Quarantine, "abort" => Abort, }
    /// what to do when a handler is stuck.
    StuckChoice as "stuck" { "report" => Report, "quarantine" => Quarantine, "abort" => Abort, }
}
