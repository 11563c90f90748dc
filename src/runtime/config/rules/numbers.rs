//! Numbers: each within its bounds, capacities powers of two, and pairs that must fit one another.

use crate::runtime::config::bounds::{self, Bounds};
use crate::runtime::config::mistake::{Mistake, key_path};
use crate::runtime::config::{Config, SlotConfig};

pub(super) fn check(config: &Config, found: &mut Vec<Mistake>) {
    within_bounds(config, found);
    powers_of_two(config, found);
    for (path, _, _, slot) in config.slots_at() {
        pauses(&path, slot, found);
    }
    watchdog(config, found);
}

fn within_bounds(config: &Config, found: &mut Vec<Mistake>) {
    let mut check = |path: &[&str], numbers: &[(&'static str, u64, Bounds)]| {
        for (key, value, bounds) in numbers.iter().copied() {
            if value < bounds.min || value > bounds.max {
                let path = key_path(&[path, &[key]].concat());
                found.push(Mistake::out_of_range(path, value, value < bounds.min, bounds));
            }
        }
    };
    check(&["runtime"], &config.runtime.numbers());
    for (name, thread) in &config.threads {
        check(&["threads", name], &thread.numbers());
    }
    for (name, feed) in &config.feeds {
        check(&["feeds", name], &feed.numbers());
    }
    for (bus, of) in &config.buses {
        check(&["buses", bus], &of.numbers());
        check(&["buses", bus, "degradation"], &of.degradation.numbers());
        for (mode, numbers) in of.degradation.modes().map(|(mode, config)| (mode, config.numbers())) {
            check(&["buses", bus, "degradation", mode.name()], &numbers);
        }
        check(&["buses", bus, "lanes"], &of.lanes.numbers());
        for (name, publisher) in &of.publishers {
            check(&["buses", bus, "publishers", name], &publisher.numbers());
            check(&["buses", bus, "publishers", name, "gate"], &publisher.gate.numbers());
            for (group, rate) in &publisher.gate.rates {
                check(&["buses", bus, "publishers", name, "gate", "rates", group], &rate.numbers());
            }
        }
        for (name, slot) in &of.slots {
            check(&["buses", bus, "slots", name], &slot.numbers());
        }
        for (name, group) in &of.history {
            check(&["buses", bus, "history", name], &group.numbers());
        }
    }
}

fn powers_of_two(config: &Config, found: &mut Vec<Mistake>) {
    let Bounds { min, max } = bounds::CAPACITY_CELLS;
    let mut refuse = |path: String, value: u64, allowed: String| {
        // The bounds are powers of two themselves: the next one is within them.
        let remedy = format!("take {}", value.next_power_of_two().max(min));
        found.push(Mistake::new("TR-0705", path, value, "not a power of two").allowed(allowed).remedy(remedy));
    };
    for (path, bus) in config.buses_at() {
        let cells = bus.capacity_cells;
        if (min..=max).contains(&cells) && !cells.is_power_of_two() {
            refuse(path + ".capacity_cells", cells, format!("a power of two from {min} to {max}"));
        }
    }
    let (cells, max) = (config.runtime.system_cells, bounds::SYSTEM_CELLS.max);
    if cells != 0 && cells <= max && (cells < min || !cells.is_power_of_two()) {
        refuse("runtime.system_cells".into(), cells, format!("0, or a power of two from {min} to {max}"));
    }
}

/// The first pause is not above the longest. Named is the key that is not at its default.
fn pauses(path: &str, slot: &SlotConfig, found: &mut Vec<Mistake>) {
    let (first, longest) = (slot.restart_pause_ms, slot.restart_pause_max_ms);
    if first <= longest {
        return;
    }
    found.push(if first == SlotConfig::default().restart_pause_ms {
        Mistake::new("TR-0737", format!("{path}.restart_pause_max_ms"), longest, "below restart_pause_ms")
            .allowed(format!("{first} or more"))
            .remedy("raise it, or lower restart_pause_ms")
    } else {
        Mistake::new("TR-0737", format!("{path}.restart_pause_ms"), first, "above restart_pause_max_ms")
            .allowed(format!("{longest} or less"))
            .remedy("lower it, or raise restart_pause_max_ms")
    });
}

/// A handler is not found stuck sooner than one looks. Named is the key that is not at its default.
fn watchdog(config: &Config, found: &mut Vec<Mistake>) {
    let every = config.runtime.check_every_ms;
    let mut at_default = None;
    for (path, _, _, slot) in config.slots_at().filter(|(.., slot)| (1..every).contains(&slot.stuck_after_ms)) {
        let after = slot.stuck_after_ms;
        if after != SlotConfig::default().stuck_after_ms {
            let mistake =
                Mistake::new("TR-0738", format!("{path}.stuck_after_ms"), after, "below runtime.check_every_ms");
            let allowed = format!("0, or {every} or more");
            found.push(mistake.allowed(allowed).remedy("raise it, or lower runtime.check_every_ms"));
        } else {
            at_default = Some(path);
        }
    }
    if let Some(path) = at_default {
        let after = SlotConfig::default().stuck_after_ms;
        let what = format!("above stuck_after_ms of {path}");
        let mistake = Mistake::new("TR-0738", "runtime.check_every_ms", every, what);
        found.push(mistake.allowed(format!("{after} or less")).remedy("lower it, or raise stuck_after_ms"));
    }
}
