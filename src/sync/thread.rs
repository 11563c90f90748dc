//! Threads as the kernel knows them: who am I, is that one still there.

use super::simulation::{SIMULATED_IDS, simulated_is_alive};
use core::sync::atomic::{AtomicU64, Ordering};
use std::cell::Cell;
use std::io::Write as _;
use std::path::Path;

thread_local!(static ID: Cell<u32> = const { Cell::new(0) });

/// The calling thread is a simulated one from here on; 0: it is the kernel's again.
#[cfg(feature = "sim")]
pub fn set_thread_id(id: u32) {
    ID.set(id);
}

/// The kernel's id of the calling thread, or that of a simulated one; never 0.
pub fn thread_id() -> u32 {
    ID.with(|id| {
        if id.get() == 0 {
            id.set(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned());
        }
        id.get()
    })
}

/// Whether a thread of this process with that id exists. A system call: for cold paths. Allocates nothing.
pub fn is_alive(thread: u32) -> bool {
    if thread >= SIMULATED_IDS {
        return simulated_is_alive(thread);
    }
    const TASKS: &str = "/proc/self/task";
    let mut path = [0; TASKS.len() + 12];
    let room = path.len();
    let mut rest = &mut path[..];
    let written = write!(rest, "{TASKS}/{thread}").map(|()| room - rest.len());
    let named = written.ok().and_then(|len| std::str::from_utf8(&path[..len]).ok());
    named.is_none_or(|path| Path::new(path).exists()) || !Path::new(TASKS).exists()
}

/// A number that no other call in this process returns; from 2: 1 stands for none.
pub fn next_serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(2);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
