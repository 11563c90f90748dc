//! What goes wrong in a simulation, and when: written down one by one, drawn by chance, or both.

use super::super::Fault;
#[cfg(feature = "faults")]
use super::super::{FaultRun, FaultScript};
use crate::bus::SplitMix64;
use core::time::Duration;

/// A million: what rates are parts of.
const MILLION: u64 = 1_000_000;

/// The faults of a simulation. Slots are named as `BUS.SLOT`, events of a slot and sleeps of a thread are counted from 0, times from the
/// beginning of the simulation.
///
/// ```
/// use core::time::Duration;
/// use tagring::testkit::{Faults, Rates};
///
/// let faults = Faults::none()
///     .panic_at("md.vwap", 3)
///     .stick_at("md.risk", 10, Duration::from_secs(2))
///     .jump_clock(Duration::from_millis(5), 3_600_000_000_000)
///     .random(Rates { panics: 0, ..Rates::some() });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults {
    events: Vec<(String, u64, Fault)>,
    threads: Vec<(String, u64, ThreadFault)>,
    world: Vec<(Duration, WorldFault)>,
    rates: Rates,
    #[cfg(feature = "faults")]
    script: FaultScript,
}

/// How often something goes wrong by chance: in so many of a million events, sleeps or steps. All 0 by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Of a million events: the handler panics.
    pub panics: u32,
    /// Of a million events: it refuses the event.
    pub dead: u32,
    /// Of a million events: it says that this was the last one.
    pub stops: u32,
    /// Of a million events: it sticks in the event, for [`Self::stick_max`] at most.
    pub sticks: u32,
    /// Of a million events: other threads run before it goes on.
    pub preemptions: u32,
    /// The longest time that a handler sticks.
    pub stick_max: Duration,
    /// Of a million sleeps of any thread: it gets no core for a while, for [`Self::stall_max`] at most.
    pub stalls: u32,
    /// The longest such time.
    pub stall_max: Duration,
    /// Of a million steps: the clock of the buses jumps, forward or back, by [`Self::jump_max`] at most.
    pub clock_jumps: u32,
    /// The longest jump.
    pub jump_max: Duration,
    /// Of a million steps: somebody detaches a slot.
    pub detaches: u32,
    /// Of a million steps: somebody quarantines a slot.
    pub quarantines: u32,
}

impl Rates {
    /// Something of everything: a few faults in a thousand events.
    #[must_use]
    pub const fn some() -> Self {
        Self {
            panics: 3_000,
            dead: 5_000,
            stops: 200,
            sticks: 1_000,
            preemptions: 100_000,
            stick_max: Duration::from_millis(40),
            stalls: 2_000,
            stall_max: Duration::from_millis(5),
            clock_jumps: 300,
            jump_max: Duration::from_secs(2),
            detaches: 50,
            quarantines: 50,
        }
    }
}

/// What happens to a thread that sleeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ThreadFault {
    /// It sleeps longer.
    Stall(Duration),
    /// It panics with these words when it wakes.
    Panic(String),
}

/// What happens to all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WorldFault {
    /// The buses' clock jumps by so many nanoseconds.
    Jump(i64),
    Close(String),
    Detach(String),
    Quarantine(String),
    /// One of the slots that there are, by a number.
    DetachAny(u64),
    QuarantineAny(u64),
}

impl Faults {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    fn event(mut self, slot: &str, nth: u64, fault: Fault) -> Self {
        self.events.push((slot.to_owned(), nth, fault));
        self
    }

    fn at(mut self, at: Duration, fault: WorldFault) -> Self {
        self.world.push((at, fault));
        self
    }

    /// The handler of `slot` panics at its `nth` event.
    #[must_use]
    pub fn panic_at(self, slot: &str, nth: u64) -> Self {
        self.event(slot, nth, Fault::Panic)
    }

    /// The handler of `slot` refuses its `nth` event.
    #[must_use]
    pub fn dead_at(self, slot: &str, nth: u64) -> Self {
        self.event(slot, nth, Fault::Dead)
    }

    /// The handler of `slot` says at its `nth` event that this was the last one.
    #[must_use]
    pub fn stop_at(self, slot: &str, nth: u64) -> Self {
        self.event(slot, nth, Fault::Stop)
    }

    /// The handler of `slot` does not return from its `nth` event for so long. Its thread, and all other slots of that, stand meanwhile;
    /// everything else goes on.
    #[must_use]
    pub fn stick_at(self, slot: &str, nth: u64, time: Duration) -> Self {
        self.event(slot, nth, Fault::Delay(time))
    }

    /// A feed panics at its `nth` sleep: that is when it asks whether it is to stop, or waits for room.
    #[must_use]
    pub fn panic_feed(mut self, feed: &str, nth: u64) -> Self {
        let panic = ThreadFault::Panic(format!("as scripted, at sleep {nth} of feed {feed}"));
        self.threads.push((feed.to_owned(), nth, panic));
        self
    }

    /// A thread of slots, a feed or the service thread gets no core for so long, from its `nth` sleep on.
    #[must_use]
    pub fn stall(mut self, thread: &str, nth: u64, time: Duration) -> Self {
        self.threads.push((thread.to_owned(), nth, ThreadFault::Stall(time)));
        self
    }

    /// The clock of the buses jumps by so many nanoseconds, forward or back. What the operating system calls time goes on evenly.
    #[must_use]
    pub fn jump_clock(self, at: Duration, by_ns: i64) -> Self {
        self.at(at, WorldFault::Jump(by_ns))
    }

    /// Somebody closes a bus.
    #[must_use]
    pub fn close_bus(self, at: Duration, bus: &str) -> Self {
        self.at(at, WorldFault::Close(bus.to_owned()))
    }

    /// Somebody detaches a slot.
    #[must_use]
    pub fn detach(self, at: Duration, slot: &str) -> Self {
        self.at(at, WorldFault::Detach(slot.to_owned()))
    }

    /// Somebody quarantines a slot.
    #[must_use]
    pub fn quarantine(self, at: Duration, slot: &str) -> Self {
        self.at(at, WorldFault::Quarantine(slot.to_owned()))
    }

    /// And at fault points what a script says: it is in force as long as the simulation is.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn script(mut self, script: FaultScript) -> Self {
        self.script = script;
        self
    }

    /// Puts the script in force; and whether it stands between slots and their handlers.
    #[cfg(feature = "faults")]
    pub(super) fn put_in_force(&mut self) -> (FaultRun, bool) {
        let script = core::mem::take(&mut self.script);
        let is_scripted = script.strikes(crate::faults::points::EVENT);
        (script.enter(), is_scripted)
    }

    /// And by chance, so often.
    #[must_use]
    pub fn random(mut self, rates: Rates) -> Self {
        self.rates = rates;
        self
    }
}

/// The faults as the simulation goes through them.
pub(super) struct FaultPlan {
    faults: Faults,
    /// Whether chance plays.
    pub(super) by_chance: bool,
}

/// Takes the first of a list that is meant.
fn take<T, F: Clone>(list: &[(String, T, F)], whose: &str, is_it: impl Fn(&T) -> bool) -> Option<F> {
    list.iter().find(|(name, when, _)| name == whose && is_it(when)).map(|(.., fault)| fault.clone())
}

/// The first of several events of which one at most happens.
struct Lots(u64);

impl Lots {
    fn draw(random: &mut SplitMix64) -> Self {
        Self(random.up_to(MILLION - 1))
    }

    fn is(&mut self, rate: u32) -> bool {
        let hit = self.0 < u64::from(rate);
        self.0 = self.0.wrapping_sub(u64::from(rate));
        if !hit {
            return false;
        }
        self.0 = u64::MAX;
        true
    }
}

fn up_to(random: &mut SplitMix64, most: Duration) -> Duration {
    Duration::from_nanos(random.up_to(u64::try_from(most.as_nanos()).unwrap_or(u64::MAX - 1)))
}

impl FaultPlan {
    pub(super) fn new(mut faults: Faults) -> Self {
        faults.world.sort_by_key(|(at, _)| *at);
        faults.world.reverse();
        let by_chance = faults.rates != Rates::default();
        Self { faults, by_chance }
    }

    /// What happens at a slot's `nth` event.
    pub(super) fn at_event(&mut self, slot: &str, nth: u64, random: &mut SplitMix64) -> Option<Fault> {
        let scripted = take(&self.faults.events, slot, |&at| at == nth);
        if scripted.is_some() || !self.by_chance {
            return scripted;
        }
        let rates = &self.faults.rates;
        let mut lots = Lots::draw(random);
        for (rate, fault) in [(rates.panics, Fault::Panic), (rates.dead, Fault::Dead), (rates.stops, Fault::Stop)] {
            if lots.is(rate) {
                return Some(fault);
            }
        }
        if lots.is(rates.sticks) {
            return Some(Fault::Delay(up_to(random, rates.stick_max)));
        }
        lots.is(rates.preemptions).then_some(Fault::Delay(Duration::ZERO))
    }

    /// What happens at a thread's `nth` sleep.
    pub(super) fn at_sleep(&mut self, thread: &str, nth: u64, random: &mut SplitMix64) -> Option<ThreadFault> {
        let scripted = take(&self.faults.threads, thread, |&at| at == nth);
        if scripted.is_some() || !self.by_chance {
            return scripted;
        }
        let rates = &self.faults.rates;
        Lots::draw(random).is(rates.stalls).then(|| ThreadFault::Stall(up_to(random, rates.stall_max)))
    }

    /// What happens to all of it in a step.
    pub(super) fn in_step(&mut self, random: &mut SplitMix64, now: Duration) -> Option<WorldFault> {
        if self.faults.world.last().is_some_and(|(at, _)| *at <= now) {
            return self.faults.world.pop().map(|(_, fault)| fault);
        }
        if !self.by_chance {
            return None;
        }
        let rates = &self.faults.rates;
        let mut lots = Lots::draw(random);
        if lots.is(rates.clock_jumps) {
            let most = i64::try_from(rates.jump_max.as_nanos()).unwrap_or(i64::MAX / 2).min(i64::MAX / 2);
            return Some(WorldFault::Jump(random.up_to(2 * most as u64) as i64 - most));
        }
        if lots.is(rates.detaches) {
            return Some(WorldFault::DetachAny(random.next()));
        }
        lots.is(rates.quarantines).then(|| WorldFault::QuarantineAny(random.next()))
    }
}
