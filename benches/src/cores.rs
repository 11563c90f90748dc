//! Who runs where. The list of cores is taken before anything is pinned: afterwards the system would list only the pinned one.

use crate::peer::Waiting;
use core_affinity::CoreId;

/// The core of the publishing side, the core of the reading side, and all others there are.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// Where publishers run.
    pub near: CoreId,
    /// Where readers run.
    pub far: CoreId,
    /// All that the process may use, these two first: `far`, `near`, and the others.
    pub all: &'static [CoreId],
}

/// Where the threads of a measurement sit, and what they do when they have nothing to do.
#[derive(Clone, Copy, Debug)]
pub struct Seats {
    cores: Cores,
    publishers: usize,
    readers: usize,
}

impl Cores {
    /// The last two cores that the process may use; `None` where it has only one. Call it once, before [`pin`].
    #[must_use]
    pub fn choose() -> Option<Self> {
        let ids = core_affinity::get_core_ids()?;
        let [.., near, far] = ids[..] else { return None };
        Some(Self::first_of(near, far, &ids))
    }

    /// These two; `None` where they are one, or the process may not use both. Call it once, before [`pin`].
    #[must_use]
    pub fn of(near: usize, far: usize) -> Option<Self> {
        let ids = core_affinity::get_core_ids()?;
        let allowed = |id: usize| ids.iter().copied().find(|core| core.id == id);
        if near == far { None } else { Some(Self::first_of(allowed(near)?, allowed(far)?, &ids)) }
    }

    /// Kept for good: it is chosen once.
    fn first_of(near: CoreId, far: CoreId, ids: &[CoreId]) -> Self {
        let others = ids.iter().rev().copied().filter(|&core| core != near && core != far);
        let all: Vec<CoreId> = [far, near].into_iter().chain(others).collect();
        Self { near, far, all: all.leak() }
    }

    /// Seats for this many threads.
    #[must_use]
    pub fn seats(self, publishers: usize, readers: usize) -> Seats {
        Seats { cores: self, publishers, readers }
    }
}

impl Seats {
    fn each_has_a_core(self) -> bool {
        self.publishers + self.readers <= self.cores.all.len()
    }

    /// How many publishers there are.
    #[must_use]
    pub fn publishers(self) -> usize {
        self.publishers
    }

    /// The core of a publisher: `near` for the first, and for all where cores are fewer than threads.
    #[must_use]
    pub fn publisher(self, index: usize) -> CoreId {
        match index {
            1.. if self.each_has_a_core() => self.cores.all[self.readers + index],
            _ => self.cores.near,
        }
    }

    /// The core of a reader: `far` for the first, and for all where cores are fewer than threads.
    #[must_use]
    pub fn reader(self, index: usize) -> CoreId {
        match index {
            1.. if self.each_has_a_core() => self.cores.all[index + 1],
            _ => self.cores.far,
        }
    }

    /// What publishers do on a full queue: those that share a core have to let each other run, one that is alone on its core spins.
    #[must_use]
    pub fn publishers_wait(self) -> Waiting {
        self.waiting(self.publishers)
    }

    /// What readers do on an empty queue, by the same rule.
    #[must_use]
    pub fn readers_wait(self) -> Waiting {
        self.waiting(self.readers)
    }

    fn waiting(self, on_their_side: usize) -> Waiting {
        if self.each_has_a_core() || on_their_side == 1 { Waiting::Spin } else { Waiting::Yield }
    }

    /// For people: `4 threads on 2 cores`.
    #[must_use]
    pub fn told(self) -> String {
        let threads = self.publishers + self.readers;
        format!("{threads} threads on {} cores", if self.each_has_a_core() { threads } else { 2 })
    }
}

/// Pins the calling thread.
///
/// # Panics
/// If the system refuses: a figure from an unpinned thread would mean nothing.
pub fn pin(core: CoreId) {
    assert!(core_affinity::set_for_current(core), "cannot pin this thread to core {}", core.id);
}

#[cfg(test)]
mod tests {
    use super::{Cores, Waiting};
    use core_affinity::CoreId;
    use std::collections::HashSet;

    fn cores(count: usize) -> Cores {
        let ids: Vec<_> = (0..count).map(|id| CoreId { id }).collect();
        Cores::first_of(ids[0], ids[1], &ids)
    }

    #[test]
    fn every_thread_has_its_core_where_there_are_enough() {
        for (publishers, readers) in [(1, 1), (1, 3), (2, 1), (4, 1), (2, 3)] {
            let seats = cores(publishers + readers).seats(publishers, readers);
            let ids = (0..publishers).map(|i| seats.publisher(i)).chain((0..readers).map(|i| seats.reader(i)));
            let ids: HashSet<usize> = ids.map(|core| core.id).collect();
            assert_eq!(ids.len(), publishers + readers);
            assert_eq!((seats.publishers_wait(), seats.readers_wait()), (Waiting::Spin, Waiting::Spin));
        }
    }

    #[test]
    fn publishers_share_one_core_and_readers_the_other_where_there_are_too_few() {
        let cores = cores(2);
        let seats = cores.seats(1, 3);
        assert_eq!((seats.publisher(0), seats.reader(0), seats.reader(2)), (cores.near, cores.far, cores.far));
        assert_eq!(seats.told(), "4 threads on 2 cores");
        assert_eq!((seats.publishers_wait(), seats.readers_wait()), (Waiting::Spin, Waiting::Yield));
        let seats = cores.seats(4, 1);
        assert_eq!((seats.publisher(3), seats.reader(0)), (cores.near, cores.far));
        assert_eq!((seats.publishers_wait(), seats.readers_wait()), (Waiting::Yield, Waiting::Spin));
    }
}
