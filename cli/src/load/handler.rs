//! The handler in every slot of the load: it takes its time over each event, forwards some, and measures from the time at which the event was
//! due at its source to the time at which it is done here.

use super::events::body_of;
use super::port::Port;
use super::service::Burner;
use tagring::bus::{Context, Envelope, Handler, Outcome};
use tagring::clock::Ticks;
use tagring::counters::HistogramWriter;
use tagring::event::Event;

/// Where a slot forwards to, and how often.
pub(super) struct Outlet {
    pub(super) port: Port,
    /// Events forwarded of so many.
    pub(super) share: (u64, u64),
    /// What is due of the next one, in parts of `share.1`.
    pub(super) due: u64,
}

pub(super) struct Synthetic {
    pub(super) burner: Burner,
    pub(super) outlets: Vec<Outlet>,
    /// Due to done, in ticks.
    pub(super) done: HistogramWriter,
}

impl Handler for Synthetic {
    #[inline]
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let body = body_of(event);
        let due = Ticks(body[0]);
        let mut now = self.burner.burn(ctx.clock());
        if !self.outlets.is_empty() {
            for outlet in &mut self.outlets {
                outlet.forward(event.key(), due, body);
            }
            now = ctx.clock().now_after_load();
        }
        self.done.record(now.since(due));
        Outcome::Done
    }

    fn on_stop(&mut self, _: &mut Context) {
        // The bus behind an outlet closes when its last publisher goes.
        self.outlets.clear();
    }

    fn on_failed(&mut self, ctx: &mut Context) {
        self.on_stop(ctx);
    }
}

impl Outlet {
    /// Forwards as many as are due by now; their age goes on from the source.
    #[inline]
    fn forward(&mut self, key: u32, due: Ticks, body: [u64; 5]) {
        self.due += self.share.0;
        while self.due >= self.share.1 {
            self.due -= self.share.1;
            // A bus that closes ends the wait.
            self.port.publish(Envelope::key(key).intended(due), body, || false);
        }
    }
}
