//! A publisher behind gates: the same calls, each of which first asks the gates.
//!
//! It takes the time once, for gates and header alike: the publisher within stamps by its tick, which is taken here for each event where the
//! publisher was set up so. Nothing else of the publisher changes, and `into_inner` gives it back as it was.

use super::counts::{GateCounts, GateView};
use super::offer::{Entry, Offer};
use super::rejection::{NotPublished, Rejection};
use super::rule_error::RuleError;
use super::tuples::{Gate, Site};
use crate::bus::{Batch, BusPublisher, Envelope, Name, PublishFailure, Publisher, RingPublisher, Stamping};
use crate::clock::Ticks;
use crate::event::{Family, Payload};
use core::fmt;
use core::time::Duration;

/// A publisher behind gates. See [`BusPublisher::gate`].
pub struct Gated<F: Family, R, G> {
    publisher: BusPublisher<F, R>,
    gates: G,
    stamping: Stamping,
    /// None where the gates let everything through.
    counts: Option<GateCounts>,
}

impl<F: Family, R: RingPublisher<F::Cell>> BusPublisher<F, R> {
    /// Puts gates before the publisher: one, or a tuple of up to six, which all must let an event in. They are asked in their order. With `()`
    /// it is the publisher itself, at no cost, and counts nothing.
    ///
    /// ```
    /// use tagring::bus::Bus;
    /// use tagring::gate::{Rate, Validate};
    ///
    /// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub price: i64 } }
    /// let (_bus, publisher) = Bus::<market::Events>::builder("md").capacity(64).single()?;
    /// let validate = Validate::new().range("Trade", "price", 1..=100)?;
    /// let mut feed = publisher.gate((validate, Rate::per_second(1_000_000, 64)?))?;
    /// feed.try_publish(7, &market::Trade { price: 100 })?;
    /// let error = feed.try_publish(7, &market::Trade { price: 101 }).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "bus md: validate: Trade.price is 101, allowed is 1 to 100; correct the value, or the rule [TR-0904]"
    /// );
    /// let counts = feed.counts();
    /// assert_eq!((counts.offered(), counts.rejected(), counts.published()), (2, 1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RuleError`]: a gate that does not fit this publisher.
    pub fn gate<G: Gate<F>>(self, gates: G) -> Result<Gated<F, R, G>, RuleError> {
        let counts = GateCounts::of::<F>();
        self.gate_with(gates, counts)
    }

    /// The same with counts that are looked at already.
    pub(crate) fn gate_with<G: Gate<F>>(self, mut gates: G, counts: GateCounts) -> Result<Gated<F, R, G>, RuleError> {
        gates.put_up(&Site { bus: self.bus(), clock: self.clock(), capacity: self.capacity() })?;
        let stamping = self.stamps();
        let (publisher, counts) = match G::IS_OPEN {
            true => (self, None),
            false => (self.stamping(Stamping::OnTick), Some(counts)),
        };
        Ok(Gated { publisher, gates, stamping, counts })
    }
}

impl<F: Family, R: RingPublisher<F::Cell>, G: Gate<F>> Gated<F, R, G> {
    /// Publishes an event if the gates let it in and there is room now. Returns its sequence. The first argument is the key, an [`Envelope`],
    /// or an [`Entry`].
    ///
    /// # Errors
    /// [`NotPublished`]: rejected, full, or closed. Nothing was written, and the gates have spent nothing.
    #[inline]
    pub fn try_publish<P: Payload>(&mut self, to: impl Into<Entry>, payload: &P) -> Result<u64, NotPublished> {
        self.pass(to.into(), payload, |publisher, to| publisher.try_publish(to, payload))
    }

    /// Publishes an event if the gates let it in; waits for room for at most `limit`. Gates are not waited for.
    ///
    /// # Errors
    /// [`NotPublished`]: rejected, timed out, blocked by its own thread, or closed. Nothing was written.
    #[inline]
    pub fn publish_timeout<P: Payload>(
        &mut self,
        to: impl Into<Entry>,
        payload: &P,
        limit: Duration,
    ) -> Result<u64, NotPublished> {
        self.pass(to.into(), payload, |publisher, to| publisher.publish_timeout(to, payload, limit))
    }

    /// Publishes an event if the gates let it in; **waits** for room for as long as it takes. Gates are not waited for.
    ///
    /// # Errors
    /// [`NotPublished`]: rejected, blocked by its own thread, or closed. Nothing was written.
    #[inline]
    pub fn publish<P: Payload>(&mut self, to: impl Into<Entry>, payload: &P) -> Result<u64, NotPublished> {
        self.pass(to.into(), payload, |publisher, to| publisher.publish(to, payload))
    }

    /// Publishes an event if the gates let it in; on a full ring it does what the publisher's [`crate::bus::Overflow`] says, which may be to
    /// **wait**. Returns its sequence, or `None` where it was shed.
    ///
    /// # Errors
    /// [`NotPublished`]: rejected, full, timed out, blocked by its own thread, or closed. Nothing was written.
    #[inline]
    pub fn send<P: Payload>(&mut self, to: impl Into<Entry>, payload: &P) -> Result<Option<u64>, NotPublished> {
        self.pass(to.into(), payload, |publisher, to| publisher.send(to, payload))
    }

    /// Claims room for `count` events that become visible together; they share one reading of the clock. Each is shown to the gates when it is
    /// pushed. Among many publishers each that is rejected leaves a hole.
    ///
    /// # Errors
    /// [`NotPublished::Failed`]: full, closed, or more than the ring holds. Nothing was written.
    pub fn batch(&mut self, count: usize) -> Result<GatedBatch<'_, F, G>, NotPublished> {
        if !G::IS_OPEN && self.stamping == Stamping::EveryEvent {
            self.publisher.tick();
        }
        let (publisher, gates, counts) = (&mut self.publisher, &mut self.gates, &mut self.counts);
        let (bus, now) = (publisher.bus(), publisher.now());
        gates.prepare(count, &|| publisher.passed());
        match publisher.batch(count) {
            Ok(batch) => {
                Ok(GatedBatch { next: batch.first(), batch, gates, told: Told { counts, pushed: 0 }, bus, now })
            }
            Err(failure) => Err(NotPublished::Failed(failure)),
        }
    }

    /// Reads the clock; under [`Stamping::OnTick`] the events that follow carry this time.
    #[inline]
    pub fn tick(&mut self) -> Ticks {
        self.publisher.tick()
    }

    /// The publisher within.
    #[must_use]
    pub fn inner(&self) -> &BusPublisher<F, R> {
        &self.publisher
    }

    /// The publisher within, as it was before.
    #[must_use]
    pub fn into_inner(self) -> BusPublisher<F, R> {
        self.publisher.stamping(self.stamping)
    }

    /// The gates.
    #[must_use]
    pub fn gates(&self) -> &G {
        &self.gates
    }

    /// The gates, to change something in them.
    pub fn gates_mut(&mut self) -> &mut G {
        &mut self.gates
    }

    /// Its counts, to be looked at from any thread. Where the gates let everything through, all are 0.
    #[must_use]
    pub fn counts(&self) -> GateView {
        self.counts.as_ref().map_or_else(|| GateCounts::of::<F>().view(), GateCounts::view)
    }

    /// Events that gates did not let in.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.counts.as_ref().map_or(0, |counts| counts.view().rejected())
    }

    /// The bus's name.
    #[must_use]
    pub fn bus(&self) -> Name {
        self.publisher.bus()
    }

    /// Asks the gates, publishes, and settles what it took: in this order, so that nothing has to be undone.
    #[inline(always)]
    fn pass<P: Payload, S: Sequence>(
        &mut self,
        entry: Entry,
        payload: &P,
        publish: impl FnOnce(&mut BusPublisher<F, R>, Envelope) -> Result<S, PublishFailure>,
    ) -> Result<S, NotPublished> {
        if G::IS_OPEN {
            return publish(&mut self.publisher, entry.envelope).map_err(NotPublished::Failed);
        }
        let now = match self.stamping {
            Stamping::EveryEvent => self.publisher.tick(),
            Stamping::OnTick => self.publisher.now(),
        };
        let offer = offer(&entry, payload, now);
        if let Err(rejection) = self.gates.check(&offer, &|| self.publisher.passed()) {
            return Err(rejected(&mut self.counts, self.publisher.bus(), &offer, rejection));
        }
        match publish(&mut self.publisher, entry.envelope) {
            Ok(published) => {
                match published.sequence() {
                    Some(sequence) => {
                        self.gates.settle(&offer, sequence);
                        self.counts.iter_mut().for_each(GateCounts::published);
                    }
                    None => self.counts.iter_mut().for_each(GateCounts::shed),
                }
                Ok(published)
            }
            Err(failure) => {
                self.counts.iter_mut().for_each(GateCounts::failed);
                Err(NotPublished::Failed(failure))
            }
        }
    }
}

impl<F: Family, G: Gate<F>> Gated<F, crate::ring::Publisher<F::Cell>, G> {
    /// As [`Publisher::try_publish_with_bytes`], if the gates let the event in. They do not see the bytes of variable length.
    ///
    /// # Errors
    /// [`NotPublished`]: rejected, too large for the arena, arena or ring full, closed. Nothing was written.
    pub fn try_publish_with_bytes<P: Payload>(
        &mut self,
        to: impl Into<Entry>,
        payload: &P,
        bytes: &[u8],
    ) -> Result<u64, NotPublished> {
        self.pass(to.into(), payload, |publisher: &mut Publisher<F>, to| {
            publisher.try_publish_with_bytes(to, payload, bytes)
        })
    }
}

/// What a publication gives: its sequence, or none where it was shed.
trait Sequence {
    fn sequence(&self) -> Option<u64>;
}

impl Sequence for u64 {
    #[inline(always)]
    fn sequence(&self) -> Option<u64> {
        Some(*self)
    }
}

impl Sequence for Option<u64> {
    #[inline(always)]
    fn sequence(&self) -> Option<u64> {
        *self
    }
}

/// Room for events that become visible together, behind gates. Dropping it publishes what was pushed.
#[must_use = "dropping a batch publishes only what was pushed"]
pub struct GatedBatch<'p, F: Family, G> {
    batch: Batch<'p, F>,
    gates: &'p mut G,
    /// Dropped behind `batch`: what is counted as published is in the ring.
    told: Told<'p>,
    bus: Name,
    now: Ticks,
    /// The sequence of the next event.
    next: u64,
}

/// What a batch has let in, counted when it is over.
struct Told<'p> {
    counts: &'p mut Option<GateCounts>,
    pushed: u64,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if let Some(counts) = self.counts {
            (0..self.pushed).for_each(|_| counts.published());
        }
    }
}

impl<F: Family, G: Gate<F>> GatedBatch<'_, F, G> {
    /// Writes the next event, if the gates let it in.
    ///
    /// # Errors
    /// [`NotPublished::Rejected`]. Nothing was written: the room is still there.
    ///
    /// # Panics
    /// If the batch is full.
    #[inline]
    pub fn push<P: Payload>(&mut self, to: impl Into<Entry>, payload: &P) -> Result<(), NotPublished> {
        let entry = to.into();
        if G::IS_OPEN {
            self.batch.push(entry.envelope, payload);
            return Ok(());
        }
        let offer = offer(&entry, payload, self.now);
        if let Err(rejection) = self.gates.check(&offer, &|| 0) {
            return Err(rejected(self.told.counts, self.bus, &offer, rejection));
        }
        self.batch.push(entry.envelope, payload);
        self.gates.settle(&offer, self.next);
        self.told.pushed += 1;
        self.next += 1;
        Ok(())
    }

    /// Events that still fit.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.batch.remaining()
    }

    /// Publishes what was pushed.
    pub fn publish(self) {}
}

#[inline(always)]
fn offer<'e, P: Payload>(entry: &Entry, payload: &'e P, now: Ticks) -> Offer<'e> {
    let Envelope { key, intended, deadline } = entry.envelope;
    let (deadline, client) = (entry.deadline.or(deadline), entry.client);
    Offer { tag: P::TAG, name: P::NAME, key, now, intended, deadline, client, payload: payload.as_bytes() }
}

#[cold]
fn rejected(counts: &mut Option<GateCounts>, bus: Name, offer: &Offer<'_>, rejection: Rejection) -> NotPublished {
    counts.iter_mut().for_each(|counts| counts.rejected(offer.tag.get().into(), &rejection));
    NotPublished::Rejected { bus, rejection }
}

impl<F: Family, R, G> fmt::Debug for Gated<F, R, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gated").field("stamping", &self.stamping).field("counts", &self.counts).finish_non_exhaustive()
    }
}
