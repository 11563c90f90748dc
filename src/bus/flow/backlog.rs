//! What a slot keeps beside its ring: events in the order in which they are to be handled, and of keys that conflate the newest event each. All
//! memory is taken when it is built.

use crate::event::{Header, StoreEvent};

/// No entry.
const NONE: u32 = u32::MAX;

struct Entry<C> {
    cell: C,
    sequence: u64,
    /// Events that this one stands for beside itself.
    merged: u64,
    /// Where it stands in the order: the sequence with which its key began to differ.
    order: u64,
    next: u32,
}

/// Entries in a row.
struct Queue {
    first: u32,
    last: u32,
    len: usize,
    max: usize,
}

/// Which bound an entry counts under.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Stays until it is handled.
    Kept = 0,
    /// Makes room for newer ones.
    Recent = 1,
    /// The newest of its key.
    Latest = 2,
}

/// What came of an event of a key that conflates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merging {
    /// It waits to be handled.
    New,
    /// One of the two it was merged from is gone.
    Joined,
    /// Too many keys wait: it found no room.
    NoRoom,
}

/// An event that is handled next.
pub(super) struct Next<C> {
    pub(super) cell: C,
    pub(super) sequence: u64,
    pub(super) merged: u64,
}

/// Events that wait beside the ring.
pub(super) struct Backlog<C> {
    entries: Vec<Entry<C>>,
    free: u32,
    queues: [Queue; 3],
    /// Entries of keys that conflate, by hash; open addressing, at most half full.
    keys: Box<[u32]>,
}

impl<C: StoreEvent> Backlog<C> {
    /// Room for `events` kept, as many recent ones, and one event for each of `keys`.
    pub(super) fn new(kept: usize, recent: usize, keys: usize) -> Self {
        let count = kept + recent + keys;
        let entry = |i: usize| Entry {
            cell: C::new_zeroed(),
            sequence: 0,
            merged: 0,
            order: 0,
            next: if i + 1 < count { i as u32 + 1 } else { NONE },
        };
        let queue = |max| Queue { first: NONE, last: NONE, len: 0, max };
        Self {
            entries: (0..count).map(entry).collect(),
            free: if count > 0 { 0 } else { NONE },
            queues: [queue(kept), queue(recent), queue(keys)],
            keys: vec![NONE; (2 * keys.max(1)).next_power_of_two()].into_boxed_slice(),
        }
    }

    /// Bytes that [`Self::new`] takes.
    pub(super) fn bytes(kept: usize, recent: usize, keys: usize) -> u64 {
        let entries = (kept + recent + keys) as u64 * size_of::<Entry<C>>() as u64;
        entries + 4 * (2 * keys.max(1)).next_power_of_two() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.queues.iter().map(|queue| queue.len).sum()
    }

    /// How many more of a kind there may be.
    pub(super) fn room(&self, kind: Kind) -> usize {
        let queue = &self.queues[kind as usize];
        queue.max - queue.len
    }

    pub(super) fn is_full(&self, kind: Kind) -> bool {
        self.room(kind) == 0
    }

    /// An event that waits as it is. False: there is no room.
    pub(super) fn push(&mut self, kind: Kind, cell: &C, sequence: u64) -> bool {
        !self.is_full(kind) && self.append(kind, cell, sequence, 0, sequence).is_some()
    }

    /// The oldest event of a kind, to make room.
    pub(super) fn drop_oldest(&mut self, kind: Kind) -> Option<Next<C>> {
        self.take(kind)
    }

    /// An event that stands for all older ones of its tag and key, and for `merged` that were merged into it before.
    pub(super) fn merge(&mut self, cell: &C, sequence: u64, merged: u64) -> Merging {
        let key = key(cell);
        let at = self.find(key);
        if let Some(index) = entry_index(self.keys[at]) {
            let entry = &mut self.entries[index];
            entry.merged += merged + 1;
            if sequence > entry.sequence {
                (entry.cell, entry.sequence) = (*cell, sequence);
            }
            return Merging::Joined;
        }
        if self.is_full(Kind::Latest) {
            return Merging::NoRoom;
        }
        match self.append(Kind::Latest, cell, sequence, merged, sequence) {
            Some(index) => {
                self.keys[at] = index;
                Merging::New
            }
            None => Merging::NoRoom,
        }
    }

    /// The event that waits longest.
    pub(super) fn pop(&mut self) -> Option<Next<C>> {
        let order = |queue: &Queue| entry_index(queue.first).map(|index| self.entries[index].order);
        let kinds = [Kind::Kept, Kind::Recent, Kind::Latest];
        let kind = kinds
            .into_iter()
            .filter_map(|kind| Some((order(&self.queues[kind as usize])?, kind as usize, kind)))
            .min_by_key(|&(order, index, _)| (order, index));
        self.take(kind?.2)
    }

    fn take(&mut self, kind: Kind) -> Option<Next<C>> {
        let queue = &mut self.queues[kind as usize];
        let index = entry_index(queue.first)?;
        let entry = &mut self.entries[index];
        let next = Next { cell: entry.cell, sequence: entry.sequence, merged: entry.merged };
        queue.first = entry.next;
        if queue.first == NONE {
            queue.last = NONE;
        }
        queue.len -= 1;
        entry.next = self.free;
        self.free = index as u32;
        if kind == Kind::Latest {
            self.forget(key(&next.cell));
        }
        Some(next)
    }

    fn append(&mut self, kind: Kind, cell: &C, sequence: u64, merged: u64, order: u64) -> Option<u32> {
        let index = self.free;
        let entry = self.entries.get_mut(entry_index(index)?)?;
        self.free = entry.next;
        *entry = Entry { cell: *cell, sequence, merged, order, next: NONE };
        let queue = &mut self.queues[kind as usize];
        match entry_index(queue.last) {
            Some(last) => self.entries[last].next = index,
            None => queue.first = index,
        }
        queue.last = index;
        queue.len += 1;
        Some(index)
    }

    // --- the index of keys ------------------------------------------------------------------------------------------------

    fn home(&self, key: u64) -> usize {
        // Fibonacci hashing, Knuth, The Art of Computer Programming 3, 6.4: the high bits of a product with 2^64 over the golden ratio.
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (hash >> 32) as usize & (self.keys.len() - 1)
    }

    /// Where the key stands, or where it would.
    fn find(&self, wanted: u64) -> usize {
        let mut at = self.home(wanted);
        while let Some(index) = entry_index(self.keys[at]) {
            if key(&self.entries[index].cell) == wanted {
                break;
            }
            at = (at + 1) & (self.keys.len() - 1);
        }
        at
    }

    /// Takes a key out, and closes the gap: keys behind it move up where that brings them no further than their home.
    fn forget(&mut self, gone: u64) {
        let mask = self.keys.len() - 1;
        let mut hole = self.find(gone);
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let Some(index) = entry_index(self.keys[at]) else { break };
            let home = self.home(key(&self.entries[index].cell));
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.keys[hole] = self.keys[at];
                hole = at;
            }
        }
        self.keys[hole] = NONE;
    }
}

fn entry_index(index: u32) -> Option<usize> {
    (index != NONE).then_some(index as usize)
}

/// What conflates: an event's tag and key.
fn key<C: StoreEvent>(cell: &C) -> u64 {
    let header: &Header = cell.as_event().header();
    u64::from(header.tag().get()) << 32 | u64::from(header.key())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Ticks;
    use crate::event::{EventCell, Tag};
    use proptest::prelude::*;
    use zerocopy::{FromZeros, IntoBytes};

    type Cell = EventCell<7>;

    fn cell(tag: u16, key: u32) -> Cell {
        let mut cell = Cell::new_zeroed();
        let header = Header::new(Tag::new(tag), key, Ticks(0), 0);
        cell.as_mut_bytes()[..16].copy_from_slice(header.as_bytes());
        cell
    }

    /// The same, as one would write it without a bound on time: order, kind, tag, key, sequence, merged.
    #[derive(Default)]
    struct Model(Vec<(u64, Kind, u16, u32, u64, u64)>);

    impl Model {
        fn count(&self, kind: Kind) -> usize {
            self.0.iter().filter(|entry| entry.1 == kind).count()
        }

        fn take(&mut self, wanted: impl Fn(Kind) -> bool) -> Option<(u16, u32, u64, u64)> {
            let first =
                self.0.iter().enumerate().filter(|(_, entry)| wanted(entry.1)).min_by_key(|(_, entry)| entry.0)?.0;
            let (_, _, tag, key, sequence, merged) = self.0.remove(first);
            Some((tag, key, sequence, merged))
        }
    }

    fn seen(next: Option<Next<Cell>>) -> Option<(u16, u32, u64, u64)> {
        let Next { cell, sequence, merged } = next?;
        let header = *cell.as_event().header();
        Some((header.tag().get(), header.key(), sequence, merged))
    }

    proptest! {
        #[test]
        fn it_is_what_a_list_would_be(steps in proptest::collection::vec((0_u8..6, 0_u16..2, 0_u32..12), 0..400)) {
            let mut backlog = Backlog::<Cell>::new(3, 4, 5);
            let mut model = Model::default();
            for (sequence, (step, tag, key)) in (1..).zip(steps) {
                let (cell, max) = (cell(tag, key), [3, 4, 5]);
                match step {
                    0 | 1 => {
                        let kind = if step == 0 { Kind::Kept } else { Kind::Recent };
                        let fits = model.count(kind) < max[kind as usize];
                        prop_assert_eq!(backlog.push(kind, &cell, sequence), fits);
                        if fits {
                            model.0.push((sequence, kind, tag, key, sequence, 0));
                        }
                    }
                    2 | 3 => {
                        // What comes from a spill may be older than what is there.
                        let (at, merged) = if step == 2 { (sequence, 0) } else { (sequence / 2, 3) };
                        let keys = model.count(Kind::Latest);
                        let same = model.0.iter_mut().find(|entry| entry.1 == Kind::Latest && (entry.2, entry.3) == (tag, key));
                        let expected = match same {
                            Some(entry) => {
                                entry.4 = entry.4.max(at);
                                entry.5 += merged + 1;
                                Merging::Joined
                            }
                            None if keys < 5 => {
                                model.0.push((at, Kind::Latest, tag, key, at, merged));
                                Merging::New
                            }
                            None => Merging::NoRoom,
                        };
                        prop_assert_eq!(backlog.merge(&cell, at, merged), expected);
                    }
                    4 => prop_assert_eq!(seen(backlog.drop_oldest(Kind::Recent)), model.take(|kind| kind == Kind::Recent)),
                    _ => {
                        // Of keys the first in the row comes first, whatever sequence it began with.
                        let latest = model.0.iter().find(|entry| entry.1 == Kind::Latest).map(|entry| entry.0);
                        let others = model.0.iter().filter(|entry| entry.1 != Kind::Latest).map(|entry| entry.0).min();
                        let expected = match (latest, others) {
                            (Some(latest), others) if others.is_none_or(|other| latest < other) => {
                                let at = model.0.iter().position(|entry| entry.1 == Kind::Latest).unwrap();
                                let (_, _, tag, key, sequence, merged) = model.0.remove(at);
                                Some((tag, key, sequence, merged))
                            }
                            _ => model.take(|kind| kind != Kind::Latest),
                        };
                        prop_assert_eq!(seen(backlog.pop()), expected);
                    }
                }
                prop_assert_eq!(backlog.len(), model.0.len());
            }
        }
    }
}
