//! Lanes: weights that fit them, publishers in lanes that there are, and nothing that several lanes cannot have.

use crate::runtime::config::bounds::{LANE, WEIGHT};
use crate::runtime::config::mistake::{Mistake, key_path, quoted};
use crate::runtime::config::{BusConfig, Config, LanePolicyChoice, SlotOverflowChoice};

pub(super) fn check(config: &Config, found: &mut Vec<Mistake>) {
    for (path, bus) in config.buses_at() {
        weights(&path, bus, found);
        publishers(&path, bus, found);
        if bus.lanes.count > 1 {
            slots(&path, bus, found);
            history(&path, bus, found);
        }
    }
}

fn weights(path: &str, bus: &BusConfig, found: &mut Vec<Mistake>) {
    let (lanes, path) = (&bus.lanes, format!("{path}.lanes.weights"));
    for (at, weight) in lanes.weights.iter().enumerate() {
        let weight = u64::from(*weight);
        if !(WEIGHT.min..=WEIGHT.max).contains(&weight) {
            found.push(Mistake::out_of_range(format!("{path}[{at}]"), weight, weight < WEIGHT.min, WEIGHT));
        }
    }
    let count = lanes.weights.len();
    if lanes.policy == LanePolicyChoice::Weighted && count as u64 != u64::from(lanes.count) {
        let what = format!("{count} weights for {} lanes", lanes.count);
        let mistake = Mistake::new("TR-0745", path, format!("{:?}", lanes.weights), what).allowed("one for each lane");
        found.push(mistake.remedy(format!("give {} weights, the most urgent lane's first", lanes.count)));
    }
}

/// Each is in a lane that there is.
fn publishers(path: &str, bus: &BusConfig, found: &mut Vec<Mistake>) {
    let count = bus.lanes.count;
    // What no bus can have is out of range, and said where numbers are checked.
    let is_none = |lane: u32| (u64::from(count)..=LANE.max).contains(&u64::from(lane));
    for (name, publisher) in bus.publishers.iter().filter(|(_, publisher)| is_none(publisher.lane)) {
        let path = format!("{path}.{}", key_path(&["publishers", name, "lane"]));
        let what = format!("the bus has {count} {}", if count == 1 { "lane" } else { "lanes" });
        let mistake = Mistake::new("TR-0745", path, publisher.lane, what);
        let remedy = format!("take one of those, or set lanes.count = {}", u64::from(publisher.lane) + 1);
        found.push(mistake.allowed(format!("0 to {}", count.saturating_sub(1))).remedy(remedy));
    }
}

/// A slot of several lanes gates.
fn slots(path: &str, bus: &BusConfig, found: &mut Vec<Mistake>) {
    for (name, slot) in &bus.slots {
        let own = slot.overflow_tags.iter().map(|(tag, choice)| (key_path(&["overflow_tags", tag]), *choice));
        let all = core::iter::once(("overflow".to_owned(), slot.overflow)).chain(own);
        for (key, choice) in all.filter(|(_, choice)| *choice != SlotOverflowChoice::Gate) {
            let path = format!("{path}.{}.{key}", key_path(&["slots", name]));
            let mistake = Mistake::new("TR-0745", path, quoted(choice.name()), "a slot of several lanes gates");
            found.push(mistake.allowed("gate").remedy("leave it out, or give the slot a bus without lanes"));
        }
    }
}

/// A history has one order, and each lane has its own.
fn history(path: &str, bus: &BusConfig, found: &mut Vec<Mistake>) {
    for name in bus.history.keys() {
        let path = format!("{path}.{}", key_path(&["history", name]));
        let mistake = Mistake::new("TR-0745", path, "", "the history of a bus with lanes, which has no single order");
        found.push(
            mistake
                .allowed("histories of buses without lanes")
                .remedy("leave it out, or keep that of a lane from code"),
        );
    }
}
