//! Points that the start of a runtime passes: threads that there are none of, slots that do not initialise.

use crate::house::{Events, ms};
use std::time::Instant;
use tagring::bus::{AttachError, SlotThread};
use tagring::faults::{Fault, points};
use tagring::runtime::config::{BusConfig, Config, FeedConfig, SlotConfig};
use tagring::runtime::{Deadline, Runtime, StartFailure};
use tagring::testkit::{FaultScript, Recorder};

#[test]
fn issue_4593_thread_that_does_not_start() {
    let run = FaultScript::new().at(points::THREAD_START.of("slots"), 0, Fault::Error);
    let _run = run.at(points::THREAD_START, 1, Fault::Delay(ms(3))).enter();
    let error = SlotThread::builder("slots").start().err().unwrap();
    assert!(error.code() == "TR-0631" && error.to_string().contains("thread slots: not started"), "{error}");
    let since = Instant::now();
    assert!(SlotThread::builder("slots").start().is_ok() && since.elapsed() >= ms(3));
}

fn config() -> Config {
    let mut md = BusConfig { capacity_cells: 8, ..BusConfig::default() };
    for slot in ["one", "two"] {
        md.slots.insert(slot.into(), SlotConfig::default());
    }
    let mut config = Config { buses: [("md".into(), md)].into(), ..Config::default() };
    config.feeds.insert("tape".into(), FeedConfig::default());
    config.runtime.signals = false;
    config
}

fn start() -> Result<(), StartFailure> {
    let runtime = Runtime::new(config()).unwrap();
    let bus = runtime.bus::<Events>("md").unwrap();
    let _kept: Vec<_> = ["one", "two"].map(|slot| bus.attach(slot, Recorder::new(0).0).unwrap()).into();
    runtime.feed("tape", |_| Ok(())).unwrap();
    let running = runtime.start()?;
    assert!(running.shutdown(Deadline::after_ms(2_000)).threads_left.is_empty());
    Ok(())
}

#[test]
fn issue_4593_thread_of_a_runtime_that_does_not_start_ends_the_start_and_leaves_nothing() {
    // Whichever thread it is: those of slots, the service, `on_init` and the feed, in that order.
    let mut starts = 0;
    for nth in 0.. {
        let run = FaultScript::new().at(points::THREAD_START, nth, Fault::Error).enter();
        let started = start();
        starts += 1;
        if run.count() == 0 {
            assert!(started.is_ok(), "{started:?}");
            break;
        }
        let failure = started.unwrap_err();
        assert_eq!(failure.errors[0].code(), "TR-0631", "{failure}");
        assert!(failure.undone.unwrap().threads_left.is_empty());
    }
    assert!(starts >= 5, "{starts}");
}

#[test]
fn issue_4593_init_that_fails_panics_or_takes_its_time() {
    for (script, words) in [
        (FaultScript::new().at(points::INIT.of("two"), 0, Fault::Error), "refused, as scripted"),
        (FaultScript::new().at(points::INIT.of("two"), 0, Fault::Panic), "as scripted, at slot.init of two"),
    ] {
        let _run = script.enter();
        let failure = start().unwrap_err();
        assert!(failure.errors.len() == 1 && failure.to_string().contains(words), "{failure}");
        assert_eq!(failure.errors[0].code(), "TR-0617");
    }
    let late = FaultScript::new().at(points::INIT, 0.., Fault::Delay(ms(2))).enter();
    assert!(start().is_ok() && late.count() == 2);
    let _run = FaultScript::new().at(points::INIT.of("two"), 0, Fault::Error).enter();
    let (bus, _publisher) = crate::house::bus(8);
    let refused = bus.slot("two").attach_here(Recorder::new(0).0).err();
    assert!(matches!(refused, Some(AttachError::InitFailed { .. })), "{refused:?}");
}
