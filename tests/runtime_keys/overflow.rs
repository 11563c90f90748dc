//! Keys of a slot that is too slow: what it does then, and what it counts.

use super::house::{Doing, Events, Gate, OpenAtLast, Quote, Trade, config, eventually, runtime, slot};
use std::collections::BTreeMap;
use std::time::Duration;
use tagring::bus::{Context, Envelope, Fate, Handler, Outcome, SlotState};
use tagring::event::Event;
use tagring::runtime::config::{AccountsChoice, SlotConfig, SlotOverflowChoice};
use tagring::runtime::{Attachment, Running};

tagring::events! {
    /// With deadlines.
    pub mod timed with deadline;
    pub struct Order = 1, v1 { pub qty: u64 }
}

const CELLS: u64 = 64;

/// A slot that is held at its first event, so many trades of three keys behind it, and what became of them: delivered, dropped, conflated.
struct Held {
    running: Running,
    slot: Attachment<Doing>,
    gate: Gate,
    published: u64,
    full: bool,
}

fn hold(config_of: SlotConfig, events: u64) -> Held {
    let runtime = runtime(config(CELLS, &[("s", config_of)]));
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let held = gate.clone();
    let wait = move |_| {
        held.wait();
        Outcome::Done
    };
    let slot = md.attach("s", Doing::new(wait)).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    publisher.publish(0, &Trade { qty: 1 }).unwrap();
    eventually("it is held", || gate.arrivals() == 1);
    let mut full = false;
    for i in 0..events {
        let tried = match i % 2 {
            0 => publisher.try_publish((i % 3) as u32, &Trade { qty: i }),
            _ => publisher.try_publish((i % 3) as u32, &Quote { bid: 1, ask: 2 }),
        };
        full |= tried.is_err();
    }
    let published = publisher.position();
    Held { running, slot, gate, published, full }
}

impl Held {
    fn release(self) -> (bool, u64, u64, u64) {
        let _open = OpenAtLast(self.gate.clone());
        self.gate.open();
        let stats = || self.slot.handle().unwrap().stats();
        eventually("all is done", || stats().position == self.published);
        let stats = stats();
        drop(self.running);
        (self.full, stats.delivered, stats.dropped, stats.conflated)
    }
}

#[test]
pub(crate) fn issue_4570_overflow_of_a_slot() {
    let with = |overflow| hold(SlotConfig { overflow, backlog_max_events: 8, ..slot() }, 10 * CELLS).release();
    let (full, delivered, dropped, conflated) = with(SlotOverflowChoice::Gate);
    assert!(full && delivered == CELLS && dropped + conflated == 0);
    for overflow in [SlotOverflowChoice::DropNewest, SlotOverflowChoice::DropOldest] {
        let (full, delivered, dropped, conflated) = with(overflow);
        assert!(
            !full && delivered + dropped == 10 * CELLS + 1 && dropped > CELLS && conflated == 0,
            "{overflow}: {dropped}"
        );
    }
    let (full, delivered, dropped, conflated) = with(SlotOverflowChoice::Conflate);
    assert!(!full && dropped == 0 && delivered + conflated == 10 * CELLS + 1 && delivered < 20, "{delivered}");
}

#[test]
pub(crate) fn issue_4570_cut_off() {
    let settings = [(0, 0, 2 * CELLS), (CELLS / 2, 0, CELLS - 2), (0, 20, 4)];
    for (cut_off_lag_events, cut_off_after_ms, events) in settings {
        let overflow = SlotOverflowChoice::CutOff;
        let held = hold(SlotConfig { overflow, cut_off_lag_events, cut_off_after_ms, ..slot() }, events);
        let _open = OpenAtLast(held.gate.clone());
        eventually("it is cut off", || held.slot.handle().unwrap().state() == SlotState::Quarantined);
        assert!(!held.full, "nobody waits for it");
        held.gate.open();
    }
    // Neither behind by so many nor for so long.
    let held =
        hold(SlotConfig { overflow: SlotOverflowChoice::CutOff, cut_off_lag_events: CELLS, ..slot() }, CELLS / 2);
    let checks = || held.running.snapshot().checks;
    let at_first = checks();
    eventually("some looks later", || checks() > at_first + 5);
    assert_eq!(held.slot.handle().unwrap().state(), SlotState::Running);
    let _ = held.release();
}

#[test]
pub(crate) fn issue_4570_overflow_tags() {
    for (own, merged) in [(vec![], false), (vec![("Quote".to_owned(), SlotOverflowChoice::Conflate)], true)] {
        let overflow_tags = own.into_iter().collect::<BTreeMap<_, _>>();
        let held = hold(SlotConfig { overflow: SlotOverflowChoice::DropNewest, overflow_tags, ..slot() }, 10 * CELLS);
        let view = held.slot.handle().unwrap().view().clone();
        let _ = held.release();
        let (_, tags) = view.fates();
        let conflated: Vec<u64> = tags.iter().map(|(_, fates)| fates[Fate::Conflated as usize]).collect();
        assert!(conflated[0] == 0 && (conflated[1] > 0) == merged, "{conflated:?}");
    }
}

#[test]
pub(crate) fn issue_4570_backlog_max_events() {
    let delivered = [1, 40].map(|backlog_max_events| {
        let overflow = SlotOverflowChoice::DropNewest;
        hold(SlotConfig { overflow, backlog_max_events, ..slot() }, CELLS - 2).release().1
    });
    assert!(delivered[0] < delivered[1], "{delivered:?}");
}

#[test]
pub(crate) fn issue_4570_conflate_keys_max() {
    let dropped = [2, 100].map(|conflate_keys_max| {
        let overflow = SlotOverflowChoice::Conflate;
        hold(SlotConfig { overflow, conflate_keys_max, ..slot() }, 10 * CELLS).release().2
    });
    assert!(dropped[0] > 0 && dropped[1] == 0, "{dropped:?}");
}

struct Deaf;
impl Handler for Deaf {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        Outcome::Done
    }
}

#[test]
pub(crate) fn issue_4570_expires() {
    for expires in [false, true] {
        let runtime = runtime(config(CELLS, &[("s", SlotConfig { expires, ..slot() })]));
        let md = runtime.bus::<timed::Events>("md").unwrap();
        let slot = md.attach("s", Deaf).unwrap();
        let mut publisher = md.publisher("p").unwrap();
        let _running = runtime.start().unwrap();
        let now = md.bus().clock().now();
        let over = Envelope::key(0).deadline(now);
        let far = Envelope::key(0).deadline(tagring::clock::Ticks(
            now.0 + md.bus().clock().from_ns(Duration::from_secs(3_600).as_nanos() as u64),
        ));
        publisher.publish(over, &timed::Order { qty: 1 }).unwrap();
        publisher.publish(far, &timed::Order { qty: 1 }).unwrap();
        publisher.publish(0, &timed::Order { qty: 1 }).unwrap();
        let stats = || slot.handle().unwrap().stats();
        eventually("all is done", || stats().position == 3);
        let expected = if expires { (2, 1) } else { (3, 0) };
        assert_eq!((stats().delivered, stats().expired), expected);
    }
}

#[test]
pub(crate) fn issue_4570_accounts() {
    for (accounts, tags) in [(AccountsChoice::Totals, 0), (AccountsChoice::ByTag, 2)] {
        let held = hold(SlotConfig { accounts, ..slot() }, 10);
        let view = held.slot.handle().unwrap().view().clone();
        let _ = held.release();
        let (stats, by_tag) = view.fates();
        assert_eq!((by_tag.len(), stats.delivered), (tags, 11));
        assert!(by_tag.is_empty() || by_tag.iter().map(|(_, fates)| fates[0]).sum::<u64>() == 11);
    }
}
