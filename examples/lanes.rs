//! Shows a bus with two lanes: a halt that is published behind a long backlog of quotes is handled after one turn.

use std::time::Duration;
use tagring::bus::{Context, Handler, Lanes, Outcome, SlotThread};
use tagring::event::Event;

tagring::events! {
    pub mod market;
    pub struct Quote = 1, v1 { pub price: i64 }
    pub struct Halt = 2, v1 { pub published: u64 }
}
use market::{Halt, Quote};

const TURN: u64 = 64;

#[derive(Default)]
struct Desk {
    quotes: u64,
    /// Quotes that were published after a halt and handled before it.
    late_max: u64,
}

impl Handler for Desk {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        match event.get::<Halt>() {
            Some(halt) => {
                assert_eq!(ctx.lane(), 0);
                self.late_max = self.late_max.max(self.quotes.saturating_sub(halt.published));
            }
            None => self.quotes += 1,
        }
        Outcome::Done
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut lanes = Lanes::<market::Events>::builder("md");
    let mut control = lanes.single(64)?; // Lane 0: the most urgent.
    let mut feed = lanes.single(1024)?;
    let md = lanes.build()?;
    let thread = SlotThread::builder("desk").start()?;
    let desk = md.slot("desk").turn_limit(TURN as usize).attach(&thread, Desk::default())?;

    for price in 0..100_000 {
        feed.publish(7, &Quote { price })?; // Waits for room: the ring of quotes is full all the time.
        if price % 1_000 == 999 {
            control.publish(0, &Halt { published: feed.position() })?;
        }
    }
    drop((control, feed));
    let view = desk.view().clone();
    let desk = desk.join(Duration::from_secs(30))?;
    let handled = view.lanes().iter().map(|lane| lane.delivered).collect::<Vec<_>>();
    assert!(desk.late_max <= TURN);
    println!("by lane: {handled:?} handled, no halt late by more than a turn");
    Ok(())
}
