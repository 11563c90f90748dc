//! One round of a bus whose slot does its work while another one does not return: is it as fast as alone?
//!
//! The publisher runs on one core, the slot that works on the other; what is stuck sleeps in its handler, on a thread of its own.

use crate::cores::{Cores, pin};
use core::time::Duration;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;
use tagring::bus::{Bus, Context, Handler, Measure, Outcome, SlotThread, Stamping};
use tagring::event::Event;

tagring::events! {
    /// The events of this measurement.
    pub mod market;
    /// A print.
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
}
use market::{Events, Trade};

/// What stands beside the slot that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Nothing.
    Nobody,
    /// A slot whose handler does not return and was quarantined: cells of its turn are pinned.
    Stuck,
    /// A slot that panicked and was quarantined: nothing of it is left.
    Panicked,
}

const CELLS: usize = 1 << 14;
const SOON: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Sum(u64);

impl Handler for Sum {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.0 += event.get::<Trade>().map_or(0, |trade| trade.qty);
        Outcome::Done
    }
}

struct Fails(Beside, Receiver<()>);

impl Handler for Fails {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        match self.0 {
            Beside::Nobody => {}
            Beside::Stuck => drop(self.1.recv()),
            // Without the message of a panic, thousands of times.
            Beside::Panicked => std::panic::resume_unwind(Box::new("as scripted")),
        }
        Outcome::Done
    }
}

/// Publishes `events`, one by one, and returns how many a second were published and handled.
///
/// # Panics
/// If the bus loses an event, or anything hangs for ten seconds.
#[must_use]
pub fn round(cores: Cores, beside: Beside, events: usize) -> f64 {
    let (bus, publisher) =
        Bus::<Events>::builder("md").capacity(CELLS).single().expect("the capacity is a power of two");
    let mut publisher = publisher.stamping(Stamping::OnTick);
    let works = SlotThread::builder("works").core(cores.far.id).start().expect("the core is allowed");
    let other = SlotThread::builder("other").start().expect("a thread");
    let sum = bus.slot("works").measure(Measure::Off).attach(&works, Sum::default()).expect("a slot is free");
    let (help, waits) = channel();
    if beside != Beside::Nobody {
        let slot =
            bus.slot("fails").measure(Measure::Off).attach(&other, Fails(beside, waits)).expect("a slot is free");
        publisher.publish(0, &Trade { price: 1, qty: 0 }).expect("there is room");
        let since = Instant::now();
        while (beside == Beside::Stuck && slot.handling().is_none()) || (beside == Beside::Panicked && !slot.is_done())
        {
            assert!(since.elapsed() < SOON, "the slot fails");
            std::thread::yield_now();
        }
        assert!(beside != Beside::Stuck || slot.quarantine(), "the kernel has membarrier");
    }
    let start = std::thread::scope(|scope| {
        let publishing = scope.spawn(move || {
            pin(cores.near);
            let start = Instant::now();
            for price in 0..events as i64 {
                publisher.publish(0, &Trade { price, qty: 1 }).expect("the bus is open");
            }
            start
        });
        publishing.join().expect("the publisher ends")
    });
    let handled = sum.join(SOON).expect("the slot ends with its bus").0;
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(handled, events as u64);
    drop(help);
    let _ = works.shutdown(SOON);
    let _ = other.shutdown(SOON);
    events as f64 / seconds
}
