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

/// The columns of [`percentiles`]; `unit` stands behind each.
#[must_use]
pub fn columns(unit: &str) -> [Column; 4] {
    ["p50", "p99", "p99.9", "max"].map(|name| Column::less(&format!("{name}, {unit}")))
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
