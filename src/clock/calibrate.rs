//! How long a tick of the counter is: measured twice against the operating system's steady clock, once per process.
//!
//! [`Clock::system`](super::Clock::system) asks [`this_machine`]. Invariant: a rate comes out only if the counter never
//! ran backwards and two measurements, one after the other, agree.

use super::rate::TickRate;
use super::report::TscRefusal;
use super::{monotonic, tsc};
use std::sync::OnceLock;
use std::time::Duration;

/// Between two sightings. Their uncertainty, some 20 ns each, over two intervals makes about 4 ppm.
const INTERVAL: Duration = Duration::from_millis(5);

/// Readings per sighting, of which the tightest counts: an interrupt hits a few, not all.
const READINGS: usize = 16;

/// Two measurements may differ by this much, in parts per million. Honest counters differ by the uncertainty above; one
/// whose pace follows the core's frequency, or that stops when the core sleeps, differs by percents.
const DISAGREEMENT_PPM_MAX: f64 = 200.0;

/// A virtual machine may be stopped in the midst of one attempt; twice in 20 ms, its time is not to be relied on.
const ATTEMPTS: usize = 2;

/// The counter's rate on this machine, or why it is refused: measured at the first call, then remembered.
pub(super) fn this_machine() -> Result<&'static TickRate, &'static TscRefusal> {
    // A constant of the machine, not a state of the program: nobody can set it and all would measure the same.
    static RATE: OnceLock<Result<TickRate, TscRefusal>> = OnceLock::new();
    RATE.get_or_init(|| tsc::trusted().and_then(|()| measure(&mut Hardware))).as_ref()
}

/// A counter beside a steady clock, and a way to let time pass: real, or a test's.
trait Bench {
    /// The counter to be measured, read in order with what comes before.
    fn ticks(&mut self) -> u64;
    /// The yardstick, in nanoseconds.
    fn steady_ns(&mut self) -> u64;
    fn rest(&mut self, interval: Duration);
}

struct Hardware;

impl Bench for Hardware {
    fn ticks(&mut self) -> u64 {
        tsc::read_after_load()
    }

    fn steady_ns(&mut self) -> u64 {
        monotonic::steady_ns()
    }

    fn rest(&mut self, interval: Duration) {
        // Asleep, not spinning: a counter that stops in sleep states shows here.
        std::thread::sleep(interval);
    }
}

/// Measures, and once more if the pace seemed to change.
fn measure(bench: &mut impl Bench) -> Result<TickRate, TscRefusal> {
    let mut outcome = attempt(bench);
    for _ in 1..ATTEMPTS {
        match outcome {
            Err(TscRefusal::PaceChanged { .. }) => outcome = attempt(bench),
            _ => break,
        }
    }
    outcome
}

fn attempt(bench: &mut impl Bench) -> Result<TickRate, TscRefusal> {
    let first = Sighting::take(bench, 0)?;
    bench.rest(INTERVAL);
    let middle = Sighting::take(bench, first.ticks)?;
    bench.rest(INTERVAL);
    let last = Sighting::take(bench, middle.ticks)?;

    let pace = first.pace_until(&last);
    let disagreement_ppm = (first.pace_until(&middle) / middle.pace_until(&last) - 1.0).abs() * 1e6;
    // Not a number, where the yardstick or the counter stood still.
    if disagreement_ppm.is_nan() || disagreement_ppm > DISAGREEMENT_PPM_MAX {
        return Err(TscRefusal::PaceChanged { ppm: disagreement_ppm as u64 });
    }
    let hz = (pace * 1e9).round() as u64;
    TickRate::new(hz, first.uncertainty_ppm(&last)).ok_or(TscRefusal::ImplausiblePace { hz })
}

/// Counter and yardstick at one moment, as nearly as they can be read together.
struct Sighting {
    ticks: u64,
    steady_ns: u64,
    /// The counter was read at `steady_ns`, give or take this.
    uncertainty_ns: u64,
}

impl Sighting {
    /// The tightest of some readings of the counter between two of the yardstick; the counter must not fall below
    /// `latest`, nor from one reading to the next.
    fn take(bench: &mut impl Bench, mut latest: u64) -> Result<Self, TscRefusal> {
        let mut best: Option<Self> = None;
        for _ in 0..READINGS {
            let before_ns = bench.steady_ns();
            let ticks = bench.ticks();
            let width_ns = bench.steady_ns().saturating_sub(before_ns);
            if ticks < latest {
                return Err(TscRefusal::WentBackwards { ticks: latest - ticks });
            }
            latest = ticks;
            let uncertainty_ns = width_ns.div_ceil(2);
            if best.as_ref().is_none_or(|best| uncertainty_ns < best.uncertainty_ns) {
                best = Some(Self { ticks, steady_ns: before_ns + width_ns / 2, uncertainty_ns });
            }
        }
        Ok(best.unwrap_or_else(|| unreachable!("at least one reading was taken")))
    }

    fn ns_until(&self, later: &Self) -> f64 {
        later.steady_ns.saturating_sub(self.steady_ns) as f64
    }

    /// Ticks per nanosecond.
    fn pace_until(&self, later: &Self) -> f64 {
        later.ticks.saturating_sub(self.ticks) as f64 / self.ns_until(later)
    }

    fn uncertainty_ppm(&self, later: &Self) -> f64 {
        (self.uncertainty_ns + later.uncertainty_ns) as f64 / self.ns_until(later) * 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter that runs at `pace[i]` ticks per nanosecond during the i-th rest, and a yardstick beside it.
    struct Simulated {
        ns: u64,
        ticks: f64,
        pace: Vec<f64>,
        rests: usize,
    }

    impl Simulated {
        fn new(pace: &[f64]) -> Self {
            Self { ns: 1_000, ticks: 5_000_000.0, pace: pace.to_vec(), rests: 0 }
        }

        fn pass(&mut self, ns: u64) {
            let pace = self.pace[self.rests.saturating_sub(1).min(self.pace.len() - 1)];
            self.ns += ns;
            self.ticks += ns as f64 * pace;
        }
    }

    impl Bench for Simulated {
        fn ticks(&mut self) -> u64 {
            self.ticks as u64
        }

        fn steady_ns(&mut self) -> u64 {
            self.pass(20);
            self.ns
        }

        fn rest(&mut self, interval: Duration) {
            self.rests += 1;
            self.pass(interval.as_nanos() as u64);
        }
    }

    #[test]
    fn issue_4596_a_steady_counter_is_measured_within_its_stated_error() {
        for ghz in [0.9, 2.445, 5.1] {
            let rate = measure(&mut Simulated::new(&[ghz])).unwrap();
            let off_ppm = (rate.hz() as f64 / (ghz * 1e9) - 1.0).abs() * 1e6;
            assert!(off_ppm <= rate.error_ppm() && rate.error_ppm() < 10.0, "{off_ppm} {rate:?}");
        }
    }

    #[test]
    fn issue_4596_a_counter_that_changes_its_pace_is_refused() {
        let outcome = measure(&mut Simulated::new(&[2.0, 2.001, 2.0, 2.001]));
        assert!(matches!(outcome, Err(TscRefusal::PaceChanged { ppm: 400..600 })), "{outcome:?}");
    }

    #[test]
    fn issue_4596_one_disturbed_attempt_is_forgiven() {
        let rate = measure(&mut Simulated::new(&[2.0, 2.5, 2.0, 2.0])).unwrap();
        // The readings that open the second attempt still see a little of the fast pace.
        assert!(rate.hz().abs_diff(2_000_000_000) < 100_000, "{rate:?}");
    }

    #[test]
    fn issue_4596_a_counter_that_runs_backwards_is_refused() {
        let outcome = measure(&mut Simulated::new(&[-0.001]));
        assert!(matches!(outcome, Err(TscRefusal::WentBackwards { ticks }) if ticks > 0), "{outcome:?}");
    }

    #[test]
    fn issue_4596_a_counter_or_yardstick_that_stands_still_is_refused() {
        let still_counter = measure(&mut Simulated::new(&[0.0]));
        assert!(still_counter.is_err(), "{still_counter:?}");

        struct NoYardstick(u64);
        impl Bench for NoYardstick {
            fn ticks(&mut self) -> u64 {
                self.0 += 40;
                self.0
            }
            fn steady_ns(&mut self) -> u64 {
                7
            }
            fn rest(&mut self, _: Duration) {}
        }
        let still_yardstick = measure(&mut NoYardstick(0));
        assert!(still_yardstick.is_err(), "{still_yardstick:?}");
    }

    #[test]
    fn issue_4596_a_pace_no_counter_has_is_refused() {
        let outcome = measure(&mut Simulated::new(&[0.001]));
        assert!(matches!(outcome, Err(TscRefusal::ImplausiblePace { hz }) if hz < 2_000_000), "{outcome:?}");
    }
}
