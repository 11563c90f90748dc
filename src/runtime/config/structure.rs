//! Checks what was written against the shape: unknown keys, wrong types, values out of range, unknown choices. What is wrong is named and
//! left out, so that the rules can still be checked over the rest.

use super::mistake::{Mistake, key_path, listed, quoted};
use super::node::{Node, Value};
use super::shape::{Key, Shape};
use std::collections::BTreeMap;

/// The node without what is wrong in it, or nothing where it is wrong itself.
pub(super) fn fitting(node: Node, shape: &Shape, path: &str, found: &mut Vec<Mistake>) -> Option<Node> {
    let Node { value, origin, written } = node;
    let rebuilt = |value| Some(Node { value, origin: origin.clone(), written: written.clone() });
    match (value, shape) {
        (Value::Table(table), Shape::Table(keys)) => {
            let is_known = |name: &String| keys.iter().any(|key| key.name == *name);
            let (known, unknown): (BTreeMap<_, _>, BTreeMap<_, _>) =
                table.into_iter().partition(|(name, _)| is_known(name));
            found.extend(unknown.iter().map(|(name, node)| unknown_key(path, name, node, keys)));
            let shape_of = |name: &str| keys.iter().find(|key| key.name == name).map(|key| &key.shape);
            rebuilt(Value::Table(entries(known, path, shape_of, found)))
        }
        (Value::Table(table), Shape::Names(shape)) => {
            rebuilt(Value::Table(entries(table, path, |_| Some(shape.as_ref()), found)))
        }
        (Value::List(items), Shape::List(of)) => {
            let count = items.len();
            let items = items.into_iter().enumerate();
            let items: Vec<_> =
                items.filter_map(|(at, item)| fitting(item, of, &format!("{path}[{at}]"), found)).collect();
            // A list of which something is wrong is left out whole: half of it would mean something else.
            if items.len() == count { rebuilt(Value::List(items)) } else { None }
        }
        (Value::Integer(number), Shape::Integer(bounds)) => {
            if number < i128::from(bounds.min) || number > i128::from(bounds.max) {
                let is_below = number < i128::from(bounds.min);
                found.push(Mistake::out_of_range(path.into(), &written, is_below, *bounds).at(origin));
                return None;
            }
            rebuilt(Value::Integer(number))
        }
        (Value::Text(text), Shape::Choice(names)) => {
            if !names.contains(&text) {
                found.push(Mistake::unknown_choice(path.into(), &text, names.iter().map(String::as_str)).at(origin));
                return None;
            }
            rebuilt(Value::Text(text))
        }
        (value @ Value::Boolean(_), Shape::Boolean) | (value @ Value::Text(_), Shape::Text) => rebuilt(value),
        (value, Shape::Either(shapes)) if shapes.iter().any(|shape| is_of(&value, shape)) => {
            let shape = shapes.iter().find(|shape| is_of(&value, shape))?;
            fitting(Node { value, origin, written }, shape, path, found)
        }
        (value, shape) => {
            found.push(wrong_type(path, &Node { value, origin, written }, shape));
            None
        }
    }
}

fn entries<'a>(
    table: BTreeMap<String, Node>,
    path: &str,
    shape_of: impl Fn(&str) -> Option<&'a Shape>,
    found: &mut Vec<Mistake>,
) -> BTreeMap<String, Node> {
    let mut fit = BTreeMap::new();
    for (name, node) in table {
        let Some(shape) = shape_of(&name) else { continue };
        let origin = node.origin.clone();
        let is_table = matches!(shape, Shape::Table(_));
        match fitting(node, shape, &below(path, &name), found) {
            Some(node) => drop(fit.insert(name, node)),
            // What it is may be wrong, but it is there: others may name it.
            None if is_table => drop(fit.insert(name, Node::table(origin))),
            None => {}
        }
    }
    fit
}

/// The path of a key in the table at `path`.
pub(super) fn below(path: &str, name: &str) -> String {
    let name = key_path(&[name]);
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

fn is_of(value: &Value, shape: &Shape) -> bool {
    matches!((value, shape), (Value::Text(_), Shape::Choice(_) | Shape::Text) | (Value::List(_), Shape::List(_)))
}

fn unknown_key(path: &str, name: &str, node: &Node, keys: &[Key]) -> Mistake {
    let known = || keys.iter().map(|key| key.name.as_str());
    let mistake = Mistake::new("TR-0709", below(path, name), &node.written, "no such key").at(node.origin.clone());
    mistake.allowed(listed(known())).meant(name, known())
}

fn wrong_type(path: &str, node: &Node, shape: &Shape) -> Mistake {
    let what = format!("of the wrong type, {}", node.value.type_name());
    let mistake = Mistake::new("TR-0708", path, &node.written, what).at(node.origin.clone()).allowed(shape.allowed());
    let as_shown = mistake.value.clone();
    let is_whole = !as_shown.ends_with("...");
    mistake.remedy(match (&node.value, shape) {
        (Value::Text(text), Shape::Integer(_)) if text.parse::<u64>().is_ok() => format!("write {text} without quotes"),
        (Value::Text(text), Shape::Boolean) if text == "true" || text == "false" => {
            format!("write {text} without quotes")
        }
        (Value::Other(_), Shape::Integer(_)) if as_shown.ends_with(".0") => {
            format!("write {}", as_shown.trim_end_matches(".0"))
        }
        (Value::Integer(_) | Value::Boolean(_) | Value::Other(_), Shape::Text) if is_whole => {
            format!("write {}", quoted(&as_shown))
        }
        (Value::Text(_) | Value::Integer(_), Shape::List(_)) if is_whole => format!("write [{as_shown}]"),
        (Value::Integer(number), Shape::Either(_)) if *number >= 0 => format!("write [{as_shown}]"),
        _ => "give one of those".into(),
    })
}
