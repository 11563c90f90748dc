//! A runtime under load: handlers, ports and generators are given to it, stages are run on it one after another, each with a look before its first
//! event and one after its last was done, so that every event belongs to one stage. Used by the main thread.

use super::events::{AnyPublisher, Load};
use super::generator::{Blame, Gauge, Generator, Order, StageEnd};
use super::graph::{Graph, PortPlan, Role, SlotPlan};
use super::handler::{Outlet, Synthetic};
use super::objective::{Seen, SlotSeen};
use super::port::{Mix, Port, PortCounts, PortTally};
use super::sample::{Sample, SlotSample};
use super::schedule::{Pattern, Schedule};
use super::service::Burner;
use crate::run::Notices;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tagring::bus::{SlotView, Stamping};
use tagring::clock::{Clock, Ticks};
use tagring::counters::{Histogram, HistogramReader};
use tagring::runtime::{Attachment, Deadline, Running, Runtime, RuntimeError, ShutdownReport};

/// Between the order of a stage and its first event: time for generators to wake up.
const AHEAD: Duration = Duration::from_millis(25);
/// How often the main thread looks whether a stage is over.
const LOOK: Duration = Duration::from_millis(50);
/// What slots get at least, after a stage, to finish what is in the rings.
const DRAIN_LEAST: Duration = Duration::from_secs(1);
/// How often, before the next stage, they get the same once more: a minute. A debug build is for tests.
const SETTLE_TURNS: u32 = if cfg!(debug_assertions) { 10 } else { 60 };
/// How often it is looked whether they have.
const DRAIN_LOOK: Duration = Duration::from_millis(1);
/// A last event so little behind its time is no sign that the rate was missed.
const TOLERATED: Duration = Duration::from_millis(20);

struct SlotProbe {
    plan: SlotPlan,
    done: HistogramReader,
    view: SlotView,
}

struct PortProbe {
    plan: PortPlan,
    counts: Arc<PortCounts>,
}

/// Everything that was given to a runtime which has not started.
pub(super) struct Prepared {
    slots: Vec<(SlotPlan, HistogramReader, Attachment<Synthetic>)>,
    ports: Vec<PortProbe>,
    generators: Vec<(SyncSender<Order>, Gauge)>,
}

/// The same, of what has started.
struct Given {
    slots: Vec<SlotProbe>,
    ports: Vec<PortProbe>,
    generators: Vec<(SyncSender<Order>, Gauge)>,
}

pub(super) struct Session {
    running: Running,
    clock: Clock,
    given: Given,
    pattern: Pattern,
    seed: u64,
    stages: u64,
    unsettled: Option<u64>,
}

/// What is done at looks while a stage runs.
pub(super) struct Looks<'a> {
    pub(super) every: Duration,
    pub(super) see: &'a mut dyn FnMut(Sample),
}

/// A stage that is over.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) before: Sample,
    pub(super) after: Sample,
    pub(super) seen: Seen,
    pub(super) is_interrupted: bool,
}

/// What is left of a session: the last look, and the account of the shutdown.
pub(super) struct Ended {
    pub(super) sample: Sample,
    pub(super) ports: Vec<(PortPlan, PortTally)>,
    pub(super) shutdown: ShutdownReport,
}

impl Prepared {
    /// Gives the runtime what the graph says.
    ///
    /// # Errors
    /// Those of the runtime.
    pub(super) fn give(graph: &Graph, runtime: &Runtime, seed: u64) -> Result<Self, RuntimeError> {
        let clock = runtime.clock();
        let (mut ports, mut sources) = (Vec::new(), HashMap::<&str, Vec<Port>>::new());
        let mut outlets = HashMap::<(&str, &str), Vec<Outlet>>::new();
        for (plan, number) in graph.ports.iter().zip(1..) {
            let counts = Arc::<PortCounts>::default();
            let port = port(plan, graph, runtime, Arc::clone(&counts), seed.wrapping_add(number))?;
            match &plan.role {
                Role::Source { feed } => sources.entry(feed).or_default().push(port),
                Role::Outlet { bus, slot, share } => {
                    let outlet = Outlet { port, share: (share.of, share.in_all), due: 0 };
                    outlets.entry((bus, slot)).or_default().push(outlet);
                }
            }
            ports.push(PortProbe { plan: plan.clone(), counts });
        }
        let mut slots = Vec::new();
        for (plan, number) in graph.slots.iter().zip(1_000..) {
            let (done, reader) = Histogram::new();
            let burner = Burner::new(plan.service, plan.stall, clock, seed.wrapping_add(number));
            let outlets = outlets.remove(&(plan.bus.as_str(), plan.slot.as_str())).unwrap_or_default();
            let handler = Synthetic { burner, outlets, done };
            let attachment = runtime.bus::<Load>(&plan.bus)?.attach(&plan.slot, handler)?;
            slots.push((plan.clone(), reader, attachment));
        }
        let mut generators = Vec::new();
        for feed in graph.config.feeds.keys() {
            let Some(ports) = sources.remove(feed.as_str()) else {
                // A thread that the configuration has and the load has no use for.
                runtime.feed(feed, |_| Ok(()))?;
                continue;
            };
            let (order, orders) = sync_channel(1);
            let (generator, gauge) = Generator::new(ports, orders);
            runtime.feed(feed, move |feed| {
                generator.run(feed);
                Ok(())
            })?;
            generators.push((order, gauge));
        }
        Ok(Self { slots, ports, generators })
    }

    /// Starts the runtime.
    ///
    /// # Errors
    /// All that did not start.
    pub(super) fn start(
        self,
        runtime: Runtime,
        pattern: Pattern,
        seed: u64,
        notices: &Notices,
    ) -> Result<Session, String> {
        let (clock, notices) = (runtime.clock().clone(), notices.clone());
        let runtime = runtime.on_notice(move |notice| notices.keep(notice));
        let running = runtime.start().map_err(|failure| failure.to_string())?;
        // Those that `start = "any"` went on without.
        let probe = |(plan, done, attachment): (SlotPlan, HistogramReader, Attachment<Synthetic>)| {
            let view = attachment.handle().ok()?.view().clone();
            Some(SlotProbe { plan, done, view })
        };
        let slots = self.slots.into_iter().filter_map(probe).collect();
        let given = Given { slots, ports: self.ports, generators: self.generators };
        Ok(Session { running, clock, given, pattern, seed, stages: 0, unsettled: None })
    }
}

/// A publisher as the configuration has it, but for its times: they are always exact.
fn port(
    plan: &PortPlan,
    graph: &Graph,
    runtime: &Runtime,
    counts: Arc<PortCounts>,
    seed: u64,
) -> Result<Port, RuntimeError> {
    let bus = runtime.bus::<Load>(&plan.bus)?;
    let is_shared = graph.config.buses.get(&plan.bus).is_some_and(|bus| bus.has_many_publishers());
    let publisher = if is_shared {
        AnyPublisher::Shared(bus.shared_publisher(&plan.publisher)?.stamping(Stamping::EveryEvent))
    } else {
        AnyPublisher::Single(bus.publisher(&plan.publisher)?.stamping(Stamping::EveryEvent))
    };
    let weights = graph.events.get(&plan.bus).map(|events| events.numbered()).unwrap_or_default();
    Ok(Port::new(publisher, &plan.config, Mix::new(&weights, seed), counts))
}

impl Session {
    /// Events due until then at that rate, on average.
    pub(super) fn expected(&self, rate: f64, at: Duration) -> f64 {
        self.pattern.expected(rate, at)
    }

    /// Everything counted before a stage.
    pub(super) fn look(&self) -> Sample {
        self.sample(Duration::ZERO)
    }

    /// Whether Ctrl-C or a request to terminate has come.
    pub(super) fn is_interrupted(&self) -> bool {
        self.running.stop_handle().reason().is_some()
    }

    /// The slots that started: those of every sample, in the same order.
    pub(super) fn plans(&self) -> Vec<SlotPlan> {
        self.given.slots.iter().map(|slot| slot.plan.clone()).collect()
    }

    /// Waits for what a stage left in the rings, much longer than the stage did: it would be in the next one's ages. Whether nothing is left.
    pub(super) fn settle(&mut self) -> bool {
        let mut left = 0;
        for _ in 0..SETTLE_TURNS {
            left = self.drain(DRAIN_LEAST);
            if left == 0 {
                return true;
            }
            if self.is_interrupted() {
                return false;
            }
        }
        self.unsettled = Some(left);
        false
    }

    /// Events that were left when waiting for them was given up.
    pub(super) fn unsettled(&self) -> Option<u64> {
        self.unsettled
    }

    /// Runs a stage: `rate` events a second, due for as long as `span`.
    pub(super) fn stage(&mut self, rate: f64, span: Duration, mut looks: Option<Looks<'_>>) -> Stage {
        self.stages += 1;
        let begin = Instant::now() + AHEAD;
        let before = self.sample(Duration::ZERO);
        let ends = self.order(rate, span, begin);
        let mut next = looks.as_ref().map(|looks| looks.every);
        let mut all: Vec<StageEnd> = Vec::new();
        loop {
            let now = Instant::now().saturating_duration_since(begin);
            if let (Some(looks), Some(at)) = (&mut looks, &mut next)
                && now >= *at
            {
                if now < span {
                    (looks.see)(self.sample(now));
                }
                // A look that comes late does not make those after it late.
                while *at <= now {
                    *at += looks.every;
                }
            }
            let until = next.map_or(LOOK, |at| at.saturating_sub(begin.elapsed()).min(LOOK));
            match ends.recv_timeout(until.max(DRAIN_LOOK)) {
                Ok(end) => all.push(end),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let left = self.drain(span.max(DRAIN_LEAST));
        let after = self.sample(begin.elapsed());
        let is_interrupted = all.iter().any(|end| end.is_interrupted) || self.is_interrupted();
        let seen = self.seen((rate, span), &before, &after, &all, left);
        Stage { before, after, seen, is_interrupted }
    }

    /// Orders a stage from every generator; they answer on the channel.
    fn order(&self, rate: f64, span: Duration, begin: Instant) -> std::sync::mpsc::Receiver<StageEnd> {
        let count = self.given.generators.len();
        let (ended, ends) = sync_channel(count);
        let ahead = begin.saturating_duration_since(Instant::now());
        let start = Ticks(self.clock.now().0 + self.clock.from_ns(ahead.as_nanos() as u64));
        let seed = self.seed.wrapping_add(self.stages << 32);
        for ((orders, _), number) in self.given.generators.iter().zip(0..) {
            let schedule = Schedule::new(&self.pattern, rate, (number, count as u64), seed);
            // One that has ended answers nothing.
            let _ = orders.try_send(Order { schedule, start, span, ended: ended.clone() });
        }
        ends
    }

    /// Waits until slots have done what is in the rings, for at most so long; returns the events that are left.
    fn drain(&self, limit: Duration) -> u64 {
        let since = Instant::now();
        let mut before = None;
        loop {
            let (left, published) = self.behind();
            // What slots forward on the way comes to another bus later: it is over when nothing came any more.
            if left == 0 && before == Some(published) {
                return 0;
            }
            before = Some(published);
            if since.elapsed() >= limit {
                return left;
            }
            std::thread::sleep(DRAIN_LOOK);
        }
    }

    /// Events that slots are behind, and those published, on all buses.
    fn behind(&self) -> (u64, u64) {
        let snapshot = self.running.snapshot();
        let ours = |bus: &str| self.given.slots.iter().any(|slot| slot.plan.bus == bus);
        let buses = snapshot.buses.iter().filter(|bus| ours(bus.bus.as_str()));
        buses.fold((0, 0), |(left, published), bus| {
            let alive = bus.slots.iter().filter(|slot| !slot.stats.state.is_final());
            (left + alive.map(|slot| slot.lag).sum::<u64>(), published + bus.published)
        })
    }

    fn sample(&self, at: Duration) -> Sample {
        let now = self.running.snapshot();
        sample(&self.given, &self.clock, at, |bus, slot| now.slot(bus, slot).map_or(0, |slot| slot.lag))
    }

    fn seen(
        &self,
        (rate, span): (f64, Duration),
        before: &Sample,
        after: &Sample,
        ends: &[StageEnd],
        left: u64,
    ) -> Seen {
        let generated = (after.generated - before.generated) as f64;
        let took = ends.iter().map(|end| end.took).max().unwrap_or_default();
        let is_cut = ends.iter().any(|end| end.is_cut);
        // One that was asked to end is judged by what there was of it.
        let is_interrupted = ends.iter().any(|end| end.is_interrupted);
        let span = if is_interrupted { took.max(DRAIN_LOOK) } else { span };
        let asked = if is_cut { self.expected(rate, span) } else { generated } / span.as_secs_f64();
        let late = took.saturating_sub(span);
        let achieved = if late > TOLERATED || is_cut { generated / took.max(span).as_secs_f64() } else { asked };
        let slots = self.given.slots.iter().zip(before.slots.iter().zip(&after.slots));
        let slots = slots.map(|(probe, (before, after))| SlotSeen {
            bus: probe.plan.bus.clone(),
            slot: probe.plan.slot.clone(),
            state: after.stats.state,
            done: after.done.since(&before.done),
        });
        let lost = |sample: &Sample| {
            let dead: u64 = sample.slots.iter().map(|slot| slot.stats.dead).sum();
            sample.sources.lost() + sample.outlets.lost() + dead
        };
        Seen {
            asked,
            achieved,
            slots: slots.collect(),
            lost: lost(after) - lost(before),
            late: after.late_own.since(&before.late_own),
            behind: behind_of(ends),
            left,
        }
    }

    /// Ends the runtime as its configuration says, and looks a last time.
    pub(super) fn end(self) -> Ended {
        let Self { running, clock, given, .. } = self;
        let shutdown = running.shutdown(Deadline::configured());
        let left = |bus: &str, slot: &str| {
            let bus = shutdown.buses.iter().find(|known| known.bus.as_str() == bus);
            bus.and_then(|bus| bus.slots.iter().find(|known| known.slot.as_str() == slot)).map_or(0, |slot| slot.left)
        };
        let sample = sample(&given, &clock, Duration::ZERO, left);
        let ports = given.ports.into_iter().map(|port| (port.plan, port.counts.tally())).collect();
        Ended { sample, ports, shutdown }
    }
}

/// The generator that was furthest behind.
fn behind_of(ends: &[StageEnd]) -> Option<(Blame, Duration)> {
    ends.iter().map(|end| end.behind).max_by_key(|(_, late)| *late)
}

/// Everything counted until now.
fn sample(given: &Given, clock: &Clock, at: Duration, lag: impl Fn(&str, &str) -> u64) -> Sample {
    let mut sample = Sample { at, ..Sample::default() };
    for (_, gauge) in &given.generators {
        // Before what became of them: a look never finds fewer generated than accounted for, but for the one at hand.
        sample.generated += gauge.generated.load(Ordering::Relaxed);
        let (own, bus) = gauge.late();
        let ns = |ticks| clock.to_ns(ticks);
        sample.late_own = sample.late_own.merge(&own.with_unit(ns));
        sample.late_bus = sample.late_bus.merge(&bus.with_unit(ns));
    }
    for port in &given.ports {
        let is_source = matches!(port.plan.role, Role::Source { .. });
        let sum = if is_source { &mut sample.sources } else { &mut sample.outlets };
        sum.add(&port.counts.tally());
    }
    let of_slot = |probe: &SlotProbe| {
        let latencies = probe.view.latencies_in_all();
        SlotSample {
            done: probe.done.snapshot().with_unit(|ticks| clock.to_ns(ticks)),
            hop: latencies.hop,
            service: latencies.service,
            stats: probe.view.stats(),
            lag: lag(&probe.plan.bus, &probe.plan.slot),
        }
    };
    sample.slots = given.slots.iter().map(of_slot).collect();
    sample
}
