//! The bounds of every number in the configuration. They stand here once: the schema's attributes, the checks and the printed
//! comments all take them from these constants. None exceeds 2^63 - 1, the largest integer of TOML.

/// The smallest and the largest value of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) min: u64,
    pub(super) max: u64,
}

const fn bounds(min: u64, max: u64) -> Bounds {
    Bounds { min, max }
}

/// Some 292 million years in milliseconds, and more of anything than there is.
const ANY: Bounds = bounds(0, i64::MAX as u64);
const SECOND_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600 * SECOND_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Bytes of a name; see [`crate::bus::Name`].
pub(super) const NAME_BYTES: Bounds = bounds(1, 31);

// Runtime.
pub(super) const BUSES_MAX: Bounds = bounds(1, 1_024);
pub(super) const RUNTIME_THREADS_MAX: Bounds = bounds(1, 4_096);
pub(super) const MEMORY_MAX_BYTES: Bounds = bounds(4_096, ANY.max);
pub(super) const SHUTDOWN_TIMEOUT_MS: Bounds = bounds(1, HOUR_MS);
pub(super) const CHECK_EVERY_MS: Bounds = bounds(1, 10 * SECOND_MS);
pub(super) const SYSTEM_CELLS: Bounds = bounds(0, 1 << 20);
pub(super) const SEED: Bounds = ANY;
/// Linux is built for 8,192 cores at most.
pub(super) const CORE: Bounds = bounds(0, 8_191);

// Threads and feeds.
pub(super) const THREADS_MAX: Bounds = bounds(1, 1_024);
pub(super) const REALTIME_PRIORITY: Bounds = bounds(0, 99);

// Buses and publishers.
/// What a ring allows.
pub(super) const CAPACITY_CELLS: Bounds = bounds(2, 1 << 32);
/// A ring's places.
pub(super) const SLOTS_MAX: Bounds = bounds(1, 64);
pub(super) const ARENA_BYTES: Bounds = bounds(0, 1 << 40);
pub(super) const DEAD_LETTERS_MAX: Bounds = bounds(0, 1 << 24);
pub(super) const DEAD_LETTER_AGE_MAX_MS: Bounds = ANY;
/// What [`crate::retain::Keep`] allows.
pub(super) const HISTORY_COUNT_MAX: Bounds = bounds(1, 1 << 28);
pub(super) const HISTORY_AGE_MAX_MS: Bounds = ANY;
/// See [`crate::bus::Lanes`].
pub(super) const LANES: Bounds = bounds(1, crate::bus::LANES_MAX as u64);
pub(super) const LANE: Bounds = bounds(0, LANES.max - 1);
pub(super) const STARVATION_EVENTS: Bounds = bounds(1, 1 << 30);
pub(super) const WEIGHT: Bounds = bounds(1, 1_000);
pub(super) const TIMEOUT_MS: Bounds = bounds(0, HOUR_MS);

// Degradation.
/// At 100 a mode would be left where it is entered.
pub(super) const LEAVE_PERCENT: Bounds = bounds(1, 95);
pub(super) const STAY_MS: Bounds = bounds(0, HOUR_MS);
pub(super) const MODE_AGE_MS: Bounds = bounds(0, DAY_MS);
pub(super) const MODE_MEMORY_BYTES: Bounds = ANY;
pub(super) const SHED_AGE_MS: Bounds = bounds(0, DAY_MS);
// Gates.
pub(super) const RATE_PER_S: Bounds = bounds(0, crate::gate::RATE_PER_S_MAX);
pub(super) const GROUP_PER_S: Bounds = bounds(1, crate::gate::RATE_PER_S_MAX);
pub(super) const RATE_BURST: Bounds = bounds(1, crate::gate::RATE_BURST_MAX);
pub(super) const QUOTA_IN_FLIGHT: Bounds = bounds(0, 1 << 32);
pub(super) const DEDUP_WINDOW: Bounds = bounds(0, crate::gate::DEDUP_WINDOW_MAX);
pub(super) const DEDUP_CLIENTS: Bounds = bounds(1, crate::gate::DEDUP_CLIENTS_MAX);
pub(super) const TIME_KEYS_MAX: Bounds = bounds(1, crate::gate::TIME_KEYS_MAX);
pub(super) const AGE_MAX_NS: Bounds = bounds(0, DAY_MS * 1_000_000);

// Slots.
pub(super) const TURN_LIMIT_EVENTS: Bounds = bounds(1, 1 << 16);
pub(super) const SCRATCH_BYTES: Bounds = bounds(0, 1 << 30);
pub(super) const START_TIMEOUT_MS: Bounds = bounds(1, HOUR_MS);
pub(super) const RESTARTS_MAX: Bounds = bounds(0, 1_000_000);
pub(super) const RESTART_WINDOW_MS: Bounds = bounds(1, DAY_MS);
pub(super) const RESTART_PAUSE_MS: Bounds = bounds(0, HOUR_MS);
pub(super) const RESTART_PAUSE_MAX_MS: Bounds = bounds(0, DAY_MS);
pub(super) const STUCK_AFTER_MS: Bounds = bounds(0, DAY_MS);
pub(super) const LAG_MAX_EVENTS: Bounds = ANY;
pub(super) const BACKLOG_MAX_EVENTS: Bounds = bounds(1, 1 << 24);
pub(super) const CONFLATE_KEYS_MAX: Bounds = bounds(1, 1 << 24);
pub(super) const CUT_OFF_LAG_EVENTS: Bounds = ANY;
pub(super) const CUT_OFF_AFTER_MS: Bounds = bounds(0, DAY_MS);
pub(super) const OUTLIER_OVER_NS: Bounds = bounds(0, HOUR_MS * 1_000_000);
pub(super) const OUTLIER_TIMES_P99: Bounds = bounds(0, 1_000);
pub(super) const OUTLIERS_MAX: Bounds = bounds(1, 1 << 20);
