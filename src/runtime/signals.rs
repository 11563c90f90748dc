//! SIGINT and SIGTERM: the first asks for a graceful stop, a second ends the process at once. Taken over before any thread starts, by the start
//! or by whoever asked before, and given up when the value goes. There is no thread for them: the handler sets a flag that
//! [`super::Running::wait`] looks at.

use super::stop::Stop;
use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Signals that come sooner than this after the first mean the same request: a terminal and a supervisor often both send one.
const SAME_REQUEST_NS: u64 = 200_000_000;

/// Signals are one process's: of several runtimes one has them. The address of its wish to stop; 0: none has.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// SIGINT and SIGTERM, as long as this value lives: the first asks the runtime to stop, a second ends the process at once. Without it they are
/// ignored.
#[must_use = "the signals are given up when this goes"]
pub struct Signals(Vec<SigId>);

impl Signals {
    /// Takes the signals over; `None` where this runtime has them already.
    ///
    /// # Errors
    /// In words: another runtime of this process has them, or the system refused.
    pub(super) fn take_over(stop: &Arc<Stop>) -> Result<Option<Self>, String> {
        let ours = Arc::as_ptr(stop).addr();
        match TAKEN.compare_exchange(0, ours, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => {}
            Err(taken) if taken == ours => return Ok(None),
            Err(_) => return Err("another runtime of this process has taken SIGINT and SIGTERM over".into()),
        }
        let mut signals = Self(Vec::new());
        let first_ns = Arc::new(AtomicU64::new(0));
        for signal in [SIGINT, SIGTERM] {
            let (stop, first_ns) = (Arc::clone(stop), Arc::clone(&first_ns));
            let handle = move || {
                let now = now_ns();
                match first_ns.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => stop.signal(signal),
                    Err(first) if now.saturating_sub(first) < SAME_REQUEST_NS => {}
                    Err(_) => signal_hook::low_level::exit(128 + signal),
                }
            };
            // SAFETY: the handler does what is safe in a signal's: relaxed atomics, `clock_gettime`, `_exit`. It allocates nothing,
            // takes no lock and does not panic; what it captures is dropped only when it is unregistered.
            let id = unsafe { signal_hook::low_level::register(signal, handle) };
            signals.0.push(id.map_err(|error| error.to_string())?);
        }
        Ok(Some(signals))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.0.drain(..) {
            signal_hook::low_level::unregister(id);
        }
        TAKEN.store(0, Ordering::Relaxed);
    }
}

/// The monotonic clock; never 0.
fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    (now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64).max(1)
}
