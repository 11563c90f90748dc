//! Shows a whole program: events, a bus, one slot on a pinned thread, and what it measured.

use std::time::Duration;
use tagring::bus::{Bus, Context, Handler, Outcome, SlotThread, allowed_cores};
use tagring::event::Event;

tagring::events! {
    pub mod market;
    /// A print on the tape.
    pub struct Trade = 1, v1 { pub price: i64, pub qty: i64 }
}
use market::Trade;

/// The volume-weighted average price. One thread owns it: plain state, no locks.
#[derive(Default)]
struct Vwap {
    notional: i64,
    qty: i64,
}

impl Handler for Vwap {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        if let Some(trade) = event.get::<Trade>() {
            self.notional += trade.price * trade.qty;
            self.qty += trade.qty;
        }
        Outcome::Done
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (bus, mut publisher) = Bus::<market::Events>::builder("md").capacity(4096).single()?;
    let thread = SlotThread::builder("slots").core(allowed_cores().last().copied()).start()?;
    let slot = bus.slot("vwap").attach(&thread, Vwap::default())?;
    for i in 0..100_000 {
        publisher.publish(7, &Trade { price: 100 + i % 5, qty: 10 })?; // 7: the instrument
    }
    drop(publisher); // The bus closes; the slot finishes what is there and stops.
    let vwap = slot.join(Duration::from_secs(5))?;
    println!("vwap {} over {} trades", vwap.notional / vwap.qty, slot.stats().delivered);
    let hop = slot.latencies().hop;
    println!("hop: p50 {} ns, p99 {} ns, max {} ns", hop.quantile(0.5), hop.quantile(0.99), hop.max());
    Ok(())
}
