//! A fence pair where one side is free: the common side pays a compiler fence, the rare side a `membarrier` system call that
//! makes every running thread of the process execute a full fence. The publisher is the common side, a reader about to sleep
//! the rare one. (The same idea as folly's `asymmetricThreadFence`; `membarrier(2)`, PRIVATE_EXPEDITED.)

use core::sync::atomic::{Ordering, compiler_fence, fence};
use std::sync::OnceLock;

/// The free side: between its own store and the load of what the rare side announced. Pairs with [`fence_heavy`].
#[inline(always)]
pub fn fence_light() {
    // SYNC sleeper-announced: ordered against `fence_heavy` by the kernel's interrupt, so the compiler alone is held back.
    compiler_fence(Ordering::SeqCst);
}

/// The rare side: between its announcement and the check of what the common side stored. Pairs with [`fence_light`].
///
/// Returns whether it worked; where the kernel has no `membarrier` the caller must not rely on being seen and naps for a
/// bounded time instead.
pub fn fence_heavy() -> bool {
    fence(Ordering::SeqCst);
    cfg!(target_os = "linux") && registered() && membarrier(rustix::thread::MembarrierCommand::PrivateExpedited)
}

fn registered() -> bool {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    *REGISTERED.get_or_init(|| membarrier(rustix::thread::MembarrierCommand::RegisterPrivateExpedited))
}

fn membarrier(command: rustix::thread::MembarrierCommand) -> bool {
    rustix::thread::membarrier(command).is_ok()
}
