//! Cycles: slots that run after one another, and publishers that wait for room on buses whose slots wait in turn. Each is named whole.

use crate::runtime::config::mistake::{Mistake, key_path, quoted};
use crate::runtime::config::{BusConfig, Config, OverflowChoice};
use std::collections::BTreeMap;

pub(super) fn check(config: &Config, found: &mut Vec<Mistake>) {
    for (name, bus) in &config.buses {
        order_of_slots(name, bus, found);
    }
    waiting_publishers(config, found);
}

/// From each slot an edge to those it runs after.
fn order_of_slots(name: &str, bus: &BusConfig, found: &mut Vec<Mistake>) {
    let numbers: BTreeMap<&str, usize> = bus.slots.keys().map(String::as_str).zip(0..).collect();
    let names: Vec<&str> = numbers.keys().copied().collect();
    let mut edges = vec![Vec::new(); names.len()];
    for (from, slot) in bus.slots.values().enumerate() {
        for (at, after) in slot.after.iter().enumerate() {
            edges[from].extend(numbers.get(after.as_str()).map(|to| Edge { to: *to, label: at }));
        }
    }
    for cycle in cycles(&edges) {
        let Some((from, edge)) = cycle.first() else { continue };
        let path = format!("{}[{}]", key_path(&["buses", name, "slots", names[*from], "after"]), edge.label);
        let value = quoted(names[edge.to]);
        found.push(if cycle.len() == 1 {
            Mistake::new("TR-0732", path, value, "a slot after itself").allowed("other slots").remedy("leave it out")
        } else {
            let steps: Vec<_> =
                cycle.iter().map(|(from, edge)| format!("{} after {}", names[*from], names[edge.to])).collect();
            let what = format!("a cycle: {}", steps.join(", "));
            Mistake::new("TR-0732", path, value, what).allowed("an order").remedy("leave one of them out")
        });
    }
}

/// From each bus an edge to those that its slots wait for.
fn waiting_publishers(config: &Config, found: &mut Vec<Mistake>) {
    let numbers: BTreeMap<&str, usize> = config.buses.keys().map(String::as_str).zip(0..).collect();
    let names: Vec<&str> = numbers.keys().copied().collect();
    let mut edges = vec![Vec::new(); names.len()];
    let mut publishers = Vec::new();
    for (to, bus) in config.buses.values().enumerate() {
        for (name, publisher) in &bus.publishers {
            let Some((holder, slot)) = publisher.slot.split_once('.') else { continue };
            let from = numbers.get(holder).filter(|_| config.buses[holder].slots.contains_key(slot));
            if let Some(from) = from.filter(|_| publisher.overflow == OverflowChoice::Wait) {
                edges[*from].push(Edge { to, label: publishers.len() });
                publishers.push((name, &publisher.slot));
            }
        }
    }
    for cycle in cycles(&edges) {
        let Some((_, first)) = cycle.first() else { continue };
        let (name, slot) = publishers[first.label];
        let path = key_path(&["buses", names[first.to], "publishers", name, "slot"]);
        let step = |edge: &Edge| format!("slot {} waits for bus {}", publishers[edge.label].1, names[edge.to]);
        let steps: Vec<_> = cycle.iter().map(|(_, edge)| step(edge)).collect();
        let what = match steps.as_slice() {
            [only] => format!("{only}, its own, which it alone could empty"),
            steps => format!("a cycle: {}", steps.join(", ")),
        };
        let mistake = Mistake::new("TR-0735", path, quoted(slot), what);
        found.push(
            mistake.allowed("waiting publishers without a cycle").remedy("take overflow timeout, fail or shed for one"),
        );
    }
}

#[derive(Clone, Copy)]
struct Edge {
    to: usize,
    /// What the caller knows it by.
    label: usize,
}

/// Cycles of a graph: one for each edge that closes one in a walk in depth, as its edges with where they begin. Without recursion: a file
/// may chain thousands.
fn cycles(edges: &[Vec<Edge>]) -> Vec<Vec<(usize, Edge)>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        /// At this depth of the walk.
        Open(usize),
        Done,
    }
    let mut found = Vec::new();
    let mut marks = vec![Mark::New; edges.len()];
    for start in 0..edges.len() {
        if marks[start] != Mark::New {
            continue;
        }
        // Each node of the walk, and how many of its edges are taken.
        let mut walk = vec![(start, 0)];
        marks[start] = Mark::Open(0);
        while let Some((node, taken)) = walk.last_mut() {
            let Some(edge) = edges[*node].get(*taken).copied() else {
                marks[*node] = Mark::Done;
                walk.pop();
                continue;
            };
            *taken += 1;
            match marks[edge.to] {
                Mark::New => {
                    marks[edge.to] = Mark::Open(walk.len());
                    walk.push((edge.to, 0));
                }
                Mark::Open(depth) => {
                    found.push(walk[depth..].iter().map(|(node, taken)| (*node, edges[*node][taken - 1])).collect());
                }
                Mark::Done => {}
            }
        }
    }
    found
}
