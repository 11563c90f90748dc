//! What a payload type is: plain bytes of fixed size with a tag.
use super::Tag;
/// A payload: plain data of fixed size, without padding or references, that belongs to one tag.
pub trait Payload:
    zerocopy::FromBytes + zerocopy::IntoBytes + zerocopy::Immutable + zerocopy::KnownLayout + Copy + Send + Sync + 'static
{
    /// The tag of this payload.
    const TAG: Tag;
    /// Its name, as in the schema.
    const NAME: &'static str;
    /// Its schema version.
    const VERSION: u16;
}
