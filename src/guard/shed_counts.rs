//! What was left out, by tag and reason: counted by one slot or one publisher, looked at from any thread.

use super::rules::ShedReason;
use crate::event::{Family, MAX_TAGS, Schema, Tag};
use crate::sync::{AtomicU64, Ordering};
use std::sync::Arc;

const REASONS: usize = ShedReason::ALL.len();

/// Counts of one slot or publisher. Its clones are the same counts; one thread counts at a time.
#[derive(Clone, Debug)]
pub struct ShedCounts(Arc<Cells>);

#[derive(Debug)]
struct Cells {
    /// A row of reasons for each payload of the family.
    rows: Box<[[AtomicU64; REASONS]]>,
    row_of: Box<[u16]>,
    schemas: &'static [&'static Schema],
}

/// Events of one tag left out for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagShed {
    /// The tag.
    pub tag: Tag,
    /// The payload.
    pub payload: &'static str,
    /// The reason.
    pub reason: ShedReason,
    /// How many.
    pub count: u64,
}

impl ShedCounts {
    /// Counts for events of a family, all 0.
    #[must_use]
    pub fn of<F: Family>() -> Self {
        let mut row_of = vec![u16::MAX; MAX_TAGS].into_boxed_slice();
        for (at, schema) in F::SCHEMAS.iter().enumerate() {
            row_of[usize::from(schema.tag.get())] = at as u16;
        }
        let row = |_| core::array::from_fn(|_| AtomicU64::new(0));
        Self(Arc::new(Cells { rows: (0..F::SCHEMAS.len()).map(row).collect(), row_of, schemas: F::SCHEMAS }))
    }

    /// Whether nobody else has these counts any more: whoever counted is gone.
    pub(crate) fn is_left(&mut self) -> bool {
        Arc::get_mut(&mut self.0).is_some()
    }

    /// One more, by the only writer.
    #[cold]
    pub(super) fn count(&self, tag: Tag, reason: ShedReason) {
        let row = usize::from(self.0.row_of[usize::from(tag.get())]);
        if let Some(cells) = self.0.rows.get(row) {
            let cell = &cells[reason as usize];
            cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// All events left out for a reason.
    #[must_use]
    pub fn by_reason(&self, reason: ShedReason) -> u64 {
        self.0.rows.iter().map(|row| row[reason as usize].load(Ordering::Relaxed)).sum()
    }

    /// Events of a tag left out for a reason.
    #[must_use]
    pub fn of_tag(&self, tag: Tag, reason: ShedReason) -> u64 {
        let row = usize::from(self.0.row_of[usize::from(tag.get())]);
        self.0.rows.get(row).map_or(0, |row| row[reason as usize].load(Ordering::Relaxed))
    }

    /// Those there are, by tag and reason.
    #[must_use]
    pub fn all(&self) -> Vec<TagShed> {
        let each = self.0.schemas.iter().flat_map(|schema| ShedReason::ALL.map(|reason| (schema, reason)));
        let counted = each.map(|(schema, reason)| {
            let count = self.of_tag(schema.tag, reason);
            TagShed { tag: schema.tag, payload: schema.name, reason, count }
        });
        counted.filter(|one| one.count > 0).collect()
    }
}
