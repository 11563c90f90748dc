//! Exact decimal numbers: text to `i64` at 1e-8 a unit and back, without floats. Feeds call [`parse`] for every price and
//! size; reports call [`text`]. The invariant: what does not fit exactly is an error, never rounded.
use std::fmt;

/// Digits after the point that a unit of 1e-8 has.
pub const DECIMALS: u32 = 8;
/// Units in one: 1e8.
pub const ONE: i64 = 100_000_000;

const POW10: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/// With so many digits before the point the number is below 9.3e18 whatever the digits are, so nothing can overflow.
const SAFE_WHOLE_DIGITS: usize = 10;

/// Why a text is not a number that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// There is no text.
    Empty,
    /// Something else than `[-]digits[.digits]`: a plus sign, an exponent, a space, a lone point.
    NotANumber,
    /// More than 8 digits after the point that are not trailing zeros.
    TooFine,
    /// Beyond ±92,233,720,368.54775807.
    OutOfRange,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::NotANumber => "is not a decimal number",
            Self::TooFine => "has more than 8 decimals",
            Self::OutOfRange => "is beyond ±92233720368.54775807",
        })
    }
}

impl std::error::Error for DecimalError {}

/// The number that `text` states, in units of 1e-8.
///
/// Grammar: an optional `-`, at least one digit, and optionally a point with at least one digit. Leading zeros, trailing
/// zeros and `-0` are fine.
///
/// # Errors
/// [`DecimalError`], where the text is no such number or does not fit exactly.
///
/// ```
/// use tagring_market::decimal::{parse, DecimalError};
/// assert_eq!(parse(b"61804.70"), Ok(6_180_470_000_000));
/// assert_eq!(parse(b"0.00000001"), Ok(1));
/// assert_eq!(parse(b"0.000000001"), Err(DecimalError::TooFine));
/// assert_eq!(parse(b"1e5"), Err(DecimalError::NotANumber));
/// ```
#[inline]
pub fn parse(text: &[u8]) -> Result<i64, DecimalError> {
    let Some((whole, used)) = leading_digits(text) else { return parse_any(text) };
    match text.get(used) {
        None => Ok(whole as i64 * ONE),
        Some(b'.') => match fraction(&text[used + 1..]) {
            Some(units) => Ok(whole as i64 * ONE + units as i64),
            None => parse_any(text),
        },
        Some(_) => Err(DecimalError::NotANumber),
    }
}

/// The digits in front and how many there are: 1 to 10, the shape of nearly every price; `None` for all others.
#[inline]
fn leading_digits(text: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    let mut used = 0;
    while used < text.len() {
        let digit = text[used].wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + u64::from(digit);
        used += 1;
        if used > SAFE_WHOLE_DIGITS {
            return None;
        }
    }
    (used > 0 && value < 92_233_720_368).then_some((value, used))
}

/// The units in 1 to 8 digits after the point; `None` for every other shape.
#[inline]
fn fraction(text: &[u8]) -> Option<u64> {
    if let Ok(eight) = <[u8; 8]>::try_from(text) {
        return eight_digits(eight);
    }
    if text.is_empty() || text.len() > DECIMALS as usize {
        return None;
    }
    let mut value = 0u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value * POW10[DECIMALS as usize - text.len()])
}

/// Eight digits at once: pairs, then fours, then all, in three multiplications (Lemire, "Quickly parsing eight digits").
#[inline]
fn eight_digits(text: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(text);
    let high_nibbles = word & 0xF0F0_F0F0_F0F0_F0F0;
    let above_nine = (word.wrapping_add(0x0606_0606_0606_0606)) & 0xF0F0_F0F0_F0F0_F0F0;
    if high_nibbles != 0x3030_3030_3030_3030 || above_nine != 0x3030_3030_3030_3030 {
        return None;
    }
    let digits = word & 0x0F0F_0F0F_0F0F_0F0F;
    let pairs = (digits.wrapping_mul(2561)) >> 8 & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(6_553_601)) >> 16 & 0x0000_FFFF_0000_FFFF;
    Some(fours.wrapping_mul(42_949_672_960_001) >> 32)
}

/// Every shape, with all checks.
#[cold]
fn parse_any(text: &[u8]) -> Result<i64, DecimalError> {
    let (negative, digits) = match text {
        [] => return Err(DecimalError::Empty),
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (whole, fine) = match digits.iter().position(|&b| b == b'.') {
        Some(at) => (&digits[..at], Some(&digits[at + 1..])),
        None => (digits, None),
    };
    let no_number = |part: &[u8]| part.is_empty() || !part.iter().all(u8::is_ascii_digit);
    if no_number(whole) || fine.is_some_and(no_number) {
        return Err(DecimalError::NotANumber);
    }
    let fine = fine.unwrap_or(&[]);
    let kept = fine.len().min(DECIMALS as usize);
    if fine[kept..].iter().any(|&b| b != b'0') {
        return Err(DecimalError::TooFine);
    }
    let mut units: i64 = 0;
    let padding = std::iter::repeat_n(&b'0', DECIMALS as usize - kept);
    for byte in whole.iter().chain(&fine[..kept]).chain(padding) {
        let digit = i64::from(byte - b'0');
        let next = units.checked_mul(10);
        let next = next.and_then(|n| if negative { n.checked_sub(digit) } else { n.checked_add(digit) });
        units = next.ok_or(DecimalError::OutOfRange)?;
    }
    Ok(units)
}

/// A number in units of 1e-8, to be written without trailing zeros.
///
/// ```
/// use tagring_market::decimal::text;
/// assert_eq!(text(6_180_470_000_000_i64).to_string(), "61804.7");
/// assert_eq!(text(-1_i64).to_string(), "-0.00000001");
/// ```
pub fn text(units: impl Into<i128>) -> Text {
    scaled(units, DECIMALS)
}

/// A number in units of 10^-`decimals` (at most 38), to be written without trailing zeros: 16 for price times size.
///
/// # Panics
/// Where `decimals` is above 38.
///
/// ```
/// use tagring_market::decimal::scaled;
/// let notional = 6_180_470_000_000_i128 * 150_000_000; // 61804.7 x 1.5
/// assert_eq!(scaled(notional, 16).to_string(), "92707.05");
/// ```
pub fn scaled(units: impl Into<i128>, decimals: u32) -> Text {
    assert!(decimals <= 38, "an i128 has no more than 38 decimals");
    Text { units: units.into(), decimals }
}

/// See [`text`] and [`scaled`]. Width, fill and alignment of the format apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    units: i128,
    decimals: u32,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 39 digits, a point and a zero before it.
        let mut buffer = [0u8; 42];
        let mut at = buffer.len();
        let mut rest = self.units.unsigned_abs();
        let mut decimals_left = self.decimals;
        let mut put = |byte: u8, at: &mut usize| {
            *at -= 1;
            buffer[*at] = byte;
        };
        while decimals_left > 0 && rest.is_multiple_of(10) {
            rest /= 10;
            decimals_left -= 1;
        }
        if decimals_left > 0 {
            for _ in 0..decimals_left {
                put(b'0' + (rest % 10) as u8, &mut at);
                rest /= 10;
            }
            put(b'.', &mut at);
        }
        loop {
            put(b'0' + (rest % 10) as u8, &mut at);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let digits = std::str::from_utf8(&buffer[at..]).map_err(|_| fmt::Error)?;
        if f.width().is_none() {
            if self.units < 0 {
                f.write_str("-")?;
            }
            return f.write_str(digits);
        }
        f.pad_integral(self.units >= 0, "", digits)
    }
}

#[cfg(test)]
mod laws {
    use super::*;
    use proptest::prelude::*;

    /// The same by the book: text surgery, then std's own `i128` parser.
    fn slow(text: &str) -> Result<i64, DecimalError> {
        if text.is_empty() {
            return Err(DecimalError::Empty);
        }
        let (sign, digits) = text.strip_prefix('-').map_or(("", text), |d| ("-", d));
        let (whole, fine) = digits.split_once('.').unwrap_or((digits, "0"));
        let number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !number(whole) || !number(fine) {
            return Err(DecimalError::NotANumber);
        }
        let fine = fine.trim_end_matches('0');
        if fine.len() > 8 {
            return Err(DecimalError::TooFine);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() > 20 {
            return Err(DecimalError::OutOfRange);
        }
        let units: i128 = format!("{sign}0{whole}{fine:0<8}").parse().unwrap();
        i64::try_from(units).map_err(|_| DecimalError::OutOfRange)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn numbers_parse_as_by_the_slow_method(text in "-?[0-9]{0,13}(\\.[0-9]{0,10})?0{0,4}") {
            prop_assert_eq!(parse(text.as_bytes()), slow(&text), "{}", text);
        }

        #[test]
        fn any_text_parses_as_by_the_slow_method(text in "[-+.0-9e ]{0,12}") {
            prop_assert_eq!(parse(text.as_bytes()), slow(&text), "{}", text);
        }

        #[test]
        fn any_bytes_in_a_fraction_are_refused_unless_digits(fine in prop::array::uniform8(any::<u8>())) {
            let mut text = b"1.".to_vec();
            text.extend(fine);
            let good = fine.iter().all(u8::is_ascii_digit);
            prop_assert_eq!(parse(&text).is_ok(), good);
        }

        #[test]
        fn text_of_a_number_parses_to_it(units in any::<i64>()) {
            let written = text(units).to_string();
            prop_assert_eq!(parse(written.as_bytes()), Ok(units));
            prop_assert!(!written.contains('.') || !written.ends_with(['0', '.']));
        }

        #[test]
        fn scaled_text_holds_every_digit(units in any::<i128>(), decimals in 0u32..=38) {
            let written = scaled(units, decimals).to_string();
            let (whole, fine) = written.split_once('.').unwrap_or((&written, ""));
            let digits = format!("{whole}{fine:0<width$}", width = decimals as usize);
            prop_assert_eq!(digits.parse::<i128>().unwrap(), units);
        }
    }

    #[test]
    fn the_limits_are_exact() {
        assert_eq!(parse(b"92233720368.54775807"), Ok(i64::MAX));
        assert_eq!(parse(b"-92233720368.54775808"), Ok(i64::MIN));
        assert_eq!(parse(b"92233720368.54775808"), Err(DecimalError::OutOfRange));
        assert_eq!(parse(b"92233720368"), Ok(9_223_372_036_800_000_000));
        assert_eq!(parse(b"92233720369"), Err(DecimalError::OutOfRange));
        assert_eq!(parse(b"00000000000000000001.10000000000000"), Ok(110_000_000));
        assert_eq!(parse(b"-0"), Ok(0));
        for bad in ["+1", ".5", "5.", "-", "-.5", "1.2.3", "0x10", "1_000", " 1", "1 ", "NaN"] {
            assert_eq!(parse(bad.as_bytes()), Err(DecimalError::NotANumber), "{bad}");
        }
        assert_eq!(text(i64::MIN).to_string(), "-92233720368.54775808");
        assert_eq!(format!("{:>6}|", text(150_000_000_i64)), "   1.5|");
    }
}
