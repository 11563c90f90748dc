//! When events are due. The schedule knows the rate, the shape and the seed and nothing else: it never asks how the bus does, so whatever stalls
//! there shows as age and hides nothing (no coordinated omission).
//!
//! Arrivals are points on an axis of work, one apart on average; the shape says at what time so much work is due.

use super::random::Random;
use std::sync::Arc;
use std::time::Duration;

/// How arrivals follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Arrivals {
    /// One every so often, exactly
    #[default]
    Constant,
    /// Independent of each other: gaps are exponentially distributed
    Poisson,
}

/// Times the rate goes up, for how long, and how often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bursts {
    pub(super) times: f64,
    pub(super) length: Duration,
    pub(super) every: Duration,
}

impl std::str::FromStr for Bursts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split('/').collect();
        let read = || {
            let [times, length, every] = parts[..] else { return None };
            let (times, length, every) = (
                super::quantity::factor(times).ok()?,
                super::quantity::span(length).ok()?,
                super::quantity::span(every).ok()?,
            );
            (length < every).then_some(Self { times, length, every })
        };
        read().ok_or_else(|| {
            format!("TR-3022: `{text}` are no bursts; give TIMESx/LENGTH/EVERY with a length below every, such as 10x/100ms/1s")
        })
    }
}

/// The arrival times of a capture, from its first on, in ns; ascending.
pub(super) type Recording = Arc<[u64]>;

/// The form of the load, before it has a rate.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Drawn { arrivals: Arrivals, bursts: Option<Bursts> },
    Recorded(Recording),
}

impl Pattern {
    /// Events due until `at`, on average, where `rate` are due a second.
    pub(super) fn expected(&self, rate: f64, at: Duration) -> f64 {
        match self {
            Self::Drawn { bursts, .. } => Shape { rate, bursts: *bursts }.work(at.as_nanos() as f64),
            Self::Recorded(times) => {
                let replay = Replay::new(times, rate, 0, 1);
                replay.due_until(at.as_nanos() as f64)
            }
        }
    }
}

/// The rate over time.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// A second, outside bursts.
    rate: f64,
    bursts: Option<Bursts>,
}

impl Shape {
    fn per_ns(&self) -> f64 {
        self.rate / 1e9
    }

    /// When so much work is due, in ns.
    fn time(&self, work: f64) -> f64 {
        // In this order it is exact where the result is a whole number.
        let Some(bursts) = self.bursts else { return work * 1e9 / self.rate };
        let (calm, whole) = self.period(&bursts);
        let periods = (work / whole).floor();
        let rest = work - periods * whole;
        let begin = periods * bursts.every.as_nanos() as f64;
        if rest < calm {
            return begin + rest / self.per_ns();
        }
        begin + calm / self.per_ns() + (rest - calm) / (self.per_ns() * bursts.times)
    }

    /// How much is due until then.
    fn work(&self, ns: f64) -> f64 {
        let Some(bursts) = self.bursts else { return ns * self.per_ns() };
        let (calm, whole) = self.period(&bursts);
        let every = bursts.every.as_nanos() as f64;
        let periods = (ns / every).floor();
        let rest = ns - periods * every;
        let calm_ns = calm / self.per_ns();
        periods * whole + rest.min(calm_ns) * self.per_ns() + (rest - calm_ns).max(0.0) * self.per_ns() * bursts.times
    }

    /// Work before the burst that ends a period, and of the whole period.
    fn period(&self, bursts: &Bursts) -> (f64, f64) {
        let calm = (bursts.every - bursts.length).as_nanos() as f64 * self.per_ns();
        (calm, calm + bursts.length.as_nanos() as f64 * self.per_ns() * bursts.times)
    }
}

/// A recording at another mean rate, again and again.
#[derive(Clone, Debug)]
struct Replay {
    times: Recording,
    /// Recorded ns to ns of the run.
    scale: f64,
    /// Of a whole round, in ns of the run: the recording and one more gap of mean length.
    round_ns: f64,
    next: u64,
    step: u64,
}

impl Replay {
    fn new(times: &Recording, rate: f64, first: u64, step: u64) -> Self {
        let recorded_ns = times.last().map_or(1, |last| (*last).max(1)) as f64;
        let gaps = times.len().saturating_sub(1).max(1) as f64;
        let scale = gaps * 1e9 / (recorded_ns * rate);
        Self {
            times: Arc::clone(times),
            scale,
            round_ns: (recorded_ns + recorded_ns / gaps) * scale,
            next: first,
            step,
        }
    }

    fn next(&mut self) -> f64 {
        let count = self.times.len() as u64;
        let (round, at) = (self.next / count, self.next % count);
        self.next += self.step;
        round as f64 * self.round_ns + self.times[at as usize] as f64 * self.scale
    }

    fn due_until(&self, ns: f64) -> f64 {
        let rounds = (ns / self.round_ns).floor();
        let rest = (ns - rounds * self.round_ns) / self.scale;
        rounds * self.times.len() as f64 + self.times.partition_point(|at| *at as f64 <= rest) as f64
    }
}

/// The due times of one generator, in ns from the beginning; they never decrease.
pub(super) struct Schedule(Kind);

enum Kind {
    Constant { shape: Shape, count: f64 },
    Poisson { shape: Shape, work: f64, random: Random },
    Recorded(Replay),
}

impl Schedule {
    /// The schedule of generator `number` of `of`, which together bring `rate` events a second.
    pub(super) fn new(pattern: &Pattern, rate: f64, (number, of): (u64, u64), seed: u64) -> Self {
        let share = rate / of as f64;
        Self(match pattern {
            Pattern::Drawn { arrivals: Arrivals::Constant, bursts } => {
                // Generators take turns rather than publish at the same moment.
                Kind::Constant { shape: Shape { rate: share, bursts: *bursts }, count: number as f64 / of as f64 }
            }
            Pattern::Drawn { arrivals: Arrivals::Poisson, bursts } => {
                let random = Random::new(seed, number);
                Kind::Poisson { shape: Shape { rate: share, bursts: *bursts }, work: 0.0, random }
            }
            Pattern::Recorded(times) => Kind::Recorded(Replay::new(times, rate, number, of)),
        })
    }

    /// When the next event is due.
    #[inline]
    pub(super) fn next_ns(&mut self) -> f64 {
        match &mut self.0 {
            Kind::Constant { shape, count } => {
                let at = shape.time(*count);
                *count += 1.0;
                at
            }
            Kind::Poisson { shape, work, random } => {
                *work += random.exponential();
                shape.time(*work)
            }
            Kind::Recorded(replay) => replay.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(arrivals: Arrivals, bursts: Option<&str>) -> Pattern {
        Pattern::Drawn { arrivals, bursts: bursts.map(|text| text.parse().unwrap()) }
    }

    fn times(pattern: &Pattern, rate: f64, seed: u64, count: usize) -> Vec<f64> {
        let mut schedule = Schedule::new(pattern, rate, (0, 1), seed);
        (0..count).map(|_| schedule.next_ns()).collect()
    }

    fn gaps(times: &[f64]) -> Vec<f64> {
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn issue_4595_constant_arrivals_are_evenly_apart_and_do_not_drift() {
        let times = times(&drawn(Arrivals::Constant, None), 300_000.0, 1, 3_000_001);
        assert_eq!(times[0], 0.0);
        assert!((times[3_000_000] - 10e9).abs() < 1.0, "{}", times[3_000_000]);
        assert!(gaps(&times).iter().all(|gap| (gap - 1e9 / 300_000.0).abs() < 0.01));
    }

    #[test]
    fn issue_4595_poisson_arrivals_have_the_mean_asked_for_and_no_memory() {
        let count = 200_000;
        for seed in [1, 2, 3] {
            let times = times(&drawn(Arrivals::Poisson, None), 1e6, seed, count);
            let gaps = gaps(&times);
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            // Four standard errors: 1000 ns / sqrt(200,000) each.
            assert!((mean - 1_000.0).abs() < 9.0, "seed {seed}: {mean}");
            // Having waited for a time already says nothing of how much longer it takes.
            for waited in [500.0, 1_000.0, 2_000.0] {
                let left: Vec<f64> = gaps.iter().filter(|gap| **gap > waited).map(|gap| gap - waited).collect();
                let mean = left.iter().sum::<f64>() / left.len() as f64;
                assert!(
                    (mean - 1_000.0).abs() < 4.0 * 1_000.0 / (left.len() as f64).sqrt(),
                    "seed {seed}, {waited}: {mean}"
                );
            }
            // Nor does the gap before.
            let products = gaps.windows(2).map(|pair| (pair[0] - 1_000.0) * (pair[1] - 1_000.0)).sum::<f64>();
            let correlation = products / gaps.len() as f64 / 1e6;
            assert!(correlation.abs() < 4.0 / (count as f64).sqrt(), "seed {seed}: {correlation}");
        }
    }

    #[test]
    fn issue_4595_a_seed_is_a_schedule() {
        let pattern = drawn(Arrivals::Poisson, Some("3x/10ms/50ms"));
        assert_eq!(times(&pattern, 1e5, 7, 5_000), times(&pattern, 1e5, 7, 5_000));
        assert_ne!(times(&pattern, 1e5, 7, 5_000), times(&pattern, 1e5, 8, 5_000));
        let second = |seed| Schedule::new(&pattern, 1e5, (1, 2), seed).next_ns();
        assert_ne!(second(7), Schedule::new(&pattern, 1e5, (0, 2), 7).next_ns());
    }

    #[test]
    fn issue_4595_bursts_raise_the_rate_for_as_long_as_asked() {
        // 1,000 a second, ten times as many in the last 100 ms of each second: 900 and 1,000.
        let pattern = drawn(Arrivals::Constant, Some("10x/100ms/1s"));
        let times = times(&pattern, 1_000.0, 1, 5_700);
        assert!(times.is_sorted());
        let between =
            |from: f64, to: f64| times.iter().filter(|at| **at >= from * 1e9 - 0.5 && **at < to * 1e9 - 0.5).count();
        for second in [0.0, 1.0, 2.0] {
            assert_eq!((between(second, second + 0.9), between(second + 0.9, second + 1.0)), (900, 1_000));
        }
        let expected = |seconds: f64| pattern.expected(1_000.0, Duration::from_secs_f64(seconds)).round();
        assert_eq!((expected(0.5), expected(0.9), expected(0.95), expected(2.0)), (500.0, 900.0, 1_400.0, 3_800.0));
        let drawn = drawn(Arrivals::Poisson, Some("10x/100ms/1s"));
        let mut schedule = Schedule::new(&drawn, 10_000.0, (0, 1), 1);
        let drawn: Vec<f64> = std::iter::repeat_with(|| schedule.next_ns()).take_while(|at| *at < 10e9).collect();
        let in_bursts = drawn.iter().filter(|at| **at % 1e9 >= 0.9e9).count() as f64;
        assert!((drawn.len() as f64 - 190_000.0).abs() < 4.0 * 190_000_f64.sqrt());
        assert!((in_bursts - 100_000.0).abs() < 4.0 * 100_000_f64.sqrt());
    }

    #[test]
    fn issue_4595_a_recording_is_replayed_at_the_rate_asked_for_and_again() {
        let recording = Pattern::Recorded([0, 100, 200, 1_000].into());
        // Four arrivals in 1,000 ns: three gaps, so 3 M/s as recorded.
        assert_eq!(times(&recording, 3e6, 1, 4), [0.0, 100.0, 200.0, 1_000.0]);
        let twice = times(&recording, 6e6, 1, 6);
        assert_eq!(twice[..4], [0.0, 50.0, 100.0, 500.0]);
        // The next round begins after a gap of mean length.
        assert!((twice[4] - 666.7).abs() < 0.1 && (twice[5] - 716.7).abs() < 0.1, "{twice:?}");
        // Two generators share it.
        let of = |number| {
            let mut schedule = Schedule::new(&recording, 3e6, (number, 2), 1);
            [schedule.next_ns(), schedule.next_ns()]
        };
        assert_eq!((of(0), of(1)), ([0.0, 200.0], [100.0, 1_000.0]));
        assert_eq!(recording.expected(3e6, Duration::from_nanos(200)), 3.0);
    }

    #[test]
    fn issue_4595_several_generators_bring_the_rate_together_and_take_turns() {
        let pattern = drawn(Arrivals::Constant, None);
        let mut all: Vec<f64> = (0..3)
            .flat_map(|number| {
                let mut schedule = Schedule::new(&pattern, 3_000.0, (number, 3), 1);
                (0..1_000).map(|_| schedule.next_ns()).collect::<Vec<_>>()
            })
            .collect();
        all.sort_by(f64::total_cmp);
        assert!(gaps(&all).iter().all(|gap| (gap - 1e9 / 3_000.0).abs() < 1.0));
    }

    #[test]
    fn what_are_no_bursts_is_refused() {
        for text in ["", "10x", "10x/1s/1s", "10/100ms/1s", "0x/1ms/1s", "10x/2s/1s", "10x/1ms/1s/1s", "10x/0/1s"] {
            assert!(text.parse::<Bursts>().is_err_and(|error| error.contains("TR-3022")), "{text}");
        }
    }
}
