//! Names: what they are made of, that no two are alike, and those that are taken. An environment variable must be able to name each
//! of them, in capitals and with `_` for `-` and `__` between levels.

use crate::runtime::config::bounds::NAME_BYTES;
use crate::runtime::config::mistake::{Mistake, key_path, quoted};
use crate::runtime::config::{BusConfig, Config, SYSTEM_BUS};
use std::collections::BTreeMap;

pub(super) fn check(config: &Config, found: &mut Vec<Mistake>) {
    if let Some(what) = fault(&config.runtime.name) {
        found.push(refused("runtime.name".into(), &quoted(&config.runtime.name), what));
    }
    all_of(&["threads"], config.threads.keys(), found);
    all_of(&["feeds"], config.feeds.keys(), found);
    all_of(&["buses"], config.buses.keys(), found);
    for (bus, of) in &config.buses {
        all_of(&["buses", bus, "publishers"], of.publishers.keys(), found);
        for (name, publisher) in &of.publishers {
            all_of(&["buses", bus, "publishers", name, "gate", "rates"], publisher.gate.rates.keys(), found);
        }
        all_of(&["buses", bus, "slots"], of.slots.keys(), found);
        all_of(&["buses", bus, "history"], of.history.keys(), found);
        slots_of_history(bus, of, found);
    }
    taken(config, found);
}

/// The name as an environment variable has it: names that are the same so are alike.
pub(in crate::runtime::config) fn folded(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// Whether two names are alike.
pub(in crate::runtime::config) fn alike(a: &str, b: &str) -> bool {
    let folded = |b: u8| if b == b'-' { b'_' } else { b.to_ascii_uppercase() };
    a.len() == b.len() && a.bytes().map(folded).eq(b.bytes().map(folded))
}

fn all_of<'a>(table: &[&str], names: impl Iterator<Item = &'a String>, found: &mut Vec<Mistake>) {
    let mut seen = BTreeMap::new();
    for name in names {
        let path = key_path(&[table, &[name]].concat());
        if let Some(what) = fault(name) {
            found.push(refused(path, "", what));
        } else if let Some(other) = seen.insert(folded(name), name) {
            let mistake = Mistake::new(
                "TR-0722",
                path,
                "",
                format!("a name like {other}: environment variables cannot tell them apart"),
            );
            found.push(mistake.allowed("names that differ in more than case and - or _").remedy("rename one of them"));
        }
    }
}

/// What is wrong with a name.
fn fault(name: &str) -> Option<&'static str> {
    let is_separator = |b: u8| b == b'-' || b == b'_';
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        Some("an empty name")
    } else if bytes.len() as u64 > NAME_BYTES.max {
        Some("a name too long")
    } else if !bytes.iter().all(|b| b.is_ascii_alphanumeric() || is_separator(*b)) {
        Some("a name with other characters")
    } else if is_separator(bytes[0]) || is_separator(bytes[bytes.len() - 1]) {
        Some("a name that begins or ends with - or _")
    } else if bytes.windows(2).any(|pair| pair.iter().all(|b| is_separator(*b))) {
        Some("a name with two of - and _ in a row")
    } else {
        None
    }
}

fn refused(path: String, value: &str, what: &str) -> Mistake {
    let allowed =
        format!("{} to {} letters and digits, with single - or _ between them", NAME_BYTES.min, NAME_BYTES.max);
    Mistake::new("TR-0721", path, value, what).allowed(allowed).remedy("rename it")
}

/// Names that something else has.
fn taken(config: &Config, found: &mut Vec<Mistake>) {
    for bus in config.buses.keys().filter(|name| alike(name, SYSTEM_BUS)) {
        let mistake = Mistake::new("TR-0723", key_path(&["buses", bus]), "", "the name of the runtime's own bus");
        found.push(
            mistake
                .allowed(format!("any other than {SYSTEM_BUS}"))
                .remedy("rename it; runtime.system_cells sizes that one"),
        );
    }
    for feed in config.feeds.keys() {
        let mut threads = config.threads.keys().map(String::as_str).chain(implied(config));
        if let Some(thread) = threads.find(|thread| alike(thread, feed)) {
            let what = format!("the name of the slot thread {thread}");
            let mistake = Mistake::new("TR-0723", key_path(&["feeds", feed]), "", what);
            found.push(mistake.allowed("a name that no slot thread has").remedy("rename one of them"));
        }
    }
}

/// A bus that keeps a history has slots for it, whose names are the runtime's.
fn slots_of_history(bus: &str, of: &BusConfig, found: &mut Vec<Mistake>) {
    for (own, ..) in of.history_slots() {
        for slot in of.slots.keys().filter(|slot| alike(slot, &own)) {
            let path = key_path(&["buses", bus, "slots", slot]);
            let mistake = Mistake::new("TR-0744", path, "", "the name of a slot that keeps the history of the bus");
            found.push(mistake.allowed(format!("any other than {own}")).remedy("rename it"));
        }
    }
}

/// The default thread, where a slot runs on it and nobody wrote it down.
fn implied(config: &Config) -> Option<&'static str> {
    use crate::runtime::config::DEFAULT_THREAD;
    let is_used = config.buses.values().flat_map(BusConfig::threads).any(|thread| thread == DEFAULT_THREAD);
    (is_used && !config.threads.contains_key(DEFAULT_THREAD)).then_some(DEFAULT_THREAD)
}
