//! Guards: what a bus does when there is more than it can do. Pure state machines that whoever watches feeds, and the small shared words through which
//! publishers and slots learn what was decided.
//!
//! Uses events and the bus's seams; knows nothing of configuration, threads or time other than what it is told.

mod degradation;
mod mode;
mod mode_cell;
mod rules;
mod shed_counts;
mod shed_gate;
mod shedder;

pub use degradation::{Degradation, Load, ModeCause, ModeChange, Threshold, Thresholds};
pub use mode::Mode;
pub use mode_cell::ModeCell;
pub use rules::{Rules, ShedReason};
pub use shed_counts::{ShedCounts, TagShed};
pub use shedder::Shedder;
