//! A handler that writes down what it saw, up to a bound, for the test to read while the slot runs or after.

use crate::bus::{Context, Handler, InitError, Outcome};
use crate::clock::Ticks;
use crate::event::{Event, Payload, Tag};
use core::time::Duration;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// One event as the recorder saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it was.
    pub tag: Tag,
    /// Its instrument or partition key.
    pub key: u32,
    /// Its sequence on the bus, in its lane.
    pub sequence: u64,
    /// The lane it came in; 0 where the bus has none.
    pub lane: usize,
    /// When it was published.
    pub published: Ticks,
    /// Whether it was the last of its batch.
    pub end_of_batch: bool,
    /// The payload, and the zeroes behind it up to the cell's room.
    pub payload: Box<[u8]>,
    /// The bytes published beside it.
    pub bytes: Box<[u8]>,
}

impl Record {
    /// The payload as a `P`; `None` if the event was another.
    #[must_use]
    pub fn get<P: Payload>(&self) -> Option<P> {
        if self.tag != P::TAG {
            return None;
        }
        P::read_from_prefix(&self.payload).ok().map(|(payload, _)| payload)
    }
}

#[derive(Default)]
struct Log {
    events: Vec<Record>,
    seen: u64,
    batch_ends: u64,
    inits: u64,
    starts: u64,
    restarts: u64,
    stops: u64,
}

struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
    limit: usize,
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handler. What it saw is read through its [`Records`].
///
/// ```
/// use tagring::bus::{Bus, SlotThread};
/// use tagring::testkit::Recorder;
/// use std::time::Duration;
///
/// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
///
/// let (recorder, records) = Recorder::new(100);
/// let (bus, mut publisher) = Bus::<market::Events>::builder("md").capacity(64).single()?;
/// let thread = SlotThread::builder("slots").start()?;
/// let slot = bus.slot("recorder").attach(&thread, recorder)?;
/// publisher.publish(7, &market::Trade { qty: 5 })?;
/// assert!(records.wait_for(1, Duration::from_secs(10)), "one event arrives");
/// let event = &records.events()[0];
/// assert_eq!((event.key, event.get(), records.starts()), (7, Some(market::Trade { qty: 5 }), 1));
/// # drop(publisher); drop(slot);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Recorder(Arc<Shared>);

/// What a [`Recorder`] saw, readable from any thread at any time.
#[derive(Clone)]
pub struct Records(Arc<Shared>);

impl Recorder {
    /// A recorder that keeps the first `limit` events and counts all.
    #[must_use]
    pub fn new(limit: usize) -> (Self, Records) {
        let shared = Arc::new(Shared { log: Mutex::default(), changed: Condvar::new(), limit });
        (Self(Arc::clone(&shared)), Records(shared))
    }

    fn note(&self, write: impl FnOnce(&mut Log)) {
        write(&mut self.0.log());
        self.0.changed.notify_all();
    }
}

impl Handler for Recorder {
    fn on_init(&mut self) -> Result<(), InitError> {
        self.note(|log| log.inits += 1);
        Ok(())
    }

    fn on_start(&mut self, _: &mut Context) {
        self.note(|log| log.starts += 1);
    }

    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let limit = self.0.limit;
        self.note(|log| {
            log.seen += 1;
            if log.events.len() < limit {
                log.events.push(Record {
                    tag: event.tag(),
                    key: event.key(),
                    sequence: ctx.sequence(),
                    lane: ctx.lane(),
                    published: event.header().publish_ticks(),
                    end_of_batch: ctx.end_of_batch(),
                    payload: event.payload_bytes().into(),
                    bytes: ctx.bytes().into(),
                });
            }
        });
        Outcome::Done
    }

    fn on_batch_end(&mut self, _: &mut Context) {
        self.note(|log| log.batch_ends += 1);
    }

    fn on_restart(&mut self, _: &mut Context) {
        self.note(|log| log.restarts += 1);
    }

    fn on_stop(&mut self, _: &mut Context) {
        self.note(|log| log.stops += 1);
    }
}

impl Records {
    /// Copies of the events kept, in the order they were handled.
    #[must_use]
    pub fn events(&self) -> Vec<Record> {
        self.0.log().events.clone()
    }

    /// The payloads of one type among the events kept, in order.
    #[must_use]
    pub fn of<P: Payload>(&self) -> Vec<P> {
        self.0.log().events.iter().filter_map(Record::get).collect()
    }

    /// Events seen, those beyond the bound included.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.0.log().seen
    }

    /// Times `on_init` ran.
    #[must_use]
    pub fn inits(&self) -> u64 {
        self.0.log().inits
    }

    /// Batches ended.
    #[must_use]
    pub fn batch_ends(&self) -> u64 {
        self.0.log().batch_ends
    }

    /// Calls of `on_start`.
    #[must_use]
    pub fn starts(&self) -> u64 {
        self.0.log().starts
    }

    /// Calls of `on_restart`.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.0.log().restarts
    }

    /// Calls of `on_stop`.
    #[must_use]
    pub fn stops(&self) -> u64 {
        self.0.log().stops
    }

    /// Waits, for at most `limit`, until `count` events have been seen. Returns whether they have. For slots on threads; a slot under
    /// [`super::Drive`] runs only when the test says so.
    #[must_use]
    pub fn wait_for(&self, count: u64, limit: Duration) -> bool {
        let waited = self.0.changed.wait_timeout_while(self.0.log(), limit, |log| log.seen < count);
        waited.unwrap_or_else(PoisonError::into_inner).0.seen >= count
    }
}
