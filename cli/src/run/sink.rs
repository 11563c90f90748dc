//! The feed's end of the bus: events are published as they are decoded, at the pace asked for, and a full bus slows the feed down.

use super::pace::Pacer;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tagring::bus::{BytesError, Envelope, PublishFailure, Publisher, Stamping};
use tagring::clock::Clock;
use tagring::event::{Family, MAX_TAGS, Payload, Tag};
use tagring_market::events::{self, BookSnapshot};
use tagring_market::sink::{Level, Sink, SinkStopped};
use zerocopy::IntoBytes;

/// At full speed the clock is read once in so many events; so hop is exact to the time they take.
const TICK_EVERY: u64 = 16;
/// Which of them is timed; not the one at which the clock is read anyway.
const SAMPLED_AT: u64 = TICK_EVERY / 2;
/// A publish takes some 10 ns, a snapshot of thousands of levels some 10,000.
const OUTLIER_NS: u64 = 20_000;
/// How long one attempt to publish waits before the feed looks whether it is to stop.
const ATTEMPT: Duration = Duration::from_millis(20);

/// How far the feed is, for the progress line; stored now and then.
#[derive(Default)]
pub(crate) struct Progress {
    /// When the feed began.
    pub(crate) start: OnceLock<Instant>,
    pub(crate) events: AtomicU64,
    /// Of the source, in the source's unit.
    pub(crate) done: AtomicU64,
}

pub(crate) struct BusSink {
    publisher: Publisher<events::Events>,
    clock: Clock,
    pacer: Pacer,
    /// Events that came due.
    offered: u64,
    published: u64,
    /// The same by tag.
    by_tag: Box<[u64; MAX_TAGS]>,
    levels: u64,
    /// Times the bus was full and the feed had to wait.
    waits: u64,
    /// How long it waits then before it drops the event; `None`: until there is room.
    patience: Option<Duration>,
    /// Events dropped so.
    dropped: u64,
    /// Events that waited when the feed was to stop.
    interrupted: u64,
    progress: Arc<Progress>,
    snapshot: Vec<u8>,
    /// Snapshots that the bus can never take, and what it said of the first.
    oversized: (u64, Option<String>),
    /// Whether such a snapshot ends the feed.
    strict: bool,
    /// Ticks spent publishing, waiting aside, of one event in [`TICK_EVERY`].
    sampled: u64,
    /// Ticks spent waiting for room, or without the core, as far as seen.
    waited: u64,
    paused: Duration,
    /// [`OUTLIER_NS`] in ticks.
    outlier: u64,
    /// Ticks that reading the clock takes.
    reading: u64,
}

impl BusSink {
    pub(crate) fn new(
        publisher: Publisher<events::Events>,
        clock: &Clock,
        pacer: Pacer,
        patience: Option<Duration>,
        strict: bool,
        progress: Arc<Progress>,
    ) -> Self {
        // At full speed as configured; where latencies mean something, exact.
        let publisher = if pacer.is_paced() { publisher.stamping(Stamping::EveryEvent) } else { publisher };
        Self {
            publisher,
            clock: clock.clone(),
            pacer,
            offered: 0,
            published: 0,
            by_tag: Box::new([0; MAX_TAGS]),
            levels: 0,
            waits: 0,
            patience,
            dropped: 0,
            interrupted: 0,
            progress,
            snapshot: Vec::new(),
            oversized: (0, None),
            strict,
            sampled: 0,
            waited: 0,
            paused: Duration::ZERO,
            outlier: clock.from_ns(OUTLIER_NS),
            reading: reading(clock),
        }
    }

    pub(crate) fn published(&self) -> u64 {
        self.published
    }

    /// Events that came due, whatever became of them.
    pub(crate) fn offered(&self) -> u64 {
        self.offered
    }

    /// Events published, by the name of their tag, those that there were.
    pub(crate) fn by_tag(&self) -> Vec<(&'static str, u64)> {
        let all =
            events::Events::SCHEMAS.iter().map(|schema| (schema.name, self.by_tag[usize::from(schema.tag.get())]));
        all.filter(|&(_, count)| count > 0).collect()
    }

    pub(crate) fn waits(&self) -> u64 {
        self.waits
    }

    /// Events that found no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Events that waited for room when the feed was to stop.
    pub(crate) fn interrupted(&self) -> u64 {
        self.interrupted
    }

    /// So much of the source is done.
    #[inline]
    pub(crate) fn note(&self, done: u64) {
        self.progress.done.store(done, Ordering::Relaxed);
    }

    /// The source stood still, for a reason that is not to be measured.
    #[cold]
    pub(crate) fn pause(&mut self, pause: Duration) {
        self.paused += pause;
        self.pacer.shift(pause.as_nanos() as u64);
    }

    /// All pauses together.
    pub(crate) fn paused(&self) -> Duration {
        self.paused
    }

    /// A message recorded at that time begins.
    #[inline]
    pub(crate) fn message(&mut self, recorded_ns: u64) -> Result<(), SinkStopped> {
        self.pacer.message(recorded_ns).map_err(|_| SinkStopped)
    }

    /// One more is published.
    #[inline]
    fn count(&mut self, tag: Tag) {
        self.published += 1;
        self.by_tag[usize::from(tag.get()) % MAX_TAGS] += 1;
    }

    #[inline]
    fn envelope(&mut self, key: u32) -> Result<Envelope, SinkStopped> {
        if self.published.is_multiple_of(TICK_EVERY) {
            self.publisher.tick();
            self.progress.events.store(self.published, Ordering::Relaxed);
            self.pacer.check().map_err(|_| SinkStopped)?;
        }
        let envelope = Envelope::key(key);
        let due = self.pacer.event().map_err(|_| SinkStopped)?;
        self.offered += 1;
        Ok(due.map_or(envelope, |due| envelope.intended(due)))
    }

    /// The bus is full: waits until it is not, as long as configured, or the feed is to stop. Whether the event was published. Stands by its
    /// name in a profile.
    #[cold]
    #[inline(never)]
    fn wait(
        &mut self,
        failure: PublishFailure,
        mut attempt: impl FnMut(&mut Publisher<events::Events>) -> Result<u64, PublishFailure>,
    ) -> Result<bool, SinkStopped> {
        self.waits += 1;
        let start = self.clock.now();
        let patience = self.patience.map(|patience| self.clock.from_ns(patience.as_nanos() as u64));
        let mut failure = failure;
        let mut result = Err(SinkStopped);
        while !failure.is_closed() && self.pacer.check().is_ok() {
            if patience.is_some_and(|patience| self.clock.now().since(start) >= patience) {
                self.dropped += 1;
                result = Ok(false);
                break;
            }
            match attempt(&mut self.publisher) {
                Ok(_) => {
                    result = Ok(true);
                    break;
                }
                Err(again) => failure = again,
            }
        }
        self.waited += self.clock.now().since(start);
        self.interrupted += u64::from(result.is_err());
        result
    }

    /// A snapshot beyond the arena's size, for which waiting would be in vain.
    #[cold]
    fn refuse(&mut self, failure: &PublishFailure) -> Result<(), SinkStopped> {
        self.oversized.0 += 1;
        self.oversized.1.get_or_insert_with(|| failure.to_string());
        if self.strict { Err(SinkStopped) } else { Ok(()) }
    }
}

/// What a timed piece of nothing takes: the least of some tries.
fn reading(clock: &Clock) -> u64 {
    let once = |_| {
        let start = clock.now_after_load();
        clock.now_after_load().since(start)
    };
    (0..1_000).map(once).min().unwrap_or(0)
}

impl Sink for BusSink {
    #[inline]
    fn event<P: Payload>(&mut self, key: u32, payload: &P) -> Result<(), SinkStopped> {
        let waited = self.waited;
        let sample = (self.published % TICK_EVERY == SAMPLED_AT).then(|| self.clock.now_after_load());
        let envelope = self.envelope(key)?;
        if let Err(full) = self.publisher.try_publish(envelope, payload) {
            let once = self.patience.map_or(ATTEMPT, |patience| patience.min(ATTEMPT));
            if !self.wait(full, |publisher| publisher.publish_timeout(envelope, payload, once))? {
                return Ok(());
            }
        }
        self.count(P::TAG);
        if let Some(start) = sample {
            let spent = self.clock.now_after_load().since(start).saturating_sub(self.waited - waited + self.reading);
            // What is this long was no publishing: the system took the core. It stands for itself alone.
            let sum = if spent < self.outlier { &mut self.sampled } else { &mut self.waited };
            *sum += spent;
        }
        self.levels += u64::from(P::TAG == events::LevelChanged::TAG);
        Ok(())
    }

    fn snapshot(
        &mut self,
        key: u32,
        update_id: u64,
        time_ns: u64,
        bids: &[Level],
        asks: &[Level],
    ) -> Result<(), SinkStopped> {
        let envelope = self.envelope(key)?;
        let mut bytes = std::mem::take(&mut self.snapshot);
        bytes.clear();
        bytes.extend_from_slice(bids.as_bytes());
        bytes.extend_from_slice(asks.as_bytes());
        let payload = BookSnapshot { update_id, time_ns, bids: bids.len() as u32, asks: asks.len() as u32 };
        let result = match self.publisher.try_publish_with_bytes(envelope, &payload, &bytes) {
            Ok(_) => Ok(true),
            Err(never) if matches!(never.cause, BytesError::PayloadTooLarge { .. }) => {
                self.refuse(&never).map(|()| false)
            }
            Err(full) => self.wait(full, |publisher| {
                std::thread::yield_now();
                publisher.try_publish_with_bytes(envelope, &payload, &bytes)
            }),
        };
        self.snapshot = bytes;
        if !result? {
            return Ok(());
        }
        self.count(BookSnapshot::TAG);
        self.levels += (bids.len() + asks.len()) as u64;
        Ok(())
    }
}

impl BusSink {
    /// The share of the feed's time that was not spent in publishing and waiting: reading, decompressing, decoding. An
    /// estimate from one event in [`TICK_EVERY`]; none where the pace makes the feed wait.
    pub(crate) fn share_outside(&self, elapsed: Duration) -> Option<f64> {
        if self.pacer.is_paced() {
            return None;
        }
        let ticks = self.sampled.saturating_mul(TICK_EVERY).saturating_add(self.waited);
        let publishing = self.clock.to_ns(ticks) as f64;
        let all = elapsed.as_nanos() as f64;
        (all > 0.0).then(|| (1.0 - publishing / all).clamp(0.0, 1.0))
    }

    /// Snapshots that the bus could not take, and why, of the first.
    pub(crate) fn oversized(&self) -> (u64, Option<&str>) {
        (self.oversized.0, self.oversized.1.as_deref())
    }

    /// Price-level changes published.
    pub(crate) fn levels(&self) -> u64 {
        self.levels
    }
}
