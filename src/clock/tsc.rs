//! The processor's time-stamp counter: whether it may serve as a clock, and the two ways to read it.
//!
//! `calibrate` asks [`trusted`] once; [`Clock`](super::Clock) reads. Invariant: no clock reads the counter before
//! [`trusted`] has said yes, because a counter that stops in a sleep state, changes its pace with the core's frequency
//! or differs between cores gives times that are wrong without any sign of it.

use super::report::TscRefusal;

/// Where Linux lists the clock sources that it found fit. It measures the counter against other timers, and between
/// cores, all the time, and takes `tsc` from the list when they disagree.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
const KERNEL_CLOCK_SOURCES: &str = "/sys/devices/system/clocksource/clocksource0/available_clocksource";

/// Whether processor and kernel vouch for the counter; measuring it is another matter (`calibrate`).
#[cfg(target_arch = "x86_64")]
pub(super) fn trusted() -> Result<(), TscRefusal> {
    // Intel SDM vol. 3B, 19.17.1, and AMD APM vol. 3, E.4.6: leaf 0x8000_0007, EDX bit 8, "invariant TSC".
    if cpuid_edx(0x8000_0007) & 1 << 8 == 0 {
        return Err(TscRefusal::NotInvariant);
    }
    // Intel SDM vol. 2A, CPUID: leaf 0x8000_0001, EDX bit 27, "RDTSCP".
    if cpuid_edx(0x8000_0001) & 1 << 27 == 0 {
        return Err(TscRefusal::NoRdtscp);
    }
    kernel_agrees()
}

/// Without a counter that this crate knows how to read there is nothing to trust.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn trusted() -> Result<(), TscRefusal> {
    Err(TscRefusal::OtherProcessor { arch: std::env::consts::ARCH })
}

/// EDX of an extended CPUID leaf, 0 where the processor does not have the leaf.
#[cfg(target_arch = "x86_64")]
fn cpuid_edx(leaf: u32) -> u32 {
    use core::arch::x86_64::__cpuid;
    #[allow(unused_unsafe, reason = "it has become safe since the minimum Rust version")]
    // SAFETY: every x86-64 processor has the CPUID instruction, and leaf 0x8000_0000 says up to where the others go.
    unsafe {
        if __cpuid(0x8000_0000).eax < leaf { 0 } else { __cpuid(leaf).edx }
    }
}

/// The kernel's verdict, which covers what one thread cannot see: that the counters of all cores agree.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn kernel_agrees() -> Result<(), TscRefusal> {
    match std::fs::read_to_string(KERNEL_CLOCK_SOURCES) {
        Ok(available) => lists_tsc(&available),
        Err(_) => Ok(()), // No such file in a bare container: the measurement decides alone.
    }
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
fn kernel_agrees() -> Result<(), TscRefusal> {
    Ok(())
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn lists_tsc(available: &str) -> Result<(), TscRefusal> {
    if available.split_whitespace().any(|name| name == "tsc") {
        Ok(())
    } else {
        Err(TscRefusal::KernelDistrusts { available: available.trim().to_owned() })
    }
}

/// `RDTSC`: may be executed ahead of older loads.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn read() -> u64 {
    // SAFETY: every x86-64 processor has RDTSC; it touches no memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// `RDTSCP`: executed when all older loads have their values (see [`Clock::now_after_load`](super::Clock::now_after_load)).
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn read_after_load() -> u64 {
    let mut core_id = 0;
    // SAFETY: only a clock that passed `trusted`, which asks CPUID for RDTSCP, reads here; `core_id` is writable.
    unsafe { core::arch::x86_64::__rdtscp(&raw mut core_id) }
}

/// Never called: `trusted` refuses every other processor, so no clock has this source.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn read() -> u64 {
    unreachable!("no clock reads a time-stamp counter that was refused")
}

/// Never called, like [`read`].
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn read_after_load() -> u64 {
    read()
}

#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_dropped_the_counter_is_believed() {
        assert_eq!(lists_tsc("tsc kvm-clock \n"), Ok(()));
        assert_eq!(
            lists_tsc("hyperv_clocksource_tsc_page acpi_pm\n"),
            Err(TscRefusal::KernelDistrusts { available: "hyperv_clocksource_tsc_page acpi_pm".to_owned() })
        );
    }

    #[test]
    fn a_missing_cpuid_leaf_reads_as_zero() {
        assert_eq!(cpuid_edx(0x8fff_ffff), 0);
    }
}
