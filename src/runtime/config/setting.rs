//! One key set from outside a file: by an environment variable or by code. Both find their key in the same way, without regard to
//! case, with `-` and `_` alike, so that `TAGRING__BUSES__MD_RAW__CAPACITY_CELLS` names the bus `md-raw` of the file.

use super::mistake::{Mistake, Origin, listed};
use super::node::{Node, Value};
use super::rules::{alike, folded};
use super::shape::{SHAPE, Shape};
use super::structure::below;
use std::collections::BTreeMap;
use std::ffi::OsString;
use toml::de::DeValue;

/// What the names of variables begin with.
const PREFIX: &str = "TAGRING__";

/// A key and its value, both as written.
pub(super) struct Setting {
    levels: Vec<String>,
    text: String,
    origin: Origin,
}

/// The settings among these variables, in the order of their names, and what is wrong with them.
pub(super) fn of_environment(variables: &[(OsString, OsString)], found: &mut Vec<Mistake>) -> Vec<Setting> {
    let mut named: Vec<_> =
        variables.iter().map(|(name, value)| (name.to_string_lossy().into_owned(), value)).collect();
    named.retain(|(name, _)| name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX)));
    named.sort();
    let mut settings = Vec::new();
    let mut seen = BTreeMap::new();
    for (name, value) in named {
        let origin = Origin::Variable { name: name.clone() };
        let Some(text) = value.to_str() else {
            let mistake = Mistake::new("TR-0713", "", value.to_string_lossy(), "not UTF-8").allowed("UTF-8");
            found.push(mistake.remedy("set it anew").at(origin));
            continue;
        };
        if let Some(other) = seen.insert(folded(&name), name.clone()) {
            let mistake = Mistake::new("TR-0710", "", text, format!("a second time; first as {other}"));
            found.push(mistake.allowed("each key once").remedy("unset one of them").at(origin));
            continue;
        }
        let levels = name[PREFIX.len()..].split("__").map(str::to_owned).collect();
        settings.push(Setting { levels, text: text.to_owned(), origin });
    }
    settings
}

/// A setting by code: `key` as in `buses.md.capacity_cells`.
pub(super) fn of_code(key: &str, value: &str) -> Setting {
    Setting { levels: key.split('.').map(str::to_owned).collect(), text: value.to_owned(), origin: Origin::Code }
}

impl Setting {
    /// A tree with this one value, its names as `base` has them.
    pub(super) fn tree(&self, base: &Node, found: &mut Vec<Mistake>) -> Option<Node> {
        let (names, shape) = self.resolve(base, found)?;
        let leaf = self.value(shape);
        Some(names.into_iter().rev().fold(leaf, |node, name| Node {
            value: Value::Table(BTreeMap::from([(name, node)])),
            origin: self.origin.clone(),
            written: String::new(),
        }))
    }

    /// The names of its levels, and what may stand there.
    fn resolve(&self, base: &Node, found: &mut Vec<Mistake>) -> Option<(Vec<String>, &'static Shape)> {
        let (mut shape, mut node): (&'static Shape, _) = (&SHAPE, Some(base));
        let (mut names, mut path) = (Vec::new(), String::new());
        for level in &self.levels {
            let name = match shape {
                Shape::Table(keys) => {
                    let Some(key) = keys.iter().find(|key| alike(&key.name, level)) else {
                        found.push(self.unknown(&path, level, keys.iter().map(|key| key.name.as_str())));
                        return None;
                    };
                    shape = &key.shape;
                    key.name.clone()
                }
                Shape::Names(of) => {
                    shape = of;
                    existing(node, level).unwrap_or_else(|| self.new_name(level))
                }
                _ => {
                    found.push(self.unknown(&path, level, std::iter::empty()));
                    return None;
                }
            };
            path = below(&path, &name);
            node = node.and_then(|node| match &node.value {
                Value::Table(table) => table.get(&name),
                _ => None,
            });
            names.push(name);
        }
        Some((names, shape))
    }

    /// A name that nothing has yet. Variables are in capitals, names are not.
    fn new_name(&self, level: &str) -> String {
        match self.origin {
            Origin::Variable { .. } => level.to_ascii_lowercase(),
            _ => level.to_owned(),
        }
    }

    fn unknown<'a>(&self, path: &str, level: &str, known: impl Iterator<Item = &'a str> + Clone) -> Mistake {
        let level = match self.origin {
            Origin::Variable { .. } => level.to_ascii_lowercase(),
            _ => level.to_owned(),
        };
        let mistake = Mistake::new("TR-0709", below(path, &level), &self.text, "no such key").at(self.origin.clone());
        mistake.allowed(listed(known.clone())).meant(&level, known)
    }

    /// The value as TOML; what is none is a string, and where a string is wanted quotes need not be given.
    fn value(&self, shape: &Shape) -> Node {
        let text = self.text.trim();
        let is_quoted = text.starts_with(['"', '\'']);
        let wants_text = matches!(shape, Shape::Text | Shape::Choice(_));
        match DeValue::parse(text) {
            Ok(value) if is_quoted || !wants_text => {
                Node::parsed(&value, text, self.origin.clone(), &|_| self.origin.clone())
            }
            _ => Node::text(&self.text, self.origin.clone()),
        }
    }
}

fn existing(node: Option<&Node>, level: &str) -> Option<String> {
    match &node?.value {
        Value::Table(table) => table.keys().find(|name| alike(name, level)).cloned(),
        _ => None,
    }
}
