//! Failures one by one, to the exact count and within exact bounds of simulated time.

use crate::house::{Events, Relay, bus, config, on, tape};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagring::bus::SlotState;
use tagring::runtime::config::{PanicChoice, PublisherConfig, SlotConfig, StuckChoice};
use tagring::runtime::watchdog::Health;
use tagring::runtime::{Deadline, FeedEnd, Notice};
use tagring::testkit::{Faults, Recorder, Sim};

const SOON: Duration = Duration::from_secs(20);
const SEEDS: u64 = 20;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn issue_4554_a_slot_restarts_as_often_as_allowed_then_fails_and_its_neighbours_see_everything() {
    for seed in 0..SEEDS {
        let fragile = SlotConfig {
            panic: PanicChoice::Restart,
            restarts_max: 3,
            restart_window_ms: 60_000,
            restart_pause_ms: 10,
            restart_pause_max_ms: 5_000,
            ..on("a")
        };
        let faults = (2..6).fold(Faults::none(), |faults, nth| faults.panic_at("md.fragile", nth));
        let mut sim =
            Sim::with(config(4, &[("fragile", fragile), ("other", on("b")), ("third", on("a"))]), seed, faults);
        let md = sim.bus::<Events>("md");
        let (fragile, fragile_saw) = Recorder::new(0);
        let _fragile = md.attach("fragile", fragile);
        let (others, records): (Vec<_>, Vec<_>) = (0..2).map(|_| Recorder::new(0)).unzip();
        let _kept: Vec<_> = ["other", "third"].iter().zip(others).map(|(name, slot)| md.attach(name, slot)).collect();
        tape(&sim, 100);
        sim.start();
        let view = md.view("fragile").unwrap();
        assert!(sim.run_until(SOON, |_| view.state() == SlotState::Failed), "seed {seed}");
        // Three pauses, each up to its bound, and what happens between them.
        assert!(sim.now() < ms(10 + 20 + 40 + 5), "seed {seed}: {:?}", sim.now());
        let stats = view.stats();
        assert_eq!((stats.restarts, stats.panics, stats.dead, stats.delivered), (3, 4, 4, 2), "seed {seed}");
        assert!(stats.last_panic.unwrap().contains("at event 5"));
        assert_eq!((fragile_saw.restarts(), fragile_saw.stops()), (3, 0));
        assert!(sim.run_until(ms(10), Sim::feeds_ended), "nobody waits for it any more");
        let report = sim.shutdown();
        assert!(records.iter().all(|records| records.seen() == 100) && !report.is_clean(), "seed {seed}: {report}");
        assert_eq!(md.dead_letters().unwrap().stats().panicked, 4);
    }
}

/// Changes of health, and when they were noticed.
type Healths = Arc<Mutex<Vec<(Duration, Health)>>>;

/// A slot that sticks in its sixth event for a second, another one on a thread of its own, and one behind the first.
fn stuck(seed: u64, stuck: StuckChoice) -> (Sim, Healths) {
    let sticks = SlotConfig { stuck_after_ms: 30, stuck, ..on("a") };
    let behind = SlotConfig { after: vec!["sticks".into()], stuck_after_ms: 30, ..on("c") };
    let config = config(8, &[("sticks", sticks), ("other", on("b")), ("behind", behind)]);
    let mut sim = Sim::with(config, seed, Faults::none().stick_at("md.sticks", 5, ms(1_000)));
    let seen = Healths::default();
    let (notes, clock) = (Arc::clone(&seen), sim.runtime().clock().clone());
    let start = clock.now();
    sim.on_notice(move |notice| {
        if let Notice::SlotHealth { slot, change, .. } = notice
            && change.to != Health::Over
        {
            assert_eq!(slot.as_str(), "sticks", "{notice}");
            notes.lock().unwrap().push((Duration::from_nanos(clock.now().since(start)), change.to));
        }
    });
    let md = sim.bus::<Events>("md");
    for name in ["sticks", "other", "behind"] {
        let _ = md.attach(name, Relay::new(None).0);
    }
    tape(&sim, 100);
    sim.start();
    (sim, seen)
}

#[test]
fn issue_4574_a_stuck_handler_is_noticed_in_time_and_only_reported_where_the_policy_says_so() {
    for seed in 0..SEEDS {
        let (mut sim, seen) = stuck(seed, StuckChoice::Report);
        assert!(!sim.run_until(ms(900), Sim::feeds_ended), "the ring is full behind it");
        assert_eq!(sim.bus::<Events>("md").bus().published(), 5 + 8, "it holds the sequence it is at");
        // Not before it is due, and at most two looks, of 10 ms, after that.
        let (at, health) = seen.lock().unwrap()[0];
        assert!(health == Health::Stuck && at >= ms(30) && at < ms(30 + 2 * 10 + 5), "seed {seed}: {at:?}");
        assert!(sim.run_until(ms(200), Sim::feeds_ended), "it went on");
        // No other slot is said to be stuck: one waits for its events, one for this one.
        assert!(seen.lock().unwrap().iter().skip(1).all(|(_, health)| *health == Health::Well), "seed {seed}");
        assert_eq!(sim.running().snapshot().hook_panics, 0);
        assert!(sim.shutdown().is_clean(), "seed {seed}");
    }
}

#[test]
fn issue_4542_a_stuck_slot_that_is_quarantined_holds_nobody_and_leaves_when_its_handler_returns() {
    for seed in 0..SEEDS {
        let (mut sim, _) = stuck(seed, StuckChoice::Quarantine);
        assert!(sim.run_until(ms(100), Sim::feeds_ended), "seed {seed}: nobody waits for it");
        let (view, other, behind) = {
            let md = sim.bus::<Events>("md");
            (md.view("sticks").unwrap(), md.view("other").unwrap(), md.view("behind").unwrap())
        };
        let published = sim.bus::<Events>("md").bus().published();
        assert!(sim.run_until(ms(10), |_| [&other, &behind].iter().all(|slot| slot.stats().position == published)));
        let stats = other.stats();
        assert_eq!((stats.delivered, stats.position, stats.holes), (100, published, published - 100), "seed {seed}");
        assert!(!view.is_done() && view.state() == SlotState::Quarantined, "its handler still sticks");
        assert_eq!(view.handling().map(|(sequence, _)| sequence), Some(5));
        assert!(sim.run_until(ms(1_000), |_| view.is_done()), "it returned");
        let report = sim.shutdown();
        assert!(report.threads_left.is_empty() && report.took < ms(100), "{report}");
    }
}

#[test]
fn issue_4549_a_stuck_handler_cannot_hold_the_shutdown_and_is_named_with_its_event() {
    for seed in 0..SEEDS {
        let (mut sim, _) = stuck(seed, StuckChoice::Report);
        sim.run_for(ms(50));
        let report = sim.shutdown_within(Deadline::after_ms(300));
        assert!(report.took >= ms(300) && report.took < ms(505), "seed {seed}: {report}");
        let slot = &report.bus("md").unwrap().slots.iter().find(|slot| slot.slot.as_str() == "sticks").unwrap();
        assert_eq!(slot.holds.map(|(sequence, event, _)| (sequence, event)), Some((5, Some("Trade"))), "{report}");
        assert_eq!(report.threads_left.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["a"], "{report}");
        assert!(
            matches!(&report.feeds[0].end, FeedEnd::Failed(why) if why.contains("TR-0414")),
            "it waited for room: {report}"
        );
    }
}

#[test]
fn issue_4574_a_clock_that_jumps_and_a_process_that_stops_are_no_stuck_handlers() {
    let watched = SlotConfig { stuck_after_ms: 30, lag_max_events: 0, stuck: StuckChoice::Abort, ..on("a") };
    // The service thread gets no core for ten seconds; the clock jumps by an hour, on and back.
    let faults = Faults::none()
        .stall("tagring service", 2, Duration::from_secs(10))
        .jump_clock(ms(3), 3_600_000_000_000)
        .jump_clock(ms(5), -7_200_000_000_000);
    let mut sim = Sim::with(config(4, &[("watched", watched)]), 5, faults);
    let _ = sim.bus::<Events>("md").attach("watched", Relay::new(None).0);
    tape(&sim, 2_000);
    sim.start();
    assert!(sim.run_until(SOON, Sim::feeds_ended));
    sim.run_for(Duration::from_secs(11));
    assert_eq!(sim.aborted(), None);
    assert!(sim.shutdown().is_clean());
}

#[test]
fn issue_4538_dead_letters_go_when_they_are_too_old_and_not_before() {
    let mut config = config(16, &[("picky", on("a"))]);
    config.buses.get_mut("md").unwrap().dead_letter_age_max_ms = 50;
    let mut sim = Sim::with(config, 1, Faults::none().dead_at("md.picky", 1).dead_at("md.picky", 3));
    let md = sim.bus::<Events>("md");
    let _ = md.attach("picky", Relay::new(None).0);
    tape(&sim, 10);
    sim.start();
    assert!(sim.run_until(ms(5), |_| md.view("picky").unwrap().stats().position == 10));
    let letters = md.dead_letters().unwrap();
    assert_eq!(letters.peek(9).iter().map(|letter| letter.sequence).collect::<Vec<_>>(), [1, 3]);
    let since = sim.now();
    sim.run_for(ms(40));
    assert_eq!((letters.len(), sim.now() < since + ms(45)), (2, true), "they are not that old");
    sim.run_for(ms(25));
    assert_eq!((letters.len(), letters.stats().purged), (0, 2), "one look after they are");
    assert!(sim.shutdown().is_clean());
}

#[test]
fn issue_4596_a_handler_that_waits_for_room_in_another_bus_waits() {
    let mut waited = 0;
    for seed in 0..SEEDS {
        let mut config = config(4, &[("relay", on("a"))]);
        let mut out = bus(2, &[("sink", SlotConfig { turn_limit_events: 1, ..on("b") })]);
        out.publishers
            .insert("relay".into(), PublisherConfig { slot: "md.relay".into(), ..PublisherConfig::default() });
        config.buses.insert("out".into(), out);
        let mut sim = Sim::with(config, seed, Faults::none().stick_at("out.sink", 3, ms(7)));
        let (md, out) = (sim.bus::<Events>("md"), sim.bus::<Events>("out"));
        let (relay, relayed) = Relay::new(Some(out.publisher("relay").unwrap()));
        let _ = (md.attach("relay", relay), out.attach("sink", Relay::new(None).0));
        tape(&sim, 50);
        sim.start();
        sim.run_for(ms(1));
        waited += out.bus().waits();
        assert!(relayed.sent.load(Ordering::Relaxed) <= 5, "seed {seed}: the sink sticks at its fourth");
        assert!(sim.run_until(ms(20), Sim::feeds_ended));
        let report = sim.shutdown();
        assert!(report.is_clean() && relayed.sent.load(Ordering::Relaxed) == 50, "seed {seed}: {report}");
        assert_eq!(report.bus("out").unwrap().slots[0].delivered, 50);
    }
    assert!(waited >= SEEDS, "each waited");
}

#[test]
fn issue_4543_a_feed_that_panics_ends_alone_and_is_reported() {
    let mut sim = Sim::with(config(16, &[("all", on("a"))]), 3, Faults::none().panic_feed("tape", 7));
    let _ = sim.bus::<Events>("md").attach("all", Relay::new(None).0);
    tape(&sim, 1_000);
    sim.start();
    assert!(sim.run_until(SOON, Sim::feeds_ended));
    let report = sim.shutdown();
    assert_eq!(report.feeds[0].end, FeedEnd::Panicked("as scripted, at sleep 7 of feed tape".into()));
    assert_eq!(report.bus("md").unwrap().slots[0].left, 0, "{report}");
}
