//! A slot as anyone may see it, whatever its handler and its bus's family: for a runtime, a watchdog, a display.

use super::beat::{Beat, Phase, Progress};
use super::builder::Bus;
use super::flow::{Fates, LaneCounts};
use super::lanes::LaneStats;
use super::measure::{MeterReader, SlotLatencies};
use super::name::Name;
use super::shared::{MAIL, QUARANTINE, STOP, SlotShared};
use super::state::SlotState;
use super::tail::{Outlier, SlotTail, TailLog};
use super::tally::{BATCHES, POSITION, Tally};
use crate::event::{Family, StoreEvent, Tag, TagSet};
use crate::ring::{Doorbell, ReaderId, WaitStrategy};
use crate::sync::{Ordering, fence};
use std::sync::Arc;

/// Counts of a slot as they stood after one of its turns: at any moment
/// `joined + delivered + filtered + dead + holes + dropped + conflated + expired + shed == position`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotStats {
    /// Its state.
    pub state: SlotState,
    /// Events its handler has seen and not refused.
    pub delivered: u64,
    /// Events outside its tag set.
    pub filtered: u64,
    /// Events refused, or lost to a panic.
    pub dead: u64,
    /// Events lost to the slot's overflow policy, because it was too slow for them.
    pub dropped: u64,
    /// Events merged into a newer one of their key.
    pub conflated: u64,
    /// Events whose deadline was over.
    pub expired: u64,
    /// Events that the mode of the bus left out.
    pub shed: u64,
    /// Sequences that carried no event.
    pub holes: u64,
    /// Turns with events.
    pub batches: u64,
    /// The first sequence it was to see.
    pub joined: u64,
    /// The next one: all below is done.
    pub position: u64,
    /// Dead letters handled after they were handed back. (They are no sequences of the ring any more.)
    pub redelivered: u64,
    /// Dead letters that failed again.
    pub redelivered_dead: u64,
    /// Polls that found nothing. With `batches` it tells how busy the slot is.
    pub idle_polls: u64,
    /// Panics of its handler.
    pub panics: u64,
    /// Restarts after a panic.
    pub restarts: u64,
    /// The message of the last panic.
    pub last_panic: Option<String>,
}

/// What a view needs of its bus, whatever the bus's family.
pub(super) trait BusControl: Send + Sync {
    fn name(&self) -> Name;
    fn clock(&self) -> &crate::clock::Clock;
    fn set_wait_strategy(&self, place: ReaderId, strategy: WaitStrategy);
    fn published(&self) -> u64;
    /// The tag of the event at `sequence` of the lane, while it is in the ring.
    fn tag_at(&self, lane: usize, sequence: u64) -> Option<Tag>;
    /// Where the slot's reader of the lane stands; `None` where the bus has no lanes.
    fn position_in(&self, _lane: usize) -> Option<u64> {
        None
    }
    /// The slot's places, and what is published, lane by lane; empty where the bus has none.
    fn lanes(&self) -> Vec<(ReaderId, u64)> {
        Vec::new()
    }
    fn is_revoked(&self, place: ReaderId) -> bool;
    /// Takes the slot's gate away, also while its handler borrows an event.
    fn revoke(&self, place: ReaderId) -> bool;
}

impl<F: Family> BusControl for Bus<F> {
    fn name(&self) -> Name {
        Bus::name(self)
    }
    fn clock(&self) -> &crate::clock::Clock {
        Bus::clock(self)
    }
    fn set_wait_strategy(&self, place: ReaderId, strategy: WaitStrategy) {
        Bus::set_wait_strategy(self, place, strategy);
    }
    fn published(&self) -> u64 {
        Bus::published(self)
    }
    fn tag_at(&self, _: usize, sequence: u64) -> Option<Tag> {
        self.inner.ring.copy_of(sequence).map(|cell| cell.as_event().tag())
    }
    fn is_revoked(&self, place: ReaderId) -> bool {
        self.inner.ring.is_revoked(place)
    }
    fn revoke(&self, place: ReaderId) -> bool {
        self.inner.ring.revoke(place)
    }
}

fn lane_stats(lane: usize, place: ReaderId, published: u64, counts: LaneCounts) -> LaneStats {
    let LaneCounts { joined, holes, fates } = counts;
    let [delivered, filtered, dead, _, _, expired, shed] = fates;
    let position = joined + holes + fates.iter().sum::<u64>();
    let lag = published.saturating_sub(position);
    LaneStats { lane, place, published, joined, position, lag, delivered, filtered, dead, expired, shed, holes }
}

/// A slot from outside. Cheap to clone; it keeps neither the slot nor its handler alive. A [`super::SlotHandle`] is one, and may get the
/// handler back.
#[derive(Clone)]
pub struct SlotView {
    pub(super) name: Name,
    pub(super) place: ReaderId,
    pub(super) shared: Arc<SlotShared>,
    pub(super) beat: Arc<Beat>,
    pub(super) meter: Arc<MeterReader>,
    pub(super) tail: Option<Arc<TailLog>>,
    pub(super) bell: Arc<Doorbell>,
    pub(super) control: Arc<dyn BusControl>,
}

impl SlotView {
    /// The slot's place on its bus, to run other slots after it. On a bus with lanes that in lane 0; [`Self::lanes`] has them all.
    #[must_use]
    pub fn id(&self) -> ReaderId {
        self.place
    }

    /// The slot's name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name
    }

    /// The name of its bus.
    #[must_use]
    pub fn bus_name(&self) -> Name {
        self.control.name()
    }

    /// Which slot it is of all that the process ever had.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.shared.serial
    }

    /// Kernel id of the slot's thread; 0 before it has one.
    #[must_use]
    pub fn thread_id(&self) -> u32 {
        self.shared.thread()
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> SlotState {
        self.shared.state.get()
    }

    /// Whether the slot has handed its handler back, or dropped it where nobody waits for it: nothing of it runs any more. (A slot that was
    /// quarantined while it was stuck is done only when its handler has returned.)
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.beat.has_ended()
    }

    /// Panics of its handler so far: one relaxed load.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.shared.panics()
    }

    /// Restarts after a panic so far: one relaxed load.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.shared.restarts()
    }

    /// State and counts; the counts are those of one moment.
    #[must_use]
    pub fn stats(&self) -> SlotStats {
        self.stats_of(self.shared.tally())
    }

    /// What became of events, by tag, together with [`Self::stats`] of the same moment: the tags add up to the totals. Empty where the slot keeps no account
    /// by tag ([`super::SlotBuilder::accounts`]).
    #[must_use]
    pub fn fates(&self) -> (SlotStats, Vec<(Tag, Fates)>) {
        match self.shared.account() {
            Some((tally, tags)) => (self.stats_of(tally), tags),
            None => (self.stats(), Vec::new()),
        }
    }

    fn stats_of(&self, tally: Tally) -> SlotStats {
        let (panics, restarts, last_panic) = self.shared.panic_record();
        SlotStats {
            state: self.state(),
            delivered: tally.delivered,
            filtered: tally.filtered,
            dead: tally.dead,
            dropped: tally.dropped,
            conflated: tally.conflated,
            expired: tally.expired,
            shed: tally.shed,
            holes: tally.holes,
            batches: tally.batches,
            joined: tally.joined,
            position: tally.position,
            redelivered: tally.redelivered,
            redelivered_dead: tally.redelivered_dead,
            idle_polls: self.beat.idle_polls(),
            panics,
            restarts,
            last_panic,
        }
    }

    /// How far the slot is: cheap enough to be asked every few milliseconds.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            position: self.shared.count(POSITION),
            at: self.beat.at(),
            published: self.control.published(),
            state: self.state(),
            phase: self.beat.phase(),
            batches: self.shared.count(BATCHES),
            idle_polls: self.beat.idle_polls(),
        }
    }

    /// The event that the handler is busy with, if it is: its sequence and tag. The answer may be a moment old.
    #[must_use]
    pub fn handling(&self) -> Option<(u64, Tag)> {
        let (at, lane) = (self.beat.at(), self.beat.lane());
        match self.beat.phase() {
            Phase::Redelivering => self.beat.letter().map(|tag| (at, tag)),
            Phase::Handling if at >= self.position_in(lane) => {
                let gone = || self.shared.record().quarantined_at.filter(|&(sequence, _)| sequence == at);
                self.control.tag_at(lane, at).map(|tag| (at, tag)).or_else(gone)
            }
            _ => None,
        }
    }

    fn position_in(&self, lane: usize) -> u64 {
        self.control.position_in(lane).unwrap_or_else(|| self.shared.count(POSITION))
    }

    /// What the slot has done in each lane of its bus, the most urgent first; empty where the bus has no lanes. [`Self::stats`] has the sums.
    #[must_use]
    pub fn lanes(&self) -> Vec<LaneStats> {
        let counts = self.shared.lanes();
        let lanes = counts.into_iter().zip(self.control.lanes()).enumerate();
        lanes.map(|(lane, (counts, (place, published)))| lane_stats(lane, place, published, counts)).collect()
    }

    /// Hop, service time and age so far, in nanoseconds.
    #[must_use]
    pub fn latencies(&self) -> SlotLatencies {
        self.meter.snapshot(self.control.clock())
    }

    /// The slow events so far and where their time went; empty where the slot records none ([`super::SlotBuilder::tail`]).
    #[must_use]
    pub fn tail(&self) -> SlotTail {
        self.tail.as_ref().map(|tail| tail.snapshot(self.control.clock())).unwrap_or_default()
    }

    /// Whether the slot records slow events.
    #[must_use]
    pub fn records_tail(&self) -> bool {
        self.tail.is_some()
    }

    /// How many slow events there were so far: one load.
    #[must_use]
    pub fn outliers(&self) -> u64 {
        self.tail.as_ref().map_or(0, |tail| tail.count())
    }

    /// The slow events from `number` on that are still kept, oldest first.
    #[must_use]
    pub fn outliers_since(&self, number: u64) -> Vec<Outlier> {
        self.tail.as_ref().map(|tail| tail.since(number, self.control.clock())).unwrap_or_default()
    }

    /// Sets anew from when on an event is slow, where that follows the p99 of what was measured ([`super::Tail::times_p99`]). A runtime
    /// does it every second; it reads 260 kB.
    pub fn refresh_tail(&self) {
        if let Some(tail) = self.tail.as_ref().filter(|tail| tail.follows()) {
            let (count, p99) = self.meter.p99();
            tail.refresh(count, p99);
        }
    }

    /// [`Self::latencies`] without tags: a copy takes some 20 us for each histogram, and a slot has three for every tag.
    #[must_use]
    pub fn latencies_in_all(&self) -> SlotLatencies {
        self.meter.in_all(self.control.clock())
    }

    /// The tag set asked for last.
    #[must_use]
    pub fn tags(&self) -> TagSet {
        let mut tags = TagSet::EMPTY;
        self.shared.tags.load_into(&mut tags);
        tags
    }

    /// Changes how the slot's thread waits, while it runs.
    pub fn set_wait_strategy(&self, strategy: WaitStrategy) {
        self.control.set_wait_strategy(self.place, strategy);
    }

    /// Asks the slot to stop after its current turn, and does not wait for it.
    pub fn ask_to_stop(&self) {
        self.shared.ask(STOP);
        self.bell.ring();
    }

    /// Ends the slot from outside, also while its handler sticks: it gates nobody from here on, so that publishers and other slots go on.
    /// When the handler returns, `on_failed` runs and the handler is handed back; until then the cells of its turn, at most a quarter of
    /// the ring, carry no events. Does not wait.
    ///
    /// Returns whether the slot gates nobody now. If not, the slot's thread has not taken it over yet, or the kernel has no `membarrier`: the
    /// slot then ends after its turn.
    pub fn quarantine(&self) -> bool {
        let handling = self.handling();
        let end = self.shared.state.claim_end(SlotState::Quarantined);
        if let Some(handling) = handling {
            self.shared.record().quarantined_at.get_or_insert(handling);
        }
        // Also a slot that stops, and sticks there, must not hold its bus; it remains stopped.
        let revoke = || self.control.revoke(self.place) || self.control.is_revoked(self.place);
        let mut revoked = revoke();
        self.shared.ask(QUARANTINE);
        if !revoked {
            // SYNC slot-started: either the slot's thread sees the request and does not begin `on_start`, or its reader is bound now.
            fence(Ordering::SeqCst);
            revoked = revoke();
        }
        if revoked && end == SlotState::Quarantined {
            self.shared.state.show_end();
        }
        self.bell.ring();
        revoked || self.state().is_final()
    }

    /// Whether the slot gates nobody although its handler has not returned: it was quarantined, or cut off by a publisher
    /// ([`super::SlotOverflow::CutOff`]).
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.control.is_revoked(self.place)
    }

    /// Tells the slot that its [`super::DeadLetterSink`] has letters that came back.
    pub fn announce_letters(&self) {
        self.shared.ask(MAIL);
        self.bell.ring();
    }
}
