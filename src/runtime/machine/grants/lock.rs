//! Memory that is not swapped out: `mlockall(2)` for what there is and what comes.

use super::{GrantKind, Granted};
use crate::runtime::config::Grant;
use crate::runtime::machine::kernel_files::KernelFiles;
use crate::runtime::machine::process::{CAP_IPC_LOCK, has_capability, memory_kib, soft_limit};
use rustix::mm::{MlockAllFlags, mlockall};
use std::path::Path;

/// Locks all memory of the process, present and future. That also meets every page of it, so that the process grows to its full size at
/// once. Undone by [`unlock_memory`].
#[must_use]
pub fn lock_memory(asked: Grant) -> Granted {
    Granted::tried(GrantKind::LockMemory, asked, || {
        let files = KernelFiles::below(Path::new("/"));
        mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).map_err(|error| reason(&files, error))?;
        match memory_kib(&files, "VmLck") {
            Some(0) => {
                unlock_memory();
                Err("the kernel accepted it, and then says that 0 kB are locked; look at the container's security profile".into())
            }
            Some(locked) => Ok(format!("{locked} kB are locked{}", ahead(&files))),
            None => {
                unlock_memory();
                Err("the kernel accepted it, but /proc/self/status does not say how much is locked; mount /proc".into())
            }
        }
    })
}

/// Lets memory be swapped out again. Does nothing where it is not locked.
pub fn unlock_memory() {
    // SAFETY: takes nothing and changes no contents.
    // It can fail for no other reason than a memory map that changes meanwhile; there is nothing to do then.
    let _ = unsafe { libc::munlockall() };
}

/// What a limit means for memory that is still to come.
fn ahead(files: &KernelFiles) -> String {
    let limit = soft_limit(files, "Max locked memory").filter(|&limit| limit != u64::MAX);
    match (has_capability(files, CAP_IPC_LOCK), limit) {
        (Some(false), Some(limit)) => format!("; beyond RLIMIT_MEMLOCK, {} kB, memory is refused", limit / 1024),
        _ => String::new(),
    }
}

#[cold]
fn reason(files: &KernelFiles, error: rustix::io::Errno) -> String {
    let kib = |limit: Option<u64>| match limit {
        Some(u64::MAX) => "unlimited".to_owned(),
        Some(bytes) => format!("{} kB", bytes / 1024),
        None => "unknown".to_owned(),
    };
    let limit = kib(soft_limit(files, "Max locked memory"));
    let size = memory_kib(files, "VmSize").unwrap_or(0);
    format!(
        "{error}: RLIMIT_MEMLOCK is {limit}, and the process has {size} kB; set `memlock` in limits.conf \
         (LimitMEMLOCK= of the service), or give the program CAP_IPC_LOCK"
    )
}
