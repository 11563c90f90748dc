//! What the threads that log share. All that a record passes on its way is here: the clock, the limit, the pens.

use crate::cell::{Draft, Head};
use crate::limiter::Limiter;
use crate::pens::Pens;
use crate::thread::me;
use std::sync::atomic::AtomicU64;
use tagring::clock::Clock;

/// The hot side of a logging.
pub(crate) struct Hot {
    pub(crate) clock: Clock,
    pub(crate) pens: Pens,
    pub(crate) limiter: Option<Limiter>,
    pub(crate) written: AtomicU64,
    pub(crate) unwritten: AtomicU64,
    pub(crate) write_errors: AtomicU64,
}

impl Hot {
    /// One record: stamped, built by `fill` on this thread's stack, published. `callsite` is what the limit per second goes by.
    #[inline]
    pub(crate) fn record(&self, callsite: u64, head: Head, fill: impl FnOnce(&mut Draft)) {
        let me = me();
        if me.is_silent {
            return;
        }
        let now = self.clock.now();
        let suppressed = match &self.limiter {
            None => 0,
            Some(limiter) => match limiter.pass(callsite, now) {
                Some(before) => before,
                None => return,
            },
        };
        let mut draft = Draft::new();
        fill(&mut draft);
        let head = Head { ticks: now.0, thread: me.number, suppressed, name_len: me.name_len, name: me.name, ..head };
        if !self.pens.write(&mut draft, head)
            && suppressed > 0
            && let Some(limiter) = &self.limiter
        {
            limiter.put_back(callsite, suppressed);
        }
    }
}
