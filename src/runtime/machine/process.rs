//! What the kernel says of this process in `/proc/self`: memory, limits, capabilities.

use super::kernel_files::KernelFiles;

/// `CAP_IPC_LOCK`: memory may be locked whatever the limit.
pub(super) const CAP_IPC_LOCK: u32 = 14;
/// `CAP_SYS_NICE`: any scheduling policy, whatever the limit.
pub(super) const CAP_SYS_NICE: u32 = 23;

/// An amount of memory in `/proc/self/status`, such as `VmLck`, in KiB.
pub(super) fn memory_kib(files: &KernelFiles, key: &str) -> Option<u64> {
    files.field("proc/self/status", key)?.split_whitespace().next()?.parse().ok()
}

/// Bytes of the process that are in memory.
pub(in crate::runtime) fn resident_bytes() -> Option<u64> {
    let files = KernelFiles::below(std::path::Path::new("/"));
    let pages: u64 = files.text("proc/self/statm")?.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Whether the process has that capability now.
pub(super) fn has_capability(files: &KernelFiles, bit: u32) -> Option<bool> {
    let set = u64::from_str_radix(&files.field("proc/self/status", "CapEff")?, 16).ok()?;
    Some(set >> bit & 1 == 1)
}

/// A soft limit of `/proc/self/limits`; `u64::MAX`: unlimited.
pub(super) fn soft_limit(files: &KernelFiles, name: &str) -> Option<u64> {
    let text = files.text("proc/self/limits")?;
    let soft = text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}
