//! One thing wrong with a configuration, and all of them. A mistake is plain data, so that a program can show it in its own way; its
//! text is one line: where, which key, its value, what is wrong, what is allowed, what to do, the code.

use super::bounds::Bounds;
use crate::event::similar;
use core::fmt;

/// Characters of a value that a message shows.
const VALUE_CHARS_MAX: usize = 60;
/// Mistakes that the text of [`Mistakes`] shows.
const SHOWN_MAX: usize = 100;
/// Known names that a message lists.
const NAMES_LISTED: usize = 32;
/// Known names that the nearest is sought among: thousands of wrong names are refused in a second, whatever there is.
pub(super) const NAMES_TRIED: usize = 256;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Origin {
    /// In code, or nowhere: a default.
    #[default]
    Code,
    /// In a file, or in a text with a name.
    File {
        /// Its path or name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The character of the line, from 1.
        column: usize,
    },
    /// In an environment variable.
    Variable {
        /// Its name.
        name: String,
    },
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The stable code.
    pub code: &'static str,
    /// The key, such as `buses.md.capacity_cells`; empty where the text is not even TOML.
    pub path: String,
    /// Where it was written.
    pub origin: Origin,
    /// The value as written, at most 60 characters, control characters escaped; empty where there is none.
    pub value: String,
    /// What is wrong with it.
    pub what: String,
    /// What is allowed.
    pub allowed: String,
    /// What to do.
    pub remedy: String,
}

impl Mistake {
    /// A mistake in code; whoever knows better sets `origin`.
    #[cold]
    #[must_use]
    pub fn new(code: &'static str, path: impl Into<String>, value: impl fmt::Display, what: impl Into<String>) -> Self {
        let (path, value) = (path.into(), shown(&value.to_string()));
        let (allowed, remedy) = (String::new(), String::new());
        Self { code, path, origin: Origin::Code, value, what: one_line(what.into()), allowed, remedy }
    }

    /// Says what is allowed.
    #[must_use]
    pub fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = one_line(allowed.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = one_line(remedy.into());
        self
    }

    /// Says where it was written.
    #[must_use]
    pub fn at(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// A number outside its bounds.
    pub(super) fn out_of_range(path: String, value: impl fmt::Display, is_below: bool, bounds: Bounds) -> Self {
        let Bounds { min, max } = bounds;
        let (what, nearest) = if is_below { ("too small", min) } else { ("too large", max) };
        Self::new("TR-0706", path, value, what).allowed(format!("{min} to {max}")).remedy(format!("take {nearest}"))
    }

    /// A name that is none of a choice's.
    pub(super) fn unknown_choice<'a>(path: String, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Self {
        Self::new("TR-0707", path, quoted(name), "no such choice").allowed(listed(known.clone())).meant(name, known)
    }

    /// Sets the remedy to the nearest of the names there are.
    pub(super) fn meant<'a>(self, name: &str, mut known: impl Iterator<Item = &'a str> + Clone) -> Self {
        match similar(name, known.clone().take(NAMES_TRIED)) {
            Some(nearest) => self.remedy(format!("did you mean {nearest}?")),
            None if known.next().is_some() => self.remedy("take one of those"),
            None => self.remedy("leave it out"),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Code => {}
            // Where no key can be named, the column helps to find the place.
            Origin::File { file, line, column } if self.path.is_empty() => {
                write!(f, "{}:{line}:{column}: ", one_line(file.clone()))?;
            }
            Origin::File { file, line, .. } => write!(f, "{}:{line}: ", one_line(file.clone()))?,
            Origin::Variable { name } => write!(f, "{}: ", one_line(name.clone()))?,
        }
        match (self.path.as_str(), self.value.as_str()) {
            ("", "") => {}
            (one, "") | ("", one) => write!(f, "{one}: ")?,
            (path, value) => write!(f, "{path} = {value}: ")?,
        }
        f.write_str(&self.what)?;
        if !self.allowed.is_empty() {
            write!(f, "; allowed: {}", self.allowed)?;
        }
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        write!(f, " [{}]", self.code)
    }
}

impl std::error::Error for Mistake {}

/// Everything that is wrong with a configuration, in the order of what was read. Its text is one line for each, 100 at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// The mistakes in order.
    pub fn iter(&self) -> core::slice::Iter<'_, Mistake> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Mistakes {
    type Item = &'a Mistake;
    type IntoIter = core::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Mistakes {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.0.iter().take(SHOWN_MAX).enumerate() {
            let before = if at == 0 { "" } else { "\n" };
            write!(f, "{before}{mistake}")?;
        }
        match self.0.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Mistakes {}

/// The key path of these names; those that TOML cannot take bare are quoted, so that no two paths look the same.
pub(super) fn key_path(names: &[&str]) -> String {
    let mut path = String::new();
    for name in names {
        if !path.is_empty() {
            path.push('.');
        }
        let is_bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        path.push_str(&if is_bare { (*name).to_owned() } else { quoted(name) });
    }
    path
}

/// A string as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// The first name of a key path, and what comes behind it.
#[cfg(feature = "config")]
pub(super) fn first_name(path: &str) -> (std::borrow::Cow<'_, str>, &str) {
    let Some(inside) = path.strip_prefix('"') else {
        let end = path.find(['.', '[']).unwrap_or(path.len());
        return (path[..end].into(), &path[end..]);
    };
    let (mut name, mut rest) = (String::new(), inside.chars());
    while let Some(c) = rest.next().filter(|c| *c != '"') {
        let plain = match c {
            '\\' => match rest.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('u') => {
                    let digits: String = rest.by_ref().take(4).collect();
                    u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or_default()
                }
                other => other.unwrap_or_default(),
            },
            c => c,
        };
        name.push(plain);
    }
    (name.into(), rest.as_str())
}

/// Names with commas between, or `nothing`.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.take(NAMES_LISTED + 1).collect();
    match names.as_slice() {
        [] => "nothing (there is none)".into(),
        [listed @ .., _] if listed.len() == NAMES_LISTED => listed.join(", ") + ", ..",
        all => all.join(", "),
    }
}

/// Names and paths in a message may hold anything; a terminal must not obey it.
fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

/// A value for a message: one line of bounded length.
fn shown(value: &str) -> String {
    let mut shown = String::new();
    // Lines of a long array join.
    let mut words = value.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    let first = words.next().unwrap_or_default().to_owned();
    let line = words.fold(first, |line, word| line + " " + word);
    for (at, c) in line.chars().enumerate() {
        if at == VALUE_CHARS_MAX {
            return shown + "...";
        }
        match c {
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(all(test, feature = "config"))]
mod tests {
    use super::{first_name, key_path};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn paths_are_taken_apart_as_they_were_made(first in any::<String>(), second in "[a-z.\\[\"\\\\\n\u{1}]{0,4}") {
            let path = key_path(&[&first, &second]);
            let (name, rest) = first_name(&path);
            prop_assert_eq!(name.as_ref(), first.as_str());
            prop_assert_eq!(first_name(&rest[1..]), (second.into(), ""));
        }
    }
}
