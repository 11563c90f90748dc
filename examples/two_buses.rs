//! Shows a handler that publishes to a second bus: trades come in, a bar goes out at the end of each batch.

use std::time::Duration;
use tagring::bus::{Bus, Context, Handler, Outcome, Publisher, SlotThread};
use tagring::event::Event;

tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 } }
tagring::events! { pub mod bars; pub struct Bar = 1, v1 { pub high: i64, pub qty: u64 } }

struct Bars {
    bar: bars::Bar,
    /// Dropped when the slot stops, which closes the second bus.
    to: Option<Publisher<bars::Events>>,
}

impl Handler for Bars {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let Some(trade) = event.get::<market::Trade>() else { return Outcome::Dead };
        self.bar = bars::Bar { high: self.bar.high.max(trade.price), qty: self.bar.qty + trade.qty };
        Outcome::Done
    }
    fn on_batch_end(&mut self, _: &mut Context) {
        // Where the second bus is full, the bar goes on growing: this slot never waits.
        if self.to.as_mut().is_some_and(|to| to.try_publish(7, &self.bar).is_ok()) {
            self.bar = bars::Bar { high: 0, qty: 0 };
        }
    }
    fn on_stop(&mut self, ctx: &mut Context) {
        self.on_batch_end(ctx);
        self.to = None;
    }
}

#[derive(Default)]
struct Sum(u64);

impl Handler for Sum {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.0 += event.get::<bars::Bar>().map_or(0, |bar| bar.qty);
        Outcome::Done
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bell = Default::default(); // Shared: slots of both buses may sleep on one thread.
    let (trades, mut publisher) = Bus::<market::Events>::builder("trades").capacity(256).doorbell(&bell).single()?;
    let (second, to) = Bus::<bars::Events>::builder("bars").capacity(4096).doorbell(&bell).single()?;
    let thread = SlotThread::builder("slots").start()?;
    let first = trades.slot("bars").attach(&thread, Bars { bar: bars::Bar { high: 0, qty: 0 }, to: Some(to) })?;
    let last = second.slot("sum").attach(&thread, Sum::default())?;
    for i in 0..10_000 {
        publisher.publish(7, &market::Trade { price: 100 + i % 7, qty: 3 })?;
    }
    drop(publisher);
    first.join(Duration::from_secs(5))?;
    println!("{} shares in bars", last.join(Duration::from_secs(5))?.0);
    Ok(())
}
