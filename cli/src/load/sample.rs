//! Looks at a running load, and intervals between two looks: what was done in them and how long it took.

use super::port::PortTally;
use crate::series::{Joined, Series};
use std::time::Duration;
use tagring::bus::{SlotState, SlotStats};
use tagring::counters::HistogramSnapshot;

/// Percentiles as they are told.
pub(super) const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// Everything counted until a moment. Times are in ns.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// Since the stage began.
    pub(super) at: Duration,
    /// Events that came due and were given to the bus.
    pub(super) generated: u64,
    /// What became of them.
    pub(super) sources: PortTally,
    /// What became of those that slots forwarded.
    pub(super) outlets: PortTally,
    /// How late events were given to the bus: through the generator, and behind a full ring.
    pub(super) late_own: HistogramSnapshot,
    pub(super) late_bus: HistogramSnapshot,
    pub(super) slots: Vec<SlotSample>,
}

/// One slot's part of it.
#[derive(Clone, Debug)]
pub(super) struct SlotSample {
    /// From the time an event was due at its source to the end of its handler here.
    pub(super) done: HistogramSnapshot,
    pub(super) hop: HistogramSnapshot,
    pub(super) service: HistogramSnapshot,
    pub(super) stats: SlotStats,
    pub(super) lag: u64,
}

/// A distribution in five numbers: [`PERCENTILES`] and the greatest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Five(pub(super) [u64; 5]);

impl Five {
    pub(super) fn of(snapshot: &HistogramSnapshot) -> Self {
        let [p50, p90, p99, p999] = PERCENTILES.map(|(_, q)| snapshot.quantile(q));
        Self([p50, p90, p99, p999, snapshot.max()])
    }

    /// No percentile of both together is above the greater of the two.
    fn bound(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].max(other.0[at])))
    }
}

/// What happened between two looks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) from: Duration,
    pub(super) to: Duration,
    /// Events due by the schedule, on average.
    pub(super) asked: f64,
    pub(super) generated: u64,
    pub(super) sources: PortTally,
    pub(super) outlets: PortTally,
    pub(super) slots: Vec<SlotInterval>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotInterval {
    pub(super) count: u64,
    pub(super) done: Five,
    pub(super) hop: Five,
    pub(super) service: Five,
    pub(super) dead: u64,
    /// Events behind at its end.
    pub(super) lag: u64,
    pub(super) state: SlotState,
}

impl Interval {
    pub(super) fn between(before: &Sample, after: &Sample, asked: f64) -> Self {
        let slot = |(before, after): (&SlotSample, &SlotSample)| {
            let done = after.done.since(&before.done);
            SlotInterval {
                count: done.count(),
                done: Five::of(&done),
                hop: Five::of(&after.hop.since(&before.hop)),
                service: Five::of(&after.service.since(&before.service)),
                dead: after.stats.dead - before.stats.dead,
                lag: after.lag,
                state: after.stats.state,
            }
        };
        Self {
            from: before.at,
            to: after.at,
            asked,
            generated: after.generated - before.generated,
            sources: after.sources.since(&before.sources),
            outlets: after.outlets.since(&before.outlets),
            slots: before.slots.iter().zip(&after.slots).map(slot).collect(),
        }
    }

    /// Seconds that it lasts.
    pub(super) fn seconds(&self) -> f64 {
        self.to.saturating_sub(self.from).as_secs_f64().max(1e-9)
    }

    /// Events that were given to a bus and not published.
    pub(super) fn lost(&self) -> u64 {
        self.sources.lost() + self.outlets.lost()
    }
}

impl Joined for Interval {
    /// Counts are exact; percentiles are never below the true ones.
    fn with(&self, next: &Self) -> Self {
        let mut both = self.clone();
        both.to = next.to;
        both.asked += next.asked;
        both.generated += next.generated;
        both.sources.add(&next.sources);
        both.outlets.add(&next.outlets);
        for (slot, next) in both.slots.iter_mut().zip(&next.slots) {
            slot.count += next.count;
            slot.dead += next.dead;
            (slot.lag, slot.state) = (next.lag, next.state);
            slot.done = slot.done.bound(next.done);
            slot.hop = slot.hop.bound(next.hop);
            slot.service = slot.service.bound(next.service);
        }
        both
    }
}

/// All intervals of a load.
pub(super) type Intervals = Series<Interval>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::ENTRIES_MAX;
    use tagring::counters::Histogram;

    fn interval(at: u64) -> Interval {
        let five = |base: u64| Five([base, base + at % 7, base + 10, base + 20, base + 30 + at % 11]);
        let slot = SlotInterval {
            count: at,
            done: five(100),
            hop: five(10),
            service: five(50),
            dead: at % 2,
            lag: at,
            state: SlotState::Running,
        };
        Interval {
            from: Duration::from_secs(at),
            to: Duration::from_secs(at + 1),
            asked: 3.0,
            generated: 2,
            sources: PortTally { published: 1, shed: 1, ..PortTally::default() },
            outlets: PortTally::default(),
            slots: vec![slot],
        }
    }

    #[test]
    fn issue_4595_memory_is_bounded_however_long_a_load_runs() {
        let mut intervals = Intervals::default();
        let pushed = 100_000;
        for at in 0..pushed {
            intervals.push(interval(at));
            assert!(intervals.all().len() <= ENTRIES_MAX);
        }
        let all = intervals.all();
        assert!(all.len() > ENTRIES_MAX / 4, "{}", all.len());
        assert!(all.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert_eq!((all[0].from, all[all.len() - 1].to), (Duration::ZERO, Duration::from_secs(pushed)));
        assert_eq!(all.iter().map(|one| one.generated).sum::<u64>(), 2 * pushed);
        assert_eq!(all.iter().map(Interval::lost).sum::<u64>(), pushed);
        assert_eq!(all.iter().map(|one| one.slots[0].count).sum::<u64>(), (0..pushed).sum::<u64>());
        assert_eq!(all[all.len() - 1].slots[0].lag, pushed - 1);
        assert_eq!(intervals.at_most(10).len(), 10);
    }

    #[test]
    fn issue_4595_percentiles_of_joined_intervals_are_never_too_low() {
        let recorded = |values: &[u64]| {
            let (mut writer, reader) = Histogram::new();
            values.iter().for_each(|value| writer.record(*value));
            reader.snapshot()
        };
        let (first, second): (Vec<u64>, Vec<u64>) = ((1..500).collect(), (300..2_000).step_by(3).collect());
        let truth = Five::of(&recorded(&[&first[..], &second].concat()));
        let bound = Five::of(&recorded(&first)).bound(Five::of(&recorded(&second)));
        assert!(bound.0.iter().zip(truth.0).all(|(bound, truth)| *bound >= truth), "{bound:?} {truth:?}");
    }
}
