//! Accounts of the run: what slots have lost and how far behind they are while it runs, seen by the main thread, and where every event went when it
//! has ended.

use super::config::{self, DERIVED, MARKET};
use super::feed::Fed;
use super::worker::Worker;
use crate::report::accounting::{
    Accounting, LOSSES, Lost, ModeAccount, Moment, PublisherAccount, SlotAccount, SlotMoment, TagAccount, Timeline,
};
use crate::report::{SlotReport, tag_name};
use std::time::Duration;
use tagring::bus::{Fate, SlotStats};
use tagring::runtime::config::Config;
use tagring::runtime::{BusReport, ModesSnapshot, ShutdownReport, Snapshot};

/// Why an event did not come onto a bus: there was no room for it in time.
const NO_ROOM: &str = "without room";
/// It was larger than all the memory for such events.
const TOO_LARGE: &str = "too large";
/// The feed ended while it waited for room.
const INTERRUPTED: &str = "given up at the end";

/// The buses, in the order of their modes.
const BUSES: [&str; 2] = [MARKET, DERIVED];

/// What is seen while the job runs, in bounded memory.
pub(super) struct Watch {
    /// The slots by bus and name, in the order of the report's.
    slots: Vec<(&'static str, String)>,
    timeline: Timeline,
}

impl Watch {
    pub(super) fn new(slots: Vec<(&'static str, String)>) -> Self {
        Self { slots, timeline: Timeline::default() }
    }

    /// Looks at all slots. Whoever publishes or handles is not held up by it.
    pub(super) fn look(&mut self, at: Duration, snapshot: &Snapshot) {
        let slot = |(bus, name): &(&'static str, String)| {
            let seen = snapshot.slot(bus, name);
            seen.map_or_else(SlotMoment::default, |slot| SlotMoment {
                // One that is over is behind by nothing that it could still handle.
                lag: if slot.stats.state.is_final() { 0 } else { slot.lag },
                delivered: slot.stats.delivered,
                lost: lost(&slot.stats),
            })
        };
        let mode = |bus: &str| snapshot.bus(bus).and_then(|bus| bus.modes.as_ref()).map_or(0, |modes| modes.mode as u8);
        let moment = Moment {
            at,
            resident_bytes: resident_bytes(),
            modes: BUSES.map(mode).into(),
            slots: self.slots.iter().map(slot).collect(),
        };
        self.timeline.push(moment);
    }

    /// The accounts, when everything has ended.
    pub(super) fn end(
        mut self,
        config: &Config,
        slots: &[SlotReport],
        shutdown: &ShutdownReport,
        publishers: Vec<PublisherAccount>,
        modes: [Option<ModesSnapshot>; 2],
        at: Duration,
    ) -> Accounting {
        let moment =
            |slot: &SlotReport| SlotMoment { lag: 0, delivered: slot.stats.delivered, lost: lost(&slot.stats) };
        let now = modes.iter().map(|modes| modes.as_ref().map_or(0, |modes| modes.mode as u8)).collect();
        let slots_at_end = slots.iter().map(moment).collect();
        // Looks go by the clock on the wall, which does not stand still while a part of the session is made.
        let at = self.timeline.all().last().map_or(at, |last| at.max(last.at));
        self.timeline.push(Moment { at, resident_bytes: resident_bytes(), modes: now, slots: slots_at_end });
        let account = |slot: &SlotReport| {
            let bus = shutdown.buses.iter().find(|bus| bus.bus.as_str() == slot.bus);
            slot_account(config, slot, bus)
        };
        Accounting {
            overload: None,
            publishers,
            slots: slots.iter().map(account).collect(),
            modes: BUSES.into_iter().zip(modes).map(|(bus, modes)| ModeAccount { bus, modes }).collect(),
            over_time: self.timeline,
        }
    }
}

/// By reason.
fn lost(stats: &SlotStats) -> Lost {
    [stats.dropped, stats.conflated, stats.expired, stats.shed, stats.dead]
}

fn slot_account(config: &Config, slot: &SlotReport, bus: Option<&BusReport>) -> SlotAccount {
    let stats = &slot.stats;
    let published = bus.map_or(0, |bus| bus.published);
    let configured = config.buses.get(slot.bus).and_then(|bus| bus.slots.get(&slot.name));
    SlotAccount {
        bus: slot.bus,
        slot: slot.name.clone(),
        policy: configured.map_or_else(String::new, config::policy),
        published,
        joined: stats.joined,
        delivered: stats.delivered,
        filtered: stats.filtered,
        holes: stats.holes,
        lost: lost(stats),
        in_flight: published.saturating_sub(stats.position),
        tags: tags(slot),
    }
}

/// By tag, those that there were.
fn tags(slot: &SlotReport) -> Vec<TagAccount> {
    let some = slot.fates.iter().filter(|(_, fates)| fates.iter().any(|count| *count > 0));
    some.map(|(tag, fates)| TagAccount {
        tag: tag_name(slot.bus, *tag),
        delivered: fates[Fate::Delivered as usize],
        filtered: fates[Fate::Filtered as usize],
        lost: LOSSES.map(|fate| fates[fate as usize]),
    })
    .collect()
}

/// What the feed offered.
pub(super) fn of_feed(fed: &Fed) -> PublisherAccount {
    let rejected = [(NO_ROOM, fed.dropped), (TOO_LARGE, fed.oversized), (INTERRUPTED, fed.interrupted)];
    let by_tag = fed.by_tag.iter().map(|&(tag, count)| (tag.to_owned(), count)).collect();
    PublisherAccount { by_tag, ..account(MARKET, config::FEED, fed.offered, fed.published, &rejected) }
}

/// What slots offered to the second bus.
pub(super) fn of_outlets(handlers: &[(String, Worker)]) -> Vec<PublisherAccount> {
    let outlet = |(_, worker): &(String, Worker)| {
        let (outlet, tag) = worker.outlet()?;
        let (publisher, published, dropped) = (outlet.name()?, outlet.published(), outlet.dropped());
        let by_tag = vec![(tag.to_owned(), published)];
        Some(PublisherAccount {
            by_tag,
            ..account(DERIVED, publisher, published + dropped, published, &[(NO_ROOM, dropped)])
        })
    };
    handlers.iter().filter_map(outlet).collect()
}

fn account(
    bus: &'static str,
    publisher: &str,
    offered: u64,
    published: u64,
    rejected: &[(&str, u64)],
) -> PublisherAccount {
    let rejected = rejected.iter().map(|&(reason, count)| (reason.to_owned(), count)).collect();
    PublisherAccount { bus, publisher: publisher.to_owned(), offered, published, rejected, by_tag: Vec::new() }
}

/// Memory of the process that is there, by the kernel's count; 0 where it says nothing.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kb.map_or(0, |kb| kb * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory() {
        assert!(resident_bytes() > 100_000);
    }
}
