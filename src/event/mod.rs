//! Events: integer tags, payloads, the `events!` macro.
mod macros;
mod payload;
mod tag;
pub use payload::Payload;
pub use tag::Tag;
