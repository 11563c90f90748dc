//! Which rate to try next, and when the highest one that holds is known: grow until it fails, close in between, confirm. Knows nothing of clocks or
//! buses: it is told whether a trial held.

/// Rates go up by this at first.
const GROWTH: f64 = 2.0;
/// No lower rate is tried than so small a share of the first.
const LEAST_SHARE: f64 = 1.0 / 1_024.0;

/// What is known of one rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tried {
    pub(super) rate: f64,
    pub(super) held: u32,
    pub(super) failed: u32,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found {
    /// The highest rate that holds, and the lowest that does not; `None`: none failed up to the highest allowed.
    Rate { best: Tried, failed: Option<Tried> },
    /// Not even this one holds, the lowest tried.
    Nothing { least: Tried },
}

pub(super) struct Search {
    trials: u32,
    resolution: f64,
    least: f64,
    most: f64,
    /// Each rate once, ascending.
    tried: Vec<Tried>,
    at: f64,
}

impl Search {
    /// Begins at `first`; tries no rate above `most`. A rate holds if more than half of its `trials` do; the rate found holds in all the
    /// trials it needs for that, and the next one known to fail is at most `resolution` above it.
    pub(super) fn new(first: f64, least: f64, most: f64, trials: u32, resolution: f64) -> Self {
        let first = first.min(most);
        let least = least.max(first * LEAST_SHARE).min(first);
        Self { trials, resolution, least, most, tried: Vec::new(), at: first }
    }

    /// The rate to try next; `None`: the search is over.
    pub(super) fn next(&mut self) -> Option<f64> {
        let rate = self.choose()?;
        self.at = rate;
        Some(rate)
    }

    /// How the trial at the rate chosen last went.
    pub(super) fn record(&mut self, held: bool) {
        let at = self.at;
        let place = self.tried.partition_point(|known| known.rate < at);
        if self.tried.get(place).is_none_or(|known| known.rate != at) {
            self.tried.insert(place, Tried { rate: at, held: 0, failed: 0 });
        }
        let tried = &mut self.tried[place];
        *(if held { &mut tried.held } else { &mut tried.failed }) += 1;
    }

    /// What is known so far.
    pub(super) fn found(&self) -> Option<Found> {
        let failed = self.failed();
        let best = self.best(failed);
        match (best, failed) {
            (Some(best), failed) => Some(Found::Rate { best, failed }),
            (None, Some(least)) => Some(Found::Nothing { least }),
            (None, None) => None,
        }
    }

    fn choose(&self) -> Option<f64> {
        if self.tried.is_empty() {
            return Some(self.at);
        }
        // One that may still go either way, lowest first: a failed trial may have been a hiccup of the machine.
        let undecided = self.tried.iter().find(|known| known.failed > 0 && !self.holds(known) && !self.fails(known));
        if let Some(undecided) = undecided {
            return Some(undecided.rate);
        }
        let failed = self.failed();
        match (self.best(failed), failed) {
            (Some(best), None) if best.rate < self.most => Some((best.rate * GROWTH).min(self.most)),
            (Some(best), Some(failed)) if failed.rate > best.rate * (1.0 + self.resolution) => {
                Some((best.rate * failed.rate).sqrt())
            }
            // Growing and closing in took one trial for yes: what is found must hold in earnest.
            (Some(best), _) if best.held + best.failed < self.trials => Some(best.rate),
            (None, Some(failed)) if failed.rate > self.least => Some((failed.rate / GROWTH).max(self.least)),
            _ => None,
        }
    }

    fn holds(&self, tried: &Tried) -> bool {
        2 * tried.held > self.trials
    }

    fn fails(&self, tried: &Tried) -> bool {
        2 * tried.failed >= self.trials
    }

    /// The lowest rate that fails for certain.
    fn failed(&self) -> Option<Tried> {
        self.tried.iter().find(|known| self.fails(known)).copied()
    }

    /// The highest below that which has held.
    fn best(&self, failed: Option<Tried>) -> Option<Tried> {
        let below = |known: &&Tried| failed.is_none_or(|failed| known.rate < failed.rate);
        self.tried.iter().filter(below).rev().find(|known| known.held > 0 && !self.fails(known)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::random::Random;

    /// Searches on a made-up system; returns what was found and the trials it took.
    fn search(first: f64, most: f64, mut holds: impl FnMut(f64) -> bool) -> (Option<Found>, u32) {
        let mut search = Search::new(first, 0.0, most, 3, 0.05);
        let mut trials = 0;
        while let Some(rate) = search.next() {
            assert!(rate <= most && rate > 0.0);
            search.record(holds(rate));
            trials += 1;
            assert!(trials < 200, "the search does not end");
        }
        (search.found(), trials)
    }

    #[test]
    fn issue_4595_the_highest_rate_that_holds_is_found_within_the_resolution() {
        for limit in [10_000.0, 10_001.0, 34_567.0, 99_999.0, 1.23e6, 8e7] {
            let (found, trials) = search(10_000.0, 1e9, |rate| rate <= limit);
            let Some(Found::Rate { best, failed: Some(failed) }) = found else { panic!("{limit}: {found:?}") };
            assert!(best.rate <= limit && best.rate >= limit / 1.05, "{limit}: {best:?}");
            assert!(failed.rate > limit && failed.rate <= best.rate * 1.05);
            assert_eq!((best.held, best.failed), (3, 0), "confirmed");
            assert!(failed.failed >= 2, "{failed:?}");
            assert!(trials < 50, "{limit}: {trials} trials");
        }
    }

    #[test]
    fn issue_4595_a_first_rate_that_is_too_high_is_no_end() {
        let (found, _) = search(1e6, 1e9, |rate| rate <= 5_000.0);
        let Some(Found::Rate { best, .. }) = found else { panic!("{found:?}") };
        assert!(best.rate <= 5_000.0 && best.rate >= 5_000.0 / 1.05);
        let (found, trials) = search(1e6, 1e9, |_| false);
        let Some(Found::Nothing { least }) = found else { panic!("{found:?}") };
        assert!((least.rate - 1e6 / 1_024.0).abs() < 1.0 && least.held == 0, "{least:?}");
        assert!(trials <= 2 * 11, "{trials}");
    }

    #[test]
    fn issue_4595_what_holds_up_to_the_limit_is_confirmed_there() {
        let (found, _) = search(1_000.0, 50_000.0, |_| true);
        assert_eq!(found, Some(Found::Rate { best: Tried { rate: 50_000.0, held: 3, failed: 0 }, failed: None }));
        let (found, trials) = search(70_000.0, 50_000.0, |_| true);
        assert!(matches!(found, Some(Found::Rate { best: Tried { rate: 50_000.0, .. }, .. })) && trials == 3);
    }

    #[test]
    fn issue_4595_a_hiccup_of_the_machine_decides_nothing() {
        for seed in 0..50 {
            // One trial in ten fails whatever the rate.
            let mut random = Random::new(seed, 0);
            let mut hiccups = 0;
            let (found, _) = search(10_000.0, 1e9, |rate| {
                let hiccup = random.next().is_multiple_of(10);
                hiccups += u32::from(hiccup);
                rate <= 300_000.0 && !hiccup
            });
            let Some(Found::Rate { best, .. }) = found else { panic!("{seed}: {found:?}") };
            assert!(best.rate <= 300_000.0 && 2 * best.held > 3, "{seed}: {best:?}");
        }
        // Exactly one hiccup, at every point of the search in turn, changes nothing.
        for at in 0..20 {
            let mut trial = 0;
            let (found, _) = search(10_000.0, 1e9, |rate| {
                trial += 1;
                rate <= 300_000.0 && trial != at
            });
            let Some(Found::Rate { best, .. }) = found else { panic!("{at}: {found:?}") };
            assert!(best.rate <= 300_000.0 && best.rate >= 300_000.0 / 1.05, "{at}: {best:?}");
        }
    }

    #[test]
    fn issue_4595_a_search_that_is_ended_early_says_what_it_knows() {
        let mut search = Search::new(1_000.0, 0.0, 1e9, 3, 0.05);
        assert_eq!(search.found(), None);
        search.next();
        search.record(true);
        assert!(matches!(search.found(), Some(Found::Rate { best: Tried { held: 1, .. }, failed: None })));
    }
}
