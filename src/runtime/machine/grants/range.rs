//! A range of memory, as the kernel is asked about it. Nothing is read or written through it.

use core::marker::PhantomData;

/// Where some memory lies. It borrows it, so that it stays mapped.
#[derive(Clone, Copy, Debug)]
pub struct MemoryRange<'a> {
    start: usize,
    bytes: usize,
    borrowed: PhantomData<&'a ()>,
}

impl<'a> MemoryRange<'a> {
    /// The memory of a slice.
    #[must_use]
    pub fn of<T>(memory: &'a [T]) -> Self {
        Self { start: memory.as_ptr().addr(), bytes: size_of_val(memory), borrowed: PhantomData }
    }

    /// Memory at an address. Safe with any numbers: the kernel is asked for nothing that changes contents, and says where it does
    /// not know the address.
    #[must_use]
    pub const fn at(start: usize, bytes: usize) -> Self {
        Self { start, bytes, borrowed: PhantomData }
    }

    pub(super) const fn start(&self) -> usize {
        self.start
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// All pages of that size that it touches.
    pub(super) fn pages_around(&self, page: usize) -> Self {
        let start = self.start - self.start % page;
        if self.bytes == 0 {
            return Self { start, ..*self };
        }
        let end = self.start.saturating_add(self.bytes).checked_next_multiple_of(page).unwrap_or(start);
        Self { start, bytes: end.saturating_sub(start), ..*self }
    }

    /// All pages of that size that lie within it; no bytes where there are none.
    pub(super) fn pages_within(&self, page: usize) -> Self {
        let end = self.start.saturating_add(self.bytes);
        let Some(start) = self.start.checked_next_multiple_of(page) else { return Self { bytes: 0, ..*self } };
        Self { start, bytes: (end - end % page).saturating_sub(start), ..*self }
    }

    /// `madvise(2)`, for advice that changes no contents and no mapping.
    ///
    /// # Safety
    /// `advice` is one of that kind.
    pub(super) unsafe fn advise(&self, advice: i32) -> std::io::Result<()> {
        let start = core::ptr::without_provenance_mut(self.start);
        // SAFETY: the kernel checks the range; by the caller's promise nothing that Rust knows of changes.
        let result = unsafe { libc::madvise(start, self.bytes, advice) };
        if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    }

    /// Bytes of whole pages in memory now, by `mincore(2)`; the range begins at a page.
    pub(super) fn resident(&self, page: usize) -> std::io::Result<usize> {
        const PAGES: usize = 4096;
        let mut states = [0_u8; PAGES];
        let mut resident = 0;
        for first in (0..self.bytes).step_by(PAGES * page) {
            let bytes = (self.bytes - first).min(PAGES * page);
            let start = core::ptr::without_provenance_mut(self.start + first);
            // SAFETY: `states` has room for as many pages; the kernel checks the range and only reads its own tables.
            if unsafe { libc::mincore(start, bytes, states.as_mut_ptr()) } != 0 {
                return Err(std::io::Error::last_os_error());
            }
            resident += states[..bytes.div_ceil(page)].iter().filter(|&&state| state & 1 == 1).count() * page;
        }
        Ok(resident)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_within_and_around_a_range() {
        let of = |range: MemoryRange<'_>| (range.start, range.bytes);
        assert_eq!(of(MemoryRange::at(100, 9_000).pages_within(4096)), (4096, 4096));
        assert_eq!(of(MemoryRange::at(100, 9_000).pages_around(4096)), (0, 3 * 4096));
        assert_eq!(of(MemoryRange::at(4096, 8192).pages_within(4096)), (4096, 8192));
        assert_eq!(MemoryRange::at(100, 4096).pages_within(4096).bytes, 0);
        for odd in [MemoryRange::at(usize::MAX - 5, 5), MemoryRange::at(usize::MAX, usize::MAX), MemoryRange::at(0, 0)]
        {
            assert_eq!(odd.pages_within(4096).bytes, 0);
            assert!(odd.pages_around(4096).bytes <= 4096);
        }
    }
}
