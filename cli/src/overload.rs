//! `--overload`: how many times more is offered to slots than they can take. It slows down those slots that may lose events; what is offered is the
//! pace's business. Used by the command line, the run and its report.

use std::fmt;
use std::str::FromStr;

/// So many times more events than slots can take: above 1, and up to [`Overload::MOST`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Overload(f64);

impl Overload {
    /// At a thousand times a handler already sleeps through a whole ring between two events.
    const MOST: f64 = 1_000.0;

    pub(crate) fn factor(self) -> f64 {
        self.0
    }
}

impl FromStr for Overload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let factor = text.strip_suffix('x').and_then(|digits| digits.parse().ok());
        let factor = factor.filter(|factor| *factor > 1.0 && *factor <= Self::MOST);
        factor
            .map(Self)
            .ok_or_else(|| format!("TR-3060: give a factor above 1 and up to {}, such as `10x`", Self::MOST))
    }
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_above_one_and_bounded() {
        for (text, factor) in [("1.5x", 1.5), ("10x", 10.0), ("100x", 100.0), ("1000x", 1_000.0)] {
            assert_eq!(text.parse(), Ok(Overload(factor)));
        }
        for text in ["", "x", "10", "1x", "0.5x", "-10x", "1000.1x", "NaNx", "infx", "10 x", "10/s"] {
            assert!(text.parse::<Overload>().is_err_and(|error| error.contains("TR-3060")), "{text}");
        }
    }
}
