//! Callbacks that do not return, outside of events too: found, named, and under `quarantine` without hold on anyone.

use super::house::{Count, Events, Gate, OpenAtLast, SOON, Trade, bus, config, eventually, runtime, slot};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tagring::bus::{Context, Handler, Outcome};
use tagring::event::Event;
use tagring::runtime::config::{BusConfig, PanicChoice, SlotConfig, StartPolicy, StuckChoice};
use tagring::runtime::{Deadline, RuntimeError};

/// Where a handler sticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Restart,
    Stop,
    Failed,
    Drop,
}

struct Sticks(Place, Gate);

impl Handler for Sticks {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        if matches!(self.0, Place::Restart | Place::Failed) {
            std::panic::resume_unwind(Box::new("as scripted"));
        }
        Outcome::Done
    }
    fn on_restart(&mut self, _: &mut Context) {
        self.stick_at(Place::Restart);
    }
    fn on_stop(&mut self, _: &mut Context) {
        self.stick_at(Place::Stop);
    }
    fn on_failed(&mut self, _: &mut Context) {
        self.stick_at(Place::Failed);
    }
}

impl Sticks {
    fn stick_at(&self, place: Place) {
        if self.0 == place {
            self.1.wait();
        }
    }
}

impl Drop for Sticks {
    fn drop(&mut self) {
        self.stick_at(Place::Drop);
    }
}

fn quick(panic: PanicChoice) -> SlotConfig {
    let (stuck, stuck_after_ms) = (StuckChoice::Quarantine, 150);
    SlotConfig { stuck, stuck_after_ms, panic, restart_pause_ms: 1, restart_pause_max_ms: 1, ..slot() }
}

/// The handler sticks at `place`; its bus, and the other bus on its thread, are not held.
fn nobody_is_held(place: Place) {
    let mut config = config(64, &[]);
    config.threads.insert("slots".into(), tagring::runtime::config::ThreadConfig::default());
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let panic = if place == Place::Restart { PanicChoice::Restart } else { PanicChoice::Quarantine };
    md.attach_as("neighbour", quick(PanicChoice::Quarantine), Count::default()).unwrap();
    let running = runtime.start().unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let other = running.add_bus::<Events>("other", bus(64, &[])).unwrap();
    let sticks = other.attach_as("sticks", quick(panic), Sticks(place, gate.clone())).unwrap();
    let (mut to_md, mut to_other) = (md.publisher("p").unwrap(), other.publisher("p").unwrap());
    to_other.publish(0, &Trade { qty: 1 }).unwrap();
    if matches!(place, Place::Stop | Place::Drop) {
        sticks.handle().unwrap().ask_to_stop();
    }
    if place == Place::Drop {
        drop(sticks);
    }
    eventually("it sticks", || gate.arrivals() == 1);
    for qty in 0..64 * 5 {
        to_md.publish_timeout(0, &Trade { qty }, SOON).unwrap_or_else(|error| panic!("{place:?}: {error}"));
        to_other.publish_timeout(0, &Trade { qty }, SOON).unwrap_or_else(|error| panic!("{place:?}: {error}"));
    }
    gate.open();
    drop((to_md, to_other));
    let report = running.shutdown(Deadline::after(SOON));
    assert!(report.threads_left.is_empty(), "{report}");
}

#[test]
fn issue_4609_a_restart_that_does_not_return_holds_nobody() {
    nobody_is_held(Place::Restart);
}

#[test]
fn issue_4609_an_end_that_does_not_return_holds_nobody() {
    nobody_is_held(Place::Stop);
}

#[test]
fn issue_4609_a_farewell_to_a_broken_handler_that_does_not_return_holds_nobody() {
    nobody_is_held(Place::Failed);
}

#[test]
fn issue_4609_a_handler_that_is_dropped_for_ever_holds_nobody() {
    nobody_is_held(Place::Drop);
}

/// Sticks in `on_start`.
struct StartsForEver(Gate);

impl Handler for StartsForEver {
    fn on_start(&mut self, _: &mut Context) {
        self.0.wait();
    }
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        Outcome::Done
    }
}

#[test]
fn issue_4609_a_start_that_does_not_return_holds_nobody_where_the_others_go_on() {
    let brief = SlotConfig { start_timeout_ms: 30, thread: "held".into(), ..quick(PanicChoice::Quarantine) };
    let mut config = config(64, &[("starts", brief), ("well", slot())]);
    config.runtime.start = StartPolicy::Any;
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    md.attach("starts", StartsForEver(gate.clone())).unwrap();
    let well = md.attach("well", Count::default()).unwrap();
    let running = runtime.start().unwrap();
    assert_eq!(running.start_report().errors.len(), 1);
    let mut publisher = md.publisher("p").unwrap();
    for qty in 0..64 * 5 {
        publisher.publish_timeout(0, &Trade { qty }, SOON).unwrap();
    }
    eventually("the other has all", || well.handle().unwrap().stats().delivered == 64 * 5);
    gate.open();
    drop(publisher);
    let report = running.shutdown(Deadline::after(SOON));
    assert!(report.threads_left.is_empty(), "{report}");
}

/// Asks its runtime for something while it is dropped.
struct AsksAtLast(Option<Box<dyn FnOnce() + Send>>);

impl Handler for AsksAtLast {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        Outcome::Done
    }
}

impl Drop for AsksAtLast {
    fn drop(&mut self) {
        if let Some(ask) = self.0.take() {
            ask();
        }
    }
}

#[test]
fn a_handler_that_is_refused_is_dropped_where_no_lock_is_held() {
    let runtime = runtime(config(64, &[("s", slot())]));
    let md = runtime.bus::<Events>("md").unwrap();
    md.attach("s", Count::default()).unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let (again, count) = (md.clone(), Arc::clone(&asked));
    let ask = move || {
        assert_eq!(again.attach("s", Count::default()).map(|_| ()).unwrap_err().code(), "TR-0802");
        count.fetch_add(1, Ordering::Relaxed);
    };
    let refused = md.attach("s", AsksAtLast(Some(Box::new(ask)))).map(|_| ()).unwrap_err();
    assert_eq!((refused.code(), asked.load(Ordering::Relaxed)), ("TR-0802", 1));
}

#[test]
fn a_look_at_dead_letters_that_takes_its_time_holds_no_watchdog() {
    let mut config = config(64, &[("s", SlotConfig { panic: PanicChoice::Skip, ..slot() })]);
    config.buses.get_mut("md").unwrap().dead_letter_age_max_ms = 1;
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    md.attach("s", super::house::Doing::new(|_| Outcome::Dead)).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    publisher.publish(0, &Trade { qty: 1 }).unwrap();
    let letters = md.dead_letters().unwrap();
    let mut looked = false;
    eventually("there is a letter to look at", || {
        letters.for_each(|_| {
            let checks = running.snapshot().checks;
            // More than a second of looks: one of them would purge.
            eventually("the watchdog goes on", || running.snapshot().checks > checks + 700);
            looked = true;
        });
        if !looked {
            let _ = publisher.try_publish(0, &Trade { qty: 1 });
        }
        looked
    });
}

#[test]
fn the_longest_deadline_is_one_too() {
    let runtime = runtime(config(64, &[("s", slot())]));
    runtime.bus::<Events>("md").unwrap().attach("s", Count::default()).unwrap();
    let report = runtime.start().unwrap().shutdown(Deadline::after(Duration::MAX));
    assert!(report.is_clean(), "{report}");
}

#[test]
fn issue_4544_what_is_added_while_it_runs_is_checked_like_a_file() {
    let mut config = config(64, &[]);
    config.threads.insert("slots".into(), tagring::runtime::config::ThreadConfig::default());
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let running = runtime.start().unwrap();
    let refused = |name: &str, config: BusConfig| match running.add_bus::<Events>(name, config).map(|_| ()) {
        Err(RuntimeError::Mistaken(mistakes)) => mistakes.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(refused("huge", bus(1 << 63, &[])).contains("TR-0706"));
    assert!(refused("odd", bus(1000, &[])).contains("TR-0705"));
    assert!(refused("a-name-that-is-longer-than-thirty-one-bytes", bus(64, &[])).contains("31"));
    let letters = BusConfig { dead_letters_max: u64::MAX, ..bus(64, &[]) };
    assert!(refused("letters", letters).contains("dead_letters_max"));
    let turn = SlotConfig { turn_limit_events: 0, ..slot() };
    let slot = md.attach_as("none", turn, Count::default()).map(|_| ()).unwrap_err();
    assert!(slot.to_string().contains("turn_limit_events") && slot.code() == "TR-0706", "{slot}");
    assert_eq!(running.snapshot().buses_used.0, 1);
}

#[test]
fn issue_4547_slots_that_are_added_take_of_the_memory_too() {
    let mut config = config(64, &[]);
    config.threads.insert("slots".into(), tagring::runtime::config::ThreadConfig::default());
    config.runtime.memory_max_bytes = 4 << 20;
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let running = runtime.start().unwrap();
    let before = running.snapshot().memory_bytes.0;
    let scratch = || SlotConfig { scratch_bytes: 1 << 20, ..slot() };
    let first = md.attach_as("s0", scratch(), Count::default()).unwrap();
    assert!(running.snapshot().memory_bytes.0 >= before + (1 << 20));
    let refused = (1..10).find_map(|at| md.attach_as(&format!("s{at}"), scratch(), Count::default()).map(|_| ()).err());
    assert!(matches!(refused, Some(RuntimeError::Memory { .. })), "{refused:?}");
    let full = running.snapshot().memory_bytes.0;
    first.detach(SOON).unwrap();
    drop(first);
    // The service thread may be looking at the slot at this moment.
    eventually("its memory is given back", || running.snapshot().memory_bytes.0 < full);
}

/// Fails in `on_init`, and again when it is dropped.
struct FailsTwice;

impl Handler for FailsTwice {
    fn on_init(&mut self) -> Result<(), tagring::bus::InitError> {
        Err("no licence".into())
    }
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        Outcome::Done
    }
}

impl Drop for FailsTwice {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("as scripted"));
    }
}

#[test]
fn issue_4575_the_first_failure_is_told_and_that_of_the_drop_goes_nowhere() {
    let mut config = config(64, &[("s", slot())]);
    config.threads.insert("slots".into(), tagring::runtime::config::ThreadConfig::default());
    let started = runtime(config.clone());
    started.bus::<Events>("md").unwrap().attach("s", FailsTwice).unwrap();
    let failure = started.start().err().expect("it does not start").to_string();
    assert!(failure.contains("no licence") && failure.contains("TR-0617"), "{failure}");
    config.buses.get_mut("md").unwrap().slots.clear();
    let running = runtime(config);
    let md = running.bus::<Events>("md").unwrap();
    let running = running.start().unwrap();
    let late = md.attach_as("late", slot(), FailsTwice).map(|_| ()).unwrap_err();
    assert_eq!(late.code(), "TR-0617");
    running.remove_bus("md", SOON).unwrap();
    let removed = md.attach_as("later", slot(), Count::default()).map(|_| ()).unwrap_err();
    assert_eq!(removed.code(), "TR-0801", "a bus that is gone takes no slots");
}

#[test]
fn issue_4549_the_account_names_who_sticks_and_not_its_neighbour() {
    let runtime = runtime(config(64, &[("a", slot()), ("b", slot())]));
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let held = gate.clone();
    md.attach(
        "a",
        super::house::Doing::new(move |_| {
            held.wait();
            Outcome::Done
        }),
    )
    .unwrap();
    md.attach("b", Count::default()).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    (0..16).for_each(|qty| assert!(publisher.publish(0, &Trade { qty }).is_ok()));
    eventually("it sticks", || gate.arrivals() == 1);
    let report = running.shutdown(Deadline::after_ms(50));
    let holds: Vec<_> = report.bus("md").unwrap().slots.iter().map(|slot| slot.holds.is_some()).collect();
    assert_eq!(holds, [true, false], "{report}");
}
