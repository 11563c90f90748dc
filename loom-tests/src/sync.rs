//! The door to atomics, made of loom's types: the same shape as `src/sync/mod.rs`, with which the included files compile unchanged.

use loom::cell::UnsafeCell;
pub use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
pub use loom::thread::yield_now;
use std::mem::size_of;
use std::time::Duration;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Loom's state grows with every atomic, and places have four each.
pub const MAX_READERS: usize = 3;
/// So that a model of a few events meets the horizon.
pub const HORIZON_EVERY: u64 = 2;
/// Likewise.
pub const HINT_EVERY: u64 = 2;
/// Loom's state grows with every look.
pub const LENT_LOOKS: u32 = 2;
/// Loom's state grows with every atomic.
pub const LEDGER_ROW: usize = 1;
/// Two words: the least that can be torn.
pub const TAGS_MAX: usize = 128;

/// As in the library.
pub trait Plain: FromBytes + IntoBytes + Immutable + Copy + Send + Sync + 'static {}
impl<T: FromBytes + IntoBytes + Immutable + Copy + Send + Sync + 'static> Plain for T {}

/// An event's bytes, twice: in a cell whose accesses loom checks against each other, for gating readers; and as loom's atomic words,
/// for lossy ones.
pub struct Words<T> {
    checked: UnsafeCell<T>,
    words: Vec<AtomicU64>,
}

// SAFETY: loom checks every access to `checked`; that is what the models are for.
unsafe impl<T: Plain> Sync for Words<T> {}

impl<T: Plain> Words<T> {
    pub fn zeroed() -> Self {
        let words = (0..size_of::<T>() / 8).map(|_| AtomicU64::new(0)).collect();
        Self { checked: UnsafeCell::new(T::new_zeroed()), words }
    }

    pub fn store(&self, value: &T) {
        self.checked.with_mut(|cell| {
            // SAFETY: loom panics in `with_mut` if any other access is not ordered with this one.
            unsafe { *cell = *value }
        });
        for (cell, word) in self.words.iter().zip(value.as_bytes().as_chunks::<8>().0) {
            cell.store(u64::from_ne_bytes(*word), Ordering::Relaxed);
        }
    }

    pub fn copy(&self) -> T {
        let mut value = T::new_zeroed();
        let bytes: Vec<u8> = self.words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
        // SAFETY: as many bytes as `T` has, and any bytes are a `T`.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut value).cast(), size_of::<T>()) }
        value
    }

    /// # Safety
    /// As in the library; loom checks it.
    pub unsafe fn borrow(&self) -> &T {
        self.checked.with(|cell| {
            // SAFETY: loom panics in `with` if a write is not ordered before, and later in `with_mut` if this read is not
            // ordered before that write.
            unsafe { &*cell }
        })
    }
}

thread_local! {
    /// Whether the light fence fences. Loom's threads share one thread of the system, that of their model.
    static LIGHT_FENCES: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// In models of sleeping both sides are full fences: loom cannot interrupt other threads, so these models show that fences in these
/// places are enough. In all others the light side is nothing, as it is for the processor: it must not stand in for a fence that is missing.
pub fn with_light_fences(model: impl FnOnce()) {
    LIGHT_FENCES.set(true);
    model();
    LIGHT_FENCES.set(false);
}

pub fn fence_light() {
    if LIGHT_FENCES.get() {
        fence(Ordering::SeqCst);
    }
}

pub fn fence_heavy() -> bool {
    fence(Ordering::SeqCst);
    true
}

/// Nothing is simulated under loom: its own threads are.
pub fn is_simulated() -> bool {
    false
}

/// Models do not sleep for a time.
pub fn nap(_: Duration) {
    yield_now();
}

/// As in the library.
#[derive(Clone, Copy)]
pub struct Moment(std::time::Instant);

impl Moment {
    pub fn now() -> Self {
        Self(std::time::Instant::now())
    }

    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

pub fn spin_loop() {
    loom::thread::yield_now();
}

/// Waits for the word to change. A wake-up that never comes is a model that never ends, which loom reports.
pub fn futex_wait(word: &AtomicU32, expected: u32, _: Duration) {
    while word.load(Ordering::Relaxed) == expected {
        loom::thread::yield_now();
    }
}

pub fn futex_wake_all(_: &AtomicU32) {}

pub fn thread_id() -> u32 {
    1
}

/// Of no thread's concern in the models: readers join in one of them.
pub fn next_serial() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(2);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

pub fn is_alive(_: u32) -> bool {
    true
}

/// Nothing to hint at here.
pub fn fetch_to_write<T>(_: &T) {}

pub fn hold_speculation() {}

/// Nothing to explore.
pub fn raw_ticks() -> u64 {
    0
}

/// Nothing to explore.
pub fn pause_until(_: u64, _: u64) {}
