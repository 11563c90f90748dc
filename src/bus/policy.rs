//! What a slot does when its handler panics.

use core::time::Duration;

/// What a slot does when its handler panics. In each case the panic is counted and its message kept, the event that met it is not
/// handed to this handler again, and no publisher hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanicPolicy {
    /// Count the event as dead and go on with the next one.
    Skip,
    /// Count the event as dead, pause, tell the handler (`on_restart`) and go on. More than `max` restarts within `window`: the slot
    /// fails and stops gating. The pause starts at `pause` and doubles with each restart in the window; the ring fills
    /// meanwhile, other slots of the thread go on.
    Restart {
        /// Restarts allowed within the window.
        max: u32,
        /// The window.
        window: Duration,
        /// The first pause.
        pause: Duration,
    },
    /// Stop the slot: it no longer gates, publishers and other slots go on at speed.
    Quarantine,
    /// Abort the process, after the message is printed.
    Abort,
}

impl Default for PanicPolicy {
    /// Quarantine: a handler whose state may be broken sees nothing more, and nobody waits for it.
    fn default() -> Self {
        Self::Quarantine
    }
}
