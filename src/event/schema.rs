//! The layout of a payload, from the same text as its struct.

use super::tag::Tag;

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type, as written.
    pub type_name: &'static str,
    /// Bytes from the start of the payload.
    pub offset: usize,
    /// Its size in bytes.
    pub size: usize,
}

/// The layout of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The tag.
    pub tag: Tag,
    /// The struct's name.
    pub name: &'static str,
    /// The version, counted by its author.
    pub version: u16,
    /// Size in bytes.
    pub size: usize,
    /// Alignment in bytes.
    pub align: usize,
    /// The fields, in order.
    pub fields: &'static [Field],
}

impl Schema {
    /// A number that changes with the name, the version and the layout (FNV-1a, 64 bits).
    #[must_use]
    pub const fn id(&self) -> u64 {
        let mut hash = fnv(0xcbf2_9ce4_8422_2325, self.name.as_bytes());
        hash = fnv(hash, &self.tag.get().to_le_bytes());
        hash = fnv(hash, &self.version.to_le_bytes());
        let mut i = 0;
        while i < self.fields.len() {
            let field = &self.fields[i];
            hash = fnv(hash, field.name.as_bytes());
            hash = fnv(hash, field.type_name.as_bytes());
            hash = fnv(hash, &(field.offset as u64).to_le_bytes());
            hash = fnv(hash, &(field.size as u64).to_le_bytes());
            i += 1;
        }
        hash
    }
}

/// FNV-1a over some bytes, going on from `hash` (Fowler, Noll, Vo).
#[must_use]
pub const fn fnv(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}
