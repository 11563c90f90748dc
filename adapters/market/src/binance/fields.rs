//! The fields of one message, decoded in one pass over its JSON. Rows of levels are converted on the way, into memory that
//! is reused; every other field is kept as it stands until the message's kind is known.
//!
//! A value of an unexpected type is no error here: `b` is a price in one kind and a row of levels in another. Only what
//! is not JSON at all is.
use super::fault::{Fault, shortened};
use crate::decimal::{self, DecimalError};
use crate::sink::Level;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// One field's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Value<'a> {
    #[default]
    Absent,
    Bool(bool),
    Number(u64),
    Text(&'a str),
    /// A text with escapes in it: where it lies in [`Rows::unescaped`].
    Unescaped(usize, usize),
    /// Null, an object, a row, or a number that is no `u64`.
    Other,
}

macro_rules! names {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// The fields that any kind needs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Name { $($name),* }

        impl Name {
            const COUNT: usize = [$($text),*].len();

            #[inline]
            fn of(key: &[u8]) -> Option<Self> {
                match key {
                    $(key if key == $text.as_bytes() => Some(Self::$name),)*
                    _ => None,
                }
            }

            pub(super) fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

names! {
    Event = "e", EventTime = "E", Time = "T", Symbol = "s", FirstId = "U", FinalId = "u", PreviousId = "pu",
    Bid = "b", BidSize = "B", Ask = "a", AskSize = "A", Price = "p", Size = "q", Trade = "t", BuyerMakes = "m",
    Stream = "stream", Data = "data", SnapshotId = "lastUpdateId", Bids = "bids", Asks = "asks", SnapshotSymbol = "symbol",
    Result = "result", Failure = "error",
}

/// What is wrong with a row of levels, told only if the message's kind needs the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LevelFault {
    /// Not `[price, size]` in text.
    Shape,
    Number {
        field: &'static str,
        value: String,
        why: DecimalError,
    },
    NotPositive {
        field: &'static str,
        value: String,
    },
}

/// One side's levels.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) levels: Vec<Level>,
    pub(super) present: bool,
    pub(super) fault: Option<LevelFault>,
}

impl Row {
    fn clear(&mut self) {
        self.levels.clear();
        self.present = false;
        self.fault = None;
    }

    /// Keeps the first fault.
    #[cold]
    fn fail(&mut self, fault: LevelFault) {
        self.fault.get_or_insert(fault);
    }
}

/// What is reused from message to message.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) bids: Row,
    pub(super) asks: Row,
    unescaped: String,
}

/// The fields of one message.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    values: [Value<'a>; Name::COUNT],
}

impl<'a> Fields<'a> {
    /// Decodes one message.
    pub(super) fn decode(json: &'a str, rows: &mut Rows) -> Result<Self, Fault> {
        rows.bids.clear();
        rows.asks.clear();
        rows.unescaped.clear();
        let mut fields = Self { values: [Value::Absent; Name::COUNT] };
        let mut parser = sonic_rs::Deserializer::from_str(json);
        let object = Object { fields: &mut fields, rows, inside: false };
        match object.deserialize(&mut parser).and_then(|()| parser.end()) {
            Ok(()) => Ok(fields),
            Err(error) => Err(not_json(&error)),
        }
    }

    #[inline]
    pub(super) fn get(&self, name: Name) -> Value<'a> {
        self.values[name as usize]
    }

    #[inline]
    pub(super) fn number(&self, name: Name) -> Option<u64> {
        match self.get(name) {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn text<'b>(&self, name: Name, rows: &'b Rows) -> Option<&'b str>
    where
        'a: 'b,
    {
        match self.get(name) {
            Value::Text(text) => Some(text),
            Value::Unescaped(start, end) => Some(&rows.unescaped[start..end]),
            _ => None,
        }
    }
}

#[cold]
fn not_json(error: &sonic_rs::Error) -> Fault {
    let text = error.to_string();
    let reason = text.lines().next().unwrap_or_default();
    let reason = reason.split(" at line ").next().unwrap_or_default();
    Fault::NotJson { at: error.offset(), reason: reason.to_owned() }
}

/// The outermost object, or the one in its `data`.
struct Object<'r, 'a> {
    fields: &'r mut Fields<'a>,
    rows: &'r mut Rows,
    inside: bool,
}

impl<'a> DeserializeSeed<'a> for Object<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, parser: D) -> Result<(), D::Error> {
        if self.inside { parser.deserialize_any(self) } else { parser.deserialize_map(self) }
    }
}

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Key)? {
            let rows = &mut *self.rows;
            match name {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(Name::Data) if !self.inside => {
                    map.next_value_seed(Object { fields: self.fields, rows, inside: true })?;
                }
                Some(name) => {
                    let row = match name {
                        Name::Bid | Name::Bids => Some(&mut rows.bids),
                        Name::Ask | Name::Asks => Some(&mut rows.asks),
                        _ => None,
                    };
                    let value = Field { row, unescaped: &mut rows.unescaped };
                    self.fields.values[name as usize] = map.next_value_seed(value)?;
                }
            }
        }
        Ok(())
    }

    // `data` that is no object: a row of all symbols' events (`!ticker@arr`), or nothing.
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        drain(&mut seq)
    }

    fn visit_borrowed_str<E: Error>(self, _: &'a str) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

fn drain<'a, A: SeqAccess<'a>>(seq: &mut A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// A field's name.
struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Option<Name>;

    #[inline]
    fn deserialize<D: Deserializer<'a>>(self, parser: D) -> Result<Option<Name>, D::Error> {
        parser.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<Name>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    #[inline]
    fn visit_str<E: Error>(self, key: &str) -> Result<Option<Name>, E> {
        Ok(Name::of(key.as_bytes()))
    }
}

/// A field's value; a row of levels goes to `row`.
struct Field<'r> {
    row: Option<&'r mut Row>,
    unescaped: &'r mut String,
}

impl<'a> DeserializeSeed<'a> for Field<'_> {
    type Value = Value<'a>;

    #[inline]
    fn deserialize<D: Deserializer<'a>>(self, parser: D) -> Result<Value<'a>, D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Field<'_> {
    type Value = Value<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    #[inline]
    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Value<'a>, E> {
        Ok(Value::Text(text))
    }

    #[cold]
    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'a>, E> {
        let start = self.unescaped.len();
        self.unescaped.push_str(text);
        Ok(Value::Unescaped(start, self.unescaped.len()))
    }

    #[inline]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<'a>, E> {
        Ok(Value::Number(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value<'a>, E> {
        Ok(u64::try_from(number).map_or(Value::Other, Value::Number))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    #[inline]
    fn visit_bool<E: Error>(self, value: bool) -> Result<Value<'a>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Value<'a>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Value<'a>, A::Error> {
        let Some(row) = self.row else {
            drain(&mut seq)?;
            return Ok(Value::Other);
        };
        row.clear();
        row.present = true;
        while seq.next_element_seed(Pair(row))?.is_some() {}
        Ok(Value::Other)
    }
}

/// One level: `["price","size"]`.
struct Pair<'r>(&'r mut Row);

impl<'a> DeserializeSeed<'a> for Pair<'_> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'a>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

/// The methods for everything that is not the shape wanted.
macro_rules! wrong_shapes {
    ($value:expr) => {
        #[cold]
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value(self))
        }
        #[cold]
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value(self))
        }
        #[cold]
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value(self))
        }
        #[cold]
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value(self))
        }
        #[cold]
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok($value(self))
        }
        #[cold]
        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($value(self))
        }
    };
}

impl<'a> Visitor<'a> for Pair<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a price and a size")
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let price = seq.next_element_seed(Units { row: self.0, field: "price", least: 1 })?;
        let qty = seq.next_element_seed(Units { row: self.0, field: "size", least: 0 })?;
        match (price, qty) {
            (Some(price), Some(qty)) => self.0.levels.push(Level { price, qty }),
            _ => self.0.fail(LevelFault::Shape),
        }
        // Old captures have an empty third element.
        drain(&mut seq)
    }

    #[cold]
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.0.fail(LevelFault::Shape);
        Ok(())
    }

    wrong_shapes!(|this: Self| this.0.fail(LevelFault::Shape));
}

/// A price or a size, converted as it is read.
struct Units<'r> {
    row: &'r mut Row,
    field: &'static str,
    least: i64,
}

impl Units<'_> {
    #[cold]
    fn fail(self, text: &str, parsed: Result<i64, DecimalError>) -> i64 {
        let (field, value) = (self.field, shortened(text));
        self.row.fail(match parsed {
            Err(why) => LevelFault::Number { field, value, why },
            Ok(_) => LevelFault::NotPositive { field, value },
        });
        0
    }
}

impl<'a> DeserializeSeed<'a> for Units<'_> {
    type Value = i64;

    #[inline]
    fn deserialize<D: Deserializer<'a>>(self, parser: D) -> Result<i64, D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Units<'_> {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number in text")
    }

    #[inline]
    fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
        match decimal::parse(text.as_bytes()) {
            Ok(units) if units >= self.least => Ok(units),
            parsed => Ok(self.fail(text, parsed)),
        }
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<i64, A::Error> {
        self.row.fail(LevelFault::Shape);
        drain(&mut seq)?;
        Ok(0)
    }

    wrong_shapes!(|this: Self| {
        this.row.fail(LevelFault::Shape);
        0
    });
}
