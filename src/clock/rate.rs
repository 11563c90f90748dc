//! How long a tick is: conversion between ticks and nanoseconds by one multiplication and a shift.
//!
//! `calibrate` makes it, [`Clock`](super::Clock) converts with it. Invariant: both factors are rounded at their 60th
//! binary place, so that a conversion is exact to one unit up to 2^59 (18 years of nanoseconds), and nothing accumulates.

const NS_PER_SECOND: u128 = 1_000_000_000;

/// Binary places of the factors: the most that leaves a 64-bit factor room for every rate in [`HZ`].
const PLACES: u32 = 60;

/// Rates a factor can hold, with room to spare: a tick of 1/16 ns to 10 ns. No known invariant counter is outside.
const HZ: std::ops::RangeInclusive<u64> = 100_000_000..=15_000_000_000;

/// The measured length of a tick.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TickRate {
    hz: u64,
    error_ppm: f64,
    ns_per_tick: u64,
    ticks_per_ns: u64,
}

impl TickRate {
    /// The rate for a counter of `hz` ticks a second, measured to `error_ppm`; none where no counter runs at that rate.
    pub(super) fn new(hz: u64, error_ppm: f64) -> Option<Self> {
        HZ.contains(&hz).then(|| Self {
            hz,
            error_ppm,
            ns_per_tick: divide((NS_PER_SECOND) << PLACES, u128::from(hz)) as u64,
            ticks_per_ns: divide(u128::from(hz) << PLACES, NS_PER_SECOND) as u64,
        })
    }

    pub(super) fn hz(&self) -> u64 {
        self.hz
    }

    pub(super) fn error_ppm(&self) -> f64 {
        self.error_ppm
    }

    #[inline]
    pub(super) fn to_ns(&self, ticks: u64) -> u64 {
        scale(ticks, self.ns_per_tick)
    }

    #[inline]
    pub(super) fn to_ticks(&self, ns: u64) -> u64 {
        scale(ns, self.ticks_per_ns)
    }
}

/// Division rounded to the nearest.
fn divide(numerator: u128, denominator: u128) -> u128 {
    (numerator + denominator / 2) / denominator
}

/// `value * factor / 2^PLACES`, rounded to the nearest and saturating.
#[inline]
fn scale(value: u64, factor: u64) -> u64 {
    let product = u128::from(value) * u128::from(factor) + (1 << (PLACES - 1));
    u64::try_from(product >> PLACES).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact_ns(ticks: u64, hz: u64) -> u128 {
        divide(u128::from(ticks) * NS_PER_SECOND, u128::from(hz))
    }

    #[test]
    fn rates_no_counter_has_are_refused() {
        for hz in [0, 1, 99_999_999, 15_000_000_001, u64::MAX] {
            assert_eq!(TickRate::new(hz, 0.0), None);
        }
    }

    #[test]
    fn a_nanosecond_tick_converts_to_itself() {
        let rate = TickRate::new(1_000_000_000, 0.0).unwrap();
        for ns in [0, 1, 999, u64::MAX] {
            assert_eq!((rate.to_ns(ns), rate.to_ticks(ns)), (ns, ns));
        }
    }

    #[test]
    fn halves_are_rounded_up() {
        let rate = TickRate::new(2_000_000_000, 0.0).unwrap();
        assert_eq!([0, 1, 2, 3, 4].map(|ticks| rate.to_ns(ticks)), [0, 1, 1, 2, 2]);
    }

    #[test]
    fn what_does_not_fit_saturates() {
        assert_eq!(TickRate::new(100_000_000, 0.0).unwrap().to_ns(u64::MAX), u64::MAX);
        assert_eq!(TickRate::new(2_000_000_000, 0.0).unwrap().to_ticks(u64::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn issue_4596_conversion_is_exact_to_a_nanosecond(ticks in 0..1u64 << 59, hz in HZ) {
            let ns = TickRate::new(hz, 0.0).unwrap().to_ns(ticks);
            prop_assert!(exact_ns(ticks, hz).abs_diff(u128::from(ns)) <= 1);
        }

        #[test]
        fn issue_4596_conversion_keeps_the_order(a: u64, b: u64, hz in HZ) {
            let rate = TickRate::new(hz, 0.0).unwrap();
            prop_assert_eq!(rate.to_ns(a.min(b)), rate.to_ns(a).min(rate.to_ns(b)));
        }

        /// There and back, within the rounding: half a tick on the way there, half a nanosecond on the way back.
        #[test]
        fn issue_4596_round_trip(ns in 0..1u64 << 55, hz in HZ) {
            let rate = TickRate::new(hz, 0.0).unwrap();
            let tick_ns = 1_000_000_000u64.div_ceil(hz);
            prop_assert!(rate.to_ns(rate.to_ticks(ns)).abs_diff(ns) <= 1 + tick_ns);
        }
    }
}
