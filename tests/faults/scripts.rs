//! Scripts: which pass is meant, what is refused, what a seed gives, and that a script is its thread's alone.

use crate::house::{Trade, bus, until};
use std::time::Duration;
use tagring::bus::{Bus, SlotThread};
use tagring::faults::{Fault, FaultKind, points};
use tagring::testkit::{FaultScript, FaultScriptError, Recorder};

/// Which of ten events are refused.
fn refused() -> Vec<u64> {
    let (_bus, mut publisher) = bus(64);
    (0..10).filter(|&qty| publisher.try_publish(0, &Trade { qty }).is_err()).collect()
}

#[test]
fn issue_4593_a_fault_comes_at_the_passes_that_are_named_and_at_no_other() {
    let script = FaultScript::new().at(points::PUBLISH, 2, Fault::Error).at(points::PUBLISH, 5..7, Fault::Error);
    let script =
        script.at(points::PUBLISH.of("md"), 9.., Fault::Error).at(points::PUBLISH.of("other"), 0, Fault::Error);
    let run = script.enter();
    assert_eq!(refused(), [2, 5, 6, 9]);
    let befell: Vec<_> = run.befell().iter().map(|fault| (fault.point.name(), fault.who.clone(), fault.nth)).collect();
    assert_eq!(befell, [2, 5, 6, 9].map(|nth| ("bus.publish", "md".to_owned(), nth)));
    assert_eq!((run.passed(points::PUBLISH), run.passed(points::PUBLISH.of("other")), run.count()), (10, 0, 4));
    assert_eq!(run.unmet(), ["bus.publish of other at pass 0..1: error"], "a line that never came true is told");
}

#[test]
fn issue_4593_passes_of_a_place_are_its_own_and_those_of_a_point_everybodys() {
    let run =
        FaultScript::new().at(points::PUBLISH.of("b"), 1, Fault::Error).at(points::PUBLISH, 5, Fault::Error).enter();
    let mut publishers: Vec<_> = ["a", "b"].map(|name| Bus::builder(name).capacity(64).single().unwrap().1).into();
    let mut refused = Vec::new();
    for qty in 0..4 {
        for (at, publisher) in publishers.iter_mut().enumerate() {
            let publisher: &mut tagring::bus::Publisher<crate::house::Events> = publisher;
            if publisher.try_publish(0, &Trade { qty }).is_err() {
                refused.push((at, qty));
            }
        }
    }
    assert_eq!((refused, run.passed(points::PUBLISH.of("b"))), (vec![(1, 1), (1, 2)], 4));
}

#[test]
fn issue_4593_a_seed_gives_the_same_faults_again_and_to_each_his_own() {
    let with = |seed| {
        let _run = FaultScript::seeded(seed).chance(points::PUBLISH, 300_000, Fault::Error).enter();
        refused()
    };
    assert_eq!(with(1), with(1));
    let all: Vec<_> = (0..20).map(with).collect();
    let count: usize = all.iter().map(Vec::len).sum();
    assert!((30..90).contains(&count), "{count} of 200, 60 are due");
    assert!(all.iter().any(|one| *one != all[0]));
    // What others do meanwhile changes nothing: that is what makes a seed one with real threads.
    let _run = FaultScript::seeded(1).chance(points::PUBLISH, 300_000, Fault::Error).enter();
    let (_other, mut publisher) = Bus::<crate::house::Events>::builder("other").capacity(64).single().unwrap();
    for qty in 0..7 {
        let _ = publisher.try_publish(0, &Trade { qty });
    }
    assert_eq!(refused(), with(1));
}

#[test]
fn issue_4593_a_script_is_its_threads_and_those_that_it_starts() {
    let run = FaultScript::new().at(points::EVENT.of("mine"), 0, Fault::Dead).enter();
    assert_eq!(std::thread::spawn(refused).join().unwrap().len(), 0);
    let elsewhere = std::thread::spawn(|| {
        let run = FaultScript::new().at(points::PUBLISH, 0.., Fault::Error).enter();
        (refused().len(), run.count())
    });
    assert_eq!(elsewhere.join().unwrap(), (10, 10));
    let carried = std::thread::spawn(tagring::faults::carry(refused));
    assert_eq!((carried.join().unwrap().len(), run.passed(points::PUBLISH)), (0, 10), "carried by hand, it is counted");
    // Slot threads have it, as long as they live.
    let thread = SlotThread::builder("slots").start().unwrap();
    let (bus, mut publisher) = bus(8);
    let slot = bus.slot("mine").attach(&thread, Recorder::new(0).0).unwrap();
    publisher.publish(0, &Trade { qty: 1 }).unwrap();
    until("the first event is refused", || slot.stats().dead == 1);
    drop(run);
    assert_eq!(refused().len(), 0);
}

#[test]
fn issue_4593_scripts_nest_and_the_one_before_goes_on() {
    let outer = FaultScript::new().at(points::PUBLISH, 0.., Fault::Error).enter();
    let inner = FaultScript::new().enter();
    assert_eq!(refused().len(), 0);
    drop(inner);
    assert_eq!((refused().len(), outer.count()), (10, 10));
}

#[test]
fn issue_4593_what_means_nothing_is_refused_with_what_would() {
    let torn = FaultScript::new().try_at(points::PUBLISH, 0, Fault::TornWrite { kept: 1 }).unwrap_err();
    assert_eq!(torn, FaultScriptError::Meaningless { point: points::PUBLISH, fault: FaultKind::TornWrite });
    assert_eq!(
        torn.to_string(),
        "fault point bus.publish: torn write means nothing there; it takes delay, error, panic [TR-0980]"
    );
    let never = FaultScript::new().try_at(points::PUBLISH, 5..5, Fault::Error).unwrap_err();
    assert!(never.code() == "TR-0981" && never.to_string().contains("5..5"), "{never}");
    let often = FaultScript::new().try_chance(points::PUBLISH, 1_000_001, Fault::Error).unwrap_err();
    assert!(often.code() == "TR-0982" && often.to_string().contains("1000001 in a million"), "{often}");
}

#[test]
#[should_panic(expected = "means nothing there; it takes clock jump [TR-0980]")]
fn a_script_that_means_nothing_panics_where_it_is_written() {
    let _ = FaultScript::new().at(points::CLOCK_READ, 0, Fault::Delay(Duration::ZERO));
}
