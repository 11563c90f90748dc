//! Starting: what is missing is named, slots initialise at once, failures are all reported.

use super::house::{Beginner, Count, Events, Gate, OpenAtLast, SOON, config, eventually, runtime, slot};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tagring::runtime::config::{BusConfig, FeedConfig, SlotConfig, StartPolicy};
use tagring::runtime::{Deadline, StartError, StartFailure};

fn beginner(init: impl FnMut() -> Result<(), tagring::bus::InitError> + Send + 'static) -> Beginner {
    Beginner { init: Some(Box::new(init)), start: None }
}

fn failure(result: Result<tagring::runtime::Running, StartFailure>) -> StartFailure {
    match result {
        Ok(_) => panic!("it started"),
        Err(failure) => failure,
    }
}

#[test]
fn what_is_configured_and_was_given_nothing_is_named_all_at_once() {
    let mut config = config(64, &[("a", slot()), ("b", slot())]);
    config.buses.insert("idle".into(), BusConfig { capacity_cells: 64, ..BusConfig::default() });
    config.feeds.insert("itch".into(), FeedConfig::default());
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    md.attach("b", Count::default()).unwrap();
    let failure = failure(runtime.start());
    assert_eq!(failure.errors.len(), 3);
    let text = failure.to_string();
    for missing in ["bus idle is configured", "slot md.a is configured", "feed itch is configured"] {
        assert!(text.contains(missing), "{missing} in {text}");
    }
    assert!(failure.errors.iter().all(|error| error.code() == "TR-0821") && failure.undone.is_none());
}

#[test]
fn issue_4573_slots_initialise_at_once_also_on_one_thread() {
    const SLOTS: u64 = 8;
    let names: Vec<String> = (0..SLOTS).map(|at| format!("s{at}")).collect();
    let slots: Vec<(&str, SlotConfig)> = names.iter().map(|name| (name.as_str(), slot())).collect();
    let runtime = runtime(config(64, &slots));
    let md = runtime.bus::<Events>("md").unwrap();
    // Each waits for all others: one after the other they would never end.
    let here = Arc::new(AtomicU64::new(0));
    for name in &names {
        let here = Arc::clone(&here);
        let init = move || {
            here.fetch_add(1, Ordering::SeqCst);
            eventually("all are here", || here.load(Ordering::SeqCst) == SLOTS);
            Ok(())
        };
        md.attach(name, beginner(init)).unwrap();
    }
    let running = runtime.start().unwrap();
    assert_eq!(running.snapshot().threads.len(), 1);
    assert!(running.start_report().errors.is_empty());
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}

#[test]
fn issue_4573_all_that_fail_are_reported_and_nothing_runs_on() {
    let brief = SlotConfig { start_timeout_ms: 30, ..slot() };
    let slots =
        [("errs", slot()), ("panics", slot()), ("sticks", brief.clone()), ("well", slot()), ("starts late", brief)];
    let mut config = config(64, &slots);
    config.buses.get_mut("md").unwrap().slots.remove("starts late");
    config
        .buses
        .get_mut("md")
        .unwrap()
        .slots
        .insert("late".into(), SlotConfig { thread: "other".into(), start_timeout_ms: 30, ..slot() });
    config
        .buses
        .get_mut("md")
        .unwrap()
        .slots
        .insert("behind".into(), SlotConfig { after: vec!["errs".into()], ..slot() });
    let build = |start| {
        let mut config = config.clone();
        config.runtime.start = start;
        runtime(config)
    };
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let give = |runtime: &tagring::runtime::Runtime| {
        let md = runtime.bus::<Events>("md").unwrap();
        md.attach("errs", beginner(|| Err("no licence".into()))).unwrap();
        md.attach("panics", beginner(|| panic!("no model"))).unwrap();
        let (held, held_too) = (gate.clone(), gate.clone());
        md.attach(
            "sticks",
            beginner(move || {
                held.wait();
                Ok(())
            }),
        )
        .unwrap();
        md.attach("late", Beginner { init: None, start: Some(Box::new(move || held_too.wait())) }).unwrap();
        md.attach("behind", Count::default()).unwrap();
        md.attach("well", Count::default()).unwrap()
    };
    let all = build(StartPolicy::All);
    let well = give(&all);
    let failure = failure(all.start());
    let text = failure.to_string();
    let expected = [
        "slot errs: on_init failed: no licence",
        "slot panics: on_init failed: no model",
        "slot sticks of bus md: on_init still runs after 30ms",
        "slot late: on_start still runs after 30ms",
        "slot behind of bus md runs after errs, which did not start",
    ];
    for line in expected {
        assert!(text.contains(line), "{line} in {text}");
    }
    let mut codes: Vec<_> = failure.errors.iter().map(StartError::code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["TR-0615", "TR-0617", "TR-0617", "TR-0822", "TR-0823"], "{text}");
    assert!(failure.errors.iter().all(|error| error.to_string().ends_with(&format!(" [{}]", error.code()))), "{text}");
    assert!(failure.errors.iter().any(|error| matches!(error, StartError::InitTimedOut { .. })));
    assert!(well.handle().unwrap().is_done(), "what had started was stopped");

    let any = build(StartPolicy::Any);
    let well = give(&any);
    let running = any.start().unwrap();
    assert_eq!(running.start_report().errors.len(), 5);
    assert!(!well.handle().unwrap().is_done());
    let names: Vec<_> = running.snapshot().bus("md").unwrap().slots.iter().map(|slot| slot.slot.to_string()).collect();
    assert!(names.contains(&"well".to_owned()) && !names.contains(&"errs".to_owned()), "{names:?}");
    gate.open();
    let _ = running.shutdown(Deadline::after(SOON));
}

#[test]
fn a_slot_that_comes_later_starts_on_a_thread_that_exists() {
    let runtime = runtime(config(64, &[("first", slot())]));
    let md = runtime.bus::<Events>("md").unwrap();
    md.attach("first", Count::default()).unwrap();
    let running = runtime.start().unwrap();
    let threads = running.snapshot().threads_used.0;
    let later = md.attach_as("later", SlotConfig { after: vec!["first".into()], ..slot() }, Count::default()).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    publisher.publish(0, &super::house::Trade { qty: 4 }).unwrap();
    eventually("delivered", || later.handle().unwrap().stats().delivered == 1);
    assert_eq!(running.snapshot().threads_used.0, threads);
    let nowhere = SlotConfig { thread: "nowhere".into(), ..slot() };
    let refused = md.attach_as("x", nowhere, Count::default()).map(|_| ()).unwrap_err();
    assert!(refused.code() == "TR-0801" && refused.to_string().contains("slots"), "{refused}");
    let failed = md.attach_as("x", slot(), beginner(|| Err("no".into()))).map(|_| ()).unwrap_err();
    assert_eq!(failed.code(), "TR-0617");
    assert_eq!(later.detach(SOON).unwrap().sum, 4);
    md.attach_as("later", slot(), Count::default()).unwrap();
    drop(publisher);
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}
