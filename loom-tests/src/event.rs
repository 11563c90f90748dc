//! Tag sets, without the rest of the event floor.

#[path = "../../src/event/atomic_tag_set.rs"]
pub mod atomic_tag_set;
#[path = "../../src/event/error.rs"]
pub mod error;
#[path = "../../src/event/nearest.rs"]
pub mod nearest;
#[path = "../../src/event/tag.rs"]
pub mod tag;
#[path = "../../src/event/tag_set.rs"]
pub mod tag_set;
