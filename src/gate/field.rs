//! A field of a payload as a number: its type by the schema, and its value out of bytes that need no alignment.

use super::number::Number;
use super::rule_error::RuleError;
use crate::event::{Family, Field, Schema, similar};

/// The types of fields that are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

impl Kind {
    /// The kind of a field's type as it is written.
    pub(super) fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "u8" => Self::U8,
            "u16" => Self::U16,
            "u32" => Self::U32,
            "u64" => Self::U64,
            "i8" => Self::I8,
            "i16" => Self::I16,
            "i32" => Self::I32,
            "i64" => Self::I64,
            "f32" => Self::F32,
            "f64" => Self::F64,
            _ => return None,
        })
    }

    /// The least and the greatest integer it holds; `None`: it is no integer.
    pub(super) const fn integers(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::U8 => (0, u8::MAX as i128),
            Self::U16 => (0, u16::MAX as i128),
            Self::U32 => (0, u32::MAX as i128),
            Self::U64 => (0, u64::MAX as i128),
            Self::I8 => (i8::MIN as i128, i8::MAX as i128),
            Self::I16 => (i16::MIN as i128, i16::MAX as i128),
            Self::I32 => (i32::MIN as i128, i32::MAX as i128),
            Self::I64 => (i64::MIN as i128, i64::MAX as i128),
            Self::F32 | Self::F64 => return None,
        })
    }

    /// The value at `offset`; 0 where the bytes end before it.
    #[inline(always)]
    pub(super) fn read(self, bytes: &[u8], offset: usize) -> Number {
        match self {
            Self::U8 => u8::from_ne_bytes(at(bytes, offset)).into(),
            Self::U16 => u16::from_ne_bytes(at(bytes, offset)).into(),
            Self::U32 => u32::from_ne_bytes(at(bytes, offset)).into(),
            Self::U64 => u64::from_ne_bytes(at(bytes, offset)).into(),
            Self::I8 => i8::from_ne_bytes(at(bytes, offset)).into(),
            Self::I16 => i16::from_ne_bytes(at(bytes, offset)).into(),
            Self::I32 => i32::from_ne_bytes(at(bytes, offset)).into(),
            Self::I64 => i64::from_ne_bytes(at(bytes, offset)).into(),
            Self::F32 => f32::from_ne_bytes(at(bytes, offset)).into(),
            Self::F64 => f64::from_ne_bytes(at(bytes, offset)).into(),
        }
    }
}

#[inline(always)]
fn at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes.get(offset..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// Looks a field up by the names of its payload and itself.
pub(super) fn find<F: Family>(
    payload: &str,
    field: &str,
) -> Result<(&'static Schema, &'static Field, Kind), RuleError> {
    let tag = F::tag_by_name(payload).map_err(|cause| RuleError::Payload(Box::new(cause)))?;
    let Some(schema) = F::schema_of(tag) else { unreachable!("a name's tag is one of the family") };
    let Some(found) = schema.fields.iter().find(|known| known.name == field) else {
        let known: Vec<_> = schema.fields.iter().map(|field| field.name).collect();
        let nearest = similar(field, known.iter().copied());
        return Err(RuleError::UnknownField { payload: schema.name, field: field.to_owned(), known, nearest });
    };
    let wrong = RuleError::FieldType { payload: schema.name, field: found.name, type_name: found.type_name };
    Kind::of(found.type_name).map(|kind| (schema, found, kind)).ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_reads_its_own_bytes() {
        let bytes = [0xff; 8];
        assert_eq!(Kind::U8.read(&bytes, 7), Number::Int(255));
        assert_eq!(Kind::U16.read(&bytes, 1), Number::Int(65_535));
        assert_eq!(Kind::U64.read(&bytes, 0), Number::Large(u64::MAX));
        for kind in [Kind::I8, Kind::I16, Kind::I32, Kind::I64] {
            assert_eq!(kind.read(&bytes, 0), Number::Int(-1), "{kind:?}");
        }
        assert_eq!(Kind::F64.read(&1.5_f64.to_ne_bytes(), 0), Number::Float(1.5));
        assert_eq!(Kind::F32.read(&2.5_f32.to_ne_bytes(), 0), Number::Float(2.5));
        assert_eq!(Kind::U32.read(&bytes, 6), Number::Int(0), "cut off");
    }
}
