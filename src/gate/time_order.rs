//! The gate that lets no event in whose time is before that of the event before it, of the publisher or of the same key.
//!
//! The time is when the event should have been published, where that is known, else when it is. Times of keys lie in a table of fixed size.

use super::offer::Offer;
use super::rejection::Rejection;
use super::rule_error::RuleError;
use super::tuples::{Gate, Site};
use crate::clock::{Clock, Ticks};
use crate::event::Family;

/// Keys that times can be kept of.
pub(crate) const KEYS_MAX: u64 = 1 << 24;

/// Lets events in whose time does not go back.
///
/// ```
/// use tagring::bus::{Bus, Envelope};
/// use tagring::clock::Ticks;
/// use tagring::gate::TimeOrder;
///
/// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
/// let (_bus, publisher) = Bus::<market::Events>::builder("md").capacity(4).single()?;
/// let mut gated = publisher.gate(TimeOrder::by_key(1_000)?)?;
/// let at = |key, ticks| Envelope::key(key).intended(Ticks(ticks));
/// gated.try_publish(at(7, 100), &market::Trade { qty: 1 })?;
/// gated.try_publish(at(8, 50), &market::Trade { qty: 1 })?;
/// assert_eq!(gated.try_publish(at(7, 99), &market::Trade { qty: 1 }).unwrap_err().code(), "TR-0906");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TimeOrder {
    last: Ticks,
    keys: Option<Keys>,
    clock: Option<Clock>,
}

impl TimeOrder {
    /// One order for all events of the publisher.
    #[must_use]
    pub fn of_publisher() -> Self {
        Self { last: Ticks(0), keys: None, clock: None }
    }

    /// An order for each key, of which there are `keys_max` at most. Takes 32 bytes a key, all at once.
    ///
    /// # Errors
    /// [`RuleError::Setting`]: no keys, or more than 16 million.
    pub fn by_key(keys_max: usize) -> Result<Self, RuleError> {
        RuleError::within("time_order", "keys", keys_max as u64, 1, KEYS_MAX)?;
        Ok(Self { keys: Some(Keys::new(keys_max)), ..Self::of_publisher() })
    }

    #[cold]
    fn back(&self, offer: &Offer<'_>, ticks: u64) -> Rejection {
        let by_ns = self.clock.as_ref().map_or(ticks, |clock| clock.to_ns(ticks));
        Rejection::TimeBack { payload: offer.name, key: self.keys.as_ref().map(|_| offer.key), by_ns }
    }
}

impl<F: Family> Gate<F> for TimeOrder {
    fn put_up(&mut self, site: &Site<'_>) -> Result<(), RuleError> {
        self.clock = Some(site.clock.clone());
        Ok(())
    }

    #[inline(always)]
    fn check(&mut self, offer: &Offer<'_>, _: &impl Fn() -> u64) -> Result<(), Rejection> {
        let time = offer.intended.unwrap_or(offer.now);
        let last = match &mut self.keys {
            None => self.last,
            Some(keys) => keys.find(offer.key)?,
        };
        if time < last { Err(self.back(offer, last.since(time))) } else { Ok(()) }
    }

    #[inline(always)]
    fn settle(&mut self, offer: &Offer<'_>, _: u64) {
        let time = offer.intended.unwrap_or(offer.now);
        match &mut self.keys {
            None => self.last = time,
            Some(keys) => keys.set(offer.key, time),
        }
    }
}

/// The last time of each key: an open table, half empty at most, whose entries never go.
#[derive(Clone, Debug)]
struct Keys {
    entries: Box<[Option<(u32, Ticks)>]>,
    shift: u32,
    len: usize,
    limit: usize,
    /// Where the key that was looked up last stands, or would.
    at: usize,
}

impl Keys {
    fn new(limit: usize) -> Self {
        let room = (2 * limit).next_power_of_two();
        let shift = 32 - room.trailing_zeros();
        Self { entries: vec![None; room].into(), shift, len: 0, limit, at: 0 }
    }

    /// The key's last time, 0 where it has none.
    #[inline(always)]
    fn find(&mut self, key: u32) -> Result<Ticks, Rejection> {
        // Multiplicative hashing (Knuth): the upper bits are the mixed ones.
        let mut at = (key.wrapping_mul(0x9e37_79b1) >> self.shift) as usize;
        loop {
            match self.entries[at] {
                Some((known, time)) if known == key => {
                    self.at = at;
                    return Ok(time);
                }
                Some(_) => at = (at + 1) & (self.entries.len() - 1),
                None if self.len == self.limit => return Err(Rejection::TooManyKeys { key, limit: self.limit }),
                None => {
                    self.at = at;
                    return Ok(Ticks(0));
                }
            }
        }
    }

    /// Sets the time of the key that was looked up last.
    #[inline(always)]
    fn set(&mut self, key: u32, time: Ticks) {
        let entry = &mut self.entries[self.at];
        self.len += usize::from(entry.is_none());
        *entry = Some((key, time));
    }
}
