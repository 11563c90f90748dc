//! The hot path as functions of their own, so that their code can be found in the program: `tests/hot_path_page.rs` runs it under callgrind, and
//! what was executed for each event is what `docs/hot-path.md` shows and explains.

use std::hint::black_box;
use tagring::bus::{Bus, Context, Handler, Measure, Outcome, Publisher as BusPublisher, Stamping};
use tagring::event::Event;
use tagring::ring::{BoundReader, Publisher, Ring};

tagring::events! {
    /// Events of this program.
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
}
use market::{Events, Trade};

/// Publishes seven words.
#[inline(never)]
#[unsafe(no_mangle)]
extern "Rust" fn landmark_ring_publish(publisher: &mut Publisher<[u64; 7]>, value: &[u64; 7]) -> bool {
    publisher.try_publish(*value).is_ok()
}

/// Reads what is there, and adds up first words.
#[inline(never)]
#[unsafe(no_mangle)]
extern "Rust" fn landmark_ring_poll(reader: &mut BoundReader<[u64; 7]>, sum: &mut u64) -> usize {
    reader.poll(64, |event, _, _| *sum = sum.wrapping_add(event[0]))
}

/// Publishes a trade on a bus, with the time of the last tick.
#[inline(never)]
#[unsafe(no_mangle)]
extern "Rust" fn landmark_bus_publish(publisher: &mut BusPublisher<Events>, trade: &Trade) -> bool {
    publisher.try_publish(7, trade).is_ok()
}

struct Volume(u64);

impl Handler for Volume {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        if let Some(trade) = event.get::<Trade>() {
            self.0 = self.0.wrapping_add(trade.qty);
        }
        Outcome::Done
    }
}

/// Events of each part.
const EVENTS: u64 = 1_024;

fn main() {
    let (ring, mut publisher) = Ring::single(EVENTS as usize).expect("a power of two");
    let (mut reader, mut sum, mut read) = (ring.attach().expect("a free place").bind(), 0, 0);
    for i in 0..EVENTS {
        assert!(landmark_ring_publish(&mut publisher, &black_box([i; 7])));
        read += landmark_ring_poll(&mut reader, &mut sum);
    }
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(EVENTS as usize).single().expect("a power of two");
    let mut publisher = publisher.stamping(Stamping::OnTick);
    let mut slot = bus.slot("volume").measure(Measure::Off).attach_here(Volume(0)).expect("a free place");
    for qty in 0..EVENTS {
        assert!(landmark_bus_publish(&mut publisher, &black_box(Trade { price: 100, qty })));
    }
    while slot.turn() {}
    println!("{read} {sum} {:?}", slot.detach().map(|volume| volume.0));
}
