//! The writer's thread: takes records out of the ring, puts them in order, makes lines of them and hands these to the target. Nobody wakes it for a
//! record: it looks by itself, after a pause that follows how much there is. So a thread that logs never calls the kernel.
//!
//! Records of one turn are in the order of their times; those of one thread stay in the order in which it logged them.

use crate::calendar::Calendar;
use crate::cell::{Head, LogCell, Record, cells_of};
use crate::format::{self, Format, Note};
use crate::hot::Hot;
use crate::outbox::{Outbox, Sent};
use crate::pens::PENS;
use crate::thread::silence;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tagring::clock::Ticks;
use tagring::ring::{Polled, Reader};

/// The pause after a turn that found something; each empty one doubles it.
const PAUSE_MIN: Duration = Duration::from_micros(500);
/// Cells taken before they are handed back to those who log.
const TAKEN: usize = 256;

/// What the writer and its owner tell each other.
#[derive(Default)]
pub(crate) struct Control {
    /// Everything below has reached the target.
    pub(crate) done: AtomicU64,
    /// When the writer gives up what it still has.
    deadline: Mutex<Option<Instant>>,
}

impl Control {
    pub(crate) fn end_by(&self, deadline: Instant) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
    }

    fn is_late(&self) -> bool {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// A record in the arena.
struct Entry {
    /// What it is put in order by: its time, or that of an earlier one of its thread.
    key: u64,
    start: usize,
    cells: usize,
}

/// The writer.
pub(crate) struct Writer {
    hot: Arc<Hot>,
    control: Arc<Control>,
    reader: Reader<LogCell>,
    /// Words of the arena at most, but for the last record.
    words_max: usize,
    arena: Vec<u64>,
    entries: Vec<Entry>,
    /// The next entry to make a line of.
    next: usize,
    /// The ring is closed and read to its end.
    is_ended: bool,
    /// Losses told, by pen; and of those that found none.
    told: [u32; PENS],
    told_busy: u64,
    calendar: Calendar,
    format: Format,
    outbox: Outbox,
    pause_max: Duration,
}

impl Writer {
    pub(crate) fn new(
        hot: Arc<Hot>,
        control: Arc<Control>,
        reader: Reader<LogCell>,
        capacity: usize,
        (format, pause_max): (Format, Duration),
        target: Box<dyn std::io::Write + Send>,
    ) -> Self {
        Self {
            calendar: Calendar::new(hot.clock.clone()),
            hot,
            control,
            reader,
            words_max: capacity * size_of::<LogCell>() / 8,
            arena: Vec::new(),
            entries: Vec::new(),
            next: 0,
            is_ended: false,
            told: [0; PENS],
            told_busy: 0,
            format,
            outbox: Outbox::new(target),
            pause_max,
        }
    }

    /// Until the ring is closed and all is written or, once the deadline is over, given up.
    pub(crate) fn run(mut self) {
        silence();
        let mut pause = PAUSE_MIN;
        loop {
            let found = self.turn();
            if self.is_ended && self.next == self.entries.len() && self.outbox.is_empty() {
                break;
            }
            if self.control.is_late() {
                self.give_up();
                break;
            }
            pause = match found {
                0 => (pause * 2).min(self.pause_max),
                _ => PAUSE_MIN.min(self.pause_max),
            };
            // A ring that was a quarter full fills again soon.
            if found * 4 < self.words_max || !self.outbox.is_empty() {
                std::thread::park_timeout(self.outbox.retry_in().map_or(pause, |retry| retry.min(self.pause_max)));
            }
        }
        self.outbox.close();
    }

    /// One look: returns how many words were found.
    fn turn(&mut self) -> usize {
        if !self.outbox.is_empty() && !self.send() {
            return 0;
        }
        let found = if self.next == self.entries.len() { self.gather() } else { 0 };
        self.calendar.look();
        while self.next < self.entries.len() {
            self.next_line();
            if self.outbox.is_full() && !self.send() {
                return found;
            }
        }
        if found < self.words_max {
            self.tell_losses();
        }
        if self.send() {
            // SYNC log-done: whoever waits for a flush sees what the target did with it.
            self.control.done.store(self.reader.position(), Ordering::Release);
        }
        found
    }

    /// Takes what is in the ring.
    fn gather(&mut self) -> usize {
        let Self { reader, arena, entries, .. } = self;
        arena.clear();
        entries.clear();
        self.next = 0;
        let mut missing = 0;
        while arena.len() < self.words_max || missing > 0 {
            match reader.poll(TAKEN) {
                Polled::Batch(batch) => {
                    for (_, cell) in batch.iter() {
                        if missing == 0 {
                            missing = cells_of(cell);
                            entries.push(Entry { key: cell[0], start: arena.len(), cells: missing });
                        }
                        arena.extend_from_slice(cell);
                        missing -= 1;
                    }
                    batch.commit();
                }
                Polled::Empty => break,
                Polled::Closed => {
                    self.is_ended = true;
                    break;
                }
            }
        }
        debug_assert_eq!(missing, 0, "the cells of a record appear together");
        put_in_order(&mut self.entries, &self.arena);
        self.arena.len()
    }

    fn next_line(&mut self) {
        let Entry { start, cells, .. } = self.entries[self.next];
        self.next += 1;
        let words = &self.arena[start..start + cells * size_of::<LogCell>() / 8];
        let Some(record) = Record::of(words) else {
            self.hot.unwritten.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let Head { pen, lost, ticks, .. } = record.head;
        let told = &mut self.told[usize::from(pen) % PENS];
        let before = lost.wrapping_sub(*told).cast_signed();
        if before > 0 {
            *told = lost;
            let note = losses(u64::from(before.cast_unsigned()), "the ring was full");
            format::note(self.format, &note, Ticks(ticks), &self.calendar, &mut self.outbox.bytes);
        }
        format::line(self.format, &record, &self.calendar, &mut self.outbox.bytes);
        self.outbox.end_record();
    }

    /// What was lost and no record tells of, for now.
    fn tell_losses(&mut self) {
        let mut full = 0;
        for (pen, told) in self.told.iter_mut().enumerate() {
            let lost = self.hot.pens.lost_by(pen) as u32;
            full += u64::from(lost.wrapping_sub(*told));
            *told = lost;
        }
        self.tell(full, losses(full, "the ring was full"));
        let busy = self.hot.pens.busy() - self.told_busy;
        self.told_busy += busy;
        self.tell(busy, losses(busy, "too many threads logged at once"));
        if self.is_ended {
            let suppressed = self.hot.limiter.as_ref().map_or(0, |limiter| limiter.untold());
            let text = format!("{suppressed} records suppressed since their callsites' last");
            self.tell(suppressed, Note { text, count: suppressed });
        }
    }

    fn tell(&mut self, count: u64, note: Note) {
        if count > 0 {
            format::note(self.format, &note, self.calendar.now(), &self.calendar, &mut self.outbox.bytes);
        }
    }

    /// Hands over what is there; whether all went out.
    fn send(&mut self) -> bool {
        if !self.outbox.is_empty() {
            let sent = self.outbox.send(false);
            self.count(sent);
        }
        self.outbox.is_empty()
    }

    fn count(&self, Sent { records, errors }: Sent) {
        self.hot.written.fetch_add(records, Ordering::Relaxed);
        self.hot.write_errors.fetch_add(errors, Ordering::Relaxed);
    }

    /// One last try, and an account of what stays behind, to the ring's end.
    #[cold]
    fn give_up(&mut self) {
        let sent = self.outbox.send(true);
        self.count(sent);
        let mut left = self.outbox.left() + (self.entries.len() - self.next) as u64;
        loop {
            let found = self.gather();
            left += self.entries.len() as u64;
            if self.is_ended {
                break;
            }
            // A thread is still inside a record.
            if found == 0 {
                std::thread::park_timeout(PAUSE_MIN);
            }
        }
        self.next = self.entries.len();
        self.hot.unwritten.fetch_add(left, Ordering::Relaxed);
    }
}

fn losses(count: u64, why: &str) -> Note {
    let records = if count == 1 { "record" } else { "records" };
    Note { text: format!("{count} {records} lost: {why}"), count }
}

/// By time, and never against the order of a thread's own, which the ring has kept.
fn put_in_order(entries: &mut [Entry], arena: &[u64]) {
    if entries.is_sorted_by_key(|entry| entry.key) {
        return;
    }
    let mut last = HashMap::new();
    for entry in entries.iter_mut() {
        let thread = Record::of(&arena[entry.start..]).map_or(0, |record| record.head.thread);
        let latest = last.entry(thread).or_insert(0);
        entry.key = entry.key.max(*latest);
        *latest = entry.key;
    }
    entries.sort_by_key(|entry| entry.key);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Draft;

    #[test]
    fn issue_4583_records_are_in_the_order_of_their_times_and_each_threads_in_its_own() {
        // Thread and time; the clock of thread 2 goes back.
        let logged = [(1, 10), (2, 9), (1, 12), (3, 11), (2, 30), (2, 5), (1, 40)];
        let (mut arena, mut entries) = (Vec::new(), Vec::new());
        for (thread, ticks) in logged {
            let start = arena.len();
            arena.extend(Draft::new().seal(Head { ticks, thread, ..Head::default() }).concat());
            entries.push(Entry { key: ticks, start, cells: 1 });
        }
        put_in_order(&mut entries, &arena);
        let head =
            |entry: &Entry| Record::of(&arena[entry.start..]).map(|record| (record.head.thread, record.head.ticks));
        let order: Vec<_> = entries.iter().filter_map(head).collect();
        assert_eq!(order, [(2, 9), (1, 10), (3, 11), (1, 12), (2, 30), (2, 5), (1, 40)]);
    }
}
