//! Allocations of one thread, counted where the program has wrapped its allocator in [`Counted`]: a thread's own counter, so that counting
//! disturbs no other thread.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// An allocator that counts, around another.
#[derive(Debug)]
pub struct Counted<A>(pub A);

// SAFETY: every call is passed on unchanged; counting neither allocates nor panics, the thread-local being constant-initialised and without
// a destructor.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counted<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are those that the inner allocator asks for.
        unsafe { self.0.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as above.
        unsafe { self.0.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as above.
        unsafe { self.0.realloc(old, layout, size) }
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.0.dealloc(old, layout) }
    }
}

/// Allocations of this thread so far; `None` where nobody counts them.
#[must_use]
pub fn here() -> Option<u64> {
    let before = COUNT.get();
    drop(std::hint::black_box(Box::new(0_u8)));
    (COUNT.get() > before).then(|| COUNT.get())
}
