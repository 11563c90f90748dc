//! Meeting pages before the start: the first touch of a page costs the kernel's time, best spent where nobody waits.

use super::{GrantKind, Granted, MemoryRange};
use crate::runtime::config::Grant;
use core::hint::black_box;
use rustix::param::page_size;
use std::io;

/// Left untouched at the end of a stack: for this code itself, and for what a signal handler may need.
const STACK_LEFT_BYTES: usize = 64 * 1024;

/// Makes every page of `range` present and writable, contents unchanged; verified by `mincore(2)`. Harmless to repeat.
#[must_use]
pub fn prefault(range: MemoryRange<'_>, asked: Grant) -> Granted {
    Granted::tried(GrantKind::Prefault, asked, || {
        let pages = range.pages_around(page_size());
        // SAFETY: populating pages changes no contents.
        let populated = unsafe { pages.advise(libc::MADV_POPULATE_WRITE) };
        let resident = pages.resident(page_size()).map_err(|error| format!("{error}; the range is not mapped"))?;
        match populated {
            _ if resident < pages.bytes() && populated.is_ok() => Err(partial(resident, pages.bytes())),
            Ok(()) => Ok(format!("{} kB are in memory", resident / 1024)),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && resident == pages.bytes() => {
                Ok(format!("{} kB were in memory before", resident / 1024))
            }
            Err(error) => Err(populate_reason(&error, resident, pages.bytes())),
        }
    })
}

#[cold]
fn partial(resident: usize, bytes: usize) -> String {
    format!("only {} of {} kB stayed in memory; lock memory, or free some", resident / 1024, bytes / 1024)
}

#[cold]
fn populate_reason(error: &io::Error, resident: usize, bytes: usize) -> String {
    let remedy = match error.raw_os_error() {
        Some(libc::EINVAL) => "the range is read-only, or the kernel is older than 5.14: write to each page instead",
        Some(libc::ENOMEM) => "a part of the range is not mapped, or the container's memory limit is reached",
        Some(libc::EFAULT) => "a part of the range cannot be written: map it writable",
        _ => "see the kernel's reason",
    };
    format!("{error}: {} of {} kB are in memory; {remedy}", resident / 1024, bytes / 1024)
}

/// Meets the next `kib` KiB of the calling thread's stack, as deep calls would later; verified by `mincore(2)`. No more than the stack
/// has: less is reported as not granted, with what there was.
#[must_use]
pub fn prefault_stack(kib: usize, asked: Grant) -> Granted {
    Granted::tried(GrantKind::Prefault, asked, || {
        let here = stack_pointer();
        let low =
            stack_end().map_err(|error| format!("{error}: the stack's end is not known; raise its size instead"))?;
        let room = here.saturating_sub(low).saturating_sub(STACK_LEFT_BYTES);
        let wanted = kib.saturating_mul(1024);
        let bytes = wanted.min(room);
        touch(here - bytes);
        let pages = MemoryRange::at(here - bytes, bytes).pages_around(page_size());
        let resident = pages.resident(page_size()).map_err(|error| format!("{error}; the stack is not mapped"))?;
        if resident < pages.bytes() {
            return Err(partial(resident, pages.bytes()));
        }
        if bytes < wanted {
            return Err(format!(
                "{} of {kib} kB are in memory: the stack has no more; start the thread with a larger one",
                bytes / 1024
            ));
        }
        Ok(format!("{kib} kB of stack are in memory"))
    })
}

#[inline(never)]
fn stack_pointer() -> usize {
    let local = 0_u8;
    black_box(&raw const local).addr()
}

/// Goes down until a frame lies below `to`, writing to each page on the way.
#[inline(never)]
fn touch(to: usize) {
    let mut frame = [0_u8; 2048];
    let here = black_box(&raw mut frame).addr();
    if here > to {
        touch(to);
    }
    // After the call, so that it is no tail call and the frames stack up.
    black_box(&mut frame);
}

/// The lowest address of the calling thread's stack.
fn stack_end() -> io::Result<usize> {
    let mut attributes = core::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: the calling thread exists; the attributes are written when the result is 0.
    let result = unsafe { libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::from_raw_os_error(result));
    }
    let (mut low, mut size) = (core::ptr::null_mut(), 0);
    // SAFETY: initialised above, read while alive, destroyed once.
    let result = unsafe {
        let result = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        result
    };
    if result == 0 { Ok(low.addr()) } else { Err(io::Error::from_raw_os_error(result)) }
}
