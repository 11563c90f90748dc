//! Prints a configuration as TOML, every key with what it is, what is allowed and its default. What is printed loads back to the
//! same.

use super::Config;
use super::mistake::{key_path, quoted};
use super::shape::{Key, SHAPE, Shape};
use serde_json::Value;
use std::fmt::Write as _;

impl Config {
    /// The configuration as TOML with all defaults filled in and each key explained.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        if let (Shape::Table(keys), Ok(value)) = (&*SHAPE, serde_json::to_value(self)) {
            for key in keys {
                part(&key.shape, &value[&key.name], &[&key.name], &key.description, &mut text);
            }
        }
        text.trim_start().to_owned()
    }
}

/// A table, or each of a table of names, under its header.
fn part(shape: &Shape, value: &Value, path: &[&str], description: &str, text: &mut String) {
    match shape {
        Shape::Names(of) if !is_table(of) => {
            let entries = value.as_object().into_iter().flatten();
            let lines: String =
                entries.map(|(name, value)| format!("{} = {}\n", key_path(&[name]), written(value))).collect();
            if !lines.is_empty() {
                let _ = write!(text, "\n# {description}\n[{}]\n{lines}", key_path(path));
            }
        }
        Shape::Names(of) => {
            for (name, value) in value.as_object().into_iter().flatten() {
                part(of, value, &[path, &[name]].concat(), description, text);
            }
        }
        Shape::Table(keys) => {
            let _ = write!(text, "\n# {description}\n[{}]\n", key_path(path));
            let (tables, values): (Vec<_>, Vec<_>) = keys.iter().partition(|key| is_table(&key.shape));
            for key in values {
                let explained = explained(key);
                let _ = write!(text, "# {explained}\n{} = {}\n", key.name, written(&value[&key.name]));
            }
            for key in tables {
                part(&key.shape, &value[&key.name], &[path, &[&key.name]].concat(), &key.description, text);
            }
        }
        _ => {}
    }
}

const fn is_table(shape: &Shape) -> bool {
    matches!(shape, Shape::Table(_) | Shape::Names(_))
}

/// A key's comment: what it is, its bounds or choices, its default.
fn explained(key: &Key) -> String {
    let allowed = match &key.shape {
        Shape::Integer(bounds) => format!("{} to {}; ", bounds.min, bounds.max),
        Shape::Choice(names) => names.join(", ") + "; ",
        _ => String::new(),
    };
    let description = key.description.replace('\n', " ");
    format!("{description} ({allowed}default {})", written(&key.default))
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
