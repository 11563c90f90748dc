//! The tape slot, on the second bus: prints by instrument, and signals counted.

use crate::derived::View;
use tagring::bus::{Context, Handler, Outcome};
use tagring::event::Event;
use tagring_market::tape::Tape;

/// Span of a bar.
const BAR_NS: u64 = 1_000_000_000;

pub(crate) struct Tapes {
    tapes: Vec<Option<Box<Tape>>>,
    signals: u64,
}

impl Tapes {
    pub(crate) fn new(instruments_max: usize) -> Self {
        Self { tapes: (0..instruments_max).map(|_| None).collect(), signals: 0 }
    }

    /// Every instrument that traded.
    pub(crate) fn tapes(&self) -> impl Iterator<Item = (u32, &Tape)> {
        self.tapes.iter().zip(0..).filter_map(|(tape, key)| Some((key, tape.as_deref()?)))
    }

    pub(crate) fn signals(&self) -> u64 {
        self.signals
    }
}

impl Handler for Tapes {
    #[inline]
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        match View::of(event) {
            Some(View::Print(print)) => {
                let Some(place) = self.tapes.get_mut(event.key() as usize) else { return Outcome::Dead };
                let tape = place.get_or_insert_with(|| Box::new(Tape::new(BAR_NS)));
                tape.trade(print.price, print.qty, print.time_ns);
            }
            Some(View::Signal(_)) => self.signals += 1,
            None => return Outcome::Dead,
        }
        Outcome::Done
    }
}
