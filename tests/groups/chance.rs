//! Members that come, go, are quarantined and panic at random moments, on slots that are turned one by one: any order of turns there can be.

use crate::house::{Events, HARMLESS, Log, PANICS, Quote, REFUSED, STUCK, Trade, Worker};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use tagring::bus::{Bus, Group, LocalSlot, Member, PanicPolicy, Publisher};

#[derive(Clone, Debug)]
enum Step {
    Publish { key: u32, fatal: u64 },
    Quote,
    Turn(usize),
    Add { skips: bool, turn_limit: usize },
    Detach(usize),
    Quarantine(usize),
    Look,
}

fn some_step() -> impl Strategy<Value = Step> {
    let fatal = prop_oneof![40 => Just(HARMLESS), 1 => Just(PANICS), 1 => Just(REFUSED), 1 => Just(STUCK)];
    prop_oneof![
        60 => (0_u32..12, fatal).prop_map(|(key, fatal)| Step::Publish { key, fatal }),
        10 => Just(Step::Quote),
        40 => (0_usize..8).prop_map(Step::Turn),
        3 => (any::<bool>(), 1_usize..9).prop_map(|(skips, turn_limit)| Step::Add { skips, turn_limit }),
        1 => (0_usize..8).prop_map(Step::Detach),
        1 => (0_usize..8).prop_map(Step::Quarantine),
        1 => Just(Step::Look),
    ]
}

struct Stage {
    bus: Bus<Events>,
    feed: Publisher<Events>,
    group: Group<Events>,
    slots: Vec<LocalSlot<Member<Events, Worker>>>,
    log: Log,
    published: BTreeMap<u32, u64>,
    deadly: BTreeSet<(u32, u64)>,
    added: u64,
}

impl Stage {
    fn new(capacity: usize, partitions: u32) -> Self {
        let (bus, feed) = Bus::<Events>::builder("md").capacity(capacity).single().unwrap();
        let group = bus.group("work").partitions(partitions).keep_while_empty(true).build().unwrap();
        let (slots, log) = (Vec::new(), Log::default());
        let mut stage =
            Self { bus, feed, group, slots, log, published: BTreeMap::new(), deadly: BTreeSet::new(), added: 0 };
        stage.add(true, 4);
        stage
    }

    fn add(&mut self, skips: bool, turn_limit: usize) {
        if self.slots.len() >= 7 {
            return;
        }
        let member = Worker { group: Some(self.group.clone()), ..Worker::new(&self.log, self.added) };
        let member = self.group.member(member).unwrap();
        let policy = if skips { PanicPolicy::Skip } else { PanicPolicy::Quarantine };
        let tags = tagring::tags![Trade];
        let slot = self.bus.slot(&format!("work-{}", self.added)).tags(tags).turn_limit(turn_limit).policy(policy);
        self.slots.push(slot.attach_here(member).unwrap());
        self.added += 1;
    }

    fn turn(&mut self, at: usize) -> bool {
        let Some(slot) = self.slots.get_mut(at) else { return false };
        let busy = slot.turn();
        if slot.is_done() {
            drop(self.slots.remove(at));
        }
        busy
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Publish { key, fatal } => {
                let number = self.published.get(&key).copied().unwrap_or(0);
                if self.feed.try_publish(key, &Trade { number, fatal }).is_ok() {
                    self.published.insert(key, number + 1);
                    if fatal != HARMLESS {
                        self.deadly.insert((key, number));
                    }
                }
            }
            Step::Quote => drop(self.feed.try_publish(3, &Quote { bid: 0 })),
            Step::Turn(at) => drop(self.turn(at)),
            Step::Add { skips, turn_limit } => self.add(skips, turn_limit),
            Step::Detach(at) if at < self.slots.len() => drop(self.slots.remove(at).detach()),
            Step::Quarantine(at) if at < self.slots.len() => {
                // It has not noticed, and has its turns; its lease says which events are not its own any more.
                let view = self.slots[at].handle().view().clone();
                assert!(view.quarantine());
            }
            Step::Look => self.group.look(),
            Step::Detach(_) | Step::Quarantine(_) => {}
        }
    }

    /// Publishes in between where the ring was full, and turns everybody until nothing is left.
    fn finish(&mut self) -> Result<(), String> {
        self.add(true, 4);
        for _ in 0..2_000 {
            let mut busy = false;
            for at in (0..self.slots.len()).rev() {
                busy |= self.turn(at);
            }
            self.group.look();
            if self.slots.is_empty() {
                self.add(true, 4);
            }
            let stats = self.group.stats();
            let settled = stats.free == 0 && stats.members.iter().all(|member| member.late == 0);
            if !busy && settled && stats.guard == Some(self.bus.published()) {
                return Ok(());
            }
        }
        Err(format!("does not come to rest: {:?}, {} published", self.group.stats(), self.bus.published()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(debug_assertions) { 400 } else { 20_000 }, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn issue_4607_each_event_is_handled_once_and_those_of_a_key_in_order_whoever_comes_and_goes(
        bits in 2_u32..8, partitions in 3_u32..7, steps in proptest::collection::vec(some_step(), 1..400)
    ) {
        let mut stage = Stage::new(1 << bits, 1 << partitions);
        for step in &steps {
            stage.step(step);
            if let Err(wrong) = stage.log.judge(&stage.published) {
                prop_assert!(false, "{} at {:?}", wrong, step);
            }
        }
        let rest = stage.finish();
        prop_assert!(rest.is_ok(), "{:?}", rest);
        // Those that a handler died over were begun too: nothing may be missing.
        let missing = stage.log.judge(&stage.published);
        prop_assert_eq!(missing, Ok(BTreeSet::new()));
        let totals = stage.group.stats().totals();
        prop_assert_eq!(totals.handled + totals.caught_up + totals.late_dead, stage.log.len() as u64);
    }
}
