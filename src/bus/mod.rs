//! The bus: one ring and its slots. A publisher puts typed events in; fixed slots, each hosted by one pinned thread, hand them to
//! their handlers where they lie.
//!
//! Uses the ring, events, clock and histograms; knows nothing of configuration, journals or feeds. Nothing here is spawned, boxed or
//! allocated per event.

mod affinity;
mod beat;
mod builder;
mod bytes;
mod context;
mod dead;
mod duty;
mod error;
mod flow;
mod group;
mod handle;
mod handler;
mod hosting;
mod jitter;
mod lanes;
mod local_slot;
mod measure;
mod name;
mod overflow;
mod pending;
mod policy;
mod publisher;
mod restarts;
mod shard;
mod shared;
mod slot;
mod slot_builder;
mod state;
mod tail;
mod tally;
mod thread;
mod view;

pub(crate) use affinity::keep_current_thread_to;
pub use affinity::{CoreError, allowed_cores, pin_current_thread};
pub use beat::{Phase, Progress};
pub use builder::{Bus, BusBuilder};
pub use bytes::BytesError;
pub use context::Context;
pub use dead::{Dead, DeadLetterOffice, DeadLetterSink, DeadReason, Returned};
pub use duty::DutyTimes;
pub use error::{AttachError, DetachError, PublishFailure};
pub use flow::{Admission, Fate, Fates, Gap, LANES_MAX, LanePolicy, SlotOverflow};
pub(crate) use flow::{account_bytes, flow_bytes};
pub(crate) use group::LookAfter;
pub use group::{Group, GroupBuilder, GroupError, GroupStats, Member, MemberCounts, MemberStats, Partitions};
pub use handle::SlotHandle;
pub use handler::{Handler, InitError, Outcome};
#[cfg(any(feature = "faults", feature = "sim"))]
pub(crate) use jitter::SplitMix64;
pub use lanes::{LaneStats, Lanes, LanesBuilder, LanesError};
pub use local_slot::LocalSlot;
pub use measure::{Measure, SlotLatencies, TagLatencies};
pub use name::Name;
pub use overflow::Overflow;
pub use pending::Pending;
pub use policy::PanicPolicy;
pub(crate) use publisher::RingPublisher;
pub use publisher::{Batch, BusPublisher, Envelope, Publisher, SharedPublisher, Stamping};
pub use shard::{Shard, ShardError, ShardStats, ShardWorker, Sharded, ShardedStats};
pub(crate) use slot::message as panic_message;
pub use slot_builder::SlotBuilder;
pub(crate) use slot_builder::initialise;
pub use state::SlotState;
pub use tail::{Band, Outlier, Parts, SlotTail, Tail, TailCause};
pub use thread::{SlotThread, SlotThreadBuilder, ThreadError, ThreadReport, ThreadStats};
pub use view::{SlotStats, SlotView};
