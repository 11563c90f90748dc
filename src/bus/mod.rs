//! The bus: one ring and its slots. A publisher puts typed events in; fixed slots, each hosted by one pinned thread, hand them to
//! their handlers where they lie.
//!
//! Uses the ring, events, clock and histograms; knows nothing of configuration, journals or feeds. Nothing here is spawned, boxed or
//! allocated per event.

mod affinity;
mod builder;
mod bytes;
mod context;
mod error;
mod handle;
mod handler;
mod measure;
mod name;
mod policy;
mod publisher;
mod slot;
mod slot_builder;
mod thread;

pub use affinity::{CoreError, allowed_cores, pin_current_thread};
pub use builder::{Bus, BusBuilder};
pub use bytes::BytesError;
pub use context::Context;
pub use error::{AttachError, DetachError, PublishFailure};
pub use handle::{SlotHandle, SlotState, SlotStats};
pub use handler::{Handler, Outcome};
pub use measure::{Measure, SlotLatencies, TagLatencies};
pub use name::Name;
pub use policy::PanicPolicy;
pub use publisher::{Batch, BusPublisher, Envelope, Publisher, SharedPublisher, Stamping};
pub use slot::LocalSlot;
pub use slot_builder::SlotBuilder;
pub use thread::{SlotThread, SlotThreadBuilder, ThreadError, ThreadReport};
