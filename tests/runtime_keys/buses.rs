//! Keys of a bus.

use super::house::{Count, Doing, Events, Gate, OpenAtLast, Trade, bus, config, eventually, runtime, slot};
use tagring::bus::Outcome;

#[test]
pub(crate) fn issue_4570_capacity_cells() {
    for capacity_cells in [4, 8] {
        let runtime = runtime(config(capacity_cells, &[("held", slot())]));
        let md = runtime.bus::<Events>("md").unwrap();
        let gate = Gate::default();
        let _open = OpenAtLast(gate.clone());
        let held = gate.clone();
        let hold = move |_| {
            held.wait();
            Outcome::Done
        };
        md.attach("held", Doing::new(hold)).unwrap();
        let mut publisher = md.publisher("p").unwrap();
        let running = runtime.start().unwrap();
        let room = (0..100).take_while(|&qty| publisher.try_publish(0, &Trade { qty }).is_ok()).count() as u64;
        assert_eq!((room, md.bus().capacity() as u64), (capacity_cells, capacity_cells));
        gate.open();
        drop((publisher, running));
    }
}

#[test]
pub(crate) fn issue_4570_slots_max() {
    for (slots_max, code) in [(1, Some("TR-0611")), (2, None)] {
        let mut config = config(64, &[("a", slot())]);
        config.buses.get_mut("md").unwrap().slots_max = slots_max;
        let runtime = runtime(config);
        let md = runtime.bus::<Events>("md").unwrap();
        md.attach("a", Count::default()).unwrap();
        let _running = runtime.start().unwrap();
        let second = md.attach_as("b", slot(), Count::default());
        assert_eq!(second.as_ref().err().map(|error| error.code()), code);
    }
}

#[test]
pub(crate) fn issue_4570_arena_bytes() {
    for (arena_bytes, code) in [(0, Some("TR-0421")), (16, Some("TR-0421")), (64, None)] {
        let mut config = config(64, &[]);
        config.buses.get_mut("md").unwrap().arena_bytes = arena_bytes;
        let runtime = runtime(config);
        let mut publisher = runtime.bus::<Events>("md").unwrap().publisher("p").unwrap();
        let published = publisher.try_publish_with_bytes(0, &Trade { qty: 1 }, &[7; 32]);
        assert_eq!(published.as_ref().err().map(|error| error.code()), code);
    }
}

#[test]
pub(crate) fn issue_4570_dead_letters_max() {
    for dead_letters_max in [0, 2, 4] {
        let mut config = config(64, &[("s", slot())]);
        config.buses.get_mut("md").unwrap().dead_letters_max = dead_letters_max;
        let runtime = runtime(config);
        let md = runtime.bus::<Events>("md").unwrap();
        let s = md.attach("s", Doing::new(|_| Outcome::Dead)).unwrap();
        let mut publisher = md.publisher("p").unwrap();
        let running = runtime.start().unwrap();
        (0..5).for_each(|qty| assert!(publisher.publish(0, &Trade { qty }).is_ok()));
        eventually("all five are dead", || s.handle().unwrap().stats().dead == 5);
        assert_eq!(md.dead_letters().is_some(), dead_letters_max > 0);
        let lost = if dead_letters_max > 0 { 5 - dead_letters_max } else { 0 };
        let kept = || {
            let snapshot = running.snapshot();
            let bus = snapshot.bus("md").unwrap();
            (bus.dead_letters, bus.dead_letters_lost)
        };
        eventually("so many are kept", || kept() == (dead_letters_max, lost));
    }
}

#[test]
pub(crate) fn issue_4570_dead_letter_age_max_ms() {
    let mut config = config(64, &[("s", slot())]);
    config.buses.insert("kept".into(), bus(64, &[("s", slot())]));
    config.buses.get_mut("md").unwrap().dead_letter_age_max_ms = 1;
    let runtime = runtime(config);
    let buses = ["md", "kept"].map(|name| runtime.bus::<Events>(name).unwrap());
    let slots = buses.each_ref().map(|bus| bus.attach("s", Doing::new(|_| Outcome::Dead)).unwrap());
    let mut publishers = buses.each_ref().map(|bus| bus.publisher("p").unwrap());
    let running = runtime.start().unwrap();
    for publisher in &mut publishers {
        publisher.publish(0, &Trade { qty: 1 }).unwrap();
    }
    let [md, kept] = buses.each_ref().map(|bus| bus.dead_letters().unwrap());
    eventually("both die", || slots.iter().all(|slot| slot.handle().unwrap().stats().dead == 1));
    eventually("the one is purged", || md.is_empty());
    let checks = running.snapshot().checks;
    eventually("and looked for again", || running.snapshot().checks > checks + 20);
    eventually("the other is there", || kept.len() == 1);
}
