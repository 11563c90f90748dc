//! What was seen over time, in bounded memory: however long a run lasts, there are at most so many entries, and neighbours are put together
//! when there would be more. Filled by the main thread while something runs; reports and plots read it.

/// Entries kept.
pub(crate) const ENTRIES_MAX: usize = 2_048;

/// Something seen over a stretch of time that can be put together with what was seen in the next.
pub(crate) trait Joined: Clone {
    /// This one and the next as one.
    fn with(&self, next: &Self) -> Self;
}

/// As many entries as there may be, in order and without gaps.
#[derive(Clone, Debug)]
pub(crate) struct Series<T>(Vec<T>);

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Joined> Series<T> {
    /// Adds what was seen last.
    pub(crate) fn push(&mut self, entry: T) {
        self.0.push(entry);
        if self.0.len() > ENTRIES_MAX {
            self.0 = joined(&self.0, ENTRIES_MAX / 2);
        }
    }

    pub(crate) fn all(&self) -> &[T] {
        &self.0
    }

    /// No more than so many, put together where there are more.
    pub(crate) fn at_most(&self, limit: usize) -> Vec<T> {
        joined(&self.0, limit)
    }
}

fn joined<T: Joined>(entries: &[T], limit: usize) -> Vec<T> {
    let each = entries.len().div_ceil(limit.max(1)).max(1);
    let one = |some: &[T]| some[1..].iter().fold(some[0].clone(), |sum, next| sum.with(next));
    entries.chunks(each).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Joined for (u64, u64) {
        fn with(&self, next: &Self) -> Self {
            (self.0, next.1)
        }
    }

    #[test]
    fn memory_is_bounded_and_no_entry_is_lost() {
        let mut series = Series::default();
        for at in 0..100_000 {
            series.push((at, at + 1));
            assert!(series.all().len() <= ENTRIES_MAX);
        }
        let all = series.all();
        assert!(all.len() > ENTRIES_MAX / 4 && all.windows(2).all(|pair| pair[0].1 == pair[1].0));
        assert_eq!((all[0].0, all[all.len() - 1].1), (0, 100_000));
        assert_eq!(series.at_most(10).len(), 10);
        assert_eq!(Series::<(u64, u64)>::default().at_most(10), []);
    }
}
