//! Groups under simulation: members that panic, refuse, stick, are quarantined by the watchdog or by chance and are detached, on threads that are
//! preempted anywhere between events; whatever happens, no event is handled twice or out of its key's order, and none is lost but those that
//! a slot counts as dead.

use crate::house::{bus, on};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagring::bus::{Context, Handler, Member, Outcome, SlotView};
use tagring::event::Event;
use tagring::runtime::Attachment;
use tagring::runtime::config::{Config, FeedConfig, PanicChoice, SlotConfig, StuckChoice, ThreadConfig};
use tagring::testkit::{Faults, Rates, Sim, Simulated, seeds};

tagring::events! {
    /// Events of these tests.
    pub mod keyed;
    /// The key's `number`-th.
    pub struct Step = 1, v1 { pub number: u64 }
}
use keyed::{Events, Step};

const SEEDS: u64 = if cfg!(debug_assertions) { 60 } else { 2_000 };
const KEYS: u32 = 13;
const EVENTS: u64 = 400;

type Log = Arc<Mutex<Vec<(u32, u64)>>>;

struct Worker(Log);

impl Handler for Worker {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let Some(step) = event.get::<Step>() else { return Outcome::Dead };
        self.0.lock().unwrap().push((event.key(), step.number));
        Outcome::Done
    }
}

fn some_config(seed: u64) -> Config {
    let mut config = Config::default();
    config.runtime.check_every_ms = 2;
    config.buses.insert("md".into(), bus(4 << (seed % 5), &[]));
    config.threads = ["a", "b"].map(|name| (name.to_owned(), ThreadConfig::default())).into();
    config.feeds.insert("tape".into(), FeedConfig::default());
    config
}

fn some_member(seed: u64) -> SlotConfig {
    let panic = [PanicChoice::Skip, PanicChoice::Restart, PanicChoice::Quarantine][(seed % 3) as usize];
    let thread = if seed.is_multiple_of(2) { "a" } else { "b" };
    SlotConfig {
        panic,
        restarts_max: 1,
        restart_pause_ms: 1,
        restart_pause_max_ms: 2,
        stuck: StuckChoice::Quarantine,
        stuck_after_ms: 10,
        turn_limit_events: 1 + (seed % 9) as u32,
        ..on(thread)
    }
}

fn run(seed: u64) {
    let rates = Rates { panics: 8_000, sticks: 3_000, stops: 0, detaches: 300, quarantines: 300, ..Rates::some() };
    let mut sim = Sim::with(some_config(seed), seed, Faults::none().random(rates));
    let md = sim.bus::<Events>("md");
    let group = md.bus().group("work").partitions(16).keep_while_empty(true).build().unwrap();
    md.look_after(&group);
    let log = Log::default();
    let attached = RefCell::new(Vec::<Attachment<Simulated<Member<Events, Worker>>>>::new());
    let add = |number: u64| {
        let member = group.member(Worker(Arc::clone(&log))).unwrap();
        // It may be refused: its thread sticks in another slot.
        if let Ok(slot) = md.attach_as(&format!("work-{number}"), some_member(seed + number), member) {
            attached.borrow_mut().push(slot);
        }
    };
    (0..3).for_each(&add);
    let mut tape = md.publisher("tape").unwrap();
    let kept = Arc::new(Mutex::new(None));
    let keeps = Arc::clone(&kept);
    sim.feed("tape", move |feed| {
        let mut numbers = [0; KEYS as usize];
        for at in (0..EVENTS).take_while(|_| !feed.is_stopping()) {
            let key = (at * at + at / 7) as u32 % KEYS;
            tape.send(key, &Step { number: numbers[key as usize] })?;
            numbers[key as usize] += 1;
        }
        // Open until all is handled: a bus that closes takes its slots along.
        *keeps.lock().unwrap() = Some(tape);
        Ok(())
    });
    if sim.try_start().is_err() {
        return;
    }
    let settled = |sim: &Sim| {
        let stats = group.stats();
        let late = stats.members.iter().any(|member| member.late > 0);
        sim.aborted().is_some()
            || (sim.feeds_ended() && stats.guard == Some(md.bus().published()) && !late && stats.free == 0)
    };
    let mut number = 3;
    for round in 0..400 {
        if sim.run_until(Duration::from_millis(10), &settled) {
            break;
        }
        let alive = md_views(&attached.borrow()).iter().filter(|slot| !slot.state().is_final()).count();
        if alive < 2 || (round < 4 && number < 6) {
            add(number);
            number += 1;
        }
        if round == 200 {
            sim.end_chance();
        }
    }
    assert!(settled(&sim), "does not come to rest: {:?}", group.stats());
    sim.end_chance();
    sim.run_for(Duration::from_millis(60));
    judge(&log.lock().unwrap(), &md_views(&attached.borrow()));
    drop(kept.lock().unwrap().take());
    let _ = sim.try_shutdown();
}

fn md_views(attached: &[Attachment<Simulated<Member<Events, Worker>>>]) -> Vec<SlotView> {
    attached.iter().filter_map(|slot| slot.handle().ok().map(|slot| slot.view().clone())).collect()
}

fn judge(log: &[(u32, u64)], slots: &[SlotView]) {
    let mut last = BTreeMap::new();
    for &(key, number) in log {
        let before = last.insert(key, number);
        assert!(before.is_none_or(|before| before < number), "key {key}: {number} after {before:?}");
    }
    let dead: u64 = slots.iter().map(|slot| slot.stats().dead).sum();
    let missing = EVENTS - log.len() as u64;
    assert!(missing <= dead, "{missing} were never handled, {dead} died");
}

#[test]
fn issue_4607_whatever_becomes_of_members_each_event_is_handled_once_in_its_keys_order() {
    seeds(SEEDS, run);
}
