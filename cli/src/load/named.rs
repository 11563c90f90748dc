//! Settings by name on the command line, `NAME=VALUE`: a slot as `book` or `md.book`, a bus, or `*` for all. The most precise name decides, and
//! of several the last.

use std::str::FromStr;

/// A setting for whatever the name means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named<T> {
    pub(super) name: String,
    pub(super) value: T,
}

impl<T: FromStr<Err = String>> FromStr for Named<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').unwrap_or(("*", text));
        Ok(Self { name: name.trim().to_owned(), value: value.trim().parse()? })
    }
}

/// How precisely a name means the part `own` of `bus`; `None`: it means another.
pub(super) fn precision(name: &str, bus: &str, own: &str) -> Option<u8> {
    match name.split_once('.') {
        Some(both) => (both == (bus, own)).then_some(2),
        None if name == own => Some(1),
        None => (name == "*").then_some(0),
    }
}

/// What is set for the part `own` of `bus`.
pub(super) fn set<'a, T>(all: &'a [Named<T>], bus: &str, own: &str) -> Option<&'a T> {
    let fitting = all.iter().filter_map(|one| Some((precision(&one.name, bus, own)?, &one.value)));
    fitting.max_by_key(|(precision, _)| *precision).map(|(_, value)| value)
}

/// A name that means nothing there is.
pub(super) fn unknown(option: &str, name: &str, what: &str, known: &[String]) -> String {
    format!("TR-3023: {option}: there is no {what} `{name}`; give one of {}, or * for all", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::service::Stall;

    #[test]
    fn the_most_precise_name_decides_and_of_several_the_last() {
        let all = [("*", 1), ("book", 2), ("md.book", 3), ("book", 4), ("*", 5)];
        let all = all.map(|(name, value)| Named { name: name.into(), value });
        assert_eq!(
            (set(&all, "md", "book"), set(&all, "derived", "book"), set(&all, "md", "tape")),
            (Some(&3), Some(&4), Some(&5))
        );
        assert_eq!(set(&all[1..2], "md", "tape"), None);
    }

    #[test]
    fn a_setting_without_a_name_is_for_all() {
        let named: Named<Stall> = "1ms/5".parse().unwrap();
        assert_eq!((named.name.as_str(), named.value.every), ("*", 5));
        let named: Named<Stall> = "md.book = 1ms/7".parse().unwrap();
        assert_eq!((named.name.as_str(), named.value.every), ("md.book", 7));
        assert!("book=".parse::<Named<Stall>>().is_err());
    }
}
