//! `tagring load`: an open-loop load on any configured graph of buses, percentiles over time, and a verdict: whether a percentile holds at a rate,
//! or the highest rate that holds it.
//!
//! The command line becomes a [`schedule::Pattern`] (when events are due), a [`graph::Graph`] (who publishes, handles, forwards) and objectives.
//! A [`session::Session`] runs stages on it; [`search::Search`] says which; [`objective::judge`] says what a stage came to.

mod args;
mod baseline;
mod events;
mod generator;
mod graph;
mod handler;
mod named;
mod objective;
mod plot;
mod port;
mod quantity;
mod random;
mod recorded;
mod report;
mod sample;
mod schedule;
mod search;
mod service;
mod session;
mod text;
mod verdict;

use crate::jitter;
use crate::report::thousands;
use crate::run::{Cores, Notices, unclean};
use crate::say::{list, print, say};
pub(crate) use args::LoadArgs;
use graph::Graph;
use objective::{Failure, Objective, judge, unknown_slots};
use quantity::{shown_ns, shown_rate};
use recorded::Recorded;
use report::{Report, Trial};
use sample::{Interval, Intervals, Sample};
use schedule::{Arrivals, Pattern};
use search::{Found, Search};
use session::{Looks, Prepared, Session, Stage};
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;
use tagring::runtime::Runtime;
use tagring::runtime::config::Config;
use verdict::Verdict;

/// What was asked for does not hold.
const NOT_HELD: u8 = 1;
/// Bad input, bad arguments, bad configurations; a load that did not end as it should.
const BAD_INPUT: u8 = 2;
/// After Ctrl-C, as shells have it, and after a request to terminate.
const INTERRUPTED: u8 = 130;

/// The rate unless asked otherwise.
const RATE: f64 = 100_000.0;
/// How long unless asked otherwise.
const TIME: Duration = Duration::from_secs(10);
/// No search begins lower unless asked to.
const FIRST_LEAST: f64 = 10_000.0;
/// A search begins with so many times the events that its percentile needs: slots get a part of them.
const FIRST_TIMES: f64 = 10.0;
/// Where a slot got too few of them for its percentile, the search begins again with so many times what was missing.
const SPARE: f64 = 1.25;
/// How long each half of the jitter baseline lasts; a debug build is for tests, and not for its figures.
const JITTER_MS: u64 = if cfg!(debug_assertions) { 10 } else { 250 };

/// Runs the load; everything that can go wrong is said on standard error.
pub(crate) fn main(args: &LoadArgs) -> ExitCode {
    let result = graph::configuration(args).and_then(|config| {
        if args.print_config {
            return print(&config.to_toml()).map(|()| 0).map_err(|message| vec![message]);
        }
        load(args, config)
    });
    match result {
        Ok(code) => ExitCode::from(code),
        Err(lines) => {
            // Mistakes of a configuration begin with its file: editors look for that.
            let shown = |line: &str| line.replace(char::is_control, "\u{fffd}");
            for line in lines.iter().flat_map(|lines| lines.lines()) {
                if line.starts_with("TR-") { say(&shown(line)) } else { list(&shown(line)) }
            }
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// What is to be done, all of it known to be possible.
struct Job<'a> {
    args: &'a LoadArgs,
    pattern: Pattern,
    /// Of the recording as it is.
    recorded_rate: Option<f64>,
    /// Its length as it is.
    recorded_time: Option<Duration>,
    is_cut: bool,
}

fn load(args: &LoadArgs, config: Config) -> Result<u8, Vec<String>> {
    let one = |message: String| vec![message];
    let graph = Graph::new(config, args)?;
    let slots: Vec<_> = graph.slots.iter().map(|slot| (slot.bus.clone(), slot.slot.clone())).collect();
    let unknown = [unknown_slots("--search", &args.search, &slots), unknown_slots("--assert", &args.assert, &slots)];
    if unknown.iter().any(|lines| !lines.is_empty()) {
        return Err(unknown.concat());
    }
    let job = Job::new(args).map_err(one)?;
    job.check_counts().map_err(one)?;
    args.svg.as_deref().map_or(Ok(()), plot::check).map_err(one)?;
    let runtime = Runtime::new(graph.config.clone())
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    // From here on, until the report is out.
    let _signals = runtime.take_signals().map_err(|error| one(error.to_string()))?;
    let report = job.run(graph, runtime).map_err(one)?;
    job.show(&report).map_err(one)?;
    if !report.unclean.is_empty() {
        let first = report.unclean.first().map_or("", String::as_str);
        say(&format!(
            "TR-3028: the load did not end as it should: {first}; raise `runtime.shutdown_timeout_ms` if time was short"
        ));
    }
    Ok(match () {
        () if !report.unclean.is_empty() => BAD_INPUT,
        () if report.is_interrupted => INTERRUPTED,
        () if report.verdict.is_held() => 0,
        () => NOT_HELD,
    })
}

impl<'a> Job<'a> {
    fn new(args: &'a LoadArgs) -> Result<Self, String> {
        let Some(path) = &args.recorded else {
            let pattern = Pattern::Drawn { arrivals: args.arrivals, bursts: args.bursts };
            return Ok(Self { args, pattern, recorded_rate: None, recorded_time: None, is_cut: false });
        };
        let recorded = Recorded::read(path)?;
        let time = Duration::from_nanos(recorded.times.last().copied().unwrap_or(1));
        let rate = (recorded.times.len() - 1) as f64 / time.as_secs_f64();
        let pattern = Pattern::Recorded(recorded.times);
        Ok(Self { args, pattern, recorded_rate: Some(rate), recorded_time: Some(time), is_cut: recorded.is_cut })
    }

    /// Events a second.
    fn rate(&self) -> f64 {
        let recorded = self.recorded_rate.map(|rate| rate * self.args.speed.unwrap_or(1.0));
        self.args.rate.or(recorded).unwrap_or(RATE)
    }

    /// How long events are due.
    fn time(&self) -> Duration {
        let recorded = self.recorded_time.zip(self.recorded_rate);
        // With one ns more the last one is due too.
        let recorded = recorded.map(|(time, rate)| time.mul_f64(rate / self.rate()) + Duration::from_nanos(1));
        self.args.time.or(recorded).unwrap_or(TIME)
    }

    /// A percentile rests on enough events.
    fn check_counts(&self) -> Result<(), String> {
        let needed = |objectives: &[Objective]| objectives.iter().map(Objective::events_needed).fold(0.0, f64::max);
        let check = |option: &str, rate: f64, time: Duration, needed: f64| {
            let there = rate * time.as_secs_f64();
            if there >= needed {
                return Ok(());
            }
            Err(format!(
                "TR-3029: {option}: {} events/s for {} are {there:.0} events, and the percentile needs {needed:.0} to have some beyond it; give a \
                 longer time or a higher rate",
                shown_rate(rate),
                shown_ns(time.as_nanos() as u64)
            ))
        };
        if !self.args.search.is_empty() {
            return check("--search", self.first(), self.args.step, needed(&self.args.search));
        }
        if self.args.assert.is_empty() {
            return Ok(());
        }
        check("--assert", self.rate(), self.time(), needed(&self.args.assert))
    }

    /// The lowest rate at which the percentiles searched for rest on enough events.
    fn least(&self) -> f64 {
        let needed = self.args.search.iter().map(Objective::events_needed).fold(0.0, f64::max);
        needed / self.args.step.as_secs_f64()
    }

    /// The rate that a search begins with.
    fn first(&self) -> f64 {
        let first = self.args.from.unwrap_or_else(|| (FIRST_TIMES * self.least()).max(FIRST_LEAST));
        first.min(self.args.up_to)
    }

    fn run(&self, graph: Graph, runtime: Runtime) -> Result<Report, String> {
        let (cores, clock) = (Cores::of(&runtime), runtime.clock().clone());
        let before = cores.on_slots(|| jitter::measure(&clock, JITTER_MS));
        let notices = Notices::default();
        let prepared = Prepared::give(&graph, &runtime, self.args.seed).map_err(|error| error.to_string())?;
        let mut session = prepared.start(runtime, self.pattern.clone(), self.args.seed, &notices)?;
        let mut intervals = Intervals::default();
        let (stage, trials, verdict) = if self.args.search.is_empty() {
            let stage = self.fixed(&mut session, &mut intervals);
            let verdict = self.asserted(&stage);
            (Some(stage), Vec::new(), verdict)
        } else {
            let (trials, verdict) = self.search(&mut session);
            (None, trials, verdict)
        };
        let (is_interrupted, slots) = (session.is_interrupted(), session.plans());
        let unsettled = session.unsettled().map(|left| self.unsettled_words(left));
        let ended = session.end();
        let after = cores.on_slots(|| jitter::measure(&clock, JITTER_MS));
        Ok(Report {
            graph: self.graph_words(&graph),
            load: self.load_words(),
            clock: clock.report().to_string(),
            cores: cores.to_string(),
            rate: self.args.search.is_empty().then(|| self.rate()),
            slots,
            stage,
            intervals,
            trials,
            verdict,
            gaps: before.merge(&after),
            all: ended.sample,
            ports: ended.ports,
            unclean: unclean(&graph.config, &ended.shutdown),
            shutdown: ended.shutdown,
            notices: unsettled.into_iter().chain(notices.lines()).collect(),
            is_interrupted,
        })
    }

    /// A load at one rate.
    fn fixed(&self, session: &mut Session, intervals: &mut Intervals) -> Stage {
        let (rate, time, slots) = (self.rate(), self.time(), session.plans());
        if !self.args.warm_up.is_zero() {
            let warm = session.stage(rate, self.args.warm_up, None);
            if warm.is_interrupted {
                return warm;
            }
            session.settle();
        }
        let shows = self.shows_progress();
        if shows {
            list(&text::heading());
        }
        let pattern = self.pattern.clone();
        let mut last: Option<Sample> = None;
        let mut add = |before: &Sample, after: &Sample| {
            let asked = pattern.expected(rate, after.at.min(time)) - pattern.expected(rate, before.at.min(time));
            let interval = Interval::between(before, after, asked);
            if shows {
                text::interval(&slots, &interval).lines().for_each(list);
            }
            intervals.push(interval);
        };
        let mut see = |sample: Sample| {
            if let Some(before) = &last {
                add(before, &sample);
            }
            last = Some(sample);
        };
        let first = session.look();
        see(first);
        let stage = session.stage(rate, time, Some(Looks { every: self.args.interval, see: &mut see }));
        see(stage.after.clone());
        stage
    }

    fn asserted(&self, stage: &Stage) -> Verdict {
        if self.args.assert.is_empty() {
            return Verdict::None;
        }
        let objectives = self.args.assert.clone();
        if stage.is_interrupted {
            return Verdict::Interrupted { objectives };
        }
        let result = judge(&objectives, &stage.seen);
        Verdict::Asserted { objectives, rate: self.rate(), result }
    }

    /// Trials until the highest rate that holds is known, or a signal comes.
    fn search(&self, session: &mut Session) -> (Vec<Trial>, Verdict) {
        let args = self.args;
        let mut search = Search::new(self.first(), self.least(), args.up_to, args.trials, args.resolution);
        let (mut trials, mut is_complete) = (Vec::<Trial>::new(), true);
        while let Some(rate) = search.next() {
            let Some(stage) = self.trial(session, rate) else {
                is_complete = false;
                break;
            };
            let result = judge(&args.search, &stage.seen);
            match &result {
                // Nothing is known yet, and lower rates have fewer still.
                Err(Failure::Few { events, needed, .. }) if search.found().is_none() && rate < args.up_to => {
                    let least = rate * *needed as f64 / (*events).max(1) as f64;
                    search = Search::new(SPARE * least, least, args.up_to, args.trials, args.resolution);
                }
                _ => search.record(result.is_ok()),
            }
            let done = stage.seen.slots.iter().map(|slot| slot.done.clone()).collect();
            let trial = Trial { rate, achieved: stage.seen.achieved, result, done };
            if self.shows_progress() {
                list(&text::trial(&trial));
            }
            trials.push(trial);
            // A slot that has ended takes part in no other trial.
            if stage.seen.slots.iter().any(|slot| slot.state.is_final()) {
                is_complete = search.next().is_none();
                break;
            }
        }
        let found = search.found();
        let failed = match found {
            Some(Found::Rate { failed, .. }) => failed,
            Some(Found::Nothing { least }) => Some(least),
            None => None,
        };
        let of_failed = |trial: &&Trial| failed.is_some_and(|failed| failed.rate == trial.rate);
        let why = trials.iter().rev().filter(of_failed).find_map(|trial| trial.result.clone().err());
        let verdict = Verdict::Searched { objectives: args.search.clone(), found, why, most: args.up_to, is_complete };
        (trials, verdict)
    }

    /// One trial, after its warm-up; `None`: a signal came, or what was before it does not come to an end.
    fn trial(&self, session: &mut Session, rate: f64) -> Option<Stage> {
        if !session.settle() || session.stage(rate, self.args.step / 4, None).is_interrupted || !session.settle() {
            return None;
        }
        Some(session.stage(rate, self.args.step, None)).filter(|stage| !stage.is_interrupted)
    }

    fn unsettled_words(&self, left: u64) -> String {
        let left = thousands(left);
        if self.args.search.is_empty() {
            return format!(
                "{left} events of the warm-up were still not done long after it: their times are among those measured"
            );
        }
        format!(
            "{left} events were still not done long after a trial: the search ended there; give a smaller ring or shorter service times"
        )
    }

    fn shows_progress(&self) -> bool {
        !self.args.quiet && std::io::stderr().is_terminal()
    }

    fn graph_words(&self, graph: &Graph) -> String {
        let name = self.args.config.as_ref().map_or_else(|| "built in".to_owned(), |path| path.display().to_string());
        let name = name.replace(char::is_control, "\u{fffd}");
        let count = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        let parts = [
            count(graph.config.buses.len(), "bus", "buses"),
            count(graph.slots.len(), "slot", "slots"),
            count(graph.feeds.len(), "generator", "generators"),
        ];
        format!("{name}: {}", parts.join(", "))
    }

    fn load_words(&self) -> String {
        let args = self.args;
        let kind = match (&args.recorded, args.arrivals) {
            (Some(path), _) => {
                let cut = if self.is_cut { " (as far as they are kept)" } else { "" };
                format!("at the pace of {}{cut}", path.replace(char::is_control, "\u{fffd}"))
            }
            (None, Arrivals::Constant) => "evenly apart".into(),
            (None, Arrivals::Poisson) => "Poisson".into(),
        };
        let bursts = args.bursts.map_or_else(String::new, |bursts| {
            let of = |time: Duration| shown_ns(time.as_nanos() as u64);
            format!(", {} times as many for {} every {}", bursts.times, of(bursts.length), of(bursts.every))
        });
        let of = |time: Duration| shown_ns(time.as_nanos() as u64);
        let what = if args.search.is_empty() {
            format!(
                "{} events/s for {} after {} of warm-up",
                shown_rate(self.rate()),
                of(self.time()),
                of(args.warm_up)
            )
        } else {
            format!(
                "a search from {} events/s on, {} trials of {}",
                shown_rate(self.first()),
                args.trials,
                of(args.step)
            )
        };
        format!("{what}, {kind}{bursts}, seed {}; open loop", args.seed)
    }

    fn show(&self, report: &Report) -> Result<(), String> {
        if let Some(path) = &self.args.svg {
            plot::write(path, report)?;
        }
        if self.args.json {
            return print(&report.as_json());
        }
        if self.args.quiet { Ok(()) } else { print(&report.as_text()) }
    }
}
