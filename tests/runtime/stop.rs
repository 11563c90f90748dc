//! Stopping: drained in order, within the deadline, whatever handlers and feeds do; and the account of it.

use super::house::{
    Count, Doing, Events, Gate, OpenAtLast, Quote, SOON, Trade, bus, config, eventually, runtime, slot,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tagring::bus::{Outcome, SharedPublisher};
use tagring::event::Event;
use tagring::runtime::config::{FeedConfig, OverflowChoice, PublisherConfig, SlotConfig};
use tagring::runtime::{Deadline, FeedEnd, RuntimeError, Stage, StopReason, Waited};

/// Passes on what it gets, and lets go of its publisher when it stops.
struct Pass(Option<SharedPublisher<Events>>);

impl tagring::bus::Handler for Pass {
    fn on_event(&mut self, event: &Event, _: &mut tagring::bus::Context) -> Outcome {
        let (Some(trade), Some(next)) = (event.get::<Trade>(), &mut self.0) else { return Outcome::Dead };
        if next.send(event.key(), trade).is_ok() { Outcome::Done } else { Outcome::Dead }
    }
    fn on_stop(&mut self, _: &mut tagring::bus::Context) {
        self.0 = None;
    }
    fn on_failed(&mut self, _: &mut tagring::bus::Context) {
        self.0 = None;
    }
}

fn feeds(config: &mut tagring::runtime::config::Config, names: &[&str]) {
    for name in names {
        config.feeds.insert((*name).into(), FeedConfig { spins: false, ..FeedConfig::default() });
    }
}

#[test]
fn issue_4549_a_pipeline_is_drained_from_its_source_on() {
    let mut config = config(64, &[("pass", slot())]);
    let mut derived = bus(8, &[("count", SlotConfig { thread: "other".into(), ..slot() })]);
    derived
        .publishers
        .insert("pass".into(), PublisherConfig { slot: "md.pass".into(), clones: true, ..PublisherConfig::default() });
    // Before `md` by name, after it by what publishes to it.
    config.buses.insert("derived".into(), derived);
    feeds(&mut config, &["itch"]);
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let derived = runtime.bus::<Events>("derived").unwrap();
    md.attach("pass", Pass(Some(derived.shared_publisher("pass").unwrap()))).unwrap();
    let count = derived.attach("count", Count::default()).unwrap();
    let mut itch = md.publisher("itch").unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&sent);
    runtime
        .feed("itch", move |feed| {
            while !feed.is_stopping() {
                itch.send(0, &Trade { qty: 1 })?;
                seen.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        })
        .unwrap();
    let running = runtime.start().unwrap();
    eventually("events flow", || sent.load(Ordering::Relaxed) > 1_000);
    let report = running.shutdown(Deadline::after(SOON));
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.buses.iter().map(|bus| bus.bus.to_string()).collect::<Vec<_>>(), ["md", "derived"]);
    let sent = sent.load(Ordering::Relaxed);
    assert_eq!((report.bus("md").unwrap().published, report.bus("derived").unwrap().published), (sent, sent));
    assert_eq!(count.join(Duration::ZERO).unwrap().sum, sent, "nothing is lost on the way");
    let stages: Vec<_> = report.stages.iter().map(|(stage, _)| *stage).collect();
    assert_eq!(stages, [Stage::StoppingFeeds, Stage::Draining, Stage::StoppingSlots, Stage::Flushing, Stage::Stopped]);
    let text = report.to_string();
    assert!(
        text.contains("slot count: stopped") && text.contains("drained") && text.contains("feed itch: done"),
        "{text}"
    );
}

#[test]
fn issue_4549_a_stuck_handler_cannot_hold_the_shutdown_and_is_named_with_its_event() {
    let mut config = config(8, &[("stuck", slot()), ("well", SlotConfig { thread: "other".into(), ..slot() })]);
    feeds(&mut config, &["itch"]);
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let held = gate.clone();
    let stuck = md
        .attach(
            "stuck",
            Doing::new(move |qty| {
                if qty == 3 {
                    held.wait();
                }
                Outcome::Done
            }),
        )
        .unwrap();
    let well = md.attach("well", Count::default()).unwrap();
    let mut itch = md.publisher("itch").unwrap();
    runtime
        .feed("itch", move |_| {
            for qty in 0.. {
                itch.send(0, &Trade { qty })?;
            }
            Ok(())
        })
        .unwrap();
    let running = runtime.start().unwrap();
    eventually("the handler is held", || gate.arrivals() == 1);
    let report = running.shutdown(Deadline::after_ms(100));
    assert!(!report.is_clean());
    // A feed that waits for room in a full ring is told that the bus is closed, and ends.
    let FeedEnd::Failed(error) = &report.feeds[0].end else { panic!("{report}") };
    assert!(error.contains("closed"), "{error}");
    let slot =
        |name: &str| report.bus("md").unwrap().slots.iter().find(|slot| slot.slot.as_str() == name).unwrap().clone();
    let held = slot("stuck").holds.expect("it is named");
    assert_eq!((held.0, held.1), (3, Some("Trade")), "{report}");
    assert!(slot("well").is_clean() && well.handle().unwrap().is_done(), "{report}");
    assert_eq!(report.threads_left, ["slots".into()]);
    let text = report.to_string();
    assert!(
        text.contains("has not returned from Trade at sequence 3") && text.contains("thread slots has not ended"),
        "{text}"
    );
    gate.open();
    eventually("it ends once its handler returns", || stuck.handle().unwrap().is_done());
}

#[test]
fn issue_4549_what_is_created_during_a_shutdown_is_refused() {
    let runtime = runtime(config(64, &[("s", slot())]));
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let held = gate.clone();
    md.attach(
        "s",
        Doing::new(move |_| {
            held.wait();
            Outcome::Done
        }),
    )
    .unwrap();
    let mut publisher = md.publisher("p").unwrap();
    publisher.publish(0, &Trade { qty: 1 }).unwrap();
    let running = runtime.start().unwrap();
    publisher.publish(0, &Trade { qty: 1 }).unwrap();
    eventually("the handler is held", || gate.arrivals() == 1);
    let late = md.clone();
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| running.shutdown(Deadline::after(SOON)));
        eventually("it is refused", || {
            let attached = late.attach_as("late", slot(), Count::default()).map(|slot| drop(slot.detach(SOON)));
            matches!(attached, Err(RuntimeError::ShuttingDown { .. }))
        });
        eventually("publishers get `Closed`", || {
            publisher.try_publish(0, &Quote { bid: 1, ask: 2 }).is_err_and(|e| e.is_closed())
        });
        assert_eq!(late.publisher("q").map(|_| ()).unwrap_err().code(), "TR-0806");
        gate.open();
        let report = ending.join().unwrap();
        assert!(report.is_clean(), "{report}");
    });
    assert_eq!(late.attach_as("late", slot(), Count::default()).map(|_| ()).unwrap_err().code(), "TR-0806");
}

#[test]
fn issue_4549_creating_and_stopping_race_without_a_loss_of_account() {
    for round in 0..20 {
        let mut config = config(64, &[]);
        config.threads.insert("slots".into(), Default::default());
        config.runtime.buses_max = 1000;
        let runtime = runtime(config);
        runtime.bus::<Events>("md").unwrap();
        let running = Arc::new(runtime.start().unwrap());
        let created = Arc::new(AtomicU64::new(0));
        let makers: Vec<_> = (0..2)
            .map(|maker| {
                let (running, created) = (Arc::downgrade(&running), Arc::clone(&created));
                std::thread::spawn(move || {
                    for at in 0.. {
                        let Some(running) = running.upgrade() else { return };
                        let Ok(extra) = running.add_bus::<Events>(&format!("{maker}-{at}"), bus(2, &[("s", slot())]))
                        else {
                            return;
                        };
                        drop(running);
                        match extra.attach("s", Count::default()) {
                            Ok(_) => drop(created.fetch_add(1, Ordering::Relaxed)),
                            Err(error) => return assert_eq!(error.code(), "TR-0806", "{error}"),
                        }
                    }
                })
            })
            .collect();
        eventually("some were created", || created.load(Ordering::Relaxed) > round);
        let mut running = running;
        let running = loop {
            match Arc::try_unwrap(running) {
                Ok(running) => break running,
                Err(shared) => running = shared,
            }
        };
        let report = running.shutdown(Deadline::after(SOON));
        makers.into_iter().for_each(|maker| maker.join().unwrap());
        assert!(report.is_clean(), "{report}");
        let slots = report.buses.iter().map(|bus| bus.slots.len() as u64).sum::<u64>();
        assert!(slots >= created.load(Ordering::Relaxed) && slots <= created.load(Ordering::Relaxed) + 2, "{report}");
    }
}

#[test]
fn feeds_are_told_to_stop_and_their_ends_are_kept() {
    let mut config = config(64, &[]);
    feeds(&mut config, &["done", "fails", "panics", "patient"]);
    let runtime = runtime(config);
    runtime.bus::<Events>("md").unwrap();
    runtime.feed("done", |_| Ok(())).unwrap();
    runtime.feed("fails", |_| Err("no such file".into())).unwrap();
    runtime.feed("panics", |_| panic!("no such line")).unwrap();
    runtime
        .feed("patient", |feed| {
            eventually("told to stop", || feed.is_stopping());
            Ok(())
        })
        .unwrap();
    assert_eq!(runtime.feed("done", |_| Ok(())).unwrap_err().code(), "TR-0802");
    let stop = runtime.stop_handle();
    let running = runtime.start().unwrap();
    assert_eq!(running.wait(Some(Duration::from_millis(1))), Waited::TimedOut);
    stop.stop();
    assert_eq!(running.wait(None), Waited::ToStop(StopReason::Asked));
    eventually("feeds have ended", || running.snapshot().feeds.iter().all(|feed| feed.end != FeedEnd::StillRuns));
    let report = running.shutdown(Deadline::after(SOON));
    let ends: Vec<_> = report.feeds.iter().map(|feed| feed.end.clone()).collect();
    let failed = FeedEnd::Failed("no such file".into());
    assert_eq!(ends, [FeedEnd::Done, failed, FeedEnd::Panicked("no such line".into()), FeedEnd::Done]);
    assert!(report.reason == Some(StopReason::Asked) && !report.is_clean());
}

#[test]
fn a_feed_that_does_not_return_is_named_and_left_behind() {
    let mut config = config(64, &[]);
    feeds(&mut config, &["deaf"]);
    let runtime = runtime(config);
    runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let held = gate.clone();
    runtime
        .feed("deaf", move |_| {
            held.wait();
            Ok(())
        })
        .unwrap();
    let running = runtime.start().unwrap();
    let report = running.shutdown(Deadline::after_ms(30));
    assert_eq!(report.feeds[0].end, FeedEnd::StillRuns);
    assert!(report.to_string().contains("feed deaf: has not returned"), "{report}");
}

#[test]
fn dropping_a_runtime_shuts_it_down_as_configured() {
    let mut config = config(64, &[("s", slot())]);
    config.runtime.shutdown_timeout_ms = 20_000;
    let publisher = PublisherConfig { overflow: OverflowChoice::Fail, ..PublisherConfig::default() };
    config.buses.get_mut("md").unwrap().publishers.insert("p".into(), publisher);
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let count = md.attach("s", Count::default()).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    publisher.send(0, &Trade { qty: 7 }).unwrap();
    drop(running);
    assert_eq!(count.join(Duration::ZERO).unwrap().sum, 7);
    assert!(publisher.send(0, &Trade { qty: 7 }).unwrap_err().is_closed());
}
