//! Shows how to look back without holding anybody up: at the ring itself, and at a history that keeps trades apart from a flood of quotes.

use tagring::bus::Bus;
use tagring::event::StoreEvent;
use tagring::retain::{History, Keep, Query};
use tagring::ring::Copied;
use tagring::tags;

tagring::events! {
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u64 }
    pub struct Quote = 2, v1 { pub bid: i64, pub ask: i64 }
}
use market::{Quote, Trade};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (bus, mut publisher) = Bus::<market::Events>::builder("md").capacity(64).single()?;
    let trades = Keep::last(500).tags(tags![Trade]);
    let (history, keeper) = History::builder(&bus).group("trades", trades).build()?;
    let mut slot = bus.slot("history").tags(keeper.tags()).attach_here(keeper)?;
    for qty in 0..1_000 {
        publisher.publish(qty as u32 % 4, &Trade { price: 100, qty })?;
        for bid in 0..9 {
            publisher.publish(7, &Quote { bid, ask: 101 })?;
        }
        while slot.turn() {}
    }

    // The ring holds the last events of any kind.
    let mut last = bus.last(3);
    while let Copied::Event { sequence, event } = last.poll() {
        println!("event {sequence}: {:?}", event.as_event().get::<Quote>().map(|quote| quote.bid));
    }

    // The history holds the last trades, whatever came between.
    let reader = history.reader("trades")?;
    let mut found = Vec::new();
    let coverage = reader.read(&Query::last(2).key(3), &mut found);
    for kept in &found {
        let trade = kept.event().get::<Trade>().ok_or("not a trade")?;
        println!("trade {} of key 3: {} at {}", kept.sequence(), trade.qty, trade.price);
    }
    println!("{} entries looked at for it", coverage.looked);

    // What is gone is said.
    let coverage = reader.read(&Query::first(10).since(0), &mut found);
    println!("from {} on; {} trades are forgotten", coverage.from, coverage.forgotten);
    Ok(())
}
