//! At most so many records of one callsite in a second: the rest is counted and told with the next one that passes. A table of fixed size that
//! all threads share; two callsites that meet in it find places of their own, and one that finds none is not limited.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tagring::clock::{Clock, Ticks};

/// Callsites that can be limited.
const PLACES: usize = 1 << PLACES_BITS;
const PLACES_BITS: u32 = 10;
/// Places that a callsite may take, from its own on.
const PROBES: usize = 32;

/// One callsite's second.
#[derive(Default)]
struct Place {
    /// 0: free.
    callsite: AtomicU64,
    /// When its second began.
    since: AtomicU64,
    passed: AtomicU32,
    held_back: AtomicU32,
}

impl Place {
    /// What was held back and nobody told of; a look alone where that is nothing.
    fn take(&self) -> u32 {
        if self.held_back.load(Ordering::Relaxed) == 0 { 0 } else { self.held_back.swap(0, Ordering::Relaxed) }
    }
}

/// The table.
pub(crate) struct Limiter {
    places: Box<[Place]>,
    second: u64,
    limit: u32,
    suppressed: AtomicU64,
}

impl Limiter {
    pub(crate) fn new(limit: u32, clock: &Clock) -> Self {
        let places = (0..PLACES).map(|_| Place::default()).collect();
        Self { places, second: clock.from_ns(1_000_000_000), limit, suppressed: AtomicU64::new(0) }
    }

    /// Whether a record may pass, and how many before it may not. All orderings are relaxed: the counts order nothing, and two threads that
    /// begin a second at the same moment let at most one record each pass too many.
    pub(crate) fn pass(&self, callsite: u64, now: Ticks) -> Option<u32> {
        let Some(place) = self.place(callsite) else { return Some(0) };
        let since = place.since.load(Ordering::Relaxed);
        let is_over = now.0.saturating_sub(since) >= self.second;
        if is_over && place.since.compare_exchange(since, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            place.passed.store(1, Ordering::Relaxed);
            return Some(place.take());
        }
        if place.passed.load(Ordering::Relaxed) < self.limit {
            place.passed.fetch_add(1, Ordering::Relaxed);
            return Some(place.take());
        }
        place.held_back.fetch_add(1, Ordering::Relaxed);
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// The record that was to tell of so many is lost itself: the next one tells.
    #[cold]
    pub(crate) fn put_back(&self, callsite: u64, untold: u32) {
        if let Some(place) = self.place(callsite) {
            place.held_back.fetch_add(untold, Ordering::Relaxed);
        }
    }

    fn place(&self, callsite: u64) -> Option<&Place> {
        let first = (callsite.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PLACES_BITS)) as usize;
        (0..PROBES).map(|probe| &self.places[(first + probe) % PLACES]).find(|place| {
            match place.callsite.load(Ordering::Relaxed) {
                0 => match place.callsite.compare_exchange(0, callsite, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => true,
                    Err(taken) => taken == callsite,
                },
                taken => taken == callsite,
            }
        })
    }

    /// Records held back so far.
    pub(crate) fn suppressed(&self) -> u64 {
        self.suppressed.load(Ordering::Relaxed)
    }

    /// Records held back that no later one has told of.
    pub(crate) fn untold(&self) -> u64 {
        self.places.iter().map(|place| u64::from(place.held_back.swap(0, Ordering::Relaxed))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_4583_a_callsite_passes_so_often_in_a_second_and_then_tells_what_did_not() {
        let (clock, hand) = Clock::manual(5_000_000_000);
        let limiter = Limiter::new(2, &clock);
        let pass = |callsite| limiter.pass(callsite, clock.now());
        assert_eq!([pass(8), pass(8), pass(8), pass(8), pass(16)], [Some(0), Some(0), None, None, Some(0)]);
        hand.advance_ns(999_999_999);
        assert_eq!(pass(8), None);
        hand.advance_ns(1);
        assert_eq!([pass(8), pass(8), pass(8)], [Some(3), Some(0), None]);
        assert_eq!((limiter.suppressed(), limiter.untold(), limiter.untold()), (4, 1, 0));
        // A record that was to tell and found the ring full leaves it to the next one of the same second.
        hand.advance_ns(1_000_000_000);
        assert_eq!(pass(8), Some(0));
        limiter.put_back(8, 3);
        assert_eq!([pass(8), pass(8)], [Some(3), None]);
    }

    #[test]
    fn callsites_beyond_the_table_are_not_limited() {
        let (clock, _) = Clock::manual(5_000_000_000);
        let limiter = Limiter::new(1, &clock);
        let passed =
            |_| (1..=4 * PLACES as u64).filter(|&callsite| limiter.pass(callsite, clock.now()).is_some()).count();
        assert_eq!(passed(()), 4 * PLACES);
        assert!(passed(()) >= 3 * PLACES, "at most as many as there are places are known");
        assert!(limiter.suppressed() > 0);
    }
}
