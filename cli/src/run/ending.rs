//! What ends a feed before its input does: Ctrl-C, or the time asked for. Signal handlers and the main thread set it; the pacer, and
//! a reader that waits for a pipe, look at it.

use crate::report::Ended;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How long a reader waits for a silent pipe before it looks whether the feed is to end.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

#[derive(Default)]
pub(crate) struct Ending {
    interrupted: Arc<AtomicBool>,
    overdue: AtomicBool,
}

impl Ending {
    /// Listens for Ctrl-C and requests to terminate. The second one ends the process at once, with `code`.
    ///
    /// # Errors
    /// A signal that cannot be taken over.
    pub(crate) fn listening(code: u8) -> Result<Self, String> {
        let ending = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let flag = || Arc::clone(&ending.interrupted);
            signal_hook::flag::register_conditional_shutdown(signal, i32::from(code), flag())
                .and_then(|_| signal_hook::flag::register(signal, flag()))
                .map_err(|error| format!("signal {signal} cannot be taken over: {error}"))?;
        }
        Ok(ending)
    }

    /// The time asked for is over.
    pub(crate) fn set_overdue(&self) {
        self.overdue.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
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
}

impl Pipe {
    pub(crate) fn new(file: File, ending: Arc<Ending>) -> Self {
        Self { file, ending }
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
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
                return self.file.read(into);
            }
        }
    }
}
