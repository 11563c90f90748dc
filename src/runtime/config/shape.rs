//! The shape of a configuration: which keys there are, of which type, with which bounds, defaults and descriptions. It is read out of
//! the JSON Schema, which comes from the very types, so that editors, the loader and the printer cannot disagree.

use super::Config;
use super::bounds::{Bounds, NAME_BYTES};
use super::mistake::listed;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// What a value may be.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// A table with these keys, in the order of the type's fields.
    Table(Vec<Key>),
    /// A table of names.
    Names(Box<Shape>),
    List(Box<Shape>),
    Integer(Bounds),
    Boolean,
    Text,
    /// One of these names.
    Choice(Vec<String>),
    /// One of these, which differ in their types of value.
    Either(Vec<Shape>),
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) default: Value,
    pub(super) shape: Shape,
}

/// Names as in [`Config`]: letters and digits, with single `-` or `_` between them.
pub(super) const NAME_PATTERN: &str = "^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$";

/// The shape of a whole configuration.
pub(super) static SHAPE: LazyLock<Shape> = LazyLock::new(|| {
    let schema = schemars::schema_for!(Config).to_value();
    shape(&schema, &schema["$defs"])
});

impl Shape {
    /// What is allowed, for a message.
    pub(super) fn allowed(&self) -> String {
        match self {
            Self::Table(_) | Self::Names(_) => "a table".into(),
            Self::List(of) => match of.as_ref() {
                Self::Integer(bounds) => format!("a list of integers from {} to {}", bounds.min, bounds.max),
                _ => "a list of strings".into(),
            },
            Self::Integer(bounds) => format!("an integer from {} to {}", bounds.min, bounds.max),
            Self::Boolean => "true or false".into(),
            Self::Text => "a string".into(),
            Self::Choice(names) => listed(names.iter().map(String::as_str)),
            Self::Either(shapes) => shapes.iter().map(Self::allowed).collect::<Vec<_>>().join(", or "),
        }
    }
}

impl Config {
    /// The JSON Schema of a configuration, for editors: every key with its description, type, bounds and default.
    #[must_use]
    pub fn json_schema() -> String {
        let mut schema = schemars::schema_for!(Config).to_value();
        join_lines(&mut schema);
        schema["title"] = "Tagring configuration".into();
        schema["description"] = "Everything a Tagring runtime is made of.".into();
        serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
    }
}

/// What a name looks like, for editors. [`Config::mistakes`] says in words what is wrong with one.
pub(super) fn name() -> Value {
    serde_json::json!({ "pattern": NAME_PATTERN, "minLength": NAME_BYTES.min, "maxLength": NAME_BYTES.max })
}

/// The lines of a description are those of the source and mean nothing.
fn join_lines(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    Value::String(text) if key == "description" => *text = text.replace('\n', " "),
                    value => join_lines(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(join_lines),
        _ => {}
    }
}

fn shape(schema: &Value, definitions: &Value) -> Shape {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return shape(&definitions[name], definitions);
    }
    if let Some(names) = choices(schema) {
        return Shape::Choice(names);
    }
    if let Some(all) = schema["anyOf"].as_array() {
        return Shape::Either(all.iter().map(|one| shape(one, definitions)).collect());
    }
    match schema["type"].as_str() {
        Some("object") => table(schema, definitions),
        Some("array") => Shape::List(Box::new(shape(&schema["items"], definitions))),
        Some("integer") => {
            let bound = |key: &str, otherwise| schema[key].as_u64().unwrap_or(otherwise);
            Shape::Integer(Bounds { min: bound("minimum", 0), max: bound("maximum", i64::MAX as u64) })
        }
        Some("boolean") => Shape::Boolean,
        _ => Shape::Text,
    }
}

/// The names of a choice, each described or not.
fn choices(schema: &Value) -> Option<Vec<String>> {
    let described = schema["oneOf"].as_array().into_iter().flatten();
    let described = described.flat_map(|one| one["const"].as_str().into_iter().chain(strings(&one["enum"])));
    let names: Vec<_> = described.chain(strings(&schema["enum"])).map(str::to_owned).collect();
    (!names.is_empty()).then_some(names)
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn table(schema: &Value, definitions: &Value) -> Shape {
    if schema["additionalProperties"].is_object() {
        return Shape::Names(Box::new(shape(&schema["additionalProperties"], definitions)));
    }
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let key = |(name, property): (&String, &Value)| Key {
        name: name.clone(),
        description: property["description"].as_str().unwrap_or_default().to_owned(),
        default: property["default"].clone(),
        shape: shape(property, definitions),
    };
    Shape::Table(properties.iter().map(key).collect())
}
