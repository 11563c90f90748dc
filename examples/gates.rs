//! Shows gates before a publisher: what is invalid, seen before or too much does not enter, and is counted by reason.

use tagring::bus::{Bus, Context, Handler, Outcome};
use tagring::event::Event;
use tagring::gate::{Dedup, Entry, NotPublished, Quota, Validate};

tagring::events! {
    pub mod orders;
    pub struct Order = 1, v1 { pub price: i64, pub qty: u32, pub side: u32 where [1, 2] }
}
use orders::Order;

/// Adds up what comes.
#[derive(Default)]
struct Risk {
    open: u64,
}

impl Handler for Risk {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.open += event.get::<Order>().map_or(0, |order| u64::from(order.qty));
        Outcome::Done
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (bus, publisher) = Bus::<orders::Events>::builder("orders").capacity(1024).single()?;
    let mut slot = bus.slot("risk").attach_here(Risk::default())?;
    let validate = Validate::new().range("Order", "price", 1..=1_000)?;
    let mut gateway = publisher.gate((validate, Dedup::new(1, 256)?, Quota::in_flight(100)?))?;

    // A client that repeats each third order, sends a bad price now and then, and does not wait for anyone.
    for number in (0..150).flat_map(|number| std::iter::repeat_n(number, if number % 3 == 0 { 2 } else { 1 })) {
        let order = Order { price: (number % 50) as i64, qty: 1, side: 1 };
        match gateway.try_publish(Entry::key(7).client(0, number), &order) {
            Ok(_) => {}
            Err(NotPublished::Rejected { rejection, .. }) if number < 4 => println!("{rejection}"),
            Err(NotPublished::Rejected { .. }) => {} // counted
            Err(error) => return Err(error.into()),
        }
    }
    let counts = gateway.counts();
    let (offered, published) = (counts.offered(), counts.published());
    for one in counts.by_tag() {
        println!("{} {} by {}: {}", one.payload.unwrap_or("?"), one.reason, one.reason.gate(), one.count);
    }
    while slot.turn() {}
    let open = slot.detach().ok_or("lost")?.open;
    println!("{offered} offered, {} rejected, {published} published, {open} open", counts.rejected());
    Ok(())
}
