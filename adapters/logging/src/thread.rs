//! The thread that logs, as its records name it. Kept in a thread-local without a destructor: nothing to register, nothing to allocate. The
//! first record of a thread asks the standard library for its name.

use crate::cell::NAME_MAX;
use core::fmt::Write as _;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

/// A thread's number and name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Me {
    /// From 1; 0: not known yet.
    pub(crate) number: u32,
    /// A writer's thread: what it logs is not heard, or each record would beget another.
    pub(crate) is_silent: bool,
    pub(crate) name_len: u8,
    pub(crate) name: [u8; NAME_MAX],
}

thread_local! {
    static ME: Cell<Me> = const { Cell::new(Me { number: 0, is_silent: false, name_len: 0, name: [0; NAME_MAX] }) };
}

/// The calling thread.
#[inline]
pub(crate) fn me() -> Me {
    let me = ME.get();
    if me.number == 0 { introduce() } else { me }
}

/// Nothing that this thread logs is heard from here on.
pub(crate) fn silence() {
    ME.set(Me { is_silent: true, ..me() });
}

#[cold]
fn introduce() -> Me {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let mut me = Me { number: NEXT.fetch_add(1, Ordering::Relaxed).max(1), ..ME.get() };
    let mut name = Name { bytes: [0; NAME_MAX], len: 0 };
    let _ = match std::thread::current().name() {
        Some(text) => name.write_str(text),
        None => write!(name, "thread-{}", me.number),
    };
    (me.name, me.name_len) = (name.bytes, name.len as u8);
    ME.set(me);
    me
}

/// Takes as many whole characters as there is room for.
struct Name {
    bytes: [u8; NAME_MAX],
    len: usize,
}

impl core::fmt::Write for Name {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = NAME_MAX - self.len;
        let end = (0..=room.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        self.bytes[self.len..self.len + end].copy_from_slice(&text.as_bytes()[..end]);
        self.len += end;
        Ok(())
    }
}
