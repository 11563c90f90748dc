//! The feed's end of the bus: events are published as they are decoded, at the pace asked for, and a full bus slows the feed down.

use super::pace::Pacer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tagring::bus::{Envelope, PublishFailure, Publisher, Stamping};
use tagring::clock::Clock;
use tagring::event::Payload;
use tagring_market::events::{self, BookSnapshot};
use tagring_market::sink::{Level, Sink, SinkStopped};
use zerocopy::IntoBytes;

/// At full speed the clock is read once in so many events; so hop is exact to the time they take.
const TICK_EVERY: u64 = 16;
/// How long one attempt to publish waits before the feed looks whether it is to stop.
const ATTEMPT: Duration = Duration::from_millis(20);

pub(crate) struct BusSink {
    publisher: Publisher<events::Events>,
    clock: Clock,
    pacer: Pacer,
    published: u64,
    levels: u64,
    /// Times the bus was full and the feed had to wait.
    waits: u64,
    /// Published so far, for the progress line; stored now and then.
    progress: Arc<AtomicU64>,
    snapshot: Vec<u8>,
    /// Ticks spent publishing, of one event in [`TICK_EVERY`].
    sampled: u64,
}

impl BusSink {
    pub(crate) fn new(
        publisher: Publisher<events::Events>,
        clock: &Clock,
        pacer: Pacer,
        paced: bool,
        progress: Arc<AtomicU64>,
    ) -> Self {
        let stamping = if paced { Stamping::EveryEvent } else { Stamping::OnTick };
        let publisher = publisher.stamping(stamping);
        Self {
            publisher,
            clock: clock.clone(),
            pacer,
            published: 0,
            levels: 0,
            waits: 0,
            progress,
            snapshot: Vec::new(),
            sampled: 0,
        }
    }

    pub(crate) fn published(&self) -> u64 {
        self.published
    }

    pub(crate) fn waits(&self) -> u64 {
        self.waits
    }

    /// A message recorded at that time begins.
    #[inline]
    pub(crate) fn message(&mut self, recorded_ns: u64) -> Result<(), SinkStopped> {
        self.pacer.message(recorded_ns).map_err(|_| SinkStopped)
    }

    #[inline]
    fn envelope(&mut self, key: u32) -> Result<Envelope, SinkStopped> {
        if self.published.is_multiple_of(TICK_EVERY) {
            self.publisher.tick();
            self.progress.store(self.published, Ordering::Relaxed);
            self.pacer.check().map_err(|_| SinkStopped)?;
        }
        let envelope = Envelope::key(key);
        Ok(match self.pacer.event().map_err(|_| SinkStopped)? {
            Some(due) => envelope.intended(due),
            None => envelope,
        })
    }

    /// The bus is full: waits until it is not, or the feed is to stop.
    #[cold]
    fn wait(
        &mut self,
        failure: PublishFailure,
        mut attempt: impl FnMut(&mut Publisher<events::Events>) -> Result<u64, PublishFailure>,
    ) -> Result<(), SinkStopped> {
        self.waits += 1;
        let mut failure = failure;
        while !failure.is_closed() && self.pacer.check().is_ok() {
            match attempt(&mut self.publisher) {
                Ok(_) => return Ok(()),
                Err(again) => failure = again,
            }
        }
        Err(SinkStopped)
    }
}

impl Sink for BusSink {
    #[inline]
    fn event<P: Payload>(&mut self, key: u32, payload: &P) -> Result<(), SinkStopped> {
        let sample = self.published.is_multiple_of(TICK_EVERY).then(|| self.clock.now_after_load());
        let envelope = self.envelope(key)?;
        if let Err(full) = self.publisher.try_publish(envelope, payload) {
            self.wait(full, |publisher| publisher.publish_timeout(envelope, payload, ATTEMPT))?;
        }
        self.published += 1;
        if let Some(start) = sample {
            self.sampled += self.clock.now_after_load().since(start);
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
        if let Err(full) = self.publisher.try_publish_with_bytes(envelope, &payload, &bytes) {
            self.wait(full, |publisher| {
                std::thread::yield_now();
                publisher.try_publish_with_bytes(envelope, &payload, &bytes)
            })?;
        }
        self.snapshot = bytes;
        self.published += 1;
        self.levels += (bids.len() + asks.len()) as u64;
        Ok(())
    }
}

impl BusSink {
    /// The share of the feed's time that was not spent in publishing and waiting: reading, decompressing, decoding. An
    /// estimate from one event in [`TICK_EVERY`].
    pub(crate) fn share_outside(&self, elapsed: Duration) -> Option<f64> {
        let publishing = self.clock.to_ns(self.sampled.saturating_mul(TICK_EVERY)) as f64;
        let all = elapsed.as_nanos() as f64;
        (all > 0.0).then(|| (1.0 - publishing / all).clamp(0.0, 1.0))
    }

    /// Price-level changes published.
    pub(crate) fn levels(&self) -> u64 {
        self.levels
    }
}
