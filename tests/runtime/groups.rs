//! Groups of a runtime: supervised members, the service thread that looks after those that stick, and who takes over.

use super::house::{Events, Gate, OpenAtLast, SOON, Trade, bus, config, eventually, runtime, slot};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tagring::bus::{Context, Handler, Outcome, SlotState};
use tagring::event::Event;
use tagring::runtime::config::{SlotConfig, StuckChoice, ThreadConfig};
use tagring::runtime::{Deadline, RuntimeError};

/// Sticks at this quantity.
const STICKS: u64 = u64::MAX;
/// Panics at this one.
const PANICS: u64 = u64::MAX - 1;

#[derive(Clone)]
struct Worker {
    gate: Gate,
    log: Arc<Mutex<Vec<(u32, u64)>>>,
    stuck: Arc<AtomicU64>,
}

impl Worker {
    fn new(gate: &Gate) -> Self {
        Self { gate: gate.clone(), log: Arc::default(), stuck: Arc::default() }
    }
    fn handled(&self) -> usize {
        self.log.lock().unwrap().len()
    }
}

impl Handler for Worker {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let qty = event.get::<Trade>().map_or(0, |trade| trade.qty);
        self.log.lock().unwrap().push((event.key(), qty));
        match qty {
            STICKS => {
                self.stuck.fetch_add(1, Ordering::Relaxed);
                self.gate.wait();
            }
            PANICS => std::panic::resume_unwind(Box::new("as asked")),
            _ => {}
        }
        Outcome::Done
    }
}

fn member() -> SlotConfig {
    SlotConfig { thread: "workers".into(), stuck: StuckChoice::Quarantine, stuck_after_ms: 100, ..slot() }
}

fn of_key(log: &[(u32, u64)], key: u32) -> Vec<u64> {
    log.iter().filter(|(of, _)| *of == key).map(|(_, qty)| *qty).collect()
}

/// A member sticks: the service thread quarantines it and hands its keys on, publishers are not held, and of each key the order stays. One
/// that panics is replaced. Nobody but the runtime looks after any of it.
#[test]
fn issue_4607_a_runtimes_group_goes_on_without_members_that_stick_or_fail() {
    let mut config = config(64, &["risk-0", "risk-1", "risk-2"].map(|name| (name, member())));
    config.threads.insert("workers".into(), ThreadConfig { threads_max: 3, ..ThreadConfig::default() });
    config.threads.insert("spare".into(), ThreadConfig::default());
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let open = OpenAtLast(gate.clone());
    let worker = Worker::new(&gate);
    // The fourth comes to another thread: one of the three will be stuck.
    let later = SlotConfig { thread: "spare".into(), ..member() };
    let mut group = md.attach_group("risk", later, [(); 3].map(|()| worker.clone())).unwrap();
    let mut feed = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    eventually("all take part", || group.stats().members.len() == 3 && group.stats().free == 0);
    let mut sent = 0;
    let mut send = |key: u32, qty: u64| {
        feed.publish_timeout(key, &Trade { qty }, SOON).unwrap();
        sent += 1;
        sent
    };
    for i in 0..30 {
        send(i % 10, u64::from(i));
    }
    let owner = group.owner_of(3).unwrap();
    send(3, STICKS);
    let count = (30..300).map(|i| send(i % 10, u64::from(i))).last().unwrap();
    eventually("others have handled everything", || worker.handled() == count);
    let stuck = running.slot("md", owner.as_str()).unwrap();
    assert_eq!(
        (worker.stuck.load(Ordering::Relaxed), stuck.state(), stuck.is_done()),
        (1, SlotState::Quarantined, false)
    );
    assert_eq!(group.stats().members.len(), 2);
    send(4, PANICS);
    let count = (300..400).map(|i| send(i % 10, u64::from(i))).last().unwrap();
    eventually("the last one has handled everything", || worker.handled() == count);
    assert_eq!(group.stats().members.len(), 1);
    group.add(worker.clone()).unwrap();
    let count = (400..500).map(|i| send(i % 10, u64::from(i))).last().unwrap();
    eventually("two share it again", || worker.handled() == count && group.stats().free == 0);
    let held: Vec<u32> = group.stats().members.iter().map(|member| member.held + member.late).collect();
    assert_eq!(held, [128, 128]);
    drop(open);
    eventually("the stuck handler has returned", || stuck.is_done());
    drop(feed);
    let report = running.shutdown(Deadline::after_ms(5_000));
    assert!(report.took < report.allowed && report.threads_left.is_empty(), "{report}");
    let log = worker.log.lock().unwrap();
    assert_eq!(log.len(), count);
    for key in 0..10 {
        let sorted: Vec<u64> = (0..50).map(|i| u64::from(key) + 10 * i).collect();
        let seen: Vec<u64> = of_key(&log, key).into_iter().filter(|qty| *qty < PANICS).collect();
        assert_eq!(seen, sorted, "key {key}");
    }
    let totals = group.stats().totals();
    assert_eq!(totals.handled + totals.caught_up + totals.late_dead, count as u64);
}

#[test]
fn issue_4607_the_only_member_sticks_and_its_ring_is_not_held() {
    let mut config = config(16, &[]);
    config.threads.insert("workers".into(), ThreadConfig::default());
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let group = md.attach_group("risk", member(), [Worker::new(&gate)]).unwrap();
    let mut feed = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    for key in 0..100 {
        feed.publish_timeout(key, &Trade { qty: STICKS }, SOON).unwrap();
    }
    eventually("nobody is left", || group.stats().guard.is_none());
    let stats = group.stats();
    assert!(stats.abandoned > 0 && stats.members.is_empty() && stats.free == stats.partitions, "{stats:?}");
    drop((feed, running));
}

#[test]
fn a_group_with_wrong_members_is_refused() {
    let runtime = runtime(config(16, &[]));
    let mut with_arena = bus(16, &[]);
    with_arena.arena_bytes = 64;
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let impossible = SlotConfig { turn_limit_events: 0, ..slot() };
    let refused = md.attach_group("risk", impossible, [Worker::new(&gate)]).err().unwrap();
    assert!(matches!(refused, RuntimeError::Mistaken(_)), "{refused}");
    let running = runtime.start().unwrap();
    let other = running.add_bus::<Events>("bytes", with_arena).unwrap();
    let refused = other.attach_group("risk", slot(), [Worker::new(&gate)]).err().unwrap();
    assert_eq!(refused.code(), "TR-0954");
}
