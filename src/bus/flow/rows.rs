//! What became of each event of a slot, by tag: the slot's own account, shown to others after each turn.

use super::fate::Fate;
use crate::bus::tally::Tally;
use crate::counters::{LedgerReader, LedgerWriter, ROW, ledger};
use crate::event::{MAX_TAGS, Tag, TagSet};

/// The head row holds what belongs to no tag.
const HEAD: usize = 0;
const JOINED: usize = 0;
const HOLES: usize = 1;
const BATCHES: usize = 2;
const REDELIVERED: usize = 3;
const REDELIVERED_DEAD: usize = 4;

const _: () = assert!(Fate::ALL.len() <= ROW, "a row holds all fates");

/// The slot thread's side. Counts through a shared borrow: source and loop both have it.
pub(in crate::bus) struct Rows {
    writer: LedgerWriter,
    /// The row of each tag; 0: none.
    index: Box<[u16]>,
}

/// The reading side.
#[derive(Clone)]
pub(in crate::bus) struct RowsReader {
    reader: LedgerReader,
    tags: Vec<Tag>,
}

/// The account of a slot on a bus with these tags.
pub(in crate::bus) fn rows(family: &TagSet) -> (Rows, RowsReader) {
    let tags: Vec<Tag> = family.iter().collect();
    let (writer, reader) = ledger(tags.len() + 1);
    let mut index = vec![0; MAX_TAGS].into_boxed_slice();
    for (row, tag) in (1..).zip(&tags) {
        index[usize::from(tag.get())] = row;
    }
    (Rows { writer, index }, RowsReader { reader, tags })
}

impl Rows {
    /// So many events of this tag met this fate.
    #[inline]
    pub(super) fn count(&self, tag: Tag, fate: Fate, events: u64) {
        self.writer.add(usize::from(self.index[usize::from(tag.get())]), fate as usize, events);
    }

    /// Which row a tag has: 1 and up.
    #[inline]
    pub(super) fn row(&self, tag: Tag) -> usize {
        usize::from(self.index[usize::from(tag.get())])
    }

    pub(super) fn index(&self) -> Box<[u16]> {
        self.index.clone()
    }

    /// Shows the counts, with those of `tally` that belong to no tag.
    pub(super) fn show(&self, tally: &Tally) {
        let head = [
            (JOINED, tally.joined),
            (HOLES, tally.holes),
            (BATCHES, tally.batches),
            (REDELIVERED, tally.redelivered),
            (REDELIVERED_DEAD, tally.redelivered_dead),
        ];
        for (column, count) in head {
            if self.writer.get(HEAD, column) != count {
                self.writer.set(HEAD, column, count);
            }
        }
        self.writer.show();
    }

    pub(super) fn is_behind(&self) -> bool {
        self.writer.is_behind()
    }
}

impl RowsReader {
    /// The slot's counts, and those of each tag, all of one moment.
    pub(in crate::bus) fn read(&self) -> (Tally, Vec<(Tag, [u64; Fate::ALL.len()])>) {
        let rows = self.reader.read();
        let mut total = [0; Fate::ALL.len()];
        let by_tag = |(tag, row): (&Tag, &[u64; ROW])| {
            let fates: [u64; Fate::ALL.len()] = core::array::from_fn(|fate| row[fate]);
            total.iter_mut().zip(&fates).for_each(|(total, count)| *total += count);
            (*tag, fates)
        };
        let tags = self.tags.iter().zip(&rows[1..]).map(by_tag).collect();
        let [delivered, filtered, dead, dropped, conflated, expired, shed] = total;
        let head = &rows[HEAD];
        let mut tally = Tally {
            delivered,
            filtered,
            dead,
            dropped,
            conflated,
            expired,
            shed,
            joined: head[JOINED],
            holes: head[HOLES],
            batches: head[BATCHES],
            redelivered: head[REDELIVERED],
            redelivered_dead: head[REDELIVERED_DEAD],
            position: 0,
        };
        tally.position = tally.accounted();
        (tally, tags)
    }
}
