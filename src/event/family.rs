//! A family: the events that one kind of bus carries.

use super::cell::StoreEvent;
use super::error::EventError;
use super::schema::Schema;
use super::tag::Tag;
use super::tag_set::TagSet;

/// The events of one kind of bus. Implemented by the `Events` type that `events!` makes.
pub trait Family: Send + Sync + 'static {
    /// The family's name.
    const NAME: &'static str;
    /// The layout of each of its payloads.
    const SCHEMAS: &'static [&'static Schema];
    /// All its tags.
    const ALL: TagSet;
    /// What lies in a cell of its rings: header and room for its largest payload, in whole cache lines with the stamp.
    type Cell: StoreEvent;
    /// Whether its events may have a deadline: it was declared `with deadline`.
    const DEADLINE: bool = Self::Cell::DEADLINE;

    /// The layout that belongs to a tag.
    #[must_use]
    fn schema_of(tag: Tag) -> Option<&'static Schema> {
        Self::SCHEMAS.iter().find(|schema| schema.tag == tag).copied()
    }

    /// The tag that belongs to a name: for configuration, once; never on the hot path.
    ///
    /// # Errors
    /// [`EventError::UnknownName`] lists the known ones and the nearest.
    fn tag_by_name(name: &str) -> Result<Tag, EventError> {
        match Self::SCHEMAS.iter().find(|schema| schema.name == name) {
            Some(schema) => Ok(schema.tag),
            None => Err(EventError::unknown_name(Self::NAME, name, Self::SCHEMAS.iter().map(|schema| schema.name))),
        }
    }

    /// As [`Payload::undeclared`](super::Payload::undeclared), for the payload of this tag in `bytes`; `None` where those are no such payload.
    #[must_use]
    fn undeclared(_tag: Tag, _bytes: &[u8]) -> Option<(usize, &'static str)> {
        None
    }

    /// The layout of an event from outside, once it is clear that it is one: its tag is in the family, and it was written by this
    /// version of its schema, in full.
    ///
    /// # Errors
    /// [`EventError::Tag`], [`EventError::ForeignTag`], [`EventError::Version`] or [`EventError::Size`], in this order.
    fn admit(tag: u64, version: u16, size: usize) -> Result<&'static Schema, EventError> {
        let tag = Tag::try_new(tag)?;
        let Some(schema) = Self::schema_of(tag) else { return Err(EventError::ForeignTag { family: Self::NAME, tag }) };
        let payload = schema.name;
        if version != schema.version {
            return Err(EventError::Version { payload, version, expected: schema.version });
        }
        if size != schema.size {
            return Err(EventError::Size { payload, size, expected: schema.size });
        }
        Ok(schema)
    }
}
