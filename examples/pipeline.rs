//! Shows slots that run after one another: the signal sees an event only when the book has handled it, on whatever thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tagring::bus::{Bus, Context, Handler, Outcome, SlotThread};
use tagring::event::Event;

tagring::events! {
    pub mod market;
    pub struct Quote = 1, v1 { pub bid: i64, pub ask: i64 }
}
use market::Quote;

/// Keeps the best bid that was ever seen.
struct Book(Arc<AtomicI64>);

impl Handler for Book {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        if let Some(quote) = event.get::<Quote>() {
            self.0.fetch_max(quote.bid, Ordering::Relaxed);
        }
        Outcome::Done
    }
}

/// Looks at the book; counts how often it was behind.
struct Signal {
    best_bid: Arc<AtomicI64>,
    behind: u64,
}

impl Handler for Signal {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        // Relaxed is enough: handing an event on from slot to slot orders what the first one wrote before.
        let best = self.best_bid.load(Ordering::Relaxed);
        self.behind += u64::from(event.get::<Quote>().is_some_and(|quote| best < quote.bid));
        Outcome::Done
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (bus, mut publisher) = Bus::<market::Events>::builder("md").capacity(1024).single()?;
    let (first, second) = (SlotThread::builder("first").start()?, SlotThread::builder("second").start()?);
    let best_bid = Arc::new(AtomicI64::new(0));
    let book = bus.slot("book").attach(&first, Book(Arc::clone(&best_bid)))?;
    let signal = bus.slot("signal").after(book.id()).attach(&second, Signal { best_bid, behind: 0 })?;
    for bid in 1..=20_000 {
        publisher.publish(7, &Quote { bid, ask: bid + 1 })?;
    }
    drop(publisher);
    let handler = signal.join(Duration::from_secs(5))?;
    println!("the signal saw {} quotes, the book was behind at {}", signal.stats().delivered, handler.behind);
    Ok(())
}
