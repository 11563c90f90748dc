//! The name that a wrong one was most likely meant to be. Whoever refuses a name asks here: the families, the configuration.

/// The known name most like `name`; the first of several.
#[cold]
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known.into_iter().min_by_key(|candidate| distance(candidate, name))
}

/// The known name that `name` was meant to be: the most like it, where at least half of the longer one is the same.
#[cold]
pub(crate) fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let nearest = nearest(name, known)?;
    (distance(nearest, name) <= nearest.chars().count().max(name.chars().count()) / 2).then_some(nearest)
}

/// Edits between two names, upper and lower case alike (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest, similar};

    #[test]
    fn counts_edits_and_takes_the_fewest() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!((distance("", "abc"), distance("abc", ""), distance("Abc", "aBC")), (3, 3, 0));
        assert_eq!(nearest("capcity", ["slots", "capacity", "capacities"]), Some("capacity"));
        assert_eq!(nearest("x", []), None);
        assert_eq!((similar("on", ["off", "try"]), similar("fsat", ["last", "fast"])), (None, Some("fast")));
    }
}
