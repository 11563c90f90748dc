//! What these tests share: a family, a slot that counts, a bounded wait.

use std::time::{Duration, Instant};
use tagring::bus::{Bus, Publisher};

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub qty: u64 }
}
pub(crate) use market::{Events, Trade};

pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn bus(cells: usize) -> (Bus<Events>, Publisher<Events>) {
    Bus::<Events>::builder("md").capacity(cells).single().unwrap()
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < SOON, "not in time: {what}");
        std::thread::yield_now();
    }
}
