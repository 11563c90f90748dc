//! Events: integer tags, tag sets, the header, payloads of plain data, schemas, and the `events!` macro that makes all of them from one
//! text. Knows nothing of rings or buses: an event is 16 bytes of header and a payload, wherever it lies.

mod atomic_tag_set;
mod cell;
pub mod delay;
mod error;
mod family;
mod header;
mod macros;
mod nearest;
mod payload;
mod schema;
mod tag;
mod tag_set;
mod timed_cell;

pub use atomic_tag_set::AtomicTagSet;
pub use cell::{Event, EventCell, StoreEvent, cell_words};
pub use error::EventError;
pub use family::Family;
pub use header::Header;
pub(crate) use nearest::similar;
pub use payload::{PAYLOAD_MAX, Payload, PlainField};
pub use schema::{Field, Schema};
pub use tag::{MAX_TAGS, Tag};
pub use tag_set::TagSet;
pub use timed_cell::{DEADLINE_BYTES, TimedCell};

#[doc(hidden)]
pub mod checks {
    //! Compile-time checks behind `events!`.
    pub use super::macros::{assert_distinct, assert_payload, assert_room, parse_version};
    pub use super::schema::fnv;
}
