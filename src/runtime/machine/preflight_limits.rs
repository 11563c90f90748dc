//! What the preflight looks for at the process and the system: memory, limits, rations, virtual machines.

use super::finding::{Finding, FindingKind, Severity};
use super::kernel_files::KernelFiles;
use super::preflight::Preflight;
use super::process::{CAP_IPC_LOCK, CAP_SYS_NICE, has_capability, memory_kib, soft_limit};
use crate::runtime::config::Grant;

pub(super) fn limit_findings(look: &Preflight<'_>) -> Vec<Finding> {
    let files = &look.files;
    let found = [
        huge_pages_always(files),
        swap(look),
        lock_limit(look),
        priority_limit(look),
        throttling(look),
        quota(files, look.placement.busy_threads()),
        virtualised(files),
    ];
    found.into_iter().flatten().collect()
}

fn huge_pages_always(files: &KernelFiles) -> Option<Finding> {
    const FILE: &str = "sys/kernel/mm/transparent_hugepage/enabled";
    files.text(FILE)?.contains("[always]").then(|| Finding {
        kind: FindingKind::HugePagesAlways,
        place: format!("/{FILE}"),
        value: "always: a first touch clears 2 MiB, and memory is moved in the background".into(),
        wanted: "madvise".into(),
        remedy: format!("run `echo madvise > /{FILE}`, and ask for them under rings (`huge_pages = \"try\"`)"),
        severity: Severity::Info,
    })
}

/// After a heading, a line for each: path, type, size, used, priority.
fn swap(look: &Preflight<'_>) -> Option<Finding> {
    let text = look.files.text("proc/swaps")?;
    let device = |line: &'_ str| line.split_whitespace().next().filter(|name| name.starts_with('/')).map(str::to_owned);
    let devices: Vec<String> = text.lines().filter_map(device).collect();
    (!devices.is_empty() && look.lock == Grant::Off).then(|| Finding {
        kind: FindingKind::Swap,
        place: "/proc/swaps".into(),
        value: devices.join(", "),
        wanted: "no swap, or locked memory".into(),
        remedy: "say `lock_memory = \"try\"`, or run `swapoff -a`".into(),
        severity: Severity::Warning,
    })
}

/// A refusal ends the start where the grant is required, and costs latency where it is not: a warning either way.
fn lock_limit(look: &Preflight<'_>) -> Option<Finding> {
    let limit = soft_limit(&look.files, "Max locked memory")?;
    if look.lock == Grant::Off || has_capability(&look.files, CAP_IPC_LOCK) == Some(true) {
        return None;
    }
    // Locking takes all there is, not only what is resident.
    let now = memory_kib(&look.files, "VmSize").unwrap_or(0).saturating_mul(1024);
    let needed = now.saturating_add(look.memory_bytes);
    (limit < needed).then(|| Finding {
        kind: FindingKind::LockLimit,
        place: "RLIMIT_MEMLOCK".into(),
        value: format!("{} kB", limit / 1024),
        wanted: format!("at least {} kB, better unlimited", needed.div_ceil(1024)),
        remedy: "set `memlock` in limits.conf (LimitMEMLOCK= of the service), or give the program CAP_IPC_LOCK".into(),
        severity: Severity::Warning,
    })
}

fn priority_limit(look: &Preflight<'_>) -> Option<Finding> {
    let limit = soft_limit(&look.files, "Max realtime priority")?;
    let asked = look.realtime != Grant::Off && u64::from(look.priority_max) > limit;
    (asked && has_capability(&look.files, CAP_SYS_NICE) != Some(true)).then(|| Finding {
        kind: FindingKind::PriorityLimit,
        place: "RLIMIT_RTPRIO".into(),
        value: limit.to_string(),
        wanted: look.priority_max.to_string(),
        remedy: "set `rtprio` in limits.conf (LimitRTPRIO= of the service), or give the program CAP_SYS_NICE".into(),
        severity: Severity::Warning,
    })
}

fn throttling(look: &Preflight<'_>) -> Option<Finding> {
    let run_us = look.files.number("proc/sys/kernel/sched_rt_runtime_us")?;
    let period_us = look.files.number("proc/sys/kernel/sched_rt_period_us")?;
    let asked = look.realtime != Grant::Off && look.priority_max > 0 && look.placement.busy_threads() > 0;
    (asked && (0..period_us).contains(&run_us)).then(|| Finding {
        kind: FindingKind::Throttling,
        place: "/proc/sys/kernel/sched_rt_runtime_us".into(),
        value: format!("a real-time thread may run {run_us} of {period_us} us, and is then stopped"),
        wanted: "-1, for threads that never give their core away".into(),
        remedy: "run `sysctl -w kernel.sched_rt_runtime_us=-1`, with a core left to the kernel".into(),
        severity: Severity::Warning,
    })
}

fn quota(files: &KernelFiles, busy_threads: usize) -> Option<Finding> {
    let cores = |(_, time_us, period_us): &(String, u64, u64)| *time_us as f64 / *period_us as f64;
    let least = rations(files).into_iter().min_by(|a, b| cores(a).total_cmp(&cores(b)))?;
    (cores(&least) < busy_threads as f64).then(|| Finding {
        kind: FindingKind::Quota,
        place: format!("/{}", least.0),
        value: format!("{:.2} cores, and {busy_threads} threads keep one busy", cores(&least)),
        wanted: format!("no quota, or more than {busy_threads} cores: at its end all threads are stopped"),
        remedy: "raise the container's or the service's CPU limit (CPUQuota=), or let threads park".into(),
        severity: Severity::Warning,
    })
}

/// The quotas of the process's control group and all above it: file, time, period.
fn rations(files: &KernelFiles) -> Vec<(String, u64, u64)> {
    let mut found = Vec::new();
    for line in files.text("proc/self/cgroup").unwrap_or_default().lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
        // From inside a namespace, a group outside of it is written with `..`: only its root can be seen then.
        let group = if group.contains("..") { "" } else { group.trim_matches('/') };
        let folders = [group].into_iter().chain(group.match_indices('/').map(|(at, _)| &group[..at])).chain([""]);
        for folder in folders {
            if controllers.is_empty() {
                found.extend(ration_v2(files, &format!("sys/fs/cgroup/{folder}/cpu.max")));
            } else if controllers.split(',').any(|controller| controller == "cpu") {
                found.extend(ration_v1(files, &format!("sys/fs/cgroup/cpu/{folder}")));
            }
        }
    }
    found
}

/// `max 100000`, or time and period in us.
fn ration_v2(files: &KernelFiles, file: &str) -> Option<(String, u64, u64)> {
    let text = files.text(file)?;
    let (time, period) = text.split_once(' ')?;
    let period = period.parse().ok().filter(|&period| period > 0)?;
    Some((file.replace("//", "/"), time.parse().ok()?, period))
}

/// Time and period in us, each in a file; a time of -1: no quota.
fn ration_v1(files: &KernelFiles, folder: &str) -> Option<(String, u64, u64)> {
    let time = u64::try_from(files.number(&format!("{folder}/cpu.cfs_quota_us"))?).ok()?;
    let period =
        u64::try_from(files.number(&format!("{folder}/cpu.cfs_period_us"))?).ok().filter(|&period| period > 0)?;
    Some((format!("{folder}/cpu.cfs_quota_us").replace("//", "/"), time, period))
}

fn virtualised(files: &KernelFiles) -> Option<Finding> {
    let flags = files.field("proc/cpuinfo", "flags").unwrap_or_default();
    let guest = flags.split(' ').any(|flag| flag == "hypervisor");
    let kind = files.text("sys/hypervisor/type").or_else(|| files.text("sys/class/dmi/id/sys_vendor"));
    (guest || files.text("sys/hypervisor/type").is_some()).then(|| Finding {
        kind: FindingKind::Virtualised,
        place: "this machine".into(),
        value: kind.filter(|kind| !kind.is_empty()).unwrap_or_else(|| "a hypervisor below".into()),
        wanted: "bare metal, where the last microseconds count".into(),
        remedy: "expect pauses that nothing in here can see; pin the virtual processors on the host".into(),
        severity: Severity::Info,
    })
}
