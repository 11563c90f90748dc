//! Buses, slots and publishers by name: limits, look-ups, adding and removing.

use super::house::{
    Count, Doing, Events, Gate, OpenAtLast, SOON, Trade, bus, config, eventually, other, runtime, slot,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tagring::bus::Outcome;
use tagring::runtime::config::{OverflowChoice, PublisherConfig};
use tagring::runtime::{Deadline, Kind, RuntimeError, Stage};

#[test]
fn issue_4547_the_bus_over_the_limit_is_refused_and_nothing_leaked() {
    let mut config = config(64, &[]);
    config.runtime.buses_max = 2;
    config.runtime.memory_max_bytes = 1 << 20;
    let runtime = runtime(config);
    runtime.bus::<Events>("md").unwrap();
    let running = runtime.start().unwrap();
    let before = running.snapshot();
    assert_eq!(before.buses_used, (1, 2));
    let large = running.add_bus::<Events>("large", bus(1 << 16, &[])).map(|_| ()).unwrap_err();
    let RuntimeError::Memory { need_bytes, used_bytes, limit_bytes, .. } = large else { panic!("{large}") };
    assert!(need_bytes > 64 << 16 && used_bytes == before.memory_bytes.0 && limit_bytes == 1 << 20);
    let second = running.add_bus::<Events>("second", bus(64, &[])).unwrap();
    let third = running.add_bus::<Events>("third", bus(64, &[])).map(|_| ()).unwrap_err();
    assert_eq!(third.code(), "TR-0804");
    assert!(third.to_string().contains("runtime.buses_max"), "{third}");
    drop(second);
    running.remove_bus("second", SOON).unwrap();
    let after = running.snapshot();
    assert_eq!((after.buses_used, after.memory_bytes), (before.buses_used, before.memory_bytes));
    running.add_bus::<Events>("third", bus(64, &[])).unwrap();
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}

#[test]
fn names_and_families_are_checked_and_errors_say_what_there_is() {
    let runtime = runtime(config(64, &[("vwap", slot())]));
    let unknown = runtime.bus::<Events>("mdx").map(|_| ()).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "no bus `mdx`; there are md: write it into the configuration, or use one of these [TR-0801]"
    );
    let md = runtime.bus::<Events>("md").unwrap();
    let family = runtime.bus::<other::Events>("md").map(|_| ()).unwrap_err();
    assert_eq!(family.code(), "TR-0803");
    assert!(family.to_string().contains("market") && family.to_string().contains("other"), "{family}");
    assert_eq!(md.attach("wvap", Count::default()).map(|_| ()).unwrap_err().code(), "TR-0801");
    let vwap = md.attach("vwap", Count::default()).unwrap();
    assert_eq!(vwap.handle().map(|_| ()).unwrap_err().code(), "TR-0807");
    assert_eq!(md.attach("vwap", Count::default()).map(|_| ()).unwrap_err().code(), "TR-0802");
    let _itch = md.publisher("itch").unwrap();
    assert_eq!(md.publisher("itch").map(|_| ()).unwrap_err().code(), "TR-0802");
    assert_eq!(md.shared_publisher("itch").map(|_| ()).unwrap_err().code(), "TR-0808");
    assert_eq!(runtime.feed("itch", |_| Ok(())).unwrap_err().code(), "TR-0801");
}

#[test]
fn configured_publishers_are_taken_by_name_and_do_what_their_overflow_says() {
    let mut config = config(2, &[("stuck", slot())]);
    let publishers = &mut config.buses.get_mut("md").unwrap().publishers;
    for (name, overflow) in
        [("fail", OverflowChoice::Fail), ("shed", OverflowChoice::Shed), ("timeout", OverflowChoice::Timeout)]
    {
        publishers.insert(name.into(), PublisherConfig { overflow, timeout_ms: 1, ..PublisherConfig::default() });
    }
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let held = gate.clone();
    md.attach(
        "stuck",
        Doing::new(move |_| {
            held.wait();
            Outcome::Done
        }),
    )
    .unwrap();
    let running = runtime.start().unwrap();
    let [mut fail, mut shed, mut timeout] = ["fail", "shed", "timeout"].map(|name| md.shared_publisher(name).unwrap());
    assert_eq!(md.publisher("fail").map(|_| ()).unwrap_err().code(), "TR-0808");
    while fail.send(0, &Trade { qty: 1 }).is_ok() {}
    let full = fail.send(0, &Trade { qty: 1 }).unwrap_err();
    assert!(full.is_full() && full.slot == Some("stuck".into()), "{full}");
    assert!(shed.send(0, &Trade { qty: 1 }).is_ok());
    let snapshot = running.snapshot();
    assert_eq!((snapshot.bus("md").unwrap().shed, snapshot.bus("md").unwrap().waits), (1, 0));
    assert_eq!(timeout.send(0, &Trade { qty: 1 }).unwrap_err().code(), "TR-0412");
    gate.open();
    drop((fail, shed, timeout));
    let report = running.shutdown(Deadline::after(SOON));
    assert!(report.is_clean(), "{report}");
}

#[test]
fn issue_4546_look_ups_go_on_while_a_bus_is_built() {
    let runtime = runtime(config(64, &[]));
    runtime.bus::<Events>("md").unwrap();
    let running = runtime.start().unwrap();
    let building = AtomicU64::new(0);
    let seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Some tens of megabytes are touched each time: the look-ups below fall into it.
            while building.load(Ordering::Relaxed) < u64::MAX / 2 {
                building.fetch_add(1, Ordering::SeqCst);
                drop(running.add_bus::<Events>("large", bus(1 << 19, &[])).unwrap());
                building.fetch_add(1, Ordering::SeqCst);
                running.remove_bus("large", SOON).unwrap();
            }
        });
        let mut whole = 0;
        eventually("look-ups begin and end within one build", || {
            let before = building.load(Ordering::SeqCst);
            assert!(running.bus::<Events>("md").is_ok());
            whole += u64::from(before % 2 == 1 && building.load(Ordering::SeqCst) == before);
            whole > 100
        });
        building.store(u64::MAX / 2 + 1, Ordering::SeqCst);
        whole
    });
    assert!(seen > 100);
}

#[test]
fn a_name_is_taken_while_its_bus_is_built_and_free_after_it_was_removed() {
    let runtime = runtime(config(64, &[]));
    runtime.bus::<Events>("md").unwrap();
    let running = runtime.start().unwrap();
    let won = AtomicU64::new(0);
    for _ in 0..20 {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| match running.add_bus::<Events>("x", bus(1024, &[])) {
                    Ok(_) => drop(won.fetch_add(1, Ordering::Relaxed)),
                    Err(error) => assert!(matches!(error, RuntimeError::Taken { kind: Kind::Bus, .. }), "{error}"),
                });
            }
        });
        running.remove_bus("x", SOON).unwrap();
    }
    assert_eq!(won.load(Ordering::Relaxed), 20, "one of four each time");
    assert_eq!(running.remove_bus("x", SOON).unwrap_err().code(), "TR-0801");
    assert_eq!(running.snapshot().buses_used.0, 1);
}

#[test]
fn issue_4571_a_bus_in_use_is_drained_or_stays_and_says_who_is_busy() {
    let mut config = config(64, &[]);
    config.threads.insert("slots".into(), Default::default());
    let runtime = runtime(config);
    runtime.bus::<Events>("md").unwrap();
    let running = runtime.start().unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let extra = running.add_bus::<Events>("extra", bus(64, &[("slow", slot())])).unwrap();
    let held = gate.clone();
    let slow = extra
        .attach(
            "slow",
            Doing::new(move |_| {
                held.wait();
                Outcome::Done
            }),
        )
        .unwrap();
    let mut publisher = extra.publisher("p").unwrap();
    for qty in 0..10 {
        publisher.publish(0, &Trade { qty }).unwrap();
    }
    eventually("the handler is held", || gate.arrivals() == 1);
    let busy = running.remove_bus("extra", Duration::from_millis(5)).unwrap_err();
    let RuntimeError::Busy { bus, slots, .. } = &busy else { panic!("{busy}") };
    assert_eq!((busy.code(), bus.as_str(), slots.len(), slots[0].0.as_str()), ("TR-0809", "extra", 1, "slow"));
    assert!(slots[0].1 >= 9 && busy.to_string().contains("slow is"), "{busy}");
    assert!(running.bus::<Events>("extra").is_ok(), "it stays");
    assert!(publisher.publish(0, &Trade { qty: 0 }).unwrap_err().is_closed());
    gate.open();
    running.remove_bus("extra", SOON).unwrap();
    assert_eq!(slow.handle().unwrap().stats().delivered, 10, "drained first");
    assert_eq!(running.bus::<Events>("extra").map(|_| ()).unwrap_err().code(), "TR-0801");
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}

#[test]
fn issue_4543_sixteen_buses_share_the_service_thread() {
    let mut all = config(64, &[]);
    for at in 0..15 {
        all.buses.insert(format!("b{at}"), bus(64, &[("s", slot())]));
    }
    all.runtime.name = "sixteen".into();
    let runtime = runtime(all);
    let mut counts = Vec::new();
    for at in 0..15 {
        let bus = runtime.bus::<Events>(&format!("b{at}")).unwrap();
        counts.push((bus.attach("s", Count::default()).unwrap(), bus.publisher("p").unwrap()));
    }
    runtime.bus::<Events>("md").unwrap();
    let running = runtime.start().unwrap();
    let snapshot = running.snapshot();
    assert_eq!((snapshot.buses.len(), snapshot.threads.len(), snapshot.threads_used.0), (16, 1, 2));
    let named = |name: &str| {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        tasks
            .filter(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name))
            .count()
    };
    assert_eq!(named("sixteen service"), 1);
    for (_, publisher) in &mut counts {
        publisher.publish(0, &Trade { qty: 3 }).unwrap();
    }
    for (slot, _) in &counts {
        eventually("each bus delivers", || slot.handle().unwrap().stats().delivered == 1);
    }
    drop(counts);
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
    assert_eq!(named("sixteen service"), 0);
}

#[test]
fn issue_4548_two_runtimes_do_not_see_each_other() {
    let one = runtime(config(64, &[("s", slot())]));
    let two = runtime(config(64, &[("s", slot())]));
    let (md_one, md_two) = (one.bus::<Events>("md").unwrap(), two.bus::<other::Events>("md").unwrap());
    let slot_one = md_one.attach("s", Count::default()).unwrap();
    let slot_two = md_two.attach("s", Count::default()).unwrap();
    let (mut first, second) = (md_one.publisher("p").unwrap(), md_two.publisher("p").unwrap());
    let (one, two) = (one.start().unwrap(), two.start().unwrap());
    one.add_bus::<Events>("only-here", bus(64, &[])).unwrap();
    assert!(two.bus::<Events>("only-here").is_err());
    first.publish(0, &Trade { qty: 1 }).unwrap();
    eventually("delivered", || slot_one.handle().unwrap().stats().delivered == 1);
    drop(second);
    assert!(two.shutdown(Deadline::after(SOON)).is_clean());
    assert_eq!((slot_two.handle().unwrap().stats().delivered, one.stage()), (0, Stage::Running));
    first.publish(0, &Trade { qty: 1 }).unwrap();
    eventually("the other goes on", || slot_one.handle().unwrap().stats().delivered == 2);
}

fn names(running: &tagring::runtime::Running) -> Vec<String> {
    running.snapshot().series().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn issue_4592_traffic_adds_no_series() {
    let runtime = runtime(config(64, &[("a", slot()), ("b", slot())]));
    let md = runtime.bus::<Events>("md").unwrap();
    let (a, _b) = (md.attach("a", Count::default()).unwrap(), md.attach("b", Count::default()).unwrap());
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    let before = names(&running);
    for key in 0..5_000 {
        publisher.publish(key, &Trade { qty: 1 }).unwrap();
    }
    eventually("all are handled", || a.handle().unwrap().stats().delivered == 5_000);
    assert_eq!(names(&running), before, "5,000 keys, and no name more");
}

#[test]
fn issue_4572_everything_that_exists_is_counted() {
    let runtime = runtime(config(64, &[("a", slot()), ("b", slot())]));
    let md = runtime.bus::<Events>("md").unwrap();
    let (a, _b) = (md.attach("a", Count::default()).unwrap(), md.attach("b", Count::default()).unwrap());
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    publisher.publish(0, &Trade { qty: 1 }).unwrap();
    eventually("it is handled", || a.handle().unwrap().stats().delivered == 1);
    let names = names(&running);
    for must in [
        "runtime.buses",
        "runtime.memory_bytes",
        "buses.md.published",
        "buses.md.slots.a.lag",
        "buses.md.slots.b.idle_polls",
        "threads.slots.busy",
    ] {
        assert!(names.iter().any(|name| name == must), "{must} in {names:?}");
    }
    let value = |what: &str| running.snapshot().series().into_iter().find(|(name, _)| name == what).unwrap().1;
    assert_eq!((value("buses.md.published"), value("buses.md.slots.a.delivered"), value("runtime.buses")), (1, 1, 1));
}

#[test]
fn a_snapshot_adds_up_at_any_moment() {
    let runtime = runtime(config(256, &[("a", slot())]));
    let md = runtime.bus::<Events>("md").unwrap();
    let a = md.attach("a", Doing::new(|qty| if qty % 5 == 0 { Outcome::Dead } else { Outcome::Done })).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    let stop = Arc::new(AtomicU64::new(0));
    let ends = Arc::clone(&stop);
    let feed = std::thread::spawn(move || {
        for qty in 0.. {
            if ends.load(Ordering::Relaxed) != 0 || publisher.publish(0, &Trade { qty }).is_err() {
                return;
            }
        }
    });
    eventually("events flow", || a.handle().unwrap().stats().delivered > 1_000);
    for _ in 0..2_000 {
        let snapshot = running.snapshot();
        let (bus, slot) = (snapshot.bus("md").unwrap(), snapshot.slot("md", "a").unwrap());
        let stats = &slot.stats;
        assert_eq!(stats.joined + stats.delivered + stats.filtered + stats.dead + stats.holes, stats.position);
        assert_eq!(slot.lag, bus.published - stats.position);
    }
    stop.store(1, Ordering::Relaxed);
    feed.join().unwrap();
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}
