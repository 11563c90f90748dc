//! A fence pair where one side is free: the common side pays a compiler fence, the rare side a `membarrier` system call that
//! makes every running thread of the process execute a full fence. A publisher is the common side and a reader about to sleep
//! the rare one; or a reader that begins a turn, and who revokes it. (The same idea as folly's `asymmetricThreadFence`; `membarrier(2)`, PRIVATE_EXPEDITED.)

use core::sync::atomic::{AtomicU32, Ordering, compiler_fence, fence};

/// The free side: between its own store and the load of what the rare side announced. Pairs with [`fence_heavy`].
#[inline(always)]
pub fn fence_light() {
    // SYNC sleeper-announced, reader-revoked: ordered against `fence_heavy` by the kernel's interrupt, so the compiler alone is held back.
    compiler_fence(Ordering::SeqCst);
}

/// The rare side: between its announcement and the check of what the common side stored. Pairs with [`fence_light`].
///
/// Returns whether it worked; where the kernel has no `membarrier` the caller must not rely on being seen: it naps for a
/// bounded time, or does not revoke.
pub fn fence_heavy() -> bool {
    fence(Ordering::SeqCst);
    cfg!(target_os = "linux") && registered() && membarrier(rustix::thread::MembarrierCommand::PrivateExpedited)
}

/// Asks the kernel once; twice, where two threads are first, does no harm. (A plain word rather than a `OnceLock`: the standard library's own
/// hand-over is hidden from the ThreadSanitizer.)
fn registered() -> bool {
    const YES: u32 = 1;
    const NO: u32 = 2;
    static ANSWER: AtomicU32 = AtomicU32::new(0);
    // Relaxed: nothing is handed over but the answer itself.
    match ANSWER.load(Ordering::Relaxed) {
        YES => true,
        NO => false,
        _ => {
            let yes = membarrier(rustix::thread::MembarrierCommand::RegisterPrivateExpedited);
            ANSWER.store(if yes { YES } else { NO }, Ordering::Relaxed);
            yes
        }
    }
}

fn membarrier(command: rustix::thread::MembarrierCommand) -> bool {
    rustix::thread::membarrier(command).is_ok()
}
