//! The gate that lets no event in that comes too late: older than a bound, or at its deadline and after it.

use super::offer::Offer;
use super::rejection::Rejection;
use super::rule_error::RuleError;
use super::tuples::{Gate, Site};
use crate::clock::{Clock, Ticks};
use crate::event::Family;
use core::time::Duration;

/// Lets no late event in. The age is from when the event should have been published; where that is not known it has none.
///
/// ```
/// use std::time::Duration;
/// use tagring::bus::{Bus, Envelope};
/// use tagring::clock::{Clock, Ticks};
/// use tagring::gate::{Entry, NotAfter};
///
/// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
/// use market::Trade;
///
/// let (clock, hand) = Clock::manual(10_000);
/// let (_bus, publisher) = Bus::<market::Events>::builder("md").capacity(4).clock(clock).single()?;
/// let mut gated = publisher.gate(NotAfter::age(Duration::from_micros(1)))?;
/// gated.try_publish(Envelope::key(7).intended(Ticks(9_000)), &Trade { qty: 1 })?;
/// let late = gated.try_publish(Envelope::key(7).intended(Ticks(8_999)), &Trade { qty: 1 });
/// assert_eq!(late.unwrap_err().code(), "TR-0915");
/// let expired = gated.try_publish(Entry::key(7).deadline(Ticks(10_000)), &Trade { qty: 1 });
/// assert_eq!(expired.unwrap_err().code(), "TR-0916");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct NotAfter {
    age_max: Option<Duration>,
    age_ticks: u64,
    deadlines: bool,
    clock: Option<Clock>,
}

impl NotAfter {
    /// Not older than this, and not past its deadline where it has one.
    #[must_use]
    pub fn age(age_max: Duration) -> Self {
        Self { age_max: Some(age_max), ..Self::deadline() }
    }

    /// Not past its deadline, where it has one.
    #[must_use]
    pub fn deadline() -> Self {
        Self { age_max: None, age_ticks: u64::MAX, deadlines: true, clock: None }
    }

    /// The age alone: deadlines are left to those who handle the event.
    #[must_use]
    pub fn without_deadlines(mut self) -> Self {
        self.deadlines = false;
        self
    }

    #[cold]
    fn late(&self, offer: &Offer<'_>, deadline: Ticks) -> Rejection {
        Rejection::Expired { payload: offer.name, late_ns: self.ns(offer.now.since(deadline)) }
    }

    #[cold]
    fn old(&self, offer: &Offer<'_>, age: u64) -> Rejection {
        Rejection::TooOld { payload: offer.name, age_ns: self.ns(age), limit_ns: self.ns(self.age_ticks) }
    }

    fn ns(&self, ticks: u64) -> u64 {
        self.clock.as_ref().map_or(ticks, |clock| clock.to_ns(ticks))
    }
}

impl<F: Family> Gate<F> for NotAfter {
    fn put_up(&mut self, site: &Site<'_>) -> Result<(), RuleError> {
        let in_ticks = |age: Duration| site.clock.from_ns(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
        self.age_ticks = self.age_max.map_or(u64::MAX, in_ticks);
        self.clock = Some(site.clock.clone());
        Ok(())
    }

    #[inline(always)]
    fn check(&mut self, offer: &Offer<'_>, _: &impl Fn() -> u64) -> Result<(), Rejection> {
        if let Some(deadline) = offer.deadline
            && self.deadlines
            && offer.now >= deadline
        {
            return Err(self.late(offer, deadline));
        }
        let age = offer.intended.map_or(0, |at| offer.now.since(at));
        if age > self.age_ticks { Err(self.old(offer, age)) } else { Ok(()) }
    }
}
