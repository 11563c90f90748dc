//! A publisher's delay in 16 bits: 5 bits of exponent, 11 of mantissa. 0 to 4,095 ticks are exact, larger ones within 1/2048,
//! up to some 4.4e12 ticks (29 minutes at 2.5 GHz); beyond that it saturates. Latencies are recorded with about three significant
//! digits, so nothing that is shown is lost.

/// Mantissa bits.
const MANTISSA: u32 = 11;
const EXPONENT_MAX: u32 = 31;

/// A delay as 16 bits, rounded down.
#[must_use]
#[inline]
pub const fn encode(ticks: u64) -> u16 {
    let bits = u64::BITS - ticks.leading_zeros();
    if bits <= MANTISSA {
        return ticks as u16;
    }
    // A value of 12 or more bits: the leading one is implied, the 11 bits below it are kept.
    let exponent = bits - MANTISSA;
    if exponent > EXPONENT_MAX {
        return u16::MAX;
    }
    let mantissa = (ticks >> (exponent - 1)) & ((1 << MANTISSA) - 1);
    (exponent << MANTISSA) as u16 | mantissa as u16
}

/// The delay in ticks.
#[must_use]
#[inline(always)]
pub const fn decode(delay: u16) -> u64 {
    let exponent = delay as u32 >> MANTISSA;
    let mantissa = delay as u64 & ((1 << MANTISSA) - 1);
    if exponent == 0 { mantissa } else { (mantissa | 1 << MANTISSA) << (exponent - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_delay_comes_back_within_one_in_2048(ticks in prop_oneof![0_u64..10_000, 0_u64..1 << 42]) {
            let back = decode(encode(ticks));
            prop_assert!(back <= ticks && ticks - back <= back >> 11, "{ticks} {back}");
        }
        #[test]
        fn longer_is_never_shorter(a in 0_u64..1 << 45, b in 0_u64..1 << 45) {
            prop_assert!(encode(a.min(b)) <= encode(a.max(b)));
        }
    }

    #[test]
    fn what_does_not_fit_saturates() {
        assert_eq!(encode(u64::MAX), u16::MAX);
        assert_eq!(decode(u16::MAX), 4095 << 30);
    }
}
