//! The worker of a shard: a handler around the user's that says how far it is, so that its publisher knows where another one goes on if it dies.

use crate::bus::context::Context;
use crate::bus::flow::Gap;
use crate::bus::group::{Begun, Lease};
use crate::bus::handler::{Handler, InitError, Outcome};
use crate::bus::view::SlotView;
use crate::event::Event;
use std::sync::{Arc, OnceLock};

/// What the worker and its publisher share.
pub(super) struct Work {
    pub(super) lease: Lease,
    pub(super) view: OnceLock<SlotView>,
}

/// The worker of a shard as its publisher knows it: see [`super::Sharded::add`].
pub struct Shard(pub(super) Arc<Work>);

/// The handler of a shard's worker: to be attached to a slot of the shard's bus.
pub struct ShardWorker<H> {
    handler: H,
    work: Arc<Work>,
}

impl Shard {
    /// Makes a handler the worker of a shard.
    #[must_use]
    pub fn worker<H: Handler>(handler: H) -> (ShardWorker<H>, Self) {
        let work = Arc::new(Work { lease: Lease::new(), view: OnceLock::new() });
        (ShardWorker { handler, work: Arc::clone(&work) }, Self(work))
    }
}

impl<H> ShardWorker<H> {
    /// The user's handler.
    #[must_use]
    pub fn into_inner(self) -> H {
        self.handler
    }

    /// The user's handler.
    #[must_use]
    pub fn handler(&self) -> &H {
        &self.handler
    }
}

impl<H: Handler> Handler for ShardWorker<H> {
    fn on_init(&mut self) -> Result<(), InitError> {
        self.handler.on_init()
    }

    fn on_attach(&mut self, slot: &SlotView) {
        let _ = self.work.view.set(slot.clone());
        self.handler.on_attach(slot);
    }

    fn on_start(&mut self, ctx: &mut Context) {
        self.handler.on_start(ctx);
    }

    #[inline(always)]
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        if ctx.attempt() > 1 {
            return self.handler.on_event(event, ctx);
        }
        match self.work.lease.begin(ctx.sequence()) {
            Begun::Yes => self.handler.on_event(event, ctx),
            Begun::Left => Outcome::Passed,
            Begun::Lost => Outcome::Dead,
        }
    }

    fn on_gap(&mut self, gap: &Gap<'_>, ctx: &mut Context) {
        self.handler.on_gap(gap, ctx);
    }

    #[inline(always)]
    fn on_batch_end(&mut self, ctx: &mut Context) {
        self.handler.on_batch_end(ctx);
    }

    #[inline(always)]
    fn on_idle(&mut self, ctx: &mut Context) {
        self.handler.on_idle(ctx);
    }

    fn on_restart(&mut self, ctx: &mut Context) {
        self.handler.on_restart(ctx);
    }

    fn on_stop(&mut self, ctx: &mut Context) {
        self.handler.on_stop(ctx);
    }

    fn on_failed(&mut self, ctx: &mut Context) {
        self.handler.on_failed(ctx);
    }
}
