//! What was written, as a tree in which each value knows where. Files, environment and code all become such trees; later ones are laid
//! over earlier ones.

use super::mistake::{Mistake, Origin, first_name, quoted};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// A value, where it was written, and how.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
    /// As written; empty for tables.
    pub(super) written: String,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Beyond 128 bits: the nearest.
    Integer(i128),
    Boolean(bool),
    Text(String),
    /// A float, a time or a date: no key takes one.
    Other(&'static str),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

impl Value {
    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Integer(_) => "an integer",
            Self::Boolean(_) => "a boolean",
            Self::Text(_) => "a string",
            Self::Other(name) => name,
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    pub(super) fn table(origin: Origin) -> Self {
        Self { value: Value::Table(BTreeMap::new()), origin, written: String::new() }
    }

    /// A string that was not written as TOML.
    pub(super) fn text(text: &str, origin: Origin) -> Self {
        Self { value: Value::Text(text.to_owned()), origin, written: quoted(text) }
    }

    /// From a parsed value. `origin_of` knows where a byte of `source` is; `origin` is the value's own.
    pub(super) fn parsed(
        value: &Spanned<DeValue<'_>>,
        source: &str,
        origin: Origin,
        origin_of: &impl Fn(usize) -> Origin,
    ) -> Self {
        let written = source.get(value.span()).unwrap_or_default().to_owned();
        let value = match value.get_ref() {
            DeValue::Table(table) => return Self::parsed_table(table, source, origin, origin_of),
            DeValue::Integer(number) => Value::Integer(integer(number)),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Float(_) => Value::Other("a float"),
            DeValue::Datetime(_) => Value::Other("a date or time"),
            DeValue::Array(items) => {
                let item =
                    |item: &Spanned<DeValue<'_>>| Self::parsed(item, source, origin_of(item.span().start), origin_of);
                Value::List(items.iter().map(item).collect())
            }
        };
        Self { value, origin, written }
    }

    /// From a parsed table: each key is where its value is.
    pub(super) fn parsed_table(
        table: &DeTable<'_>,
        source: &str,
        origin: Origin,
        origin_of: &impl Fn(usize) -> Origin,
    ) -> Self {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let key: &Spanned<std::borrow::Cow<'_, str>> = key;
            let node = Self::parsed(value, source, origin_of(key.span().start), origin_of);
            (key.get_ref().clone().into_owned(), node)
        };
        Self { value: Value::Table(table.iter().map(entry).collect()), origin, written: String::new() }
    }

    /// Leaves out the values whose origin is one of these; tables stay.
    pub(super) fn forget(&mut self, is_bad: &impl Fn(&Origin) -> bool) {
        if let Value::Table(table) = &mut self.value {
            table.retain(|_, node| matches!(node.value, Value::Table(_)) || !is_bad(&node.origin));
            table.values_mut().for_each(|node| node.forget(is_bad));
        }
    }

    /// Lays another over this one: tables merge, everything else is replaced.
    pub(super) fn overlay(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Value::Table(mine), Value::Table(theirs)) => {
                for (key, node) in theirs {
                    match mine.entry(key) {
                        std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().overlay(node),
                        std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(node)),
                    }
                }
            }
            (_, value) => *self = Self { value, ..over },
        }
    }

    /// The same without origins, for serde.
    pub(super) fn plain(&self) -> serde_json::Value {
        match &self.value {
            Value::Integer(number) => u64::try_from(*number).map_or(serde_json::Value::Null, Into::into),
            Value::Boolean(value) => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Other(_) => serde_json::Value::Null,
            Value::List(items) => items.iter().map(Self::plain).collect(),
            Value::Table(table) => table.iter().map(|(key, node)| (key.clone(), node.plain())).collect(),
        }
    }

    /// Tells a mistake of the configuration as a whole where its key was written, and how; where it was not, where its table was.
    pub(super) fn locate(&self, mistake: &mut Mistake) {
        let (node, is_exact) = self.find(&mistake.path);
        mistake.origin = node.origin.clone();
        if is_exact && matches!(node.value, Value::Integer(_)) && !mistake.value.is_empty() {
            mistake.value.clone_from(&node.written);
        }
    }

    /// The node at a path, or the last one on the way to it.
    pub(super) fn find(&self, path: &str) -> (&Self, bool) {
        let (mut node, mut rest) = (self, path);
        while !rest.is_empty() {
            match &node.value {
                Value::Table(table) => {
                    let (name, after) = first_name(rest);
                    let Some(below) = table.get(name.as_ref()) else { return (node, false) };
                    (node, rest) = (below, after.strip_prefix('.').unwrap_or(after));
                }
                Value::List(items) => {
                    let index = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                    match index.and_then(|index| index.parse().ok()).and_then(|index: usize| items.get(index)) {
                        Some(item) => return (item, true),
                        None => return (node, false),
                    }
                }
                _ => return (node, false),
            }
        }
        (node, true)
    }
}

fn integer(number: &DeInteger<'_>) -> i128 {
    let text = number.as_str();
    let furthest = if text.starts_with('-') { i128::MIN } else { i128::MAX };
    i128::from_str_radix(text, number.radix()).unwrap_or(furthest)
}
