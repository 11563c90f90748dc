//! What a slot does when its handler panics.

use core::time::Duration;

/// What a slot does when its handler panics. In each case the panic is counted and its message kept, the event that met it is not
/// handed to this handler again, and no publisher hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanicPolicy {
    /// Count the event as dead and go on with the next one.
    Skip,
    /// Count the event as dead, pause, tell the handler (`on_restart`) and go on. More than `max` restarts within any `window`: the slot
    /// fails and stops gating. The pause is drawn evenly from 0 to a bound, which is `pause` at first, doubles with each restart in the
    /// window and does not grow beyond `pause_max` (nor a day). The ring fills meanwhile, other slots of the thread go on. All times
    /// are those of the bus's clock.
    Restart {
        /// Restarts allowed within the window.
        max: u32,
        /// The window, which slides.
        window: Duration,
        /// The bound of the first pause.
        pause: Duration,
        /// The bound of any pause.
        pause_max: Duration,
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
