//! The machine a runtime runs on: its cores, who runs on which of them, what the operating system grants, what stands in the way, and
//! what a thread does with its time. The runtime calls these in that order when it starts; a watchdog calls the last.
//!
//! Everything that is read comes from `/sys` and `/proc`. What is missing there degrades to a plain answer, never to a panic.

mod activity;
mod busy;
mod core_list;
mod demand;
mod finding;
mod grants;
mod kernel_files;
mod placed;
mod placement;
mod placement_error;
mod preflight;
mod preflight_cores;
mod preflight_limits;
mod process;
mod topology;

pub use activity::{Activity, ThreadClock, ThreadSpan, ThreadTimes};
pub use busy::{CpuTimes, Load};
pub use demand::{Demand, DemandKind, Waits};
pub use finding::{Finding, FindingKind, Severity};
pub use grants::{
    GrantKind, Granted, MemoryRange, NotGranted, huge_pages, lock_memory, ordinary_scheduling, prefault,
    prefault_stack, realtime, unlock_memory,
};
pub use placed::{Placed, Placement, Why};
pub use placement::place;
pub use placement_error::{PlacementError, Wanted, Who};
pub use preflight::Preflight;
pub(super) use process::resident_bytes;
pub use topology::{Core, Topology};
