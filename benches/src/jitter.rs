//! The platform's own row: a loop that does nothing but read the clock. What it sees nobody's queue can avoid.

use crate::clock;

/// One round: ticks between `count` readings in a row. 60,000 are about two milliseconds, as long as a round of trips.
#[must_use]
pub fn round(count: usize) -> Vec<u64> {
    // Touched before: a page fault is not the platform's jitter.
    let mut ticks = vec![u64::MAX; count];
    let mut before = clock::arrival();
    for gap in &mut ticks {
        let now = clock::arrival();
        *gap = now - before;
        before = now;
    }
    ticks
}
