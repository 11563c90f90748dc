//! Keys of a publisher.

use super::house::{Count, Doing, Events, Gate, OpenAtLast, SOON, Trade, bus, config, eventually, runtime, slot};
use std::sync::mpsc::channel;
use std::time::Duration;
use tagring::bus::{Context, Handler, Outcome, Publisher};
use tagring::clock::Ticks;
use tagring::event::Event;
use tagring::runtime::config::{OverflowChoice, PublisherConfig, StampingChoice};
use tagring::runtime::{Deadline, Running};

#[test]
pub(crate) fn issue_4570_slot_of_a_publisher() {
    for (held_by, order) in [("", ["derived", "md"]), ("md.s", ["md", "derived"])] {
        let mut config = config(64, &[("s", slot())]);
        let mut derived = bus(64, &[]);
        derived.publishers.insert("p".into(), PublisherConfig { slot: held_by.into(), ..PublisherConfig::default() });
        config.buses.insert("derived".into(), derived);
        let runtime = runtime(config);
        runtime.bus::<Events>("derived").unwrap();
        runtime.bus::<Events>("md").unwrap().attach("s", Count::default()).unwrap();
        let report = runtime.start().unwrap().shutdown(Deadline::after(SOON));
        let drained: Vec<_> = report.buses.iter().map(|bus| bus.bus.to_string()).collect();
        assert_eq!(drained, order, "a bus comes after those whose slots publish to it");
    }
}

#[test]
pub(crate) fn issue_4570_clones() {
    for clones in [false, true] {
        let mut config = config(64, &[]);
        let publisher = PublisherConfig { clones, ..PublisherConfig::default() };
        config.buses.get_mut("md").unwrap().publishers.insert("p".into(), publisher);
        let runtime = runtime(config);
        let md = runtime.bus::<Events>("md").unwrap();
        if clones {
            let mut first = md.shared_publisher("p").unwrap();
            let mut second = first.clone();
            assert!(first.send(0, &Trade { qty: 1 }).is_ok() && second.send(0, &Trade { qty: 1 }).is_ok());
        } else {
            assert_eq!(md.shared_publisher("p").map(|_| ()).unwrap_err().code(), "TR-0808");
            assert!(md.publisher("p").unwrap().send(0, &Trade { qty: 1 }).is_ok());
        }
    }
}

/// A ring of four cells that is full, its only slot held at the gate, and the publisher that found it so.
fn full(overflow: OverflowChoice, timeout_ms: u64, gate: &Gate) -> (Running, Publisher<Events>) {
    let mut config = config(4, &[("held", slot())]);
    let publisher = PublisherConfig { overflow, timeout_ms, ..PublisherConfig::default() };
    config.buses.get_mut("md").unwrap().publishers.insert("p".into(), publisher);
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let held = gate.clone();
    let hold = move |_| {
        held.wait();
        Outcome::Done
    };
    md.attach("held", Doing::new(hold)).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    for qty in 0..4 {
        publisher.try_publish(0, &Trade { qty }).unwrap();
    }
    (running, publisher)
}

/// What `send` says of a full ring where it waits for as long as it takes: the gate is opened once it is seen to wait.
fn after_a_wait(running: &Running, mut publisher: Publisher<Events>, gate: &Gate) -> Option<u64> {
    let bus = running.bus::<Events>("md").unwrap();
    let (say, said) = channel();
    let sender = std::thread::spawn(move || say.send(publisher.send(0, &Trade { qty: 9 }).unwrap()).unwrap());
    eventually("it waits", || bus.bus().waits() == 1);
    assert!(said.try_recv().is_err(), "it waits for room");
    gate.open();
    let sent = said.recv_timeout(SOON).unwrap();
    sender.join().unwrap();
    sent
}

#[test]
pub(crate) fn issue_4570_overflow() {
    for overflow in [OverflowChoice::Fail, OverflowChoice::Shed, OverflowChoice::Wait] {
        let gate = Gate::default();
        let _open = OpenAtLast(gate.clone());
        let (running, mut publisher) = full(overflow, 1, &gate);
        match overflow {
            OverflowChoice::Fail => {
                assert_eq!(publisher.send(0, &Trade { qty: 9 }).unwrap_err().code(), "TR-0411");
            }
            OverflowChoice::Shed => {
                assert_eq!((publisher.send(0, &Trade { qty: 9 }).unwrap(), publisher.shed()), (None, 1));
            }
            _ => assert_eq!(after_a_wait(&running, publisher, &gate), Some(4)),
        }
        gate.open();
    }
}

#[test]
pub(crate) fn issue_4570_timeout_ms() {
    for timeout_ms in [1, 60_000] {
        let gate = Gate::default();
        let _open = OpenAtLast(gate.clone());
        let (running, mut publisher) = full(OverflowChoice::Timeout, timeout_ms, &gate);
        if timeout_ms == 1 {
            assert_eq!(publisher.send(0, &Trade { qty: 9 }).unwrap_err().code(), "TR-0412");
        } else {
            assert_eq!(after_a_wait(&running, publisher, &gate), Some(4));
        }
        gate.open();
    }
}

/// Tells when each event was published.
struct Times(std::sync::mpsc::Sender<Ticks>);

impl Handler for Times {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        if self.0.send(event.header().publish_ticks()).is_ok() { Outcome::Done } else { Outcome::Dead }
    }
}

#[test]
pub(crate) fn issue_4570_stamping() {
    for stamping in [StampingChoice::EveryEvent, StampingChoice::OnTick] {
        let mut config = config(64, &[("s", slot())]);
        let publisher = PublisherConfig { stamping, ..PublisherConfig::default() };
        config.buses.get_mut("md").unwrap().publishers.insert("p".into(), publisher);
        let runtime = runtime(config);
        let md = runtime.bus::<Events>("md").unwrap();
        let (say, said) = channel();
        md.attach("s", Times(say)).unwrap();
        let mut publisher = md.publisher("p").unwrap();
        let running = runtime.start().unwrap();
        let tick = publisher.tick();
        let clock = running.clock();
        eventually("the clock has moved", || clock.now().since(tick) > clock.from_ns(1_000));
        publisher.publish(0, &Trade { qty: 1 }).unwrap();
        let published = said.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(published == tick, stamping == StampingChoice::OnTick, "{published:?} {tick:?}");
    }
}
