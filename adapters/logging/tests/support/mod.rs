//! Targets to look into, and subscribers around a logging.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tagring_logging::Logging;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

/// A hang, on any machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Keeps what is written.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A subscriber of this logging alone.
pub(crate) fn dispatch(logging: &Logging) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(logging.layer()))
}

/// Runs with this logging as the calling thread's.
pub(crate) fn under<R>(logging: &Logging, run: impl FnOnce() -> R) -> R {
    tracing::dispatcher::with_default(&dispatch(logging), run)
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < LIMIT, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
