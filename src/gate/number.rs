//! A number of any field's type, for rules and for what is said of an event that breaks one.

use core::fmt;

/// A number: what a field holds, or a bound of it. Each value has one form, so that equal numbers are equal; floats are compared bit by
/// bit, so that one is equal to itself whatever it is.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// An integer.
    Int(i64),
    /// An integer above the greatest `i64`.
    Large(u64),
    /// Of a floating-point field.
    Float(f64),
}

impl Number {
    /// The integer it is.
    #[inline(always)]
    pub(super) const fn integer(self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(value as i128),
            Self::Large(value) => Some(value as i128),
            Self::Float(_) => None,
        }
    }

    /// As a float, the nearest.
    pub(super) const fn float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Large(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// An integer that some field can hold.
    pub(super) fn of(value: i128) -> Self {
        match i64::try_from(value) {
            Ok(value) => Self::Int(value),
            Err(_) => Self::Large(value.clamp(0, u64::MAX.into()) as u64),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Large(a), Self::Large(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        }
    }
}

impl Eq for Number {}

macro_rules! numbers {
    ($variant:ident as $wide:ty: $($ty:ty)*) => { $(
        impl From<$ty> for Number {
            #[inline(always)]
            fn from(value: $ty) -> Self {
                Self::$variant(<$wide>::from(value))
            }
        }
    )* };
}
numbers!(Int as i64: u8 u16 u32 i8 i16 i32 i64);
numbers!(Float as f64: f32 f64);

impl From<u64> for Number {
    #[inline(always)]
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Large(value), Self::Int)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Large(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
        }
    }
}
