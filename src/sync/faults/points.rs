//! The fault points of the library. `docs/guide/faults.md` has them as a table, and a test compares.

crate::fault_points! {
    /// A publisher is about to claim room, for an event or a batch. Error: the ring is full at that moment, whatever it holds.
    PUBLISH = "bus.publish", of "the bus", takes [Delay, Error, Panic];
    /// A slot is about to take its turn. Drop: it takes none, as if nothing was there. Panic: its thread dies, with all its slots.
    TURN = "slot.turn", of "the slot", takes [Delay, Drop, Panic];
    /// A slot's handler is about to be given an event.
    EVENT = "slot.event", of "the slot", takes [Delay, Dead, Stop, Panic];
    /// A slot's `on_init` is about to run. Error: it refuses.
    INIT = "slot.init", of "the slot", takes [Delay, Error, Panic];
    /// A thread is about to be started. Error: the operating system has none left.
    THREAD_START = "thread.start", of "the new thread", takes [Delay, Error];
    /// A clock of any kind is read.
    CLOCK_READ = "clock.read", of "`clock`", takes [ClockJump];
    /// A dead letter is about to be kept. Error: the store is full.
    LETTER = "letters.keep", of "the slot", takes [Delay, Error];
    /// Sleepers are about to be woken: after a publication, or because something is asked of a slot. Drop: the wake-up is lost.
    BELL = "bell.ring", of "`bell`", takes [Delay, Drop];
    /// The service thread is about to look around. Drop: it skips this look.
    LOOK = "service.look", of "the runtime", takes [Delay, Drop];
    /// A snapshot has read the slots of a bus, and not yet what was published.
    SNAPSHOT = "runtime.snapshot", of "the bus", takes [Delay];
}
