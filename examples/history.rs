//! Shows the ring as the history of its bus: the last events are copied out at any time, and nobody is held back for it.

use tagring::bus::Bus;
use tagring::event::StoreEvent;
use tagring::ring::Copied;

tagring::events! {
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
}
use market::Trade;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (bus, mut publisher) = Bus::<market::Events>::builder("md").capacity(64).single()?;
    let mut from_the_start = bus.last(0);
    for qty in 0..1_000 {
        publisher.publish(7, &Trade { price: 100, qty })?; // No slot is attached: nothing gates.
    }

    let mut last = bus.last(3);
    while let Copied::Event { sequence, event } = last.poll() {
        let trade = event.as_event().get::<Trade>().ok_or("not a trade")?;
        println!("event {sequence}: {} at {}", trade.qty, trade.price);
    }

    // A reader that was too slow learns exactly how much it missed.
    let mut copied = 0;
    loop {
        match from_the_start.poll() {
            Copied::Event { .. } => copied += 1,
            Copied::Gap { .. } => {}
            Copied::Empty | Copied::Closed => break,
        }
    }
    println!("{copied} copied and {} lost make {}", from_the_start.lost(), bus.published());
    Ok(())
}
