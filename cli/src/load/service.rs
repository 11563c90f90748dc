//! How long a synthetic handler takes for an event: constant or drawn, burned on the clock, and now and then a stall.

use super::quantity;
use super::random::Random;
use std::time::Duration;
use tagring::clock::{Clock, Ticks};

/// Times drawn in advance, so that a handler looks one up rather than computes it. 16 kB: in the first-level cache.
const DRAWN: usize = 4_096;
/// Of the standard normal distribution at 99 %.
const NORMAL_99: f64 = 2.326_347_9;

/// How service times are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Constant(Duration),
    /// Its mean.
    Exponential(Duration),
    /// Its median and its 99th percentile.
    Lognormal(Duration, Duration),
}

impl Default for Service {
    fn default() -> Self {
        Self::Constant(Duration::from_nanos(200))
    }
}

impl std::str::FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let Some((kind, rest)) = text.split_once('(') else { return quantity::time(text).ok().map(Self::Constant) };
            let values: Vec<_> = rest.strip_suffix(')')?.split(',').map(str::trim).collect();
            let values: Vec<Duration> = values.iter().map(|value| quantity::time(value).ok()).collect::<Option<_>>()?;
            match (kind, &values[..]) {
                ("constant", &[time]) => Some(Self::Constant(time)),
                ("exponential", &[mean]) => Some(Self::Exponential(mean)),
                ("lognormal", &[median, p99]) if !median.is_zero() && median <= p99 => {
                    Some(Self::Lognormal(median, p99))
                }
                _ => None,
            }
        };
        read().filter(Self::is_bounded).ok_or_else(|| {
            format!(
                "TR-3021: `{text}` is no service time; give one up to 1s such as 200ns, exponential(MEAN) or lognormal(MEDIAN,P99) with \
                 a median above 0 and not above the 99th percentile"
            )
        })
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |time: &Duration| quantity::shown_ns(time.as_nanos() as u64);
        match self {
            Self::Constant(time) => f.write_str(&shown(time)),
            Self::Exponential(mean) => write!(f, "exponential, mean {}", shown(mean)),
            Self::Lognormal(median, p99) => write!(f, "lognormal, median {}, p99 {}", shown(median), shown(p99)),
        }
    }
}

impl Service {
    fn is_bounded(&self) -> bool {
        let (Self::Constant(longest) | Self::Exponential(longest) | Self::Lognormal(_, longest)) = self;
        *longest <= Duration::from_secs(1)
    }

    /// The time that a share `q` of all events takes at most, in ns.
    fn quantile_ns(&self, q: f64) -> f64 {
        let ns = |time: &Duration| time.as_nanos() as f64;
        match self {
            Self::Constant(time) => ns(time),
            Self::Exponential(mean) => -ns(mean) * (1.0 - q).ln(),
            Self::Lognormal(median, p99) => ns(median) * ((ns(p99) / ns(median)).ln() / NORMAL_99 * normal(q)).exp(),
        }
    }
}

/// The standard normal quantile, within 0.00045 (Abramowitz and Stegun, 26.2.23).
fn normal(q: f64) -> f64 {
    let t = (-2.0 * q.min(1.0 - q).ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let z = t - above / below;
    if q < 0.5 { -z } else { z }
}

/// Every so many events the handler takes so much longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stall {
    pub(super) time: Duration,
    pub(super) every: u64,
}

impl std::str::FromStr for Stall {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (time, every) = text.split_once('/')?;
            let (time, every) = (quantity::span(time).ok()?, every.parse().ok().filter(|every| *every > 0)?);
            (time <= Duration::from_secs(60)).then_some(Self { time, every })
        };
        read().ok_or_else(|| {
            format!(
                "TR-3021: `{text}` is no stall; give a time up to 60s and every how many events, such as 100ms/10000"
            )
        })
    }
}

/// What a handler burns with: its times in ticks, in a random order that is always the same.
pub(super) struct Burner {
    ticks: Box<[u32]>,
    at: usize,
    /// Ticks of a stall, every how many events, and events until the next.
    stall: Option<(u64, u64, u64)>,
}

impl Burner {
    pub(super) fn new(service: Service, stall: Option<Stall>, clock: &Clock, seed: u64) -> Self {
        let ticks = |ns: f64| u32::try_from(clock.from_ns(ns as u64)).unwrap_or(u32::MAX);
        let drawn = if matches!(service, Service::Constant(_)) { 1 } else { DRAWN };
        // One from the middle of each of so many equal shares: mean and percentiles are right, not only likely.
        let share = |at: usize| (at as f64 + 0.5) / drawn as f64;
        let mut all: Box<[u32]> = (0..drawn).map(|at| ticks(service.quantile_ns(share(at)))).collect();
        Random::new(seed, 0).shuffle(&mut all);
        let stall = stall.map(|stall| (clock.from_ns(stall.time.as_nanos() as u64), stall.every, stall.every));
        Self { ticks: all, at: 0, stall }
    }

    /// Ticks that the next event takes.
    #[inline]
    pub(super) fn next(&mut self) -> u64 {
        let ticks = u64::from(self.ticks[self.at]);
        self.at += 1;
        if self.at == self.ticks.len() {
            self.at = 0;
        }
        match &mut self.stall {
            Some((stall, every, left)) => {
                *left -= 1;
                if *left > 0 {
                    return ticks;
                }
                *left = *every;
                ticks + *stall
            }
            None => ticks,
        }
    }

    /// Keeps the thread busy for the time of the next event; returns when that was over.
    #[inline]
    pub(super) fn burn(&mut self, clock: &Clock) -> Ticks {
        let start = clock.now_after_load();
        let ticks = self.next();
        let mut now = start;
        while now.since(start) < ticks {
            std::hint::spin_loop();
            now = clock.now_after_load();
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> Vec<f64> {
        let (clock, _) = Clock::manual(0);
        let mut burner = Burner::new(text.parse().unwrap(), None, &clock, 1);
        let mut all: Vec<f64> = (0..DRAWN).map(|_| burner.next() as f64).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    #[test]
    fn issue_4595_service_times_have_the_law_asked_for() {
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
        let at = |all: &[f64], q: f64| all[(q * all.len() as f64) as usize];
        assert!(drawn("250ns").iter().all(|ns| *ns == 250.0));
        let exponential = drawn("exponential(2us)");
        assert!((mean(&exponential) / 2_000.0 - 1.0).abs() < 0.01, "{}", mean(&exponential));
        assert!((at(&exponential, 0.5) / (2_000.0 * 2_f64.ln()) - 1.0).abs() < 0.01);
        let lognormal = drawn("lognormal(300ns, 1us)");
        assert!((at(&lognormal, 0.5) / 300.0 - 1.0).abs() < 0.02, "{}", at(&lognormal, 0.5));
        assert!((at(&lognormal, 0.99) / 1_000.0 - 1.0).abs() < 0.02, "{}", at(&lognormal, 0.99));
        assert!(lognormal[0] > 0.0 && lognormal[DRAWN - 1] > 1_000.0);
    }

    #[test]
    fn issue_4595_a_stall_comes_every_so_many_events() {
        let (clock, _) = Clock::manual(0);
        let mut burner =
            Burner::new(Service::Constant(Duration::from_nanos(7)), Some("1us/3".parse().unwrap()), &clock, 1);
        let times: Vec<u64> = (0..7).map(|_| burner.next()).collect();
        assert_eq!(times, [7, 7, 1_007, 7, 7, 1_007, 7]);
    }

    #[test]
    fn what_is_no_service_time_or_stall_is_refused() {
        for text in
            ["", "5", "lognormal(1us)", "lognormal(2us,1us)", "lognormal(0,1us)", "normal(1us)", "constant(1us", "2s"]
        {
            assert!(text.parse::<Service>().is_err_and(|error| error.contains("TR-3021")), "{text}");
        }
        for text in ["", "1ms", "1ms/0", "0/5", "1ms/x", "61s/1"] {
            assert!(text.parse::<Stall>().is_err_and(|error| error.contains("TR-3021")), "{text}");
        }
    }
}
