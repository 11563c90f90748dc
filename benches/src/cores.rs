//! Two cores. The list of cores is taken before anything is pinned: afterwards the system would list only the pinned one.

use core_affinity::CoreId;

/// The core of the publishing side and the core of the reading side.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// Where publishers run.
    pub near: CoreId,
    /// Where readers run.
    pub far: CoreId,
}

impl Cores {
    /// The last two cores that the process may use; `None` where it has only one. Call it once, before [`pin`].
    #[must_use]
    pub fn choose() -> Option<Self> {
        let ids = core_affinity::get_core_ids()?;
        let [.., near, far] = ids[..] else { return None };
        Some(Self { near, far })
    }

    /// These two; `None` where they are one, or the process may not use both. Call it once, before [`pin`].
    #[must_use]
    pub fn of(near: usize, far: usize) -> Option<Self> {
        let ids = core_affinity::get_core_ids()?;
        let allowed = |id: usize| ids.iter().copied().find(|core| core.id == id);
        if near == far { None } else { Some(Self { near: allowed(near)?, far: allowed(far)? }) }
    }
}

/// Pins the calling thread.
///
/// # Panics
/// If the system refuses: a figure from an unpinned thread would mean nothing.
pub fn pin(core: CoreId) {
    assert!(core_affinity::set_for_current(core), "cannot pin this thread to core {}", core.id);
}
