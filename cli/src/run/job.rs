//! The run between the opened source and the report: handlers and the feed are given to the runtime, it starts, it ends, and everybody
//! says what came of it.

use super::accounts::{self, Watch};
use super::config::{DERIVED, MARKET};
use super::cores::Cores;
use super::ending::Ending;
use super::feed::{self, Fed, Given, pace_of};
use super::notices::Notices;
use super::results;
use super::slots::{self, Slots};
use super::slowed::Slowdown;
use super::source::Source;
use crate::args::{Pace, RunArgs};
use crate::jitter;
use crate::report::accounting::Accounting;
use crate::report::tail::{Tail, ThreadDuty};
use crate::report::{PlaceReport, Report};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tagring::bus::SlotState;
use tagring::runtime::config::{Config, SlotOverflowChoice};
use tagring::runtime::machine::DemandKind;
use tagring::runtime::{
    BusModes, Deadline, FeedEnd, Running, Runtime, ShutdownReport, SlotReport, Snapshot, Stage, ThreadSnapshot,
};

/// How long each half of the jitter baseline lasts; a debug build is for tests, and not for its figures.
const JITTER_MS: u64 = if cfg!(debug_assertions) { 10 } else { 100 };

/// Everything between the opened source and the report.
pub(super) fn job(args: &RunArgs, runtime: Runtime, source: Source, ending: &Arc<Ending>) -> Result<Report, String> {
    let (cores, clock) = (Cores::of(&runtime), runtime.clock().clone());
    let before = cores.on_slots(|| jitter::measure(&clock, JITTER_MS));
    let slowness = args.overload.map(|overload| Slowdown::new(overload, &clock, cores.is_shared()));
    let hosted = Slots::attach(&runtime, slowness.as_ref()).map_err(|error| error.to_string())?;
    let buses = slots::buses(&runtime).map_err(|error| error.to_string())?;
    let given = feed::give(args, &runtime, source, ending).map_err(|error| error.to_string())?;
    let threads = places(&runtime);
    let notices = Notices::default();
    let theirs = notices.clone();
    let runtime = runtime.on_notice(move |notice| theirs.keep(notice));
    let running = runtime.start().map_err(|failure| failure.to_string())?;
    let mut watch = Watch::new(hosted.names());
    watch_feed(&given, &running, pace_of(args), slowness.as_ref(), &mut watch);
    let (snapshot, machine) = (running.snapshot(), running.start_report().machine.clone());
    let tail = tail(&running, &snapshot);
    let asked = Instant::now();
    let config = running.config().clone();
    let shutdown = running.shutdown(Deadline::configured());
    let fed = given.take().ok_or_else(|| lost(&shutdown))?;
    let elapsed = drained_after(&shutdown, asked).saturating_duration_since(fed.start);
    let after = cores.on_slots(|| jitter::measure(&clock, JITTER_MS));
    let feeds = accounts::of_feed(&fed);
    let mut report = Report {
        synthetic: args.input.is_none(),
        pace: pace_of(args),
        clock: clock.report().to_string(),
        cores: cores.to_string(),
        threads,
        machine,
        notices: notices.lines(),
        verbose: args.verbose,
        slots: hosted.reports(&snapshot),
        tail,
        dead_letters: shutdown.buses.iter().map(|bus| (bus.bus.to_string(), bus.dead_letters)).collect(),
        shutdown: unclean(&config, &shutdown),
        elapsed,
        jitter: before.merge(&after),
        ..of_feed(fed)
    };
    report.error = report.error.or_else(|| fault(&shutdown, &report.shutdown));
    let handlers = hosted.take();
    let modes = [buses.0.modes().map(BusModes::snapshot), buses.1.modes().map(BusModes::snapshot)];
    let publishers = std::iter::once(feeds).chain(accounts::of_outlets(&handlers)).collect();
    report.accounting = Accounting {
        overload: args.overload,
        ..watch.end(&config, &report.slots, &shutdown, publishers, modes, elapsed)
    };
    results::fill_in(&mut report, &handlers);
    Ok(report)
}

/// Looks after the feed until it has ended; slots that are slowed down are told how slow they are to be, and that it is over.
fn watch_feed(given: &Given, running: &Running, pace: Pace, slowdown: Option<&Slowdown>, watch: &mut Watch) {
    let set_offered = |bus: &str, rate: f64| {
        if let Some(slowdown) = slowdown {
            slowdown.of(bus).set_offered(rate);
        }
    };
    let steady = if let Pace::PerSecond(rate) = pace { Some(rate) } else { None };
    steady.iter().for_each(|rate| set_offered(MARKET, *rate));
    given.watch(running, |since, events| {
        let snapshot = running.snapshot();
        watch.look(since, &snapshot);
        // Where no pace says it, the mean so far does.
        let mean = |events: u64| events as f64 / since.as_secs_f64().max(1e-3);
        if steady.is_none() {
            set_offered(MARKET, mean(events));
        }
        set_offered(DERIVED, mean(snapshot.bus(DERIVED).map_or(0, |bus| bus.published)));
    });
    slowdown.iter().for_each(|slowdown| slowdown.end());
}

/// The feed's part of the report.
fn of_feed(fed: Fed) -> Report {
    Report {
        input: fed.name,
        format: fed.format,
        messages: fed.consumed.messages,
        skips: fed.consumed.skips,
        examples: fed.consumed.examples,
        error: fed.consumed.error,
        ended: fed.consumed.ended,
        oddities: fed.consumed.oddities,
        decode_share: fed.consumed.decode_share,
        bytes: fed.consumed.bytes,
        levels: fed.levels,
        events: fed.published,
        waits: fed.waits,
        dropped: fed.dropped,
        feed_elapsed: fed.elapsed,
        ..Report::default()
    }
}

/// Slow events and the threads' times, while the threads are there.
fn tail(running: &Running, snapshot: &Snapshot) -> Tail {
    let duty = |thread: &ThreadSnapshot| ThreadDuty {
        name: thread.thread.to_string(),
        core: thread.core,
        times: thread.stats.times,
    };
    Tail { report: running.tail(), threads: snapshot.threads.iter().map(duty).collect() }
}

/// Who runs where.
fn places(runtime: &Runtime) -> Vec<PlaceReport> {
    let threads = &runtime.plan().placement().threads;
    let kind = |kind| match kind {
        DemandKind::Slots => "slots",
        DemandKind::Feed => "feed",
        DemandKind::Service => "service",
    };
    let place = |placed: &tagring::runtime::machine::Placed| PlaceReport {
        name: placed.name.clone(),
        kind: kind(placed.kind),
        number: placed.thread,
        core: placed.core,
        waits: placed.waits.name(),
        why: placed.why.to_string(),
    };
    threads.iter().map(place).collect()
}

/// When slots had finished what was in the rings.
fn drained_after(shutdown: &ShutdownReport, asked: Instant) -> Instant {
    let drained = shutdown.stages.iter().find(|(stage, _)| *stage == Stage::StoppingSlots);
    asked + drained.map_or(Duration::ZERO, |(_, since)| *since)
}

/// A feed that left no account.
fn lost(shutdown: &ShutdownReport) -> String {
    let lines = shutdown.feeds.iter().map(|feed| format!("feed {}: {}", feed.feed, feed.end));
    lines.collect::<Vec<_>>().join("\n")
}

/// What was not drained or did not end, and why, a line each.
pub(crate) fn unclean(config: &Config, shutdown: &ShutdownReport) -> Vec<String> {
    let feeds = shutdown.feeds.iter().filter(|feed| feed.end != FeedEnd::Done);
    let feeds = feeds.map(|feed| format!("feed {}: {}", feed.feed, feed.end));
    let slots = shutdown.buses.iter().flat_map(|bus| bus.slots.iter().map(move |slot| (bus.bus, slot)));
    let slots = slots
        .filter(|(bus, slot)| !slot.is_clean() && !was_cut_off(config, bus.as_str(), slot))
        .map(|(bus, slot)| format!("bus {bus}, slot {slot}"));
    let threads = shutdown.threads_left.iter();
    let threads = threads.map(|thread| format!("thread {thread} has not ended: what runs on it has not returned"));
    feeds.chain(slots).chain(threads).collect()
}

/// Whether a slot is quarantined because that is what its overflow policy says, and no handler panicked or is stuck.
fn was_cut_off(config: &Config, bus: &str, slot: &SlotReport) -> bool {
    let configured = config.buses.get(bus).and_then(|bus| bus.slots.get(slot.slot.as_str()));
    let is_policy = configured.is_some_and(|slot| slot.overflow == SlotOverflowChoice::CutOff);
    is_policy && slot.state == SlotState::Quarantined && slot.last_panic.is_none() && slot.holds.is_none()
}

/// What makes the run a failed one, beside its input.
fn fault(shutdown: &ShutdownReport, unclean: &[String]) -> Option<String> {
    let mut slots = shutdown.buses.iter().flat_map(|bus| &bus.slots);
    let panic = slots.find_map(|slot| Some(format!("slot {} panicked: {}", slot.slot, slot.last_panic.as_ref()?)));
    panic.or_else(|| {
        let first = unclean.first()?;
        let (took, allowed) = (shutdown.took, shutdown.allowed);
        Some(format!("TR-3009: not everything ended as it should, after {took:.1?} of {allowed:.1?}: {first}"))
    })
}
