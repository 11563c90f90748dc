//! Where the time of slow events went: for each event that takes too long from its intended time to its end, the slot keeps a record that says
//! how much of that was whose.
//!
//! [`Timeline`] is the slot thread's side: it knows when the slot last found its ring empty and for which stretches its thread did something
//! else, or nothing. From those, and from the event's own four times, it makes an [`Outlier`] on a cold path; [`TailLog`] is where others read
//! them. Per event that costs one comparison with what the slot has measured already; per turn one more, and one load. A slot that measures
//! nothing has no timeline.

mod cause;
mod log;
mod outlier;
mod settings;
mod timeline;

pub use cause::{Parts, TailCause};
pub use log::{Band, SlotTail};
pub use outlier::Outlier;
pub use settings::Tail;

pub(super) use log::TailLog;
pub(super) use timeline::{Around, Timeline};
