//! The latest records of one writer, a bounded ring of them: written without waiting for anybody, read whole or not at all.
//!
//! Each record is a [`Block`], so a reader never gets half of one; its first word is its number, so a reader never takes one for another. What
//! has been overwritten is not there any more, and the count says how many there were.

use super::block::Block;
use crate::sync::{AtomicU64, Ordering};

/// The latest records, `N` words each, the first of which is the record's number plus 1.
///
/// ```
/// use tagring::counters::Latest;
///
/// let latest = Latest::<2>::new(4);
/// (0..6).for_each(|i| latest.push(&mut [0, 10 * i]));
/// assert_eq!((latest.count(), latest.copy(1), latest.copy(5)), (6, None, Some([6, 50])));
/// ```
pub struct Latest<const N: usize> {
    /// Records so far.
    count: AtomicU64,
    records: Box<[Block<N>]>,
}

impl<const N: usize> Latest<N> {
    /// Room for `len` records, at least one. All memory is taken here: twice the words of each record, and one.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { count: AtomicU64::new(0), records: (0..len.max(1)).map(|_| Block::new()).collect() }
    }

    /// Keeps a record in place of the oldest one. Sets its first word. For one thread alone.
    pub fn push(&self, record: &mut [u64; N]) {
        let number = self.count.load(Ordering::Relaxed);
        record[0] = number + 1;
        self.records[(number % self.records.len() as u64) as usize].write(record);
        self.count.store(number + 1, Ordering::Release); // SYNC record-counted
    }

    /// Records so far, those included that are not there any more.
    #[must_use]
    pub fn count(&self) -> u64 {
        // SYNC record-counted: whoever copies a record after this passes the Acquire fence of its block.
        self.count.load(Ordering::Relaxed)
    }

    /// The least number that may be there still.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.count().saturating_sub(self.records.len() as u64)
    }

    /// The record of a number; `None` where it is overwritten, or does not exist yet.
    #[must_use]
    pub fn copy(&self, number: u64) -> Option<[u64; N]> {
        let record = self.records[(number % self.records.len() as u64) as usize].try_read()?;
        (record[0] == number + 1).then_some(record)
    }
}
