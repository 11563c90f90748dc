//! The hot path as functions of their own, so that their code can be found in the program: `perf/assembly` shows it, `docs/hot-path.md` explains
//! it. The program does a little of each and prints what came out, so that nothing of it is left away.

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

fn main() {
    let (ring, mut publisher) = Ring::single(64).expect("a power of two");
    let (mut reader, mut sum) = (ring.attach().expect("a free place").bind(), 0);
    let published = landmark_ring_publish(&mut publisher, &black_box([7; 7]));
    let read = landmark_ring_poll(&mut reader, &mut sum);
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(64).single().expect("a power of two");
    let mut publisher = publisher.stamping(Stamping::OnTick);
    let mut slot = bus.slot("volume").measure(Measure::Off).attach_here(Volume(0)).expect("a free place");
    let sent = landmark_bus_publish(&mut publisher, &black_box(Trade { price: 100, qty: 5 }));
    while slot.turn() {}
    println!("{published} {read} {sum} {sent} {:?}", slot.detach().map(|volume| volume.0));
}
