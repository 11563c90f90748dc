//! Bytes of variable length that belong to events: a bounded arena beside a ring with one publisher, recycled by the slowest
//! reader.
//!
//! The arena is itself a ring, of 8-byte words. A blob is one run of words, owned by the event it was published with: an index
//! cell per ring cell says which run belongs to which sequence. Both are written before the event's stamp and read after it by
//! gating readers only, so they need no atomics of their own: the ring's hand-over covers them.
//!
//! A revoked reader gates no more and may still borrow the runs of its turn. Their events lie in pinned cells, where nothing is published, so
//! that their entries stay; the runs themselves are kept aside until the reader has left, and new ones are laid around them.

use crate::ring::{PublishError, Publisher, ReaderId};
use crate::sync::Plain;
use core::cell::UnsafeCell;
use core::hint::black_box;
use std::collections::VecDeque;
use std::sync::Arc;

/// One word of the arena.
const WORD: usize = 8;

/// Why bytes could not be published with an event. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BytesError {
    /// More than the arena can ever hold.
    PayloadTooLarge {
        /// Bytes asked for.
        len: usize,
        /// The arena's size in bytes.
        limit: usize,
    },
    /// Readers have not yet passed enough earlier blobs.
    ArenaFull {
        /// Bytes asked for.
        len: usize,
        /// Bytes in use.
        used: usize,
        /// The arena's size in bytes.
        limit: usize,
        /// The reader furthest behind.
        reader: Option<ReaderId>,
    },
    /// The ring refused the event.
    Ring(PublishError),
}

impl BytesError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PayloadTooLarge { .. } => "TR-0421",
            Self::ArenaFull { .. } => "TR-0422",
            Self::Ring(error) => error.code(),
        }
    }
}

impl core::fmt::Display for BytesError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::PayloadTooLarge { len, limit } => {
                write!(f, "publish: {len} bytes in an arena of {limit}; split them, or enlarge the arena")?;
            }
            Self::ArenaFull { len, used, limit, reader } => {
                write!(f, "publish: no room for {len} bytes, {used} of the arena's {limit} are in use")?;
                if let Some(reader) = reader {
                    write!(f, ", held by {reader}")?;
                }
                f.write_str("; wait, or enlarge the arena")?;
            }
            Self::Ring(error) => return error.fmt(f),
        }
        write!(f, " [{}]", self.code())
    }
}

impl core::error::Error for BytesError {}

/// Which run belongs to the event of a cell.
#[derive(Clone, Copy)]
struct Entry {
    /// The event's sequence plus 1; anything else means that the event in this cell has no bytes.
    owner: u64,
    word: usize,
    len: usize,
}

/// The arena, shared by its writer and the readers of the ring.
pub(super) struct ByteArena {
    words: Box<[UnsafeCell<u64>]>,
    index: Box<[UnsafeCell<Entry>]>,
}

// SAFETY: a run and its entry are written by the one `ByteWriter` before the stamp of their event is stored, are not written
// again before every gating reader has passed that event, and are read by those readers only in between.
unsafe impl Sync for ByteArena {}
// SAFETY: plain words; see above.
unsafe impl Send for ByteArena {}

impl ByteArena {
    /// The bytes published with the event of `sequence`; empty when there are none.
    ///
    /// # Safety
    /// The caller is a gating reader of the ring that this arena belongs to, has seen `sequence` published, and does not advance
    /// past it before the borrow ends.
    pub(super) unsafe fn bytes(&self, sequence: u64) -> &[u8] {
        let cell = &self.index[sequence as usize & (self.index.len() - 1)];
        // SAFETY: the caller holds the cell of `sequence`; its entry is not written meanwhile.
        let entry = unsafe { *cell.get() };
        if entry.owner != sequence + 1 {
            return &[];
        }
        let run = &self.words[entry.word..entry.word + entry.len.div_ceil(WORD)];
        // SAFETY: the run belongs to that event until the caller advances; `UnsafeCell<u64>` has the layout of `u64`, and
        // `len` bytes lie inside the run.
        unsafe { core::slice::from_raw_parts(run.as_ptr().cast::<u8>(), entry.len) }
    }

    /// The arena's size in bytes.
    pub(super) fn limit(&self) -> usize {
        self.words.len() * WORD
    }
}

/// A run in use: the sequence that owns it, the arena position behind it, and its words, counted from there.
struct Lease {
    sequence: u64,
    end: u64,
    len: u64,
}

/// A run that a revoked reader may still borrow, although all that gate have passed it.
struct Kept {
    sequence: u64,
    /// The place of its words, `end` excluded.
    start: u64,
    end: u64,
    reader: ReaderId,
}

/// The writing side, owned by the ring's only publisher.
pub(super) struct ByteWriter {
    arena: Arc<ByteArena>,
    /// Positions in words, growing for ever; `position % words` is the place.
    head: u64,
    tail: u64,
    leases: VecDeque<Lease>,
    /// Empty while no reader is revoked; then at most as many as there are pinned cells.
    kept: Vec<Kept>,
}

impl ByteWriter {
    /// An arena of at least `limit` bytes for a ring of `capacity` cells (a power of two). All memory is taken and touched here.
    pub(super) fn new(limit: usize, capacity: usize) -> Self {
        assert!(capacity.is_power_of_two(), "a ring's capacity is a power of two");
        // Not known to be zero, or the compiler asks for zeroed memory, whose pages are met one by one while publishing.
        let empty = || black_box(Entry { owner: 0, word: 0, len: 0 });
        let arena = ByteArena {
            words: (0..limit.div_ceil(WORD)).map(|_| UnsafeCell::new(black_box(0))).collect(),
            index: (0..capacity).map(|_| UnsafeCell::new(empty())).collect(),
        };
        let lease = || black_box(Lease { sequence: 0, end: 0, len: 0 });
        let mut leases: VecDeque<_> = (0..capacity).map(|_| lease()).collect();
        leases.clear();
        Self { arena: Arc::new(arena), head: 0, tail: 0, leases, kept: Vec::new() }
    }

    /// The shared side, for readers.
    pub(super) fn arena(&self) -> Arc<ByteArena> {
        Arc::clone(&self.arena)
    }

    /// Bytes in use, those that revoked readers hold included.
    pub(super) fn used(&self) -> usize {
        let (size, live) = (self.arena.words.len() as u64, self.head - self.tail);
        // Of the kept runs, some lie among those in use: new ones were laid around them.
        let outside = |kept: &&Kept| (kept.start + size - self.tail % size) % size >= live;
        let kept: u64 = self.kept.iter().filter(outside).map(|kept| kept.end - kept.start).sum();
        (live + kept) as usize * WORD
    }

    /// Publishes one event with `bytes` if there is room for both now. Returns its sequence.
    ///
    /// # Errors
    /// [`BytesError`]; nothing was written.
    pub(super) fn try_publish<T: Plain>(
        &mut self,
        publisher: &mut Publisher<T>,
        value: T,
        bytes: &[u8],
    ) -> Result<u64, BytesError> {
        assert_eq!(publisher.capacity(), self.arena.index.len(), "a byte arena serves the ring it was sized for");
        publisher.reserve().map_err(BytesError::Ring)?;
        let sequence = publisher.position();
        let run = self.take(publisher, bytes.len())?;
        let word = (run % self.arena.words.len() as u64) as usize;
        // SAFETY: `take` made sure that every gating reader has passed the events that owned these words, and that no revoked one holds
        // them; `reserve` that the same is true of the event whose index cell this is. One writer: `&mut self`.
        unsafe {
            let target = self.arena.words[word..].as_ptr().cast::<u8>().cast_mut();
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
            let entry = Entry { owner: sequence + 1, word, len: bytes.len() };
            *self.arena.index[sequence as usize & (self.arena.index.len() - 1)].get() = entry;
        }
        self.leases.push_back(Lease { sequence, end: self.head, len: bytes.len().div_ceil(WORD) as u64 });
        publisher.try_publish(value).map_err(BytesError::Ring)
    }

    /// Takes a run of words for `len` bytes; returns its position. A run does not wrap: the words left at the end are skipped.
    fn take<T: Plain>(&mut self, publisher: &Publisher<T>, len: usize) -> Result<u64, BytesError> {
        let size = self.arena.words.len() as u64;
        let need = len.div_ceil(WORD) as u64;
        if need > size {
            return Err(BytesError::PayloadTooLarge { len, limit: self.arena.limit() });
        }
        let mut start = self.place(need, size);
        if start + need - self.tail > size {
            let reader = self.recycle(publisher);
            if self.leases.is_empty() {
                (self.head, self.tail) = (0, 0);
            }
            start = self.place(need, size);
            if start + need - self.tail > size {
                let reader = self.kept.first().map(|kept| kept.reader).filter(|_| self.leases.is_empty()).or(reader);
                return Err(BytesError::ArenaFull { len, used: self.used(), limit: self.arena.limit(), reader });
            }
        }
        if self.leases.len() == self.leases.capacity() {
            self.recycle(publisher);
        }
        self.head = start + need;
        Ok(start)
    }

    /// The first position from `head` on where a run of `need` words may lie: not over the end, and not over a run that is kept.
    fn place(&self, need: u64, size: u64) -> u64 {
        let fit = |start: u64| {
            let at = start % size.max(1);
            if at + need > size { start + (size - at) } else { start }
        };
        let mut start = fit(self.head);
        // Cold but for the first look: each step passes a kept run.
        while let Some(kept) = self.kept.iter().find(|kept| start % size < kept.end && kept.start < start % size + need)
        {
            start = fit(start + (kept.end - start % size));
            if start - self.head > 2 * size {
                break;
            }
        }
        start
    }

    /// Takes back the runs of events that every gating reader has passed; those that a revoked one holds are kept aside.
    #[cold]
    fn recycle<T: Plain>(&mut self, publisher: &Publisher<T>) -> Option<ReaderId> {
        let (passed, reader) = publisher.passed_by_all();
        self.kept.retain(|kept| publisher.pinned_by(kept.sequence).is_some());
        while let Some(lease) = self.leases.front().filter(|lease| lease.sequence < passed) {
            self.tail = lease.end;
            if lease.len > 0
                && let Some(reader) = publisher.pinned_by(lease.sequence)
                && self.is_latest(lease.sequence)
            {
                let start = (lease.end - lease.len) % self.arena.words.len() as u64;
                self.kept.push(Kept { sequence: lease.sequence, start, end: start + lease.len, reader });
            }
            self.leases.pop_front();
        }
        reader
    }

    /// Whether no later event in the cell of `sequence` had bytes: a pinned cell then holds that event, or one without bytes.
    fn is_latest(&self, sequence: u64) -> bool {
        let cell = &self.arena.index[sequence as usize & (self.arena.index.len() - 1)];
        // SAFETY: entries are written by `&mut self` alone.
        unsafe { (*cell.get()).owner == sequence + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::{Polled, Ring};

    fn blob(sequence: u64, len: usize) -> Vec<u8> {
        (0..len).map(|i| (sequence as usize * 31 + i) as u8).collect()
    }

    /// A revoked reader hangs in events with bytes while the arena goes round many times, in runs of all lengths.
    #[test]
    fn the_bytes_of_a_revoked_reader_stay_what_they_were() {
        let (ring, mut publisher) = Ring::<u64>::single(16).unwrap();
        let mut writer = ByteWriter::new(320, 16);
        let arena = writer.arena();
        let mut reader = ring.attach().unwrap();
        // After another, it sees all at once: its turn is as long as it may be.
        let mut stuck = ring.attach_after(&[reader.id()]).unwrap().bind();
        for i in 0..6 {
            writer.try_publish(&mut publisher, i, &blob(i, 24)).unwrap();
        }
        while let Polled::Batch(batch) = reader.poll(usize::MAX) {
            batch.commit();
        }
        let id = stuck.id();
        // The turn holds the events 1 to 4, a quarter of the ring.
        assert_eq!(stuck.poll(1, |_, _, _| {}), 1);
        stuck.turn(4, |turn| {
            turn.next();
            // SAFETY: this reader is in its turn, which holds these events.
            let held = || (1..5).map(|s| unsafe { arena.bytes(s) }.to_vec()).collect::<Vec<_>>();
            assert!(ring.revoke(id));
            let (mut published, mut refused) = (0, 0);
            for number in 0..2_000_u64 {
                let len = (number * 7 % 15 * 8) as usize + (number % 3) as usize;
                let next = match writer.try_publish(&mut publisher, number, &blob(number, len)) {
                    Ok(sequence) => {
                        assert!(!(1..5).contains(&(sequence % 16)), "no event where cells are pinned");
                        published += 1;
                        Some((sequence, number, len))
                    }
                    Err(BytesError::ArenaFull { reader, used, limit: 320, .. }) => {
                        assert!(reader.is_some() && used <= 320, "{reader:?} {used}");
                        refused += 1;
                        None
                    }
                    Err(error) => panic!("{error}"),
                };
                let mut seen = None;
                while let Polled::Batch(batch) = reader.poll(usize::MAX) {
                    for (sequence, event) in batch.iter() {
                        seen = Some((sequence, *event));
                        let len = next.map_or(0, |(_, _, len)| len);
                        // SAFETY: `reader` gates and has not committed the batch.
                        assert_eq!(unsafe { arena.bytes(sequence) }, blob(*event, len));
                    }
                    batch.commit();
                }
                assert_eq!(seen, next.map(|(sequence, number, _)| (sequence, number)));
                assert_eq!(held(), (1..5).map(|s| blob(s, 24)).collect::<Vec<_>>());
            }
            assert!(published > 1_000, "{published} published, {refused} refused");
        });
        drop(stuck);
        writer.try_publish(&mut publisher, 0, &[0; 320]).unwrap();
        assert!(writer.kept.is_empty(), "all of the arena is there again");
    }
}
