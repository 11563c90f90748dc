//! Threads as the kernel knows them: who am I, is that one still there, let another run.

use std::cell::Cell;

/// The kernel's id of the calling thread; never 0.
pub fn thread_id() -> u32 {
    thread_local!(static ID: Cell<u32> = const { Cell::new(0) });
    ID.with(|id| {
        if id.get() == 0 {
            id.set(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned());
        }
        id.get()
    })
}

/// Whether a thread of this process with that id exists. A system call: for cold paths.
pub fn is_alive(thread: u32) -> bool {
    std::path::Path::new(&format!("/proc/self/task/{thread}")).exists()
        || !std::path::Path::new("/proc/self/task").exists()
}

/// Gives the rest of this thread's time slice away.
pub fn yield_now() {
    std::thread::yield_now();
}
