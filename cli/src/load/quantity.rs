//! Numbers with units as they are typed and shown: rates, times, factors. Used by the command line, by objectives and by the report.

use std::time::Duration;

/// Highest rate that can be asked for, events a second: no clock tells more apart.
pub(super) const RATE_MAX: f64 = 1e9;
/// Longest time that can be asked for, in seconds: three years.
pub(super) const SECONDS_MAX: f64 = 1e8;

/// A rate in events a second: `500k`, `1.2M`, `2000`, `2000/s`.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let plain = text.strip_suffix("/s").unwrap_or(text);
    let (digits, times) = match plain.as_bytes().last() {
        Some(b'k') => (&plain[..plain.len() - 1], 1e3),
        Some(b'M') => (&plain[..plain.len() - 1], 1e6),
        _ => (plain, 1.0),
    };
    let found = number(digits).map(|rate| rate * times).filter(|rate| *rate > 0.0 && *rate <= RATE_MAX);
    found.ok_or_else(|| {
        format!("TR-3020: `{text}` is no rate; give events a second, above 0 and up to 1e9, such as 500k or 1.2M")
    })
}

/// A time: `200ns`, `1.5us`, `3ms`, `10s`; 0 needs no unit.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("TR-3020: `{text}` is no time; give a number from 0 and a unit, such as 200ns, 1.5us, 3ms or 10s");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let units = [("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let (digits, unit) = units.iter().find_map(|(unit, of)| Some((text.strip_suffix(unit)?, of))).ok_or_else(wrong)?;
    let seconds = number(digits).ok_or_else(wrong)? * unit;
    if seconds > SECONDS_MAX { Err(wrong()) } else { Ok(Duration::from_nanos((seconds * 1e9).round() as u64)) }
}

/// A time that is not 0.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let span = time(text)?;
    if span.is_zero() { Err(format!("TR-3020: `{text}` is no time above 0; give one such as 3s")) } else { Ok(span) }
}

/// A factor above 0 with an `x` behind it: `2x`, `0.5x`.
pub(super) fn factor(text: &str) -> Result<f64, String> {
    let found = text.strip_suffix('x').and_then(number).filter(|times| *times > 0.0 && *times <= RATE_MAX);
    found.ok_or_else(|| format!("TR-3020: `{text}` is no factor; give a number above 0 and an x, such as 2x"))
}

/// A share of at least 0.1 % and below 100 %: `5%`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let found = text.strip_suffix('%').and_then(number).filter(|percent| (0.1..100.0).contains(percent));
    found
        .map(|percent| percent / 100.0)
        .ok_or_else(|| format!("TR-3020: `{text}` is no share; give a percentage from 0.1% to below 100%, such as 5%"))
}

fn number(digits: &str) -> Option<f64> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'_');
    let parsed = is_plain.then(|| digits.replace('_', "").parse::<f64>().ok()).flatten();
    parsed.filter(|number| number.is_finite())
}

/// A rate with three significant digits.
pub(super) fn shown_rate(rate: f64) -> String {
    let (value, unit) = match rate {
        rate if rate >= 999.5e3 => (rate / 1e6, " M"),
        rate if rate >= 999.5 => (rate / 1e3, " k"),
        rate => (rate, ""),
    };
    let decimals = match value {
        value if value >= 99.95 || unit.is_empty() && value.fract() == 0.0 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}{unit}")
}

/// A time in ns with three significant digits.
pub(super) fn shown_ns(ns: u64) -> String {
    crate::report::time(ns).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_units() {
        for (text, expected) in [("500k", 5e5), ("1.2M", 1.2e6), ("2_000/s", 2e3), ("0.5", 0.5), ("10k/s", 1e4)] {
            assert_eq!(rate(text), Ok(expected), "{text}");
        }
        for (text, ns) in
            [("200ns", 200), ("1.5us", 1_500), ("3ms", 3_000_000), ("0.3s", 300_000_000), ("0", 0), ("0s", 0)]
        {
            assert_eq!(time(text), Ok(Duration::from_nanos(ns)), "{text}");
        }
        assert_eq!((factor("2x"), factor("0.5x"), share("5%")), (Ok(2.0), Ok(0.5), Ok(0.05)));
    }

    #[test]
    fn what_is_no_number_is_refused_and_quoted() {
        for text in ["", "k", "-1", "0", "1e9k", "2G", "nan", "inf", "1,5k", "2000M", "10 k"] {
            assert!(
                rate(text).is_err_and(|error| error.contains("TR-3020") && error.contains(&format!("`{text}`"))),
                "{text}"
            );
        }
        for text in ["", "5", "s", "-1s", "1m", "1e3s", "200000000s", "0x"] {
            assert!(time(text).is_err_and(|error| error.contains("TR-3020")), "{text}");
        }
        assert!(
            span("0").is_err()
                && factor("2").is_err()
                && factor("0x").is_err()
                && share("100%").is_err()
                && share("0%").is_err()
        );
    }

    #[test]
    fn rates_are_shown_with_three_digits() {
        let table = [
            (12.0, "12"),
            (0.5, "0.50"),
            (999.0, "999"),
            (1_500.0, "1.50 k"),
            (123_456.0, "123 k"),
            (1.234e6, "1.23 M"),
            (12.34e6, "12.3 M"),
        ];
        table.iter().for_each(|(rate, text)| assert_eq!(shown_rate(*rate), *text));
    }
}
