//! Names that stand for something written elsewhere: a slot's thread, the slots it runs after, the slot that holds a publisher.

use crate::runtime::config::mistake::{Mistake, NAMES_TRIED, key_path, listed, quoted};
use crate::runtime::config::{BusConfig, Config, DEFAULT_THREAD};

/// Codes of references to what is not there. Where a part of a file could not be read they are not mistakes: it may be in that part.
#[cfg(feature = "config")]
pub(in crate::runtime::config) const UNKNOWN_NAMES: [&str; 3] = ["TR-0731", "TR-0733", "TR-0734"];

pub(super) fn check(config: &Config, found: &mut Vec<Mistake>) {
    for (path, _, _, slot) in config.slots_at() {
        thread(config, format!("{path}.thread"), &slot.thread, found);
    }
    for (bus, of) in &config.buses {
        for (name, group) in &of.history {
            let key = |key| key_path(&["buses", bus, "history", name, key]);
            thread(config, key("thread"), &group.thread, found);
            twice(&key("tags"), group.tags.iter().map(|tag| quoted(tag)), found);
        }
        for (name, slot) in &of.slots {
            after(of, &key_path(&["buses", bus, "slots", name, "after"]), name, &slot.after, found);
        }
        for (name, publisher) in &of.publishers {
            if !publisher.slot.is_empty() && !names_slot(config, &publisher.slot) {
                let path = key_path(&["buses", bus, "publishers", name, "slot"]);
                found.push(unknown_slot(config, path, &publisher.slot));
            }
        }
        for (path, list) in
            of.slots.iter().map(|(name, slot)| (key_path(&["buses", bus, "slots", name, "tags"]), &slot.tags))
        {
            twice(&path, list.iter().map(|tag| quoted(tag)), found);
        }
    }
}

fn thread(config: &Config, path: String, name: &str, found: &mut Vec<Mistake>) {
    if name == DEFAULT_THREAD || config.threads.contains_key(name) {
        return;
    }
    let implied = (!config.threads.contains_key(DEFAULT_THREAD)).then_some(DEFAULT_THREAD);
    let known: Vec<_> = config.threads.keys().map(String::as_str).chain(implied).collect();
    let mistake = Mistake::new("TR-0733", path, quoted(name), "no such slot thread");
    found.push(mistake.allowed(listed(known.iter().copied())).meant(name, known.iter().copied()));
}

fn after(bus: &BusConfig, path: &str, own: &str, list: &[String], found: &mut Vec<Mistake>) {
    for (at, name) in list.iter().enumerate().filter(|(_, name)| !bus.slots.contains_key(*name)) {
        let others = bus.slots.keys().map(String::as_str).filter(|slot| *slot != own);
        let mistake = Mistake::new("TR-0731", format!("{path}[{at}]"), quoted(name), "no such slot of the bus");
        found.push(mistake.allowed(listed(others.clone())).meant(name, others));
    }
    twice(path, list.iter().map(|name| quoted(name)), found);
}

/// Whether there is a slot that this names as `BUS.SLOT`.
fn names_slot(config: &Config, name: &str) -> bool {
    let halves = name.split_once('.');
    halves.is_some_and(|(bus, slot)| config.buses.get(bus).is_some_and(|bus| bus.slots.contains_key(slot)))
}

fn unknown_slot(config: &Config, path: String, name: &str) -> Mistake {
    let known: Vec<_> = config.slots_at().take(NAMES_TRIED).map(|(_, bus, slot, _)| format!("{bus}.{slot}")).collect();
    let known = || known.iter().map(String::as_str);
    let what = if name.contains('.') { "no such slot" } else { "not a slot's name as BUS.SLOT" };
    Mistake::new("TR-0734", path, quoted(name), what).allowed(listed(known())).meant(name, known())
}

/// What stands twice in a list.
pub(super) fn twice(path: &str, list: impl Iterator<Item = String>, found: &mut Vec<Mistake>) {
    let mut seen = std::collections::BTreeSet::new();
    for (at, item) in list.enumerate() {
        if seen.contains(&item) {
            let mistake = Mistake::new("TR-0739", format!("{path}[{at}]"), &item, "twice in the list");
            found.push(mistake.allowed("each once").remedy("leave it out"));
        }
        seen.insert(item);
    }
}
