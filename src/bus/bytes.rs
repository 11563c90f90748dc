//! Bytes of variable length that belong to events: a bounded arena beside a ring with one publisher, recycled by the slowest
//! reader.
//!
//! The arena is itself a ring, of 8-byte words. A blob is one run of words, owned by the event it was published with: an index
//! cell per ring cell says which run belongs to which sequence. Both are written before the event's stamp and read after it by
//! gating readers only, so they need no atomics of their own: the ring's hand-over covers them.

use crate::ring::{PublishError, Publisher, ReaderId};
use crate::sync::Plain;
use core::cell::UnsafeCell;
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

/// A run in use: the sequence that owns it, and the arena position behind it.
struct Lease {
    sequence: u64,
    end: u64,
}

/// The writing side, owned by the ring's only publisher.
pub(super) struct ByteWriter {
    arena: Arc<ByteArena>,
    /// Positions in words, growing for ever; `position % words` is the place.
    head: u64,
    tail: u64,
    leases: VecDeque<Lease>,
}

impl ByteWriter {
    /// An arena of at least `limit` bytes for a ring of `capacity` cells (a power of two). All memory is taken and touched here.
    pub(super) fn new(limit: usize, capacity: usize) -> Self {
        assert!(capacity.is_power_of_two(), "a ring's capacity is a power of two");
        let empty = Entry { owner: 0, word: 0, len: 0 };
        let arena = ByteArena {
            words: (0..limit.div_ceil(WORD)).map(|_| UnsafeCell::new(0)).collect(),
            index: (0..capacity).map(|_| UnsafeCell::new(empty)).collect(),
        };
        Self { arena: Arc::new(arena), head: 0, tail: 0, leases: VecDeque::with_capacity(capacity) }
    }

    /// The shared side, for readers.
    pub(super) fn arena(&self) -> Arc<ByteArena> {
        Arc::clone(&self.arena)
    }

    /// Bytes in use.
    pub(super) fn used(&self) -> usize {
        (self.head - self.tail) as usize * WORD
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
        // SAFETY: `take` made sure that every gating reader has passed the events that owned these words; `reserve` that they
        // have passed the event whose index cell this is. One writer: `&mut self`.
        unsafe {
            let target = self.arena.words[word..].as_ptr().cast::<u8>().cast_mut();
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
            let entry = Entry { owner: sequence + 1, word, len: bytes.len() };
            *self.arena.index[sequence as usize & (self.arena.index.len() - 1)].get() = entry;
        }
        self.leases.push_back(Lease { sequence, end: self.head });
        publisher.try_publish(value).map_err(BytesError::Ring)
    }

    /// Takes a run of words for `len` bytes; returns its position. A run does not wrap: the words left at the end are skipped.
    fn take<T: Plain>(&mut self, publisher: &Publisher<T>, len: usize) -> Result<u64, BytesError> {
        let size = self.arena.words.len() as u64;
        let need = len.div_ceil(WORD) as u64;
        if need > size {
            return Err(BytesError::PayloadTooLarge { len, limit: self.arena.limit() });
        }
        let at = self.head % size.max(1);
        let start = if at + need > size { self.head + (size - at) } else { self.head };
        if start + need - self.tail > size {
            let reader = self.recycle(publisher);
            if self.leases.is_empty() {
                (self.head, self.tail) = (need, 0);
                return Ok(0);
            }
            if start + need - self.tail > size {
                return Err(BytesError::ArenaFull { len, used: self.used(), limit: self.arena.limit(), reader });
            }
        }
        if self.leases.len() == self.leases.capacity() {
            self.recycle(publisher);
        }
        self.head = start + need;
        Ok(start)
    }

    /// Takes back the runs of events that every gating reader has passed.
    #[cold]
    fn recycle<T: Plain>(&mut self, publisher: &Publisher<T>) -> Option<ReaderId> {
        let (passed, reader) = publisher.passed_by_all();
        while let Some(lease) = self.leases.front().filter(|lease| lease.sequence < passed) {
            self.tail = lease.end;
            self.leases.pop_front();
        }
        reader
    }
}
