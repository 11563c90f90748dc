//! What a publisher does when the ring is full.

use core::time::Duration;

/// What [`super::BusPublisher::send`] does when the ring is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Waits for room, as long as it takes; a bus that closes ends the wait.
    #[default]
    Wait,
    /// Waits for so long at most, then fails.
    Timeout(Duration),
    /// Fails at once.
    Fail,
    /// Drops the event and counts it.
    Shed,
}
