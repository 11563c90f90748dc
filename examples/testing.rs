//! Shows how to test a handler: a clock moved by hand, one step at a time, and a recorder for what came out.

use tagring::bus::{Bus, Context, Handler, Outcome, Publisher};
use tagring::clock::Ticks;
use tagring::event::Event;
use tagring::testkit::{Drive, Recorder};

tagring::events! {
    pub mod market;
    pub struct Quote = 1, v1 { pub bid: i64 }
    /// No quote came for longer than allowed.
    pub struct Stale = 2, v1 { pub silent_ns: u64 }
}
use market::{Events, Quote, Stale};

/// The handler under test: raises `Stale`, once, after a second without a quote.
struct Watch {
    last: Ticks,
    alarms: Publisher<Events>,
}

impl Handler for Watch {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.last = event.header().publish_ticks();
        Outcome::Done
    }
    fn on_idle(&mut self, ctx: &mut Context) {
        let silent_ns = ctx.clock().to_ns(ctx.clock().now().since(self.last));
        if silent_ns >= 1_000_000_000 && self.last != Ticks(0) {
            self.last = Ticks(0);
            self.alarms.try_publish(7, &Stale { silent_ns }).unwrap_or_else(|failure| panic!("{failure}"));
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (bus, alarms) = Bus::<Events>::builder("alarms").capacity(16).single()?;
    let (recorder, records) = Recorder::new(16);
    let mut outlet = bus.slot("recorder").attach_here(recorder)?;

    let mut drive = Drive::<Events, _>::new(Watch { last: Ticks(0), alarms });
    drive.publish(7, &Quote { bid: 100 });
    assert!(drive.turn(), "the quote is handled");
    drive.advance_ns(999_999_999);
    assert!(!drive.turn() && !outlet.turn(), "a nanosecond early: nothing is raised");
    drive.advance_ns(1);
    assert!(!drive.turn() && !drive.turn() && outlet.turn());
    assert_eq!(records.of::<Stale>(), [Stale { silent_ns: 1_000_000_000 }], "raised once");
    println!("{} alarm after {} ns, no waiting", records.seen(), records.of::<Stale>()[0].silent_ns);
    Ok(())
}
