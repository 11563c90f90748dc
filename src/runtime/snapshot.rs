//! Everything there is in a runtime at one moment: limits, buses, slots, threads, feeds. Each slot's counts are of one moment and add up.
//! What there is to count is fixed by the configuration: traffic adds no series.

use super::bus_modes::ModesSnapshot;
use super::feed::{FeedEnd, FeedThread};
use super::gates::PublisherSnapshot;
use super::hosted_bus::AnyBus;
use super::hosted_slot::HostedSlot;
use super::shared::Shared;
use super::stage::Stage;
use super::watchdog::Health;
use crate::bus::{Fates, LaneStats, Name, SlotStats, ThreadStats};
use crate::event::Family;
use crate::retain::{DeadLetterStats, HistoryReader, HistoryStats};
use core::fmt;
use core::sync::atomic::Ordering;

/// A runtime at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The runtime.
    pub runtime: Name,
    /// The stage of its life.
    pub stage: Stage,
    /// Buses there are, those that were removed and are still held included, and how many there may be.
    pub buses_used: (u64, u64),
    /// Bytes that buses have taken, and may take.
    pub memory_bytes: (u64, u64),
    /// Threads there are, and may be.
    pub threads_used: (u64, u64),
    /// Looks of the service thread.
    pub checks: u64,
    /// What it noticed.
    pub notices: u64,
    /// Panics of the hook.
    pub hook_panics: u64,
    /// System events that found no room.
    pub system_lost: u64,
    /// The buses, by name.
    pub buses: Vec<BusSnapshot>,
    /// The slot threads.
    pub threads: Vec<ThreadSnapshot>,
    /// The feeds.
    pub feeds: Vec<FeedSnapshot>,
}

/// A bus at one moment.
#[derive(Clone, Debug)]
pub struct BusSnapshot {
    /// The bus.
    pub bus: Name,
    /// Its family.
    pub family: &'static str,
    /// Cells of its ring.
    pub capacity: u64,
    /// Events published; read after the counts of its slots, so that none is ahead of it.
    pub published: u64,
    /// Events that publishers dropped because the ring was full and their `overflow` is `shed`.
    pub shed: u64,
    /// Times that publishers waited because the ring was full, as their `overflow` asked.
    pub waits: u64,
    /// Bytes it has taken.
    pub memory_bytes: u64,
    /// Dead letters kept.
    pub dead_letters: u64,
    /// Dead letters lost because there was no room.
    pub dead_letters_lost: u64,
    /// All counts of its dead letters; `None` where it keeps none.
    pub letters: Option<DeadLetterStats>,
    /// The groups of its history.
    pub history: Vec<HistorySnapshot>,
    /// Its modes, where it has any.
    pub modes: Option<ModesSnapshot>,
    /// Its lanes, the most urgent first; empty where it is a single ring. Above are their sums.
    pub lanes: Vec<LaneSnapshot>,
    /// Its publishers that are configured with gates, by name.
    pub publishers: Vec<PublisherSnapshot>,
    /// Its slots, in the order of their attachment.
    pub slots: Vec<SlotSnapshot>,
}

/// A group of a bus's history at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistorySnapshot {
    /// The group.
    pub group: Name,
    /// Events that it may hold.
    pub count_max: u64,
    /// What it has kept, and what became of that.
    pub stats: HistoryStats,
}

/// A lane of a bus at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSnapshot {
    /// The lane; 0 is the most urgent.
    pub lane: usize,
    /// Cells of its ring.
    pub capacity: u64,
    /// Events published in it.
    pub published: u64,
    /// Events that its publishers dropped because the ring was full.
    pub shed: u64,
    /// Times that its publishers waited because the ring was full.
    pub waits: u64,
}

/// A slot at one moment.
#[derive(Clone, Debug)]
pub struct SlotSnapshot {
    /// The slot.
    pub slot: Name,
    /// The thread that hosts it.
    pub thread: Option<Name>,
    /// State and counts, of one moment.
    pub stats: SlotStats,
    /// The same counts by event, in the order of [`crate::bus::Fate::ALL`], of those that the slot has met; empty where it keeps no account by tag.
    pub fates: Vec<(&'static str, Fates)>,
    /// How it does.
    pub health: Health,
    /// Events behind.
    pub lag: u64,
    /// Slow events recorded so far.
    pub outliers: u64,
    /// What it has done in each lane, a moment before `stats`; empty where the bus is a single ring.
    pub lanes: Vec<LaneStats>,
}

/// A slot thread at one moment.
#[derive(Clone, Debug)]
pub struct ThreadSnapshot {
    /// The thread.
    pub thread: Name,
    /// The core it is pinned to.
    pub core: Option<usize>,
    /// Its turns, useful and idle.
    pub stats: ThreadStats,
}

/// A feed at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedSnapshot {
    /// The feed.
    pub feed: Name,
    /// The core it is pinned to.
    pub core: Option<usize>,
    /// How it ended, where it has.
    pub end: FeedEnd,
}

impl Snapshot {
    pub(super) fn of(shared: &Shared, feeds: &[FeedThread]) -> Self {
        let limits = &shared.config.runtime;
        let groups = shared.groups.get();
        let threads: Vec<_> = groups.into_iter().flat_map(super::groups::Groups::all).map(thread).collect();
        let service = &shared.service;
        let running = threads.len() + feeds.iter().filter(|feed| !feed.has_ended()).count() + 1;
        Self {
            runtime: shared.name,
            stage: shared.stage(),
            buses_used: (shared.limits.buses(), u64::from(limits.buses_max)),
            memory_bytes: (shared.limits.memory_bytes(), limits.memory_max_bytes),
            threads_used: (running as u64, u64::from(limits.threads_max)),
            checks: service.checks.load(Ordering::Relaxed),
            notices: service.notices.load(Ordering::Relaxed),
            hook_panics: service.hook_panics.load(Ordering::Relaxed),
            system_lost: service.lost.load(Ordering::Relaxed),
            buses: shared.registry.all().iter().map(|one| bus(one.as_ref())).collect(),
            threads,
            feeds: feeds
                .iter()
                .map(|feed| FeedSnapshot { feed: feed.name, core: feed.core, end: feed.end_so_far() })
                .collect(),
        }
    }

    /// One bus's part of it.
    #[must_use]
    pub fn bus(&self, name: &str) -> Option<&BusSnapshot> {
        self.buses.iter().find(|bus| bus.bus.as_str() == name)
    }

    /// One slot's part of it.
    #[must_use]
    pub fn slot(&self, bus: &str, slot: &str) -> Option<&SlotSnapshot> {
        self.bus(bus)?.slots.iter().find(|known| known.slot.as_str() == slot)
    }

    /// Every number by name, in a fixed order: `buses.md.published`, `buses.md.slots.book.delivered`, `threads.slots.busy`. Their set depends on
    /// what exists, never on what was published.
    #[must_use]
    pub fn series(&self) -> Vec<(String, u64)> {
        let mut all: Vec<(String, u64)> = [
            ("runtime.stage", self.stage as u64),
            ("runtime.buses", self.buses_used.0),
            ("runtime.buses_max", self.buses_used.1),
            ("runtime.memory_bytes", self.memory_bytes.0),
            ("runtime.memory_max_bytes", self.memory_bytes.1),
            ("runtime.threads", self.threads_used.0),
            ("runtime.threads_max", self.threads_used.1),
            ("runtime.checks", self.checks),
            ("runtime.notices", self.notices),
            ("runtime.hook_panics", self.hook_panics),
            ("runtime.system_lost", self.system_lost),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        self.buses.iter().for_each(|bus| bus.series(&mut all));
        for ThreadSnapshot { thread, stats, .. } in &self.threads {
            let numbers = [
                ("turns", stats.turns),
                ("busy", stats.busy),
                ("idle_polls", stats.idle_polls),
                ("parks", stats.parks),
                ("slots", stats.slots.len() as u64),
                ("alive_ns", stats.times.alive.as_nanos() as u64),
                ("looking_ns", stats.times.looking.as_nanos() as u64),
                ("resting_ns", stats.times.resting.as_nanos() as u64),
            ];
            all.extend(numbers.map(|(what, value)| (format!("threads.{thread}.{what}"), value)));
        }
        let ended = |feed: &FeedSnapshot| u64::from(feed.end != FeedEnd::StillRuns);
        all.extend(self.feeds.iter().map(|feed| (format!("feeds.{}.ended", feed.feed), ended(feed))));
        all
    }
}

impl BusSnapshot {
    fn series(&self, all: &mut Vec<(String, u64)>) {
        let bus = self.bus;
        let numbers = [
            ("published", self.published),
            ("shed", self.shed),
            ("waits", self.waits),
            ("capacity_cells", self.capacity),
            ("memory_bytes", self.memory_bytes),
            ("dead_letters", self.dead_letters),
            ("dead_letters_lost", self.dead_letters_lost),
        ];
        all.extend(numbers.map(|(what, value)| (format!("buses.{bus}.{what}"), value)));
        for HistorySnapshot { group, count_max, stats } in &self.history {
            let numbers = [
                ("count_max", *count_max),
                ("kept", stats.kept),
                ("held", stats.held),
                ("overwritten", stats.overwritten),
                ("aged", stats.aged),
            ];
            all.extend(numbers.map(|(what, value)| (format!("buses.{bus}.history.{group}.{what}"), value)));
        }
        if let Some(modes) = &self.modes {
            modes.series(bus, all);
        }
        for LaneSnapshot { lane, capacity, published, shed, waits } in &self.lanes {
            let numbers =
                [("published", *published), ("shed", *shed), ("waits", *waits), ("capacity_cells", *capacity)];
            all.extend(numbers.map(|(what, value)| (format!("buses.{bus}.lanes.{lane}.{what}"), value)));
        }
        self.publishers.iter().for_each(|publisher| publisher.series(bus, all));
        for SlotSnapshot { slot, stats, health, lag, outliers, lanes, .. } in &self.slots {
            let numbers = [
                ("state", stats.state as u64),
                ("health", *health as u64),
                ("lag", *lag),
                ("position", stats.position),
                ("delivered", stats.delivered),
                ("filtered", stats.filtered),
                ("dead", stats.dead),
                ("holes", stats.holes),
                ("dropped", stats.dropped),
                ("conflated", stats.conflated),
                ("expired", stats.expired),
                ("shed", stats.shed),
                ("redelivered", stats.redelivered),
                ("batches", stats.batches),
                ("idle_polls", stats.idle_polls),
                ("panics", stats.panics),
                ("restarts", stats.restarts),
                ("outliers", *outliers),
            ];
            all.extend(numbers.map(|(what, value)| (format!("buses.{bus}.slots.{slot}.{what}"), value)));
            for LaneStats { lane, position, lag, delivered, .. } in lanes {
                let numbers = [("position", *position), ("lag", *lag), ("delivered", *delivered)];
                let of_lane = |(what, value)| (format!("buses.{bus}.slots.{slot}.lanes.{lane}.{what}"), value);
                all.extend(numbers.map(of_lane));
            }
        }
    }
}

fn bus(bus: &dyn AnyBus) -> BusSnapshot {
    let slots: Vec<_> = bus.slots().iter().filter_map(|one| slot(bus, one)).collect();
    crate::fault!(crate::faults::points::SNAPSHOT, bus.name().as_str());
    // As the slots: before what was published, so that none counts more.
    let publishers = bus.gated_publishers();
    let published = bus.published();
    let (dead_letters, dead_letters_lost) = bus.dead_letters();
    let (shed, waits) = bus.overflows();
    BusSnapshot {
        bus: bus.name(),
        family: bus.family(),
        capacity: bus.capacity() as u64,
        published,
        shed,
        waits,
        memory_bytes: bus.memory_bytes(),
        dead_letters,
        dead_letters_lost,
        letters: bus.letter_stats(),
        history: bus.history(),
        modes: bus.modes().map(|modes| modes.snapshot()),
        lanes: bus.lanes(),
        publishers,
        slots: slots.into_iter().map(|slot| slot.behind(published)).collect(),
    }
}

fn slot(bus: &dyn AnyBus, slot: &HostedSlot) -> Option<SlotSnapshot> {
    let view = slot.view.get()?;
    let lanes = view.lanes();
    let (stats, tags) = view.fates();
    let met = tags.into_iter().filter(|(_, fates)| fates.iter().any(|count| *count > 0));
    Some(SlotSnapshot {
        slot: slot.name,
        thread: slot.thread.get().copied(),
        stats,
        fates: met.map(|(tag, fates)| (bus.event_name(tag).unwrap_or("?"), fates)).collect(),
        health: slot.health(),
        lag: 0,
        outliers: view.outliers(),
        lanes,
    })
}

impl HistorySnapshot {
    pub(super) fn of<F: Family>(reader: HistoryReader<F>) -> Self {
        Self { group: reader.name(), count_max: reader.count_max(), stats: reader.stats() }
    }
}

impl SlotSnapshot {
    fn behind(mut self, published: u64) -> Self {
        self.lag = published.saturating_sub(self.stats.position);
        self
    }
}

fn thread(thread: &crate::bus::SlotThread) -> ThreadSnapshot {
    ThreadSnapshot { thread: thread.name(), core: thread.core(), stats: thread.stats() }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            f,
            "runtime {}: {}; buses {} of {}, memory {:.1} of {:.1} MiB, threads {} of {}",
            self.runtime,
            self.stage,
            self.buses_used.0,
            self.buses_used.1,
            mib(self.memory_bytes.0),
            mib(self.memory_bytes.1),
            self.threads_used.0,
            self.threads_used.1
        )?;
        for bus in &self.buses {
            write!(f, "\nbus {} ({}): {} published, {} cells", bus.bus, bus.family, bus.published, bus.capacity)?;
            if bus.shed + bus.waits > 0 {
                write!(f, ", {} shed, {} waits for room", bus.shed, bus.waits)?;
            }
            if bus.dead_letters + bus.dead_letters_lost > 0 {
                write!(f, ", {} dead letters, {} lost", bus.dead_letters, bus.dead_letters_lost)?;
            }
            for HistorySnapshot { group, count_max, stats: HistoryStats { held, overwritten, aged, .. } } in
                &bus.history
            {
                write!(f, "\n  history {group}: {held} of {count_max} held; {overwritten} overwritten, {aged} aged")?;
            }
            if let Some(modes) = &bus.modes {
                write!(f, ", {modes}")?;
            }
            for LaneSnapshot { lane, published, .. } in &bus.lanes {
                write!(f, "\n  lane {lane}: {published} published")?;
            }
            for publisher in &bus.publishers {
                write!(f, "\n  {publisher}")?;
            }
            for SlotSnapshot { slot, stats, health, lag, .. } in &bus.slots {
                write!(
                    f,
                    "\n  slot {slot}: {}, {health}, {lag} behind; {} delivered, {} filtered, {} dead, {} panics, {} restarts",
                    stats.state, stats.delivered, stats.filtered, stats.dead, stats.panics, stats.restarts
                )?;
            }
        }
        for ThreadSnapshot { thread, core, stats } in &self.threads {
            write!(f, "\nthread {thread}")?;
            match core {
                Some(core) => write!(f, " on core {core}")?,
                None => f.write_str(", not pinned")?,
            }
            let (slots, duty) = (stats.slots.len(), stats.times.duty() * 100.0);
            write!(f, ": {slots} slots, {duty:.1} % of its time handling")?;
        }
        for FeedSnapshot { feed, end, .. } in &self.feeds {
            write!(f, "\nfeed {feed}: {end}")?;
        }
        Ok(())
    }
}
