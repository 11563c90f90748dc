//! Many counts that are read together, of which a few change at a time: rows of eight, written by one thread and read by any as they stood after one
//! write. What [`super::Block`] is for a handful.
//!
//! A sequence lock with two copies; a write stores only the rows that have changed since that copy was current. Copying a large ledger takes longer
//! than a quick writer's turn: so a reader asks the writer to hold, and a writer that finds somebody reading keeps its changes for the next
//! time, 64 times in a row at most. A writer never waits.

use crate::sync::{AtomicU32, AtomicU64, Ordering, fence, spin_loop, yield_now};
use core::cell::Cell;
use std::sync::Arc;

pub use crate::sync::LEDGER_ROW as ROW;
/// Writes in a row that are put off for readers: whoever reads all the time must not keep them back for good.
const PUT_OFF_MAX: u32 = 64;
/// Copies before a reader gives its core away.
const TRIES: u32 = 64;

/// The shared side.
struct Shared {
    /// Writes so far; its lowest bit says which copy is current.
    version: AtomicU64,
    /// Readers that are copying.
    readers: AtomicU32,
    copies: [Box<[[AtomicU64; ROW]]>; 2],
}

/// The writing side. For one thread; it counts through a shared borrow, so that several parts of a slot may have it.
///
/// ```
/// use tagring::counters::ledger;
///
/// let (writer, reader) = ledger(2);
/// writer.add(1, 3, 5);
/// assert_eq!(reader.read()[1][3], 0, "not shown yet");
/// writer.show();
/// assert_eq!(reader.read()[1][3], 5);
/// ```
pub struct LedgerWriter {
    shared: Arc<Shared>,
    rows: Box<[[Cell<u64>; ROW]]>,
    /// A bit for each row that has changed since the last write, and for each that had changed before that one.
    dirty: Box<[Cell<u64>]>,
    before: Box<[Cell<u64>]>,
    /// Writes that were put off in a row.
    put_off: Cell<u32>,
}

/// The reading side: cheap to clone.
#[derive(Clone)]
pub struct LedgerReader {
    shared: Arc<Shared>,
}

/// A ledger of so many rows, all 0.
#[must_use]
pub fn ledger(rows: usize) -> (LedgerWriter, LedgerReader) {
    let copy = || (0..rows).map(|_| core::array::from_fn(|_| AtomicU64::new(0))).collect();
    let bits = || (0..rows.div_ceil(64)).map(|_| Cell::new(0)).collect();
    let shared = Arc::new(Shared { version: AtomicU64::new(0), readers: AtomicU32::new(0), copies: [copy(), copy()] });
    let rows = (0..rows).map(|_| core::array::from_fn(|_| Cell::new(0))).collect();
    (
        LedgerWriter { shared: Arc::clone(&shared), rows, dirty: bits(), before: bits(), put_off: Cell::new(0) },
        LedgerReader { shared },
    )
}

impl LedgerWriter {
    /// Adds to one count.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[inline]
    pub fn add(&self, row: usize, column: usize, count: u64) {
        let cell = &self.rows[row][column];
        cell.set(cell.get() + count);
        self.touch(row);
    }

    /// Replaces one count.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[inline]
    pub fn set(&self, row: usize, column: usize, count: u64) {
        self.rows[row][column].set(count);
        self.touch(row);
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// One count as it stands on this side.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> u64 {
        self.rows[row][column].get()
    }

    #[inline]
    fn touch(&self, row: usize) {
        let word = &self.dirty[row / 64];
        word.set(word.get() | 1 << (row % 64));
    }

    /// Whether there are changes that were not shown, because somebody was reading.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.dirty.iter().any(|word| word.get() != 0)
    }

    /// Shows all that was counted, unless somebody is reading at this moment: then a later call does, the 65th at the latest.
    pub fn show(&self) {
        // Relaxed: it only spares readers a second copy.
        if self.shared.readers.load(Ordering::Relaxed) != 0 && self.put_off.get() < PUT_OFF_MAX {
            self.put_off.set(self.put_off.get() + 1);
            return;
        }
        self.show_now();
    }

    /// Shows all that was counted, also where somebody is reading, who then copies again: the last time.
    pub fn show_now(&self) {
        if !self.is_behind() {
            return;
        }
        self.put_off.set(0);
        let version = self.shared.version.load(Ordering::Relaxed).wrapping_add(1);
        // SYNC ledger-reused: who reads a word that is stored below sees at least the version before, and throws its copy away.
        fence(Ordering::Release);
        let copy = &self.shared.copies[(version & 1) as usize];
        for (index, (dirty, before)) in self.dirty.iter().zip(&self.before).enumerate() {
            let now = dirty.replace(0);
            let mut set = now | before.replace(now);
            while set != 0 {
                let row = index * 64 + set.trailing_zeros() as usize;
                set &= set - 1;
                for (to, from) in copy[row].iter().zip(&self.rows[row]) {
                    to.store(from.get(), Ordering::Relaxed);
                }
            }
        }
        self.shared.version.store(version, Ordering::Release); // SYNC ledger-written
    }
}

impl LedgerReader {
    /// All rows as they stood after one write.
    #[must_use]
    pub fn read(&self) -> Vec<[u64; ROW]> {
        self.shared.readers.fetch_add(1, Ordering::Relaxed);
        let mut tries = 0;
        let rows = loop {
            if let Some(rows) = self.try_read() {
                break rows;
            }
            tries += 1;
            if tries % TRIES == 0 {
                yield_now();
            }
            spin_loop();
        };
        self.shared.readers.fetch_sub(1, Ordering::Relaxed);
        rows
    }

    /// The same without asking the writer to hold; `None` where a write went by.
    #[must_use]
    pub fn try_read(&self) -> Option<Vec<[u64; ROW]>> {
        let version = self.shared.version.load(Ordering::Acquire); // SYNC ledger-written
        let copy = &self.shared.copies[(version & 1) as usize];
        let row = |row: &[AtomicU64; ROW]| core::array::from_fn(|i| row[i].load(Ordering::Relaxed));
        let rows = copy.iter().map(row).collect();
        // SYNC ledger-reused: if any word came from the write after the next, that next one's version is seen below.
        fence(Ordering::Acquire);
        (self.shared.version.load(Ordering::Relaxed) == version).then_some(rows)
    }
}
