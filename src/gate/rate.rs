//! The gate that holds a publisher, and groups of its tags, to a rate: token buckets.
//!
//! A bucket counts credit in ticks times events a second, so that nothing is rounded: in any stretch of time no more than `burst` and the rate's
//! share of the stretch get in, and of a steady excess exactly that share. (With a burst of 1 that is a least distance between events: one that
//! comes later than it is due has lost the difference. From 2 on nothing is lost to that.)

use super::offer::Offer;
use super::rejection::Rejection;
use super::rule_error::RuleError;
use super::tuples::{Gate, Site};
use crate::bus::Name;
use crate::clock::Ticks;
use crate::event::{Family, MAX_TAGS, TagSet};

/// Events a second that a rate may be.
pub(crate) const PER_S_MAX: u64 = 1_000_000_000;
/// Events at once that a rate may allow. With clocks of up to 2^34 ticks a second a full bucket then fits a word.
pub(crate) const BURST_MAX: u64 = 1 << 24;
/// Groups of one gate: a tag's group is a byte, and 0 says that it has none.
const GROUPS_MAX: usize = 255;

/// Holds the publisher, and groups of tags, to so many events a second.
///
/// ```
/// use tagring::bus::Bus;
/// use tagring::clock::Clock;
/// use tagring::gate::Rate;
/// use tagring::tags;
///
/// tagring::events! {
///     pub mod market;
///     pub struct Trade = 1, v1 { pub qty: u64 }
///     pub struct Quote = 2, v1 { pub bid: i64 }
/// }
/// use market::{Quote, Trade};
///
/// let (clock, hand) = Clock::manual(0);
/// let (_bus, publisher) = Bus::<market::Events>::builder("md").capacity(64).clock(clock).single()?;
/// let rate = Rate::per_second(1_000, 10)?.group("quotes", &tags![Quote], 100, 1)?;
/// let mut gated = publisher.gate(rate)?;
/// gated.try_publish(7, &Quote { bid: 1 })?;
/// assert_eq!(gated.try_publish(7, &Quote { bid: 2 }).unwrap_err().code(), "TR-0909");
/// gated.try_publish(7, &Trade { qty: 1 })?; // another tag: only the publisher's own rate counts
/// hand.advance_ns(10_000_000);
/// gated.try_publish(7, &Quote { bid: 2 })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rate {
    whole: Option<Bucket>,
    groups: Vec<(Name, Bucket)>,
    /// The group of each tag, from 1; 0: none.
    group_of: Box<[u8]>,
}

impl Rate {
    /// So many events a second, and so many at once.
    ///
    /// # Errors
    /// [`RuleError::Setting`]: no event at all, more than 10^9 a second, or more than 2^24 at once.
    pub fn per_second(per_s: u64, burst: u64) -> Result<Self, RuleError> {
        Ok(Self { whole: Some(Bucket::new(per_s, burst)?), ..Self::by_group() })
    }

    /// No rate for the publisher as a whole: add groups.
    #[must_use]
    pub fn by_group() -> Self {
        Self { whole: None, groups: Vec::new(), group_of: vec![0; MAX_TAGS].into() }
    }

    /// So many events a second of these tags together, and so many at once. They count for the publisher's own rate too.
    ///
    /// # Errors
    /// As [`Self::per_second`]; [`RuleError::GroupTwice`]; more than 255 groups.
    pub fn group(mut self, name: &str, tags: &TagSet, per_s: u64, burst: u64) -> Result<Self, RuleError> {
        RuleError::within("rate", "groups", self.groups.len() as u64 + 1, 1, GROUPS_MAX as u64)?;
        let name = Name::new(name);
        for tag in tags.iter() {
            let group = &mut self.group_of[usize::from(tag.get())];
            if let Some((first, _)) = usize::from(*group).checked_sub(1).map(|at| self.groups[at].clone()) {
                return Err(RuleError::GroupTwice { tag: tag.get(), first, second: name });
            }
            *group = self.groups.len() as u8 + 1;
        }
        self.groups.push((name, Bucket::new(per_s, burst)?));
        Ok(self)
    }

    #[inline(always)]
    fn group_at(&mut self, offer: &Offer<'_>) -> Option<&mut (Name, Bucket)> {
        let group = usize::from(self.group_of[usize::from(offer.tag.get()) % MAX_TAGS]);
        self.groups.get_mut(group.wrapping_sub(1))
    }
}

impl<F: Family> Gate<F> for Rate {
    fn put_up(&mut self, site: &Site<'_>) -> Result<(), RuleError> {
        let (now, ticks_per_s) = (site.clock.now(), site.clock.from_ns(1_000_000_000));
        let buckets = self.whole.iter_mut().chain(self.groups.iter_mut().map(|(_, bucket)| bucket));
        buckets.for_each(|bucket| bucket.fill(now, ticks_per_s));
        Ok(())
    }

    #[inline(always)]
    fn check(&mut self, offer: &Offer<'_>, _: &impl Fn() -> u64) -> Result<(), Rejection> {
        if let Some(whole) = &mut self.whole
            && !whole.has_one(offer.now)
        {
            let (per_s, burst, retry_ns) = whole.told();
            return Err(Rejection::Rate { per_s, burst, retry_ns });
        }
        if let Some((group, bucket)) = self.group_at(offer)
            && !bucket.has_one(offer.now)
        {
            let (per_s, burst, retry_ns) = bucket.told();
            return Err(Rejection::GroupRate { group: *group, per_s, burst, retry_ns });
        }
        Ok(())
    }

    #[inline(always)]
    fn settle(&mut self, offer: &Offer<'_>, _: u64) {
        if let Some(whole) = &mut self.whole {
            whole.spend();
        }
        if let Some((_, bucket)) = self.group_at(offer) {
            bucket.spend();
        }
    }
}

/// A token bucket. Its unit is a tick times an event a second: a second's ticks are the price of one event.
#[derive(Clone, Debug)]
struct Bucket {
    per_s: u64,
    burst: u64,
    credit: u64,
    /// What one event takes: the ticks of a second.
    price: u64,
    /// What it holds at most.
    full: u64,
    /// Ticks after which it is full, whatever was in it.
    full_after: u64,
    /// Up to when it has been filled.
    filled: Ticks,
}

impl Bucket {
    fn new(per_s: u64, burst: u64) -> Result<Self, RuleError> {
        RuleError::within("rate", "events a second", per_s, 1, PER_S_MAX)?;
        RuleError::within("rate", "events at once", burst, 1, BURST_MAX)?;
        Ok(Self { per_s, burst, credit: 0, price: 0, full: 0, full_after: 0, filled: Ticks(0) })
    }

    fn fill(&mut self, now: Ticks, ticks_per_s: u64) {
        self.price = ticks_per_s;
        self.full = self.burst * ticks_per_s;
        self.full_after = self.full.div_ceil(self.per_s);
        (self.credit, self.filled) = (self.full, now);
    }

    /// Fills it up to now, and looks whether there is enough for an event. A clock that goes back fills nothing.
    #[inline(always)]
    fn has_one(&mut self, now: Ticks) -> bool {
        let passed = now.since(self.filled);
        if passed > 0 {
            self.credit = (self.credit + passed.min(self.full_after) * self.per_s).min(self.full);
            self.filled = now;
        }
        self.credit >= self.price
    }

    #[inline(always)]
    fn spend(&mut self) {
        debug_assert!(self.credit >= self.price, "an event was checked before it is settled");
        self.credit -= self.price;
    }

    /// Its rate, its burst, and nanoseconds until there is enough for an event.
    #[cold]
    fn told(&self) -> (u64, u64, u64) {
        let missing = u128::from(self.price.saturating_sub(self.credit)) * 1_000_000_000;
        let retry = missing.div_ceil(u128::from(self.per_s) * u128::from(self.price.max(1)));
        (self.per_s, self.burst, retry as u64)
    }
}
