//! Which cores the job uses: one for the feed, the others for the slots' threads; with a single one all share it and waiting yields.

use std::fmt;
use tagring::bus::{CoreError, SlotThread, ThreadError, allowed_cores, pin_current_thread};

/// Slots' threads at most: there are four slots.
const SLOT_THREADS_MAX: usize = 4;

pub(crate) struct Cores {
    feed: usize,
    slots: Vec<usize>,
}

impl Cores {
    /// The cores asked for, or all that the process may use.
    ///
    /// # Errors
    /// A core that is not there, with what is there.
    pub(crate) fn choose(asked: Option<&[usize]>) -> Result<Self, String> {
        let allowed = allowed_cores();
        if let Some(&core) = asked.unwrap_or(&[]).iter().find(|core| !allowed.contains(core)) {
            return Err(format!("--cores: {}", CoreError::NotAllowed { core, allowed }));
        }
        let cores = asked.unwrap_or(&allowed);
        let (&feed, rest) = cores
            .split_first()
            .ok_or("--cores: none was named, or the process may use none; leave it out [TR-3003]")?;
        // Two threads on one core would only take turns.
        let mut slots = Vec::new();
        for &core in rest.iter().filter(|&&core| core != feed) {
            if slots.len() < SLOT_THREADS_MAX && !slots.contains(&core) {
                slots.push(core);
            }
        }
        if slots.is_empty() {
            slots.push(feed);
        }
        Ok(Self { feed, slots })
    }

    pub(crate) fn feed(&self) -> usize {
        self.feed
    }

    /// Whether feed and slots share a core.
    pub(crate) fn is_shared(&self) -> bool {
        self.slots.contains(&self.feed)
    }

    pub(crate) fn start_slot_threads(&self) -> Result<Vec<SlotThread>, ThreadError> {
        let start = |(index, &core)| SlotThread::builder(&format!("slots-{index}")).core(core).start();
        self.slots.iter().enumerate().map(start).collect()
    }

    /// Runs something on the first of the slots' cores.
    pub(crate) fn on_slots<R: Send + Default>(&self, run: impl FnOnce() -> R + Send) -> R {
        let core = self.slots[0];
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                // An unpinned baseline is better than none.
                let _ = pin_current_thread(core);
                run()
            });
            thread.join().unwrap_or_default()
        })
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_shared() {
            return write!(f, "core {} for feed and slots together", self.feed);
        }
        let slots: Vec<_> = self.slots.iter().map(ToString::to_string).collect();
        write!(f, "core {} for the feed, {} for the slots", self.feed, slots.join(", "))
    }
}
