//! Counts against their limits: buses, slots, threads, bytes.

use crate::runtime::config::mistake::{Mistake, key_path};
use crate::runtime::config::{BusConfig, Config};
use std::collections::BTreeSet;

/// Bytes of the smallest cell. A family with larger payloads has larger ones, which only the runtime can know.
const CELL_BYTES_MIN: u64 = 64;
/// Bytes that a dead letter takes beside its cell.
const DEAD_LETTER_BYTES: u64 = 64;
/// Bytes that an entry of a history takes beside its cell.
const HISTORY_BYTES: u64 = 64;

pub(super) fn check(config: &Config, found: &mut Vec<Mistake>) {
    let mut limit = |path: String, count: usize, max: u32, (things, key): (&str, &str)| {
        if count as u64 > u64::from(max) {
            let mistake = Mistake::new("TR-0724", path, format!("{count} {things}"), format!("over {key}"));
            found.push(mistake.allowed(format!("{max} at most")).remedy(format!("leave some out, or raise {key}")));
        }
    };
    limit("buses".into(), config.buses.len(), config.runtime.buses_max, ("buses", "runtime.buses_max"));
    for (path, bus) in config.buses_at() {
        let (own, of_history) = (bus.slots.len(), bus.history_slots().len());
        let table = if own == 0 && of_history > 0 { ".history" } else { ".slots" };
        limit(path + table, own + of_history, bus.slots_max, ("slots", "slots_max"));
    }
    limit("threads".into(), threads(config), config.runtime.threads_max, ("threads", "runtime.threads_max"));
    one_publisher_for_bytes(config, found);
    memory(config, found);
}

/// Threads that are started at least: one of each that has slots, the feeds, and the service thread.
fn threads(config: &Config) -> usize {
    let with_slots: BTreeSet<_> = config.buses.values().flat_map(BusConfig::threads).collect();
    with_slots.len() + config.feeds.len() + 1
}

fn one_publisher_for_bytes(config: &Config, found: &mut Vec<Mistake>) {
    for (path, bus) in config.buses_at().filter(|(_, bus)| bus.arena_bytes > 0) {
        let clones = bus.publishers.iter().find(|(_, publisher)| publisher.clones).map(|(name, _)| name);
        let why = match (bus.publishers.len(), clones) {
            _ if bus.lanes_with_bytes() > 0 => continue,
            (_, Some(name)) => format!("publisher {name} may be cloned, and bytes have one publisher"),
            (count, None) => format!("the bus has {count} publishers, and bytes have one"),
        };
        let mistake = Mistake::new("TR-0736", path + ".arena_bytes", bus.arena_bytes, why);
        found.push(mistake.allowed("0 on a bus for many publishers").remedy("give the bytes a bus of their own"));
    }
}

/// What a bus takes at least: cells, bytes, dead letters.
fn bytes(bus: &BusConfig) -> [(&'static str, u64, u64); 3] {
    let cells = bus.capacity_cells.saturating_mul(CELL_BYTES_MIN * u64::from(bus.lanes.count));
    let letters = bus.dead_letters_max.saturating_mul(CELL_BYTES_MIN + DEAD_LETTER_BYTES);
    [
        ("capacity_cells", bus.capacity_cells, cells),
        ("arena_bytes", bus.arena_bytes, bus.arena_bytes.saturating_mul(bus.lanes_with_bytes())),
        ("dead_letters_max", bus.dead_letters_max, letters),
    ]
}

/// The least that all take together is within the limit. Named is the largest part.
fn memory(config: &Config, found: &mut Vec<Mistake>) {
    let parts = || config.buses.iter().flat_map(|(name, bus)| bytes(bus).map(|part| (name, part)));
    let scratch = config.slots_at().fold(0_u64, |sum, (.., slot)| sum.saturating_add(slot.scratch_bytes));
    let kept = config.buses.values().flat_map(|bus| bus.history.values());
    let history = kept
        .fold(0_u64, |sum, group| sum.saturating_add(group.count_max.saturating_mul(CELL_BYTES_MIN + HISTORY_BYTES)));
    let system = config.runtime.system_cells.saturating_mul(CELL_BYTES_MIN);
    let total = parts().fold(scratch.saturating_add(system).saturating_add(history), |sum, (_, (.., bytes))| {
        sum.saturating_add(bytes)
    });
    let max = config.runtime.memory_max_bytes;
    if total <= max {
        return;
    }
    let what = format!("all buses together take {total} bytes at least");
    let mistake = match parts().max_by_key(|(_, (.., bytes))| *bytes) {
        Some((bus, (key, value, bytes))) if bytes >= scratch.max(system).max(history) => {
            Mistake::new("TR-0742", key_path(&["buses", bus, key]), value, what)
        }
        _ => Mistake::new("TR-0742", "runtime.memory_max_bytes", max, what),
    };
    let allowed = format!("runtime.memory_max_bytes, which is {max}");
    found.push(mistake.allowed(allowed).remedy("take less, or raise runtime.memory_max_bytes"));
}
