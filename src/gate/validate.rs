//! The gate that lets only valid events in: of a known tag, of the right length, with declared values, within the ranges of its rules.
//!
//! It also stands where there is no publisher: [`Validate::check`] takes a tag and bytes as a file, a network or another process gives them.
//! Rules are held against the schema when they are added; what is left per event is a table look-up by tag and the rules of that tag.

use super::field::{Kind, find};
use super::number::Number;
use super::offer::Offer;
use super::rejection::{Few, Rejection};
use super::rule_error::RuleError;
use super::tuples::Gate;
use crate::event::{Family, Field, MAX_TAGS, Schema};
use core::marker::PhantomData;
use core::ops::RangeInclusive;

/// Lets valid events in: what is checked of each, and where, is said at [`crate::gate`].
///
/// ```
/// use tagring::gate::Validate;
///
/// tagring::events! {
///     pub mod market;
///     pub struct Trade = 1, v1 { pub price: i64, pub qty: u32, pub side: u32 where [66, 83] }
/// }
/// use tagring::event::Payload;
/// use tagring::zerocopy::IntoBytes;
///
/// let validate = Validate::<market::Events>::new().range("Trade", "price", 1..=1_000_000)?;
/// let trade = market::Trade { price: 0, qty: 10, side: 66 };
/// let rejection = validate.check(1, trade.as_bytes()).unwrap_err();
/// assert_eq!(
///     rejection.to_string(),
///     "validate: Trade.price is 0, allowed is 1 to 1000000; correct the value, or the rule [TR-0904]"
/// );
/// assert_eq!(validate.check(9, trade.as_bytes()).unwrap_err().code(), "TR-0901");
/// # Ok::<(), tagring::gate::RuleError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Validate<F: Family> {
    /// By tag.
    tags: Box<[OfTag]>,
    /// In the order of their tags.
    rules: Vec<Rule>,
    declared: bool,
    family: PhantomData<fn() -> F>,
}

#[derive(Clone, Copy, Debug, Default)]
struct OfTag {
    schema: Option<&'static Schema>,
    /// Its rules, from and to.
    rules: (u32, u32),
}

#[derive(Clone, Debug)]
struct Rule {
    tag: u16,
    field: &'static Field,
    kind: Kind,
    allows: Allows,
}

#[derive(Clone, Debug)]
enum Allows {
    Integers(i128, i128),
    Floats(f64, f64),
    These(Box<[i128]>),
}

impl<F: Family> Default for Validate<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Family> Validate<F> {
    /// Tag, length, and the values that payloads declare for their fields.
    #[must_use]
    pub fn new() -> Self {
        let mut tags = vec![OfTag::default(); MAX_TAGS].into_boxed_slice();
        F::SCHEMAS.iter().for_each(|schema| tags[usize::from(schema.tag.get())].schema = Some(schema));
        Self { tags, rules: Vec::new(), declared: true, family: PhantomData }
    }

    /// Without the declared values: where the program has checked them itself.
    #[must_use]
    pub fn without_declared(mut self) -> Self {
        self.declared = false;
        self
    }

    /// A field is within a range, its ends included. Not-a-number is in none.
    ///
    /// # Errors
    /// [`RuleError`]: no such payload or field, no number, a bound that the field cannot hold, an empty range.
    pub fn range<N: Into<Number> + Copy>(
        self,
        payload: &str,
        field: &str,
        range: RangeInclusive<N>,
    ) -> Result<Self, RuleError> {
        self.between(payload, field, (*range.start()).into(), (*range.end()).into())
    }

    /// An integer field is one of these.
    ///
    /// # Errors
    /// As [`Self::range`]; an empty list.
    pub fn one_of<N: Into<Number>>(
        self,
        payload: &str,
        field: &str,
        values: impl IntoIterator<Item = N>,
    ) -> Result<Self, RuleError> {
        self.listed(payload, field, values.into_iter().map(Into::into).collect())
    }

    /// A rule as text: `Trade.price in 1..=1000000`, or `Trade.side in 66, 83`, or `Trade.side in 'B', 'S'`.
    ///
    /// # Errors
    /// [`RuleError::Syntax`], and as [`Self::range`].
    pub fn rule(self, text: &str) -> Result<Self, RuleError> {
        let parsed = ParsedRule::parse(text).ok_or_else(|| RuleError::Syntax { text: text.to_owned() })?;
        match parsed.values {
            ParsedValues::Range(min, max) => self.between(parsed.payload, parsed.field, min, max),
            ParsedValues::List(values) => self.listed(parsed.payload, parsed.field, values),
        }
    }

    fn between(self, payload: &str, field: &str, min: Number, max: Number) -> Result<Self, RuleError> {
        let (schema, field, kind) = find::<F>(payload, field)?;
        let allows = match kind.integers() {
            Some(_) => Allows::Integers(integer(schema, field, kind, min)?, integer(schema, field, kind, max)?),
            None => Allows::Floats(min.float(), max.float()),
        };
        let is_empty = match allows {
            Allows::Integers(min, max) => min > max,
            // Not-a-number as a bound allows nothing either.
            Allows::Floats(min, max) => min.partial_cmp(&max).is_none_or(|order| order.is_gt()),
            Allows::These(_) => false,
        };
        if is_empty {
            return Err(RuleError::Empty { payload: schema.name, field: field.name });
        }
        Ok(self.with(schema, Rule { tag: schema.tag.get(), field, kind, allows }))
    }

    fn listed(self, payload: &str, field: &str, values: Vec<Number>) -> Result<Self, RuleError> {
        let (schema, field, kind) = find::<F>(payload, field)?;
        if kind.integers().is_none() {
            let (payload, field, type_name) = (schema.name, field.name, field.type_name);
            return Err(RuleError::FloatList { payload, field, type_name });
        }
        let values: Vec<_> =
            values.into_iter().map(|value| integer(schema, field, kind, value)).collect::<Result<_, _>>()?;
        if values.is_empty() {
            return Err(RuleError::Empty { payload: schema.name, field: field.name });
        }
        Ok(self.with(schema, Rule { tag: schema.tag.get(), field, kind, allows: Allows::These(values.into()) }))
    }

    fn with(mut self, schema: &Schema, rule: Rule) -> Self {
        let tag = schema.tag.get();
        self.rules.insert(self.rules.partition_point(|known| known.tag <= tag), rule);
        for (at, of) in self.tags.iter_mut().enumerate().filter(|(_, of)| of.schema.is_some()) {
            let bound = |least: usize| self.rules.partition_point(|rule| usize::from(rule.tag) < least) as u32;
            of.rules = (bound(at), bound(at + 1));
        }
        self
    }

    /// Whether an event is valid: its tag and its payload's bytes, as they came from outside. The bytes need no alignment.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    #[inline]
    pub fn check(&self, tag: u64, bytes: &[u8]) -> Result<&'static Schema, Rejection> {
        let of = usize::try_from(tag).ok().and_then(|tag| self.tags.get(tag)).copied().unwrap_or_default();
        let Some(schema) = of.schema else { return Err(Rejection::UnknownTag { family: F::NAME, tag }) };
        if bytes.len() != schema.size {
            return Err(Rejection::Length { payload: schema.name, len: bytes.len(), expected: schema.size });
        }
        if self.declared
            && let Some((field, allowed)) = F::undeclared(schema.tag, bytes)
        {
            return Err(undeclared(schema, field, allowed, bytes));
        }
        for rule in &self.rules[of.rules.0 as usize..of.rules.1 as usize] {
            let value = rule.kind.read(bytes, rule.field.offset);
            if !rule.allows.contains(value) {
                return Err(rule.broken_by(schema, value));
            }
        }
        Ok(schema)
    }
}

impl<F: Family> Gate<F> for Validate<F> {
    #[inline(always)]
    fn check(&mut self, offer: &Offer<'_>, _: &impl Fn() -> u64) -> Result<(), Rejection> {
        Self::check(self, offer.tag.get().into(), offer.payload).map(drop)
    }
}

impl Allows {
    #[inline(always)]
    fn contains(&self, value: Number) -> bool {
        match self {
            Self::Integers(min, max) => value.integer().is_some_and(|value| (*min..=*max).contains(&value)),
            Self::Floats(min, max) => (*min..=*max).contains(&value.float()),
            Self::These(all) => value.integer().is_some_and(|value| all.contains(&value)),
        }
    }
}

impl Rule {
    #[cold]
    fn broken_by(&self, schema: &Schema, value: Number) -> Rejection {
        let (payload, field) = (schema.name, self.field.name);
        match &self.allows {
            Allows::Integers(min, max) => {
                Rejection::OutOfRange { payload, field, value, min: Number::of(*min), max: Number::of(*max) }
            }
            Allows::Floats(min, max) => {
                Rejection::OutOfRange { payload, field, value, min: Number::Float(*min), max: Number::Float(*max) }
            }
            Allows::These(all) => Rejection::NotListed { payload, field, value, allowed: Few::of(all) },
        }
    }
}

#[cold]
fn undeclared(schema: &Schema, field: usize, allowed: &'static str, bytes: &[u8]) -> Rejection {
    let Field { name, type_name, offset, .. } = schema.fields[field];
    let value = Kind::of(type_name).map(|kind| kind.read(bytes, offset));
    Rejection::Undeclared { payload: schema.name, field: name, value, allowed }
}

/// A rule's value as an integer that the field can hold.
fn integer(schema: &'static Schema, field: &'static Field, kind: Kind, value: Number) -> Result<i128, RuleError> {
    match (value.integer(), kind.integers()) {
        (Some(value), Some((min, max))) if (min..=max).contains(&value) => Ok(value),
        _ => Err(RuleError::Bound { payload: schema.name, field: field.name, type_name: field.type_name, value }),
    }
}

/// A rule as text, taken apart: nothing is known of the family.
struct ParsedRule<'t> {
    payload: &'t str,
    field: &'t str,
    values: ParsedValues,
}

enum ParsedValues {
    Range(Number, Number),
    List(Vec<Number>),
}

impl<'t> ParsedRule<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let (name, values) = text.split_once(" in ")?;
        let (payload, field) = name.trim().split_once('.')?;
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name(payload) || !is_name(field) {
            return None;
        }
        let values = match values.split_once("..=") {
            Some((min, max)) => ParsedValues::Range(number(min)?, number(max)?),
            None => ParsedValues::List(values.split(',').map(number).collect::<Option<_>>()?),
        };
        Some(Self { payload, field, values })
    }
}

/// Whether a text can be read as a rule, whatever the family.
pub(crate) fn is_rule(text: &str) -> bool {
    ParsedRule::parse(text).is_some()
}

/// An integer, a float, or an ASCII character in quotes.
fn number(text: &str) -> Option<Number> {
    let text = text.trim();
    if let [b'\'', character, b'\''] = text.as_bytes() {
        return character.is_ascii().then(|| Number::from(*character));
    }
    let plain = text.replace('_', "");
    if let Ok(value) = plain.parse::<i64>() {
        return Some(Number::Int(value));
    }
    if let Ok(value) = plain.parse::<u64>() {
        return Some(Number::from(value));
    }
    // A float like `inf` is none that a person writes by intent.
    plain.parse::<f64>().ok().filter(|value| value.is_finite()).map(Number::Float)
}
