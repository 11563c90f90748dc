//! Hints to the processor. None changes what a program means; on processors without them they are nothing.

/// Asks for the cache line of `target` to be fetched for writing, in the background. A publisher that does this some cells ahead
/// waits for many lines at once, where its store buffer alone would hold it to a few.
///
/// Written as assembly: the compiler's own prefetch becomes one for *reading* unless the whole program is built for a processor
/// with PREFETCHW, and a line fetched for reading has to be asked for again.
#[inline(always)]
pub fn fetch_to_write<T>(target: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: PREFETCHW reads and writes nothing that the program can see and never faults; every x86-64 processor executes it, at
    // worst as a no-op.
    unsafe {
        core::arch::asm!("prefetchw [{}]", in(reg) core::ptr::from_ref(target), options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = target;
}

/// Nothing after this is begun before all loads before it are done. A reader that runs right behind a publisher would otherwise look
/// into cells to come, speculatively, and take their lines away from the publisher.
#[inline(always)]
pub fn hold_speculation() {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: LFENCE only waits; every x86-64 processor has it.
    unsafe {
        core::arch::x86_64::_mm_lfence();
    }
}

/// The processor's counter, raw, to tell some hundred of its ticks; 0 where there is none.
#[inline(always)]
pub fn raw_ticks() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: every x86-64 processor has the counter.
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    0
}

/// Lets time pass until `ticks` have gone by since the counter stood at `since`: nothing, if they have.
#[inline(always)]
pub fn pause_until(since: u64, ticks: u64) {
    while raw_ticks().wrapping_sub(since) < ticks {
        core::hint::spin_loop();
        if since == 0 {
            return;
        }
    }
}
