//! Gates: what they let in, what they spend, what they count.

mod accounts;
mod dedup;
mod late;
mod quota;
mod rates;
mod rules;
mod validation;

use std::sync::{Arc, Mutex};
use tagring::bus::{Bus, Context, Handler, LocalSlot, Measure, Outcome, Publisher};
use tagring::clock::{Clock, ManualHand};
use tagring::event::Event;

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u32, pub side: u8 where [b'B', b'S'], pub flags: u8, pub venue: u16 }
    pub struct Quote = 2, v1 { pub bid: u64, pub ratio: f64, pub spread: f32, pub size: i32 }
    pub struct Note = 700, v1 { pub text: [u8; 8], pub kind: [u8; 2] where [[1, 2], [3, 4]], pub small: i16, pub level: i8, pub pad: [u8; 3] }
}
tagring::events! {
    /// Events whose headers have room for a deadline.
    pub mod timed with deadline;
    pub struct Signal = 1, v1 { pub edge: i64 }
}
pub(crate) use market::{Events, Note, Quote, Trade};

/// What slots of these tests have seen: key, tag, payload.
pub(crate) type Seen = Arc<Mutex<Vec<(u32, u16, Vec<u8>)>>>;

/// Keeps what it sees.
#[derive(Clone, Default)]
pub(crate) struct Keep(pub(crate) Seen);

impl Handler for Keep {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.0.lock().unwrap().push((event.key(), event.tag().get(), event.payload_bytes().to_vec()));
        Outcome::Done
    }
}

impl Keep {
    pub(crate) fn keys(&self) -> Vec<u32> {
        self.0.lock().unwrap().iter().map(|(key, ..)| *key).collect()
    }
}

/// A bus on a clock that stands still, its publisher, and a slot that keeps all it sees.
pub(crate) fn stage(capacity: usize) -> (ManualHand, Bus<Events>, Publisher<Events>, LocalSlot<Keep>, Keep) {
    let (clock, hand) = Clock::manual(1_000_000_000);
    let (bus, publisher) = Bus::<Events>::builder("md").capacity(capacity).clock(clock).single().unwrap();
    let keep = Keep::default();
    let slot = bus.slot("keep").measure(Measure::Off).attach_here(keep.clone()).unwrap();
    (hand, bus, publisher, slot, keep)
}

pub(crate) const TRADE: Trade = Trade { price: 100, qty: 10, side: b'B', flags: 0, venue: 1 };
pub(crate) const QUOTE: Quote = Quote { bid: 100, ratio: 0.5, spread: 1.0, size: 1 };
