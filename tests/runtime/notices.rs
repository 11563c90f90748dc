//! What a runtime notices: health, states, buses; as system events and to the hook.

use super::house::{Count, Doing, Events, Gate, OpenAtLast, SOON, Trade, bus, config, eventually, runtime, slot};
use std::sync::{Arc, Mutex};
use tagring::bus::{Name, Outcome, SlotState};
use tagring::runtime::config::{PanicChoice, SlotConfig, StuckChoice};
use tagring::runtime::system::{Cause, events};
use tagring::runtime::watchdog::Health;
use tagring::runtime::{Deadline, Notice, Runtime, Stage};
use tagring::testkit::Recorder;

type Notices = Arc<Mutex<Vec<Notice>>>;

/// A runtime that keeps what it notices.
fn noticing(config: tagring::runtime::config::Config) -> (Runtime, Notices) {
    let notices = Notices::default();
    let keep = Arc::clone(&notices);
    (runtime(config).on_notice(move |notice| keep.lock().unwrap().push(notice.clone())), notices)
}

fn has(notices: &Notices, is_it: impl Fn(&Notice) -> bool) -> bool {
    notices.lock().unwrap().iter().any(is_it)
}

/// A slot whose handler is held at the trade of quantity 3, on a thread of its own.
fn stuck(stuck: StuckChoice) -> SlotConfig {
    SlotConfig { stuck_after_ms: 20, stuck, thread: "held".into(), ..slot() }
}

#[test]
fn issue_4574_a_stuck_handler_is_told_with_its_event_and_is_well_again_when_it_returns() {
    let (runtime, notices) = noticing(config(64, &[("held", stuck(StuckChoice::Report)), ("well", slot())]));
    let md = runtime.bus::<Events>("md").unwrap();
    let system = runtime.system().unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let held = gate.clone();
    let slot_held = md
        .attach(
            "held",
            Doing::new(move |qty| {
                if qty == 3 {
                    held.wait();
                }
                Outcome::Done
            }),
        )
        .unwrap();
    md.attach("well", Count::default()).unwrap();
    let (recorder, records) = Recorder::new(1_000);
    let subscriber = SlotConfig { tags: vec!["SlotHealth".into()], ..slot() };
    system.attach_as("ops", subscriber, recorder).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    (0..10).for_each(|qty| assert!(publisher.publish(0, &Trade { qty }).is_ok()));
    let is_stuck = |notice: &Notice| matches!(notice, Notice::SlotHealth { change, .. } if change.to == Health::Stuck);
    eventually("it is told", || has(&notices, is_stuck));
    assert_eq!(slot_held.health(), Health::Stuck);
    let all = notices.lock().unwrap().clone();
    let Some(Notice::SlotHealth { bus, slot, sequence, event, cause, change }) = all.into_iter().find(is_stuck) else {
        panic!("it was there")
    };
    assert_eq!((bus.as_str(), slot.as_str(), sequence, event, cause), ("md", "held", 3, Some("Trade"), Cause::Blocked));
    assert!(change.lag == 7 && change.stalled_ns >= 20_000_000, "{change:?}");
    eventually("handlers hear of it", || {
        records.of::<events::SlotHealth>().iter().any(|health| {
            Health::from_u8(health.to) == Some(Health::Stuck)
                && (Name::from_bytes(health.slot), health.sequence, health.tag) == ("held".into(), 3, 1)
                && Cause::from_u8(health.cause) == Cause::Blocked
        })
    });
    gate.open();
    eventually("it is well again", || {
        has(
            &notices,
            |n| matches!(n, Notice::SlotHealth { change, .. } if change.from == Health::Stuck && change.to == Health::Well),
        )
    });
    drop(publisher);
    let report = running.shutdown(Deadline::after(SOON));
    assert!(report.is_clean(), "{report}");
    assert!(!has(&notices, |n| matches!(n, Notice::SlotHealth { slot, .. } if slot.as_str() == "well") && is_stuck(n)));
}

#[test]
fn issue_4574_a_busy_handler_is_told_from_one_that_sleeps() {
    let (runtime, notices) = noticing(config(64, &[("held", stuck(StuckChoice::Report))]));
    let md = runtime.bus::<Events>("md").unwrap();
    let ends = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let end = Arc::clone(&ends);
    let spin = move |_| {
        while !end.load(std::sync::atomic::Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        Outcome::Done
    };
    md.attach("held", Doing::new(spin)).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    publisher.publish(0, &Trade { qty: 3 }).unwrap();
    // On a crowded machine the thread may be taken for one that gets no core, which is then so.
    let told = |n: &Notice| matches!(n, Notice::SlotHealth { cause: Cause::Running | Cause::Starved, .. });
    eventually("it is told why", || has(&notices, told));
    ends.store(true, std::sync::atomic::Ordering::Relaxed);
    drop(publisher);
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}

#[test]
fn issue_4609_a_stuck_slot_under_quarantine_holds_nobody() {
    let (runtime, notices) = noticing(config(64, &[("held", stuck(StuckChoice::Quarantine)), ("well", slot())]));
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let held = gate.clone();
    let slot_held = md
        .attach(
            "held",
            Doing::new(move |qty| {
                if qty == 3 {
                    held.wait();
                }
                Outcome::Done
            }),
        )
        .unwrap();
    let well = md.attach("well", Count::default()).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    // Many times round the ring: without the quarantine this waits for ever.
    for qty in 0..64 * 50 {
        publisher.publish_timeout(0, &Trade { qty }, SOON).unwrap();
    }
    eventually("the other has all", || well.handle().unwrap().stats().delivered == 64 * 50);
    assert_eq!(slot_held.handle().unwrap().state(), SlotState::Quarantined);
    assert!(!slot_held.handle().unwrap().is_done(), "its handler has not returned");
    eventually("it is told", || {
        has(
            &notices,
            |n| matches!(n, Notice::SlotChanged { slot, to: SlotState::Quarantined, .. } if slot.as_str() == "held"),
        )
    });
    let snapshot = running.snapshot();
    let (bus, stats) = (snapshot.bus("md").unwrap(), &snapshot.slot("md", "well").unwrap().stats);
    assert_eq!(bus.published, stats.delivered + stats.holes, "what was pinned is a hole for the others");
    gate.open();
    let handler = slot_held.join(SOON);
    assert!(handler.is_ok(), "handed back once it returned");
    drop(publisher);
    let report = running.shutdown(Deadline::after(SOON));
    assert!(report.threads_left.is_empty(), "{report}");
}

#[test]
fn issue_4574_a_slot_behind_a_stuck_one_of_its_thread_or_its_bus_is_not_called_stuck() {
    let behind = SlotConfig { after: vec!["held".into()], stuck_after_ms: 20, ..slot() };
    let beside = SlotConfig { thread: "held".into(), stuck_after_ms: 20, ..slot() };
    let slots = [("held", stuck(StuckChoice::Report)), ("behind", behind), ("beside", beside)];
    let (runtime, notices) = noticing(config(64, &slots));
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let held = gate.clone();
    md.attach(
        "held",
        Doing::new(move |qty| {
            if qty == 3 {
                held.wait();
            }
            Outcome::Done
        }),
    )
    .unwrap();
    md.attach("behind", Count::default()).unwrap();
    md.attach("beside", Count::default()).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    (0..10).for_each(|qty| assert!(publisher.publish(0, &Trade { qty }).is_ok()));
    let is_stuck = |notice: &Notice, name: &str| matches!(notice, Notice::SlotHealth { slot, change, .. } if change.to == Health::Stuck && slot.as_str() == name);
    eventually("the stuck one is told", || has(&notices, |notice| is_stuck(notice, "held")));
    let checks = running.snapshot().checks;
    eventually("the watchdog goes on looking", || running.snapshot().checks > checks + 50);
    assert!(!has(&notices, |notice| is_stuck(notice, "behind") || is_stuck(notice, "beside")));
    gate.open();
    drop(publisher);
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}

#[test]
fn lag_changes_health_and_back() {
    let lagging = SlotConfig { lag_max_events: 20, thread: "held".into(), ..slot() };
    let (runtime, notices) = noticing(config(256, &[("held", lagging)]));
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let held = gate.clone();
    md.attach(
        "held",
        Doing::new(move |_| {
            held.wait();
            Outcome::Done
        }),
    )
    .unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    (0..100).for_each(|qty| assert!(publisher.publish(0, &Trade { qty }).is_ok()));
    let to = |health: Health| move |n: &Notice| matches!(n, Notice::SlotHealth { change, .. } if change.to == health);
    eventually("it lags", || has(&notices, to(Health::Lagging)));
    assert_eq!(running.snapshot().slot("md", "held").unwrap().health, Health::Lagging);
    gate.open();
    eventually("it has caught up", || has(&notices, to(Health::Well)));
}

#[test]
fn issue_4575_a_hook_that_panics_is_counted_and_everything_goes_on() {
    let skip = SlotConfig { panic: PanicChoice::Skip, ..slot() };
    let runtime = runtime(config(64, &[("s", skip)])).on_notice(|notice| {
        if matches!(notice, Notice::SlotChanged { .. }) {
            panic!("the hook is broken too");
        }
    });
    let md = runtime.bus::<Events>("md").unwrap();
    let slot = md
        .attach(
            "s",
            Doing::new(|qty| {
                assert_ne!(qty, 5, "no fives");
                Outcome::Done
            }),
        )
        .unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    (0..10).for_each(|qty| assert!(publisher.publish(0, &Trade { qty }).is_ok()));
    eventually("the slot goes on", || slot.handle().unwrap().stats().delivered == 9);
    eventually("the hook's panic is counted", || running.snapshot().hook_panics > 0);
    let checks = running.snapshot().checks;
    eventually("the service thread goes on", || running.snapshot().checks > checks + 2);
    drop(publisher);
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}

#[test]
fn buses_and_stages_are_told_in_order() {
    let (runtime, notices) = noticing(config(64, &[]));
    runtime.bus::<Events>("md").unwrap();
    let system = runtime.system().unwrap();
    let (recorder, records) = Recorder::new(1_000);
    system.attach_as("ops", slot(), recorder).unwrap();
    let running = runtime.start().unwrap();
    running.add_bus::<Events>("extra", bus(64, &[])).unwrap();
    eventually("added", || has(&notices, |n| matches!(n, Notice::BusAdded { bus } if bus.as_str() == "extra")));
    running.remove_bus("extra", SOON).unwrap();
    eventually("removed", || has(&notices, |n| matches!(n, Notice::BusRemoved { bus } if bus.as_str() == "extra")));
    let report = running.shutdown(Deadline::after(SOON));
    assert!(report.is_clean(), "{report}");
    let stages: Vec<Stage> =
        records.of::<events::StageChanged>().iter().map(|s| Stage::from_u32(s.stage as u32)).collect();
    assert!(stages.is_sorted() && stages.last() == Some(&Stage::Flushing), "{stages:?}");
    let changes: Vec<_> =
        records.of::<events::BusChanged>().iter().map(|c| (Name::from_bytes(c.bus).to_string(), c.what)).collect();
    assert!(changes.contains(&("extra".into(), 1)) && changes.contains(&("extra".into(), 2)), "{changes:?}");
}
