//! The limits: a round trip over single words, no queue.

use crate::peer::{Outlet, Peer, Polled, Receiver, Sender};
use crossbeam_utils::CachePadded;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The limit of a round trip: one counter in a line of its own, no ring, no room to wait for, nothing carried.
pub struct BareAtomics;
/// The limit of a round trip over cells: one counter for each sequence, in a line of its own that nobody has touched for a lap.
pub struct BareLines;

struct Bell {
    line: Arc<CachePadded<AtomicU64>>,
    next: u64,
}

impl Peer<[u64; 4]> for BareAtomics {
    fn pair(_: usize) -> (impl Outlet<[u64; 4]>, impl Receiver<[u64; 4]>) {
        let line = Arc::new(CachePadded::new(AtomicU64::new(0)));
        (Bell { line: Arc::clone(&line), next: 1 }, Bell { line, next: 1 })
    }
}

impl Outlet<[u64; 4]> for Bell {
    fn bind(self) -> impl Sender<[u64; 4]> {
        self
    }
}

impl Sender<[u64; 4]> for Bell {
    #[inline(always)]
    fn try_send(&mut self, _: [u64; 4]) -> bool {
        self.line.store(self.next, Ordering::Release);
        self.next += 1;
        true
    }
}

impl Receiver<[u64; 4]> for Bell {
    fn bind(self) -> impl Polled<[u64; 4]> {
        self
    }
}

impl Polled<[u64; 4]> for Bell {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&[u64; 4])) -> usize {
        if self.line.load(Ordering::Acquire) != self.next {
            return 0;
        }
        self.next += 1;
        handle(&[0; 4]);
        1
    }
}

#[repr(align(64))]
struct Line(AtomicU64);

struct Lines {
    lines: Arc<[Line]>,
    next: u64,
}

impl Peer<[u64; 4]> for BareLines {
    fn pair(capacity: usize) -> (impl Outlet<[u64; 4]>, impl Receiver<[u64; 4]>) {
        let lines: Arc<[Line]> = (0..capacity).map(|_| Line(AtomicU64::new(0))).collect();
        (Lines { lines: Arc::clone(&lines), next: 1 }, Lines { lines, next: 1 })
    }
}

impl Lines {
    #[inline(always)]
    fn line(&self) -> &AtomicU64 {
        &self.lines[self.next as usize & (self.lines.len() - 1)].0
    }
}

impl Outlet<[u64; 4]> for Lines {
    fn bind(self) -> impl Sender<[u64; 4]> {
        self
    }
}

impl Sender<[u64; 4]> for Lines {
    #[inline(always)]
    fn try_send(&mut self, _: [u64; 4]) -> bool {
        self.line().store(self.next, Ordering::Release);
        self.next += 1;
        true
    }
}

impl Receiver<[u64; 4]> for Lines {
    fn bind(self) -> impl Polled<[u64; 4]> {
        self
    }
}

impl Polled<[u64; 4]> for Lines {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&[u64; 4])) -> usize {
        if self.line().load(Ordering::Acquire) != self.next {
            return 0;
        }
        self.next += 1;
        handle(&[0; 4]);
        1
    }
}
