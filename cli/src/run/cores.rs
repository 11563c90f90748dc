//! Where the job's threads run, as the runtime has placed them: for the report, and for the jitter baseline on the slots' core.

use std::fmt;
use tagring::bus::pin_current_thread;
use tagring::runtime::Runtime;
use tagring::runtime::machine::{DemandKind, Placement};

pub(crate) struct Cores {
    /// `None`: not pinned.
    feed: Option<usize>,
    slots: Vec<Option<usize>>,
}

impl Cores {
    pub(crate) fn of(runtime: &Runtime) -> Self {
        Self::in_placement(runtime.plan().placement())
    }

    fn in_placement(placement: &Placement) -> Self {
        let of = |kind| placement.threads.iter().filter(move |placed| placed.kind == kind).map(|placed| placed.core);
        Self { feed: of(DemandKind::Feed).next().flatten(), slots: of(DemandKind::Slots).collect() }
    }

    /// Whether feed and slots have one core together.
    pub(super) fn is_shared(&self) -> bool {
        self.feed.is_some() && self.slots.iter().all(|core| *core == self.feed)
    }

    /// Runs something on the first of the slots' cores.
    pub(crate) fn on_slots<R: Send + Default>(&self, run: impl FnOnce() -> R + Send) -> R {
        let core = self.slots.iter().flatten().next().copied();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                // An unpinned baseline is better than none.
                let _ = core.map(pin_current_thread);
                run()
            });
            thread.join().unwrap_or_default()
        })
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.feed {
            Some(core) if self.is_shared() => return write!(f, "core {core} for feed and slots together"),
            Some(core) => write!(f, "core {core} for the feed, ")?,
            None => f.write_str("any core for the feed, ")?,
        }
        let name = |core: &Option<usize>| core.map_or_else(|| "any".to_owned(), |core| core.to_string());
        let slots: Vec<_> = self.slots.iter().map(name).collect();
        write!(f, "{} for the slots", slots.join(", "))
    }
}
