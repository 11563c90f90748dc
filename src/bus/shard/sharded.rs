//! The publisher of several buses: it routes by key, moves partitions when shards come and go, and publishes again what a dead one left.
//!
//! Invariants. A route leads to a shard only while no other has unhandled events of that partition. All that a shard's worker may still have to
//! handle lies behind that shard's guard, and is there to be copied.

use super::error::ShardError;
use super::worker::{Shard, Work};
use crate::bus::builder::Bus;
use crate::bus::group::{Partitions, deal};
use crate::bus::name::Name;
use crate::bus::publisher::{BusPublisher, Envelope, RingPublisher};
use crate::bus::view::SlotView;
use crate::event::{Family, Payload, StoreEvent};
use crate::ring::{Polled, Reader};
use crate::sync::{Moment, Ordering, fence, nap, spin_loop};
use core::time::Duration;
use std::sync::Arc;

/// The route of a partition that is on its way.
const UNSETTLED: u16 = u16::MAX;
/// Looks before a waiting publisher sleeps between them, and how long.
const SPINS: u32 = 256;
const NAP: Duration = Duration::from_micros(50);
/// Every so many parts of a ring that are published, its guard is moved on and its worker looked at.
const LOOKS_PER_LAP: u64 = 4;

/// One shard.
struct Seat<F: Family, R> {
    bus: Bus<F>,
    publisher: BusPublisher<F, R>,
    work: Arc<Work>,
    guard: Reader<F::Cell>,
    /// Events since it was last looked at.
    since: u64,
    /// It is to go: no partition is dealt to it.
    leaves: bool,
}

/// What a shard left whose worker has ended. Its publisher is gone.
struct Estate<F: Family> {
    bus: Bus<F>,
    /// Holds the cells.
    _guard: Reader<F::Cell>,
    next: u64,
    end: u64,
}

/// How a partition comes to its new route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Settled,
    /// The worker of shard `from` must have passed all below `until`.
    Moving {
        from: u16,
        until: u64,
    },
    /// What dead shards left must be published again.
    Recovering,
}

/// The publisher of several buses of one family. It publishes each event to the bus that its key belongs to now.
///
/// ```
/// use std::time::Duration;
/// use tagring::bus::{Bus, Context, Handler, Outcome, Shard, Sharded};
/// use tagring::event::Event;
///
/// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
///
/// #[derive(Default)]
/// struct Volume(u64);
/// impl Handler for Volume {
///     fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
///         self.0 += event.get::<market::Trade>().map_or(0, |trade| trade.qty);
///         Outcome::Done
///     }
/// }
///
/// let mut sharded = Sharded::new("md", 256)?;
/// let mut slots = Vec::new();
/// for name in ["md-1", "md-2"] {
///     let (bus, publisher) = Bus::<market::Events>::builder(name).capacity(1024).single()?;
///     let (worker, shard) = Shard::worker(Volume::default());
///     slots.push(bus.slot("volume").attach_here(worker)?);
///     sharded.add(&bus, publisher, shard)?;
/// }
/// for key in 0..100 {
///     sharded.publish_timeout(key, &market::Trade { qty: 1 }, Duration::from_secs(1))?;
/// }
/// slots.iter_mut().for_each(|slot| while slot.turn() {});
/// let volumes: Vec<u64> = slots.into_iter().filter_map(|slot| slot.detach()).map(|slot| slot.into_inner().0).collect();
/// assert_eq!(volumes.iter().sum::<u64>(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sharded<F: Family, R> {
    name: Name,
    partitions: Partitions,
    seats: Vec<Option<Seat<F, R>>>,
    /// Where each partition's events go now.
    routes: Box<[u16]>,
    /// Which shard is to have each.
    targets: Vec<Option<u16>>,
    ways: Vec<Way>,
    estates: Vec<Estate<F>>,
    /// Shards have come or are to go, and partitions are not dealt yet.
    is_to_deal: bool,
    rebalances: u64,
    moved: u64,
    republished: u64,
}

impl<F: Family, R: RingPublisher<F::Cell>> Sharded<F, R> {
    /// A publisher without shards. `partitions`: a power of two from 2 to 1,024, some ten for each shard at least.
    ///
    /// # Errors
    /// [`ShardError::Partitions`].
    pub fn new(name: &str, partitions: u32) -> Result<Self, ShardError> {
        let name = Name::new(name);
        let count = Partitions::new(partitions).ok_or(ShardError::Partitions { sharded: name, partitions })?;
        let entries = partitions as usize;
        Ok(Self {
            name,
            partitions: count,
            seats: Vec::new(),
            routes: vec![UNSETTLED; entries].into(),
            targets: vec![None; entries],
            ways: vec![Way::Settled; entries],
            estates: Vec::new(),
            is_to_deal: false,
            rebalances: 0,
            moved: 0,
            republished: 0,
        })
    }

    /// Adds a shard: a bus to which nobody else publishes, its publisher, and its worker, which is attached there. It takes its part of the
    /// partitions, each as soon as the shard that had it has handled what it was sent.
    ///
    /// # Errors
    /// [`ShardError::NotAttached`], [`ShardError::Lossy`], [`ShardError::NoPlace`], [`ShardError::Bytes`], [`ShardError::Unknown`] where that bus is one already; the
    /// publisher is dropped then.
    pub fn add(&mut self, bus: &Bus<F>, publisher: BusPublisher<F, R>, shard: Shard) -> Result<(), ShardError> {
        let (sharded, name) = (self.name, bus.name());
        if self.number_of(name).is_some() {
            return Err(self.unknown(name));
        }
        let worker = shard.0.view.get().filter(|worker| worker.lanes().len() <= 1).map(SlotView::id);
        let worker = worker.filter(|worker| bus.inner.ring.reader_at(*worker).is_some());
        let Some(worker) = worker.filter(|_| publisher.bus() == name) else {
            return Err(ShardError::NotAttached { sharded, bus: name });
        };
        if bus.inner.is_lossy(worker) {
            return Err(ShardError::Lossy { sharded, bus: name });
        }
        if bus.inner.arena.is_some() {
            return Err(ShardError::Bytes { sharded, bus: name });
        }
        let no_place = |cause| ShardError::NoPlace { sharded, bus: name, cause };
        let guard = bus.inner.ring.attach().map_err(no_place)?;
        bus.inner.names.set(guard.id(), Name::new(&format!("shards {sharded}")));
        let seat = Some(Seat { bus: bus.clone(), publisher, work: shard.0, guard, since: 0, leaves: false });
        match self.seats.iter_mut().find(|seat| seat.is_none()) {
            Some(free) => *free = seat,
            None => self.seats.push(seat),
        }
        self.is_to_deal = true;
        self.look();
        Ok(())
    }

    /// Takes a shard out: its partitions go to the others, its worker finishes what it has. Waits for that, for at most `limit`, and returns the
    /// bus's publisher, which closes it when it is dropped.
    ///
    /// # Errors
    /// [`ShardError::Moving`], [`ShardError::Recovering`]: it is still on its way out, and the call may be repeated. [`ShardError::Unknown`],
    /// [`ShardError::NoShards`] for the last one.
    pub fn remove(&mut self, bus: &str, limit: Duration) -> Result<BusPublisher<F, R>, ShardError> {
        let bus = Name::new(bus);
        let number = self.number_of(bus).ok_or_else(|| self.unknown(bus))?;
        if self.stay().iter().all(|&other| other == number) {
            return Err(ShardError::NoShards { sharded: self.name });
        }
        if let Some(seat) = &mut self.seats[usize::from(number)] {
            seat.leaves = true;
        }
        self.is_to_deal = true;
        let since = Moment::now();
        let mut looks = 0;
        loop {
            self.look();
            // It may have died meanwhile, and is then gone without a publisher.
            if self.number_of(bus) != Some(number) {
                return Err(self.unknown(bus));
            }
            let unsettled = self.first_unsettled_of(number);
            let Some(partition) = unsettled else { break };
            if since.elapsed() >= limit {
                return Err(self.why_unsettled(partition, since.elapsed()));
            }
            wait(&mut looks);
        }
        let seat = self.seats[usize::from(number)].take();
        seat.map(|seat| seat.publisher).ok_or_else(|| self.unknown(bus))
    }

    /// Publishes an event, if its shard has room now and its partition is not on its way. Returns its sequence on its bus.
    ///
    /// # Errors
    /// [`ShardError`]; nothing was written.
    #[inline]
    pub fn try_publish<P: Payload>(&mut self, to: impl Into<Envelope>, payload: &P) -> Result<u64, ShardError> {
        let to = to.into();
        let partition = self.partitions.of(to.key);
        let route = self.routes[partition as usize];
        if let Some(Some(seat)) = self.seats.get_mut(usize::from(route)) {
            seat.since += 1;
            if seat.since < seat.bus.capacity() as u64 / LOOKS_PER_LAP
                && let Ok(sequence) = seat.publisher.try_publish(to, payload)
            {
                return Ok(sequence);
            }
        }
        self.publish_slowly(partition, to, payload)
    }

    /// As [`Self::try_publish`]; waits, for at most `limit`, for room and for a partition on its way.
    ///
    /// # Errors
    /// [`ShardError`]; nothing was written.
    pub fn publish_timeout<P: Payload>(
        &mut self,
        to: impl Into<Envelope>,
        payload: &P,
        limit: Duration,
    ) -> Result<u64, ShardError> {
        let to = to.into();
        let mut since = None;
        let mut looks = 0;
        loop {
            match self.try_publish(to, payload) {
                Err(error) if error.is_passing() => {
                    let waited = since.get_or_insert_with(Moment::now).elapsed();
                    if waited >= limit {
                        return Err(error.after(waited));
                    }
                    wait(&mut looks);
                }
                result => return result,
            }
        }
    }

    /// After a look at everything.
    #[cold]
    #[inline(never)]
    fn publish_slowly<P: Payload>(&mut self, partition: u32, to: Envelope, payload: &P) -> Result<u64, ShardError> {
        self.look();
        let route = self.routes[partition as usize];
        match self.seats.get_mut(usize::from(route)) {
            Some(Some(seat)) => Ok(seat.publisher.try_publish(to, payload)?),
            _ => Err(self.why_unsettled(partition, Duration::ZERO)),
        }
    }

    /// Reads the clock, for publishers that stamp on ticks.
    pub fn tick(&mut self) {
        self.seats.iter_mut().flatten().for_each(|seat| {
            seat.publisher.tick();
        });
    }

    /// Looks at all shards: whose worker has ended, what can be published again, which partitions have arrived. Publishing does it four times a lap, and
    /// whenever it cannot go on; who publishes seldom calls it at intervals.
    pub fn look(&mut self) {
        for number in 0..self.seats.len() {
            self.look_at(number as u16);
        }
        self.deal_homeless();
        self.recover();
        self.settle();
        if self.is_to_deal && self.ways.iter().all(|way| *way == Way::Settled) {
            self.deal();
            self.settle();
        }
    }

    /// Moves a shard's guard on to its worker; or, where that has ended, takes its partitions.
    fn look_at(&mut self, number: u16) {
        let Some(seat) = &mut self.seats[usize::from(number)] else { return };
        seat.since = 0;
        let position = seat.position();
        if !seat.is_over() {
            seat.move_guard(position);
            return;
        }
        fence(Ordering::SeqCst);
        let is_done = seat.work.view.get().is_none_or(SlotView::is_done);
        // Without `membarrier`, once its handler has returned.
        let Some(reached) = seat.work.lease.end().or_else(|| is_done.then(|| seat.work.lease.end_own())) else {
            return;
        };
        let Some(seat) = self.seats[usize::from(number)].take() else { return };
        let Seat { bus, guard, publisher, .. } = seat;
        let (next, end) = (position.max(reached.next).max(guard.position()), bus.published());
        drop(publisher);
        self.estates.push(Estate { bus, _guard: guard, next, end });
        for partition in 0..self.ways.len() {
            let had = self.targets[partition] == Some(number) && self.ways[partition] == Way::Settled;
            let moves = matches!(self.ways[partition], Way::Moving { from, .. } if from == number);
            if had || moves {
                self.routes[partition] = UNSETTLED;
                self.ways[partition] = Way::Recovering;
            }
            if self.targets[partition] == Some(number) {
                self.targets[partition] = None;
            }
        }
    }

    /// The shards that partitions may be dealt to.
    fn stay(&self) -> Vec<u16> {
        let stays = |at: &usize| self.seats[*at].as_ref().is_some_and(|seat| !seat.leaves);
        (0..self.seats.len()).filter(stays).map(|at| at as u16).collect()
    }

    /// What nobody has, or a dead shard had, is dealt, and nothing else moves.
    fn deal_homeless(&mut self) {
        let members = self.stay();
        let homeless = self.targets.iter().filter(|target| target.is_none()).count() as u64;
        if members.is_empty() || homeless == 0 {
            return;
        }
        // Shares may be uneven until everything has arrived: then all are dealt anew.
        self.is_to_deal = true;
        let mut has: Vec<usize> = members.iter().map(|member| self.has(*member)).collect();
        for target in self.targets.iter_mut().filter(|target| target.is_none()) {
            if let Some(least) = (0..members.len()).min_by_key(|&at| has[at]) {
                has[least] += 1;
                *target = Some(members[least]);
            }
        }
        self.rebalances += 1;
        self.moved += homeless;
    }

    fn has(&self, number: u16) -> usize {
        self.targets.iter().filter(|target| **target == Some(number)).count()
    }

    /// Everything has arrived: partitions are dealt evenly, and those that move are on their way.
    fn deal(&mut self) {
        let before = self.targets.clone();
        let members = self.stay();
        let moved = deal(&mut self.targets, &members);
        self.is_to_deal = false;
        self.rebalances += u64::from(moved > 0);
        self.moved += u64::from(moved);
        for (partition, old) in before.into_iter().enumerate() {
            let new = self.targets[partition];
            if old == new {
                continue;
            }
            if let Some(from) = old
                && let Some(Some(seat)) = self.seats.get(usize::from(from))
            {
                self.routes[partition] = UNSETTLED;
                self.ways[partition] = Way::Moving { from, until: seat.bus.published() };
            }
        }
    }

    /// Publishes again what dead shards left, the last that died first, as far as there is room.
    fn recover(&mut self) {
        while let Some(estate) = self.estates.last_mut() {
            while estate.next < estate.end {
                // A hole is none.
                if let Some(cell) = estate.bus.inner.ring.copy_of(estate.next) {
                    let partition = self.partitions.of(cell.as_event().key());
                    let target = self.targets[partition as usize];
                    let Some(Some(seat)) = target.and_then(|target| self.seats.get_mut(usize::from(target))) else {
                        return;
                    };
                    if seat.publisher.forward(cell).is_err() {
                        return;
                    }
                    self.republished += 1;
                }
                estate.next += 1;
            }
            self.estates.pop();
        }
    }

    /// Opens the routes of partitions that have arrived.
    fn settle(&mut self) {
        for partition in 0..self.ways.len() {
            let Some(target) = self.targets[partition] else { continue };
            let has_arrived = match self.ways[partition] {
                Way::Settled => self.routes[partition] == UNSETTLED,
                Way::Recovering => self.estates.is_empty(),
                Way::Moving { from, until } => {
                    self.seats[usize::from(from)].as_ref().is_none_or(|seat| seat.position() >= until)
                }
            };
            if has_arrived {
                self.routes[partition] = target;
                self.ways[partition] = Way::Settled;
            }
        }
    }

    fn first_unsettled_of(&self, number: u16) -> Option<u32> {
        let concerns = |at: &usize| {
            let comes_from = matches!(self.ways[*at], Way::Moving { from, .. } if from == number);
            comes_from || self.targets[*at] == Some(number)
        };
        (0..self.ways.len()).find(concerns).map(|at| at as u32)
    }

    #[cold]
    fn why_unsettled(&self, partition: u32, waited: Duration) -> ShardError {
        let sharded = self.name;
        let moving = match self.ways[partition as usize] {
            Way::Moving { from, until } => self.seats[usize::from(from)].as_ref().map(|seat| (seat, until)),
            _ => None,
        };
        if let Some((seat, until)) = moving {
            let left = until.saturating_sub(seat.position());
            return ShardError::Moving { sharded, from: seat.bus.name(), left, waited };
        }
        match self.estates.last() {
            Some(estate) if !self.stay().is_empty() => {
                let (from, left) = (estate.bus.name(), estate.end - estate.next);
                ShardError::Recovering { sharded, from, left, waited }
            }
            _ => ShardError::NoShards { sharded },
        }
    }

    fn number_of(&self, bus: Name) -> Option<u16> {
        let is_it = |seat: &Option<Seat<F, R>>| seat.as_ref().is_some_and(|seat| seat.bus.name() == bus);
        self.seats.iter().position(is_it).map(|at| at as u16)
    }

    fn unknown(&self, bus: Name) -> ShardError {
        let known = self.seats.iter().flatten().map(|seat| seat.bus.name()).collect();
        ShardError::Unknown { sharded: self.name, bus, known }
    }

    /// The bus that events of this key go to; `None` while it is on its way.
    #[must_use]
    pub fn bus_of(&self, key: u32) -> Option<Name> {
        let route = self.routes[self.partitions.of(key) as usize];
        self.seats.get(usize::from(route))?.as_ref().map(|seat| seat.bus.name())
    }

    /// What it has done, and how its shards stand.
    #[must_use]
    pub fn stats(&self) -> ShardedStats {
        let shard = |(number, seat): (usize, &Option<Seat<F, R>>)| {
            let seat = seat.as_ref()?;
            Some(ShardStats {
                bus: seat.bus.name(),
                partitions: self.has(number as u16) as u32,
                published: seat.bus.published(),
                position: seat.position(),
                leaves: seat.leaves,
            })
        };
        ShardedStats {
            partitions: self.partitions.count(),
            shards: self.seats.iter().enumerate().filter_map(shard).collect(),
            unsettled: self.routes.iter().filter(|route| **route == UNSETTLED).count() as u32,
            left: self.estates.iter().map(|estate| estate.end - estate.next).sum(),
            republished: self.republished,
            rebalances: self.rebalances,
            moved: self.moved,
        }
    }
}

impl<F: Family, R> Seat<F, R> {
    /// The worker has passed all below.
    fn position(&self) -> u64 {
        self.work.view.get().map_or(0, |view| view.stats().position)
    }

    fn is_over(&self) -> bool {
        self.work.view.get().is_none_or(|view| view.state().is_final())
    }

    fn move_guard(&mut self, to: u64) {
        while self.guard.position() < to {
            let Polled::Batch(batch) = self.guard.poll(usize::MAX) else { break };
            let end = batch.sequences().end.min(to);
            batch.commit_to(end);
        }
    }
}

fn wait(looks: &mut u32) {
    *looks += 1;
    if *looks < SPINS { spin_loop() } else { nap(NAP) }
}

impl ShardError {
    /// With the time that was waited.
    fn after(self, time: Duration) -> Self {
        match self {
            Self::Moving { sharded, from, left, .. } => Self::Moving { sharded, from, left, waited: time },
            Self::Recovering { sharded, from, left, .. } => Self::Recovering { sharded, from, left, waited: time },
            other => other,
        }
    }
}

/// One shard from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardStats {
    /// Its bus.
    pub bus: Name,
    /// Partitions that are or are to be its own.
    pub partitions: u32,
    /// Events published to it.
    pub published: u64,
    /// All below has passed its worker.
    pub position: u64,
    /// It is on its way out.
    pub leaves: bool,
}

/// What a [`Sharded`] has done, and how its shards stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardedStats {
    /// Partitions.
    pub partitions: u32,
    /// The shards.
    pub shards: Vec<ShardStats>,
    /// Partitions on their way: their events are refused, or waited with.
    pub unsettled: u32,
    /// Sequences that dead shards left and that are still to be published again.
    pub left: u64,
    /// Events that were published again.
    pub republished: u64,
    /// Times that partitions were dealt anew.
    pub rebalances: u64,
    /// Partitions that changed shards thereby.
    pub moved: u64,
}
