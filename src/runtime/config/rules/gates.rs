//! Gates: that each can work on its bus, that no tag is in two groups, and that rules can be read. Whether there is such a payload and field is
//! known with the events' types.

use super::references::twice;
use crate::gate::is_rule;
use crate::runtime::config::bounds::{self, Bounds};
use crate::runtime::config::mistake::{Mistake, key_path, quoted};
use crate::runtime::config::{BusConfig, Config, GateConfig};
use std::collections::BTreeMap;

pub(super) fn check(config: &Config, found: &mut Vec<Mistake>) {
    for (bus, of) in &config.buses {
        for (name, publisher) in &of.publishers {
            let path = key_path(&["buses", bus, "publishers", name, "gate"]);
            window(&path, &publisher.gate, found);
            quota(&path, of, &publisher.gate, found);
            groups(&path, &publisher.gate, found);
            rules(&path, &publisher.gate, found);
            if publisher.clones && !publisher.gate.is_open() {
                let path = key_path(&["buses", bus, "publishers", name, "clones"]);
                let mistake = Mistake::new("TR-0740", path, true, "a gate counts for one thread, and cannot be cloned");
                found.push(mistake.allowed("false").remedy("name a publisher for each thread, or leave the gate out"));
            }
        }
    }
}

fn window(path: &str, gate: &GateConfig, found: &mut Vec<Mistake>) {
    let (least, Bounds { max, .. }, window) = (crate::gate::DEDUP_WINDOW_MIN, bounds::DEDUP_WINDOW, gate.dedup_window);
    if window > 0 && window <= max && (window < least || !window.is_power_of_two()) {
        let remedy = format!("take {}", window.next_power_of_two().max(least));
        let mistake = Mistake::new("TR-0705", format!("{path}.dedup_window"), window, "not a power of two from 64");
        found.push(mistake.allowed(format!("0, or a power of two from {least} to {max}")).remedy(remedy));
    }
}

fn quota(path: &str, bus: &BusConfig, gate: &GateConfig, found: &mut Vec<Mistake>) {
    let (quota, cells) = (gate.quota_in_flight, bus.capacity_cells);
    if quota > cells && quota <= bounds::QUOTA_IN_FLIGHT.max {
        let mistake =
            Mistake::new("TR-0740", format!("{path}.quota_in_flight"), quota, "above the bus's capacity_cells");
        found.push(mistake.allowed(format!("0 to {cells}")).remedy("lower it, or raise capacity_cells"));
    }
}

fn groups(path: &str, gate: &GateConfig, found: &mut Vec<Mistake>) {
    let mut group_of = BTreeMap::new();
    for (group, rate) in &gate.rates {
        let path = format!("{path}.{}", key_path(&["rates", group, "tags"]));
        if rate.tags.is_empty() {
            let mistake = Mistake::new("TR-0740", &path, "[]", "a group without tags");
            found.push(mistake.allowed("at least one tag").remedy("name its payloads, or leave the group out"));
        }
        twice(&path, rate.tags.iter().map(|tag| quoted(tag)), found);
        for (at, tag) in rate.tags.iter().enumerate() {
            if let Some(other) = group_of.insert(tag, group).filter(|other| *other != group) {
                let what = format!("in group {other} already");
                let mistake = Mistake::new("TR-0740", format!("{path}[{at}]"), quoted(tag), what);
                found.push(mistake.allowed("each tag in one group").remedy("take it out of one"));
            }
        }
    }
}

fn rules(path: &str, gate: &GateConfig, found: &mut Vec<Mistake>) {
    for (at, rule) in gate.ranges.iter().enumerate().filter(|(_, rule)| !is_rule(rule)) {
        let mistake = Mistake::new("TR-0741", format!("{path}.ranges[{at}]"), quoted(rule), "not a rule");
        let allowed = "PAYLOAD.FIELD in MIN..=MAX, or PAYLOAD.FIELD in VALUE, VALUE";
        found.push(mistake.allowed(allowed).remedy("write it like Trade.price in 1..=1000000"));
    }
    twice(&format!("{path}.ranges"), gate.ranges.iter().map(|rule| quoted(rule)), found);
}
