//! A slot on its way: given to the runtime with its handler, initialised, attached to its thread, started. Each step is a closure that
//! knows the types which the runtime does not.

use super::error::RuntimeError;
use super::hosted_bus::HostedBus;
use super::hosted_slot::HostedSlot;
use crate::bus::{AttachError, Handler, Name, SlotHandle, SlotThread, SlotView, initialise};
use crate::event::Family;
use crate::ring::ReaderId;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

/// Waits until the slot has started.
pub(super) type Wait = Box<dyn FnOnce(Duration) -> Result<SlotView, AttachError>>;
/// Joins the ring and sends the slot to its thread; `after` are the places it runs after.
pub(super) type Attach = Box<dyn FnOnce(&SlotThread, &[ReaderId]) -> Result<(ReaderId, Wait), RuntimeError> + Send>;
/// Runs `on_init`, on whatever thread.
pub(super) type Init = Box<dyn FnOnce() -> Result<Attach, AttachError> + Send>;

/// A slot that waits for the start.
pub(super) struct Queued {
    pub(super) bus: Name,
    pub(super) slot: Arc<HostedSlot>,
    pub(super) init: Init,
}

impl Queued {
    pub(super) fn new<F: Family, H: Handler>(
        bus: &Arc<HostedBus<F>>,
        slot: &Arc<HostedSlot>,
        seed: u64,
        mut handler: H,
        handle: Arc<OnceLock<SlotHandle<H>>>,
    ) -> Self {
        let (hosted, place) = (Arc::clone(bus), Arc::clone(slot));
        let init = move || {
            if let Err(error) = initialise(place.name, &mut handler) {
                // A panic of its drop says less than why it is dropped, and must not reach who waits for it.
                let _ = catch_unwind(AssertUnwindSafe(move || drop(handler)));
                return Err(error);
            }
            let attach: Attach = Box::new(move |thread, after| {
                let mut builder = hosted.slot_builder(&place, seed)?;
                for reader in after {
                    builder = builder.after(*reader);
                }
                let pending = builder.attach_later(thread, handler)?;
                let id = pending.view().id();
                // Visible from here on: also one whose `on_start` does not return.
                let _ = place.thread.set(thread.name());
                let _ = place.view.set(pending.view().clone());
                let wait: Wait = Box::new(move |limit| {
                    let started = pending.wait(limit)?;
                    let view = started.view().clone();
                    let _ = handle.set(started);
                    Ok(view)
                });
                Ok((id, wait))
            });
            Ok(attach)
        };
        Self { bus: bus.name, slot: Arc::clone(slot), init: Box::new(init) }
    }
}
