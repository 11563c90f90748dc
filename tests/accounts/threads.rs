//! Accounts while real threads run: every snapshot adds up, whoever takes it and however often.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tagring::runtime::config::{
    BusConfig, Config, FeedConfig, MeasureChoice, OverflowChoice, PanicChoice, PublisherConfig, SlotConfig,
};
use tagring::runtime::{Accounts, Deadline, FeedEnd, Running, Runtime, SlotAccount};
use tagring::testkit::{Fault, Faulty, Recorder};

use crate::market::{Events, Quote, Trade};

const SOON: Duration = Duration::from_secs(60);
const EVENTS: u64 = if cfg!(debug_assertions) { 60_000 } else { 2_000_000 };
/// Threads that take snapshots all the time.
const LOOKERS: usize = 2;

fn config() -> Config {
    let slot = |tags: &[&str], after: &[&str]| SlotConfig {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        after: after.iter().map(|slot| (*slot).to_owned()).collect(),
        panic: PanicChoice::Skip,
        measure: MeasureChoice::Off,
        turn_limit_events: 7,
        ..SlotConfig::default()
    };
    let mut md = BusConfig { capacity_cells: 64, dead_letters_max: 16, ..BusConfig::default() };
    md.slots.insert("all".into(), slot(&[], &[]));
    md.slots.insert("fails".into(), slot(&[], &[]));
    md.slots.insert("trades".into(), slot(&["Trade"], &["all"]));
    let sheds = PublisherConfig { overflow: OverflowChoice::Shed, ..PublisherConfig::default() };
    md.publishers.insert("tape".into(), sheds);
    let mut config = Config { buses: [("md".into(), md)].into(), ..Config::default() };
    config.feeds.insert("tape".into(), FeedConfig::default());
    config.runtime.signals = false;
    config
}

fn start(shed: &Arc<AtomicU64>) -> Running {
    let runtime = Runtime::new(config()).unwrap();
    let bus = runtime.bus::<Events>("md").unwrap();
    let faults = (0..20).fold(Faulty::new(Recorder::new(0).0), |faulty, at| {
        faulty.at(at * 1_000, if at % 2 == 0 { Fault::Panic } else { Fault::Dead })
    });
    let _ = bus.attach("fails", faults).unwrap();
    let _ = (bus.attach("all", Recorder::new(0).0).unwrap(), bus.attach("trades", Recorder::new(0).0).unwrap());
    let (mut tape, shed) = (bus.publisher("tape").unwrap(), Arc::clone(shed));
    let publish = move |feed: &tagring::runtime::Feed| {
        for at in (0..EVENTS).take_while(|_| !feed.is_stopping()) {
            match at % 3 {
                0 => tape.send(0, &Quote { bid: 1 })?,
                _ => tape.send(0, &Trade { qty: at })?,
            };
            // In turn a flood, of which most is shed, and a trickle behind which slots have caught up: a look must not find them ahead.
            if at % 512 == 0 || at / 4_096 % 2 == 0 {
                std::thread::yield_now();
            }
        }
        shed.store(tape.shed(), Ordering::Relaxed);
        Ok(())
    };
    runtime.feed("tape", publish).unwrap();
    runtime.start().unwrap()
}

/// What only grows.
fn grows(slot: &SlotAccount) -> [u64; 5] {
    let SlotAccount { published, delivered, filtered, dead, holes, .. } = *slot;
    [published, delivered, filtered, dead, holes]
}

/// Takes snapshots until the end; returns how many. All that does not add up is written down.
fn look(running: &Running, ends: &AtomicBool, wrong: &Mutex<Vec<String>>) -> u64 {
    let (mut looks, mut before) = (0, Accounts::default());
    while !ends.load(Ordering::Relaxed) {
        let accounts = Accounts::of(&running.snapshot());
        if let Err(imbalances) = accounts.check() {
            wrong.lock().unwrap().push(imbalances.to_string());
        }
        for (now, then) in
            accounts.buses.iter().zip(&before.buses).flat_map(|(now, then)| now.slots.iter().zip(&then.slots))
        {
            if grows(now).iter().zip(grows(then)).any(|(now, then)| *now < then) {
                wrong.lock().unwrap().push(format!("{now:?} after {then:?}"));
            }
        }
        (looks, before) = (looks + 1, accounts);
        std::thread::yield_now();
    }
    looks
}

#[test]
fn issue_4565_snapshots_taken_by_others_all_the_time_add_up() {
    let shed = Arc::<AtomicU64>::default();
    let running = start(&shed);
    let (ends, wrong) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let is_over = || {
        let snapshot = running.snapshot();
        let accounts = Accounts::of(&snapshot);
        let at_rest = accounts.bus("md").unwrap().slots.iter().all(|slot| slot.in_flight == 0);
        snapshot.feeds.iter().all(|feed| feed.end != FeedEnd::StillRuns) && at_rest
    };
    let looks: u64 = std::thread::scope(|scope| {
        let lookers: Vec<_> = (0..LOOKERS).map(|_| scope.spawn(|| look(&running, &ends, &wrong))).collect();
        let since = Instant::now();
        while !is_over() && since.elapsed() < SOON {
            std::thread::yield_now();
        }
        ends.store(true, Ordering::Relaxed);
        lookers.into_iter().map(|looker| looker.join().unwrap()).sum()
    });
    assert!(is_over(), "{}", running.snapshot());
    assert_eq!(*wrong.lock().unwrap(), [] as [String; 0]);
    assert!(looks > 100, "{looks}");
    let accounts = Accounts::of(&running.snapshot());
    accounts.check_at_rest().unwrap();
    let md = accounts.bus("md").unwrap();
    assert_eq!(md.published + shed.load(Ordering::Relaxed), EVENTS, "{accounts}");
    for slot in &md.slots {
        assert_eq!(slot.delivered + slot.filtered + slot.dead, md.published, "{accounts}");
    }
    assert!(accounts.slot("md", "fails").unwrap().dead > 0 && accounts.slot("md", "trades").unwrap().filtered > 0);
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}
