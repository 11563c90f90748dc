//! Shows a process built from a file: two buses, a feed, a slot that listens to what the runtime says of itself, and an ordered shutdown.

use std::time::Duration;
use tagring::bus::{Context, Handler, Outcome, Publisher};
use tagring::event::Event;
use tagring::runtime::config::{Config, SlotConfig};
use tagring::runtime::{Deadline, Runtime, system};

tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 } }
tagring::events! { pub mod bars; pub struct Bar = 1, v1 { pub high: i64, pub qty: u64 } }

struct Bars(Option<Publisher<bars::Events>>);

impl Handler for Bars {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let (Some(trade), Some(to)) = (event.get::<market::Trade>(), &mut self.0) else { return Outcome::Dead };
        assert!(trade.price > 0, "a price of {}", trade.price);
        to.send(event.key(), &bars::Bar { high: trade.price, qty: trade.qty }).map_or(Outcome::Dead, |_| Outcome::Done)
    }
    fn on_stop(&mut self, _: &mut Context) {
        self.0 = None; // Nobody else publishes bars.
    }
}

/// One number, made of all events.
struct Fold(u64, fn(u64, &Event) -> u64);

impl Handler for Fold {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.0 = (self.1)(self.0, event);
        Outcome::Done
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::panic::set_hook(Box::new(|_| {})); // The reports tell of panics.
    let runtime = Runtime::new(Config::from_toml("trading.toml", include_str!("trading.toml"))?)?;
    let (md, bars) = (runtime.bus::<market::Events>("md")?, runtime.bus::<bars::Events>("bars")?);
    md.attach("bars", Bars(Some(bars.publisher("bars")?)))?;
    let volume = bars.attach("volume", Fold(0, |sum, bar| sum + bar.get::<bars::Bar>().map_or(0, |bar| bar.qty)))?;
    let of_slots = |most: u64, event: &Event| {
        event.get::<system::events::SlotChanged>().map_or(most, |slot| most.max(slot.panics))
    };
    let panics = runtime.system()?.attach_as("panics", SlotConfig::default(), Fold(0, of_slots))?;
    let mut tape = md.publisher("tape")?;
    runtime.feed("tape", move |feed| {
        for i in (0..1_000).take_while(|_| !feed.is_stopping()) {
            tape.send(7, &market::Trade { price: if i == 500 { -1 } else { 100 }, qty: 10 })?;
        }
        Ok(())
    })?;
    let running = runtime.start()?;
    let _ = running.wait(None); // Until the feed has ended, or somebody asks to stop.
    println!("{}", running.shutdown(Deadline::configured()));
    let (shares, told) = (volume.join(Duration::ZERO)?.0, panics.join(Duration::ZERO)?.0);
    println!("{shares} shares in bars, {told} panic told");
    Ok(())
}
