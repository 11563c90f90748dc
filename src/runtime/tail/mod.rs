//! What the kernel knows of slow events: the slots say where the time went, as far as a thread can know by itself; the service thread adds
//! whether the thread was running at all meanwhile, and why not.
//!
//! `kernel` keeps what the kernel counts of each slot thread, `finding` holds an outlier against that, `watch` does both for all slots at
//! each look, and `report` is what is read.

mod finding;
mod kernel;
mod report;
mod watch;

pub use finding::{Absence, Explained};
pub use report::{SlotTailReport, Slowest, TagTail, TailReport};

pub(super) use watch::{TailBook, TailWatch};
