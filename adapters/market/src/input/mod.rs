//! Where captures come from: a file or standard input, plain, gzip or zstd (told by content, never by name), in blocks of
//! decompressed bytes and constant memory. [`Input`] is the entry; feeds read its blocks.
//!
//! Absent here: what the bytes mean. [`Format`] is only recognised, the feeds decode it.
mod blocks;
mod compressed;
mod error;
pub mod fault_points;
mod foreign;
mod format;

pub use blocks::{BLOCK_BYTES, Input};
pub use compressed::Compression;
pub use error::InputError;
pub use format::Format;
