//! The gate that bounds how many of a publisher's own events may be in the ring and not yet handled by every slot: a publisher that floods a
//! shared ring then leaves room for the others.
//!
//! It keeps the sequences of the last so many events of its own. The event that would be one too many may enter once the slowest slot has passed
//! the oldest of them. What the slowest slot has passed is remembered, and looked at again only where that memory says no.

use super::offer::Offer;
use super::rejection::Rejection;
use super::rule_error::RuleError;
use super::tuples::{Gate, Site};
use crate::event::Family;

/// Bounds the publisher's own events in the ring.
///
/// ```
/// use tagring::bus::{Bus, Context, Handler, Outcome};
/// use tagring::event::Event;
/// use tagring::gate::Quota;
///
/// tagring::events! { pub mod orders; pub struct Order = 1, v1 { pub qty: u64 } }
/// # struct Risk;
/// # impl Handler for Risk {
/// #     fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome { Outcome::Done }
/// # }
/// let (bus, publisher) = Bus::<orders::Events>::builder("orders").capacity(64).many()?;
/// let mut slot = bus.slot("risk").attach_here(Risk)?;
/// let mut other = publisher.clone();
/// let mut flooding = publisher.gate(Quota::in_flight(16)?)?;
/// while flooding.try_publish(1, &orders::Order { qty: 1 }).is_ok() {}
/// assert_eq!(bus.published(), 16);
/// other.try_publish(2, &orders::Order { qty: 1 })?; // finds room
/// while slot.turn() {}
/// flooding.try_publish(1, &orders::Order { qty: 1 })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Quota {
    /// The last sequences of its own, the oldest at `next`.
    own: Box<[u64]>,
    next: usize,
    /// All sequences below are done, as far as it has looked.
    passed: u64,
}

/// A place of `own` that no event has taken yet: done from the start.
const NONE: u64 = 0;

impl Quota {
    /// At most so many. Takes a word for each, all at once.
    ///
    /// # Errors
    /// [`RuleError::Setting`]: none. More than the ring has cells is refused where the gate is put up.
    pub fn in_flight(events: usize) -> Result<Self, RuleError> {
        RuleError::within("quota", "events in flight", events as u64, 1, 1 << 32)?;
        Ok(Self { own: vec![NONE; events].into(), next: 0, passed: 0 })
    }

    /// Events of its own that were not done when it last looked.
    #[cold]
    fn full(&self) -> Rejection {
        let in_flight = self.own.iter().filter(|&&end| end > self.passed).count() as u64;
        Rejection::Quota { in_flight, limit: self.own.len() as u64 }
    }
}

impl<F: Family> Gate<F> for Quota {
    fn put_up(&mut self, site: &Site<'_>) -> Result<(), RuleError> {
        RuleError::within("quota", "events in flight", self.own.len() as u64, 1, site.capacity as u64)
    }

    /// A claim that is open keeps the gate from looking: it looks before, where the batch might not fit.
    fn prepare(&mut self, count: usize, passed: &impl Fn() -> u64) {
        let last = (self.next + count.saturating_sub(1)) % self.own.len();
        if count > self.own.len() || self.own[last] > self.passed {
            self.passed = self.passed.max(passed());
        }
    }

    #[inline(always)]
    fn check(&mut self, _: &Offer<'_>, passed: &impl Fn() -> u64) -> Result<(), Rejection> {
        if self.own[self.next] > self.passed {
            self.passed = self.passed.max(passed());
            if self.own[self.next] > self.passed {
                return Err(self.full());
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn settle(&mut self, _: &Offer<'_>, sequence: u64) {
        // One more than the sequence: a slot that stands there has done it.
        self.own[self.next] = sequence + 1;
        self.next = if self.next + 1 == self.own.len() { 0 } else { self.next + 1 };
    }
}
