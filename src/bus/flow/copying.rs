//! The source of a slot that nobody waits for: it copies events out of the ring, keeps what its policy says to keep, and takes over what
//! publishers have taken from it meanwhile.
//!
//! A slot all of whose tags drop the oldest keeps next to nothing beside the ring: the ring is its queue. One that drops the newest or conflates keeps a
//! backlog, and empties the ring into it before each event that it hands out, so that publishers rarely have to take anything.

use super::backlog::{Backlog, Kind, Merging, Next};
use super::fate::Fate;
use super::gap::Gap;
use super::overflow::{Policies, SlotOverflow};
use super::rows::Rows;
use super::spill::{Rules, SlotSpill};
use super::{Events, Taken};
use crate::bus::shared::SlotShared;
use crate::event::{StoreEvent, Tag, TagSet};
use crate::ring::{EvictableReader, Reader};
use std::rc::Rc;
use std::sync::Arc;

/// Most events that a slot takes out of the ring at once where the ring is its queue: what it has taken cannot be dropped any more.
const DIRECT_MAX: usize = 32;
/// Most events it takes out of the ring at once into its backlog, and how often before the first event of a turn.
const INGEST_MAX: usize = 64;
const INGESTS: usize = 16;

/// A slot's copies of events.
pub(in crate::bus) struct Copying<C: StoreEvent> {
    reader: EvictableReader<C, SlotSpill<C>>,
    shared: Arc<SlotShared>,
    rows: Rc<Rows>,
    /// The next one to be given to publishers; `None` only while it is being emptied.
    fresh: Option<Box<SlotSpill<C>>>,
    policy: Box<[SlotOverflow]>,
    tags: TagSet,
    tags_version: u64,
    /// Out of the ring, in order.
    copies: Vec<(u64, Option<C>)>,
    /// The first of them that was not handed out.
    at: usize,
    /// They wait until what lies before them, which a publisher is still taking, can be taken over.
    held: bool,
    /// `None`: the ring is the queue.
    backlog: Option<Backlog<C>>,
    /// The event at hand.
    current: Option<Next<C>>,
    lost: Lost,
    holes: u64,
}

/// What was dropped and the handler was not told of.
struct Lost {
    counts: Box<[u64]>,
    from: u64,
    to: u64,
    /// The same for the handler.
    told: Vec<(Tag, u64)>,
    tags: Vec<Tag>,
}

impl Lost {
    fn add(&mut self, row: usize, events: u64, from: u64, to: u64) {
        if events > 0 {
            self.counts[row] += events;
            (self.from, self.to) = (self.from.min(from), self.to.max(to));
        }
    }

    fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    fn tell(&mut self) -> Option<Gap<'_>> {
        if self.is_empty() {
            return None;
        }
        self.told.clear();
        for (tag, count) in self.tags.iter().zip(&mut self.counts[1..]) {
            if *count > 0 {
                self.told.push((*tag, core::mem::take(count)));
            }
        }
        let (from, to) = (core::mem::replace(&mut self.from, u64::MAX), core::mem::take(&mut self.to));
        Some(Gap { from, to, tags: &self.told })
    }
}

impl<C: StoreEvent> Copying<C> {
    pub(super) fn new(
        reader: Reader<C>,
        policies: &Policies,
        family: &TagSet,
        shared: &Arc<SlotShared>,
        rows: &Rc<Rows>,
    ) -> Self {
        let tags: Vec<Tag> = family.iter().collect();
        let rules = Arc::new(Rules { policy: policies.table(), index: rows.index(), shared: Arc::clone(shared) });
        let (kept, recent, keys) = policies.rooms(family);
        let spill = || SlotSpill::new(Arc::clone(&rules), tags.len() + 1, keys);
        let backlog = (!policies.is_direct(family)).then(|| Backlog::new(kept, recent, keys));
        let mut now = TagSet::EMPTY;
        let tags_version = shared.tags.load_into(&mut now);
        Self {
            reader: reader.bind_evictable(spill()),
            shared: Arc::clone(shared),
            rows: Rc::clone(rows),
            fresh: Some(Box::new(spill())),
            policy: policies.table(),
            tags: now,
            tags_version,
            copies: Vec::with_capacity(INGEST_MAX),
            at: 0,
            held: false,
            backlog,
            current: None,
            lost: Lost {
                counts: vec![0; tags.len() + 1].into_boxed_slice(),
                from: u64::MAX,
                to: 0,
                told: Vec::with_capacity(tags.len()),
                tags,
            },
            holes: 0,
        }
    }

    /// Bytes that a slot with these policies takes beside others.
    pub(in crate::bus) fn bytes(policies: &Policies, family: &TagSet) -> u64 {
        let (kept, recent, keys) = policies.rooms(family);
        let own = if policies.is_direct(family) { 0 } else { Backlog::<C>::bytes(kept, recent, keys) };
        2 * Backlog::<C>::bytes(0, 0, keys) + own
    }

    pub(super) fn reader(&self) -> &EvictableReader<C, SlotSpill<C>> {
        &self.reader
    }

    pub(super) fn position(&self) -> u64 {
        self.reader.position()
    }

    /// How many sequences are done with.
    pub(super) fn done(&self) -> u64 {
        self.reader.position() - self.waiting()
    }

    pub(super) fn holes(&self) -> u64 {
        self.holes
    }

    pub(super) fn is_finished(&mut self) -> bool {
        self.reader.is_revoked() || (self.reader.is_finished() && self.take_over() && self.is_empty())
    }

    pub(super) fn is_ready(&mut self) -> bool {
        !self.is_empty() || self.reader.is_ready() || self.reader.has_lost()
    }

    fn is_empty(&self) -> bool {
        self.at >= self.copies.len()
            && self.backlog.as_ref().is_none_or(|backlog| backlog.len() == 0)
            && self.lost.is_empty()
    }

    pub(super) fn step_over(&mut self, look: impl FnOnce(&C, u64)) -> bool {
        self.current.take().map(|event| look(&event.cell, event.sequence)).is_some()
    }

    /// Takes in what there is, before a turn. Returns whether there is anything to be done.
    pub(super) fn begin(&mut self) -> bool {
        self.current = None;
        if self.shared.tags.version() != self.tags_version
            && let Some(version) = self.shared.tags.try_load_into(&mut self.tags)
        {
            self.tags_version = version;
        }
        if self.backlog.is_some() {
            let ingested = (0..INGESTS).take_while(|_| self.ingest() > 0).count();
            return ingested > 0 || !self.is_empty();
        }
        if self.at >= self.copies.len() {
            self.refill(DIRECT_MAX);
        }
        !self.is_empty()
    }

    /// The turn's events, at most `limit`.
    pub(super) fn turn(&mut self, limit: usize) -> CopiedTurn<'_, C> {
        CopiedTurn { left: limit as u64, source: self }
    }

    /// Takes the next events out of the ring, where the ring is the queue.
    fn refill(&mut self, limit: usize) -> usize {
        self.at = 0;
        if self.reader.is_revoked() {
            self.copies.clear();
            return 0;
        }
        let claimed = self.reader.claim(limit.min(DIRECT_MAX), &mut self.copies, |_| true);
        self.take_over();
        claimed
    }

    /// Moves events from the ring to the backlog. Returns how many sequences that were.
    fn ingest(&mut self) -> usize {
        if self.held {
            return self.file();
        }
        let Some(backlog) = &mut self.backlog else { return 0 };
        let (policy, tags) = (&self.policy, &self.tags);
        // An event that must not be lost stays in the ring where there is no room for it, and with it all behind: `room` counts down within one claim.
        let mut room = backlog.room(Kind::Kept);
        self.reader.claim(INGEST_MAX, &mut self.copies, |cell| {
            let tag = cell.as_event().tag();
            let kept = matches!(policy[usize::from(tag.get())], SlotOverflow::Gate | SlotOverflow::DropNewest);
            if !kept || !tags.contains(tag) {
                return true;
            }
            let fits = room > 0;
            room = room.saturating_sub(1);
            fits || policy[usize::from(tag.get())] != SlotOverflow::Gate
        });
        self.file()
    }

    /// Puts what was claimed into the backlog, behind what publishers took before it. 0, and it is held, while a publisher is at that.
    fn file(&mut self) -> usize {
        let claimed = self.copies.len();
        self.held = !self.take_over() && claimed > 0;
        if self.held {
            return 0;
        }
        let mut copies = core::mem::take(&mut self.copies);
        for (sequence, cell) in copies.drain(..) {
            self.keep(sequence, cell);
        }
        self.copies = copies;
        claimed
    }

    /// One event on its way from the ring to the backlog.
    fn keep(&mut self, sequence: u64, cell: Option<C>) {
        let (Some(cell), Some(backlog)) = (cell, &mut self.backlog) else {
            self.holes += 1;
            return;
        };
        let tag = cell.as_event().tag();
        if !self.tags.contains(tag) {
            self.rows.count(tag, Fate::Filtered, 1);
            return;
        }
        let dropped = match self.policy[usize::from(tag.get())] {
            SlotOverflow::Conflate => match backlog.merge(&cell, sequence, 0) {
                Merging::New => None,
                Merging::Joined => {
                    self.rows.count(tag, Fate::Conflated, 1);
                    None
                }
                Merging::NoRoom => Some((tag, sequence)),
            },
            SlotOverflow::DropOldest => {
                let oldest = if backlog.is_full(Kind::Recent) { backlog.drop_oldest(Kind::Recent) } else { None };
                let fits = backlog.push(Kind::Recent, &cell, sequence);
                match oldest {
                    Some(oldest) => Some((oldest.cell.as_event().tag(), oldest.sequence)),
                    None => (!fits).then_some((tag, sequence)),
                }
            }
            _ => (!backlog.push(Kind::Kept, &cell, sequence)).then_some((tag, sequence)),
        };
        if let Some((tag, sequence)) = dropped {
            self.rows.count(tag, Fate::Dropped, 1);
            self.lost.add(self.rows.row(tag), 1, sequence, sequence + 1);
        }
    }

    /// Takes over what publishers have taken from this slot. False: a publisher is at it at this moment.
    fn take_over(&mut self) -> bool {
        if !self.reader.has_lost() {
            return true;
        }
        let Some(fresh) = self.fresh.take() else { return false };
        let mut spill = match self.reader.exchange(fresh) {
            Ok(spill) => spill,
            Err(fresh) => {
                self.fresh = Some(fresh);
                return false;
            }
        };
        self.holes += spill.holes;
        for (index, tag) in self.lost.tags.iter().enumerate() {
            spill
                .fates(index + 1)
                .into_iter()
                .filter(|(_, events)| *events > 0)
                .for_each(|(fate, events)| self.rows.count(*tag, fate, events));
        }
        for row in 1..spill.dropped.len() {
            self.lost.add(row, spill.dropped[row], spill.from, spill.to);
        }
        while let Some(Next { cell, sequence, merged }) = spill.latest.pop() {
            let Some(backlog) = &mut self.backlog else { break };
            let tag = cell.as_event().tag();
            match backlog.merge(&cell, sequence, merged) {
                Merging::New => {}
                Merging::Joined => self.rows.count(tag, Fate::Conflated, 1),
                Merging::NoRoom => {
                    self.rows.count(tag, Fate::Dropped, 1);
                    self.lost.add(self.rows.row(tag), 1, sequence, sequence + 1);
                }
            }
        }
        spill.clear();
        self.fresh = Some(spill);
        true
    }

    /// The next event to be handled.
    fn advance(&mut self, limit: usize) -> Option<Next<C>> {
        if self.backlog.is_some() {
            self.ingest();
            return self.backlog.as_mut().and_then(Backlog::pop);
        }
        loop {
            // What was lost comes before what was claimed behind it: the handler is told first, in a turn of its own.
            if self.at == 0 && (!self.take_over() || !self.lost.is_empty()) {
                return None;
            }
            let Some((sequence, cell)) = self.copies.get(self.at) else {
                if self.refill(limit) == 0 {
                    return None;
                }
                continue;
            };
            self.at += 1;
            match cell {
                Some(cell) => return Some(Next { cell: *cell, sequence: *sequence, merged: 0 }),
                None => self.holes += 1,
            }
        }
    }

    fn waiting(&self) -> u64 {
        let copies = self.copies.len().saturating_sub(self.at);
        copies as u64 + self.backlog.as_ref().map_or(0, |backlog| backlog.len() as u64)
    }
}

/// One turn's copies.
pub(in crate::bus) struct CopiedTurn<'t, C: StoreEvent> {
    source: &'t mut Copying<C>,
    left: u64,
}

impl<C: StoreEvent> Events<C> for CopiedTurn<'_, C> {
    fn in_place(&self) -> bool {
        false
    }

    fn next(&mut self) -> Option<Taken<'_, C>> {
        self.source.current = None;
        if self.left == 0 {
            return None;
        }
        let event = self.source.advance(self.left as usize)?;
        self.left -= 1;
        let at_end = self.left == 0 || self.source.waiting() == 0;
        if at_end {
            self.left = 0;
        }
        let Next { cell, sequence, merged } = self.source.current.insert(event);
        Some(Taken { cell, sequence: *sequence, at_end, merged: *merged })
    }

    fn remaining(&self) -> u64 {
        self.left.min(self.source.waiting())
    }

    fn settle(&mut self) {
        self.source.current = None;
    }

    fn finish(self) {}

    fn gap(&mut self) -> Option<Gap<'_>> {
        self.source.lost.tell()
    }
}
