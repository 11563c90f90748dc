//! Shows a slot without a thread of its own: the program's loop gives it turns, between other work.

use tagring::bus::{Bus, Context, Handler, Outcome};
use tagring::event::Event;

tagring::events! {
    pub mod market;
    pub struct Tick = 1, v1 { pub price: i64 }
}
use market::Tick;

#[derive(Default)]
struct High {
    price: i64,
    batches: u64,
}

impl Handler for High {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.price = event.get::<Tick>().map_or(self.price, |tick| tick.price.max(self.price));
        Outcome::Done
    }
    fn on_batch_end(&mut self, _: &mut Context) {
        self.batches += 1;
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (bus, mut publisher) = Bus::<market::Events>::builder("md").capacity(256).single()?;
    let mut slot = bus.slot("high").turn_limit(32).attach_here(High::default())?;
    let feed = std::thread::spawn(move || {
        (0..10_000).try_for_each(|i| publisher.publish(7, &Tick { price: i % 997 }).map(drop))
        // The publisher goes with the thread, and the bus closes.
    });
    let mut other_work = 0_u64;
    while !slot.is_done() {
        if !slot.turn() {
            other_work += 1; // Poll a socket, run a timer: nothing waits for events here.
            std::thread::yield_now();
        }
    }
    feed.join().map_err(|_| "the feed panicked")??;
    let stats = slot.handle().stats();
    let high = slot.detach().ok_or("the handler is gone")?;
    println!("high {} after {} ticks", high.price, stats.delivered);
    println!("{} batches, {other_work} turns left for other work", high.batches);
    Ok(())
}
