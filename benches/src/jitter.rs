//! The platform's own row: a loop that does nothing but read the clock. What it sees nobody's queue can avoid.

use crate::clock;

/// Readings of one round: about two milliseconds, as long as a round of trips.
pub const READINGS: usize = 60_000;

/// One round: ticks between readings in a row.
#[must_use]
pub fn round() -> Vec<u64> {
    let mut ticks = vec![0; READINGS];
    let mut before = clock::arrival();
    for gap in &mut ticks {
        let now = clock::arrival();
        *gap = now - before;
        before = now;
    }
    ticks
}
