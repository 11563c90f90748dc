//! Shows several threads that publish to one bus: clone the publisher, no lock is taken.

use std::time::Duration;
use tagring::bus::{Bus, Context, Handler, Outcome, SlotThread};
use tagring::event::Event;

tagring::events! {
    pub mod orders;
    pub struct Fill = 1, v1 { pub number: u64, pub qty: u64 }
}
use orders::Fill;

/// Adds up per publisher, and sees that each one's events come in the order they were published.
#[derive(Default)]
struct Totals {
    qty: [u64; 3],
    next: [u64; 3],
    out_of_order: u64,
}

impl Handler for Totals {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let (Some(fill), from) = (event.get::<Fill>(), event.key() as usize) else { return Outcome::Dead };
        self.qty[from] += fill.qty;
        self.out_of_order += u64::from(fill.number != self.next[from]);
        self.next[from] = fill.number + 1;
        Outcome::Done
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (bus, publisher) = Bus::<orders::Events>::builder("orders").capacity(1024).many()?;
    let thread = SlotThread::builder("slots").start()?;
    let slot = bus.slot("totals").attach(&thread, Totals::default())?;
    let sessions = [0, 1, 2].map(|key| {
        let mut publisher = publisher.clone();
        std::thread::spawn(move || {
            (0..5_000).try_for_each(|number| publisher.publish(key, &Fill { number, qty: 2 }).map(drop))
        })
    });
    for session in sessions {
        session.join().map_err(|_| "a session panicked")??;
    }
    drop(publisher); // The last one: the bus closes.
    let totals = slot.join(Duration::from_secs(5))?;
    println!("quantities {:?}, {} out of order", totals.qty, totals.out_of_order);
    Ok(())
}
