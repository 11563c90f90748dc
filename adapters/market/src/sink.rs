//! Where a feed puts what it decoded: a bus in the program, a vector in a test. Feeds call it in stream order and stop
//! when it says that nobody listens any more.
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One price level of a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Level {
    /// Price, 1e-8 a unit.
    pub price: i64,
    /// Size, 1e-8 a unit.
    pub qty: i64,
}

/// The consumer wants no more: its bus is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkStopped;

/// Takes the events of a feed.
pub trait Sink {
    /// One event about the instrument `key`.
    fn event<P: tagring::event::Payload>(&mut self, key: u32, payload: &P) -> Result<(), SinkStopped>;

    /// A whole book of the instrument `key`, as it stood at `update_id`.
    fn snapshot(
        &mut self,
        key: u32,
        update_id: u64,
        time_ns: u64,
        bids: &[Level],
        asks: &[Level],
    ) -> Result<(), SinkStopped>;
}
