//! The signal slot: order-flow imbalance per instrument, a decaying sum of what is added on the bid less what is added on the ask. It runs
//! after the book, so that who reacts to a signal finds the book at least as new, and publishes to the second bus.

use super::outlet::Outlet;
use crate::derived::Signal;
use tagring::bus::{Context, Handler, Outcome};
use tagring::event::Event;
use tagring_market::events::{LevelChanged, OrderAdded};

/// Each addition lets 1/64 of the sum decay: the last few dozen additions count.
const DECAY: i64 = 64;
/// A signal is given when the flow leans by more than this, and again only after it has come back below a third of it.
const ENTER_PERCENT: i64 = 75;
const LEAVE_PERCENT: i64 = 25;

#[derive(Clone, Copy, Default)]
struct Flow {
    net: i64,
    gross: i64,
    leaning: bool,
}

pub(crate) struct Signals {
    flows: Vec<Flow>,
    outlet: Outlet,
    given: u64,
}

impl Signals {
    pub(crate) fn new(outlet: Outlet, instruments: usize) -> Self {
        Self { flows: vec![Flow::default(); instruments], outlet, given: 0 }
    }

    pub(crate) fn given(&self) -> u64 {
        self.given
    }

    pub(crate) fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.outlet.dropped()
    }

    #[inline]
    fn add(&mut self, event: &Event, qty: i64, side: u8, time_ns: u64) {
        let Some(flow) = self.flows.get_mut(event.key() as usize) else { return };
        // Halved eight times, the largest size leaves room for 64 of them.
        let qty = qty >> 8;
        flow.net += if side == b'B' { qty } else { -qty } - flow.net / DECAY;
        flow.gross += qty - flow.gross / DECAY;
        let bound = if flow.leaning { LEAVE_PERCENT } else { ENTER_PERCENT };
        let leans = flow.net.abs() > flow.gross / 100 * bound;
        if leans && !flow.leaning {
            self.given += 1;
            let imbalance_ppm = (i128::from(flow.net) * 1_000_000 / i128::from(flow.gross.max(1))) as i64;
            self.outlet.publish(event, &Signal { imbalance_ppm, time_ns });
        }
        flow.leaning = leans;
    }
}

impl Handler for Signals {
    #[inline]
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        if let Some(order) = event.get::<OrderAdded>() {
            self.add(event, order.qty, order.side, order.time_ns);
        } else if let Some(level) = event.get::<LevelChanged>() {
            self.add(event, level.qty, level.side, level.time_ns);
        }
        Outcome::Done
    }

    fn on_stop(&mut self, _: &mut Context) {
        self.outlet.close();
    }

    fn on_failed(&mut self, ctx: &mut Context) {
        self.on_stop(ctx);
    }
}
