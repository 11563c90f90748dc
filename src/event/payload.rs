//! What a payload type is: plain bytes of fixed size that belong to one tag. Types get it from `events!`.

use super::error::EventError;
use super::schema::Schema;
use super::tag::Tag;

/// Largest payload: a cell of 64 cache lines, less stamp and header.
pub const PAYLOAD_MAX: usize = 64 * 64 - 24;

/// A payload: plain data of fixed size, without padding or references, that belongs to one tag.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a payload",
    note = "declare it inside `tagring::events! {{ .. }}`; a payload is plain data: integers, floats and arrays of them"
)]
pub trait Payload:
    zerocopy::FromBytes + zerocopy::IntoBytes + zerocopy::Immutable + zerocopy::KnownLayout + Copy + Send + Sync + 'static
{
    /// The tag of this payload.
    const TAG: Tag;
    /// Its name, as in the schema.
    const NAME: &'static str;
    /// Its schema version.
    const VERSION: u16;
    /// Its fields, for journals, other processes and people.
    const SCHEMA: &'static Schema;

    /// Whether each field with declared values holds one of them.
    ///
    /// # Errors
    /// [`EventError::Value`] names the first field that does not.
    fn check(&self) -> Result<(), EventError> {
        Ok(())
    }

    /// The first field that holds none of its declared values: its index in the schema, and what is allowed. As [`Self::check`], and allocates
    /// nothing.
    fn undeclared(&self) -> Option<(usize, &'static str)> {
        None
    }

    /// The value itself, checked: the constructor for what comes from outside.
    ///
    /// # Errors
    /// As [`Self::check`].
    fn checked(self) -> Result<Self, EventError> {
        self.check().map(|()| self)
    }

    /// The payload in `bytes`, checked: for files, networks and other processes. `bytes` need no alignment.
    ///
    /// # Errors
    /// [`EventError::Size`] if there are more or fewer bytes than a payload has; else as [`Self::check`].
    fn read_checked(bytes: &[u8]) -> Result<Self, EventError> {
        let size = EventError::Size { payload: Self::NAME, size: bytes.len(), expected: size_of::<Self>() };
        Self::read_from_bytes(bytes).map_err(|_| size)?.checked()
    }
}

/// What a payload's field may be: a value that any bytes are, and that holds no reference.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a payload",
    label = "not plain data",
    note = "a payload is read where it lies and copied as bytes: use integers, floats and arrays of them; \
            a bool is a `u8`, text is `[u8; N]`, data of variable length is published beside the payload as bytes"
)]
pub trait PlainField {}
macro_rules! plain_fields { ($($ty:ty)*) => { $(impl PlainField for $ty {})* } }
plain_fields!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64);
impl<T: PlainField, const N: usize> PlainField for [T; N] {}
