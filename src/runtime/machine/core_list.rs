//! Lists of cores as the kernel writes them: `0-3,8-11`. Read from files that may hold anything, and written in messages.

use core::fmt;

/// Core numbers from here on are not believed: Linux for x86-64 is built for at most 8,192 (`NR_CPUS`).
pub(super) const CORES_MAX: usize = 8_192;

/// The cores of a list, ascending, each once. Parts that are no number or range, and numbers that no core has, are left out.
pub(super) fn parse(text: &str) -> Vec<usize> {
    let mut cores: Vec<usize> = text.trim().split(',').filter_map(range).flatten().collect();
    cores.sort_unstable();
    cores.dedup();
    cores
}

fn range(part: &str) -> Option<core::ops::Range<usize>> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (first.trim().parse::<usize>().ok()?, last.trim().parse::<usize>().ok()?);
    Some(first..last.saturating_add(1).min(CORES_MAX))
}

/// Shows cores as the kernel does: `0-3,8`; none: `none`.
pub(super) struct CoreList<'a>(pub(super) &'a [usize]);

impl fmt::Display for CoreList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (at, run) in self.0.chunk_by(|a, b| a.checked_add(1) == Some(*b)).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match run {
                [one] => write!(f, "{comma}{one}")?,
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

/// The same behind the word for it: `core 3`, `cores 0-3,8`.
pub(super) fn named(cores: &[usize]) -> String {
    format!("core{} {}", if cores.len() == 1 { "" } else { "s" }, CoreList(cores))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_are_read_and_odd_contents_left_out() {
        assert_eq!(parse("0-3,8-11\n"), [0, 1, 2, 3, 8, 9, 10, 11]);
        assert_eq!(parse(" 5 , 1-2, 1"), [1, 2, 5]);
        for nothing in ["", "\n", "(null)", "-", "3-", "-3", "9-7", "a-b", "1-2-3", "99999999999999999999"] {
            assert_eq!(parse(nothing), Vec::<usize>::new(), "{nothing:?}");
        }
        assert_eq!(parse("1,x,3"), [1, 3]);
        assert_eq!(parse("0-18446744073709551615").len(), CORES_MAX, "bounded");
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read(cores in proptest::collection::btree_set(0..300_usize, 1..60)) {
            let cores: Vec<usize> = cores.into_iter().collect();
            prop_assert_eq!(parse(&CoreList(&cores).to_string()), cores);
        }
    }
}
