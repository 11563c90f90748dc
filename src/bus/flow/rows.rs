//! What became of each event of a slot, by tag: the slot's own account, shown to others after each turn.

use super::fate::{Fate, Fates};
use super::lane_order::LANES_MAX;
use crate::bus::tally::Tally;
use crate::counters::{LedgerReader, LedgerWriter, ROW, ledger};
use crate::event::{MAX_TAGS, Tag, TagSet};
use core::cell::Cell;

/// The head row holds what belongs to no tag.
const HEAD: usize = 0;
const JOINED: usize = 0;
const HOLES: usize = 1;
const BATCHES: usize = 2;
const REDELIVERED: usize = 3;
const REDELIVERED_DEAD: usize = 4;

/// A lane's row holds its fates, then its holes.
const LANE_HOLES: usize = Fate::ALL.len();

const _: () =
    assert!(Fate::ALL.len() < ROW && LANES_MAX <= ROW, "a row holds all fates and one count more, and all lanes");

/// The slot thread's side. Counts through a shared borrow: source and loop both have it.
pub(in crate::bus) struct Rows {
    writer: LedgerWriter,
    /// The row of each tag; 0: none.
    index: Box<[u16]>,
    /// The row where the lanes begin, one each, and behind them that of where they joined; 0: the bus has no lanes.
    lanes: usize,
    /// The row of the lane at hand; 0: none.
    lane: Cell<usize>,
}

/// The reading side.
#[derive(Clone)]
pub(in crate::bus) struct RowsReader {
    reader: LedgerReader,
    tags: Vec<Tag>,
    lanes: usize,
}

/// What a slot has done with the events of one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::bus) struct LaneCounts {
    pub(in crate::bus) joined: u64,
    pub(in crate::bus) holes: u64,
    pub(in crate::bus) fates: Fates,
}

/// The account of a slot on a bus with these tags; `lanes` is 0 unless the bus has lanes.
pub(in crate::bus) fn rows(family: &TagSet, lanes: usize) -> (Rows, RowsReader) {
    let tags: Vec<Tag> = family.iter().collect();
    let lane_rows = if lanes > 0 { lanes + 1 } else { 0 };
    let (writer, reader) = ledger(tags.len() + 1 + lane_rows);
    let mut index = vec![0; MAX_TAGS].into_boxed_slice();
    for (row, tag) in (1..).zip(&tags) {
        index[usize::from(tag.get())] = row;
    }
    let first = if lanes > 0 { tags.len() + 1 } else { 0 };
    (Rows { writer, index, lanes: first, lane: Cell::new(first) }, RowsReader { reader, tags, lanes })
}

impl Rows {
    /// So many events of this tag met this fate.
    #[inline]
    pub(super) fn count(&self, tag: Tag, fate: Fate, events: u64) {
        self.writer.add(usize::from(self.index[usize::from(tag.get())]), fate as usize, events);
        let lane = self.lane.get();
        if lane > 0 {
            self.writer.add(lane, fate as usize, events);
        }
    }

    /// What is counted from here on came in this lane.
    #[inline]
    pub(super) fn set_lane(&self, lane: usize) {
        self.lane.set(self.lanes + lane);
    }

    /// Where the slot's reader of a lane began. On a bus with lanes alone.
    pub(super) fn lane_joined(&self, lane: usize, position: u64) {
        self.writer.set(self.lanes_joined(), lane, position);
    }

    /// Where the reader of the lane at hand stands: what it has covered and was no event was a hole.
    #[inline]
    pub(super) fn lane_stands(&self, position: u64) {
        let row = self.lane.get();
        let joined = self.writer.get(self.lanes_joined(), row - self.lanes);
        let events: u64 = (0..Fate::ALL.len()).map(|fate| self.writer.get(row, fate)).sum();
        let holes = position - joined - events;
        if self.writer.get(row, LANE_HOLES) != holes {
            self.writer.set(row, LANE_HOLES, holes);
        }
    }

    /// The last row.
    fn lanes_joined(&self) -> usize {
        self.writer.rows() - 1
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

    /// Shows what was kept back because somebody was reading.
    pub(super) fn show_now(&self) {
        self.writer.show_now();
    }

    pub(super) fn is_behind(&self) -> bool {
        self.writer.is_behind()
    }
}

impl RowsReader {
    /// The slot's counts, and those of each tag, all of one moment.
    pub(in crate::bus) fn read(&self) -> (Tally, Vec<(Tag, Fates)>) {
        let rows = self.reader.read();
        let mut total = [0; Fate::ALL.len()];
        let by_tag = |(tag, row): (&Tag, &[u64; ROW])| {
            let fates: Fates = core::array::from_fn(|fate| row[fate]);
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

    /// The counts of each lane, of one moment; empty on a bus without lanes.
    pub(in crate::bus) fn lanes(&self) -> Vec<LaneCounts> {
        if self.lanes == 0 {
            return Vec::new();
        }
        let rows = self.reader.read();
        let lanes = &rows[self.tags.len() + 1..];
        let counts = |lane: usize| LaneCounts {
            joined: lanes[self.lanes][lane],
            holes: lanes[lane][LANE_HOLES],
            fates: core::array::from_fn(|fate| lanes[lane][fate]),
        };
        (0..self.lanes).map(counts).collect()
    }
}
