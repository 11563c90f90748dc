//! Lines on their way to the target: one write for all that is there. What a write does not take is tried again, from where it stopped, also after
//! errors and panics of the target; nothing is dropped before the end, and nothing here panics.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Bytes that are gathered before they are written.
pub(crate) const FULL: usize = 256 * 1024;
/// The pause after a failure; each further one doubles it, as long as nothing goes out.
const PAUSE_FIRST: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Lines, and where they go.
pub(crate) struct Outbox {
    target: Box<dyn Write + Send>,
    pub(crate) bytes: Vec<u8>,
    sent: usize,
    /// Where each record ends.
    ends: Vec<usize>,
    /// Records that went out whole, of `ends`.
    done: usize,
    needs_flush: bool,
    pause: Duration,
    retry: Option<Instant>,
}

/// What a try came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Records whose last byte went out.
    pub(crate) records: u64,
    /// Failures.
    pub(crate) errors: u64,
}

impl Outbox {
    pub(crate) fn new(target: Box<dyn Write + Send>) -> Self {
        Self {
            target,
            bytes: Vec::with_capacity(FULL),
            sent: 0,
            ends: Vec::new(),
            done: 0,
            needs_flush: false,
            pause: PAUSE_FIRST,
            retry: None,
        }
    }

    /// What stands in `bytes` now ends a record.
    pub(crate) fn end_record(&mut self) {
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// Whether all went out.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.needs_flush
    }

    /// Records that did not go out.
    pub(crate) fn left(&self) -> u64 {
        (self.ends.len() - self.done) as u64
    }

    /// When to try again after a failure.
    pub(crate) fn retry_in(&self) -> Option<Duration> {
        self.retry.map(|retry| retry.saturating_duration_since(Instant::now()))
    }

    /// Writes what is there, unless the last failure was a moment ago and `now_or_never` is not set.
    pub(crate) fn send(&mut self, now_or_never: bool) -> Sent {
        let mut sent = Sent::default();
        if !now_or_never && self.retry_in().is_some_and(|left| !left.is_zero()) {
            return sent;
        }
        let before = self.sent;
        let result = self.write_all().and_then(|()| self.flush());
        if self.sent > before {
            self.pause = PAUSE_FIRST;
        }
        let whole = self.ends[self.done..].iter().take_while(|&&end| end <= self.sent).count();
        self.done += whole;
        sent.records = whole as u64;
        match result {
            Ok(()) => {
                self.bytes.clear();
                self.ends.clear();
                (self.sent, self.done, self.retry, self.pause) = (0, 0, None, PAUSE_FIRST);
            }
            Err(_) => {
                sent.errors = 1;
                self.retry = Some(Instant::now() + self.pause);
                self.pause = (self.pause * 2).min(PAUSE_MAX);
            }
        }
        sent
    }

    fn write_all(&mut self) -> io::Result<()> {
        while self.sent < self.bytes.len() {
            let rest = &self.bytes[self.sent..];
            match guarded(|| self.target.write(rest)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                // A target that claims more than it was given took all of it.
                Ok(taken) => self.sent = (self.sent + taken).min(self.bytes.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.needs_flush = true;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.needs_flush {
            guarded(|| self.target.flush())?;
            self.needs_flush = false;
        }
        Ok(())
    }

    /// The end: the target is dropped, whatever it does then.
    pub(crate) fn close(self) {
        let _ = guarded(|| {
            drop(self.target);
            Ok(())
        });
    }
}

/// A panic of the target is a failure as any other.
fn guarded<R>(call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(io::Error::other("the target panicked")))
}
