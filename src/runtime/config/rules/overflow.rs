//! What slots do when they are too slow: combinations that cannot work.

use crate::runtime::config::mistake::{Mistake, key_path, quoted};
use crate::runtime::config::{BusConfig, Config, SlotConfig, SlotOverflowChoice};

pub(super) fn check(config: &Config, found: &mut Vec<Mistake>) {
    for (path, _, _, slot) in config.slots_at() {
        cut_off_as_a_whole(&path, slot, found);
    }
    for (name, bus) in &config.buses {
        after_lossy(name, bus, found);
    }
}

/// A slot is cut off as a whole.
fn cut_off_as_a_whole(path: &str, slot: &SlotConfig, found: &mut Vec<Mistake>) {
    let is_whole = slot.overflow == SlotOverflowChoice::CutOff;
    for (tag, choice) in &slot.overflow_tags {
        if (*choice == SlotOverflowChoice::CutOff) != is_whole {
            let path = format!("{path}.{}", key_path(&["overflow_tags", tag]));
            let mistake = Mistake::new("TR-0747", path, quoted(choice.name()), "cut-off is for whole slots");
            let (allowed, remedy) = if is_whole {
                ("no overflow_tags where overflow is \"cut-off\"", "leave it out")
            } else {
                (
                    "gate, drop-newest, drop-oldest or conflate",
                    "take one of those, or set overflow = \"cut-off\" for the slot",
                )
            };
            found.push(mistake.allowed(allowed).remedy(remedy));
        }
    }
}

/// Nobody runs after a slot that may lose events.
fn after_lossy(name: &str, bus: &BusConfig, found: &mut Vec<Mistake>) {
    for (slot, of) in &bus.slots {
        for (at, after) in of.after.iter().enumerate() {
            if bus.slots.get(after).is_some_and(SlotConfig::may_lose) {
                let path = format!("{}[{at}]", key_path(&["buses", name, "slots", slot, "after"]));
                let mistake =
                    Mistake::new("TR-0748", path, quoted(after), "a slot that may lose events, and is not waited for");
                let remedy = format!("set overflow = \"gate\" for {after}, or run after the slots that it runs after");
                found.push(mistake.allowed("slots whose overflow is gate or cut-off").remedy(remedy));
            }
        }
    }
}
