//! The user's code in a slot.

use super::Context;
use super::flow::Gap;
use super::view::SlotView;
use crate::event::Event;

/// What `on_init` may fail with: any error.
pub type InitError = Box<dyn std::error::Error + Send + Sync>;

/// What a handler made of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Outcome {
    /// Handled.
    #[default]
    Done,
    /// Refused: counted as dead, the slot goes on.
    Dead,
    /// Handled, and the last one: the slot stops.
    Stop,
    /// Not for this handler: counted as filtered. (Said by a [`super::Member`] over events of other members.)
    Passed,
}

/// The code in a slot. One thread owns it, so its state is plain data without locks.
///
/// ```
/// use tagring::bus::{Context, Handler, Outcome};
/// use tagring::event::Event;
///
/// #[derive(Default)]
/// struct Count(u64);
/// impl Handler for Count {
///     fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
///         self.0 += 1;
///         Outcome::Done
///     }
/// }
/// ```
pub trait Handler: Send + 'static {
    /// Loads what the handler needs: files, tables, connections. Runs once, before the slot joins its bus, and holds nobody back: under a
    /// runtime on a thread of its own, at the same time as others'; else in `attach`, on the calling thread.
    ///
    /// # Errors
    /// Whatever it likes: the slot is then not attached ([`super::AttachError::InitFailed`]).
    fn on_init(&mut self) -> Result<(), InitError> {
        Ok(())
    }

    /// The slot has joined its bus: its events wait for it. Runs where it is attached, before [`Self::on_start`].
    fn on_attach(&mut self, _slot: &SlotView) {}

    /// Runs on the slot's thread before the first event; `attach` waits for it.
    fn on_start(&mut self, _ctx: &mut Context) {}

    /// One event, borrowed where it lies in the ring.
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome;

    /// The slot has lost events because it was too slow for them, as its [`super::SlotOverflow`] allows; before the next event.
    fn on_gap(&mut self, _gap: &Gap<'_>, _ctx: &mut Context) {}

    /// After the last event of a batch: the place to publish or flush what the batch added up to. A slot that measures reads the clock once more
    /// behind it, unless it is this one, which does nothing. (A wrapper that calls it and does more says so: [`Context::did_something`].)
    #[inline(always)]
    fn on_batch_end(&mut self, ctx: &mut Context) {
        ctx.did_nothing = true;
    }

    /// After a poll that found nothing. Runs often: keep it short. Timed like [`Self::on_batch_end`].
    #[inline(always)]
    fn on_idle(&mut self, ctx: &mut Context) {
        ctx.did_nothing = true;
    }

    /// After a panic, before the next event, where the policy is `Restart`.
    fn on_restart(&mut self, _ctx: &mut Context) {}

    /// The slot stops: detached, or the bus is closed and read to its end. Drop publishers here.
    fn on_stop(&mut self, _ctx: &mut Context) {}

    /// The slot has stopped gating for good: quarantined, after a panic or from outside, or restarted too often. Runs instead of `on_stop`.
    /// What the handler holds may be half-changed; publishers that it holds keep their buses open until they are dropped: drop them here
    /// too.
    fn on_failed(&mut self, _ctx: &mut Context) {}
}

macro_rules! tuple_handler {
    ($($name:ident $index:tt),+) => {
        /// Handlers that share a slot: each sees every event, in the tuple's order. The gravest outcome counts.
        impl<$($name: Handler),+> Handler for ($($name,)+) {
            fn on_init(&mut self) -> Result<(), InitError> { $(self.$index.on_init()?;)+ Ok(()) }
            fn on_attach(&mut self, slot: &SlotView) { $(self.$index.on_attach(slot);)+ }
            fn on_start(&mut self, ctx: &mut Context) { $(self.$index.on_start(ctx);)+ }
            #[inline(always)]
            fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
                let mut outcome = Outcome::Passed;
                $(match self.$index.on_event(event, ctx) {
                    Outcome::Passed => {}
                    Outcome::Done => if outcome == Outcome::Passed { outcome = Outcome::Done },
                    Outcome::Dead => if outcome != Outcome::Stop { outcome = Outcome::Dead },
                    Outcome::Stop => outcome = Outcome::Stop,
                })+
                outcome
            }
            fn on_gap(&mut self, gap: &Gap<'_>, ctx: &mut Context) { $(self.$index.on_gap(gap, ctx);)+ }
            #[inline(always)]
            fn on_batch_end(&mut self, ctx: &mut Context) {
                let mut nothing = true;
                $(ctx.did_nothing = false; self.$index.on_batch_end(ctx); nothing &= ctx.did_nothing;)+
                ctx.did_nothing = nothing;
            }
            #[inline(always)]
            fn on_idle(&mut self, ctx: &mut Context) {
                let mut nothing = true;
                $(ctx.did_nothing = false; self.$index.on_idle(ctx); nothing &= ctx.did_nothing;)+
                ctx.did_nothing = nothing;
            }
            fn on_restart(&mut self, ctx: &mut Context) { $(self.$index.on_restart(ctx);)+ }
            fn on_stop(&mut self, ctx: &mut Context) { $(self.$index.on_stop(ctx);)+ }
            fn on_failed(&mut self, ctx: &mut Context) { $(self.$index.on_failed(ctx);)+ }
        }
    };
}
tuple_handler!(A 0);
tuple_handler!(A 0, B 1);
tuple_handler!(A 0, B 1, C 2);
tuple_handler!(A 0, B 1, C 2, D 3);
tuple_handler!(A 0, B 1, C 2, D 3, E 4);
tuple_handler!(A 0, B 1, C 2, D 3, E 4, F 5);
