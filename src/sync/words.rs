//! `Words<T>`: the bytes of one event, written and copied as relaxed 64-bit words.
//!
//! A lossy reader may copy a cell while its publisher overwrites it. In Rust's memory model that is a data race unless both
//! sides are atomic and of one size, so the publisher stores relaxed words and the lossy reader loads relaxed words; the
//! stamps around them say whether the copy is whole. A gating reader borrows the bytes as `&T`: nobody writes then.

use core::cell::UnsafeCell;
use core::mem::size_of;
use core::sync::atomic::{AtomicU64, Ordering};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Plain data: any bit pattern is a value, no padding, no references, no destructor; its size is a multiple of 8 bytes.
pub trait Plain: FromBytes + IntoBytes + Immutable + Copy + Send + Sync + 'static {}
impl<T: FromBytes + IntoBytes + Immutable + Copy + Send + Sync + 'static> Plain for T {}

/// The bytes of one `T`, readable in place while nobody writes and as words at any time.
#[repr(C, align(8))]
pub struct Words<T>(UnsafeCell<T>);

// SAFETY: shared access goes through `store` and `copy` (relaxed atomics) or through `borrow`, whose caller promises that no
// writer is active. `T: Plain` is `Send + Sync`.
unsafe impl<T: Plain> Sync for Words<T> {}

impl<T: Plain> Words<T> {
    const COUNT: usize = {
        assert!(
            size_of::<T>() > 0 && size_of::<T>().is_multiple_of(8),
            "a ring's element is a multiple of 8 bytes: pad it"
        );
        assert!(align_of::<T>() <= 8, "a ring's element is aligned to at most 8 bytes");
        size_of::<T>() / 8
    };

    /// Zeroed bytes.
    pub fn zeroed() -> Self {
        Self(UnsafeCell::new(T::new_zeroed()))
    }

    /// Writes the value as relaxed words.
    #[inline(always)]
    pub fn store(&self, value: &T) {
        let source = core::ptr::from_ref(value).cast::<u64>();
        let target = self.0.get().cast::<AtomicU64>();
        for i in 0..Self::COUNT {
            // SAFETY: `T` is COUNT whole words without padding (`IntoBytes`), so each read is of initialised bytes inside
            // `value`; the target is 8-aligned, inside an `UnsafeCell`, and only ever accessed as atomics while shared for
            // writing.
            unsafe { (*target.add(i)).store(source.add(i).read_unaligned(), Ordering::Relaxed) }
        }
    }

    /// Copies the bytes as relaxed words. The copy may be torn: the caller validates it by other means.
    #[inline]
    pub fn copy(&self) -> T {
        let mut value = T::new_zeroed();
        let target = (&raw mut value).cast::<u64>();
        let source = self.0.get().cast::<AtomicU64>();
        for i in 0..Self::COUNT {
            // SAFETY: as in `store`; any bit pattern is a `T` (`FromBytes`), so a torn copy is a value too.
            unsafe { target.add(i).write_unaligned((*source.add(i)).load(Ordering::Relaxed)) }
        }
        value
    }

    /// Borrows the value where it lies.
    ///
    /// # Safety
    /// No `store` may run until the borrow ends, and the last one must happen before this call.
    #[inline(always)]
    pub unsafe fn borrow(&self) -> &T {
        // SAFETY: the caller's promise; the bytes are initialised and any bit pattern is a `T`.
        unsafe { &*self.0.get() }
    }
}
