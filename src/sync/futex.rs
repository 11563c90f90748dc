//! Sleeping on a word: `futex(2)`, private to the process.

use core::sync::atomic::AtomicU32;
use core::time::Duration;
use rustix::thread::futex;

/// Sleeps while `word` is `expected`, for at most `limit`. Returns early on a wake-up, a changed word or a signal.
pub fn futex_wait(word: &AtomicU32, expected: u32, limit: Duration) {
    let limit = futex::Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(limit.subsec_nanos()),
    };
    let _ = futex::wait(word, futex::Flags::PRIVATE, expected, Some(&limit));
}

/// Wakes every thread that sleeps on `word`.
pub fn futex_wake_all(word: &AtomicU32) {
    let _ = futex::wake(word, futex::Flags::PRIVATE, i32::MAX as u32);
}
