//! What a slot does when its handler panics: the policy, and the pauses and limits of restarts.

use super::children::aborts_in_child;
use super::house::{Doing, Events, SOON, Trade, config, eventually, runtime, slot};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use tagring::bus::{Context, Handler, Outcome, Publisher, SlotState};
use tagring::clock::Ticks;
use tagring::event::Event;
use tagring::runtime::config::{PanicChoice, SlotConfig};
use tagring::runtime::{Attachment, Deadline, Running};

/// Restarts without a pause, as often as it takes.
fn restarting() -> SlotConfig {
    SlotConfig {
        panic: PanicChoice::Restart,
        restarts_max: 1_000,
        restart_pause_ms: 0,
        restart_pause_max_ms: 0,
        ..slot()
    }
}

/// A slot whose handler panics over every event of quantity 0.
fn panicking(config: SlotConfig) -> (Running, Attachment<Doing>, Publisher<Events>) {
    let runtime = runtime(super::house::config(64, &[("s", config)]));
    let md = runtime.bus::<Events>("md").unwrap();
    let over_zero = |qty| if qty == 0 { panic!("as scripted") } else { Outcome::Done };
    let attached = md.attach("s", Doing::new(over_zero)).unwrap();
    let publisher = md.publisher("p").unwrap();
    (runtime.start().unwrap(), attached, publisher)
}

#[test]
pub(crate) fn issue_4570_panic() {
    for panic in [PanicChoice::Skip, PanicChoice::Restart, PanicChoice::Quarantine] {
        let (_running, s, mut publisher) = panicking(SlotConfig { panic, ..restarting() });
        publisher.publish(0, &Trade { qty: 0 }).unwrap();
        publisher.publish(0, &Trade { qty: 1 }).unwrap();
        let stats = || s.handle().unwrap().stats();
        match panic {
            PanicChoice::Quarantine => eventually("it is over", || stats().state == SlotState::Quarantined),
            _ => eventually("it goes on", || stats().position == 2),
        }
        let expected = match panic {
            PanicChoice::Skip => (1, 0, 1),
            PanicChoice::Restart => (1, 1, 1),
            _ => (1, 0, 0),
        };
        let stats = stats();
        assert_eq!((stats.panics, stats.restarts, stats.delivered), expected);
    }
}

#[test]
pub(crate) fn issue_4570_panic_abort() {
    if aborts_in_child("restarts::issue_4570_panic_abort", "policy is abort") {
        let (_running, s, mut publisher) = panicking(SlotConfig { panic: PanicChoice::Abort, ..slot() });
        publisher.publish(0, &Trade { qty: 0 }).unwrap();
        eventually("it aborts", || s.handle().unwrap().is_done());
    }
}

#[test]
pub(crate) fn issue_4570_restarts_max() {
    for restarts_max in [0, 1, 3] {
        let (_running, s, mut publisher) = panicking(SlotConfig { restarts_max, ..restarting() });
        (0..10).for_each(|_| assert!(publisher.publish(0, &Trade { qty: 0 }).is_ok()));
        let stats = || s.handle().unwrap().stats();
        eventually("it fails for good", || stats().state == SlotState::Failed);
        assert_eq!((stats().restarts, stats().panics), (restarts_max.into(), u64::from(restarts_max) + 1));
    }
}

#[test]
pub(crate) fn issue_4570_restart_window_ms() {
    for restart_window_ms in [1, 60_000] {
        let (_running, s, mut publisher) = panicking(SlotConfig { restarts_max: 1, restart_window_ms, ..restarting() });
        let stats = || s.handle().unwrap().stats();
        publisher.publish(0, &Trade { qty: 0 }).unwrap();
        eventually("it is restarted", || stats().restarts == 1 && stats().state == SlotState::Running);
        let restarted = std::time::Instant::now();
        eventually("the short window is over", || restarted.elapsed() > Duration::from_millis(5));
        publisher.publish(0, &Trade { qty: 0 }).unwrap();
        eventually("it panics again", || stats().panics == 2 && stats().state != SlotState::Restarting);
        let (state, restarts) = if restart_window_ms == 1 { (SlotState::Running, 2) } else { (SlotState::Failed, 1) };
        eventually("it is judged", || (stats().state, stats().restarts) == (state, restarts));
    }
}

#[test]
pub(crate) fn issue_4570_restart_pause_ms() {
    // With this seed the long pause is of many minutes: the same each time.
    let pauses = [0, 3_600_000].map(|restart_pause_ms| {
        let mut config = config(
            64,
            &[("s", SlotConfig { restart_pause_ms, restart_pause_max_ms: restart_pause_ms, ..restarting() })],
        );
        config.runtime.seed = LONG;
        let runtime = runtime(config);
        let md = runtime.bus::<Events>("md").unwrap();
        let s = md.attach("s", Doing::new(|qty| if qty == 0 { panic!("as scripted") } else { Outcome::Done })).unwrap();
        let mut publisher = md.publisher("p").unwrap();
        let running = runtime.start().unwrap();
        publisher.publish(0, &Trade { qty: 0 }).unwrap();
        publisher.publish(0, &Trade { qty: 1 }).unwrap();
        (running, s)
    });
    let [brief, long] = pauses.each_ref().map(|(_, slot)| slot.handle().unwrap());
    eventually("the one goes on at once", || brief.stats().delivered == 1);
    eventually("the other pauses", || long.stats().state == SlotState::Restarting);
    assert_eq!((long.stats().panics, long.stats().delivered), (1, 0));
    end(pauses);
}

#[test]
pub(crate) fn issue_4570_restart_pause_max_ms() {
    // Of twenty pauses that double each time the last are of hours, unless they are bounded.
    let slots = [1, 86_400_000].map(|restart_pause_max_ms| {
        let mut config = config(64, &[("s", SlotConfig { restart_pause_ms: 1, restart_pause_max_ms, ..restarting() })]);
        config.runtime.seed = LONG;
        let runtime = runtime(config);
        let md = runtime.bus::<Events>("md").unwrap();
        let s = md.attach("s", Doing::new(|_| panic!("as scripted"))).unwrap();
        let mut publisher = md.publisher("p").unwrap();
        let running = runtime.start().unwrap();
        (0..30).for_each(|_| assert!(publisher.publish(0, &Trade { qty: 0 }).is_ok()));
        (running, s)
    });
    let [bounded, doubling] = slots.each_ref().map(|(_, slot)| slot.handle().unwrap());
    eventually("all have panicked", || bounded.stats().panics == 30);
    eventually("the other pauses", || doubling.stats().state == SlotState::Restarting);
    assert!(doubling.stats().panics < 30);
    end(slots);
}

/// Ends runtimes without waiting for slots that pause.
fn end(runtimes: [(Running, Attachment<Doing>); 2]) {
    for (running, _) in runtimes {
        let _ = running.shutdown(Deadline::after_ms(1));
    }
}

/// Says how long its first pause was.
struct Pausing {
    panicked: Option<Ticks>,
    say: Sender<u64>,
}

impl Handler for Pausing {
    fn on_event(&mut self, _: &Event, context: &mut Context) -> Outcome {
        self.panicked = Some(context.clock().now());
        panic!("as scripted");
    }
    fn on_restart(&mut self, context: &mut Context) {
        let pause = self.panicked.map_or(0, |then| context.clock().now().since(then));
        let _ = self.say.send(context.clock().to_ns(pause));
    }
}

/// Bound of the first pause.
const PAUSE: Duration = Duration::from_millis(80);
/// Seeds with which the first pause of slot `s` of bus `md` is nearly as long as it may be, and nearly none. The pauses that seeds give are fixed.
const LONG: u64 = 20;
const SHORT: u64 = 39;

/// How long the first pause was with that seed: never less than was drawn, more where the machine is busy.
fn pause(seed: u64) -> Duration {
    let pause = PAUSE.as_millis() as u64;
    let mut config =
        config(64, &[("s", SlotConfig { restart_pause_ms: pause, restart_pause_max_ms: pause, ..restarting() })]);
    config.runtime.seed = seed;
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let (say, said) = channel();
    md.attach("s", Pausing { panicked: None, say }).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let _running = runtime.start().unwrap();
    publisher.publish(0, &Trade { qty: 0 }).unwrap();
    Duration::from_nanos(said.recv_timeout(SOON).unwrap())
}

#[test]
pub(crate) fn issue_4570_seed() {
    for _ in 0..3 {
        let long = pause(LONG);
        assert!(long > PAUSE * 9 / 10, "the same seed, the same long pause: {long:?}");
    }
    assert!((0..50).any(|_| pause(SHORT) < PAUSE / 4), "another seed, another pause");
    // Without one: both long and short ones come, of a hundred draws.
    let (mut is_short, mut is_long) = (false, false);
    for _ in 0..100 {
        let pause = pause(0);
        is_short |= pause < PAUSE / 4;
        is_long |= pause > PAUSE * 3 / 4;
        if is_short && is_long {
            return;
        }
    }
    panic!("pauses are all alike: some are short: {is_short}, some are long: {is_long}");
}
