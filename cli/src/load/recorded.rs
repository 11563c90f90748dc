//! The arrival times of a capture, for the pace of a load: NASDAQ ITCH or Binance, plain or compressed. Of the messages nothing but the time is
//! looked at.

use super::schedule::Recording;
use tagring_market::input::{Format, Input, InputError};
use tagring_market::{binance, itch};

/// Arrivals kept: 128 MiB. What comes behind is left out, and the report says so.
const ARRIVALS_MAX: usize = 1 << 24;

/// Arrivals, and whether there were more than are kept.
pub(super) struct Recorded {
    pub(super) times: Recording,
    pub(super) is_cut: bool,
}

impl Recorded {
    /// Reads a capture.
    ///
    /// # Errors
    /// Those of the input; fewer than two arrivals, or none later than the first.
    pub(super) fn read(path: &str) -> Result<Self, String> {
        let input = Input::open(path).map_err(|error| error.to_string())?;
        let format = input.format().map_err(|error| error.to_string())?;
        let mut times = Vec::new();
        let is_cut = match format {
            Some(Format::Itch) => of_itch(input, &mut times),
            Some(Format::Binance) => of_binance(input, &mut times),
            None => Ok(false),
        }
        .map_err(|error| error.to_string())?;
        let times = from_first(times);
        if times.last().is_none_or(|last| *last == 0) {
            return Err(format!(
                "TR-3026: --recorded {path}: {} arrivals, none after the first; a pace needs two at different times: take a longer capture",
                times.len()
            ));
        }
        Ok(Self { times: times.into(), is_cut })
    }
}

fn of_itch(mut input: Input, times: &mut Vec<u64>) -> Result<bool, InputError> {
    let mut frames = itch::Frames::new();
    while let Some(frame) = frames.next(&mut input)? {
        times.extend(itch::timestamp_ns(frame.bytes));
        if times.len() == ARRIVALS_MAX {
            return Ok(true);
        }
    }
    Ok(false)
}

fn of_binance(mut input: Input, times: &mut Vec<u64>) -> Result<bool, InputError> {
    let mut lines = binance::Lines::new();
    while let Some(line) = lines.next(&mut input)? {
        times.extend(line.local_ns());
        if times.len() == ARRIVALS_MAX {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Times since the first; one that goes back counts as that before it.
fn from_first(mut times: Vec<u64>) -> Vec<u64> {
    let first = times.first().copied().unwrap_or(0);
    let mut last = 0;
    for time in &mut times {
        last = time.saturating_sub(first).max(last);
        *time = last;
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_4595_times_count_from_the_first_and_never_go_back() {
        assert_eq!(from_first(vec![100, 150, 120, 90, 200]), [0, 50, 50, 50, 100]);
        assert!(from_first(Vec::new()).is_empty());
    }
}
