//! Reading the time-stamp counter, and asking the processor whether it is worth it.

/// The counter, unordered.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn read() -> u64 {
    // SAFETY: RDTSC exists on every x86-64 processor; where a sandbox forbids it, `machine` was never asked.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The counter, after all earlier loads are globally visible.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn read_after_loads() -> u64 {
    let mut core = 0;
    // SAFETY: `is_invariant` has checked that RDTSCP exists before any clock of this source was made.
    unsafe { core::arch::x86_64::__rdtscp(&raw mut core) }
}

/// Whether the counter runs at one rate in all power states, and RDTSCP exists. The error says what is missing.
#[cfg(target_arch = "x86_64")]
pub(super) fn is_invariant() -> Result<(), &'static str> {
    use core::arch::x86_64::__cpuid;
    if __cpuid(0x8000_0000).eax < 0x8000_0007 {
        return Err("the processor does not say whether its TSC is invariant");
    }
    if __cpuid(0x8000_0007).edx & (1 << 8) == 0 {
        return Err("the TSC is not invariant");
    }
    if __cpuid(0x8000_0001).edx & (1 << 27) == 0 {
        return Err("the processor has no RDTSCP");
    }
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn read() -> u64 {
    0
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn read_after_loads() -> u64 {
    0
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn is_invariant() -> Result<(), &'static str> {
    Err("this processor has no TSC")
}
