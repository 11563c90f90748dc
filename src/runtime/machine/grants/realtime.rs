//! SCHED_FIFO for the calling thread: the kernel then takes its core away for nothing of lower priority.

use super::{GrantKind, Granted};
use crate::runtime::config::Grant;
use crate::runtime::machine::kernel_files::KernelFiles;
use crate::runtime::machine::process::{CAP_SYS_NICE, has_capability, soft_limit};
use std::io;
use std::path::Path;

/// Gives the calling thread SCHED_FIFO of that priority, 1 to 99. Threads that it starts later do not inherit it. Undone by
/// [`ordinary_scheduling`], or by the end of the thread.
#[must_use]
pub fn realtime(priority: u8, asked: Grant) -> Granted {
    Granted::tried(GrantKind::Realtime, asked, || {
        set(libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, priority.into()).map_err(|error| reason(priority, &error))?;
        match scheduling() {
            Ok((libc::SCHED_FIFO, now)) if now == i32::from(priority) => Ok(format!("SCHED_FIFO, priority {now}")),
            other => Err(format!("the kernel accepted priority {priority}, and now says {other:?}")),
        }
    })
}

/// Takes the calling thread back to the ordinary policy. Needs no privilege.
///
/// # Errors
/// What the kernel says.
pub fn ordinary_scheduling() -> io::Result<()> {
    set(libc::SCHED_OTHER, 0)
}

// Through `syscall`: the functions of that name are for processes, and musl's refuse.
fn set(policy: i32, priority: i32) -> io::Result<()> {
    let priority = libc::sched_param { sched_priority: priority };
    // SAFETY: 0 is the calling thread; the kernel reads the parameter, which outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const priority) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Policy and priority of the calling thread.
fn scheduling() -> io::Result<(i32, i32)> {
    let mut priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    // SAFETY: 0 is the calling thread; the kernel writes one parameter.
    let result = unsafe { libc::syscall(libc::SYS_sched_getparam, 0, &raw mut priority) };
    if policy < 0 || result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((policy as i32 & !libc::SCHED_RESET_ON_FORK, priority.sched_priority))
}

#[cold]
fn reason(priority: u8, error: &io::Error) -> String {
    if !(1..=99).contains(&priority) {
        return format!("priority {priority} is not from 1 to 99; choose one in that range");
    }
    let files = KernelFiles::below(Path::new("/"));
    let limit = soft_limit(&files, "Max realtime priority").map_or("unknown".into(), |limit| limit.to_string());
    if has_capability(&files, CAP_SYS_NICE) == Some(true) {
        // With a real-time group of no run time the kernel refuses also whom it would otherwise allow.
        return format!(
            "{error}, though the process has CAP_SYS_NICE; allow its control group real-time (`cpu.rt_runtime_us`)"
        );
    }
    format!(
        "{error}: RLIMIT_RTPRIO is {limit}, and priority {priority} is asked for; set `rtprio` in limits.conf \
         (LimitRTPRIO= of the service), or give the program CAP_SYS_NICE"
    )
}
