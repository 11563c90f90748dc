//! One publisher of a shared ring floods it, another publishes now and then: what the flood costs the other, with and without a quota.
//!
//! Both publishers are on one thread, so that two cores are enough: the other's event is published when it is due, and in between the flood
//! offers events as fast as it can, many times what the handler takes. Open loop: the latency of the other's events counts from when each was due.

use super::{Found, Part, Setup};
use crate::bars::Sense;
use crate::clock::{self, Scale};
use crate::cores::Cores;
use crate::latency;
use crate::table::{Column, Sample};
use core::time::Duration;
use tagring::bus::{Bus, Context, Envelope, Handler, Measure, Outcome, SlotThread};
use tagring::clock::Ticks;
use tagring::event::Event;
use tagring::gate::Quota;
use tagring::ring::WaitStrategy;

pub(super) const PART: Part =
    Part { name: "flood", about: "a publisher that floods a shared ring, and another beside it, by quota", measure };

tagring::events! {
    /// The events of this measurement.
    pub mod shared;
    /// What the publisher beside the flood publishes.
    pub struct Order = 1, v1 { pub number: u64, pub more: [u64; 4] }
    /// What floods.
    pub struct Noise = 2, v1 { pub number: u64, pub more: [u64; 4] }
}
use shared::{Events, Noise, Order};

/// What the handler takes for an event.
const SERVICE: Duration = Duration::from_nanos(100);
/// The other's events are as far apart as so many of the handler's.
const APART: u64 = 20;
const CAPACITY: usize = 1 << 10;
/// The flood's own events that may be waiting: few, for each of them may be ahead of one of the other's.
const QUOTA: usize = 2;
/// Events before those that count.
const WARM_UP: usize = 1_000;
const SOON: Duration = Duration::from_secs(10);

const CALM: &str = "no flood";
const HELD: &str = "a flood, with a quota of 2";
const OPEN: &str = "a flood, without a quota";
const AHEAD: &str = "Two events of the flood may be ahead of each of the other's: twice the service time.";

/// The flood of a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flood {
    None,
    Held,
    Open,
}

fn measure(setup: &Setup) -> Found {
    let mut found = Found::default();
    let (cores, scale) = (setup.cores, setup.scale);
    let (count, warm_up) = (setup.pick(2_000, 1_000, 20), setup.pick(WARM_UP, WARM_UP, 10));
    let row = |flood: Flood| move || round(cores, scale, (count, warm_up), flood);
    let title = format!(
        "One of two publishers floods, {CAPACITY} cells, a handler of {} ns: the other's latency from the intended time, at {:.0} k events/s",
        SERVICE.as_nanos(),
        1e6 / (SERVICE.as_nanos() as f64 * APART as f64)
    );
    let mut columns = latency::columns().to_vec();
    columns.extend([Column::plain("flood offered, M/s"), Column::plain("let in, M/s")]);
    let table = setup
        .table(&title, &columns)
        .limit(CALM, row(Flood::None))
        .ours(HELD, row(Flood::Held))
        .peer(OPEN, row(Flood::Open));
    let table = setup.run((0..3).fold(table, |table, column| table.why(HELD, column, AHEAD)));
    found.bar("p99.9 of the publisher beside a flood", (&table, 2), HELD, &[CALM], (Sense::AtMost, 2.0));
    found.tables.push(table);
    found
}

/// Keeps when the other's events came.
struct Slow {
    service: u64,
    came: Vec<u64>,
}

impl Handler for Slow {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let came = clock::arrival();
        if event.get::<Order>().is_some() {
            self.came.push(came);
        }
        while clock::stamp() - came < self.service {}
        Outcome::Done
    }
}

fn round(cores: Cores, scale: Scale, (count, warm_up): (usize, usize), flood: Flood) -> Sample {
    let all = warm_up + count;
    let service = (SERVICE.as_nanos() as f64 / scale.ns(1.0)) as u64;
    let (bus, mut other) = Bus::<Events>::builder("flood").capacity(CAPACITY).many().expect("a power of two");
    let thread = SlotThread::builder("flood").core(cores.far.id).start().expect("the core is allowed");
    let handler = Slow { service, came: Vec::with_capacity(all) };
    let slot = bus.slot("slow").wait(WaitStrategy::Spin).measure(Measure::Off).attach(&thread, handler);
    let slot = slot.expect("a slot is free");
    let quota = if flood == Flood::Held { QUOTA } else { CAPACITY };
    let mut flooding = other.clone().gate(Quota::in_flight(quota).expect("a quota")).expect("it fits");
    let (start, interval) = (clock::stamp() + 100 * service, APART * service);
    let (mut offered, mut began) = (0, start);
    for number in 0..all {
        let due = start + number as u64 * interval;
        if number == warm_up {
            (offered, began) = (flooding.counts().offered(), clock::stamp());
        }
        while clock::stamp() < due {
            if flood != Flood::None {
                let _ = flooding.try_publish(2, &Noise { number: number as u64, more: [0; 4] });
            }
        }
        let order = Order { number: number as u64, more: [0; 4] };
        other.publish(Envelope::key(1).intended(Ticks(due)), &order).expect("the bus is open");
    }
    let took_us = scale.ns((clock::stamp() - began) as f64) / 1_000.0;
    let counts = flooding.counts();
    drop((flooding.into_inner(), other));
    let came = slot.join(SOON).expect("the slot ends with its bus").came;
    let _ = thread.shutdown(SOON);
    assert_eq!(came.len(), all, "events were lost");
    let ages = came.iter().enumerate().skip(warm_up);
    let ages = ages.map(|(number, &at)| at.saturating_sub(start + number as u64 * interval)).collect();
    let mut sample = latency::percentiles(ages, scale);
    sample.figures.push((counts.offered() - offered) as f64 / took_us);
    sample.figures.push(counts.published() as f64 / took_us * count as f64 / all as f64);
    sample
}
