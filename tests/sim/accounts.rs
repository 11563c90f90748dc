//! The accounts of everything, whatever policies, faults and loads come together: they add up at every snapshot and at the end, to the last event,
//! and one count that is wrong is found.

use crate::chance::{Dice, operate, some_config};
use crate::house::{Events, Quote, Relay, Relayed, Trade};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tagring::bus::PublishFailure;
use tagring::runtime::config::{AccountsChoice, Config, SlotOverflowChoice};
use tagring::runtime::{Accounts, BusAccount, Imbalance, LetterAccount, PublisherAccount, SlotAccount, TagAccount};
use tagring::testkit::{Faults, Rates, Sim, SimBus, seeds};

/// Seeds of an ordinary run, a second or two; `./test --seeds` runs a hundred thousand.
const SEEDS: u64 = if cfg!(debug_assertions) { 200 } else { 2_000 };

/// What a feed was asked to publish, and what became of it: the other side of the account.
#[derive(Default)]
struct Offered {
    offered: AtomicU64,
    published: AtomicU64,
    shed: AtomicU64,
    refused: AtomicU64,
    closed: AtomicU64,
}

impl Offered {
    fn count(&self, events: u64, result: &Result<Option<u64>, PublishFailure>) {
        let count = match result {
            Ok(Some(_)) => &self.published,
            Ok(None) => &self.shed,
            Err(failure) if failure.is_closed() => &self.closed,
            Err(_) => &self.refused,
        };
        count.fetch_add(events, Ordering::Relaxed);
    }

    fn account(&self, publisher: &str) -> PublisherAccount {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        PublisherAccount {
            publisher: publisher.to_owned(),
            offered: get(&self.offered),
            published: get(&self.published),
            shed: get(&self.shed),
            rejected: vec![("full".into(), get(&self.refused)), ("closed".into(), get(&self.closed))],
        }
    }
}

/// A feed that publishes singly and in batches and counts what becomes of each event.
fn feed(sim: &Sim, name: &str, bus: &SimBus<Events>, count: u64, batches: bool) -> Arc<Offered> {
    let offered = Arc::<Offered>::default();
    let books = Arc::clone(&offered);
    let mut publisher = bus.publisher("in").unwrap();
    sim.feed(name, move |feed| {
        for qty in (0..count).take_while(|_| !feed.is_stopping()) {
            publisher.tick();
            let events = if batches && qty % 8 == 0 { 2 } else { 1 };
            let result = match events {
                1 => publisher.send(0, &Trade { qty }),
                _ => publisher.batch(2).map(|mut batch| {
                    (0..2).for_each(|_| batch.push(0, &Quote { bid: 1 }));
                    Some(0)
                }),
            };
            // Together, and behind it: while it waits for room the event is nobody's yet.
            books.offered.fetch_add(events, Ordering::Relaxed);
            books.count(events, &result);
            if result.is_err_and(|failure| failure.is_closed()) {
                return Ok(());
            }
        }
        Ok(())
    });
    offered
}

/// Who publishes to a bus.
enum Source {
    Feed(Arc<Offered>),
    Slot(Arc<Relayed>),
}

impl Source {
    fn account(&self) -> PublisherAccount {
        match self {
            Self::Feed(offered) => offered.account("in"),
            Self::Slot(relayed) => {
                let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
                let (sent, refused) = (get(&relayed.sent), get(&relayed.refused));
                let rejected = vec![("refused or shed".into(), refused)];
                PublisherAccount { publisher: "in".into(), offered: sent + refused, published: sent, shed: 0, rejected }
            }
        }
    }
}

struct Built {
    sim: Sim,
    /// By bus.
    sources: Vec<(String, Source)>,
}

fn rates(dice: &mut Dice) -> Rates {
    match dice.below(3) {
        0 => Rates { preemptions: 300_000, ..Rates::default() },
        1 => Rates::some(),
        _ => Rates { panics: 20_000, dead: 50_000, sticks: 5_000, quarantines: 300, detaches: 100, ..Rates::some() },
    }
}

#[cfg(not(feature = "faults"))]
fn faults(_: u64, dice: &mut Dice) -> Faults {
    Faults::none().random(rates(dice))
}

/// With the points in the build: something of everything that an account must survive.
#[cfg(feature = "faults")]
fn faults(seed: u64, dice: &mut Dice) -> Faults {
    use tagring::faults::{Fault, points};
    let delay = Fault::Delay(Duration::from_millis(3));
    let script = tagring::testkit::FaultScript::seeded(seed)
        .chance(points::PUBLISH, 50_000, Fault::Error)
        .chance(points::PUBLISH, 5_000, delay)
        .chance(points::TURN, 20_000, delay)
        .chance(points::TURN, 200, Fault::Panic)
        .chance(points::EVENT, 10_000, Fault::Panic)
        .chance(points::EVENT, 10_000, Fault::Dead)
        .chance(points::EVENT, 500, Fault::Stop)
        .chance(points::LETTER, 200_000, Fault::Error)
        .chance(points::LOOK, 200_000, Fault::Drop)
        .chance(points::SNAPSHOT, 100_000, Fault::Delay(Duration::from_micros(50)))
        .chance(points::CLOCK_READ, 1_000, Fault::ClockJump { by_ns: -40_000_000 });
    Faults::none().random(rates(dice)).script(script)
}

/// What slots do that are too slow: any policy, but for those that another one runs after. Some buses have lanes instead.
fn add_policies(config: &mut Config, dice: &mut Dice) {
    use SlotOverflowChoice::{Conflate, CutOff, DropNewest, DropOldest, Gate};
    for bus in config.buses.values_mut() {
        if dice.one_in(5) {
            // A slot of several lanes gates.
            bus.lanes.count = 2 + dice.below(3) as u32;
            let lane = dice.below(bus.lanes.count.into()) as u32;
            bus.publishers.values_mut().for_each(|publisher| publisher.lane = lane);
            continue;
        }
        let waited_for: BTreeSet<String> = bus.slots.values().flat_map(|slot| slot.after.iter().cloned()).collect();
        for (_, slot) in bus.slots.iter_mut().filter(|(name, _)| !waited_for.contains(*name)) {
            slot.overflow = dice.pick(&[Gate, Gate, DropNewest, DropOldest, Conflate, CutOff]);
            if slot.overflow != CutOff && dice.one_in(3) {
                slot.overflow_tags.insert("Quote".into(), dice.pick(&[Gate, DropNewest, DropOldest, Conflate]));
            }
            (slot.backlog_max_events, slot.conflate_keys_max) = (1 + dice.below(8), 1 + dice.below(4));
            slot.accounts = dice.pick(&[AccountsChoice::Totals, AccountsChoice::ByTag]);
        }
    }
}

fn build(seed: u64, dice: &mut Dice) -> Built {
    let mut config = some_config(dice);
    add_policies(&mut config, dice);
    let sim = Sim::with(config.clone(), seed, faults(seed, dice));
    let mut sources = Vec::new();
    for (at, name) in config.buses.keys().enumerate() {
        let bus = sim.bus::<Events>(name);
        if config.feeds.contains_key(&format!("f{at}")) {
            let offered = feed(&sim, &format!("f{at}"), &bus, 10 + dice.below(200), dice.one_in(2));
            sources.push((name.clone(), Source::Feed(offered)));
        }
        attach(&sim, &config, name, at, &mut sources);
    }
    Built { sim, sources }
}

/// The slots of a bus; the first may publish to the next bus.
fn attach(sim: &Sim, config: &Config, bus: &str, at: usize, sources: &mut Vec<(String, Source)>) {
    let next = config.buses.iter().nth(at + 1);
    for slot in config.buses[bus].slots.keys() {
        let mine = next.filter(|(_, next)| next.publishers["in"].slot == format!("{bus}.{slot}"));
        let to = mine.map(|(name, _)| sim.bus::<Events>(name).publisher("in").unwrap());
        let (relay, relayed) = Relay::new(to);
        let _ = sim.bus::<Events>(bus).attach(slot, relay);
        if let Some((name, _)) = mine {
            sources.push((name.clone(), Source::Slot(relayed)));
        }
    }
}

impl Built {
    fn publishers(&self) -> Vec<PublisherAccount> {
        self.sources.iter().map(|(_, source)| source.account()).collect()
    }

    /// The accounts, publishers' included, which must add up; and never go back.
    fn look(&self, seed: u64, before: Option<&Accounts>) -> Accounts {
        // Before the snapshot, as publishers' counts are to be read: in the middle of it time may pass.
        let publishers = self.publishers();
        let mut accounts = Accounts::of(&self.sim.running().snapshot());
        for ((bus, _), publisher) in self.sources.iter().zip(publishers) {
            let bus = accounts.buses.iter_mut().find(|known| known.bus == *bus).unwrap();
            bus.publishers.push(publisher);
        }
        accounts.check().unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}\n{accounts}"));
        for (now, before) in before.into_iter().flat_map(|before| accounts.buses.iter().zip(&before.buses)) {
            assert!(now.published >= before.published, "seed {seed}: {now:?} after {before:?}");
        }
        accounts
    }
}

fn run(seed: u64) -> Option<Accounts> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xacc0);
    let mut built = build(seed, &mut dice);
    built.sim.try_start().ok()?;
    let mut accounts = None;
    for _ in 0..10 + dice.below(20) {
        let time = Duration::from_micros(1 + dice.below(4_000));
        let ended = built.sim.run_until(time, Sim::feeds_ended) || built.sim.aborted().is_some();
        accounts = Some(built.look(seed, accounts.as_ref()));
        if ended {
            break;
        }
        if dice.one_in(6) {
            operate(&built.sim, &mut dice);
        }
    }
    // At rest: nobody is in the middle of anything.
    built.sim.end_chance();
    built.sim.run_for(Duration::from_millis(60));
    let before = built.publishers();
    let accounts = built.look(seed, accounts.as_ref());
    if built.sim.aborted().is_none() && before == built.publishers() {
        at_rest(seed, &accounts);
    }
    let _ = built.sim.try_shutdown();
    Some(accounts)
}

/// To the last event: what a slot that has seen all from the first made of it is what publishers say they published.
fn at_rest(seed: u64, accounts: &Accounts) {
    accounts.check_at_rest().unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}\n{accounts}"));
    for bus in accounts.buses.iter().filter(|bus| !bus.publishers.is_empty()) {
        let published: u64 = bus.publishers.iter().map(|publisher| publisher.published).sum();
        for slot in bus.slots.iter().filter(|slot| slot.joined == 0 && slot.in_flight == 0) {
            assert_eq!(slot.sum() - slot.holes, published, "seed {seed}: slot {}.{}\n{accounts}", bus.bus, slot.slot);
        }
    }
    let losses: u64 = accounts.losses().iter().map(|loss| loss.count).sum();
    let lost = |slot: &SlotAccount| slot.dead + slot.dropped + slot.conflated + slot.expired + slot.shed;
    let refused = |publisher: &PublisherAccount| publisher.offered - publisher.published;
    let of =
        |bus: &BusAccount| bus.slots.iter().map(lost).sum::<u64>() + bus.publishers.iter().map(refused).sum::<u64>();
    assert_eq!(losses, accounts.buses.iter().map(of).sum::<u64>(), "seed {seed}: every loss has its line");
}

#[test]
fn issue_4565_every_event_is_accounted_for_at_every_snapshot_whatever_goes_wrong() {
    let mut sums = [0; 5];
    let seeds = seeds(SEEDS, |seed| {
        let Some(accounts) = run(seed) else { return };
        for bus in &accounts.buses {
            sums[0] += bus.publishers.iter().map(|publisher| publisher.offered - publisher.published).sum::<u64>();
            for slot in &bus.slots {
                let counts = [slot.dead, slot.dropped, slot.conflated, u64::from(slot.in_flight == 0)];
                sums[1..].iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
        }
    });
    // The test has its subject: things went wrong, events were lost, and slots came to the end all the same.
    assert!(seeds < SEEDS || sums.iter().all(|sum| *sum > SEEDS), "{sums:?}");
}

/// One count changed, and what must say so.
type Tampering = (fn(&mut BusAccount), &'static str);

const TAMPERINGS: [Tampering; 19] = [
    (|bus| bus.slots[0].published += 1, "TR-0983"),
    (|bus| bus.slots[0].joined += 1, "TR-0983"),
    (|bus| bus.slots[0].delivered += 1, "TR-0983"),
    (|bus| bus.slots[0].delivered -= 1, "TR-0983"),
    (|bus| bus.slots[0].filtered += 1, "TR-0983"),
    (|bus| bus.slots[0].dead -= 1, "TR-0983"),
    (|bus| bus.slots[0].holes += 1, "TR-0983"),
    (|bus| bus.slots[0].dropped += 1, "TR-0983"),
    (|bus| bus.slots[0].conflated += 1, "TR-0983"),
    (|bus| bus.slots[0].expired += 1, "TR-0983"),
    (|bus| bus.slots[0].shed += 1, "TR-0983"),
    (|bus| bus.slots[0].in_flight += 1, "TR-0983"),
    // The sum is right, the reason is not.
    (|bus| (bus.slots[0].tags[0].fates[0], bus.slots[0].tags[0].fates[3]) = (bus.slots[0].delivered - 1, 1), "TR-0984"),
    (|bus| bus.publishers[0].offered += 1, "TR-0985"),
    (|bus| bus.publishers[0].shed += 1, "TR-0985"),
    (|bus| bus.publishers[0].rejected[0].1 += 1, "TR-0985"),
    (|bus| (bus.publishers[0].offered, bus.publishers[0].published) = (1_000_000, 1_000_000), "TR-0986"),
    (|bus| bus.dead_letters.as_mut().unwrap().held += 1, "TR-0987"),
    (|bus| bus.dead_letters.as_mut().unwrap().died -= 1, "TR-0987"),
];

#[test]
fn issue_4565_one_wrong_count_is_found_and_named() {
    // Some run with a bus that lost something in every way that this test can tell.
    let has_all = |bus: &BusAccount| {
        let letters = bus.dead_letters.is_some_and(|letters: LetterAccount| letters.died > 0);
        letters
            && !bus.publishers.is_empty()
            && bus.slots.first().is_some_and(|slot| slot.dead > 0 && slot.delivered > 0)
    };
    let bus = (0..1_000).filter_map(run).flat_map(|accounts| accounts.buses).find(has_all);
    let mut bus = bus.expect("some seed has everything");
    // Refusals of the bus's own are not needed for their sum: one reason, of none.
    bus.publishers.truncate(1);
    let slot = &bus.slots[0];
    let fates = [slot.delivered, slot.filtered, slot.dead, slot.dropped, slot.conflated, slot.expired, slot.shed];
    bus.slots[0].tags = vec![TagAccount { tag: "Trade".into(), fates }];
    let good = Accounts { buses: vec![bus] };
    good.check_at_rest().unwrap();
    for (at, (tamper, code)) in TAMPERINGS.iter().enumerate() {
        let mut bad = good.clone();
        tamper(&mut bad.buses[0]);
        let wrong = bad.check_at_rest().expect_err(&format!("number {at} passes"));
        let codes: Vec<_> = wrong.0.iter().map(Imbalance::code).collect();
        assert!(codes.contains(code) && wrong.to_string().contains(code), "number {at}: {wrong}");
        assert!(bad.to_string().contains(code) || *code == "TR-0987", "the table says so too");
    }
}
