//! The runtime: one value that owns buses, threads, cores, limits, failures and shutdown. Nothing of it is global: two runtimes in a
//! process do not see each other.
//!
//! [`Runtime`] is what is being built: from a [`config::Config`] come buses, to which handlers and feeds are given; nothing runs. Its
//! `start` gives [`Running`]: threads exist from there on and none comes later. Its `shutdown` ends all of it within one deadline and
//! returns the account.

mod accounts;
mod attachment;
mod bus_group;
mod bus_modes;
pub mod config;
mod cut_off;
mod error;
mod feed;
mod gates;
mod groups;
mod hosted_bus;
mod hosted_history;
mod hosted_slot;
pub mod machine;
mod mode_watch;
mod notice;
mod plan;
mod queued;
mod registry;
mod reserve;
mod running;
mod runtime_bus;
mod runtime_value;
mod service;
mod shared;
mod shutdown;
#[cfg(feature = "signals")]
mod signals;
#[cfg(feature = "sim")]
pub(crate) mod simulated;
mod snapshot;
mod stage;
mod start;
mod stop;
pub mod system;
pub mod tail;
pub mod watchdog;

pub use accounts::{
    Accounts, BusAccount, Imbalance, Imbalances, LetterAccount, Loss, PublisherAccount, SlotAccount, TagAccount,
};
pub use attachment::{Attachment, LeaveError};
pub use bus_group::RuntimeGroup;
pub use bus_modes::{BusModes, ModesSnapshot};
pub use error::{Kind, RuntimeError};
pub use feed::{Feed, FeedEnd, FeedError};
pub use gates::PublisherSnapshot;
pub use notice::Notice;
pub use plan::Plan;
pub use running::{Running, Waited};
pub use runtime_bus::RuntimeBus;
pub use runtime_value::Runtime;
pub use shared::SYSTEM_BUS;
pub use shutdown::{BusReport, Deadline, FeedReport, ShutdownReport, SlotReport};
#[cfg(feature = "signals")]
pub use signals::Signals;
pub use snapshot::{BusSnapshot, FeedSnapshot, HistorySnapshot, LaneSnapshot, SlotSnapshot, Snapshot, ThreadSnapshot};
pub use stage::Stage;
pub use start::{StartError, StartFailure, StartReport};
pub use stop::{StopHandle, StopReason};
