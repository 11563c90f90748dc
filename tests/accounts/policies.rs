//! Slots of every policy, with handlers that fail, under any order of publishing, turns, changes of tags and ends: at each moment the account of a slot
//! is what was published, and in the end it is that for each tag, event by event.

use crate::market::{Events, Halt, Quote, Trade};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tagring::bus::{
    Bus, Context, Fate, Handler, LocalSlot, Outcome, PanicPolicy, Publisher, SlotOverflow, SlotState, SlotView,
};
use tagring::event::{Event, Payload, Tag, TagSet};
use tagring::retain::DeadLetters;
use tagring::runtime::{Accounts, BusAccount, SlotAccount, TagAccount};
use tagring::tags;
use tagring::testkit::{Fault, Faulty, Recorder, seeds};

const SEEDS: u64 = if cfg!(debug_assertions) { 60 } else { 3_000 };
const STEPS: u64 = 400;
const SLOTS_MAX: usize = 5;

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % end
    }
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Fails as it is told, and counts the older events that those it had stand for.
struct Counting {
    inner: Faulty<Recorder>,
    merged: Arc<AtomicU64>,
}

impl Handler for Counting {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        self.merged.fetch_add(ctx.merged(), Ordering::Relaxed);
        self.inner.on_event(event, ctx)
    }
}

/// A slot, and where it stands in the test.
struct Slot {
    local: Option<LocalSlot<Counting>>,
    view: SlotView,
    policy: SlotOverflow,
    merged: Arc<AtomicU64>,
}

struct World {
    bus: Bus<Events>,
    feed: Publisher<Events>,
    letters: DeadLetters<Events>,
    slots: Vec<Slot>,
    /// The tag of each sequence.
    published: Vec<Tag>,
    attached: usize,
}

fn handler(dice: &mut Dice) -> Counting {
    let faults = dice.below(4);
    let inner = (0..faults).fold(Faulty::new(Recorder::new(0).0), |faulty, _| {
        let fault = dice.pick(&[Fault::Dead, Fault::Dead, Fault::Panic, Fault::Panic, Fault::Stop]);
        faulty.at(dice.below(60), fault)
    });
    Counting { inner, merged: Arc::default() }
}

fn some_tags(dice: &mut Dice) -> TagSet {
    dice.pick(&[TagSet::ALL, TagSet::ALL, tags![Trade], tags![Quote, Halt], TagSet::EMPTY])
}

impl World {
    fn new(dice: &mut Dice) -> Self {
        let builder = Bus::<Events>::builder("md").capacity(4 << dice.below(4));
        let (bus, feed) = builder.single().unwrap();
        let letters = DeadLetters::new(&bus, dice.below(6) as usize).unwrap();
        Self { bus, feed, letters, slots: Vec::new(), published: Vec::new(), attached: 0 }
    }

    fn attach(&mut self, dice: &mut Dice) {
        use SlotOverflow::{Conflate, CutOff, DropNewest, DropOldest, Gate};
        let policy = dice.pick(&[Gate, DropNewest, DropOldest, Conflate, CutOff]);
        self.attached += 1;
        let panics = dice.pick(&[PanicPolicy::Skip, PanicPolicy::Skip, PanicPolicy::Quarantine]);
        let slot = self.bus.slot(&format!("s{}", self.attached)).overflow(policy).policy(panics).tags(some_tags(dice));
        let slot = slot.accounts().dead_letters(&self.letters).turn_limit(1 + dice.below(8) as usize);
        let slot = slot.backlog(1 + dice.below(8) as usize).conflate_keys(1 + dice.below(6) as usize);
        let slot = match (policy, dice.below(3)) {
            (CutOff, _) | (_, 0) => slot,
            _ => slot.overflow_of(tags![Quote], dice.pick(&[DropNewest, DropOldest, Conflate])),
        };
        // No place left: it is for another time.
        let handler = handler(dice);
        let merged = Arc::clone(&handler.merged);
        if let Ok(local) = slot.attach_here(handler) {
            let view = local.handle().view().clone();
            self.slots.push(Slot { local: Some(local), view, policy, merged });
        }
    }

    fn publish(&mut self, dice: &mut Dice) {
        let key = dice.below(4) as u32;
        let result = match dice.below(3) {
            0 => self.feed.try_publish(key, &Trade { qty: 1 }).map(|_| Trade::TAG),
            1 => self.feed.try_publish(key, &Quote { bid: 1 }).map(|_| Quote::TAG),
            _ => self.feed.try_publish(key, &Halt { reason: 1 }).map(|_| Halt::TAG),
        };
        self.published.extend(result);
    }

    fn publish_batch(&mut self, dice: &mut Dice) {
        let count = 1 + dice.below(4) as usize;
        let Ok(mut batch) = self.feed.batch(count) else { return };
        // Not all that was claimed is filled.
        for _ in 0..dice.below(count as u64 + 1) {
            batch.push(dice.below(4) as u32, &Quote { bid: 2 });
            self.published.push(Quote::TAG);
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        let at = dice.below(SLOTS_MAX as u64) as usize;
        let has_room = self.slots.len() < SLOTS_MAX;
        match (dice.below(240), self.slots.get_mut(at)) {
            (0..8, _) if has_room => self.attach(dice),
            (8, Some(slot)) => drop(slot.local.take().and_then(LocalSlot::detach)),
            (9, Some(slot)) => drop(slot.view.quarantine()),
            (10, Some(slot)) => slot.view.ask_to_stop(),
            (11, Some(slot)) if slot.view.is_done() => drop(self.slots.remove(at)),
            (12..20, _) => drop(self.letters.drain(2)),
            (20..100, Some(slot)) => drop(slot.local.as_mut().map(LocalSlot::turn)),
            (100..110, _) => self.publish_batch(dice),
            _ => self.publish(dice),
        }
    }

    fn accounts(&self) -> Accounts {
        let published = self.bus.published();
        let slot = |slot: &Slot| {
            let (stats, tags) = slot.view.fates();
            let tags = tags.iter().map(|(tag, fates)| TagAccount { tag: tag.to_string(), fates: *fates });
            let account = SlotAccount::of(slot.view.name().as_str(), &stats, published);
            SlotAccount { tags: tags.collect(), ..account }
        };
        let slots = self.slots.iter().map(slot).collect();
        Accounts { buses: vec![BusAccount { bus: "md".into(), published, slots, ..BusAccount::default() }] }
    }

    fn check(&self, seed: u64) {
        let accounts = self.accounts();
        let policies: Vec<_> =
            self.slots.iter().map(|slot| (slot.view.name(), slot.policy, slot.view.state())).collect();
        accounts.check().unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}\n{policies:?}\n{accounts}"));
    }

    /// A slot that has seen all: of each tag as many met a fate as were published.
    fn check_by_tag(&self, seed: u64, met: &mut [u64; Fate::ALL.len()]) {
        for slot in self.slots.iter().filter(|slot| slot.view.state() == SlotState::Running) {
            let (stats, tags) = slot.view.fates();
            assert_eq!(stats.position, self.published.len() as u64, "seed {seed}: it has seen all");
            let mut count = BTreeMap::<Tag, u64>::new();
            for tag in &self.published[stats.joined as usize..] {
                *count.entry(*tag).or_default() += 1;
            }
            let sums = tags.iter().map(|(tag, fates)| (*tag, fates.iter().sum::<u64>())).filter(|(_, sum)| *sum > 0);
            assert_eq!(sums.collect::<BTreeMap<_, _>>(), count, "seed {seed}: {:?}, {stats:?}, {tags:?}", slot.policy);
            // A key for which there was no room takes those along that were merged into it.
            let told = slot.merged.load(Ordering::Relaxed);
            let is_told = told == stats.conflated || (stats.dropped > 0 && told < stats.conflated);
            assert!(is_told, "seed {seed}: its handler was told of {told}: {:?} {stats:?}", slot.policy);
            for (_, fates) in tags {
                met.iter_mut().zip(fates).for_each(|(met, count)| *met += count);
            }
        }
    }
}

fn run(seed: u64, met: &mut [u64; Fate::ALL.len()]) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xfa7e);
    let mut world = World::new(&mut dice);
    world.attach(&mut dice);
    for _ in 0..STEPS {
        world.step(&mut dice);
        world.check(seed);
    }
    for slot in &mut world.slots {
        while slot.local.as_mut().is_some_and(LocalSlot::turn) {}
    }
    world.check(seed);
    world.check_by_tag(seed, met);
}

#[test]
fn issue_4565_every_event_of_every_tag_meets_one_fate_under_every_policy() {
    let mut met = [0; Fate::ALL.len()];
    let seeds = seeds(SEEDS, |seed| run(seed, &mut met));
    // No bus here has deadlines or modes.
    let due = [Fate::Delivered, Fate::Filtered, Fate::Dead, Fate::Dropped, Fate::Conflated];
    assert!(seeds < SEEDS || due.into_iter().all(|fate| met[fate as usize] > SEEDS / 4), "{met:?}");
}
