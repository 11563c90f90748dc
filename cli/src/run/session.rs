//! The synthetic session as a reader. It is made part by part, so that memory stays bounded however long it is; making it is not
//! what is measured, so the run's clock stands still for every part but the first, which is made before the run.

use super::ending::Ending;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tagring_market::exchange::Session;

/// Messages of a part: 285 MB. The default session is one part.
const PART: u64 = 1 << 23;
/// Messages that are made between two looks at Ctrl-C.
const MADE_AT_ONCE: u64 = 1 << 18;
/// Bytes of a message, on average and rounded up, with its length.
const MESSAGE_BYTES: usize = 34;

/// Time spent making parts that the feed has not accounted for yet.
#[derive(Default)]
pub(crate) struct Pause(AtomicU64);

impl Pause {
    /// Takes it, if there is any.
    #[inline]
    pub(crate) fn take(&self) -> Option<Duration> {
        let any = self.0.load(Ordering::Relaxed) > 0;
        any.then(|| Duration::from_nanos(self.0.swap(0, Ordering::Relaxed)))
    }
}

pub(crate) struct Making {
    session: Session,
    messages: u64,
    /// Messages of a part.
    step: u64,
    part: Vec<u8>,
    at: usize,
    is_closed: bool,
    ending: Arc<Ending>,
    pause: Arc<Pause>,
}

impl Making {
    pub(crate) fn new(seed: u64, messages: u64, ending: Arc<Ending>, pause: Arc<Pause>) -> Self {
        let part = Vec::with_capacity(bytes(messages));
        Self { session: Session::new(seed), messages, step: PART, part, at: 0, is_closed: false, ending, pause }
    }

    #[cold]
    fn make(&mut self) {
        let start = Instant::now();
        self.part.clear();
        self.at = 0;
        let end = (self.session.written() + self.step).min(self.messages);
        while self.session.written() < end && !self.ending.is_set() {
            self.session.write((self.session.written() + MADE_AT_ONCE).min(end), &mut self.part);
        }
        if self.session.written() >= self.messages || self.ending.is_set() {
            self.session.close(&mut self.part);
            self.is_closed = true;
        }
        self.pause.0.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}

impl Read for Making {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.part.len() && !self.is_closed {
            self.make();
        }
        let read = (&self.part[self.at..]).read(into)?;
        self.at += read;
        Ok(read)
    }
}

/// Memory that a session takes.
pub(crate) fn bytes(messages: u64) -> usize {
    // Some more, for the messages that open and close the day.
    (messages.min(PART) as usize + 64) * MESSAGE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_made_in_parts_is_the_same_and_tells_the_time_it_took() {
        let stop = tagring::runtime::Runtime::new(Default::default()).unwrap().stop_handle();
        let ending = Arc::new(Ending::new(stop));
        let read = |step| {
            let pause = Arc::<Pause>::default();
            let mut making = Making::new(7, 10_000, Arc::clone(&ending), Arc::clone(&pause));
            making.step = step;
            let mut all = Vec::new();
            making.read_to_end(&mut all).unwrap();
            assert!(pause.take().is_some() && pause.take().is_none());
            (all, making.part.len())
        };
        let ((whole, one_part), (parts, last_part)) = (read(PART), read(999));
        assert!(whole == parts && one_part == whole.len() && last_part < whole.len() / 9);
    }
}
