//! The dead letters of one bus: a bounded store that slots fill without a lock, and that anyone may look into, empty, or hand back to the
//! slot that each letter came from.
//!
//! Slots publish into a ring of many publishers. Those who ask take turns behind a lock that no slot's thread ever takes; what they do
//! not want yet they keep beside the ring. One count of letters held, in the ring, beside it or on their way back, is what bounds the
//! store: the ring has a cell for each of them.

use super::error::RedeliverError;
use super::letter::{Letter, LetterCell};
use super::sink::Sink;
use crate::bus::{Bus, DeadLetterOffice, DeadLetterSink, DeadReason, Lanes, Name, SlotView};
use crate::clock::Clock;
use crate::event::Family;
use crate::ring::{Polled, Reader, Ring, RingError, SharedPublisher};
use crate::sync::{AtomicU32, AtomicU64, Moment, Ordering, is_alive, thread_id, yield_now};
use core::time::Duration;
use crossbeam_channel::{Receiver, Sender, bounded};
use crossbeam_utils::CachePadded;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Attempts at an event, unless asked otherwise, before it is given up.
const ATTEMPTS_MAX: u32 = 5;
/// Letters on their way back to one slot at a time.
const RETURNING_MAX: usize = 64;
/// Letters taken from the ring in one go.
const GATHERED: usize = 1_024;

/// The dead letters of a bus. Cheap to clone; slots are connected with [`crate::bus::SlotBuilder::dead_letters`].
///
/// ```
/// use std::time::Duration;
/// use tagring::bus::{Bus, Context, Handler, Outcome};
/// use tagring::event::Event;
/// use tagring::retain::DeadLetters;
///
/// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
/// use market::{Events, Trade};
///
/// /// Refuses each event once.
/// struct Second;
/// impl Handler for Second {
///     fn on_event(&mut self, _: &Event, ctx: &mut Context) -> Outcome {
///         if ctx.attempt() > 1 { Outcome::Done } else { Outcome::Dead }
///     }
/// }
///
/// let (bus, mut publisher) = Bus::<Events>::builder("md").capacity(64).single()?;
/// let letters = DeadLetters::new(&bus, 100)?;
/// let mut slot = bus.slot("second").dead_letters(&letters).attach_here(Second)?;
/// publisher.try_publish(7, &Trade { qty: 5 })?;
/// while slot.turn() {}
/// let letter = &letters.peek(10)[0];
/// assert_eq!((letter.event().get::<Trade>(), letter.attempt), (Some(&Trade { qty: 5 }), 1));
///
/// letters.redeliver(slot.handle(), 10, Duration::ZERO, |_| true)?;
/// while slot.turn() {}
/// assert_eq!((letters.len(), slot.handle().stats().redelivered), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DeadLetters<F: Family> {
    office: Arc<Office<F>>,
}

impl<F: Family> Clone for DeadLetters<F> {
    fn clone(&self) -> Self {
        Self { office: Arc::clone(&self.office) }
    }
}

struct Office<F: Family> {
    bus: Name,
    clock: Clock,
    books: Arc<Books>,
    desk: Mutex<Desk<F>>,
}

/// What is counted, by slots' threads and by those who ask alike. All of it off the hot path.
pub(super) struct Books {
    capacity: u64,
    attempts_max: AtomicU32,
    counts: CachePadded<Counts>,
}

#[derive(Default)]
struct Counts {
    held: AtomicU64,
    died: [AtomicU64; DeadReason::ALL.len()],
    overflowed: AtomicU64,
    given_up: AtomicU64,
    drained: AtomicU64,
    purged: AtomicU64,
    returned: AtomicU64,
}

/// What became of dead letters so far: all that died are held, or counted in one of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetterStats {
    /// Letters held now.
    pub held: u64,
    /// Events that their handlers refused, the same one again at each attempt.
    pub refused: u64,
    /// Events that a panic took.
    pub panicked: u64,
    /// Dropped because the store was full.
    pub overflowed: u64,
    /// Dropped because they had failed as often as is allowed.
    pub given_up: u64,
    /// Taken out.
    pub drained: u64,
    /// Dropped because of their age.
    pub purged: u64,
    /// Taken back by their slots.
    pub returned: u64,
}

/// What a call of [`DeadLetters::redeliver`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Redelivery {
    /// Letters handed back to the slot, which handles them between its turns.
    pub handed: usize,
    /// Letters kept because they had bytes of variable length, which are gone.
    pub with_bytes: usize,
    /// Letters kept because the slot did not take them in time.
    pub left: usize,
}

/// What those who ask share.
struct Desk<F: Family> {
    reader: Reader<LetterCell<F::Cell>>,
    publisher: SharedPublisher<LetterCell<F::Cell>>,
    /// Letters taken from the ring and kept, the oldest first.
    kept: VecDeque<LetterCell<F::Cell>>,
    mailboxes: Vec<Mailbox<F>>,
}

/// The way back to one slot. Both ends are here, so that what a slot has not taken when it ends can be had back.
struct Mailbox<F: Family> {
    slot: SlotView,
    /// Held by redeliveries under way too: until they are over the mailbox stays, so that nothing is sent to nobody.
    to: Arc<Sender<LetterCell<F::Cell>>>,
    from: Receiver<LetterCell<F::Cell>>,
}

impl Books {
    /// Whether a new letter is to be kept; counts it in any case.
    pub(super) fn admit(&self, reason: DeadReason, attempt: u32) -> bool {
        self.counts.died[reason as usize].fetch_add(1, Ordering::Relaxed);
        if attempt > 1 && attempt >= self.attempts_max.load(Ordering::Relaxed) {
            self.counts.given_up.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        // SYNC letter-place (acquire): a place is given back only after its letter has left the ring.
        let one_more = |held| (held < self.capacity).then_some(held + 1);
        let admitted = self.counts.held.fetch_update(Ordering::Acquire, Ordering::Relaxed, one_more).is_ok();
        if !admitted {
            self.counts.overflowed.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// As [`Self::admit`] where there is no room.
    #[cfg(feature = "faults")]
    pub(super) fn refuse(&self, reason: DeadReason) {
        self.counts.died[reason as usize].fetch_add(1, Ordering::Relaxed);
        self.counts.overflowed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn overflow_after_all(&self) {
        self.counts.overflowed.fetch_add(1, Ordering::Relaxed);
        self.leave(1);
    }

    /// A slot has taken a letter back.
    pub(super) fn took_back(&self) {
        self.counts.returned.fetch_add(1, Ordering::Relaxed);
        self.leave(1);
    }

    fn leave(&self, letters: u64) {
        self.counts.held.fetch_sub(letters, Ordering::Release); // SYNC letter-place
    }
}

impl<F: Family> DeadLetters<F> {
    /// A store for at most `capacity` letters of `bus`. Memory is taken here: a cell and 64 bytes for each, rounded up to a power of two;
    /// and as much again, at most, where letters are looked at but not taken out.
    ///
    /// # Errors
    /// [`RingError::Capacity`], for more than 2^32.
    pub fn new(bus: &Bus<F>, capacity: usize) -> Result<Self, RingError> {
        Self::build(bus.name(), bus.clock(), capacity)
    }

    /// As [`Self::new`], for the slots of a bus with lanes.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_lanes(lanes: &Lanes<F>, capacity: usize) -> Result<Self, RingError> {
        Self::build(lanes.name(), lanes.clock(), capacity)
    }

    fn build(bus: Name, clock: &Clock, capacity: usize) -> Result<Self, RingError> {
        let cells = capacity.max(2).checked_next_power_of_two().ok_or(RingError::Capacity { capacity })?;
        let (ring, publisher) = Ring::many(cells)?;
        let books = Books {
            capacity: capacity as u64,
            attempts_max: AtomicU32::new(ATTEMPTS_MAX),
            counts: CachePadded::default(),
        };
        let desk = Desk { reader: ring.attach()?, publisher, kept: VecDeque::new(), mailboxes: Vec::new() };
        let office = Office { bus, clock: clock.clone(), books: Arc::new(books), desk: Mutex::new(desk) };
        Ok(Self { office: Arc::new(office) })
    }

    /// How often a handler gets an event at most. One that has failed so often when it was handed back is dropped and counted
    /// ([`DeadLetterStats::given_up`]). Default 5; the first failure is kept in any case.
    #[must_use]
    pub fn attempts_max(self, attempts: u32) -> Self {
        self.office.books.attempts_max.store(attempts, Ordering::Relaxed);
        self
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> Name {
        self.office.bus
    }

    /// Letters that may be held.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.office.books.capacity as usize
    }

    /// Letters held, those on their way back included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.office.books.counts.held.load(Ordering::Relaxed) as usize
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Letters dropped because the store was full.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.stats().overflowed
    }

    /// All counts. While slots run, each is of its own moment.
    #[must_use]
    pub fn stats(&self) -> DeadLetterStats {
        let counts = &*self.office.books.counts;
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DeadLetterStats {
            held: get(&counts.held),
            refused: get(&counts.died[DeadReason::Refused as usize]),
            panicked: get(&counts.died[DeadReason::Panicked as usize]),
            overflowed: get(&counts.overflowed),
            given_up: get(&counts.given_up),
            drained: get(&counts.drained),
            purged: get(&counts.purged),
            returned: get(&counts.returned),
        }
    }

    /// Takes out the oldest letters, at most `limit`.
    #[must_use = "the letters are gone from the store"]
    pub fn drain(&self, limit: usize) -> Vec<Letter<F>> {
        let mut desk = self.desk();
        let count = limit.min(desk.kept.len());
        let letters: Vec<_> = desk.kept.drain(..count).map(|letter| Letter::of(&letter)).collect();
        self.office.books.counts.drained.fetch_add(letters.len() as u64, Ordering::Relaxed);
        self.office.books.leave(letters.len() as u64);
        letters
    }

    /// Copies of the oldest letters, at most `limit`.
    #[must_use]
    pub fn peek(&self, limit: usize) -> Vec<Letter<F>> {
        self.desk().kept.iter().take(limit).map(Letter::of).collect()
    }

    /// Shows every letter, the oldest first. `look` must not ask these dead letters for anything: others wait meanwhile.
    pub fn for_each(&self, mut look: impl FnMut(&Letter<F>)) {
        self.desk().kept.iter().for_each(|letter| look(&Letter::of(letter)));
    }

    /// Drops the letters that died longer ago than `age`, by the bus's clock. Returns how many.
    pub fn purge_older_than(&self, age: Duration) -> usize {
        self.purge(&mut self.desk(), age)
    }

    /// The same, unless somebody else is at the letters: for a thread that must not wait, and that comes again.
    pub(crate) fn purge_if_free(&self, age: Duration) {
        if let Ok(mut desk) = self.office.desk.try_lock() {
            desk.gather();
            self.purge(&mut desk, age);
        }
    }

    fn purge(&self, desk: &mut Desk<F>, age: Duration) -> usize {
        let now = self.office.clock.now();
        let age = self.office.clock.from_ns(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
        let before = desk.kept.len();
        desk.kept.retain(|letter| now.0.saturating_sub(letter.time) <= age);
        let purged = before - desk.kept.len();
        self.office.books.counts.purged.fetch_add(purged as u64, Ordering::Relaxed);
        self.office.books.leave(purged as u64);
        purged
    }

    /// Hands letters of `slot` back to it, the oldest first: those that `wanted` says yes to, at most `limit`. Letters go to the slot of
    /// the name that they died in and to no other, also where it is a new one of that name. The slot handles them between its turns with
    /// [`crate::bus::Context::attempt`] one higher, whatever its tag set, and out of the ring's order; what fails again becomes a letter
    /// again. 64 letters are on their way at a time: for more than that, this waits until the slot takes some, for at most `timeout`;
    /// not on the slot's own thread.
    ///
    /// # Errors
    /// [`RedeliverError`]; nothing was handed back.
    pub fn redeliver(
        &self,
        slot: &SlotView,
        limit: usize,
        timeout: Duration,
        mut wanted: impl FnMut(&Letter<F>) -> bool,
    ) -> Result<Redelivery, RedeliverError> {
        let mut desk = self.desk();
        let to = desk.way_to(slot)?;
        let mut done = Redelivery::default();
        let mut chosen = desk.choose(slot.name(), limit, &mut done, &mut wanted);
        drop(desk);
        let until = Until { since: Moment::now(), timeout, slot };
        while let Some(letter) = chosen.pop_front() {
            if let Err(refused) = to.try_send(letter) {
                chosen.push_front(refused.into_inner());
                slot.announce_letters();
                if until.is_over() {
                    break;
                }
                yield_now();
            } else {
                done.handed += 1;
            }
        }
        slot.announce_letters();
        drop(to);
        done.left = chosen.len();
        let mut desk = self.desk();
        chosen.into_iter().rev().for_each(|letter| desk.kept.push_front(letter));
        Ok(done)
    }

    /// The desk, with all letters of the ring, and of slots that have ended, on it.
    fn desk(&self) -> MutexGuard<'_, Desk<F>> {
        let mut desk = self.office.desk.lock().unwrap_or_else(PoisonError::into_inner);
        desk.gather();
        desk.sweep();
        desk
    }
}

/// How long a redelivery may wait.
struct Until<'s> {
    since: Moment,
    timeout: Duration,
    slot: &'s SlotView,
}

impl Until<'_> {
    fn is_over(&self) -> bool {
        self.slot.is_done() || self.slot.thread_id() == thread_id() || self.since.elapsed() >= self.timeout
    }
}

impl<F: Family> Desk<F> {
    fn gather(&mut self) {
        while let Polled::Batch(batch) = self.reader.poll(GATHERED) {
            self.kept.extend(batch.iter().map(|(_, letter)| *letter));
            batch.commit();
        }
    }

    /// Takes back what slots that have ended, or whose thread is gone, had not taken.
    fn sweep(&mut self) {
        let kept = &mut self.kept;
        self.mailboxes.retain(|mailbox| {
            let thread = mailbox.slot.thread_id();
            let gone = mailbox.slot.is_done() || (thread != 0 && !is_alive(thread));
            let gone = gone && Arc::strong_count(&mailbox.to) == 1;
            if gone {
                let letters: Vec<_> = mailbox.from.try_iter().collect();
                letters.into_iter().rev().for_each(|letter| kept.push_front(letter));
            }
            !gone
        });
    }

    fn way_to(&self, slot: &SlotView) -> Result<Arc<Sender<LetterCell<F::Cell>>>, RedeliverError> {
        let found = self.mailboxes.iter().find(|mailbox| mailbox.slot.serial() == slot.serial());
        found.map(|mailbox| Arc::clone(&mailbox.to)).ok_or(match slot.is_done() {
            true => RedeliverError::Ended { slot: slot.name() },
            false => RedeliverError::NotConnected { slot: slot.name() },
        })
    }

    /// Takes the letters to hand back off the desk.
    fn choose(
        &mut self,
        slot: Name,
        limit: usize,
        done: &mut Redelivery,
        wanted: &mut impl FnMut(&Letter<F>) -> bool,
    ) -> VecDeque<LetterCell<F::Cell>> {
        // First the questions, then the moves: a question that panics leaves every letter where it is.
        let mut places = Vec::new();
        for (place, cell) in self.kept.iter().enumerate() {
            let letter = Letter::<F>::of(cell);
            if places.len() >= limit {
                break;
            }
            if letter.slot != slot || !wanted(&letter) {
                continue;
            }
            match letter.bytes_len {
                0 => places.push(place),
                _ => done.with_bytes += 1,
            }
        }
        let chosen = places.iter().map(|&place| self.kept[place]).collect();
        let (mut place, mut next) = (0, places.into_iter().peekable());
        self.kept.retain(|_| {
            let stays = next.next_if_eq(&place).is_none();
            place += 1;
            stays
        });
        chosen
    }
}

impl<F: Family> DeadLetterOffice<F::Cell> for DeadLetters<F> {
    fn connect(&self, slot: &SlotView) -> Box<dyn DeadLetterSink<F::Cell>> {
        let (to, from) = bounded(RETURNING_MAX);
        let mut desk = self.desk();
        desk.mailboxes.push(Mailbox { slot: slot.clone(), to: Arc::new(to), from: from.clone() });
        let (books, inbox) = (Arc::clone(&self.office.books), desk.publisher.clone());
        Box::new(Sink::<F> { books, inbox, returned: from, slot: slot.name().to_bytes() })
    }
}
