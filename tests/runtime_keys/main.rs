//! Every key of the configuration changes what a runtime does: each is set to two values or more, and what differs is seen through the public
//! API. Every value of a choice counts as its own behaviour. A key without a test fails [`every_key_of_the_schema_has_its_test`].

mod buses;
mod children;
mod degradation;
mod gates;
mod history;
#[path = "../runtime/house.rs"]
#[allow(dead_code, reason = "the other half is used by the tests of the runtime")]
mod house;
mod lanes;
mod machine;
mod overflow;
mod publishers;
mod restarts;
mod slots;
mod threads;
mod watched;
mod whole;

use serde_json::Value;
use std::collections::BTreeSet;
use tagring::runtime::config::Config;

tagring::events! {
    /// Events with declared values.
    pub mod declared;
    pub struct Order = 1, v1 { pub qty: u64 where [1, 2, 3] }
}

/// A key of the schema, with its value where it is a choice, and the test that sees what it does.
const KEYS: &[(&str, fn())] = &[
    ("runtime.name", whole::issue_4570_name),
    ("runtime.buses_max", whole::issue_4570_buses_max),
    ("runtime.threads_max", whole::issue_4570_threads_max),
    ("runtime.memory_max_bytes", whole::issue_4570_memory_max_bytes),
    ("runtime.cores", threads::issue_4570_runtime_cores),
    ("runtime.clock = auto", whole::issue_4570_clock),
    ("runtime.clock = monotonic", whole::issue_4570_clock),
    ("runtime.start = all", whole::issue_4570_start),
    ("runtime.start = any", whole::issue_4570_start),
    ("runtime.shutdown_timeout_ms", whole::issue_4570_shutdown_timeout_ms),
    ("runtime.signals", machine::issue_4570_signals),
    ("runtime.check_every_ms", watched::issue_4570_check_every_ms),
    ("runtime.system_cells", whole::issue_4570_system_cells),
    ("runtime.seed", restarts::issue_4570_seed),
    ("runtime.preflight = off", machine::issue_4570_preflight),
    ("runtime.preflight = report", machine::issue_4570_preflight),
    ("runtime.preflight = refuse", machine::issue_4570_preflight),
    ("runtime.lock_memory = off", machine::issue_4570_lock_memory),
    ("runtime.lock_memory = try", machine::issue_4570_lock_memory),
    ("runtime.lock_memory = require", machine::issue_4570_lock_memory),
    ("runtime.prefault = off", machine::issue_4570_prefault),
    ("runtime.prefault = try", machine::issue_4570_prefault),
    ("runtime.prefault = require", machine::issue_4570_prefault),
    ("runtime.huge_pages = off", machine::issue_4570_huge_pages),
    ("runtime.huge_pages = try", machine::issue_4570_huge_pages),
    ("runtime.huge_pages = require", machine::issue_4570_huge_pages),
    ("runtime.realtime = off", machine::issue_4570_realtime),
    ("runtime.realtime = try", machine::issue_4570_realtime),
    ("runtime.realtime = require", machine::issue_4570_realtime),
    ("threads.*.threads_max", threads::issue_4570_threads_of_a_group),
    ("threads.*.cores = auto", threads::issue_4570_cores_of_a_thread),
    ("threads.*.cores = any", threads::issue_4570_cores_of_a_thread),
    ("threads.*.cores = []", threads::issue_4570_cores_of_a_thread),
    ("threads.*.realtime_priority", machine::issue_4570_realtime_priority),
    ("feeds.*.cores = auto", threads::issue_4570_cores_of_a_feed),
    ("feeds.*.cores = any", threads::issue_4570_cores_of_a_feed),
    ("feeds.*.cores = []", threads::issue_4570_cores_of_a_feed),
    ("feeds.*.spins", threads::issue_4570_spins),
    ("feeds.*.realtime_priority", machine::issue_4570_realtime_priority),
    ("buses.*.capacity_cells", buses::issue_4570_capacity_cells),
    ("buses.*.slots_max", buses::issue_4570_slots_max),
    ("buses.*.arena_bytes", buses::issue_4570_arena_bytes),
    ("buses.*.dead_letters_max", buses::issue_4570_dead_letters_max),
    ("buses.*.dead_letter_age_max_ms", buses::issue_4570_dead_letter_age_max_ms),
    ("buses.*.lanes.count", lanes::issue_4582_lanes_count),
    ("buses.*.lanes.policy = strict", lanes::issue_4582_lanes_policy),
    ("buses.*.lanes.policy = weighted", lanes::issue_4582_lanes_policy),
    ("buses.*.lanes.starvation_events", lanes::issue_4582_lanes_starvation_events),
    ("buses.*.lanes.weights", lanes::issue_4582_lanes_weights),
    ("buses.*.publishers.*.lane", lanes::issue_4582_lane_of_a_publisher),
    ("buses.*.publishers.*.slot", publishers::issue_4570_slot_of_a_publisher),
    ("buses.*.publishers.*.clones", publishers::issue_4570_clones),
    ("buses.*.publishers.*.overflow = wait", publishers::issue_4570_overflow),
    ("buses.*.publishers.*.overflow = timeout", publishers::issue_4570_timeout_ms),
    ("buses.*.publishers.*.overflow = fail", publishers::issue_4570_overflow),
    ("buses.*.publishers.*.overflow = shed", publishers::issue_4570_overflow),
    ("buses.*.publishers.*.timeout_ms", publishers::issue_4570_timeout_ms),
    ("buses.*.publishers.*.stamping = every-event", publishers::issue_4570_stamping),
    ("buses.*.publishers.*.stamping = on-tick", publishers::issue_4570_stamping),
    ("buses.*.degradation.leave_percent", degradation::issue_4570_leave_percent),
    ("buses.*.degradation.stay_ms", degradation::issue_4570_stay_ms),
    ("buses.*.degradation.degraded.lag_events", degradation::issue_4570_mode_lag_events),
    ("buses.*.degradation.degraded.age_ms", degradation::issue_4570_mode_age_ms),
    ("buses.*.degradation.degraded.memory_bytes", degradation::issue_4570_mode_memory_bytes),
    ("buses.*.degradation.degraded.keep", degradation::issue_4570_mode_keep),
    ("buses.*.degradation.degraded.shed_age_ms", degradation::issue_4570_mode_shed_age_ms),
    ("buses.*.degradation.shedding.lag_events", degradation::issue_4570_mode_lag_events),
    ("buses.*.degradation.shedding.age_ms", degradation::issue_4570_mode_age_ms),
    ("buses.*.degradation.shedding.memory_bytes", degradation::issue_4570_mode_memory_bytes),
    ("buses.*.degradation.shedding.keep", degradation::issue_4570_mode_keep),
    ("buses.*.degradation.shedding.shed_age_ms", degradation::issue_4570_mode_shed_age_ms),
    ("buses.*.degradation.halted.lag_events", degradation::issue_4570_mode_lag_events),
    ("buses.*.degradation.halted.age_ms", degradation::issue_4570_mode_age_ms),
    ("buses.*.degradation.halted.memory_bytes", degradation::issue_4570_mode_memory_bytes),
    ("buses.*.degradation.halted.keep", degradation::issue_4570_mode_keep),
    ("buses.*.degradation.halted.shed_age_ms", degradation::issue_4570_mode_shed_age_ms),
    ("buses.*.history.*.tags", history::issue_4570_tags_of_a_history),
    ("buses.*.history.*.count_max", history::issue_4570_count_max),
    ("buses.*.history.*.age_max_ms", history::issue_4570_age_max_ms),
    ("buses.*.history.*.thread", history::issue_4570_thread_of_a_history),
    ("buses.*.history.*.wait = spin", history::issue_4570_wait_of_a_history),
    ("buses.*.history.*.wait = spin-then-yield", history::issue_4570_wait_of_a_history),
    ("buses.*.history.*.wait = spin-then-park", history::issue_4570_wait_of_a_history),
    ("buses.*.publishers.*.gate.rate_per_s", gates::issue_4561_rate_per_s),
    ("buses.*.publishers.*.gate.rate_burst", gates::issue_4561_rate_burst),
    ("buses.*.publishers.*.gate.quota_in_flight", gates::issue_4563_quota_in_flight),
    ("buses.*.publishers.*.gate.dedup_window", gates::issue_4566_dedup_window),
    ("buses.*.publishers.*.gate.dedup_clients", gates::issue_4566_dedup_clients),
    ("buses.*.publishers.*.gate.time_order = any", gates::issue_4560_time_order),
    ("buses.*.publishers.*.gate.time_order = publisher", gates::issue_4560_time_order),
    ("buses.*.publishers.*.gate.time_order = key", gates::issue_4560_time_order),
    ("buses.*.publishers.*.gate.time_keys_max", gates::issue_4560_time_keys_max),
    ("buses.*.publishers.*.gate.age_max_ns", gates::issue_4560_age_max_ns),
    ("buses.*.publishers.*.gate.deadlines", gates::issue_4560_deadlines),
    ("buses.*.publishers.*.gate.validate", gates::issue_4560_validate),
    ("buses.*.publishers.*.gate.ranges", gates::issue_4560_ranges),
    ("buses.*.publishers.*.gate.rates.*.tags", gates::issue_4561_tags_of_a_rate),
    ("buses.*.publishers.*.gate.rates.*.per_s", gates::issue_4561_per_s_of_a_rate),
    ("buses.*.publishers.*.gate.rates.*.burst", gates::issue_4561_burst_of_a_rate),
    ("buses.*.slots.*.tags", slots::issue_4570_tags),
    ("buses.*.slots.*.thread", slots::issue_4570_thread),
    ("buses.*.slots.*.after", slots::issue_4570_after),
    ("buses.*.slots.*.overflow = gate", overflow::issue_4570_overflow_of_a_slot),
    ("buses.*.slots.*.overflow = drop-newest", overflow::issue_4570_overflow_of_a_slot),
    ("buses.*.slots.*.overflow = drop-oldest", overflow::issue_4570_overflow_of_a_slot),
    ("buses.*.slots.*.overflow = conflate", overflow::issue_4570_overflow_of_a_slot),
    ("buses.*.slots.*.overflow = cut-off", overflow::issue_4570_cut_off),
    ("buses.*.slots.*.overflow_tags.* = gate", overflow::issue_4570_overflow_tags),
    ("buses.*.slots.*.overflow_tags.* = drop-newest", overflow::issue_4570_overflow_tags),
    ("buses.*.slots.*.overflow_tags.* = drop-oldest", overflow::issue_4570_overflow_tags),
    ("buses.*.slots.*.overflow_tags.* = conflate", overflow::issue_4570_overflow_tags),
    ("buses.*.slots.*.overflow_tags.* = cut-off", overflow::issue_4570_overflow_tags),
    ("buses.*.slots.*.backlog_max_events", overflow::issue_4570_backlog_max_events),
    ("buses.*.slots.*.conflate_keys_max", overflow::issue_4570_conflate_keys_max),
    ("buses.*.slots.*.cut_off_lag_events", overflow::issue_4570_cut_off),
    ("buses.*.slots.*.cut_off_after_ms", overflow::issue_4570_cut_off),
    ("buses.*.slots.*.expires", overflow::issue_4570_expires),
    ("buses.*.slots.*.accounts = totals", overflow::issue_4570_accounts),
    ("buses.*.slots.*.accounts = by-tag", overflow::issue_4570_accounts),
    ("buses.*.slots.*.wait = spin", threads::issue_4570_wait),
    ("buses.*.slots.*.wait = spin-then-yield", threads::issue_4570_wait),
    ("buses.*.slots.*.wait = spin-then-park", threads::issue_4570_wait),
    ("buses.*.slots.*.measure = off", slots::issue_4570_measure),
    ("buses.*.slots.*.measure = slot", slots::issue_4570_measure),
    ("buses.*.slots.*.measure = slot-and-tags", slots::issue_4570_measure),
    ("buses.*.slots.*.turn_limit_events", slots::issue_4570_turn_limit_events),
    ("buses.*.slots.*.scratch_bytes", slots::issue_4570_scratch_bytes),
    ("buses.*.slots.*.start_timeout_ms", slots::issue_4570_start_timeout_ms),
    ("buses.*.slots.*.panic = skip", restarts::issue_4570_panic),
    ("buses.*.slots.*.panic = restart", restarts::issue_4570_panic),
    ("buses.*.slots.*.panic = quarantine", restarts::issue_4570_panic),
    ("buses.*.slots.*.panic = abort", restarts::issue_4570_panic_abort),
    ("buses.*.slots.*.restarts_max", restarts::issue_4570_restarts_max),
    ("buses.*.slots.*.restart_window_ms", restarts::issue_4570_restart_window_ms),
    ("buses.*.slots.*.restart_pause_ms", restarts::issue_4570_restart_pause_ms),
    ("buses.*.slots.*.restart_pause_max_ms", restarts::issue_4570_restart_pause_max_ms),
    ("buses.*.slots.*.stuck_after_ms", watched::issue_4570_stuck_after_ms),
    ("buses.*.slots.*.outlier_over_ns", watched::issue_4570_outliers),
    ("buses.*.slots.*.outlier_times_p99", watched::issue_4570_outliers),
    ("buses.*.slots.*.outliers_max", watched::issue_4570_outliers),
    ("buses.*.slots.*.lag_max_events", watched::issue_4570_lag_max_events),
    ("buses.*.slots.*.stuck = report", watched::issue_4570_stuck),
    ("buses.*.slots.*.stuck = quarantine", watched::issue_4570_stuck),
    ("buses.*.slots.*.stuck = abort", watched::issue_4570_stuck_abort),
];

#[test]
fn every_key_of_the_schema_has_its_test() {
    let schema: Value = serde_json::from_str(&Config::json_schema()).unwrap();
    let mut keys = BTreeSet::new();
    walk(&schema, "", &schema, &mut keys);
    let tested: BTreeSet<String> = KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
    assert_eq!(tested.len(), KEYS.len(), "each once");
    assert!(keys.len() > 60, "{keys:?}");
    assert_eq!(
        keys.difference(&tested).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "write a test that sees what it does"
    );
    assert_eq!(tested.difference(&keys).collect::<Vec<_>>(), Vec::<&String>::new(), "no such key");
}

/// Every key below `schema`, with each of its values where it is a choice; a list that stands beside names as `[]`.
fn walk(schema: &Value, path: &str, root: &Value, keys: &mut BTreeSet<String>) {
    let schema = schema["$ref"].as_str().map_or(schema, |name| &root["$defs"][name.rsplit('/').next().unwrap()]);
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if schema["additionalProperties"].is_object() {
        return walk(&schema["additionalProperties"], &below("*"), root, keys);
    }
    if let Some(properties) = schema["properties"].as_object() {
        return properties.iter().for_each(|(name, property)| walk(property, &below(name), root, keys));
    }
    let values = values(schema, root);
    keys.extend(values.iter().map(|value| format!("{path} = {value}")));
    if values.is_empty() {
        keys.insert(path.to_owned());
    }
}

fn values(schema: &Value, root: &Value) -> Vec<String> {
    let schema = schema["$ref"].as_str().map_or(schema, |name| &root["$defs"][name.rsplit('/').next().unwrap()]);
    let all = |key: &str| schema[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let one_of = all("oneOf").into_iter().filter_map(|one| text(&one["const"]));
    let either = all("anyOf").into_iter().flat_map(|one| match one["type"].as_str() {
        Some("array") => vec!["[]".to_owned()],
        _ => values(&one, root),
    });
    one_of.chain(all("enum").iter().filter_map(text)).chain(either).collect()
}
