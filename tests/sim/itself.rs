//! The simulation itself: it says how to repeat a failure, names who hangs, ends what is in the way, and leaves nothing.

use crate::house::{Events, Relay, config, on, tape};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;
use tagring::bus::{Context, Handler, Outcome};
use tagring::event::Event;
use tagring::runtime::config::{PanicChoice, SlotConfig, StuckChoice};
use tagring::testkit::{Faults, Sim, seeds};

/// Set where a test is run as a child: it is to fail there, and only there.
const CHILD: &str = "TAGRING_TEST_CHILD";
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_property_that_holds_for_some_seeds_only() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    seeds(100, |seed| {
        let mut sim = Sim::new(config(4, &[("all", on("a"))]), seed);
        let _ = sim.bus::<Events>("md").attach("all", Relay::new(None).0);
        tape(&sim, 30);
        sim.start();
        assert!(sim.run_until(SOON, Sim::feeds_ended));
        assert!(seed == 0 || !sim.steps().is_multiple_of(5), "{} steps", sim.steps());
    });
}

fn child(variable: &str, value: &str) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["itself::a_property_that_holds_for_some_seeds_only", "--exact", "--nocapture"]);
    child.env_remove("TAGRING_SEED").env_remove("TAGRING_SEEDS").env(CHILD, "1").env(variable, value).output().unwrap()
}

/// The lines on the standard error that repeat a seed.
fn repeats(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| line.starts_with("TAGRING_SEED=")).map(str::to_owned).collect()
}

#[test]
fn issue_4596_a_seed_that_fails_prints_one_line_that_repeats_it() {
    let all = child("TAGRING_SEEDS", "1000");
    assert!(!all.status.success(), "some seed fails");
    let [line] = &repeats(&all)[..] else { panic!("one line: {}", String::from_utf8_lossy(&all.stderr)) };
    let (seed, command) = line.strip_prefix("TAGRING_SEED=").unwrap().split_once(' ').unwrap();
    let release = if cfg!(debug_assertions) { "" } else { " --release" };
    let name = "itself::a_property_that_holds_for_some_seeds_only";
    assert_eq!(command, format!("cargo test{release} -p tagring --test sim {name} -- --exact"));
    let seed: u64 = seed.parse().unwrap();
    let again = child("TAGRING_SEED", &seed.to_string());
    assert!(!again.status.success() && repeats(&again) == [line.clone()]);
    let message = |output: &Output| {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        text.lines().find(|line| line.ends_with(" steps")).map(str::to_owned)
    };
    assert_eq!(message(&again), message(&all), "it fails in the same way");
    assert!(seed > 0 && child("TAGRING_SEEDS", &seed.to_string()).status.success(), "those before it do not fail");
}

#[test]
fn issue_4596_who_hangs_is_named() {
    let mut sim = Sim::with(config(4, &[("all", on("a"))]), 1, Faults::none().stick_at("md.all", 2, Duration::MAX));
    let _ = sim.bus::<Events>("md").attach("all", Relay::new(None).0);
    tape(&sim, 30);
    sim.set_steps_max(5_000);
    sim.start();
    let waits = catch_unwind(AssertUnwindSafe(|| sim.run_until(Duration::MAX, Sim::feeds_ended)));
    let text = *waits.unwrap_err().downcast::<String>().unwrap();
    assert!(text.starts_with("the simulation takes more than 5000 steps, it hangs: at "), "{text}");
    assert!(text.contains("\n  thread a: ran last in step ") && text.contains("\n  thread tape: "), "{text}");
}

#[test]
fn issue_4596_what_would_abort_the_process_ends_the_simulation() {
    let by_panic = SlotConfig { panic: PanicChoice::Abort, ..on("a") };
    let by_stuck = SlotConfig { stuck: StuckChoice::Abort, stuck_after_ms: 30, ..on("a") };
    let faults = [Faults::none().panic_at("md.all", 2), Faults::none().stick_at("md.all", 2, SOON)];
    let words = [
        "slot all: handler panicked, policy is abort: as scripted, at event 2",
        "no progress for 30 ms at sequence 2 (Trade)",
    ];
    for ((slot, faults), words) in [by_panic, by_stuck].into_iter().zip(faults).zip(words) {
        let mut sim = Sim::with(config(4, &[("all", slot)]), 1, faults);
        let _ = sim.bus::<Events>("md").attach("all", Relay::new(None).0);
        tape(&sim, 30);
        sim.start();
        assert!(!sim.run_until(SOON, Sim::feeds_ended));
        let why = sim.aborted().unwrap();
        assert!(why.contains(words) && !sim.step(), "{why}");
        assert!(sim.try_shutdown().is_none());
    }
}

/// Holds on to something, and sleeps in the middle of an event when it is told to.
struct Holds(#[expect(dead_code, reason = "held")] Arc<()>);

impl Handler for Holds {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        Outcome::Done
    }
}

#[test]
fn issue_4596_a_simulation_that_is_dropped_in_the_middle_leaves_nothing() {
    let held = Arc::new(());
    for seed in 0..20 {
        let faults = Faults::none().stick_at("md.all", seed, SOON);
        let mut sim = Sim::with(config(4, &[("all", on("a")), ("more", on("b"))]), seed, faults);
        let md = sim.bus::<Events>("md");
        let _ = (md.attach("all", Holds(Arc::clone(&held))), md.attach("more", Holds(Arc::clone(&held))));
        tape(&sim, 30);
        sim.start();
        sim.run_for(Duration::from_micros(10 * seed));
        drop((sim, md));
        assert_eq!(Arc::strong_count(&held), 1, "seed {seed}");
    }
}

#[test]
#[should_panic(expected = "this thread has a simulation already")]
fn one_simulation_at_a_time() {
    let _first = Sim::new(config(4, &[("all", on("a"))]), 1);
    let _second = Sim::new(config(4, &[("all", on("a"))]), 1);
}

#[test]
#[should_panic(expected = "buses.md.capacity_cells = 3")]
fn mistakes_in_the_configuration_are_said() {
    let _ = Sim::new(config(3, &[("all", on("a"))]), 1);
}
