//! A slot's own way to the dead letters. Its thread calls this on cold paths alone, and neither locks, waits nor allocates here.

use super::dead_letters::Books;
use super::letter::LetterCell;
#[cfg(feature = "faults")]
use crate::bus::Name;
use crate::bus::{Dead, DeadLetterSink, Returned};
use crate::event::Family;
use crate::ring::SharedPublisher;
use crossbeam_channel::Receiver;
use std::sync::Arc;

/// What a slot is given when it is connected.
pub(super) struct Sink<F: Family> {
    pub(super) books: Arc<Books>,
    /// Where letters go.
    pub(super) inbox: SharedPublisher<LetterCell<F::Cell>>,
    /// Where they come back.
    pub(super) returned: Receiver<LetterCell<F::Cell>>,
    /// The slot's name.
    pub(super) slot: [u8; 32],
}

impl<F: Family> DeadLetterSink<F::Cell> for Sink<F> {
    fn bury(&mut self, dead: Dead<'_, F::Cell>) {
        crate::fault!(crate::faults::points::LETTER, Name::from_bytes(self.slot).as_str(); Error => return self.books.refuse(dead.reason));
        if !self.books.admit(dead.reason, dead.attempt) {
            return;
        }
        let published = self.inbox.try_publish(LetterCell {
            cell: *dead.cell,
            sequence: dead.sequence,
            time: dead.time.0,
            slot: self.slot,
            bytes_len: u32::try_from(dead.bytes_len).unwrap_or(u32::MAX),
            attempt: u16::try_from(dead.attempt).unwrap_or(u16::MAX),
            reason: dead.reason as u8,
            lane: dead.lane as u8,
        });
        if published.is_err() {
            // The books admit no more letters than the ring has cells.
            debug_assert!(false, "the ring of dead letters refused one that was admitted");
            self.books.overflow_after_all();
        }
    }

    fn next_returned(&mut self) -> Option<Returned<F::Cell>> {
        let LetterCell { cell, sequence, attempt, lane, .. } = self.returned.try_recv().ok()?;
        self.books.took_back();
        Some(Returned { cell, sequence, lane: usize::from(lane), attempts: u32::from(attempt) })
    }
}
