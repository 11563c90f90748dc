//! What ends a feed before its input does: a signal that the runtime took over, or the time asked for. The pacer, and a reader that waits for a
//! pipe, look at it, also before the runtime has started.

use crate::report::Ended;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tagring::runtime::StopHandle;

/// How long a reader waits for a silent pipe before it looks whether the feed is to end.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

pub(crate) struct Ending {
    stop: StopHandle,
    overdue: AtomicBool,
    /// The source is open; from here on the main thread looks after the time.
    opened: AtomicBool,
}

impl Ending {
    pub(crate) fn new(stop: StopHandle) -> Self {
        Self { stop, overdue: AtomicBool::new(false), opened: AtomicBool::new(false) }
    }

    /// The feed can begin: its time is counted from here on.
    pub(crate) fn set_opened(&self) {
        self.opened.store(true, Ordering::Relaxed);
    }

    /// The time asked for is over.
    pub(crate) fn set_overdue(&self) {
        self.overdue.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_interrupted(&self) -> bool {
        self.stop.reason().is_some()
    }

    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.is_interrupted() || self.overdue.load(Ordering::Relaxed)
    }

    /// What ended a feed that stopped before its input's end.
    pub(crate) fn why(&self) -> Ended {
        if self.is_interrupted() { Ended::Interrupted } else { Ended::Seconds }
    }
}

/// A pipe, which is at its end as soon as the feed is to end: a silent one must hold neither Ctrl-C nor `--seconds`.
pub(crate) struct Pipe {
    file: File,
    ending: Arc<Ending>,
    /// The wait for something that the feed could begin with is to end by then.
    until: Option<Instant>,
}

impl Pipe {
    pub(crate) fn new(file: File, ending: Arc<Ending>, seconds: Option<f64>) -> Self {
        let until = seconds.and_then(|seconds| Instant::now().checked_add(Duration::from_secs_f64(seconds)));
        Self { file, ending, until }
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.ending.opened.load(Ordering::Relaxed) && self.until.is_some_and(|until| Instant::now() >= until) {
                self.ending.set_overdue();
            }
            if self.ending.is_set() {
                return Ok(0);
            }
            let ready = match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&LOOK)) {
                Ok(ready) => ready > 0,
                Err(rustix::io::Errno::INTR) => false,
                // What cannot be waited for can be read.
                Err(_) => true,
            };
            if ready {
                match self.file.read(into) {
                    // Somebody else was faster.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return read,
                }
            }
        }
    }
}
