//! Keys of the lanes of a bus, and what a runtime shows of them.

use super::house::{Count, Events, Gate, OpenAtLast, SOON, Trade, bus, config, eventually, runtime, slot};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagring::bus::{Context, Handler, LANES_MAX, Outcome, PublishFailure, Publisher};
use tagring::event::Event;
use tagring::runtime::Deadline;
use tagring::runtime::config::{
    BusConfig, Config, LanePolicyChoice, LanesConfig, PublisherConfig, SlotConfig, SlotOverflowChoice,
};

/// Writes down the lane of each event, and waits at a gate with the first one.
struct InOrder {
    gate: Gate,
    seen: Arc<Mutex<Vec<usize>>>,
}

impl Handler for InOrder {
    fn on_event(&mut self, _: &Event, ctx: &mut Context) -> Outcome {
        if self.seen.lock().unwrap().is_empty() {
            self.gate.wait();
        }
        self.seen.lock().unwrap().push(ctx.lane());
        Outcome::Done
    }
}

/// A bus with these lanes, and one publisher `p0`, `p1` .. in each.
fn laned(lanes: LanesConfig, cells: u64, slots: &[(&str, SlotConfig)]) -> Config {
    let mut config = config(cells, slots);
    let md = config.buses.get_mut("md").unwrap();
    for lane in 0..lanes.count {
        md.publishers.insert(format!("p{lane}"), PublisherConfig { lane, ..PublisherConfig::default() });
    }
    md.lanes = lanes;
    config
}

fn fill(publisher: &mut Publisher<Events>, events: u64) -> Result<(), PublishFailure> {
    (0..events).try_for_each(|_| publisher.try_publish(0, &Trade { qty: 1 }).map(drop))
}

/// The lanes of the events in the order of their handling, where 100 wait in each lane before the first is let go. Turns are of 8 events.
fn order(lanes: LanesConfig) -> Vec<usize> {
    let count = lanes.count as usize;
    let config = laned(lanes, 128, &[("s", SlotConfig { turn_limit_events: 8, ..slot() })]);
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let (gate, seen) = (Gate::default(), Arc::<Mutex<Vec<usize>>>::default());
    let _open = OpenAtLast(gate.clone());
    md.attach("s", InOrder { gate: gate.clone(), seen: Arc::clone(&seen) }).unwrap();
    let mut publishers: Vec<_> = (0..count).map(|lane| md.publisher(&format!("p{lane}")).unwrap()).collect();
    let running = runtime.start().unwrap();
    fill(&mut publishers[0], 1).unwrap();
    eventually("it is at the gate", || gate.arrivals() == 1);
    publishers.iter_mut().for_each(|publisher| fill(publisher, 100).unwrap());
    gate.open();
    eventually("all are handled", || seen.lock().unwrap().len() == 100 * count + 1);
    drop(publishers);
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
    let seen = seen.lock().unwrap();
    seen[1..].to_vec()
}

/// How many of the first so many events came in this lane.
fn of_lane(order: &[usize], first: usize, lane: usize) -> usize {
    order[..first].iter().filter(|one| **one == lane).count()
}

#[test]
pub(crate) fn issue_4582_lanes_count() {
    for count in 1..=LANES_MAX as u32 {
        let runtime = runtime(laned(LanesConfig { count, ..LanesConfig::default() }, 64, &[("s", slot())]));
        let md = runtime.bus::<Events>("md").unwrap();
        assert_eq!(md.lanes().map(|lanes| lanes.lanes().len()), (count > 1).then_some(count as usize));
        let slot = md.attach("s", Count::default()).unwrap();
        let publishers: Vec<_> = (0..count).map(|lane| md.publisher(&format!("p{lane}")).unwrap()).collect();
        let running = runtime.start().unwrap();
        let bus = running.snapshot().bus("md").unwrap().clone();
        assert_eq!(
            (bus.capacity, bus.lanes.len()),
            (64 * u64::from(count), if count > 1 { count as usize } else { 0 })
        );
        drop(publishers);
        eventually("it ends with the last of its lanes", || slot.handle().unwrap().is_done());
    }
}

#[test]
pub(crate) fn issue_4582_lanes_policy() {
    for policy in [LanePolicyChoice::Strict, LanePolicyChoice::Weighted] {
        let order = order(LanesConfig { count: 2, policy, weights: vec![1, 1], ..LanesConfig::default() });
        let urgent = of_lane(&order, 96, 0);
        match policy {
            LanePolicyChoice::Strict => assert_eq!(urgent, 96),
            LanePolicyChoice::Weighted => assert!((40..=56).contains(&urgent), "{order:?}"),
        }
    }
}

#[test]
pub(crate) fn issue_4582_lanes_starvation_events() {
    for starvation_events in [16, 50] {
        let order = order(LanesConfig { count: 2, starvation_events, ..LanesConfig::default() });
        // The event at the gate was the first of lane 0.
        let below = order.iter().position(|lane| *lane == 1).unwrap() as u64;
        assert_eq!(below + 1, starvation_events, "{order:?}");
    }
}

#[test]
pub(crate) fn issue_4582_lanes_weights() {
    for (weights, share) in [(vec![3, 1], 72), (vec![1, 3], 24)] {
        let order =
            order(LanesConfig { count: 2, policy: LanePolicyChoice::Weighted, weights, ..LanesConfig::default() });
        assert!(of_lane(&order, 96, 0).abs_diff(share) <= 8, "{order:?}");
    }
}

#[test]
pub(crate) fn issue_4582_lane_of_a_publisher() {
    for lane in [0, 1] {
        let mut config = laned(LanesConfig { count: 2, ..LanesConfig::default() }, 64, &[("s", slot())]);
        let md = config.buses.get_mut("md").unwrap();
        // Two in one lane are shared, one alone is not.
        md.publishers.insert("x".into(), PublisherConfig { lane, ..PublisherConfig::default() });
        let runtime = runtime(config);
        let md = runtime.bus::<Events>("md").unwrap();
        let slot = md.attach("s", Count::default()).unwrap();
        assert_eq!(md.publisher("x").map(drop).unwrap_err().code(), "TR-0808");
        assert_eq!(md.publisher("y").map(drop).unwrap_err().code(), "TR-0801");
        let mut shared = md.shared_publisher("x").unwrap();
        let mut other = md.shared_publisher(&format!("p{lane}")).unwrap();
        let mut only = md.publisher(&format!("p{}", 1 - lane)).unwrap();
        assert_eq!(md.publisher(&format!("p{}", 1 - lane)).map(drop).unwrap_err().code(), "TR-0802");
        let running = runtime.start().unwrap();
        for _ in 0..3 {
            shared.publish(0, &Trade { qty: 1 }).unwrap();
        }
        other.publish(0, &Trade { qty: 1 }).unwrap();
        only.publish(0, &Trade { qty: 1 }).unwrap();
        eventually("all are handled", || slot.handle().unwrap().stats().delivered == 5);
        let snapshot = running.snapshot();
        let published: Vec<_> = snapshot.bus("md").unwrap().lanes.iter().map(|lane| lane.published).collect();
        assert_eq!(published, if lane == 0 { [4, 1] } else { [1, 4] });
        let handled: Vec<_> = snapshot.slot("md", "s").unwrap().lanes.iter().map(|lane| lane.delivered).collect();
        assert_eq!(handled, published);
    }
}

#[test]
fn issue_4582_a_snapshot_has_every_lane_and_adds_up() {
    let runtime = runtime(laned(LanesConfig { count: 3, ..LanesConfig::default() }, 64, &[("s", slot())]));
    let md = runtime.bus::<Events>("md").unwrap();
    let slot = md.attach("s", Count::default()).unwrap();
    let mut publishers: Vec<_> = (0..3).map(|lane| md.publisher(&format!("p{lane}")).unwrap()).collect();
    let running = runtime.start().unwrap();
    for (publisher, events) in publishers.iter_mut().zip([1, 2, 3]) {
        fill(publisher, events).unwrap();
    }
    eventually("all are handled", || slot.handle().unwrap().stats().delivered == 6);
    let snapshot = running.snapshot();
    let series = |name: &str| snapshot.series().into_iter().find(|(known, _)| known == name).map(|(_, value)| value);
    assert_eq!(series("buses.md.published"), Some(6));
    assert_eq!(series("buses.md.slots.s.lag"), Some(0));
    for lane in 0..3_usize {
        assert_eq!(series(&format!("buses.md.lanes.{lane}.published")), Some(lane as u64 + 1));
        assert_eq!(series(&format!("buses.md.slots.s.lanes.{lane}.delivered")), Some(lane as u64 + 1));
        assert_eq!(series(&format!("buses.md.slots.s.lanes.{lane}.lag")), Some(0));
    }
    assert!(snapshot.to_string().contains("\n  lane 2: 3 published"), "{snapshot}");
    drop(publishers);
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}

#[test]
fn issue_4582_every_lane_counts_its_memory() {
    let bytes = |count| {
        let mut config = laned(LanesConfig { count, ..LanesConfig::default() }, 1 << 10, &[]);
        config.buses.get_mut("md").unwrap().dead_letters_max = 0;
        let runtime = runtime(config);
        let _md = runtime.bus::<Events>("md").unwrap();
        let running = runtime.start().unwrap();
        running.snapshot().bus("md").unwrap().memory_bytes
    };
    assert_eq!(bytes(4), 4 * bytes(1));
    // And a configuration is refused whose lanes together are over the limit.
    let mut config = laned(LanesConfig { count: 4, ..LanesConfig::default() }, 1 << 20, &[]);
    config.runtime.memory_max_bytes = 100 << 20;
    assert_eq!(config.mistakes().iter().map(|mistake| mistake.code).collect::<Vec<_>>(), ["TR-0742"]);
}

#[test]
fn issue_4582_bytes_are_for_lanes_with_one_publisher() {
    let mut config = laned(LanesConfig { count: 2, ..LanesConfig::default() }, 64, &[]);
    let md = config.buses.get_mut("md").unwrap();
    md.arena_bytes = 4_096;
    md.publishers.insert("x".into(), PublisherConfig { lane: 1, ..PublisherConfig::default() });
    let runtime = runtime(config.clone());
    let mut only = runtime.bus::<Events>("md").unwrap().publisher("p0").unwrap();
    assert!(only.try_publish_with_bytes(0, &Trade { qty: 1 }, b"note").is_ok());
    let md = config.buses.get_mut("md").unwrap();
    md.publishers.insert("y".into(), PublisherConfig { lane: 0, ..PublisherConfig::default() });
    assert_eq!(config.mistakes().iter().map(|mistake| mistake.code).collect::<Vec<_>>(), ["TR-0736"]);
}

#[test]
fn a_slot_with_an_overflow_is_refused_on_lanes_also_later() {
    let config = laned(LanesConfig { count: 2, ..LanesConfig::default() }, 64, &[]);
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let _running = runtime.start().unwrap();
    let lossy = SlotConfig { overflow: SlotOverflowChoice::DropOldest, ..slot() };
    assert_eq!(md.attach_as("late", lossy, Count::default()).map(drop).unwrap_err().code(), "TR-0990");
    assert!(md.attach_as("late", slot(), Count::default()).is_ok());
}

#[test]
fn a_group_of_lanes_is_refused() {
    let runtime = runtime(laned(LanesConfig { count: 2, ..LanesConfig::default() }, 64, &[]));
    let md = runtime.bus::<Events>("md").unwrap();
    let refused = md.attach_group("risk", slot(), [Count::default()]).map(drop).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "bus md: group risk on a bus with lanes, which has no single order; make it a group of one lane, or of a bus without [TR-0994]"
    );
}

#[test]
fn a_stuck_slot_on_lanes_is_found_and_frees_them() {
    let stuck = SlotConfig { stuck: tagring::runtime::config::StuckChoice::Quarantine, stuck_after_ms: 20, ..slot() };
    let runtime = runtime(laned(LanesConfig { count: 2, ..LanesConfig::default() }, 8, &[("s", stuck)]));
    let md = runtime.bus::<Events>("md").unwrap();
    let (gate, seen) = (Gate::default(), Arc::default());
    let _open = OpenAtLast(gate.clone());
    let slot = md.attach("s", InOrder { gate: gate.clone(), seen }).unwrap();
    let mut publishers: Vec<_> = (0..2).map(|lane| md.publisher(&format!("p{lane}")).unwrap()).collect();
    let running = runtime.start().unwrap();
    fill(&mut publishers[1], 1).unwrap();
    eventually("it is at the gate", || gate.arrivals() == 1);
    for publisher in &mut publishers {
        for _ in 0..100 {
            publisher.publish_timeout(0, &Trade { qty: 1 }, Duration::from_secs(20)).unwrap();
        }
    }
    gate.open();
    eventually("it has gone", || slot.handle().unwrap().is_done());
    drop((publishers, running));
}

#[test]
fn a_bus_with_lanes_is_added_and_removed_while_the_runtime_runs() {
    let runtime = runtime(config(64, &[]));
    let _md = runtime.bus::<Events>("md").unwrap();
    let running = runtime.start().unwrap();
    let mut laned = bus(64, &[("s", slot())]);
    laned.lanes.count = 2;
    for lane in 0..2 {
        laned.publishers.insert(format!("p{lane}"), PublisherConfig { lane, ..PublisherConfig::default() });
    }
    let mistaken = BusConfig { lanes: LanesConfig { count: 5, ..LanesConfig::default() }, ..laned.clone() };
    assert_eq!(running.add_bus::<Events>("more", mistaken).map(drop).unwrap_err().code(), "TR-0706");
    let before = running.snapshot().memory_bytes.0;
    let more = running.add_bus::<Events>("more", laned).unwrap();
    let slot = more.attach("s", Count::default()).unwrap();
    let mut publisher = more.publisher("p1").unwrap();
    fill(&mut publisher, 5).unwrap();
    eventually("all are handled", || slot.handle().unwrap().stats().delivered == 5);
    drop((publisher, more));
    running.remove_bus("more", SOON).unwrap();
    drop(slot);
    eventually("its memory is given back", || running.snapshot().memory_bytes.0 == before);
}
