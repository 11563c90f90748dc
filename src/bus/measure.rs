//! What a slot measures: hop, service time and age, per slot and per tag, in histograms that only the slot's thread writes.
//!
//! A clock read costs as much as a whole publish, so how often one is made depends on the batch. Up to [`SHORT_BATCH`] events the
//! slot has caught up and its thread is idle anyway: every event is timed. In longer batches each group of [`GROUP`] events is
//! bracketed: its first event is timed alone, the rest share the group's remaining time in equal parts and the first one's hop and
//! age. So the sum of service times is exact (but for the rounding of the division), a single outlier inside a long batch is spread over at most 63
//! events, and hop and age of the rest are off by at most the group's service time. Per-tag histograms hold the events that
//! were timed alone.

use crate::clock::{Clock, Ticks};
use crate::counters::{Histogram, HistogramReader, HistogramSnapshot, HistogramWriter};
use crate::event::{Header, MAX_TAGS, Tag, TagSet};

/// Batches up to this length are timed event by event.
pub(super) const SHORT_BATCH: u64 = 8;
/// Events between two readings of the clock in longer batches.
pub(super) const GROUP: u64 = 64;

/// How much a slot measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Measure {
    /// Nothing: no clock is read, no memory is taken.
    Off,
    /// Hop, service time and age of the slot.
    Slot,
    /// The same, and for each tag. About 390 kB per tag of the slot's first tag set.
    #[default]
    SlotAndTags,
}

/// Hop, service time and age. All in clock ticks until read.
struct Writers {
    hop: HistogramWriter,
    service: HistogramWriter,
    age: HistogramWriter,
}

#[derive(Clone)]
struct Readers {
    hop: HistogramReader,
    service: HistogramReader,
    age: HistogramReader,
}

fn pair() -> (Writers, Readers) {
    let (hop, hop_reader) = Histogram::new();
    let (service, service_reader) = Histogram::new();
    let (age, age_reader) = Histogram::new();
    (Writers { hop, service, age }, Readers { hop: hop_reader, service: service_reader, age: age_reader })
}

/// The slot's side.
pub(super) struct Meter {
    /// `None`: nothing is measured, and there is no memory for it.
    slot: Option<Writers>,
    tags: Box<[Writers]>,
    /// Index into `tags` by tag; `NONE`: not measured.
    index: Box<[u16]>,
    /// Start of the current group, and events in it beside its first.
    group: Option<Group>,
}

/// Events that share their time, behind one that was timed alone.
#[derive(Clone, Copy)]
pub(super) struct Group {
    /// When its first event was done, and that event's header.
    since: Ticks,
    header: Header,
    /// Its hop and age.
    hop: u64,
    age: u64,
    /// Events the slot had handled by then.
    handled: u64,
}

impl Group {
    #[inline(always)]
    pub(super) fn since(&self) -> Ticks {
        self.since
    }

    /// How old the event before was when its handling began.
    #[inline(always)]
    pub(super) fn age(&self) -> u64 {
        self.age
    }

    /// The header of the event before.
    #[inline(always)]
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// How many they are, once the slot has handled so many.
    #[inline(always)]
    pub(super) fn rest(&self, handled: u64) -> u64 {
        handled - self.handled
    }
}

const NONE: u16 = u16::MAX;

/// The reader's side: snapshots at any time, from any thread.
#[derive(Clone)]
pub(super) struct MeterReader {
    slot: Option<Readers>,
    tags: Vec<(Tag, Readers)>,
}

/// What one slot measured, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct SlotLatencies {
    /// Publish to handler.
    pub hop: HistogramSnapshot,
    /// The handler's own time.
    pub service: HistogramSnapshot,
    /// Intended time to handler.
    pub age: HistogramSnapshot,
    /// The same by tag, of the events that were timed alone.
    pub tags: Vec<TagLatencies>,
}

/// What one slot measured for one tag, in nanoseconds.
#[derive(Clone, Debug)]
pub struct TagLatencies {
    /// The tag.
    pub tag: Tag,
    /// Publish to handler.
    pub hop: HistogramSnapshot,
    /// The handler's own time.
    pub service: HistogramSnapshot,
    /// Intended time to handler.
    pub age: HistogramSnapshot,
}

impl Meter {
    /// Histograms for a slot and for the tags it starts with. All memory is taken here.
    pub(super) fn new(measure: Measure, tags: &TagSet, family: &TagSet) -> (Self, MeterReader) {
        if measure == Measure::Off {
            let (tags, index) = (Box::default(), Box::default());
            return (Self { slot: None, tags, index, group: None }, MeterReader { slot: None, tags: Vec::new() });
        }
        let (slot, slot_reader) = pair();
        let mut index = vec![NONE; MAX_TAGS].into_boxed_slice();
        let (mut writers, mut readers) = (Vec::new(), Vec::new());
        if measure == Measure::SlotAndTags {
            for tag in tags.intersect(family).iter() {
                let (writer, reader) = pair();
                index[usize::from(tag.get())] = writers.len() as u16;
                writers.push(writer);
                readers.push((tag, reader));
            }
        }
        let meter = Self { slot: Some(slot), tags: writers.into(), index, group: None };
        (meter, MeterReader { slot: Some(slot_reader), tags: readers })
    }

    #[inline(always)]
    pub(super) fn is_off(&self) -> bool {
        self.slot.is_none()
    }

    /// One event timed alone, from `start` to `end`. Returns its time from intended to handled.
    #[inline]
    pub(super) fn alone(&mut self, header: &Header, start: Ticks, end: Ticks) -> u64 {
        let hop = start.since(header.publish_ticks());
        let service = end.since(start);
        let age = hop + header.delay_ticks();
        let Some(slot) = &mut self.slot else { return 0 };
        slot.hop.record(hop);
        slot.age.record(age);
        slot.service.record(service);
        let index = self.index[usize::from(header.tag().get())];
        if let Some(tag) = self.tags.get_mut(usize::from(index)) {
            tag.hop.record(hop);
            tag.service.record(service);
            tag.age.record(age);
        }
        age + service
    }

    /// Opens a group with an event timed alone, the `handled`-th of the slot; others may follow. Returns its time from intended to handled.
    #[inline(always)]
    pub(super) fn open(&mut self, header: &Header, start: Ticks, end: Ticks, handled: u64) -> u64 {
        let total = self.alone(header, start, end);
        let hop = start.since(header.publish_ticks());
        self.group = Some(Group { since: end, header: *header, hop, age: hop + header.delay_ticks(), handled });
        total
    }

    /// Whether a group is open.
    #[inline(always)]
    pub(super) fn has_group(&self) -> bool {
        self.group.is_some()
    }

    /// Closes the open group at `now`, when the slot has handled so many events: its rest shares the time since its first event, and that one's
    /// hop and age. Returns it, if there is a rest.
    #[inline]
    pub(super) fn close(&mut self, now: Ticks, handled: u64) -> Option<Group> {
        let group = self.group.take().filter(|group| handled > group.handled)?;
        let (Group { since, hop, age, .. }, rest) = (group, group.rest(handled));
        let slot = self.slot.as_mut()?;
        slot.service.record_n(now.since(since) / rest, rest);
        slot.hop.record_n(hop, rest);
        slot.age.record_n(age, rest);
        Some(group)
    }
}

impl MeterReader {
    /// How many events were measured, and the p99 of age and that of service added up, in ticks: at most 2 % of all events took longer from
    /// intended to handled.
    pub(super) fn p99(&self) -> (u64, u64) {
        let Some(slot) = &self.slot else { return (0, 0) };
        let (age, service) = (slot.age.snapshot(), slot.service.snapshot());
        (age.count(), age.quantile(0.99).saturating_add(service.quantile(0.99)))
    }

    pub(super) fn snapshot(&self, clock: &Clock) -> SlotLatencies {
        let ns = |reader: &HistogramReader| reader.snapshot().with_unit(|ticks| clock.to_ns(ticks));
        let tags = self.tags.iter().map(|(tag, readers)| TagLatencies {
            tag: *tag,
            hop: ns(&readers.hop),
            service: ns(&readers.service),
            age: ns(&readers.age),
        });
        SlotLatencies { tags: tags.collect(), ..self.in_all(clock) }
    }

    /// The same without tags.
    pub(super) fn in_all(&self, clock: &Clock) -> SlotLatencies {
        let ns = |reader: &HistogramReader| reader.snapshot().with_unit(|ticks| clock.to_ns(ticks));
        let Some(slot) = &self.slot else { return SlotLatencies::default() };
        SlotLatencies { hop: ns(&slot.hop), service: ns(&slot.service), age: ns(&slot.age), tags: Vec::new() }
    }
}
