//! What a gated publisher has done, in numbers: one writer, which is the publisher, and any number of views.
//!
//! `offered = rejected + shed + failed + published`: the sum is not kept but made by whoever looks, so that it holds at any moment.

use super::rejection::{Reason, Rejection};
use crate::event::{Family, MAX_TAGS, Schema, Tag};
use crate::sync::{AtomicU64, Ordering};
use core::fmt;
use crossbeam_utils::CachePadded;
use std::sync::Arc;

const REASONS: usize = Reason::ALL.len();

/// The counts of one publisher or one boundary, for the one thread that counts.
#[derive(Debug)]
pub struct GateCounts(Arc<CachePadded<Cells>>);

/// The same, to be looked at from any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct GateView(Arc<CachePadded<Cells>>);

struct Cells {
    published: AtomicU64,
    shed: AtomicU64,
    failed: AtomicU64,
    /// A row of reasons for each tag of the family, and a first one for other tags.
    rejected: Box<[[AtomicU64; REASONS]]>,
    row_of: Box<[u16]>,
    schemas: &'static [&'static Schema],
}

/// Rejections of one tag by one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagRejections {
    /// The payload; `None`: a tag that is none of the family's.
    pub payload: Option<&'static str>,
    /// The reason.
    pub reason: Reason,
    /// How many.
    pub count: u64,
}

/// One more, by the only writer.
#[inline(always)]
fn count(cell: &AtomicU64) {
    cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

impl GateCounts {
    /// Counts for events of a family, all 0. Takes 136 bytes a payload.
    #[must_use]
    pub fn of<F: Family>() -> Self {
        let mut row_of = vec![0; MAX_TAGS].into_boxed_slice();
        for (at, schema) in F::SCHEMAS.iter().enumerate() {
            row_of[usize::from(schema.tag.get())] = at as u16 + 1;
        }
        let row = |_| core::array::from_fn(|_| AtomicU64::new(0));
        let cells = Cells {
            published: AtomicU64::new(0),
            shed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            rejected: (0..=F::SCHEMAS.len()).map(row).collect(),
            row_of,
            schemas: F::SCHEMAS,
        };
        Self(Arc::new(CachePadded::new(cells)))
    }

    /// The counts from outside.
    #[must_use]
    pub fn view(&self) -> GateView {
        GateView(Arc::clone(&self.0))
    }

    /// Counts an event that was let in.
    #[inline(always)]
    pub fn published(&mut self) {
        count(&self.0.published);
    }

    /// Counts an event that was left out because there was no room.
    #[inline]
    pub fn shed(&mut self) {
        count(&self.0.shed);
    }

    /// Counts an event that the bus did not take.
    #[inline]
    pub fn failed(&mut self) {
        count(&self.0.failed);
    }

    /// Counts an event that a gate did not let in. `tag` as it came.
    #[cold]
    pub fn rejected(&mut self, tag: u64, rejection: &Rejection) {
        let row = usize::try_from(tag).ok().and_then(|tag| self.0.row_of.get(tag)).map_or(0, |row| usize::from(*row));
        count(&self.0.rejected[row][rejection.reason() as usize]);
    }
}

impl GateView {
    /// Events that the publisher was given.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.published() + self.shed() + self.failed() + self.rejected()
    }

    /// Events that are in the ring.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.0.published.load(Ordering::Relaxed)
    }

    /// Events that `send` left out because the ring was full.
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.0.shed.load(Ordering::Relaxed)
    }

    /// Events that the bus did not take, which its publisher was told: full, timed out, closed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.0.failed.load(Ordering::Relaxed)
    }

    /// Events that gates did not let in.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.0.rejected.iter().flatten().map(|cell| cell.load(Ordering::Relaxed)).sum()
    }

    /// Those for one reason.
    #[must_use]
    pub fn rejected_for(&self, reason: Reason) -> u64 {
        self.0.rejected.iter().map(|row| row[reason as usize].load(Ordering::Relaxed)).sum()
    }

    /// Those of one tag. What has no tag of the family is not among them.
    #[must_use]
    pub fn rejected_of(&self, tag: Tag) -> u64 {
        match self.0.row_of[usize::from(tag.get())] {
            0 => 0,
            row => self.0.rejected[usize::from(row)].iter().map(|cell| cell.load(Ordering::Relaxed)).sum(),
        }
    }

    /// Those there are, by tag and reason.
    #[must_use]
    pub fn by_tag(&self) -> Vec<TagRejections> {
        let payload = |row: usize| row.checked_sub(1).map(|at| self.0.schemas[at].name);
        let rows = self.0.rejected.iter().enumerate();
        let all = rows.flat_map(|(row, cells)| {
            let counts = Reason::ALL.into_iter().zip(cells);
            counts.map(move |(reason, cell)| TagRejections {
                payload: payload(row),
                reason,
                count: cell.load(Ordering::Relaxed),
            })
        });
        all.filter(|one| one.count > 0).collect()
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { published, shed, failed, .. } = self;
        f.debug_struct("Cells")
            .field("published", published)
            .field("shed", shed)
            .field("failed", failed)
            .finish_non_exhaustive()
    }
}
