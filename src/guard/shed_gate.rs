//! The shedder as a gate: what does not live in the bus's mode does not enter the ring. A publisher that sheds here does not wait for room that
//! such events would take.

use super::shedder::Shedder;
use crate::event::Family;
use crate::gate::{Gate, Offer, Rejection};

/// Rejects with [`Rejection::Refused`]; what is counted by tag and reason are the shedder's own [`Shedder::counts`].
///
/// ```
/// use std::sync::Arc;
/// use tagring::bus::Bus;
/// use tagring::guard::{Mode, ModeCell, Rules, ShedReason, Shedder};
/// use tagring::tags;
///
/// tagring::events! {
///     pub mod market;
///     pub struct Quote = 1, v1 { pub price: i64 }
///     pub struct Halt = 2, v1 { pub reason: u64 }
/// }
/// use market::{Events, Halt, Quote};
///
/// let (bus, publisher) = Bus::<Events>::builder("md").capacity(8).single()?;
/// let mode = Arc::new(ModeCell::default());
/// let shedder = Shedder::new::<Events>(&mode, Rules::all(tags![Quote, Halt]).keep(Mode::Halted, tags![Halt]), bus.clock());
/// let counts = shedder.counts().clone();
/// let mut feed = publisher.gate(shedder)?;
/// mode.force(Mode::Halted);
/// assert_eq!(feed.try_publish(7, &Quote { price: 1 }).unwrap_err().code(), "TR-0917");
/// feed.try_publish(7, &Halt { reason: 1 })?;
/// assert_eq!((bus.published(), counts.by_reason(ShedReason::Mode)), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<F: Family> Gate<F> for Shedder {
    #[inline(always)]
    fn check(&mut self, offer: &Offer<'_>, _: &impl Fn() -> u64) -> Result<(), Rejection> {
        let time = offer.intended.unwrap_or(offer.now);
        self.admits(offer.tag, time).map_err(|reason| Rejection::Refused {
            payload: offer.name,
            what: reason.what(),
            value: self.mode() as i64,
            limit: 0,
            remedy: reason.remedy(),
        })
    }
}
