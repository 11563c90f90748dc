//! Cores: which ones the process may use, and pinning a thread to one of them with the result checked.

use core::fmt;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Why a thread was not pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoreError {
    /// The process may not use that core.
    NotAllowed {
        /// The core asked for.
        core: usize,
        /// The cores the process may use.
        allowed: Vec<usize>,
    },
    /// The kernel accepted the request and the thread still runs elsewhere.
    NotPinned {
        /// The core asked for.
        core: usize,
    },
}

impl CoreError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed { .. } => "TR-0601",
            Self::NotPinned { .. } => "TR-0602",
        }
    }
}

impl fmt::Display for CoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed { core, allowed } => {
                write!(f, "core {core} is not among the cores this process may use, {allowed:?}; choose one of those")?;
            }
            Self::NotPinned { core } => {
                write!(
                    f,
                    "core {core} was asked for, but the thread's mask is another; see cpuset limits of the container"
                )?;
            }
        }
        write!(f, " [{}]", self.code())
    }
}

impl std::error::Error for CoreError {}

/// Above this many cores the kernel's mask does not fit the set asked with.
const CORES_MAX: usize = CpuSet::MAX_CPU;

fn cores_of(pid: Option<rustix::thread::Pid>) -> Vec<usize> {
    sched_getaffinity(pid).map_or_else(|_| Vec::new(), |set| (0..CORES_MAX).filter(|&c| set.is_set(c)).collect())
}

/// The cores the process may use: the mask of its main thread, whatever the calling thread is pinned to. (`core_affinity` lists the
/// calling thread's mask, which is empty of choices once that is pinned.) Pin the main thread last, or keep this list.
#[must_use]
pub fn allowed_cores() -> Vec<usize> {
    cores_of(Some(rustix::process::getpid()))
}

/// Pins the calling thread to `core` and checks that it is.
///
/// # Errors
/// [`CoreError`]; the thread's mask is then as before or as the kernel left it.
pub fn pin_current_thread(core: usize) -> Result<(), CoreError> {
    if crate::sync::is_simulated() {
        return Ok(());
    }
    if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
        return Err(CoreError::NotAllowed { core, allowed: allowed_cores() });
    }
    if cores_of(None) == [core] { Ok(()) } else { Err(CoreError::NotPinned { core }) }
}

/// Keeps the calling thread to `cores`, on whichever of them the kernel likes, and checks that it is.
///
/// # Errors
/// [`CoreError`], of the first core where none can be had; the thread's mask is then as before or as the kernel left it.
pub(crate) fn keep_current_thread_to(cores: &[usize]) -> Result<(), CoreError> {
    let core = cores.first().copied().unwrap_or_default();
    let mut set = CpuSet::new();
    cores.iter().filter(|&&core| core < CORES_MAX).for_each(|&core| set.set(core));
    sched_setaffinity(None, &set).map_err(|_| CoreError::NotAllowed { core, allowed: allowed_cores() })?;
    if cores_of(None).iter().all(|now| cores.contains(now)) { Ok(()) } else { Err(CoreError::NotPinned { core }) }
}
