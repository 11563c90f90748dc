//! One round of a latency: its percentiles, and its curve.
//!
//! Some counters move in steps of 10 ns. Each reading stands for the whole step around it, and the readings of one step are spread
//! over it evenly: otherwise a median of 150 ns could only change by 7 %.
//!
//! A curve is the latency at percentiles that lie evenly on a scale of decimal nines: its point `i` is at `i / POINTS_PER_NINE` nines, so
//! 0 %, 90 %, 99 % .. are [`POINTS_PER_NINE`] points apart. It ends where a round has no more events to tell by.

use crate::clock::Scale;
use crate::table::{Column, Sample};

/// Points of a curve from one decimal nine to the next.
pub const POINTS_PER_NINE: usize = 20;

/// The columns of [`percentiles`]. The maximum is the machine's doing more than anybody's: it is told, not compared.
#[must_use]
pub fn columns() -> [Column; 4] {
    [Column::less("p50, ns"), Column::less("p99, ns"), Column::less("p99.9, ns"), Column::plain("max, ns")]
}

/// p50, p99, p99.9, the maximum and the curve of one round, in nanoseconds.
///
/// # Panics
/// If `ticks` is empty.
#[must_use]
pub fn percentiles(mut ticks: Vec<u64>, scale: Scale) -> Sample {
    assert!(!ticks.is_empty(), "a round has events");
    ticks.sort_unstable();
    let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).filter(|&gap| gap > 0).min().unwrap_or(0) as f64;
    let at = |share: f64| {
        let rank = ((ticks.len() - 1) as f64 * share) as usize;
        let tick = ticks[rank];
        let (first, end) = (ticks.partition_point(|&t| t < tick), ticks.partition_point(|&t| t <= tick));
        let share = ((rank - first) as f64 + 0.5) / (end - first) as f64;
        scale.ns((tick as f64 + step * (share - 0.5)).max(0.0))
    };
    let points = ((ticks.len() as f64).log10() * POINTS_PER_NINE as f64) as usize;
    let nines = |point: usize| point as f64 / POINTS_PER_NINE as f64;
    let curve = (0..=points).map(|point| at(1.0 - 10_f64.powf(-nines(point)))).collect();
    Sample { figures: vec![at(0.5), at(0.99), at(0.999), at(1.0)], curve }
}

#[cfg(test)]
mod tests {
    use super::{POINTS_PER_NINE, percentiles};
    use crate::clock::Scale;

    #[test]
    fn percentiles_of_a_thousand_even_values() {
        let scale = Scale::calibrate();
        let sample = percentiles((1..=1_000).rev().collect(), scale);
        let near = |figure: f64, ticks: f64| (figure / scale.ns(1.0) - ticks).abs() < 1.5;
        for (figure, ticks) in sample.figures.iter().zip([500.0, 990.0, 999.0, 1_000.0]) {
            assert!(near(*figure, ticks), "{figure} is not {ticks} ticks");
        }
        assert_eq!(sample.curve.len(), 3 * POINTS_PER_NINE + 1, "a thousand events tell of three nines");
        assert!(near(sample.curve[0], 1.0) && near(sample.curve[POINTS_PER_NINE], 900.0));
        assert!(sample.curve.is_sorted());
    }

    #[test]
    fn readings_of_one_step_are_spread_over_it() {
        let scale = Scale::calibrate();
        // Steps of ten ticks: a hundred readings of 10, then a hundred of 20.
        let ticks = [[10; 100], [20; 100]].concat();
        let sample = percentiles(ticks, scale);
        assert!((sample.figures[0] / scale.ns(1.0) - 15.0).abs() < 0.2, "half of them is below 15");
    }
}
